"""`bundle cache list` and `bundle cache prune`."""

import json
import os
import sys
import time
from collections.abc import Sequence

import click

from bundler.cache import Cache, cache_folder
from bundler.cli import options
from bundler.console import Console
from bundler.holdings import Holding, beyond_size, holdings, remove, unused_since
from bundler.sizes import in_units
from installer.errors import UsageError

_DIGITS = 12


@click.group()
def cache() -> None:
    """See and shrink what builds keep on this machine."""


@cache.command("list")
@options.json_option
@options.console_options
def list_(console: Console, form: str) -> None:
    """Say what is in the cache.

    When a build last used it, its size, the start of its digest, and where it came from or what it is.
    """
    folder = cache_folder(os.environ)
    found = holdings(Cache(folder))
    if form == "json":
        document = {"folder": str(folder), "files": [_document(holding) for holding in found]}
        console.say_json(json.dumps(document, indent=1))
        return
    for holding in found:
        console.say(f"{_day(holding)}  {in_units(holding.size):>10}  {_shown(holding)}")
    console.say(f"{folder}: {in_units(sum(holding.size for holding in found))} in {len(found)} files")


@cache.command()
@options.older_than_option
@options.max_size_option
@options.yes_option
@options.console_options
def prune(console: Console, older_than: int | None, max_size: int | None, *, yes: bool) -> None:
    """Remove files from the cache.

    With --older-than the unused ones, with --max-size the longest unused first until it is small enough.

    Without either the whole cache: every file in it.
    """
    stored = Cache(cache_folder(os.environ))
    chosen = _chosen(holdings(stored), older_than, max_size)
    if chosen and not yes:
        frees = in_units(sum(holding.frees for holding in chosen))
        what = _files(len(chosen)) if _is_some(older_than, max_size) else f"the whole cache ({_all(len(chosen))})"
        _ask(f"Remove {what} from {stored.folder}, which frees {frees}?")
    freed, gone = _freed(stored, chosen, older_than, max_size) if stored.folder.is_dir() else (0, ())
    done = f"{_files(len(gone))} removed, {in_units(freed)} freed" if gone or freed else "nothing to remove"
    console.say(f"{stored.folder}: {done}{_kept(gone)}")


def _kept(gone: Sequence[Holding]) -> str:
    size = sum(holding.size - holding.frees for holding in gone)
    return f"; {in_units(size)} are shared with bundles, which keep them" if size else ""


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _all(count: int) -> str:
    return f"all {_files(count)}" if count > 1 else _files(count)


def _is_some(older_than: int | None, max_size: int | None) -> bool:
    """Whether a person chose among the files."""
    return older_than is not None or max_size is not None


def _freed(
    stored: Cache, chosen: Sequence[Holding], older_than: int | None, max_size: int | None
) -> tuple[int, Sequence[Holding]]:
    """Bytes that are free now, and which of ``chosen`` are gone; what is idle goes in any case."""
    with stored.alone():
        # Once more, now that nobody is at work: a build may have used one of them while the question stood there.
        kept = {holding.name for holding in _chosen(holdings(stored), older_than, max_size)}
        gone = tuple(holding for holding in chosen if holding.name in kept)
        return remove(stored, gone), gone


def _chosen(found: Sequence[Holding], older_than: int | None, max_size: int | None) -> tuple[Holding, ...]:
    if not _is_some(older_than, max_size):
        return tuple(found)
    old = () if older_than is None else unused_since(found, older_than, time.time())
    left = tuple(holding for holding in found if holding not in old)
    return old if max_size is None else (*old, *beyond_size(left, max_size))


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"nothing removed: nobody to ask: {question}", hint="pass --yes")
    if not click.confirm(question, err=True):
        raise UsageError("nothing removed")


def _shown(holding: Holding) -> str:
    """Of the digest as much as tells it from the others here; JSON has all of it."""
    partial = "" if holding.whole else "partial"
    shared = "(in a bundle, too)" if holding.shared else ""
    return "  ".join(filter(None, (holding.name[:_DIGITS], partial, holding.origin, shared)))


def _day(holding: Holding) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(holding.used))


def _document(holding: Holding) -> dict[str, object]:
    return {
        "name": holding.name,
        "size": holding.size,
        "last_used": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(holding.used)),
        "partial": not holding.whole,
        "shared_with_a_bundle": holding.shared,
        "origin": holding.origin,
    }
