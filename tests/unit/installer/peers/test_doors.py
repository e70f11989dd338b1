from pathlib import Path

import pytest

from installer.peers.doors import Doors, Shared, fitting, opened, standing
from installer.steps.cluster import NODE_UNIT, SERVE_UNIT
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, install
from tests.fakes.node import FakeNode
from tests.unit.installer.peers.nodes import HERE, THERE, config_of

RAYS = (6380, 6381, 6382, 6383, 6384, 52365)
WORKERS = (20000, 20500, 20999)


@pytest.fixture
def head(root: Path) -> FakeNode:
    return FakeNode(root, HERE)


def doors_open(node: FakeNode) -> set[int]:
    return {port for ip, port in node.network.doors if ip == node.ip}


def test_on_a_bare_node_all_that_the_cluster_will_need_is_opened(head: FakeNode) -> None:
    with opened(head, config_of(HERE)) as doors:
        assert doors.named == (6379, *RAYS, *WORKERS)
        assert doors_open(head) == set(doors.all)
    assert doors_open(head) == set()


def test_a_worker_has_no_port_of_the_head(root: Path) -> None:
    with opened(FakeNode(root, THERE), config_of(THERE)) as doors:
        assert doors.named == (*RAYS, *WORKERS)


def test_without_ray_there_is_one_port_and_on_the_head_alone(root: Path) -> None:
    with opened(FakeNode(root / "head", HERE), config_of(HERE, "mp")) as doors:
        assert doors.named == (29501,)
    with opened(FakeNode(root / "worker", THERE), config_of(THERE, "mp")) as doors:
        assert doors.named == ()


def test_a_port_that_somebody_has_is_not_among_them(head: FakeNode) -> None:
    head.network.doors |= {(HERE, 6380), (HERE, 20000)}
    with opened(head, config_of(HERE)) as doors:
        assert doors.named == (6379, *RAYS[1:], *WORKERS[1:])


def test_beside_a_cluster_that_may_start_none_of_rays_ports_is_taken(head: FakeNode) -> None:
    """The GCS and the raylet end where theirs is taken."""
    with standing(head, config_of(HERE)) as doors:
        assert doors.named == WORKERS
        assert doors_open(head) == {*WORKERS, *doors.free}


def test_beside_a_cluster_those_are_tried_on_which_it_listens(head: FakeNode) -> None:
    head.linux.listeners += [("0.0.0.0", 6380), ("127.0.0.1", 6381), ("0.0.0.0", 8000)]  # noqa: S104
    with standing(head, config_of(HERE)) as doors:
        assert doors.named == (6380, *WORKERS)


def test_what_this_node_opens_to_look_at_its_peers_is_no_cluster(head: FakeNode) -> None:
    """It is closed again before anybody could knock."""
    with opened(head, config_of(HERE)), standing(head, config_of(HERE)) as doors:
        assert doors.named == ()
        assert len(doors.free) == 3


@pytest.mark.parametrize(
    ("state", "named"),
    [("started", WORKERS), ("stopped", (6379, *RAYS, *WORKERS)), ("absent", (6379, *RAYS, *WORKERS))],
)
def test_where_a_unit_may_start_a_cluster_none_of_rays_ports_is_taken(
    head: FakeNode, made: MadeBundle, state: str, named: tuple[int, ...]
) -> None:
    """Its container may be gone for the moment, and come back."""
    if state != "absent":
        install(head, made, HEAD)
        head.docker.containers.clear()
    if state == "stopped":
        head.systemd.command(("stop", SERVE_UNIT))
        head.systemd.command(("stop", NODE_UNIT))
    with fitting(head, config_of(HERE)) as doors:
        assert doors.named == named


def test_who_asks_at_once_shares_what_is_open_until_the_last_is_gone(head: FakeNode) -> None:
    shared = Shared(lambda: opened(head, config_of(HERE)))
    first, second = shared(), shared()
    seen: list[Doors] = [first.__enter__(), second.__enter__()]
    assert seen[0] == seen[1]
    first.__exit__(None, None, None)
    assert doors_open(head) == set(seen[1].all)
    second.__exit__(None, None, None)
    assert doors_open(head) == set()
    with shared() as again:
        assert doors_open(head) == set(again.all)
