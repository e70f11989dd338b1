"""The script for the site, run by every shell of this machine on machines that are folders."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.cli import run
from bundler.site.document import LONGEST, parse_site
from bundler.site.recorded import Recorded
from installer.facts import gather
from installer.sight import Output
from tests.fakes.machines import (
    bare_centos,
    busybox,
    debian_of_the_testbed,
    host_with_two_h200,
    ubuntu_at_work,
)
from tests.fakes.node import FakeNode
from tests.fakes.posed import PROBE, Posed, as_probed, pose
from tests.fakes.questions import DOCKER_INFO, DOCKER_PS, LINKS, SMI_BRAND, SMI_PROCESSES, smi_query
from tests.fakes.recorded_machine import RecordedMachine, recorded_machine, said
from tests.fakes.tree import stamped_tree

# Of two names for one program, only one.
FOUND = {os.path.realpath(path): name for name in ("sh", "dash", "bash", "busybox") if (path := shutil.which(name))}
OPTIONS = {"bash": ("bash", "--posix"), "busybox": ("busybox", "sh")}
SHELLS = [OPTIONS.get(name, (name,)) for name in FOUND.values()]
WRITTEN = f"site-{os.uname().nodename}.json"  # beside the script, where no other name is told
AWKS = {os.path.realpath(path): path for name in ("mawk", "gawk", "busybox") if (path := shutil.which(name))}
MACHINES: dict[str, Callable[[], RecordedMachine]] = {
    "centos": bare_centos,
    "ubuntu": ubuntu_at_work,
    "h200": host_with_two_h200,
    "h100": lambda: recorded_machine("h100"),
    "busybox": busybox,
    "debian": debian_of_the_testbed,
}


def recorded(document: str) -> Recorded:
    return parse_site(document.encode(), Path("site.json")).machine


@pytest.mark.parametrize("name", MACHINES)
def test_nothing_that_facts_ask_is_missing(tmp_path: Path, name: str) -> None:
    """What was not written down raises."""
    machine = MACHINES[name]()
    assert gather(recorded(pose(machine, tmp_path).run("-"))) == as_probed(gather(machine))


def test_nothing_is_missing_of_a_node_with_everything(tmp_path: Path) -> None:
    """Nouveau's settings, an X server, Fabric Manager, docker's snap, a driver that packages brought."""
    machine = ubuntu_at_work()
    files = {
        **machine.files,
        "/tmp/.X0-lock": "      4711\n",  # noqa: S108
        "/proc/4711/comm": "Xorg\n",
        "/proc/cmdline": "root=/dev/sda1 modprobe.blacklist=nouveau ro\n",
        "/snap/docker/current/bin/dockerd": "",
        "/.dockerenv": "",
    }
    names = {**machine.programs, "nv-fabricmanager": "/usr/bin/nv-fabricmanager", "rpm": "/usr/bin/rpm"}
    answers = {
        **machine.answers,
        ("/usr/bin/nv-fabricmanager", "--version"): said("Fabric Manager version is : 535.183.01\n"),
        ("dpkg-query", "-S", "/usr/bin/nvidia-smi"): said("", 1),
        ("readlink", "-f", "/usr/bin/nvidia-smi"): said("/usr/lib/nvidia/current/nvidia-smi\n"),
        ("dpkg-query", "-S", "/usr/lib/nvidia/current/nvidia-smi"): said("nvidia-smi: /usr/lib/nvidia/current\n"),
    }
    for place in ("/usr/bin/nvidia-smi", "/lib/modules/5.15.0-105-generic/updates/dkms/nvidia.ko"):
        answers["rpm", "-qf", "--queryformat", "%{NAME}\\n", place] = said("file is not owned by any package\n", 1)
    posed = RecordedMachine(names, files, answers)
    facts = gather(recorded(pose(posed, tmp_path).run("-")))
    assert facts == as_probed(gather(posed))
    assert (facts.driver.display_server, facts.driver.owner, facts.system.container) == (True, "nvidia-smi", "docker")
    assert (facts.driver.nouveau_blocked, facts.driver.fabric_manager) == (True, "535.183.01")


def test_the_machine_of_all_other_tests_is_seen_as_well(tmp_path: Path) -> None:
    node = FakeNode(tmp_path / "node")
    node.nvidia.have("550.127.08")
    node.nvidia.hold(812, "python3")
    assert gather(recorded(pose(node, tmp_path / "posed").run("-"))) == as_probed(gather(node))


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_every_shell_writes_the_same(tmp_path: Path, shell: tuple[str, ...]) -> None:
    posed = pose(ubuntu_at_work(), tmp_path)
    assert json.loads(posed.run("-", by=shell)) == json.loads(posed.run("-"))


@pytest.mark.parametrize("awk", AWKS.values())
def test_any_byte_comes_back(tmp_path: Path, awk: str) -> None:
    posed = pose(debian_of_the_testbed(), tmp_path)
    posed.use_tool("awk", awk)
    content = bytes(range(256)) * 3 + b'"\\"\\\n\t\x7f\xc3\xa9\xff'
    posed.write("/etc/os-release", content)
    posed.write('/etc/modprobe.d/caf\u00e9 "1" \\n.conf', b"blacklist nouveau\n")
    posed.write("/usr/lib/os-release", b"")
    machine = recorded(posed.run("-"))
    assert machine.read("/etc/os-release") == content
    assert machine.read("/usr/lib/os-release") == b""
    assert gather(machine).driver.nouveau_blocked
    assert machine.names("/etc/modprobe.d") == ('caf\u00e9 "1" \\n.conf',)


@pytest.mark.parametrize("awk", AWKS.values())
def test_of_docker_only_what_is_asked_for_is_written(tmp_path: Path, awk: str) -> None:
    machine, secret = ubuntu_at_work(), "hunter2"
    container = {
        "Command": f'"serve --token {secret}"',
        "Labels": f"a={secret},vllm-airgap=node,b={secret}",
        "Mounts": f"/home/{secret}",
        "Names": 'odd "name" {[,',
        "Image": "i:1",
        "State": "running",
    }
    info = {
        "HttpProxy": f"http://me:{secret}@proxy",
        "ID": secret,
        "ServerVersion": "24.0.9",
        "Swarm": {"NodeAddr": secret, "ServerVersion": secret, "Peers": [{"Driver": secret}]},
        "Driver": "overlay2",
        "Runtimes": {"runc": {"path": "runc"}},
        "SecurityOptions": [f"name=seccomp,profile=/home/{secret}.json", "name=selinux", "name=cgroupns"],
    }
    answers = {**machine.answers, DOCKER_INFO: said(json.dumps(info)), DOCKER_PS: said(json.dumps(container) + "\n")}
    posed = pose(replace(machine, answers=answers), tmp_path)
    posed.use_tool("awk", awk)
    document = posed.run("-")
    docker = gather(recorded(document)).docker
    assert [(one.name, one.label) for one in docker.containers] == [('odd "name" {[,', "node")]
    assert (docker.server, docker.driver, docker.runtimes) == ("24.0.9", "overlay2", ("runc",))
    assert docker.selinux
    assert secret not in document


def test_nothing_secret_is_written(tmp_path: Path) -> None:
    machine, secret = ubuntu_at_work(), "hunter2"
    uuid = "GPU-0123abcd-89ab-cdef-0123-456789abcdef"
    answers = {
        **machine.answers,
        LINKS: said(
            "2: eno1: <UP,LOWER_UP> mtu 9000 qdisc mq\\    link/ether aa:bb:cc:dd:ee:ff brd ff:ff:ff:ff:ff:ff\n"
        ),
        smi_query(): said(machine.answers[smi_query()].stdout.replace("GPU-1", uuid)),
        SMI_PROCESSES: said(
            f"pid, gpu_uuid, used_gpu_memory [MiB], process_name\n7, {uuid}, 9 MiB, /home/{secret}/py\n"
        ),
        SMI_BRAND: said(f"<serial>{secret}</serial>\n<product_brand>Tesla</product_brand>\n<uuid>{uuid}</uuid>\n"),
    }
    files = {
        **machine.files,
        "/proc/1/environ": f"A={secret}\0container=lxc\0B={secret}\0",
        "/proc/version": f"Linux version 5 ({secret}@builder) (gcc (GCC) 11.4.1, GNU ld version 2.35) #1\n",
        "/proc/cmdline": f"root=/dev/sda1 password={secret} nouveau.modeset=0\n",
        "/proc/mounts": f"//nas/a /mnt cifs rw,noexec,username={secret},addr=1.2.3.4 0 0\n/dev/sda1 / ext4 rw 0 0\n",
        "/proc/net/tcp": "  0: 0100007F:1F40 00000000:0000 0A 0\n  1: 0100007F:1F40 DEADBEEF:0016 01 0\n",
        "/proc/modules": "nvidia 5 8 nvidia_uvm, Live 0xffffffffc0de0000\nsecretive 1 0 - Live 0xffffffffc0de1000\n",
        "/etc/modprobe.d/other.conf": f"options wifi key={secret}\nblacklist nouveau\n",
        f"/tmp/{secret}": "",  # noqa: S108
    }
    posed = pose(replace(machine, answers=answers, files=files), tmp_path)
    document = posed.run("-")
    for word in (secret, uuid, "aa:bb:cc", "DEADBEEF", "c0de", "secretive"):
        assert word not in document
    facts = gather(recorded(document))
    assert (facts.system.container, facts.driver.nouveau_blocked) == ("lxc", True)
    assert facts.driver.kernels_gcc == 11
    assert [(one.name, one.gpu) for one in facts.gpus.processes] == [("py", facts.gpus.smi[0].uuid)]
    assert [mount.options for mount in facts.storage.mounts] == [("rw", "noexec"), ("rw",)]


def test_an_old_nvidia_smi_is_asked_for_less(tmp_path: Path) -> None:
    machine = ubuntu_at_work()
    refused = [
        Output(2, f'Field "{name}" is not a valid field to query.\n', "")
        for name in ("compute_cap", "mig.mode.current")
    ]
    table = "index, uuid, name\n0, GPU-1, Tesla T4\n"
    answers = {
        **machine.answers,
        smi_query(): refused[0],
        smi_query("compute_cap"): refused[1],
        smi_query("compute_cap", "mig.mode.current"): said(table),
    }
    facts = gather(recorded(pose(replace(machine, answers=answers), tmp_path).run("-")))
    assert [gpu.name for gpu in facts.gpus.smi] == ["Tesla T4"]


def test_a_docker_that_sleeps_is_not_woken(tmp_path: Path) -> None:
    machine = ubuntu_at_work()
    units = next(command for command in machine.answers if "docker.socket" in command)
    states = "".join("active\n" if unit == "docker.socket" else "inactive\n" for unit in units[2:])
    posed = pose(replace(machine, answers={**machine.answers, units: said(states, 3)}), tmp_path)
    posed.give_program("/usr/bin/docker", f"echo woken >> {tmp_path}/woken\n")
    assert "docker.service is not running" in gather(recorded(posed.run("-"))).docker.error
    assert not (tmp_path / "woken").exists()


def test_a_command_that_hangs_is_ended_and_said_so(tmp_path: Path) -> None:
    posed = pose(debian_of_the_testbed(), tmp_path)
    posed.give_program(
        "/usr/bin/getent", 'case $1 in -s) echo "127.0.1.1 STREAM node1" ;; *) exec /bin/sleep 60 ;; esac\n'
    )
    machine = recorded(posed.run("-"))
    asked = machine.ask("getent", "ahostsv4", "node1")
    assert (asked.code, asked.last_lines) == (-9, "no answer in 2 s")
    assert gather(machine).network.host_addresses == ("127.0.1.1",)


def limits_of(posed: Posed, late: str) -> dict[str, int]:
    """Seconds that each program gets, of which ``late`` uses up its own, in as many calls as are made of it."""
    calls, tool = posed.folder / "calls", posed.folder / "timeout"
    tool.write_text(
        f'#!/bin/sh\nshift 2\necho "$1 ${{2##*/}}" >>{calls}\ncase $2 in */{late}) exit 124 ;; esac\nshift\nexec "$@"\n'
    )
    tool.chmod(0o755)
    posed.use_tool("timeout", str(tool))
    posed.run()
    told = [line.split() for line in calls.read_text().splitlines()]
    assert [name for _, name in told].count(late) == 1
    return {name: int(seconds) for seconds, name in told}


def test_gpus_that_have_to_wake_up_get_minutes_and_are_asked_no_more_once_they_were_late(tmp_path: Path) -> None:
    posed = pose(ubuntu_at_work(), tmp_path)
    assert limits_of(posed, "nvidia-smi")["nvidia-smi"] == 180
    facts = gather(recorded((tmp_path / "stick" / WRITTEN).read_text()))
    assert (facts.gpus.late, facts.gpus.smi_error, facts.gpus.smi) == (True, "no answer in 180 s", ())


def test_a_package_database_on_a_cold_disk_gets_half_a_minute(tmp_path: Path) -> None:
    posed = pose(ubuntu_at_work(), tmp_path)
    for name in ("nvidia-smi", "dockerd", "containerd", "nvidia-ctk"):
        (posed.root / "usr/bin" / name).unlink()
    assert limits_of(posed, "dpkg-query")["dpkg-query"] == 30
    facts = gather(recorded((tmp_path / "stick" / WRITTEN).read_text()))
    assert (facts.driver.owner, facts.driver.owner_silence) == ("", "dpkg-query: no answer in 30 s")


def test_without_timeout_it_works_and_says_so(tmp_path: Path) -> None:
    posed = pose(debian_of_the_testbed(), tmp_path)
    posed.use_tool("timeout", "/nowhere/timeout")
    assert "nothing ends a command that hangs" in posed.run()
    assert gather(recorded((tmp_path / "stick" / WRITTEN).read_text())).network.hostname == "node1"


def test_an_answer_without_end_is_cut(tmp_path: Path) -> None:
    posed = pose(debian_of_the_testbed(), tmp_path)
    posed.give_program("/usr/bin/df", "for n in 1 2 3 4 5 6 7 8; do head -c 99999 /dev/zero | tr '\\0' '\\n'; done\n")
    posed.use_tool("head", shutil.which("head") or "")
    site = parse_site(posed.run("-").encode(), Path("site.json"))
    assert len(site.machine.ask("df", "-kP").stdout) == LONGEST
    assert site.cut == ("df -kP", "df -klP")


def test_it_changes_nothing_but_its_one_file(tmp_path: Path) -> None:
    posed = pose(ubuntu_at_work(), tmp_path)
    before = stamped_tree(posed.root)
    said_then = posed.run()
    assert stamped_tree(posed.root) == before
    target = tmp_path / "stick" / WRITTEN
    assert sorted(path.name for path in target.parent.iterdir()) == ["probe.sh", WRITTEN]
    assert target.stat().st_mode & 0o777 == 0o600
    assert f"{target}: what there is to know of" in said_then
    assert f"bundle lint MANIFEST --site {WRITTEN}" in said_then


def test_it_replaces_no_file(tmp_path: Path) -> None:
    posed = pose(busybox(), tmp_path)
    target = tmp_path / "mine"
    target.write_text("mine")
    done = posed.tried(str(target))
    assert (done.returncode, target.read_text()) == (2, "mine")
    assert done.stderr.startswith(f"error: {target} is there already and is left as it is\nhint: name another: sh ")
    assert done.stderr.endswith(f" {tmp_path}/{WRITTEN}\n")


def test_each_node_has_a_file_of_its_own(tmp_path: Path) -> None:
    """Carried together they must not take each other's place; a host name may hold what FAT does not take."""
    posed = pose(busybox(), tmp_path)
    for name, written in (("gpu1", "site-gpu1.json"), ("gpu/2: *", "site-gpu_2___.json"), ("", "site-unnamed.json")):
        posed.use_tool("uname", str(tmp_path / "named"))
        (tmp_path / "named").write_text(f"#!/bin/sh\necho '{name}'\n")
        (tmp_path / "named").chmod(0o755)
        posed.run()
        assert (tmp_path / "stick" / written).is_file()


def test_the_second_time_another_name_is_told(tmp_path: Path) -> None:
    posed = pose(busybox(), tmp_path)
    posed.run()
    done = posed.tried()
    another = WRITTEN.replace(".json", "-2.json")
    assert done.returncode == 2
    assert done.stderr.splitlines()[1] == f"hint: name another: sh {posed.script} {tmp_path}/stick/{another}"


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize("place", ["none/site.json", "file/site.json"])
def test_it_says_where_nothing_can_be_written(tmp_path: Path, shell: tuple[str, ...], place: str) -> None:
    """In its own words: nothing of what the shell says is shown."""
    (tmp_path / "file").touch()
    done = pose(busybox(), tmp_path / "posed").tried(str(tmp_path / place), by=shell)
    first, hint = done.stderr.splitlines()
    assert (done.returncode, first) == (7, f"error: {tmp_path / place}: nothing can be written there")
    assert hint.startswith("hint: name a file in a folder that is there")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    done = pose(busybox(), tmp_path).tried(str(tmp_path / "stick"))
    error, hint = done.stderr.splitlines()
    assert (done.returncode, error) == (2, f"error: {tmp_path}/stick is a folder")
    assert hint.endswith(f" {tmp_path}/stick/{WRITTEN}")


@pytest.mark.parametrize("arguments", [("--help",), ("a", "b")])
def test_it_says_how_it_is_used(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = pose(busybox(), tmp_path).tried(*arguments)
    assert (done.returncode, "usage: sh probe.sh [FILE]" in done.stderr) == (2, True)


def test_it_says_which_tool_it_cannot_do_without(tmp_path: Path) -> None:
    posed = pose(busybox(), tmp_path)
    posed.use_tool("awk", "/nowhere/awk")
    done = posed.tried()
    assert (done.returncode, "awk is not on this machine" in done.stderr) == (7, True)


def test_who_is_not_root_is_told_what_is_missing(tmp_path: Path) -> None:
    posed = pose(busybox(), tmp_path)
    (tmp_path / "tools/id").unlink()
    posed.give_program("/usr/bin/id", "echo 1000\n")
    assert "not run as root: what docker runs" in posed.run()
    assert json.loads((tmp_path / "stick" / WRITTEN).read_text())["root"] is False


def test_bundle_probe_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(("probe",)) == 0
    assert capsys.readouterr().out == PROBE.read_text("ascii")
