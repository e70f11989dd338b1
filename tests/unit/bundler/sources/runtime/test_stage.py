"""A runtime is put together in a folder that goes, whatever ends the build."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.sources.runtime.stage import staged
from installer.errors import UnreachableError

ROOT = Path(__file__).parents[5]
KILLED = """
import sys, time
from pathlib import Path
from bundler.sources.runtime.stage import staged
with staged(Path(sys.argv[1])) as stage:
    (stage / "python").mkdir()
    (stage / "python/file").write_bytes(b"x" * 1000)
    print("there", flush=True)
    time.sleep(60)
"""


def killed(folder: Path) -> None:
    command = (sys.executable, "-c", KILLED, str(folder))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as build:
        assert build.stdout
        assert build.stdout.readline() == b"there\n"
        os.kill(build.pid, signal.SIGKILL)


def failing(folder: Path) -> None:
    with staged(folder) as stage:
        (stage / "file").write_bytes(b"x")
        raise UnreachableError("cut")


def test_a_stage_is_empty_and_ours_alone_and_gone_afterwards(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        assert list(stage.iterdir()) == []
        (top,) = tmp_path.iterdir()
        assert top.name.startswith("vllm-airgap-runtime-")
        assert top.stat().st_mode & 0o777 == 0o700
        (stage / "python").mkdir()
        (stage / "python/file").write_bytes(b"x")
    assert list(tmp_path.iterdir()) == []


def test_it_is_gone_also_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError):
        failing(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_next_build_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    killed(tmp_path)
    assert len(list(tmp_path.rglob("file"))) == 1
    with staged(tmp_path):
        assert list(tmp_path.rglob("file")) == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_at_work_stays(tmp_path: Path) -> None:
    with staged(tmp_path) as first:
        (first / "file").write_bytes(b"x")
        with staged(tmp_path) as second:
            assert second != first
        assert (first / "file").read_bytes() == b"x"
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    """Whatever else has such a name: a file, a link, a folder that never was a stage."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "stage").mkdir(parents=True)
    (elsewhere / "lock").touch()
    (tmp_path / "vllm-airgap-runtime-link").symlink_to(elsewhere)
    (tmp_path / "vllm-airgap-runtime-file").touch()
    (tmp_path / "vllm-airgap-runtime-other").mkdir()
    (tmp_path / "vllm-airgap-runtime-other/file").touch()
    linked = tmp_path / "vllm-airgap-runtime-linked"
    linked.mkdir()
    (linked / "lock").symlink_to(elsewhere / "lock")
    before = sorted(tmp_path.rglob("*"))
    with staged(tmp_path):
        pass
    assert sorted(tmp_path.rglob("*")) == before


def test_a_kill_at_any_moment_of_its_end_leaves_what_can_be_swept(tmp_path: Path) -> None:
    half_gone, empty = tmp_path / "vllm-airgap-runtime-1", tmp_path / "vllm-airgap-runtime-2"
    half_gone.mkdir()
    (half_gone / "lock").touch()
    empty.mkdir()
    with staged(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
