"""Preflight of the very machine that runs the tests, whatever it is."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fakes.bundle import MadeBundle, Recipe, make_bundle, public_key
from tests.fakes.preflight_document import read_document

PROGRAM = 'import sys; from installer.cli import main; sys.argv[0] = "vllm-airgap"; main()'
ENDS = (0, 2, 6, 7)
MOST_SECONDS = 3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeBundle:
    made = make_bundle(tmp_path_factory.mktemp("medium"), Recipe(nodes=1))
    (made.folder.parent / "release.pub").write_bytes(public_key().pem)
    return made


def preflight(made: MadeBundle, *options: str | Path) -> subprocess.CompletedProcess[str]:
    """As the bundle's own launcher starts it."""
    key = made.folder.parent / "release.pub"
    command = (sys.executable, "-c", PROGRAM, "preflight", str(made.folder), "--trusted-key", str(key), *options)
    environment = {**os.environ, "VLLM_AIRGAP_RUNTIME": str(made.folder / "runtime.tar.gz")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_this_machine_is_judged_within_seconds(made: MadeBundle) -> None:
    began = time.monotonic()
    done = preflight(made, "--role", "head", "-o", "json")
    took = time.monotonic() - began
    assert done.returncode in ENDS, done.stderr
    assert "Traceback" not in done.stderr
    assert took < MOST_SECONDS
    found = read_document(done.stdout.encode())
    assert (done.returncode == 0) == all(level == "warning" for level, _ in found.values())
    assert json.loads(done.stdout)["bundle"] == {"name": "demo", "version": "2026.11", "sequence": 1}


def test_the_table_tells_the_same(made: MadeBundle) -> None:
    names = read_document(preflight(made, "--role", "head", "-o", "json").stdout.encode())
    table = preflight(made, "--role", "head").stdout
    assert table.startswith("bundle   demo 2026.11, sequence 1, by trusted key") or "bundle   demo" in table
    assert [name for name in names if f"  {name}  " not in table and f"  {name} " not in table] == []


def test_what_is_ignored_is_told_and_stops_nothing(made: MadeBundle) -> None:
    first = read_document(preflight(made, "--role", "head", "-o", "json").stdout.encode())
    stopping = [name for name, (level, _) in first.items() if level == "problem" and name not in {"options", "root"}]
    ignoring = [word for name in stopping for word in ("--ignore-preflight", name)]
    again = read_document(preflight(made, "--role", "head", "-o", "json", *ignoring).stdout.encode())
    assert [name for name in stopping if again.get(name) != ("problem", True)] == []
