from dataclasses import replace

import pytest

from installer.facts.docker import Container, Program
from installer.preflight import Situation, findings_of
from tests.fakes.situation import is_quiet, only, told, with_facts, with_index

PACKAGED = Program("/usr/bin/dockerd", "27.0.3", "docker-ce-27.0.3-1.el9.x86_64")
OURS = Program("/usr/local/bin/dockerd", "27.4.0", "")


def own(at: Situation, **changes: str) -> Situation:
    return with_facts(at, "docker", dockerd=replace(PACKAGED, **changes), server="27.0.3", cgroup_driver="cgroupfs")


def test_no_docker_anywhere(good: Situation) -> None:
    leaner = with_index(good, docker=None)
    assert told(leaner) == ("docker", "problem", "there is no docker, and the bundle has none")
    assert is_quiet(own(leaner))


@pytest.mark.parametrize("version", ["20.10.9", "19.03.15", "1.13.1", "", "18.09.1-ce"])
def test_a_docker_that_is_too_old(good: Situation, version: str) -> None:
    at = own(good, version=version)
    assert (only(at).name, only(at).level) == ("docker-version", "problem")
    assert "older than 20.10.10, where newer images cannot start threads" in only(at).what
    assert only(at).fix.startswith("rpm -e docker-ce-27.0.3-1.el9.x86_64, then run the same command again")
    debian = with_facts(own(at, version=version, owner="docker.io"), "system", distribution="ubuntu", like=("debian",))
    assert only(debian).fix.startswith("apt-get remove docker.io, then run")


@pytest.mark.parametrize("version", ["20.10.10", "20.10.24+dfsg1", "29.7.2"])
def test_a_docker_that_is_new_enough(good: Situation, version: str) -> None:
    assert is_quiet(own(good, version=version))


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
    at = with_facts(good, "docker", containers=(container, Container("other", "nginx", "running", "")))
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
