"""`bundle init`, `lock` and `build`."""

import importlib.resources
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bundler.build import build as build_bundle
from bundler.build import lock_manifest
from bundler.cache import Cache, cache_folder
from bundler.cli import options
from bundler.cli.findings import show, warnings_of
from bundler.cli.signing_commands import open_key
from bundler.cli.summary import show_built, show_locked
from bundler.console import Console
from bundler.http.client import Client
from bundler.http.patience import Patience
from bundler.lint import Case, before_build, findings
from bundler.lock import lock_path, read_lock
from bundler.manifest import Manifest, read_manifest
from bundler.resolve import wanted_parts
from bundler.sources.parts import SOURCES
from bundler.workplace import Workplace
from installer.errors import UsageError


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default="manifest.yaml")
@options.console_options
def init(console: Console, file: Path) -> None:
    """Write a first, commented manifest to FILE."""
    starter = importlib.resources.files("bundler").joinpath("starter.yaml").read_text("utf-8")
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(starter)
    except FileExistsError as error:
        raise UsageError(f"{file}: exists and is left as it is", hint="name another file") from error
    except FileNotFoundError as error:
        raise UsageError(f"{file.parent}: no such folder", hint=f"mkdir -p {shlex.quote(str(file.parent))}") from error
    console.say(f"{file}: fill it in, then `bundle lint {file}`")


@click.command()
@options.manifest_argument
@options.update_option
@options.jobs_option
@options.console_options
def lock(console: Console, manifest: Path, update: str | None, jobs: int) -> None:
    """Resolve MANIFEST: write down every file by its digest."""
    parsed = read_manifest(manifest)
    parts = tuple(wanted_parts(parsed)) if update == "" else (update,) if update else ()
    with _workplace(console, jobs) as work:
        found = lock_manifest(parsed, parts, SOURCES, work)
    show(warnings_of(findings(_case(parsed))), console)
    show_locked(found, lock_path(manifest), console)


@click.command()
@options.manifest_argument
@options.target_option
@options.key_option
@options.passphrase_option
@options.jobs_option
@options.console_options
def build(
    console: Console, manifest: Path, target: Path, key: Path | None, passphrase_file: Path | None, jobs: int
) -> None:
    """Make the bundle of MANIFEST in the new folder DIR, and sign it."""
    start = time.monotonic()
    parsed = read_manifest(manifest)
    known = warnings_of(findings(_case(parsed)))
    show(known, console)
    signing_key = open_key(key, passphrase_file, console) if key else None
    with _workplace(console, jobs) as work:
        built = build_bundle(parsed, target, signing_key, SOURCES, work)
    show([finding for finding in warnings_of(findings(_case(parsed))) if finding not in known], console)
    if built.warning:
        console.warn(built.warning)
    show_built(built, time.monotonic() - start, console)


def _case(manifest: Manifest) -> Case:
    return before_build(manifest, read_lock(lock_path(manifest.path)), Cache(cache_folder(os.environ)))


@contextmanager
def _workplace(console: Console, jobs: int) -> Iterator[Workplace]:
    with Client(Patience(tell=console.tell)) as client:
        yield Workplace(Cache(cache_folder(os.environ)), console.meter, console.tell, client, jobs)
