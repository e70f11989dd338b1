import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.errors import DamagedError, LockedError, StepError
from installer.node import Node
from installer.node.network import Address, is_node_address, read_addresses
from tests.fakes.file_events import opened_files


@pytest.fixture
def machine(root: Path) -> Iterator[Node]:
    """The real code, below another root."""
    (root / "run").mkdir()
    machine = Node(root=root)
    yield machine
    for log in machine.log:
        log.close()


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def test_a_placed_file_has_its_content_and_mode_and_leaves_nothing_beside_it(machine: Node, root: Path) -> None:
    machine.place("/etc/demo/secret.json", b"{}", 0o600)
    machine.place("/etc/demo/open.json", b"[]")
    assert modes(root / "etc/demo") == {"secret.json": 0o600, "open.json": 0o644}
    assert machine.read("/etc/demo/secret.json") == b"{}"


def test_a_file_that_is_not_there_is_read_as_none(machine: Node) -> None:
    assert machine.read("/etc/demo/secret.json") is None


def test_what_is_appended_after_a_torn_line_begins_a_new_one(machine: Node, root: Path) -> None:
    machine.append("/run/lines", b"one\n")
    machine.append("/run/lines", b"two\n")
    os.truncate(root / "run/lines", 6)
    machine.append("/run/lines", b"three\n")
    machine.append("/run/lines", b"four\n")
    assert machine.read("/run/lines") == b"one\ntw\nthree\nfour\n"


def test_the_folder_of_a_first_line_is_on_disk_too(machine: Node, root: Path) -> None:
    with opened_files() as first:
        machine.append("/run/lines", b"one\n")
    with opened_files() as second:
        machine.append("/run/lines", b"two\n")
    assert (str(root / "run") in first, str(root / "run") in second) == (True, False)


def test_a_private_folder_is_closed_to_others_even_if_it_was_open(machine: Node, root: Path) -> None:
    (root / "etc").mkdir()
    (root / "etc").chmod(0o755)
    machine.make_private_folder("/etc")
    assert modes(root)["etc"] == 0o700


def test_a_command_says_how_it_ended(machine: Node) -> None:
    output = machine.ask("sh", "-c", "echo out; echo err >&2; exit 3")
    assert (output.code, output.stdout, output.stderr, output.succeeded) == (3, "out\n", "err\n", False)


def test_a_missing_program_ends_as_a_shell_says_it(machine: Node) -> None:
    assert machine.ask("vllm-airgap-no-such-program").code == 127


@pytest.mark.parametrize("content", [b"", b"\x7fELFbroken", b"not a program"])
def test_a_program_that_cannot_be_started_ends_as_a_shell_says_it(machine: Node, root: Path, content: bytes) -> None:
    program = root / "nvidia-smi"
    program.write_bytes(content)
    program.chmod(0o755)
    assert machine.ask(str(program)).code == 126


def test_a_program_without_execute_permission_ends_as_a_shell_says_it(machine: Node, root: Path) -> None:
    (root / "nvidia-smi").write_bytes(b"#!/bin/sh\n")
    (root / "nvidia-smi").chmod(0o644)
    assert machine.ask(str(root / "nvidia-smi")).code == 126


def test_a_command_that_must_succeed_raises_with_its_last_words(machine: Node) -> None:
    with pytest.raises(StepError, match="ended with 1: no space left"):
        machine.run("sh", "-c", "echo no space left >&2; exit 1")


def test_children_see_nothing_of_the_callers_environment(machine: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere")
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    lines = machine.run("env").splitlines()
    assert sorted(line.split("=")[0] for line in lines) == ["HOME", "LC_ALL", "PATH"]
    assert "LC_ALL=C" in lines


def test_what_is_fed_arrives(machine: Node) -> None:
    assert machine.run("cat", stdin=[b"a" * 100_000, b"b"]) == "a" * 100_000 + "b"


def test_a_command_that_stops_reading_is_judged_by_its_exit_code(machine: Node) -> None:
    assert machine.run("true", stdin=(b"x" * 65536 for _ in range(100))) == ""
    with pytest.raises(StepError, match="full"):
        machine.run("sh", "-c", "echo full >&2; exit 1", stdin=(b"x" * 65536 for _ in range(100)))


def test_damage_found_while_feeding_ends_the_command_and_is_what_is_raised(machine: Node, root: Path) -> None:
    def header_then_damage() -> Iterator[bytes]:
        yield b"header"
        raise DamagedError("layer: content differs")

    with pytest.raises(DamagedError, match="layer"):
        machine.run("sh", "-c", 'cat >/dev/null; : >"$0"', str(root / "loaded"), stdin=header_then_damage())
    assert not (root / "loaded").exists()
    for _ in range(20):
        with pytest.raises(DamagedError, match="layer"):
            machine.run("cat", stdin=header_then_damage())


def test_a_command_that_hangs_is_ended_with_all_its_children(machine: Node) -> None:
    started = time.monotonic()
    output = machine.ask("sh", "-c", "sleep 60 & sleep 60; wait", timeout=0.1)
    assert not output.succeeded
    assert "no answer" in output.stderr
    assert time.monotonic() - started < 5


def test_the_limit_holds_also_where_somebody_out_of_reach_keeps_the_output_open(machine: Node) -> None:
    """As a child in state D does, which nothing ends."""
    started = time.monotonic()
    output = machine.ask("sh", "-c", "echo begun; setsid sleep 7 & sleep 60", timeout=0.5)
    assert time.monotonic() - started < 5
    assert (output.late, output.succeeded, output.stdout) == (True, False, "begun\n")
    assert output.stderr.endswith("no answer in 0.5 s")


def test_what_has_ended_was_not_late(machine: Node) -> None:
    assert not machine.ask("sh", "-c", "exit 137").late


def test_what_keeps_the_output_open_does_not_keep_damage_from_being_told(machine: Node) -> None:
    def damage() -> Iterator[bytes]:
        yield b"header"
        time.sleep(0.3)
        raise DamagedError("layer: content differs")

    started = time.monotonic()
    with pytest.raises(DamagedError, match="layer"):
        machine.run("sh", "-c", "setsid sleep 7 & cat", stdin=damage())
    assert time.monotonic() - started < 5


def test_the_log_has_every_command_and_its_output(machine: Node, root: Path) -> None:
    machine.open_log("install.log")
    machine.ask("echo", "hello")
    text = (root / "var/log/vllm-airgap/install.log").read_text()
    assert "$ echo hello -> 0" in text
    assert "  hello\n" in text


def test_a_long_log_is_kept_once_under_another_name(machine: Node, root: Path) -> None:
    machine.open_log("install.log")
    log = root / "var/log/vllm-airgap/install.log"
    os.truncate(log, (16 << 20) + 1)
    machine.open_log("install.log")
    assert log.stat().st_size == 0
    assert log.with_name("install.log.1").stat().st_size > 16 << 20


def test_only_one_run_holds_the_lock(machine: Node, root: Path) -> None:
    with machine.lock():
        with pytest.raises(LockedError) as caught, Node(root=root).lock():
            pass
        assert caught.value.exit_code == 8
    with Node(root=root).lock():
        pass


def test_a_lock_file_left_by_a_killed_run_does_not_lock(machine: Node, root: Path) -> None:
    (root / "run/vllm-airgap.lock").write_bytes(b"12345\n")
    with machine.lock():
        pass


def test_space_is_that_of_the_nearest_folder_that_exists(machine: Node, root: Path) -> None:
    _, free = machine.free_bytes("/data/models/not/yet")
    space = os.statvfs(root)
    assert abs(free - space.f_bavail * space.f_frsize) < 1 << 30


def test_writability_is_tried_and_leaves_nothing(machine: Node, root: Path) -> None:
    before = sorted(root.rglob("*"))
    assert machine.write_problem("/data/models/not/yet") is None
    assert sorted(root.rglob("*")) == before


def test_a_place_below_a_file_cannot_be_written(machine: Node, root: Path) -> None:
    (root / "data").write_bytes(b"")
    assert "data: Not a directory" in str(machine.write_problem("/data/models"))


def test_addresses_are_read_from_ips_one_line_form() -> None:
    output = (
        "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n"
        "2: eth0    inet 10.77.0.11/24 brd 10.77.0.255 scope global eth0\\       valid_lft forever\n"
        "3: ib0    inet 192.168.4.1 peer 192.168.4.2/32 scope global ib0\\       valid_lft forever\n"
        "\n"
        "garbage\n"
    )
    assert read_addresses(output) == (
        Address("lo", "127.0.0.1"),
        Address("eth0", "10.77.0.11"),
        Address("ib0", "192.168.4.1"),
    )


@pytest.mark.parametrize("text", ["10.0.0.1", "192.168.1.20", "172.16.0.1", "8.8.8.8"])
def test_an_address_of_a_node(text: str) -> None:
    assert is_node_address(text)


NO_ADDRESSES = "0.0.0.0 :: ::1 127.0.0.1 224.0.0.1 255.255.255.255 node1 10.0.0 10.0.0.01 10.0.0.1/24".split()


@pytest.mark.parametrize("text", ["", "10.0.0.1\n", *NO_ADDRESSES])
def test_what_is_no_address_of_a_node(text: str) -> None:
    assert not is_node_address(text)


def test_the_c_library_is_told_with_its_version(machine: Node) -> None:
    assert re.fullmatch(r"glibc 2\.\d+", machine.c_library)


ASKED = """
import os, signal, sys, time
def stop(number, frame):
    print("asked", signal.Signals(number).name, flush=True)
    time.sleep(0.2)
    print("stopped", flush=True)
    sys.exit(20)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(number) != signal.SIG_IGN:
        signal.signal(number, stop)
os.write(1, b"ready\\n")  # within print no handler could print
ends = time.monotonic() + float(sys.argv[1])
while time.monotonic() < ends:  # a signal may fall asleep before a sleep that lasts
    time.sleep(0.05)
"""
# As the installed program does it: a signal is a wish, and then the newer program does the work.
ASKING = f"""
import os, sys, time
from installer.node.processes import run_in_our_place
from installer.stop_request import StopRequest
stop = StopRequest(time.monotonic)
code = run_in_our_place((sys.executable, "-c", {ASKED!r}, sys.argv[1]), os.environ)
print("ended", flush=True)
sys.exit(code)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_passed_on_to_what_runs_in_our_place_and_its_end_waited_for(number: signal.Signals) -> None:
    program = (sys.executable, "-c", ASKING, "10")
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, _ = process.communicate(timeout=8)
    assert (process.returncode, out) == (20, f"asked {number.name}\nstopped\nended\n")


def test_what_runs_in_our_place_under_nohup_hears_of_no_lost_terminal() -> None:
    program = ("nohup", sys.executable, "-c", ASKING, "0.5")
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGHUP)
        out, _ = process.communicate(timeout=8)
    assert (process.returncode, out) == (0, "ended\n")
