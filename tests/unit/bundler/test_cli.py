"""What people type, and the exit codes their scripts see."""

import errno
import io
import json
from pathlib import Path

import click
import pytest

from bundler.cli import bundle, making_commands, run
from bundler.lock import PARTS
from bundler.signing import load_key, write_signature
from bundler.sources.parts import SOURCES
from installer import __version__
from tests.unit.bundler.making import Site

Output = pytest.CaptureFixture[str]


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def out(site: Site) -> str:
    return str(site.build().folder)


@pytest.mark.parametrize("arguments", [("fly",), ("verify",), ("verify", "x", "--fast"), ("build", "x")])
def test_a_mistyped_command_is_2(arguments: tuple[str, ...], capsys: Output) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr().err.startswith("Usage: bundle")


def test_help_is_there_for_every_command(capsys: Output) -> None:
    for name in bundle.list_commands(click.Context(bundle)):
        assert run((name, "-h")) == 0
    assert "--fingerprint" in capsys.readouterr().out


@pytest.mark.parametrize("of", [(), ("cache",)])
def test_no_summary_is_cut_in_a_terminal_of_80_columns(of: tuple[str, ...], capsys: Output) -> None:
    assert run((*of, "-h")) == 0
    _, _, commands = capsys.readouterr().out.partition("Commands:\n")
    assert commands
    assert "..." not in commands
    assert max(map(len, commands.splitlines())) < 80


def test_every_part_that_can_be_updated_is_named(capsys: Output) -> None:
    assert run(("lock", "-h")) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert set(PARTS) == set(SOURCES)
    assert f"the part NAME ({', '.join(PARTS)})" in said


def test_the_version_is_told(capsys: Output) -> None:
    assert run(("--version",)) == 0
    assert capsys.readouterr().out == f"bundle {__version__}\n"


def test_an_error_is_one_line_and_a_hint(site: Site, capsys: Output) -> None:
    site.rewrite("sequence: 7", "sequenze: 7")
    assert run(("lint", str(site.manifest))) == 2
    assert capsys.readouterr().err.splitlines()[0] == f"error: {site.manifest}: sequenze: unknown key"


def test_each_of_several_mistakes_is_an_error_with_its_hint(site: Site, capsys: Output) -> None:
    site.rewrite("sequence: 7", "sequenze: 7")
    site.rewrite("version: 27.4.0", "vresion: 27.4.0")
    assert run(("lint", str(site.manifest))) == 2
    lines = capsys.readouterr().err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    told = ("sequenze: unknown key", "docker.vresion: unknown key", "docker.version: missing")
    assert errors == [f"error: {site.manifest}: {text}" for text in told]
    assert sum(line.startswith("hint: known here: ") for line in lines) == 2


def test_a_missing_manifest_says_how_to_get_one(tmp_path: Path, capsys: Output) -> None:
    assert run(("lint", str(tmp_path / "m.yaml"))) == 2
    assert "hint: name a manifest; `bundle init FILE` writes a first one" in capsys.readouterr().err


def test_init_writes_a_manifest_and_never_over_one(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "m.yaml"
    assert run(("init", str(path))) == 0
    path.write_text("mine")
    assert run(("init", str(path))) == 2
    assert path.read_text() == "mine"


def test_init_in_a_folder_that_is_not_there_says_how_to_make_it(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "no dir" / "m.yaml"
    assert run(("init", str(path))) == 2
    assert capsys.readouterr().err == f"error: {path.parent}: no such folder\nhint: mkdir -p '{path.parent}'\n"


def test_lint_says_everything_and_exits_as_the_first(site: Site, capsys: Output) -> None:
    assert run(("lint", str(site.manifest))) == 0
    (site.model / "a.pkl").touch()
    (site.model / "b.py").touch()
    assert run(("lint", str(site.manifest))) == 6
    assert capsys.readouterr().err.count("error [") == 2


def test_lint_refuses_a_broken_lock(site: Site) -> None:
    site.manifest.with_suffix(".lock").write_text("<<<<")
    assert run(("lint", str(site.manifest))) == 2


def test_verify_without_an_anchor_is_3(out: str, capsys: Output) -> None:
    assert run(("verify", out)) == 3
    text = capsys.readouterr().out
    assert "intact, not authenticated" in text
    assert "verified" not in text


def test_no_fingerprint_is_shown_that_only_the_medium_knows(site: Site, out: str, capsys: Output) -> None:
    for arguments in ((), ("-o", "json"), ("--quick",)):
        assert run(("verify", out, *arguments)) == 3
    assert site.key.public.fingerprint not in "".join(capsys.readouterr())


def test_verify_with_an_anchor_is_0(site: Site, out: str, capsys: Output) -> None:
    assert run(("verify", out, "--trusted-key", str(site.public_key))) == 0
    assert f"{out}: verified" in capsys.readouterr().out
    spaced = ":".join(site.key.public.fingerprint.upper()[n : n + 2] for n in range(0, 64, 2))
    assert run(("verify", out, "--fingerprint", spaced, "-o", "json")) == 0
    assert json.loads(capsys.readouterr().out)["signers"] == [site.key.public.fingerprint]


@pytest.mark.parametrize("digits", ["abcdef", "0" * 16, "0" * 63 + "g", "0" * 65, ""])
def test_a_fingerprint_is_all_of_its_digits(out: str, digits: str) -> None:
    assert run(("verify", out, "--fingerprint", digits)) == 2


def test_a_key_that_is_none_is_no_anchor(site: Site, out: str) -> None:
    assert run(("verify", out, "--trusted-key", str(site.manifest))) == 3
    assert run(("verify", out, "--trusted-key", "none")) == 2


def test_verify_of_an_unsigned_bundle_says_how_to_sign(site: Site, capsys: Output) -> None:
    out = str(site.build_unsigned("unsigned").folder)
    for anchor in ((), ("--trusted-key", str(site.public_key))):
        assert run(("verify", out, *anchor)) == 3
        assert "hint: `bundle sign DIR --key KEY` signs it where it was built" in capsys.readouterr().err


def test_verify_of_no_bundle(tmp_path: Path) -> None:
    assert run(("verify", str(tmp_path / "none"))) == 7
    assert run(("verify", str(tmp_path))) == 3


@pytest.mark.parametrize(
    ("damage", "code", "verdict"),
    [
        ("SHA256SUMS", 3, "not authentic"),
        ("bundle.json", 5, "content differs"),
        ("driver/driver.run", 5, "content differs"),
    ],
)
def test_a_script_reads_one_document_also_when_verify_fails(
    site: Site, out: str, capsys: Output, damage: str, code: int, verdict: str
) -> None:
    path = Path(out, damage)
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.unlink()
    path.write_bytes(content)
    assert run(("verify", out, "--trusted-key", str(site.public_key), "-o", "json")) == code
    written = capsys.readouterr()
    document = json.loads(written.out)
    assert (document["verdict"], document["authenticated"], document["exit_code"]) == (verdict, code == 5, code)
    assert f"error: {document['error']}" in written.err.splitlines()
    assert damage in document["error"]


def test_the_document_tells_the_exit_code(site: Site, out: str, tmp_path: Path, capsys: Output) -> None:
    anchored = ("--trusted-key", str(site.public_key))
    for arguments, code in (((out, *anchored), 0), ((out,), 3), ((str(tmp_path / "none"), *anchored), 7)):
        assert run(("verify", *arguments, "-o", "json")) == code
        document = json.loads(capsys.readouterr().out)
        assert document["exit_code"] == code
        assert document["authenticated"] is {0: True, 3: False, 7: None}[code]


def test_damage_that_no_anchor_vouches_against_is_not_called_authentic(out: str, capsys: Output) -> None:
    Path(out, "stray").touch()
    assert run(("verify", out, "-o", "json")) == 5
    assert json.loads(capsys.readouterr().out)["authenticated"] is None


def test_a_malformed_bundle_is_told_as_one_document(site: Site, out: str, capsys: Output) -> None:
    Path(out, "SHA256SUMS").write_bytes(b"nonsense\n")
    write_signature(Path(out), b"nonsense\n", site.key)
    assert run(("verify", out, "--trusted-key", str(site.public_key), "-o", "json")) == 4
    assert json.loads(capsys.readouterr().out)["verdict"] == "malformed"


def test_inspect_prints_the_index(out: str, capsys: Output) -> None:
    assert run(("inspect", out)) == 0
    assert "tiny" in capsys.readouterr().out
    assert run(("inspect", out, "-o", "json")) == 0
    assert capsys.readouterr().out.encode() == Path(out, "bundle.json").read_bytes()


def test_keygen_and_sign(site: Site, out: str, capsys: Output) -> None:
    phrase = site.folder / "phrase"
    phrase.write_text("open sesame\n")
    name = site.folder / "second"
    assert run(("keygen", str(name), "--passphrase-file", str(phrase))) == 0
    fingerprint = load_key(name.with_suffix(".key"), lambda: b"open sesame").public.fingerprint
    assert fingerprint in capsys.readouterr().out
    sign = ("sign", out, "--key", str(name.with_suffix(".key")), "--passphrase-file", str(phrase), "-y")
    assert run(sign) == 0
    shown = capsys.readouterr().out
    assert "sequence     7" in shown
    assert "target       x86_64" in shown
    assert "allowed      nothing by name" in shown
    assert run(("verify", out, "--fingerprint", fingerprint)) == 0


def test_keygen_without_anybody_to_ask_is_2_and_makes_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run(("keygen", str(tmp_path / "release"))) == 2
    assert "--no-passphrase" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_keygen_makes_an_unencrypted_key_where_it_is_told_to(tmp_path: Path) -> None:
    name = tmp_path / "release"
    assert run(("keygen", str(name), "--no-passphrase")) == 0
    assert b"ENCRYPTED" not in name.with_suffix(".key").read_bytes()


def test_a_passphrase_file_that_holds_none_says_what_it_should(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "empty").touch()
    for name in ("none", "empty"):
        assert run(("keygen", str(tmp_path / "k"), "--passphrase-file", str(tmp_path / name))) == 2
        assert "hint: --passphrase-file names a file whose first line is the passphrase\n" in capsys.readouterr().err


def test_keygen_takes_one_word_about_the_passphrase(tmp_path: Path, capsys: Output) -> None:
    phrase = tmp_path / "phrase"
    phrase.write_text("open sesame\n")
    assert run(("keygen", str(tmp_path / "k"), "--passphrase-file", str(phrase), "--no-passphrase")) == 2
    assert "exclude each other" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [phrase]


def test_sign_and_inspect_show_what_was_allowed_by_name(site: Site, capsys: Output) -> None:
    site.rewrite("tiny-model", "tiny-model, allow: [pickle, code]")
    site.rewrite("sequence: 7", "sequence: 7\nserve: {allow: [trust-remote-code]}")
    out = str(site.build().folder)
    allowed = "model: pickle, code; serve: trust-remote-code"
    assert run(("sign", out, "-y", "--key", str(site.folder / "release.key"))) == 0
    assert f"allowed      {allowed}" in capsys.readouterr().out
    assert run(("inspect", out)) == 0
    assert f"allowed        {allowed}" in capsys.readouterr().out


def test_sign_asks_first(site: Site, out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(Path(out, "signatures").iterdir())
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert run(("sign", out, "--key", str(site.folder / "release.key"))) == 2
    assert sorted(Path(out, "signatures").iterdir()) == before


def test_sign_without_anybody_to_ask_is_2(
    site: Site, out: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run(("sign", out, "--key", str(site.folder / "release.key"))) == 2
    assert "hint: pass --yes" in capsys.readouterr().err


def test_an_encrypted_key_without_anybody_to_ask_is_2(site: Site, out: str, capsys: Output) -> None:
    phrase = site.folder / "phrase"
    phrase.write_text("x")
    run(("keygen", str(site.folder / "k"), "--passphrase-file", str(phrase)))
    with phrase.open() as stdin, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", stdin)
        assert run(("sign", out, "-y", "--key", str(site.folder / "k.key"))) == 2
    assert "--passphrase-file" in capsys.readouterr().err


def test_a_key_that_others_may_read_is_warned_of(site: Site, out: str, capsys: Output) -> None:
    (site.folder / "release.key").chmod(0o644)
    for quiet in ((), ("-q",)):
        assert run(("sign", out, "-y", "--key", str(site.folder / "release.key"), *quiet)) == 0
        assert "warning: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "code"),
    [(OSError(errno.ENOSPC, "No space left on device", "x"), 7), (PermissionError(errno.EACCES, "denied"), 7)],
)
def test_what_the_system_refuses_is_7(
    raised: OSError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(making_commands.init, "callback", fail)
    assert run(("init",)) == code
    assert str(raised.strerror) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "code", "word"),
    [(KeyboardInterrupt(), 130, "interrupted"), (SystemExit(143), 143, "terminated")],
)
def test_a_stopped_command_says_so(
    raised: BaseException, code: int, word: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(making_commands.init, "callback", stop)
    assert run(("init",)) == code
    assert capsys.readouterr().err.splitlines()[-1] == word
    monkeypatch.setattr(making_commands.lock, "callback", stop)
    assert run(("lock", "m.yaml")) == code
    assert capsys.readouterr().err.splitlines()[-1] == f"{word}; the same command goes on where this one ended"


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(making_commands.init, "callback", bug)
    with pytest.raises(ZeroDivisionError):
        run(("init",))
