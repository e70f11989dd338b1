"""`bundle plan`."""

import json
import os
from pathlib import Path

import click

from bundler.cache import Cache, cache_folder
from bundler.cli import options
from bundler.console import Console
from bundler.lock import lock_path, read_lock
from bundler.manifest import read_manifest
from bundler.plan import Plan
from bundler.plan import plan as make_plan
from bundler.sizes import in_units

SCHEMA = 1  # raise it when a key goes or means something else


@click.command()
@options.manifest_argument
@options.json_option
@options.console_options
def plan(console: Console, manifest: Path, form: str) -> None:
    """Say what a build of MANIFEST will fetch and what its nodes need, from the lock alone."""
    found = make_plan(read_manifest(manifest), read_lock(lock_path(manifest)), Cache(cache_folder(os.environ)))
    if form == "json":
        console.say_json(json.dumps(_document(found), indent=1))
    else:
        _show(found, console)


def _show(plan: Plan, console: Console) -> None:
    for source in plan.sources:
        console.say(
            f"{source.part:9} {in_units(source.size):>10}  {_share(source.cached, source.size)}  {source.source}"
        )
    console.say(f"{'bundle':9} {in_units(plan.bundle_size):>10}  {_share(plan.cached, plan.bundle_size)}")
    console.say(f"{'to fetch':9} {in_units(plan.to_fetch):>10}")
    console.say(f"backend   {plan.backend.words}")
    console.say("room on each node, at an install's default places:")
    for space in plan.spaces:
        console.say(f"{in_units(space.size):>10}  {space.place}  {space.what}")


def _share(cached: int, size: int) -> str:
    return f"{100 * cached // size if size else 100:3} % here"


def _document(plan: Plan) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "backend": plan.backend.document(),
        "bundle_bytes": plan.bundle_size,
        "cached_bytes": plan.cached,
        "fetch_bytes": plan.to_fetch,
        "sources": [
            {
                "part": source.part,
                "source": source.source,
                "files": source.files,
                "bytes": source.size,
                "cached_bytes": source.cached,
            }
            for source in plan.sources
        ],
        "node": [{"place": space.place, "bytes": space.size, "what": space.what} for space in plan.spaces],
    }
