from dataclasses import replace

import pytest

from installer.facts.docker import Container
from installer.index.document import File
from installer.preflight import Situation, findings_of
from tests.fakes.facts import GIB
from tests.fakes.situation import bringing, is_quiet, only, told, with_cluster, with_facts, with_index


def programs(at: Situation, *without: str, more: tuple[str, ...] = ()) -> Situation:
    has = {name: f"/usr/bin/{name}" for name in (*at.facts.system.programs, *more) if name not in without}
    return with_facts(at, "system", programs=has)


def test_another_machine(good: Situation) -> None:
    what = "this node is aarch64, the bundle is for x86_64"
    assert told(with_facts(good, "system", machine="aarch64")) == ("machine", "problem", what)


@pytest.mark.parametrize("version", ["2.17", "2.28", "2.40", "3.0"])
def test_a_c_library_that_is_new_enough(good: Situation, version: str) -> None:
    assert is_quiet(with_facts(good, "system", libc=f"glibc {version}"))


@pytest.mark.parametrize("libc", ["glibc 2.9", "glibc 2.16", "", "musl 1.2"])
def test_another_c_library(good: Situation, libc: str) -> None:
    """As digits a 9 is less than a 17."""
    what = f"this node has {libc or 'no glibc'}, the bundle needs glibc 2.17 or newer"
    assert told(with_facts(good, "system", libc=libc)) == ("libc", "problem", what)


def test_another_kind_of_packages(good: Situation) -> None:
    debian = programs(good, "rpm", more=("dpkg", "apt-get"))
    what = "this node has deb packages, the bundle brings rpm ones"
    assert ("packages", what) in [(found.name, found.what) for found in findings_of(debian)]
    assert is_quiet(with_index(programs(debian, more=("nvidia-ctk",)), toolkit=None))
    for_debian = with_index(good, target=replace(good.index.target, packages="deb"))
    assert "this node has rpm packages, the bundle brings deb ones" in [found.what for found in findings_of(for_debian)]
    assert is_quiet(programs(for_debian, more=("dpkg", "apt-get")))


def test_nobody_but_root(good: Situation) -> None:
    assert told(replace(good, is_root=False)) == ("root", "problem", "not root: an install changes the system")


def test_no_systemd(good: Situation) -> None:
    assert told(with_facts(good, "system", systemd=0)) == ("systemd", "problem", "systemd does not run this node")


@pytest.mark.parametrize("mark", ["docker", "podman"])
def test_a_container_of_one_program(good: Situation, mark: str) -> None:
    assert told(with_facts(good, "system", container=mark)) == (
        "container",
        "problem",
        f"this is a container of {mark}",
    )


def test_a_container_that_is_a_whole_machine_cannot_change_its_driver(good: Situation) -> None:
    machine = with_facts(good, "system", container="lxc")
    assert only(machine).level == "warning"
    assert "driver and kernel are its host's" in only(machine).what
    assert is_quiet(with_index(programs(machine), driver=None))


@pytest.mark.parametrize("program", ["systemctl", "ip", "iptables", "rpm"])
def test_a_program_that_is_missing(good: Situation, program: str) -> None:
    assert told(programs(good, program)) == ("programs", "problem", f"{program} is not on this node")


def test_a_toolkit_that_the_bundle_leaves_out_must_be_there(good: Situation) -> None:
    leaner = with_index(good, toolkit=None)
    assert told(leaner) == ("programs", "problem", "nvidia-ctk is not on this node")
    assert only(leaner).fix.startswith("build the bundle with `toolkit:`")
    assert is_quiet(programs(leaner, more=("nvidia-ctk",)))


def test_a_missing_nvidia_smi_is_told_once_by_who_asks_for_its_answer(good: Situation) -> None:
    leaner = with_index(good, driver=None)
    bare = with_facts(with_facts(leaner, "driver", loaded="", on_disk=""), "gpus", smi=())
    assert [found.name for found in findings_of(bare) if "nvidia-smi" in found.what] == ["own-driver"]
    (fix,) = (found.fix for found in findings_of(bare) if found.name == "own-driver")
    assert fix.startswith("build the bundle with `driver:`; or install")


@pytest.mark.parametrize("packages", ["rpm", "deb"])
def test_every_missing_program_has_a_remedy_that_needs_no_network(good: Situation, packages: str) -> None:
    at = with_index(good, toolkit=None, target=replace(good.index.target, packages=packages))
    bare = programs(bringing(at, "anything"), "systemctl", "ip", "iptables", "rpm")
    assert "" not in [found.fix for found in findings_of(bare) if found.name == "programs"]


def test_a_bundle_without_packages_needs_no_rpm(good: Situation) -> None:
    assert is_quiet(with_index(programs(good, "rpm", more=("nvidia-ctk",)), toolkit=None))


@pytest.mark.parametrize(
    ("program", "package"),
    [("iptables", "iptables-nft"), ("iptables", "iptables"), ("restorecon", "policycoreutils")],
)
def test_a_program_that_packages_bring(good: Situation, program: str, package: str) -> None:
    assert is_quiet(bringing(programs(good, program), package))
    assert not is_quiet(bringing(programs(good, program), f"{package}-devel"))
    assert not is_quiet(bringing(programs(good, program), package, kernels=("6.1.0",)))


@pytest.mark.parametrize("package", ["nvidia-container-toolkit", "nvidia-container-toolkit-base"])
def test_a_toolkit_among_the_packages(good: Situation, package: str) -> None:
    assert is_quiet(bringing(with_index(good, toolkit=None), package))


def test_the_options_are_judged_by_ip_before_any_package_is_installed(good: Situation) -> None:
    assert told(bringing(programs(good, "ip"), "iproute"))[:2] == ("programs", "problem")


def test_selinux_without_the_program_that_labels(good: Situation) -> None:
    assert only(programs(good, "restorecon")).name == "selinux"
    assert is_quiet(with_facts(programs(good, "restorecon"), "system", selinux="permissive"))


@pytest.mark.parametrize(
    ("clock", "is_right"),
    [(1_700_000_000, False), (1_763_913_599, False), (1_763_913_600, True), (1_764_000_000, True)],
)
def test_a_clock_that_stands_before_the_image_was_made(good: Situation, clock: float, *, is_right: bool) -> None:
    """Within a day another time zone is the likelier reason."""
    made = replace(good.index.image, created="2025-11-24T16:00:00Z")
    at = with_facts(with_index(good, image=made), "system", clock=clock)
    assert is_quiet(at) if is_right else only(at).level == "warning"
    if not is_right:
        assert only(at).fix.startswith("timedatectl set-ntp false")
        day = "2023-11-14" if clock == 1_700_000_000 else "2025-11-23"
        assert only(at).what == (f"this node's clock says {day}, but the bundle's image was made on 2025-11-24")


def test_an_image_whose_date_nobody_knows_says_nothing_about_clocks(good: Situation) -> None:
    assert is_quiet(with_facts(good, "system", clock=0))


def weights(at: Situation, size: int) -> Situation:
    large = [replace(file, size=size) for file in at.index.of_kind("model")[:1]]
    others: list[File] = [file for file in at.index.files if file.kind != "model"]
    return with_index(at, files=(*others, *large))


def test_less_memory_than_weights_and_shared_memory_take(good: Situation) -> None:
    """Half of the weights are this node's share."""
    at = with_facts(weights(good, 100 * GIB), "storage", memory=60 * GIB)
    assert only(at).level == "warning"
    assert only(at).what.startswith("this node has 60.0 GiB of RAM; its share of the weights is 50.0 GiB")
    assert is_quiet(with_facts(at, "storage", memory=61 * GIB))


def test_memory_that_others_have(good: Situation) -> None:
    at = with_facts(weights(good, 100 * GIB), "storage", memory=256 * GIB, memory_available=60 * GIB)
    assert told(at)[:2] == ("memory", "warning")
    assert only(at).what.startswith("of this node's 256.0 GiB of RAM others leave 60.0 GiB; its share of the weights")
    assert is_quiet(with_facts(at, "storage", memory_available=61 * GIB))
    ours = Container("vllm-airgap-node", "sha256:ab", "running", "node")
    assert is_quiet(with_facts(at, "docker", containers=(ours,)))


def test_rays_memory_monitor_and_cgroup_version_1(good: Situation) -> None:
    at = with_facts(with_cluster(good, backend="ray"), "system", cgroup=1)
    assert told(at)[:2] == ("memory-monitor", "warning")
    assert only(at).fix == 'build the bundle with RAY_memory_monitor_refresh_ms: "0" in cluster.env'
    assert not is_quiet(with_cluster(at, env={"RAY_memory_monitor_refresh_ms": "250"}))
    assert is_quiet(with_cluster(at, env={"RAY_memory_monitor_refresh_ms": "0"}))
    assert is_quiet(with_cluster(at, backend="mp"))
    assert is_quiet(with_facts(at, "system", cgroup=2))


def test_shared_memory_that_would_take_most_of_the_ram(good: Situation) -> None:
    at = with_cluster(with_facts(good, "storage", memory=8 * GIB), shm_size="5g")
    assert told(at) == ("shm", "warning", "shm_size is 5g, more than half of this node's 8.0 GiB of RAM")
    assert is_quiet(with_cluster(at, shm_size="4096m"))


def test_a_node_without_shared_memory(good: Situation) -> None:
    assert told(with_facts(good, "storage", shm=0)) == ("shm", "warning", "this node has no /dev/shm")
