"""`bundle init`, `lint`, `lock` and `build`."""

import importlib.resources
import os
import time
from pathlib import Path

import click

from bundler.build import Built, lock_manifest
from bundler.build import build as build_bundle
from bundler.cache import Cache, cache_folder
from bundler.cli import options
from bundler.cli.signing_commands import open_key
from bundler.console import Console, show_error
from bundler.lint import known_backend, lock_problems, problems, warnings
from bundler.lock import Backend, lock_path, read_lock
from bundler.manifest import read_manifest
from bundler.resolve import wanted_parts
from bundler.sizes import in_units
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
    console.say(f"{file}: fill it in, then `bundle lint {file}`")


@click.command()
@options.manifest_argument
@options.console_options
def lint(console: Console, manifest: Path) -> int:
    """Say everything that is wrong with MANIFEST, and with its lock if there is one."""
    parsed, locked = read_manifest(manifest), read_lock(lock_path(manifest))
    for warning in warnings(parsed, locked):
        console.warn(warning)
    found = (*problems(parsed), *lock_problems(parsed, locked))
    for problem in found:
        show_error(problem)
    if not found:
        _show_backend(known_backend(parsed, locked), console)
        console.say(f"{manifest}: no problem found")
    return found[0].exit_code if found else 0


@click.command()
@options.manifest_argument
@options.update_option
@options.console_options
def lock(console: Console, manifest: Path, update: str | None) -> None:
    """Resolve MANIFEST: write down every file by its digest."""
    parsed = read_manifest(manifest)
    parts = tuple(wanted_parts(parsed)) if update == "" else (update,) if update else ()
    found = lock_manifest(parsed, parts, SOURCES, _workplace(console))
    console.say(f"{lock_path(manifest)}: {len(found.files)} files, {in_units(sum(f.size for f in found.files))}")
    _show_backend(found.backend, console)


@click.command()
@options.manifest_argument
@options.target_option
@options.key_option
@options.passphrase_option
@options.console_options
def build(console: Console, manifest: Path, target: Path, key: Path | None, passphrase_file: Path | None) -> None:
    """Make the bundle of MANIFEST in the new folder DIR, and sign it."""
    start = time.monotonic()
    parsed = read_manifest(manifest)
    for warning in warnings(parsed, read_lock(lock_path(manifest))):
        console.warn(warning)
    signing_key = open_key(key, passphrase_file, console) if key else None
    built = build_bundle(parsed, target, signing_key, SOURCES, _workplace(console))
    if built.warning:
        console.warn(built.warning)
    _show(built, time.monotonic() - start, console)


def _workplace(console: Console) -> Workplace:
    return Workplace(Cache(cache_folder(os.environ)), console.meter, console.tell)


def _show_backend(backend: Backend | None, console: Console) -> None:
    if backend:
        console.say(f"backend: {backend.words}")


def _show(built: Built, seconds: float, console: Console) -> None:
    index = built.sealed.index
    console.say(f"bundle             {built.folder}  ({index.name} {index.version}, sequence {index.sequence})")
    console.say(f"size               {in_units(built.size)} in {len(index.files)} files")
    console.say(f"time               {seconds:.1f} s")
    console.say(f"sha256 of install  {built.launcher_sha256}")
    if built.fingerprint:
        console.say(f"key fingerprint    {built.fingerprint}")
    else:
        console.say(f"not signed yet     bundle sign {built.folder} --key KEY")
