"""Texts are constructed after real ones, of docker 19.03 to 28 and podman."""

import json

import pytest

from installer import container
from installer.facts.docker import LABEL, Container, gather_docker, read_containers, read_info, read_version
from installer.sight import Output
from tests.fakes.questions import DOCKER_INFO, DOCKER_PS
from tests.fakes.recorded_machine import RecordedMachine, said, states

PROGRAMS = {name: f"/usr/bin/{name}" for name in ("docker", "systemctl")}
DEAD = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Docker version 20.10.24+dfsg1, build 297e128\n", "20.10.24+dfsg1"),
        ("Docker version 1.13.1, build 7d71120/1.13.1\n", "1.13.1"),
        ("Docker version 26.1.3-rhel, build b72abbb\n", "26.1.3-rhel"),
        ("Docker version dev, build 1234\n", ""),
        ("Docker version 27.4.0, build 92a8393\n", "27.4.0"),
        ("containerd github.com/containerd/containerd v1.7.24 88bf19b2105c8b17560993bee28a01ddc2f97182\n", "1.7.24"),
        ("containerd containerd.io 1.6.33 d2d58213f83a351ca8f528a95fbd145f5654e957\n", "1.6.33"),
        ("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u1\n", "1.6.20~ds1"),
        ("containerd github.com/containerd/containerd/v2 v2.0.1 88aa2f5\n", "2.0.1"),
        ("NVIDIA Container Toolkit CLI version 1.17.3\ncommit: 16f37fc\n", "1.17.3"),
        ("NVIDIA Container Toolkit CLI version 1.18.0-rc.1\n", "1.18.0-rc.1"),
        ("", ""),
    ],
)
def test_versions(text: str, version: str) -> None:
    assert read_version(text) == version


def test_the_label_is_the_one_that_our_container_gets() -> None:
    assert LABEL == container.LABEL


@pytest.mark.parametrize(
    ("output", "error"),
    [
        (Output(1, json.dumps({"ID": "", "ServerErrors": [DEAD]}), ""), DEAD),
        (Output(0, json.dumps({"ID": "", "ServerErrors": [DEAD]}), ""), DEAD),
        (Output(1, "", f"{DEAD}\n"), DEAD),
        (Output(-9, "", "\nno answer in 10 s"), "no answer in 10 s"),
        (Output(0, '{"host": {"arch": "amd64"}, "version": {"Version": "4.9.4"}}', ""), "docker info tells no version"),
        (Output(0, "not JSON", ""), "not JSON"),
    ],
)
def test_why_a_daemon_does_not_answer(output: Output, error: str) -> None:
    info, found = read_info(output)
    assert info == {}
    assert found.startswith(error)


def test_containers_of_new_and_old_clients() -> None:
    rows = [
        {
            "Names": "vllm-airgap-node",
            "Image": "sha256:1",
            "State": "running",
            "Labels": "vllm-airgap.config=2,vllm-airgap=node",
        },
        {"Names": "old", "Image": "app:1", "Status": "Exited (137) 2 days ago", "Labels": ""},
        {"Names": "older", "Image": "app:1", "Status": "Up 3 weeks", "Labels": "not-vllm-airgap=1"},
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows) + "\nodd\n"
    assert read_containers(text) == (
        Container("vllm-airgap-node", "sha256:1", "running", "node"),
        Container("old", "app:1", "exited", ""),
        Container("older", "app:1", "running", ""),
    )


def test_a_daemon_that_hangs_is_asked_once() -> None:
    answers = {DOCKER_INFO: Output(-9, "", "\nno answer in 10 s"), **states("docker.service")}
    facts = gather_docker(RecordedMachine(PROGRAMS, {}, answers))
    assert (facts.error, facts.server, facts.containers) == ("no answer in 10 s", "", ())


def test_a_look_does_not_start_the_daemon() -> None:
    """Its socket would."""
    facts = gather_docker(RecordedMachine(PROGRAMS, {}, states("docker.socket")))
    assert facts.error.startswith("docker.service is not running")


def test_a_daemon_without_a_client() -> None:
    programs = {"dockerd": "/usr/bin/dockerd"}
    answers: dict[tuple[str, ...], Output] = {
        ("/usr/bin/dockerd", "--version"): said("Docker version 27.4.0, build 0\n")
    }
    facts = gather_docker(RecordedMachine(programs, {}, answers))
    assert facts.dockerd is not None
    assert (facts.dockerd.version, facts.error) == ("27.4.0", "docker: not found")


def test_no_docker_is_no_error() -> None:
    facts = gather_docker(RecordedMachine({}))
    assert (facts.dockerd, facts.error) == (None, "")


def test_the_docker_of_snapd() -> None:
    path = "/snap/docker/current/bin/dockerd"
    facts = gather_docker(
        RecordedMachine({}, {path: ""}, {(path, "--version"): said("Docker version 24.0.5, build 1\n")})
    )
    assert facts.dockerd is not None
    assert (facts.dockerd.path, facts.dockerd.version, facts.dockerd.owner) == (path, "24.0.5", "snap")


@pytest.mark.parametrize("unit", ["kubelet.service", "rke2-agent.service"])
def test_a_kubelet_of_any_make(unit: str) -> None:
    assert gather_docker(RecordedMachine({"systemctl": "/bin/systemctl"}, {}, states(unit))).kubelet


@pytest.mark.parametrize(
    ("options", "selinux"),
    [
        (["name=seccomp,profile=builtin", "name=selinux"], True),
        (["name=seccomp,profile=selinux"], False),
        (None, False),
    ],
)
def test_a_daemon_that_confines_by_selinux(options: list[str] | None, *, selinux: bool) -> None:
    info = {"ServerVersion": "27.4.0", "SecurityOptions": options}
    answers = {DOCKER_INFO: said(json.dumps(info)), DOCKER_PS: said(""), **states("docker.service")}
    assert gather_docker(RecordedMachine(PROGRAMS, {}, answers)).selinux is selinux
