from dataclasses import replace
from pathlib import Path

import pytest

from installer.engine import Engine
from installer.index.document import Index
from installer.node.paths import DAEMON_JSON
from installer.preflight import Problem, Situation, docker_root, misfits, problems
from installer.staging import Staging
from tests.fakes.bundle import MadeBundle
from tests.fakes.node import FakeNode

GIB = 1 << 30


@pytest.fixture
def situation(node: FakeNode, made: MadeBundle) -> Situation:
    """A bare node that lacks everything and has room for it."""
    return Situation(node, made.index, Staging("0" * 64, "/data/tiny"), None, made.index.files)


def found(situation: Situation) -> list[str]:
    return [problem.name for problem in problems(situation)]


def only(situation: Situation) -> Problem:
    (problem,) = problems(situation)
    assert problem.fix
    return problem


def without(index: Index, part: str) -> Index:
    leaner = {
        "driver": replace(index, driver=None),
        "docker": replace(index, docker=None),
        "toolkit": replace(index, toolkit=None),
    }
    return leaner[part]


def test_a_fit_node_has_no_problem_and_is_left_as_it_was(node: FakeNode, situation: Situation) -> None:
    before = sorted(node.root.rglob("*"))
    assert found(situation) == []
    assert sorted(node.root.rglob("*")) == before
    assert node.changes.done == []


def misfit(situation: Situation) -> Problem:
    (problem,) = misfits(situation)
    assert problem.fix
    return problem


def test_a_fit_node_is_one_that_the_bundle_is_for(situation: Situation) -> None:
    assert misfits(situation) == ()


def test_another_machine(node: FakeNode, situation: Situation) -> None:
    node.arch = "aarch64"
    assert misfit(situation).what == "this node is aarch64, the bundle is for x86_64"


@pytest.mark.parametrize("version", ["2.17", "2.28", "2.40", "3.0"])
def test_a_c_library_that_is_new_enough(node: FakeNode, situation: Situation, version: str) -> None:
    node.libc = f"glibc {version}"
    assert misfits(situation) == ()


@pytest.mark.parametrize("libc", ["glibc 2.9", "glibc 2.16", ""])
def test_another_c_library(node: FakeNode, situation: Situation, libc: str) -> None:
    """As digits a 9 is less than a 17; musl tells no version."""
    node.libc = libc
    assert misfit(situation).what == f"this node has {libc or 'no glibc'}, the bundle needs glibc 2.17 or newer"


def test_another_kind_of_packages(node: FakeNode, situation: Situation) -> None:
    node.at("/usr/bin/rpm").unlink()
    node.give_program("/usr/bin/dpkg")
    assert misfit(situation).what == "this node has deb packages, the bundle brings rpm ones"
    assert misfits(replace(situation, index=without(situation.index, "toolkit"))) == ()


def test_no_systemd(node: FakeNode, situation: Situation) -> None:
    node.at("/run/systemd/system").rmdir()
    assert only(situation).what == "systemd does not run this node"


@pytest.mark.parametrize("mark", ["/.dockerenv", "/run/.containerenv"])
def test_a_container(node: FakeNode, situation: Situation, mark: str) -> None:
    node.at(mark).touch()
    assert only(situation).what == f"this is a container ({mark} is there)"


@pytest.mark.parametrize("program", ["systemctl", "ip", "iptables", "rpm"])
def test_a_program_that_is_missing(node: FakeNode, situation: Situation, program: str) -> None:
    node.at(f"/usr/bin/{program}").unlink()
    assert only(situation).what == f"{program} is not on this node"


@pytest.mark.parametrize(("part", "program"), [("toolkit", "nvidia-ctk"), ("driver", "nvidia-smi")])
def test_what_the_bundle_leaves_out_must_be_there(
    node: FakeNode, situation: Situation, part: str, program: str
) -> None:
    leaner = replace(situation, index=without(situation.index, part))
    assert only(leaner).what == f"{program} is not on this node"
    node.give_program(f"/usr/bin/{program}")
    assert found(leaner) == []


def test_a_bundle_without_packages_needs_no_rpm(node: FakeNode, situation: Situation) -> None:
    node.at("/usr/bin/rpm").unlink()
    node.give_program("/usr/bin/nvidia-ctk")
    assert found(replace(situation, index=without(situation.index, "toolkit"))) == []


def test_a_docker_that_is_too_old(situation: Situation) -> None:
    problem = only(replace(situation, engine=Engine("/usr/bin/dockerd", (20, 10, 9))))
    assert "/usr/bin/dockerd is docker 20.10.9, older than 20.10.10" in problem.what


def test_a_docker_that_is_new_enough(situation: Situation) -> None:
    assert found(replace(situation, engine=Engine("/usr/bin/dockerd", (20, 10, 10)))) == []


def test_a_containerd_that_no_docker_uses(node: FakeNode, situation: Situation) -> None:
    node.give_program("/usr/bin/containerd")
    problem = only(situation)
    assert problem.what.startswith("/usr/bin/containerd is this node's own containerd")
    assert problem.fix.startswith("install a docker that uses it, or remove it")
    assert found(replace(situation, engine=Engine("/usr/bin/dockerd", (27, 0, 0)))) == []
    assert found(replace(situation, index=without(situation.index, "docker"))) == ["docker"]


def test_no_docker_anywhere(situation: Situation) -> None:
    leaner = replace(situation, index=without(situation.index, "docker"))
    assert only(leaner).what == "there is no docker, and the bundle has none"
    assert found(replace(leaner, engine=Engine("/usr/bin/dockerd", (27, 0, 0)))) == []


def test_a_place_where_nothing_can_be_written(node: FakeNode, situation: Situation) -> None:
    node.at("/data").touch()
    assert only(situation).what.endswith("data: Not a directory")


def test_no_room(node: FakeNode, situation: Situation) -> None:
    node.free = GIB // 10
    assert only(situation).what == "/ has 0.1 GiB free, 0.2 GiB are needed"


def test_an_image_needs_room_for_its_layers_too(node: FakeNode, situation: Situation) -> None:
    (layer, *_) = situation.index.of_kind("image")
    large = replace(situation, lacking=(replace(layer, size=10 * GIB),))
    node.free = 49 * GIB
    assert only(large).what == "/ has 49.0 GiB free, 50.0 GiB are needed"
    node.free = 50 * GIB
    assert found(large) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (b'{"data-root": "/srv/docker"}', "/srv/docker"),
        (b"{}", "/var/lib/docker"),
        (b"", "/var/lib/docker"),
        (b"{", "/var/lib/docker"),
        (b"[]", "/var/lib/docker"),
        (b'{"data-root": 1}', "/var/lib/docker"),
    ],
)
def test_docker_keeps_its_images_where_its_settings_say(node: FakeNode, settings: bytes, expected: str) -> None:
    assert docker_root(node) == "/var/lib/docker"
    node.place(DAEMON_JSON, settings)
    assert docker_root(node) == expected


def test_room_for_layers_is_looked_for_where_docker_keeps_them(root: Path, situation: Situation) -> None:
    node = NodeWithDisk(root)
    node.place(DAEMON_JSON, b'{"data-root": "/srv/docker"}')
    (layer, *_) = situation.index.of_kind("image")
    large = replace(situation, node=node, lacking=(replace(layer, size=10 * GIB),))
    assert only(large).what == "/srv has 39.0 GiB free, 40.0 GiB are needed"


class NodeWithDisk(FakeNode):
    """A disk of its own at /srv."""

    def free_bytes(self, path: str) -> tuple[str, int]:
        return ("/srv", 39 * GIB) if path.startswith("/srv/") else ("/", 11 * GIB)


def test_a_half_copied_file_needs_only_the_other_half(node: FakeNode, situation: Situation) -> None:
    size = 8 << 20
    weights = replace(situation.index.of_kind("model")[0], size=size)
    half = replace(situation, lacking=(weights,))
    node.free = size // 2
    assert found(half) == ["space"]
    node.place(f"{situation.staging.place_of(weights)},incoming", bytes(size // 2))
    assert found(half) == []


def test_what_is_there_already_needs_no_room(node: FakeNode, situation: Situation) -> None:
    node.free = 0
    assert found(replace(situation, lacking=())) == []


def test_all_problems_are_found_at_once(node: FakeNode, situation: Situation) -> None:
    node.free = 0
    node.at("/run/systemd/system").rmdir()
    node.at("/usr/bin/ip").unlink()
    assert found(situation) == ["systemd", "programs", "space"]
