"""Whose dockerd of the host is stopped, and whose is left alone."""

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from testbed.host_docker import HostDocker


@pytest.fixture
def docker(tmp_path: Path) -> HostDocker:
    found = HostDocker(tmp_path)
    found.folder.mkdir()
    return found


@pytest.fixture
def left(docker: HostDocker) -> Iterator[subprocess.Popen[bytes]]:
    """As a killed run leaves one: known by its file, and by the folder in its command line."""
    command = (sys.executable, "-c", "import time; time.sleep(60)", str(docker.folder))
    with subprocess.Popen(command) as process:
        (docker.folder / "dockerd.pid").write_text(str(process.pid))
        yield process
        process.kill()


def test_what_a_killed_run_left_is_stopped(docker: HostDocker, left: subprocess.Popen[bytes]) -> None:
    docker.stop_unused()
    assert left.poll() is not None


def test_what_another_run_uses_is_left_alone(docker: HostDocker, left: subprocess.Popen[bytes]) -> None:
    with (docker.folder / "users").open("w") as another:
        fcntl.flock(another, fcntl.LOCK_SH)
        docker.stop_unused()
    assert left.poll() is None


def test_where_none_was_ever_there_is_nothing_to_stop(tmp_path: Path) -> None:
    HostDocker(tmp_path).stop_unused()
    assert list(tmp_path.iterdir()) == []
