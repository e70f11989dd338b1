import os
from pathlib import Path

from installer.node import Node
from installer.node.open_files import processes_with_open
from tests.fakes.node import FakeNode


def test_our_own_process_is_found_by_what_it_has_open(tmp_path: Path) -> None:
    with (tmp_path / "device").open("w"):
        (found,) = Node().with_open(f"{tmp_path}/device")
    assert found.pid == os.getpid()
    assert found.name
    assert Node().with_open(f"{tmp_path}/device") == ()


def test_a_process_that_ends_meanwhile_has_nothing_open(node: FakeNode) -> None:
    node.nvidia.hold(7, "python3")
    node.at("/proc/8").mkdir()
    node.at("/proc/9/fd").mkdir(parents=True)
    assert [process.pid for process in processes_with_open(node.at("/proc"), "/dev/nvidia")] == [7]


def test_they_come_in_the_order_of_their_numbers(node: FakeNode) -> None:
    for pid in (100, 20, 3):
        node.nvidia.hold(pid, "python3")
    assert [process.pid for process in node.with_open("/dev/nvidia")] == [3, 20, 100]
