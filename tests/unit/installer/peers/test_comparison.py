from dataclasses import replace

import pytest

from installer.peers.comparison import differing, table
from tests.unit.installer.peers.nodes import HERE, THERE, identity

ME, PEER = identity(HERE), identity(THERE)


def test_equal_nodes_need_no_table() -> None:
    assert differing((ME, PEER)) == ()
    assert table((ME, PEER)) == ()
    assert table((ME,)) == ()


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"bundle": "other"}, "bundle"),
        ({"sequence": 2}, "bundle"),
        ({"digest": "e" * 64}, "bundle"),
        ({"image": f"sha256:{'3' * 64}"}, "image"),
        ({"model": "4" * 64}, "model"),
        ({"driver": "535.183.01"}, "driver"),
        ({"gpus": ("Tesla T4", "Tesla T4")}, "GPUs"),
        ({"gpus": ("NVIDIA A10",)}, "GPUs"),
        ({"mtu": 9000}, "MTU"),
        ({"clock": ME.clock + 6}, "clock"),
        ({"clock": ME.clock - 6}, "clock"),
    ],
)
def test_each_difference_has_its_column(change: dict[str, object], column: str) -> None:
    other = identity(THERE, **change)
    assert differing((ME, other)) == (column,)
    heading, *rows = table((ME, other))
    assert heading.split() == ["node", column]
    assert [row.split()[:2] for row in rows] == [[HERE, "(node1)"], [THERE, "(node2)"]]


def test_clocks_that_are_nearly_the_same_are() -> None:
    assert differing((ME, replace(PEER, clock=ME.clock + 5))) == ()


@pytest.mark.parametrize("unknown", [{"driver": ""}, {"gpus": ()}, {"digest": ""}, {"image": ""}, {"mtu": 0}])
def test_what_a_node_does_not_know_yet_is_no_difference(unknown: dict[str, object]) -> None:
    assert differing((ME, identity(THERE, **unknown))) == ()


def test_the_table_names_every_node_and_all_that_differs() -> None:
    second = identity("10.0.0.2", driver="535.183.01", gpus=("Tesla T4",) * 2, clock=ME.clock + 61)
    third = identity("10.0.0.3", driver="", mtu=9000)
    assert table((ME, second, third)) == (
        "node              driver      GPUs          MTU   clock",
        "10.0.0.1 (node1)  550.127.08  1 x Tesla T4  1500  +0 s",
        "10.0.0.2 (node2)  535.183.01  2 x Tesla T4  1500  +61 s",
        "10.0.0.3 (node3)  -           1 x Tesla T4  9000  +0 s",
    )


def test_digests_are_shown_as_far_as_they_tell_apart() -> None:
    other = identity(THERE, digest="e" * 64, sequence=2)
    assert table((ME, other))[1:] == (
        "10.0.0.1 (node1)  demo 1 dddddddddddd",
        "10.0.0.2 (node2)  demo 2 eeeeeeeeeeee",
    )
