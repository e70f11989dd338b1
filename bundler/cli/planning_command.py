"""`bundle plan`."""

import json
import os
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from bundler.cache import Cache, cache_folder
from bundler.cli import options
from bundler.cli.serve_plan_lines import Line, document_of, lines_of
from bundler.console import Console
from bundler.lint import Case, before_build
from bundler.lock import lock_path, read_lock
from bundler.manifest import read_manifest
from bundler.plan import Plan
from bundler.plan import plan as make_plan
from bundler.serve_plan import has_locked, known_weights, subject_of
from bundler.serve_verdict import own_way, refusal_of_all, refusal_of_own
from bundler.sizes import in_units
from installer.errors import AirgapError, UsageError
from installer.hardware.parallel import Split
from installer.hardware.serve_plan import Option, ServePlan, plan_serving
from installer.index.gpus import GPUS

SCHEMA = 1  # raise it when a key goes or means something else
_NUMBERS = 11  # columns in front of the sizes
_CARDS = "\n".join(textwrap.wrap(", ".join(GPUS), 76, break_on_hyphens=False))


@click.command(epilog=f"\b\nCards for --gpus:\n{_CARDS}")
@options.manifest_argument
@options.gpus_option
@options.weights_option
@options.json_option
@options.console_options
def plan(console: Console, manifest: Path, gpus: str, weights: int | None, form: str) -> None:
    """Say what a build of MANIFEST will fetch, the room that its nodes need, and whether the model fits on their GPUs.

    Nothing is fetched for that: all of it is told by the lock, which `bundle lock MANIFEST` writes first. Which GPUs
    the nodes have stands in MANIFEST: `gpu:` under `cluster:`.

    With --gpus only whether the model fits on those. There need be no lock for that where the model lies in a folder
    and the image is a release of vllm/vllm-openai, whose tag names its vLLM.

    Where the model does not fit as MANIFEST has it, the plan is printed all the same, and the exit code is 6.
    """
    try:
        refusal = _plan(console, manifest, gpus, weights, form)
    except AirgapError as error:
        if form == "json":
            console.say_json(json.dumps(_refusal(error), indent=1))
        raise
    if refusal:
        raise refusal


def _plan(console: Console, manifest: Path, gpus: str, weights: int | None, form: str) -> AirgapError | None:
    """Print it; what it says to the manifest as it is."""
    read, lock, cache = read_manifest(manifest), read_lock(lock_path(manifest)), Cache(cache_folder(os.environ))
    if gpus:
        served = _served(before_build(read, lock, cache), gpus, weights, console)
        _say(served.lines, {"schema": SCHEMA, "serve": served.document}, form, console)
        return refusal_of_all(served.plan, served.own)
    found = make_plan(read, lock, cache)
    try:
        served = _served(before_build(read, lock, cache), gpus, weights, console)
    except UsageError as unknown:  # all else of the plan holds without
        line = Line(f"what fits on the GPUs is not known: {unknown} ({unknown.hint})")
        _say((*_lines(found), line), _document(found) | {"serve": None}, form, console)
        return None
    _say((*_lines(found), *served.lines), _document(found) | {"serve": served.document}, form, console)
    return refusal_of_own(served.plan, served.own)


@dataclass(frozen=True)
class _Served:
    """``own`` is what the manifest asks for."""

    plan: ServePlan
    own: Option

    @property
    def lines(self) -> Iterator[Line]:
        return lines_of(self.plan, self.own)

    @property
    def document(self) -> dict[str, object]:
        return document_of(self.plan, self.own)


def _served(case: Case, gpus: str, weights: int | None, console: Console) -> _Served:
    found = plan_serving(subject_of(case, gpus, weights))
    serve, known = case.manifest.serve, known_weights(case)
    if weights is not None and known not in (0, weights):
        knower = "the lock" if has_locked(case, "model") else "the model's folder"
        console.warn(f"counted with --weights {in_units(weights)}, not with the {in_units(known)} that {knower} has")
    return _Served(found, own_way(found, Split(serve.tensor_parallel_size, serve.pipeline_parallel_size)))


def _refusal(error: AirgapError) -> dict[str, object]:
    return {"schema": SCHEMA, "error": str(error), "hint": error.hint, "exit_code": error.exit_code}


def _say(lines: Iterable[Line], document: Mapping[str, object], form: str, console: Console) -> None:
    if form == "json":
        console.say_json(json.dumps(document, indent=1))
        return
    for line in lines:
        console.say_folded(line.text, line.hanging)


def _lines(plan: Plan) -> Iterator[Line]:
    for source in plan.sources:
        size, share = in_units(source.size), _share(source.cached, source.size)
        yield Line(f"{source.part:9} {size:>10}  {share}  {source.source}", _NUMBERS)
    yield Line(f"{'bundle':9} {in_units(plan.bundle_size):>10}  {_share(plan.cached, plan.bundle_size)}")
    yield Line(f"{'to fetch':9} {in_units(plan.to_fetch):>10}")
    yield Line(f"backend   {plan.backend.words}", 10)
    yield Line("room on each node, at an install's default places:")
    widest = max(len(space.place) for space in plan.spaces)
    for space in plan.spaces:
        yield Line(f"{in_units(space.size):>10}  {space.place:{widest}}  {space.what}", 14 + widest)


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
