from dataclasses import replace

import pytest

from installer.facts import Facts
from installer.facts.docker import Program
from installer.index.document import Index
from installer.index.space import RUNTIME_BYTES
from installer.needs import docker_root, needs
from installer.node.paths import DAEMON_JSON
from installer.preflight import Need, Situation
from installer.staging import Staging
from tests.fakes.bundle import MadeBundle
from tests.fakes.facts import GIB, GOOD_NODE, without_driver
from tests.fakes.node import FakeNode
from tests.fakes.situation import good_situation, with_facts

STAGING = Staging("0" * 64, "/data/tiny")
PACKAGED = "/usr/bin/dockerd"


def asked(node: FakeNode, at: Situation, *kinds: str) -> dict[str, Need]:
    """Of the files of these kinds, by what they are."""
    wanted = tuple(file for kind in kinds for file in at.index.of_kind(kind))
    found: dict[str, Need] = {}
    for need in needs(node, at, STAGING, wanted):
        before = found.get(need.what, replace(need, size=0))
        found[need.what] = replace(need, size=before.size + need.size)
    return found


@pytest.fixture
def index(made: MadeBundle) -> Index:
    return made.index


def test_what_is_carried_lies_twice_where_it_must(node: FakeNode, index: Index) -> None:
    """An image is unpacked beside its own archive."""
    found = asked(node, good_situation(index), "image", "model")
    image, model = (sum(file.size for file in index.of_kind(kind)) for kind in ("image", "model"))
    assert found["the model"].size == model
    assert found["the model"].path.startswith("/data/tiny.partial/")
    assert found["the image as carried"].size == image
    assert found["the image in docker"] == Need("/var/lib/docker", 4 * image, "the image in docker", overlays=True)


@pytest.mark.parametrize(("driver", "overlays"), [("", True), ("overlay2", True), ("overlayfs", True), ("vfs", False)])
def test_an_overlay_runs_programs_of_a_mount_that_would_not(
    node: FakeNode, index: Index, driver: str, *, overlays: bool
) -> None:
    """The mount below is noexec, not the overlay; docker's other storage drivers use the files where they lie."""
    at = with_facts(good_situation(index), "docker", driver=driver)
    need = asked(node, at, "image")["the image in docker"]
    assert (need.overlays, need.runs) == (overlays, not overlays)


def test_the_programs_own_python_is_unpacked_where_it_may_run(node: FakeNode, index: Index) -> None:
    python = asked(node, good_situation(index), "runtime")["the program's Python"]
    assert python == Need("/opt/vllm-airgap", RUNTIME_BYTES, "the program's Python", runs=True)
    assert asked(node, good_situation(index))["the program's Python"].size == 0


def test_the_bundles_docker_needs_a_place_unless_the_node_has_its_own(node: FakeNode, index: Index) -> None:
    at = good_situation(index)
    assert index.docker
    programs = asked(node, at, "docker")["docker's programs"]
    assert programs.size == sum(binary.size for binary in index.docker.binaries)
    own = with_facts(at, "docker", dockerd=Program(PACKAGED, "27.0.3", "docker-ce"))
    assert "docker's programs" not in asked(node, own, "docker")


def test_a_driver_that_is_to_be_installed_is_unpacked_and_started_there(node: FakeNode, index: Index) -> None:
    bare = good_situation(index, without_driver(GOOD_NODE))
    assert asked(node, bare)["the driver's installer"] == Need(
        "/var/lib/vllm-airgap", 0, "the driver's installer", runs=True
    )
    assert "the driver's installer" not in asked(node, good_situation(index))


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
    assert docker_root(node, GOOD_NODE) == "/var/lib/docker"
    node.place(DAEMON_JSON, settings)
    assert docker_root(node, GOOD_NODE) == expected


def test_a_docker_that_answers_knows_better(node: FakeNode) -> None:
    node.place(DAEMON_JSON, b'{"data-root": "/srv/docker"}')
    facts: Facts = replace(GOOD_NODE, docker=replace(GOOD_NODE.docker, root="/mnt/docker"))
    assert docker_root(node, facts) == "/mnt/docker"


def test_a_half_copied_file_needs_only_the_other_half(node: FakeNode, index: Index) -> None:
    weights = replace(index.of_kind("model")[0], size=8 << 20)
    node.place(f"{STAGING.place_of(weights)},incoming", bytes(4 << 20))
    first, *_ = needs(node, good_situation(index), STAGING, (weights,))
    assert 3 << 20 < first.size <= 4 << 20


def test_what_is_there_already_needs_no_room(node: FakeNode, index: Index) -> None:
    assert sum(need.size for need in needs(node, good_situation(index), STAGING, ())) == 0


def test_the_sizes_are_those_that_plan_tells(node: FakeNode, index: Index) -> None:
    image = replace(index.of_kind("image")[0], size=10 * GIB)
    at = good_situation(index)
    assert sum(need.size for need in needs(node, at, STAGING, (image,))) == 50 * GIB
