"""What scripts/demo does before it does anything: it explains itself."""

import shutil
import subprocess
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[3] / "scripts/demo"
SETUP = 9  # what the stand-in of scripts/setup exits with


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(DEMO, tmp_path / "scripts/demo")
    setup = tmp_path / "scripts/setup"
    setup.write_text(f"#!/bin/sh\nexit {SETUP}\n")
    setup.chmod(0o755)
    return tmp_path


def demo(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run((checkout / "scripts/demo", *words), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_is_told_before_anything_is_set_up(checkout: Path, word: str) -> None:
    done = demo(checkout, word)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: scripts/demo [--keep]\n")
    assert "random" in done.stdout


@pytest.mark.parametrize("words", [("--kepe",), ("--keep", "--keep")])
def test_a_mistyped_option_sets_nothing_up(checkout: Path, words: tuple[str, ...]) -> None:
    done = demo(checkout, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")


@pytest.mark.parametrize("words", [(), ("--keep",)])
def test_without_such_a_word_it_begins_with_the_setup(checkout: Path, words: tuple[str, ...]) -> None:
    assert demo(checkout, *words).returncode == SETUP
