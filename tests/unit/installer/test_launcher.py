"""The launcher, run by every shell of this machine, with a shell script in the place of Python."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bundler.sources.runtime.packing import _MAIN_TEXT
from tests.fakes.bundle import tar_gz

LAUNCHER = Path(__file__).parents[3] / "installer/launcher.sh"
# It tells its arguments and environment; its last argument may ask it to do something else.
# As the program does, it takes any of three signals as a wish to stop, and stops a little later.
STOPPING = """
import os, signal, sys, time
def say(*words):
    os.write(1, (" ".join(map(str, words)) + chr(10)).encode())
def ask(number, frame):
    say("asked", signal.Signals(number).name)
    asked.append(number)
asked = []
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, ask)
say("ready")
for _ in range(1000):
    if asked:
        break
    time.sleep(0.01)
time.sleep(0.3)
say("stopped", os.path.exists(os.environ["VLLM_AIRGAP_RUNTIME"]))
sys.exit(143 if asked[0] == signal.SIGHUP else 128 + asked[0])
"""
PYTHON = f"""#!/bin/sh
[ "$3" != -c ] || exit 0
for argument; do last=$argument; printf '<%s>\\n' "$argument"; done
case $last in
    code=*) exit "${{last#code=}}" ;;
    environment) env ;;
    wait) exec {sys.executable} -c '{STOPPING}' ;;
    early) exec {sys.executable} -I -B "$3" ;;
    question) read -r answer; echo "answer $answer" ;;
    runtime) cmp "$VLLM_AIRGAP_RUNTIME" "$5/runtime.tar.gz" && echo same ;;
esac
""".encode()
# In the place of the program's many imports, which take a while.
IMPORTING = b"""
import os, time
os.write(1, b"importing" + b"\\n")
time.sleep(5)
def main():
    return 0
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
    program = {"program/__main__.py": _MAIN_TEXT.encode(), "program/installer/cli.py": IMPORTING}
    runtime = tar_gz({"python/bin/python3": PYTHON, **program})
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
        (("preflight", "--role", "head"), ["preflight", "here", "--role", "head"]),
        (("--bundle", "@", "preflight", "-o", "json"), ["preflight", "@", "-o", "json"]),
        (("--role", "head", "verify"), ["install", "here", "--role", "head", "verify"]),
        (("--trusted-key", "verify", "-y"), ["install", "here", "--trusted-key", "verify", "-y"]),
        (("install",), ["install", "here"]),
        (("install", "--role", "head"), ["install", "here", "--role", "head"]),
        (("install", "preflight"), ["install", "here", "preflight"]),
        (("verify", "install"), ["verify", "here", "install"]),
        (("preflight", "--bundle", "@", "install"), ["preflight", "@", "install"]),
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
    typed = {"VLLM_AIRGAP_LAUNCHER", "VLLM_AIRGAP_BUNDLE"}
    assert names == {"PATH", "LD_LIBRARY_PATH", "VLLM_AIRGAP_RUNTIME", "TERM", "COLUMNS", "NO_COLOR", "TMPDIR"} | typed
    assert (found["TMPDIR"], found["TERM"]) == (str(stick.temporary), "xterm")
    assert found["LD_LIBRARY_PATH"].startswith(str(stick.temporary))


def test_the_program_learns_what_was_typed(stick: Stick, tmp_path: Path) -> None:
    """So that its hints name what can be typed again."""
    shutil.copy(stick.launcher, tmp_path / "a copy")
    said = stick.run("--bundle", "a stick", "environment", launcher="./a copy").stdout
    assert "VLLM_AIRGAP_LAUNCHER=./a copy\n" in said
    assert "VLLM_AIRGAP_BUNDLE=a stick\n" in said
    assert "VLLM_AIRGAP_BUNDLE=\n" in stick.run("environment").stdout


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


def test_a_copy_that_is_told_no_bundle_asks_for_it(stick: Stick, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    copy = shutil.copy(stick.launcher, str(tmp_path / "root/install"))
    done = stick.run("--role", "head", launcher=copy)
    hint = f"hint: name the folder that holds install and SHA256SUMS: sh {copy} --bundle FOLDER ...\n"
    error = f"error: {tmp_path}/root: no bundle is in this folder\n"
    assert (done.returncode, done.stdout, done.stderr) == (7, "", f"{error}{hint}")


@pytest.mark.parametrize("typed", [("--help",), ("-h",), ("preflight", "--help"), ("verify", "-h", "-q")])
@pytest.mark.parametrize("place", ["beside it", "/nowhere"])
def test_help_needs_no_bundle(stick: Stick, tmp_path: Path, typed: tuple[str, ...], place: str) -> None:
    (tmp_path / "root").mkdir()
    copy = shutil.copy(stick.launcher, str(tmp_path / "root/install"))
    named = () if place == "beside it" else ("--bundle", place)
    done = stick.run(*named, *typed, launcher=copy)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: sh {copy} [--bundle FOLDER]")
    command = "" if typed[0].startswith("-") else f" {typed[0]}"
    assert done.stdout.endswith(f"\n  sh {copy} --bundle FOLDER{command} --help\n")
    assert [line for line in done.stdout.splitlines() if len(line.replace(str(tmp_path), "")) > 80] == []
    assert f"There is no whole one in {tmp_path / 'root' if place == 'beside it' else place}.\n" in done.stdout


@pytest.mark.parametrize("command", [(), ("install",), ("preflight",), ("verify",)])
@pytest.mark.parametrize("folder", ["empty", "gone"])
def test_a_folder_without_a_bundle_is_a_problem_of_the_environment_for_every_command(
    stick: Stick, command: tuple[str, ...], folder: str
) -> None:
    (stick.temporary / "empty").mkdir()
    done = stick.run(*command, "--bundle", str(stick.temporary / folder))
    assert (done.returncode, done.stdout) == (7, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith(f"error: {stick.temporary / folder}: ")
    assert hint.startswith("hint: name the folder that ")


def test_a_bundle_without_its_runtime_is_damaged(stick: Stick) -> None:
    (stick.temporary / "SHA256SUMS").touch()
    done = stick.run("--bundle", str(stick.temporary))
    hint = "hint: copy the bundle again from where it was built\n"
    assert (done.returncode, done.stderr) == (5, f"error: {stick.temporary}/runtime.tar.gz: missing\n{hint}")


def test_a_folder_that_is_not_there_is_a_problem_of_the_environment(stick: Stick) -> None:
    """In the launcher's own words: nothing of what the shell says is shown."""
    done = stick.run("--bundle", "/nowhere")
    error, hint = done.stderr.splitlines()
    assert (done.returncode, error) == (7, "error: /nowhere: there is no folder that can be entered")
    assert hint == f"hint: name the folder that holds install and SHA256SUMS: sh {stick.launcher} --bundle FOLDER ..."


@pytest.mark.parametrize("typed", [("--bundle",), ("--bundle", ""), ("--bundle=",)])
def test_bundle_needs_a_folder(stick: Stick, typed: tuple[str, ...]) -> None:
    done = stick.run("--role", "head", *typed)
    hint = f"hint: name the folder that holds install and SHA256SUMS: sh {stick.launcher} --bundle FOLDER ...\n"
    assert (done.returncode, done.stderr) == (2, f"error: --bundle: needs a folder\n{hint}")


def test_a_temporary_folder_that_is_not_there_is_left_for_the_next(stick: Stick, tmp_path: Path) -> None:
    gone = Stick(stick.folder, tmp_path / "gone", stick.shell)
    done = gone.run("--role", "head")
    assert done.returncode == 0
    assert "/vllm-airgap." in done.stdout


SIGNALS = pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 143)]
)


def waiting(stick: Stick) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """The launcher, once its program has begun."""
    return starting(stick, "wait", b"ready\n")


@contextmanager
def starting(stick: Stick, what: str, sign: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """The launcher, once its program has printed ``sign``."""
    with subprocess.Popen(
        (*stick.shell, stick.launcher, what),
        env=stick.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout
        assert any(line == sign for line in process.stdout)
        yield process


@SIGNALS
def test_a_signal_to_the_launcher_alone_is_passed_on_and_its_clean_stop_waited_for(
    stick: Stick, number: signal.Signals, code: int
) -> None:
    with waiting(stick) as process:
        process.send_signal(number)
        out, _ = process.communicate(timeout=10)
    assert (process.returncode, out.decode().splitlines()) == (code, [f"asked {number.name}", "stopped True"])
    assert list(stick.temporary.iterdir()) == []


@SIGNALS
@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["launcher alone", "both"])
def test_a_signal_before_the_program_listens_ends_it_silently(
    stick: Stick, number: signal.Signals, code: int, send: Callable[[int, int], None]
) -> None:
    """A shell starts what runs in the background with SIGINT ignored."""
    with starting(stick, "early", b"importing\n") as process:
        send(process.pid, number)
        _, said = process.communicate(timeout=4)
    assert (process.returncode, b"Traceback" in said) == ({143: 128 + number, 130: 130}[code], False)
    assert list(stick.temporary.iterdir()) == []


@SIGNALS
def test_a_signal_to_launcher_and_program_leaves_nothing_either(
    stick: Stick, number: signal.Signals, code: int
) -> None:
    """As Ctrl-C does it."""
    with waiting(stick) as process:
        os.killpg(process.pid, number)
        out, _ = process.communicate(timeout=10)
    assert (process.returncode, out.decode().splitlines()[-1]) == (code, "stopped True")
    assert list(stick.temporary.iterdir()) == []


def test_a_second_signal_is_passed_on_too(stick: Stick) -> None:
    with waiting(stick) as process:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
    assert out.decode().splitlines() == ["asked SIGTERM", "asked SIGINT", "stopped True"]
    assert process.returncode == 143


def test_what_a_killed_run_left_goes_with_the_next(stick: Stick) -> None:
    with waiting(stick) as process:
        os.killpg(process.pid, signal.SIGKILL)
    assert len(list(stick.temporary.iterdir())) == 1
    assert stick.run("code=0").returncode == 0
    assert list(stick.temporary.iterdir()) == []


def test_a_program_whose_launcher_was_killed_keeps_what_it_runs_from(stick: Stick) -> None:
    with waiting(stick) as process:
        process.kill()
        process.wait()
        assert stick.run("code=0").returncode == 0
        assert len(list(stick.temporary.iterdir())) == 1
        os.killpg(process.pid, signal.SIGTERM)
        out, _ = process.communicate(timeout=10)
    assert out.decode().splitlines()[-1] == "stopped True"
    stick.run("code=0")
    assert list(stick.temporary.iterdir()) == []


def test_a_run_beside_another_takes_nothing_from_it(stick: Stick) -> None:
    with waiting(stick) as process:
        assert stick.run("code=0").returncode == 0
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=10)
    assert out.decode().splitlines()[-1] == "stopped True"


def test_what_only_looks_like_it_stays(stick: Stick) -> None:
    """Not unpacked by a launcher: empty, a bundle, another's through a link, or by another name."""
    bundle = shutil.copytree(stick.folder, stick.temporary / "vllm-airgap.run.aBundle789")
    (bundle / "SHA256SUMS").touch()
    (stick.temporary / "vllm-airgap.run.empty67890").mkdir()
    shutil.copytree(stick.folder, stick.temporary / "vllm-airgap.2026111234")
    (stick.temporary / "vllm-airgap.run.link567890").symlink_to("vllm-airgap.2026111234")
    before = sorted(stick.temporary.rglob("*"))
    assert stick.run("code=0").returncode == 0
    assert sorted(stick.temporary.rglob("*")) == before


def test_without_flock_it_runs_all_the_same(stick: Stick, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in "sh dash bash busybox cp env gzip id find mktemp rm sha256sum tar uname cmp".split():
        if path := shutil.which(name):
            (tools / name).symlink_to(path)
    environment = {**stick.environment, "PATH": str(tools)}
    command = (*stick.shell, stick.launcher, "code=20")
    done = subprocess.run(command, env=environment, check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (20, b"")


def test_the_program_can_ask(stick: Stick) -> None:
    done = subprocess.run(
        (*stick.shell, stick.launcher, "question"),
        env=stick.environment,
        input=b"yes\n",
        stdout=subprocess.PIPE,
        check=True,
        timeout=10,
    )
    assert done.stdout.endswith(b"answer yes\n")


def test_a_closed_standard_input_is_no_obstacle(stick: Stick) -> None:
    program = ("sh", "-c", 'exec "$@" <&-', "sh", *stick.shell, stick.launcher, "code=20")
    assert subprocess.run(program, env=stick.environment, check=False, capture_output=True).returncode == 20


def test_another_machine_is_refused(stick: Stick, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    uname = tmp_path / "bin/uname"
    uname.write_text("#!/bin/sh\necho aarch64\n")
    uname.chmod(0o755)
    environment = {**stick.environment, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    command = (*stick.shell, stick.launcher)
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr == "error: this machine is aarch64, the bundle is for x86_64\n"


def test_another_c_library_is_refused(stick: Stick) -> None:
    """As on musl: the loader that Python names is not there."""
    elsewhere = Path("/bin/true").read_bytes().replace(b"/lib64/ld-linux-x86-64.so.2", b"/lib64/ld-nowhere-86-64.so2")
    runtime = tar_gz({"python/bin/python3": elsewhere, "program": b""})
    (stick.folder / "runtime.tar.gz").write_bytes(runtime)
    text = LAUNCHER.read_text().replace("@RUNTIME_SHA256@", hashlib.sha256(runtime).hexdigest())
    (stick.folder / "install").write_text(text)
    done = stick.run()
    assert (done.returncode, done.stdout) == (6, "")
    assert "this bundle is not for this machine's C library: " in done.stderr
    assert list(stick.temporary.iterdir()) == []


def test_nothing_on_the_medium_is_written(stick: Stick) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in stick.folder.iterdir()}
    stick.run("--role", "head")
    assert {path.name: path.stat().st_mtime_ns for path in stick.folder.iterdir()} == before
