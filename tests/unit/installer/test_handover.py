import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from installer.errors import DamagedError, EnvironmentProblemError
from installer.handover import HANDOVER_VARIABLE, RUNTIME_VARIABLE, hand_over, is_ours, remove_left_by_killed_runs
from installer.index.document import File
from installer.node.temporary import make_temporary_folder
from installer.stop_request import InterruptedRunError
from tests.fakes.bundle import MadeBundle, Recipe, describe, make_bundle, seal, tar_gz
from tests.fakes.staged import spoil

# The bundle's Python, which tells its arguments and what it was told, and ends as its last argument says.
PYTHON = b"""#!/bin/sh
[ "$3" != -c ] || exit 0
for argument; do last=$argument; echo "<$argument>"; done
echo "$VLLM_AIRGAP_HANDOVER"
sha256sum <"$VLLM_AIRGAP_RUNTIME"
case $last in held) [ -n "$(find -L "/proc/$$/fd" -samefile "${VLLM_AIRGAP_RUNTIME%/*}")" ] && echo held ;; esac
case $last in code=*) exit "${last#code=}" ;; kill) kill -TERM $$ ;; esac
"""


def with_runtime(folder: Path, runtime: bytes) -> MadeBundle:
    made = make_bundle(folder, Recipe())
    (folder / "runtime.tar.gz").write_bytes(runtime)
    files = tuple(describe(f.path, runtime, f.kind) if f.kind == "runtime" else f for f in made.index.files)
    return seal(folder, replace(made.index, files=files))


@pytest.fixture
def newer(tmp_path: Path) -> MadeBundle:
    return with_runtime(tmp_path / "newer", tar_gz({"python/bin/python3": PYTHON, "program": b""}))


@contextmanager
def temporary_folder_at(folder: Path) -> Iterator[None]:
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "tmp"
    folder.mkdir()
    with temporary_folder_at(folder):
        yield folder


def go_on() -> None:
    """Nobody asked for a stop."""


def runtime_of(made: MadeBundle) -> File:
    return made.index.only("runtime")


def test_the_bundles_own_program_gets_the_same_command(
    newer: MadeBundle, temporary: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with newer.opened() as bundle:
        assert hand_over(bundle, ["install", "/media/a stick", "-y"], go_on) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[:2] == ["<-I>", "<-B>"]
    assert lines[2].startswith(f"<{temporary}/vllm-airgap.")
    assert lines[3:] == ["<install>", "</media/a stick>", "<-y>", "1", f"{runtime_of(newer).sha256}  -"]


def test_nothing_is_left_of_it(newer: MadeBundle, temporary: Path) -> None:
    with newer.opened() as bundle:
        hand_over(bundle, ["install"], go_on)
    assert list(temporary.iterdir()) == []


def leave_as_a_killed_run(temporary: Path) -> None:
    """It held the folder; nobody does now."""
    killed = make_temporary_folder(str(temporary))
    (killed.path / "runtime.tar.gz").touch()
    os.close(killed.lock)


def test_what_a_killed_run_left_goes_with_the_next(newer: MadeBundle, temporary: Path) -> None:
    leave_as_a_killed_run(temporary)
    with newer.opened() as bundle:
        hand_over(bundle, ["install"], go_on)
    assert list(temporary.iterdir()) == []


def test_it_also_goes_where_nothing_is_handed_over_any_more(temporary: Path) -> None:
    leave_as_a_killed_run(temporary)
    remove_left_by_killed_runs()
    assert list(temporary.iterdir()) == []


def test_what_another_run_uses_stays(newer: MadeBundle, temporary: Path) -> None:
    other = make_temporary_folder(str(temporary))
    (other.path / "runtime.tar.gz").touch()
    with newer.opened() as bundle:
        hand_over(bundle, ["install"], go_on)
    assert [path.name for path in other.path.iterdir()] == ["runtime.tar.gz"]
    other.remove()
    assert list(temporary.iterdir()) == []


def test_what_only_looks_like_it_stays(newer: MadeBundle, temporary: Path) -> None:
    """A folder of another run that has yet to lock it, and one that a link leads to."""
    (temporary / "vllm-airgap.handover.begun").mkdir()
    (temporary / "bundle").mkdir()
    (temporary / "bundle/runtime.tar.gz").touch()
    (temporary / "vllm-airgap.handover.link").symlink_to("bundle")
    before = sorted(temporary.rglob("*"))
    with newer.opened() as bundle:
        hand_over(bundle, ["install"], go_on)
    assert sorted(temporary.rglob("*")) == before


def test_the_bundles_program_holds_what_it_runs_from_should_we_be_killed(
    newer: MadeBundle, temporary: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with newer.opened() as bundle:
        hand_over(bundle, ["held"], go_on)
    assert "held" in capfd.readouterr().out.splitlines()


@pytest.mark.parametrize(("last", "code"), [("code=0", 0), ("code=20", 20), ("kill", 143)])
def test_its_exit_code_is_ours(newer: MadeBundle, temporary: Path, last: str, code: int) -> None:
    with newer.opened() as bundle:
        assert hand_over(bundle, [last], go_on) == code


def test_a_signal_that_came_while_it_was_unpacked_is_not_lost(
    newer: MadeBundle, temporary: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def stop() -> NoReturn:
        assert list(temporary.glob("*/unpacked"))
        raise InterruptedRunError(15)

    with newer.opened() as bundle, pytest.raises(InterruptedRunError):
        hand_over(bundle, ["install"], stop)
    assert capfd.readouterr().out == ""
    assert list(temporary.iterdir()) == []


def test_a_runtime_that_changed_on_the_medium_is_not_run(newer: MadeBundle, temporary: Path) -> None:
    spoil(newer.folder / "runtime.tar.gz")
    with newer.opened() as bundle, pytest.raises(DamagedError, match=r"runtime\.tar\.gz: content differs"):
        hand_over(bundle, [], go_on)
    assert list(temporary.iterdir()) == []


def test_another_place_is_tried_where_there_is_none(
    newer: MadeBundle, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with temporary_folder_at(tmp_path / "gone"), newer.opened() as bundle:
        assert hand_over(bundle, [], go_on) == 0
    assert "<-I>" in capfd.readouterr().out


def test_a_program_that_runs_nowhere_is_a_problem_of_the_environment(tmp_path: Path, temporary: Path) -> None:
    broken = with_runtime(tmp_path / "broken", tar_gz({"python/bin/python3": b"\x7fELF", "program": b""}))
    with broken.opened() as bundle, pytest.raises(EnvironmentProblemError, match="lets programs run"):
        hand_over(bundle, [], go_on)
    assert list(temporary.iterdir()) == []


def test_a_program_is_ours_by_its_digest(newer: MadeBundle) -> None:
    with newer.opened() as bundle:
        assert is_ours(runtime_of(newer).sha256, bundle)
        assert not is_ours("0" * 64, bundle)
        assert not is_ours(None, bundle)


def test_the_variables_are_those_of_the_launcher() -> None:
    launcher = (Path(__file__).parents[3] / "installer/launcher.sh").read_text()
    assert RUNTIME_VARIABLE in launcher
    assert HANDOVER_VARIABLE not in launcher
    assert HANDOVER_VARIABLE not in os.environ
