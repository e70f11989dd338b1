"""The last lines of a build: sizes, where the bytes came from, and what to write down."""

from dataclasses import replace

import pytest

from bundler.cli.summary import show_built
from bundler.console import Console
from bundler.sizes import in_units
from tests.unit.bundler.making import Site


def lines(out: str) -> dict[str, str]:
    return {line[:16].strip(): line[16:] for line in out.splitlines()}


def test_a_build_says_what_came_from_where(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=False, progress=False)
    show_built(site.build("first"), 61.25, console)
    first = lines(capsys.readouterr().out)
    assert first["from the cache"] == first["fetched"] == "0 B"
    assert first["of this machine"] == first["size"].partition(" in ")[0]
    assert first["time"] == "61.2 s"
    there = {path.name for path in (site.folder / "cache/sha256").rglob("*")}
    again = site.build("second")
    show_built(again, 1, console)
    second = lines(capsys.readouterr().out)
    cached = [file for file in again.sealed.index.files if file.sha256 in there and file.kind != "runtime"]
    assert again.cached == sum(file.size for file in cached) > 0
    assert {file.kind for file in again.sealed.index.files} - {file.kind for file in cached} == {"runtime", "launcher"}
    assert second["from the cache"] != "0 B"
    assert second["of this machine"] == in_units(again.size - again.cached)
    assert second["size"] == first["size"]


def test_what_must_be_written_down_fits_a_terminal(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    built = site.build()
    show_built(built, 1, Console(quiet=False, progress=False))
    *_, install, key = capsys.readouterr().out.splitlines()
    assert (install, key) == (f"install sha256  {built.launcher_sha256}", f"key fingerprint {built.fingerprint}")
    assert max(len(install), len(key)) <= 80


def test_without_a_key_the_next_command_is_said(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    built = replace(site.build(), fingerprint="")
    show_built(built, 1, Console(quiet=False, progress=False))
    assert capsys.readouterr().out.splitlines()[-1] == f"not signed yet  bundle sign {built.folder} --key KEY"
