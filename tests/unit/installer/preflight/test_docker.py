from dataclasses import replace

import pytest

from installer.facts.docker import Container, Program
from installer.facts.storage import Mount
from installer.preflight import Need, Situation, findings_of
from installer.preflight.docker import in_docker
from tests.fakes.facts import GIB
from tests.fakes.situation import bringing, is_quiet, only, told, with_facts, with_index

PACKAGED = Program("/usr/bin/dockerd", "27.0.3", "docker-ce-27.0.3-1.el9.x86_64")
OURS = Program("/usr/local/bin/dockerd", "27.4.0", "")


def own(at: Situation, **changes: str) -> Situation:
    return with_facts(at, "docker", dockerd=replace(PACKAGED, **changes), server="27.0.3", cgroup_driver="cgroupfs")


def test_no_docker_anywhere(good: Situation) -> None:
    leaner = with_index(good, docker=None)
    assert told(leaner) == ("docker", "problem", "there is no docker, and the bundle has none")
    assert is_quiet(own(leaner))


@pytest.mark.parametrize("version", ["20.10.9", "19.03.15", "1.13.1", "18.09.1-ce"])
def test_a_docker_that_is_too_old(good: Situation, version: str) -> None:
    at = own(good, version=version)
    assert (only(at).name, only(at).level) == ("docker-version", "problem")
    assert "older than 20.10.10, where newer images cannot start threads" in only(at).what
    assert only(at).fix.startswith("yum remove docker-ce-27.0.3-1.el9.x86_64, then run the same command again")
    debian = with_facts(own(at, version=version, owner="docker.io"), "system", distribution="ubuntu", like=("debian",))
    assert only(debian).fix.startswith("apt-get remove docker.io, then run")
    suse = with_facts(own(at, version=version, owner="docker"), "system", distribution="sles", like=("suse",))
    assert only(suse).fix.startswith("zypper remove docker, then run")


@pytest.mark.parametrize(
    ("debian", "dockerd", "containerd", "removal"),
    [
        (False, "docker-ce", "containerd.io", "yum remove docker-ce containerd.io"),
        (True, "docker-ce", "containerd.io", "apt-get remove docker-ce containerd.io"),
        (True, "docker.io", "containerd", "apt-get remove docker.io containerd"),
        (False, "docker", "", "yum remove docker"),
        (False, "docker", "docker", "yum remove docker"),
    ],
)
def test_with_an_old_docker_its_containerd_goes(
    good: Situation, dockerd: str, containerd: str, removal: str, *, debian: bool
) -> None:
    """Left behind it would be the next problem; and what needs docker-ce (its rootless extras) goes with it."""
    at = own(good, version="19.03.15", owner=dockerd)
    at = with_facts(at, "docker", containerd=Program("/usr/bin/containerd", "1.2.13", containerd))
    if debian:
        at = with_facts(at, "system", distribution="ubuntu", like=("debian",))
    assert only(at).fix == f"{removal}, then run the same command again: the bundle brings its own"


def test_a_docker_whose_program_told_no_version_has_that_of_its_daemon(good: Situation) -> None:
    assert is_quiet(own(good, version=""))
    assert only(with_facts(own(good, version=""), "docker", server="19.03.15")).level == "problem"


def test_a_docker_of_no_known_version_is_a_warning(good: Situation) -> None:
    """`dockerd --version` was late: that says nothing of its age."""
    at = with_facts(own(good, version=""), "docker", server="")
    assert told(at)[:2] == ("docker-version", "warning")
    assert "does not tell its version" in only(at).what
    assert "remove" not in only(at).fix


@pytest.mark.parametrize("package", ["docker-ce", "docker.io", "moby-engine"])
def test_a_docker_that_packages_bring(good: Situation, package: str) -> None:
    assert is_quiet(bringing(with_index(good, docker=None), package))
    assert told(bringing(with_index(good, docker=None), "docker-compose-plugin"))[:2] == ("docker", "problem")


POSTGRES, GITLAB = Container("db", "postgres:16", "running", ""), Container("git", "gitlab", "running", "")
OURS_RUNS = Container("vllm-airgap-node", "sha256:ab", "running", "node")
TOOLKIT = Program("/usr/bin/nvidia-ctk", "1.17.8", "nvidia-container-toolkit-base")


def with_all_of_it(at: Situation, *containers: Container) -> Situation:
    """Nothing is left to do to this docker."""
    assert at.index.toolkit
    toolkit = replace(TOOLKIT, version=at.index.toolkit.version)
    return with_facts(own(at), "docker", toolkit=toolkit, runtimes=("nvidia", "runc"), containers=containers)


def test_other_peoples_containers_that_stop_with_docker_are_named(good: Situation) -> None:
    stopped = Container("old", "nginx", "exited", "")
    at = with_facts(with_all_of_it(good, OURS_RUNS, POSTGRES, GITLAB, stopped), "docker", toolkit=None)
    assert told(at)[:2] == ("docker-restart", "warning")
    assert only(at).what.startswith("docker restarts: NVIDIA's container toolkit ")
    assert only(at).what.endswith("containers of others stop with it: db (postgres:16), git (gitlab)")


def test_a_docker_that_is_left_alone_stops_nobody(good: Situation) -> None:
    assert is_quiet(with_all_of_it(good, OURS_RUNS, POSTGRES))
    assert is_quiet(with_facts(with_all_of_it(good, OURS_RUNS), "docker", toolkit=None))


def test_what_restarts_docker(good: Situation) -> None:
    at = with_all_of_it(good, POSTGRES)
    assert "the runtime nvidia is added" in only(with_facts(at, "docker", runtimes=("runc",))).what
    older = with_facts(at, "docker", toolkit=replace(TOOLKIT, version="1.14.0"))
    assert "container toolkit" in only(older).what
    assert good.index.docker
    ours = replace(OURS, version=good.index.docker.version)
    assert is_quiet(with_facts(at, "docker", dockerd=ours, containers=(OURS_RUNS, POSTGRES)))
    by_hand = with_facts(at, "docker", dockerd=ours)
    assert "the bundle's units and settings take the place of its own" in only(by_hand).what
    before = with_facts(at, "docker", dockerd=replace(OURS, version="20.10.24"), containers=(OURS_RUNS, POSTGRES))
    assert f"{good.index.docker.version} takes the place of 20.10.24" in only(before).what


def test_of_many_containers_the_number_is_told(good: Situation) -> None:
    pods = tuple(Container(f"pod{number}", "app", "running", "") for number in range(11))
    assert only(with_facts(with_all_of_it(good, *pods), "docker", runtimes=())).what.endswith("pod7 (app) and 3 more")


@pytest.mark.parametrize("version", ["20.10.10", "20.10.24+dfsg1", "29.7.2"])
def test_a_docker_that_is_new_enough(good: Situation, version: str) -> None:
    assert is_quiet(own(good, version=version))


def test_a_docker_in_our_place_is_judged_where_the_bundle_brings_none(good: Situation) -> None:
    """As runbooks put it there by hand: whoever did, an install uses it as it is."""
    by_hand = with_facts(with_index(good, docker=None), "docker", dockerd=OURS, cgroup_driver="cgroupfs")
    assert is_quiet(by_hand)
    older = with_facts(by_hand, "docker", dockerd=replace(OURS, version="20.10.5"), server="20.10.5")
    assert told(older)[:2] == ("docker-version", "problem")
    assert only(older).fix == "install a newer docker"
    assert told(with_facts(by_hand, "docker", cgroup_driver="systemd"))[:2] == ("cgroup-driver", "warning")


def test_our_own_docker_is_replaced_and_not_judged(good: Situation) -> None:
    assert is_quiet(with_facts(good, "docker", dockerd=replace(OURS, version="20.10.5"), cgroup_driver="systemd"))


def test_a_docker_without_package_is_removed_by_hand(good: Situation) -> None:
    at = own(good, version="19.03.1", path="/opt/docker/dockerd", owner="")
    assert only(at).fix.startswith("stop and remove that docker (/opt/docker/dockerd)")


def test_docker_as_a_snap(good: Situation) -> None:
    at = own(good, path="/snap/docker/current/bin/dockerd", owner="snap")
    assert (only(at).name, only(at).fix) == ("docker-snap", "snap remove docker")


def test_a_docker_that_does_not_answer_is_a_warning_for_an_install_starts_it(good: Situation) -> None:
    at = with_facts(own(good), "docker", error="Cannot connect to the Docker daemon", server="")
    assert told(at) == (
        "docker-silent",
        "warning",
        "docker is there and does not answer: Cannot connect to the Docker daemon",
    )


def test_a_containerd_that_no_docker_uses(good: Situation) -> None:
    at = replace(good, foreign_containerd="/usr/bin/containerd")
    assert told(at)[:2] == ("containerd", "problem")
    assert only(at).what.startswith("/usr/bin/containerd is this node's own containerd")
    assert only(at).fix.startswith("install a docker that uses it, or remove it")


def test_a_kubernetes_that_runs_here(good: Situation) -> None:
    assert told(with_facts(good, "docker", kubelet=True))[:2] == ("kubelet", "warning")


@pytest.mark.parametrize(("label", "finds"), [("", ["container-name"]), ("node", [])])
def test_a_strangers_container_with_our_name(good: Situation, label: str, finds: list[str]) -> None:
    container = Container("vllm-airgap-node", "nginx", "exited", label)
    at = with_facts(good, "docker", containers=(container, Container("other", "nginx", "exited", "")))
    assert [found.name for found in findings_of(at)] == finds


def test_a_docker_whose_containers_lose_their_gpus(good: Situation) -> None:
    at = with_facts(own(good), "docker", cgroup_driver="systemd")
    assert told(at)[:2] == ("cgroup-driver", "warning")


@pytest.mark.parametrize(("version", "finds"), [("1.17.3", ["toolkit"]), ("1.17.8", []), ("1.20.0", [])])
def test_a_toolkit_with_known_holes(good: Situation, version: str, finds: list[str]) -> None:
    assert good.index.toolkit
    older = with_index(good, toolkit=replace(good.index.toolkit, version=version))
    assert [found.name for found in findings_of(older)] == finds
    has = {**good.facts.system.programs, "nvidia-ctk": "/usr/bin/nvidia-ctk"}
    there = with_facts(with_index(good, toolkit=None), "docker", toolkit=Program("/usr/bin/nvidia-ctk", version, ""))
    assert [found.name for found in findings_of(with_facts(there, "system", programs=has))] == finds


def test_a_docker_whose_containers_may_not_read_the_model(good: Situation) -> None:
    at = with_facts(own(good), "docker", selinux=True)
    assert told(at)[:2] == ("docker-selinux", "problem")
    assert "selinux-enabled" in only(at).fix
    assert is_quiet(with_facts(at, "system", selinux="permissive"))


def test_images_on_an_xfs_where_overlay2_does_not_work(good: Situation) -> None:
    old = Mount("/var", "/dev/sdb1", "xfs", ("rw", "noexec"), 500 * GIB, 400 * GIB, tells_types=False)
    at = with_facts(good, "storage", mounts=(old, *good.facts.storage.mounts))
    images = replace(at, needs=(in_docker(at, "/var/lib/docker", GIB, "the image in docker"),))
    assert told(images) == (
        "xfs-ftype",
        "problem",
        "/var is an xfs without file types (ftype=0): docker's overlay2 does not work in /var/lib/docker",
    )
    assert is_quiet(replace(at, needs=(Need("/var/lib/vllm-airgap", GIB, "the model"),)))
    device_mapper = with_facts(images, "docker", driver="devicemapper")
    assert is_quiet(replace(device_mapper, needs=(Need("/var/lib/docker", GIB, "the image in docker"),)))
