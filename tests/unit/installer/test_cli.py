import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from installer import __version__
from installer.cli import main
from tests.fakes.bundle import MadeBundle, Recipe, make_bundle, public_key
from tests.fakes.staged import spoil

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The program in this process, with the signals given back afterwards."""
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def run(*arguments: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["vllm-airgap", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, captured.out, captured.err)

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "release.pub"
    path.write_bytes(public_key().pem)
    return path


def test_a_whole_bundle_of_a_trusted_key_is_verified(run: Run, made: MadeBundle, key: Path) -> None:
    ended = run("verify", made.folder, "--trusted-key", key)
    assert (ended.code, ended.err) == (0, "")
    assert f"verified: {len(made.index.files)} files, by {public_key().fingerprint}" in ended.out


def test_a_fingerprint_is_an_anchor_as_people_write_it(run: Run, made: MadeBundle) -> None:
    digits = public_key().fingerprint
    for text in (digits.upper(), ":".join(digits[n : n + 2] for n in range(0, 64, 2))):
        assert run("verify", made.folder, "--fingerprint", text).code == 0


def test_without_an_anchor_nothing_is_called_verified(run: Run, made: MadeBundle) -> None:
    ended = run("verify", made.folder)
    assert ended.code == 3
    assert ended.err.startswith("error: intact, not authenticated\nhint: --trusted-key FILE")
    assert "verified" not in ended.out + ended.err
    assert public_key().fingerprint not in ended.out + ended.err


def test_damage_is_told_in_one_line(run: Run, tmp_path: Path, key: Path) -> None:
    made = make_bundle(tmp_path / "made", Recipe())
    spoil(made.folder / made.index.only("driver").path)
    ended = run("verify", made.folder, "--trusted-key", key, "-q")
    assert (ended.code, ended.out) == (5, "")
    assert ended.err.splitlines()[0].startswith(f"error: {made.index.only('driver').path}: content differs in chunk 0")
    assert "Traceback" not in ended.err


def test_a_folder_that_is_not_there_is_a_problem_of_the_environment(run: Run, key: Path) -> None:
    ended = run("verify", "/nowhere", "--trusted-key", key)
    assert (ended.code, ended.err.splitlines()[0]) == (7, "error: /nowhere: No such file or directory")


def test_an_install_without_a_role_is_no_mistake_yet(run: Run) -> None:
    """An earlier install may remember it; here another reason comes first, whoever runs this."""
    assert run("install", "/nowhere").code == 7


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("install", "--role", "Head"),
        ("install", "--role", "head,worker"),
        ("install", "--role"),
        ("install", "--nonsense"),
        ("install", "a", "b"),
        ("verify",),
        ("preflight", "--role", "king"),
        ("preflight", "-o", "yaml"),
    ],
)
def test_what_click_refuses_is_a_usage_error(run: Run, arguments: tuple[str, ...]) -> None:
    ended = run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: ")
    command = f" {arguments[0]}" if arguments and arguments[0] in {"preflight", "verify"} else ""
    assert ended.err.endswith(f"hint: sh install{command} --help\n")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("instal",), "'install'"),
        (("install", "--nods", "10.0.0.1"), "'--nodes'"),
        (("install", "/media/stick", "preflght", "--role", "head"), "'preflight'"),
        (("install", "/media/stick", "verfy"), "'verify'"),
        (("preflight", "--ignore-preflight", "gpu-bussy"), "'gpu-busy'"),
    ],
)
def test_a_mistyped_word_is_answered_by_the_one_that_was_meant(run: Run, typed: tuple[str, ...], meant: str) -> None:
    error, _ = run(*typed).err.splitlines()
    assert meant in error.partition(" Did you mean ")[2] or meant in error.partition("(Did you mean ")[2]


@pytest.mark.parametrize("command", ["preflight", "verify"])
def test_a_command_behind_its_options_is_answered_by_where_it_belongs(run: Run, command: str, key: Path) -> None:
    ended = run("install", "/media/stick", "--trusted-key", key, command)
    assert (ended.code, ended.out) == (2, "")
    error, hint = ended.err.splitlines()
    assert error == f"error: Got unexpected extra argument ({command})."
    assert hint == f"hint: the command comes first: sh install --bundle FOLDER {command} --trusted-key {key}"


def test_install_behind_its_options_is_answered_by_leaving_it_out(run: Run) -> None:
    ended = run("install", "/media/stick", "--role", "head", "install")
    error, hint = ended.err.splitlines()
    assert (ended.code, error) == (2, "error: Got unexpected extra argument (install).")
    assert hint == "hint: install is what it does without a word: leave that one out"


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("--fingerprint", "ab12", "not all 64 hex digits of a SHA-256"),
        ("--trusted-key", "/nowhere", "No such file or directory"),
    ],
)
def test_an_anchor_that_cannot_be_read_is_a_usage_error_with_a_hint(
    run: Run, option: str, value: str, error: str
) -> None:
    ended = run("verify", "x", option, value)
    assert (ended.code, ended.out) == (2, "")
    first, hint = ended.err.splitlines()
    assert first == f"error: {option} {value}: {error}"
    assert hint.startswith("hint: ")


def test_a_file_that_is_no_key_is_not_an_anchor(run: Run, made: MadeBundle, tmp_path: Path) -> None:
    (tmp_path / "x.pub").write_bytes(b"-----BEGIN PUBLIC KEY-----\n")
    assert run("verify", made.folder, "--trusted-key", tmp_path / "x.pub").code == 3


@pytest.mark.parametrize("arguments", [("--help",), ("install", "--help"), ("install", "-h"), ("verify", "-h")])
def test_help_is_no_error(run: Run, arguments: tuple[str, ...]) -> None:
    ended = run(*arguments)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("Usage: vllm-airgap")


@pytest.mark.parametrize("arguments", [(), ("install",), ("preflight",), ("verify",)])
def test_help_fits_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, *lines = run(*arguments, "--help").out.splitlines()
    assert [line for line in lines if len(line) > 80 or line.endswith("...")] == []


def test_the_version_is_told(run: Run) -> None:
    ended = run("--version")
    assert (ended.code, ended.out, ended.err) == (0, f"vllm-airgap {__version__}\n", "")


def test_bundle_is_in_the_help_of_what_the_launcher_starts(run: Run) -> None:
    for command in ("install", "preflight", "verify"):
        assert "--bundle DIRECTORY" in run(command, "--help").out


@pytest.mark.parametrize("command", ["install", "preflight"])
@pytest.mark.parametrize("name", ["nonsense", "libc", "options", "root", "driver", "gpu-held"])
def test_a_check_that_cannot_be_ignored_is_answered_by_those_that_can(run: Run, command: str, name: str) -> None:
    ended = run(command, "/nowhere", "--ignore-preflight", name)
    assert ended.code == 2
    hint = ended.err.splitlines()[1]
    assert hint.startswith("hint: these can be ignored: ")
    for known in ("space", "gpu-busy", "ports"):
        assert f" {known}," in hint


@pytest.fixture
def as_the_bundles_own(made: MadeBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the bundle's own launcher had started this program."""
    monkeypatch.setenv("VLLM_AIRGAP_RUNTIME", str(made.folder / "runtime.tar.gz"))


@pytest.mark.usefixtures("as_the_bundles_own")
def test_a_bundle_that_nobody_vouches_for_is_not_looked_at(run: Run, made: MadeBundle) -> None:
    ended = run("preflight", made.folder, "--role", "head")
    assert (ended.code, ended.out) == (3, "")


@pytest.mark.usefixtures("as_the_bundles_own")
@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (("--role", "king"), 2),
        (("--nods", "x"), 2),
        (("--ignore-preflight", "gpu-bussy"), 2),
        (("--trusted-key", "/nowhere"), 2),
        ((), 3),
    ],
)
@pytest.mark.parametrize("form", [("-o", "json"), ("-ojson",), ("--output", "json"), ("--output=json",)])
def test_a_script_reads_one_document_also_where_no_node_was_looked_at(
    run: Run, made: MadeBundle, typed: tuple[str, ...], code: int, form: tuple[str, ...]
) -> None:
    for arguments in ((*typed, *form), (*form, *typed)):
        ended = run("preflight", made.folder, *arguments)
        found = json.loads(ended.out)
        assert found.keys() == {"format", "error", "hint", "exit_code"}
        assert (found["format"], found["exit_code"], ended.code) == (1, code, code)
        assert ended.err == f"error: {found['error']}\nhint: {found['hint']}\n"


@pytest.mark.usefixtures("as_the_bundles_own")
def test_what_was_told_by_the_nodes_document_is_not_told_by_another(run: Run, made: MadeBundle, key: Path) -> None:
    """No role was typed: one finding of those of the node."""
    ended = run("preflight", made.folder, "--trusted-key", key, "-o", "json")
    assert ended.code in (2, 6)
    assert "options" in [found["name"] for found in json.loads(ended.out)["findings"]]


@pytest.mark.usefixtures("as_the_bundles_own")
def test_who_would_listen_is_told_what_that_needs(run: Run, made: MadeBundle, key: Path) -> None:
    ended = run("preflight", made.folder, "--trusted-key", key, "--listen")
    error, hint = ended.err.splitlines()
    assert (ended.code, error) == (2, "error: --listen: --nodes is missing: they alone are answered")
    assert hint.startswith("hint: --nodes IP,IP,... ")


@pytest.mark.usefixtures("as_the_bundles_own")
def test_who_listens_writes_no_document(run: Run, made: MadeBundle) -> None:
    """It tells lines as the others come, for hours: a script that reads one document is refused at once."""
    ended = run("preflight", made.folder, "--listen", "--nodes", "10.0.0.1,10.0.0.2", "-o", "json")
    found = json.loads(ended.out)
    assert (found["exit_code"], ended.code) == (2, 2)
    assert found["error"] == "--listen: it tells who asks, line by line, and has no document for -o json"
    assert found["hint"].endswith(" preflight --nodes 10.0.0.1,10.0.0.2 --listen")
    assert ended.err == f"error: {found['error']}\nhint: {found['hint']}\n"


def test_how_long_it_listens_is_in_its_help(run: Run) -> None:
    assert "Ends after 4 hours, or with Ctrl-C." in " ".join(run("preflight", "--help").out.split())


def test_what_is_placed_does_not_depend_on_the_callers_umask(run: Run) -> None:
    before = os.umask(0o777)
    run("--help")
    assert os.umask(before) == 0o022


@pytest.mark.parametrize(
    ("streams", "anchored", "code"),
    [
        (">&-", True, 0),
        ("2>&-", False, 3),
        ("<&- >&- 2>&-", False, 3),
        (">/dev/full 2>/dev/full", True, 0),
        ("| true", True, 0),
    ],
)
def test_output_that_nobody_takes_changes_no_exit_code(
    made: MadeBundle, key: Path, tmp_path: Path, streams: str, *, anchored: bool, code: int
) -> None:
    text = 'import sys; from installer.cli import main; sys.argv[0] = "vllm-airgap"; main()'
    script = f'{{ "$@"; echo $? >"{tmp_path}/code"; }} {streams}'
    anchor = ("--trusted-key", str(key)) if anchored else ()
    program = (sys.executable, "-c", text, "verify", str(made.folder), *anchor)
    subprocess.run(("sh", "-c", script, "sh", *program), check=False, capture_output=True)
    assert int((tmp_path / "code").read_text()) == code


def test_what_only_systemd_calls_is_not_shown(run: Run) -> None:
    assert "run-node" not in run("--help").out


ASKING = """
import sys, time
from types import SimpleNamespace as Some
from installer.cli.install_command import confirm
from installer.stop_request import InterruptedRunError, StopRequest
plan = Some(index=Some(name="demo"), site=Some(role="head"))
try:
    confirm(Some(plan=plan), StopRequest(time.monotonic), yes=False)
except InterruptedRunError as error:
    sys.exit(128 + error.number)
"""


def interrupted(process: subprocess.Popen[bytes]) -> int | None:
    """As a person does it, again if nothing happens: one that comes just before the read begins is not heard by it."""
    for _ in range(50):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=0.2)
    return None


def test_a_signal_at_the_question_ends_the_program() -> None:
    ours, its = pty.openpty()
    with subprocess.Popen((sys.executable, "-c", ASKING), stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 1000)
        try:
            assert interrupted(process) == 130
        finally:
            process.kill()
    os.close(ours)
