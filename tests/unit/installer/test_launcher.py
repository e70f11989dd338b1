"""The launcher, run by every shell of this machine, with a shell script in the place of Python."""

import hashlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.bundle import tar_gz

LAUNCHER = Path(__file__).parents[3] / "installer/launcher.sh"
# It tells its arguments and environment; its last argument may ask it to do something else.
PYTHON = b"""#!/bin/sh
[ "$3" != -c ] || exit 0
for argument; do last=$argument; printf '<%s>\\n' "$argument"; done
case $last in
    code=*) exit "${last#code=}" ;;
    environment) env ;;
    wait) sleep 60 ;;
    runtime) cmp "$VLLM_AIRGAP_RUNTIME" "$5/runtime.tar.gz" && echo same ;;
esac
"""
# Of two names for one shell, only one.
FOUND = {os.path.realpath(path): name for name in ("sh", "dash", "bash", "busybox") if (path := shutil.which(name))}
SHELLS = [("busybox", "sh") if name == "busybox" else (name,) for name in FOUND.values()]


@dataclass(frozen=True)
class Stick:
    """A bundle of launcher and runtime, as much as the launcher looks at."""

    folder: Path
    temporary: Path
    shell: tuple[str, ...]

    @property
    def launcher(self) -> str:
        return str(self.folder / "install")

    @property
    def environment(self) -> dict[str, str]:
        hostile = {"LD_LIBRARY_PATH": "/nowhere", "PYTHONPATH": "/nowhere", "DOCKER_HOST": "tcp://x", "CDPATH": "/"}
        return {"PATH": os.environ["PATH"], "TMPDIR": str(self.temporary), "TERM": "xterm", **hostile}

    def run(self, *arguments: str, launcher: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (*self.shell, launcher or self.launcher, *arguments),
            cwd=cwd or self.temporary.parent,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def arguments(self, *arguments: str) -> list[str]:
        """What the program is started with, behind the options of Python and its own path."""
        done = self.run(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        isolated, no_bytecode, program, *rest = done.stdout.removeprefix("<").removesuffix(">\n").split(">\n<")
        assert (isolated, no_bytecode) == ("-I", "-B")
        assert program.startswith(f"{self.temporary}/vllm-airgap.")
        return rest


@pytest.fixture(params=SHELLS, ids=" ".join)
def stick(tmp_path: Path, request: pytest.FixtureRequest) -> Stick:
    folder, temporary = tmp_path / "a stick", tmp_path / "tmp $(id) *"
    folder.mkdir()
    temporary.mkdir()
    runtime = tar_gz({"python/bin/python3": PYTHON, "program": b""})
    (folder / "runtime.tar.gz").write_bytes(runtime)
    text = LAUNCHER.read_text().replace("@RUNTIME_SHA256@", hashlib.sha256(runtime).hexdigest())
    (folder / "install").write_text(text)
    return Stick(folder, temporary, request.param)


def test_it_installs_the_bundle_that_it_lies_in(stick: Stick) -> None:
    assert stick.arguments("--role", "head") == ["install", str(stick.folder), "--role", "head"]
    assert stick.arguments() == ["install", str(stick.folder)]


@pytest.mark.parametrize(
    ("typed", "passed"),
    [
        (("--bundle", "@", "--role", "head"), ["install", "@", "--role", "head"]),
        (("--role", "head", "--bundle", "@"), ["install", "@", "--role", "head"]),
        (("--role", "--bundle=@", "head"), ["install", "@", "--role", "head"]),
        (("--bundle=@",), ["install", "@"]),
        (("--bundle", "/", "--bundle", "@"), ["install", "@"]),
        (("verify",), ["verify", "here"]),
        (("verify", "--bundle", "@"), ["verify", "@"]),
        (("--bundle", "@", "verify", "--quick"), ["verify", "@", "--quick"]),
        (("--bundle=@", "verify"), ["verify", "@"]),
        (("--role", "head", "verify"), ["install", "here", "--role", "head", "verify"]),
        (("--trusted-key", "verify", "-y"), ["install", "here", "--trusted-key", "verify", "-y"]),
        (("install",), ["install", "here", "install"]),
        (("--help",), ["install", "here", "--help"]),
    ],
)
def test_which_command_and_which_bundle(stick: Stick, typed: tuple[str, ...], passed: list[str]) -> None:
    other = stick.folder.parent / "another stick"
    shutil.copytree(stick.folder, other)
    named = [word.replace("@", str(other)) for word in typed]
    expected = [{"@": str(other), "here": str(stick.folder)}.get(word, word) for word in passed]
    assert stick.arguments(*named) == expected


def test_arguments_stay_as_they_were_typed(stick: Stick) -> None:
    typed = ["--set", "A=b  c", "", "*", "$HOME", "`id`", "'\"", "a\\n", "--", "-e", "ä", "--set=NCCL_X= "]
    assert stick.arguments(*typed) == ["install", str(stick.folder), *typed]


def test_a_line_break_in_an_argument_stays(stick: Stick) -> None:
    assert "<a\nb>\n" in stick.run("a\nb", "c").stdout


def test_it_runs_from_within_the_folder_and_from_a_relative_path(stick: Stick) -> None:
    for launcher, cwd in (("install", stick.folder), ("./install", stick.folder), ("a stick/install", None)):
        done = stick.run(launcher=launcher, cwd=cwd)
        assert f"<install>\n<{stick.folder}>\n" in done.stdout, done.stderr


def test_a_copy_of_the_launcher_installs_the_bundle_it_is_told(stick: Stick, tmp_path: Path) -> None:
    shutil.copy(stick.launcher, tmp_path / "install")
    done = stick.run("--bundle", "a stick", "--role", "head", launcher=str(tmp_path / "install"))
    assert f"<install>\n<{stick.folder}>\n<--role>\n<head>\n" in done.stdout


def test_only_named_variables_are_kept(stick: Stick) -> None:
    done = stick.run("environment")
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    names = {name for name in found if name not in {"PWD", "SHLVL", "_", "OLDPWD"}}
    assert names == {"PATH", "LD_LIBRARY_PATH", "VLLM_AIRGAP_RUNTIME", "TERM", "COLUMNS", "NO_COLOR", "TMPDIR"}
    assert (found["TMPDIR"], found["TERM"]) == (str(stick.temporary), "xterm")
    assert found["LD_LIBRARY_PATH"].startswith(str(stick.temporary))


def test_the_program_finds_the_checked_copy_of_the_runtime(stick: Stick) -> None:
    assert stick.run("runtime").stdout.endswith("same\n")


@pytest.mark.parametrize("code", [0, 1, 6, 20, 130])
def test_the_exit_code_is_passed_on_and_nothing_is_left(stick: Stick, code: int) -> None:
    assert stick.run(f"code={code}").returncode == code
    assert list(stick.temporary.iterdir()) == []


def test_a_changed_runtime_is_refused_and_not_unpacked(stick: Stick) -> None:
    with (stick.folder / "runtime.tar.gz").open("ab") as file:
        file.write(b"x")
    done = stick.run("--role", "head")
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith(f"error: {stick.folder}/runtime.tar.gz: content differs: expected sha256 ")
    assert list(stick.temporary.iterdir()) == []


def test_a_folder_without_a_runtime_is_named(stick: Stick) -> None:
    done = stick.run("--bundle", str(stick.temporary))
    assert (done.returncode, done.stderr) == (5, f"error: {stick.temporary}/runtime.tar.gz: missing\n")


def test_a_folder_that_is_not_there_is_a_problem_of_the_environment(stick: Stick) -> None:
    done = stick.run("--bundle", "/nowhere")
    assert done.returncode == 7
    assert "the bundle's folder cannot be entered" in done.stderr


def test_bundle_needs_a_folder(stick: Stick) -> None:
    done = stick.run("--role", "head", "--bundle")
    assert (done.returncode, done.stderr) == (2, "error: --bundle: needs a folder\n")


def test_a_temporary_folder_that_is_not_there_is_left_for_the_next(stick: Stick, tmp_path: Path) -> None:
    gone = Stick(stick.folder, tmp_path / "gone", stick.shell)
    done = gone.run("--role", "head")
    assert done.returncode == 0
    assert "/vllm-airgap." in done.stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 143)])
def test_a_signal_ends_it_and_leaves_nothing(stick: Stick, number: signal.Signals, code: int) -> None:
    with subprocess.Popen(
        (*stick.shell, stick.launcher, "wait"),
        env=stick.environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout
        while b"<wait>" not in process.stdout.readline():
            pass
        time.sleep(0.05)  # until the script waits itself
        os.killpg(process.pid, number)
        assert process.wait(10) == code
    assert list(stick.temporary.iterdir()) == []


def test_nothing_on_the_medium_is_written(stick: Stick) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in stick.folder.iterdir()}
    stick.run("--role", "head")
    assert {path.name: path.stat().st_mtime_ns for path in stick.folder.iterdir()} == before
