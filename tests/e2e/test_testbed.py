"""The testbed by hand: its caller is let go once the nodes are up, and nothing of a site outlives `down`."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from testbed.cgroups import ControlGroup, hierarchies
from testbed.inputs import Inputs
from testbed.network import NAMESPACES, Network
from testbed.nodes import NSPAWN
from testbed.site import Site

from tests.e2e.conftest import BUILD
from tests.e2e.preflights import until

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(BUILD.parent / "scripts")}
UP_SECONDS = 120


@pytest.fixture
def name(prefix: str) -> Iterator[str]:
    """Of the site."""
    name = f"{prefix}hand"
    yield name
    Site(BUILD, name, ()).remove()


def _testbed(name: str, *words: str) -> str:
    """Its standard output, read to the end: which comes once no process holds the other side."""
    done = subprocess.run(
        (sys.executable, "-m", "testbed", "--site", name, *words),
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=UP_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def _left(name: str) -> set[str]:
    """Whatever there is of the site: folders, namespaces, control groups, mounts, processes."""
    marks = Network(name).namespace("")
    folders = (BUILD / "nodes", NAMESPACES, NSPAWN / "propagate", *hierarchies())
    places = {str(path) for folder in folders if folder.is_dir() for path in folder.iterdir() if marks in path.name}
    mounts = {line for line in Path("/proc/self/mounts").read_text().splitlines() if marks in line}
    return places | mounts | set(_processes(marks))


def _processes(marks: str) -> list[str]:
    found = subprocess.run(("ps", "-ewwo", "pid=,args="), capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if marks in line and "testbed --site" not in line]


def _kill_one_that_says(name: str, machine: str, word: str) -> None:
    """As by the kernel when memory is out."""
    group = ControlGroup(f"testbed-{Network(name).namespace(machine)}")
    words = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in group.processes()}
    (pid,) = (pid for pid, line in words.items() if line.startswith(word))
    os.kill(pid, signal.SIGKILL)


def test_after_down_nothing_is_left_also_of_a_node_that_was_killed(made: Inputs, name: str) -> None:
    said = _testbed(name, "up", "one", "two")
    assert "two: 10.77.0.12, its files are below " in said
    assert _testbed(name, "enter", "one", "hostname") == "one\n"
    _kill_one_that_says(name, "one", "systemd-nspawn")
    assert _testbed(name, "down") == ""
    assert _left(name) == set()


def test_down_also_removes_what_a_killed_up_has_made(made: Inputs, name: str) -> None:
    command = (sys.executable, "-m", "testbed", "--site", name, "up", "one")
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        root = Site(BUILD, name, ("one",)).nodes["one"].root
        until(root.exists, UP_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)
    assert _left(name)
    _testbed(name, "down")
    assert _left(name) == set()
