"""`bundle` as a process: exit codes, output that goes nowhere, signals, memory."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fakes.tiny_model import write_sparse_weights
from tests.unit.bundler.making import Site

ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-m", "bundler")
LIMIT = 200 << 20  # bytes


@pytest.fixture
def environment(site: Site) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(site.folder)}


def test_output_that_goes_nowhere_does_not_change_the_exit_code(site: Site, environment: dict[str, str]) -> None:
    out = str(site.build().folder)
    for command, code in ((("inspect", out), 0), (("verify", out), 3), (("lint", str(site.manifest)), 0)):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                (*COMMAND, *command), env=environment, stdout=full, stderr=subprocess.PIPE, check=False
            )
        assert done.returncode == code, done.stderr


def test_an_odd_locale_changes_nothing(site: Site, environment: dict[str, str]) -> None:
    out = str(site.build().folder)
    for locale in ("C", "tr_TR.UTF-8", "nonsense"):
        env = {**environment, "LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
        done = subprocess.run((*COMMAND, "inspect", out), env=env, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_stopped_build_leaves_nothing_half(
    site: Site, environment: dict[str, str], number: signal.Signals, code: int
) -> None:
    write_sparse_weights(site.model / "big.safetensors", 1 << 30)
    shutil.rmtree(site.build().folder)
    site.rewrite("sequence: 7", "sequence: 8")  # a Python is packed in earnest, which is other content
    lock = site.manifest.with_suffix(".lock").read_bytes()
    command = (*COMMAND, "build", str(site.manifest), "-o", str(site.folder / "out"))
    in_cache = {**environment, "VLLM_AIRGAP_CACHE": str(site.folder / "cache")}
    with subprocess.Popen(command, env=in_cache, stderr=subprocess.PIPE) as build:
        wait_for_reading(build.pid, site.folder / "out.partial/model/tiny-model/big.safetensors")
        build.send_signal(number)
        assert build.wait(10) == code
    assert not (site.folder / "out").exists()
    assert not (site.folder / "out.partial").exists()
    assert b'"signed"' in lock
    assert b'"signed"' in site.manifest.with_suffix(".lock").read_bytes()


def test_lock_and_build_say_what_a_person_should_know(site: Site, environment: dict[str, str]) -> None:
    site.build_unsigned("first")
    in_cache = {**environment, "VLLM_AIRGAP_CACHE": str(site.folder / "cache")}

    def bundle(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run((*COMMAND, *arguments), env=in_cache, capture_output=True, text=True, check=True)

    assert "backend: mp (the image holds no Ray)" in bundle("lock", str(site.manifest)).stdout.splitlines()
    done = bundle("build", str(site.manifest), "-o", str(site.folder / "second"), "--quiet")
    assert "warning: sequence: 7 was built already, with other content" in done.stderr  # a Python is packed in earnest


def wait_for_reading(pid: int, path: Path) -> None:
    """Until the process has ``path`` open."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if str(path) in open_files(pid):
            return
        time.sleep(0.01)
    pytest.fail("the build never came to the model")


def open_files(pid: int) -> set[str]:
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed in the meantime
            found.add(str(descriptor.readlink()))
    return found


MEASURED = """
import pathlib, sys
from bundler.cli import run
from tests.unit.bundler.making import Site
folder = pathlib.Path(sys.argv[1])
out = Site(folder).build().folder
code = run(("verify", str(out)))
status = pathlib.Path("/proc/self/status").read_text()
print(code, next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


def test_memory_does_not_grow_with_the_model(site: Site, environment: dict[str, str]) -> None:
    write_sparse_weights(site.model / "big.safetensors", (1 << 32) + 1)  # past every 32-bit length, too
    command = (sys.executable, "-c", MEASURED, str(site.folder))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    code, peak = done.stdout.split()[-2:]
    assert code == "3"
    assert int(peak) < LIMIT >> 10
