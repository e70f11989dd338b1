from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, install
from tests.fakes.node import FakeNode


def test_a_head_is_installed(node: FakeNode, made: MadeBundle) -> None:
    told = install(node, made, HEAD)
    print(told)
    print(node.changes.done)
    told = install(node, made, HEAD)
    assert told.pending == []
