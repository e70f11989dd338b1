"""`bundle plan`."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import click

from bundler.cache import Cache, cache_folder
from bundler.cli import options
from bundler.cli.serve_plan_lines import document_of, lines_of
from bundler.console import Console
from bundler.lock import lock_path, read_lock
from bundler.manifest import read_manifest
from bundler.plan import Plan
from bundler.plan import plan as make_plan
from bundler.serve_plan import subject_of
from bundler.sizes import in_units
from installer.errors import AirgapError, UsageError
from installer.hardware.parallel import Split
from installer.hardware.serve_plan import plan_serving

SCHEMA = 1  # raise it when a key goes or means something else


@click.command()
@options.manifest_argument
@options.gpus_option
@options.weights_option
@options.json_option
@options.console_options
def plan(console: Console, manifest: Path, gpus: str, weights: int | None, form: str) -> None:
    """Say what a build of MANIFEST will fetch, what its nodes need, and what fits on their GPUs, from the lock alone.

    With --gpus, only what fits on those.
    """
    try:
        _plan(console, manifest, gpus, weights, form)
    except AirgapError as error:
        if form == "json":
            console.say_json(json.dumps(_refusal(error), indent=1))
        raise


def _plan(console: Console, manifest: Path, gpus: str, weights: int | None, form: str) -> None:
    read, lock, cache = read_manifest(manifest), read_lock(lock_path(manifest)), Cache(cache_folder(os.environ))
    wanted = Split(read.serve.tensor_parallel_size, read.serve.pipeline_parallel_size)
    if gpus:
        fits = plan_serving(subject_of(read, lock, cache, gpus, weights))
        _say(lines_of(fits, wanted), {"schema": SCHEMA, "serve": document_of(fits, wanted)}, form, console)
        return
    found = make_plan(read, lock, cache)
    serve: dict[str, object] | None = None
    try:
        fits = plan_serving(subject_of(read, lock, cache, gpus, weights))
        lines, serve = tuple(lines_of(fits, wanted)), document_of(fits, wanted)
    except UsageError as unknown:  # all else of the plan holds without
        lines = (f"what fits on the GPUs: {unknown} ({unknown.hint})",)
    _say((*_lines(found), *lines), _document(found) | {"serve": serve}, form, console)


def _refusal(error: AirgapError) -> dict[str, object]:
    return {"schema": SCHEMA, "error": str(error), "hint": error.hint, "exit_code": error.exit_code}


def _say(lines: Iterable[str], document: Mapping[str, object], form: str, console: Console) -> None:
    if form == "json":
        console.say_json(json.dumps(document, indent=1))
        return
    for line in lines:
        console.say(line)


def _lines(plan: Plan) -> Iterator[str]:
    for source in plan.sources:
        yield f"{source.part:9} {in_units(source.size):>10}  {_share(source.cached, source.size)}  {source.source}"
    yield f"{'bundle':9} {in_units(plan.bundle_size):>10}  {_share(plan.cached, plan.bundle_size)}"
    yield f"{'to fetch':9} {in_units(plan.to_fetch):>10}"
    yield f"backend   {plan.backend.words}"
    yield "room on each node, at an install's default places:"
    for space in plan.spaces:
        yield f"{in_units(space.size):>10}  {space.place}  {space.what}"


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
