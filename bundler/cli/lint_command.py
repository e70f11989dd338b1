"""`bundle lint`."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from bundler.cache import Cache, cache_folder
from bundler.cli import options
from bundler.cli.findings import ended_by, exit_code_of, finding_of, show, show_as_json
from bundler.console import Console
from bundler.findings import Finding
from bundler.lint import Case, before_build, findings
from bundler.lint.unchecked import unchecked
from bundler.lock import lock_path, read_lock
from bundler.manifest import Manifest, read_manifest
from bundler.resolve import demand_whole
from bundler.site.checks import answered, check
from bundler.site.cluster import gpus_of
from bundler.site.document import read_site
from bundler.site.situation import Probed, situations
from installer.errors import UsageError


@click.command()
@options.manifest_argument
@options.site_option
@options.json_option
@options.console_options
def lint(console: Console, manifest: Path, sites: tuple[Path, ...], form: str) -> int:
    """Say everything that is wrong with MANIFEST, and with its lock (`bundle lock`) if there is one.

    An error keeps a bundle from being built, or from running: the exit code is then not 0. A warning is what is known
    to make trouble. Below each stands what to do. Nothing is fetched, so some things are `not checked` without a lock.

    With --site also what would keep the bundle from being installed on those very nodes, as the script of `bundle
    probe` wrote them down. For that there must be a lock; without one only the rest is said. An install looks at all
    that again.
    """
    if form == "json":
        return _lint_as_json(console, manifest, sites)
    case = _case(read_manifest(manifest))
    unlocked = _why_nodes_are_not_seen(case) if sites else None
    nodes = () if unlocked else _nodes(case, sites)
    found = _findings(case, nodes)
    _show(case, nodes, found, console)
    if unlocked:
        raise unlocked
    if not exit_code_of(found):
        console.say(f"{manifest}: {_verdict(found, nodes)}")
    return exit_code_of(found)


def _lint_as_json(console: Console, manifest: Path, sites: tuple[Path, ...]) -> int:
    with ended_by("manifest-form", manifest, console):
        parsed = read_manifest(manifest)
    with ended_by("lint-stopped", manifest, console):
        case = _case(parsed)
        unlocked = _why_nodes_are_not_seen(case) if sites else None
        nodes = () if unlocked else _nodes(case, sites)
        found = _findings(case, nodes)
    documents = [_document(node) for node in nodes] if sites else None
    stopped = (finding_of("lint-stopped", manifest, unlocked),) if unlocked else ()
    show_as_json((*found, *stopped), case.backend, console, unchecked=tuple(unchecked(case)), nodes=documents)
    if unlocked:
        raise unlocked
    return exit_code_of(found)


def _case(manifest: Manifest) -> Case:
    return before_build(manifest, read_lock(lock_path(manifest.path)), Cache(cache_folder(os.environ)))


def _why_nodes_are_not_seen(case: Case) -> UsageError | None:
    """None where there is the whole lock that nodes are held against."""
    try:
        demand_whole(case.manifest, case.lock)
    except UsageError as error:
        return UsageError(f"{error}, so the nodes were not looked at", hint=error.hint)
    return None


def _nodes(case: Case, sites: tuple[Path, ...]) -> tuple[Probed, ...]:
    return situations(case, [read_site(path) for path in sites]) if sites else ()


def _findings(case: Case, nodes: tuple[Probed, ...]) -> tuple[Finding, ...]:
    known_better = answered(nodes)
    of_manifest = (finding for finding in findings(case) if finding.rule not in known_better)
    return (*of_manifest, *(check(nodes) if nodes else ()))


def _show(case: Case, nodes: tuple[Probed, ...], found: tuple[Finding, ...], console: Console) -> None:
    show(found, console)
    for what in unchecked(case):
        console.say_folded(f"not checked: {what}")
    if case.backend:
        console.say_folded(f"backend: {case.backend.words}")
    for node in nodes:
        system = node.facts.system
        console.say_folded(
            f"{node.at.member.role}: {node.name}, {gpus_of(node)}, driver {node.facts.driver.loaded or 'none'}, "
            f"{system.title}, Linux {system.kernel}"
        )


def _verdict(found: Sequence[Finding], nodes: tuple[Probed, ...]) -> str:
    """Of what has no errors."""
    count = len(found)
    if not count:
        return f"no problem found{_on(nodes)}"
    return f"no errors{_on(nodes)}, {count} {'warning' if count == 1 else 'warnings'}"


def _on(nodes: tuple[Probed, ...]) -> str:
    return f", nor for {' and '.join(node.name for node in nodes)}" if nodes else ""


def _document(node: Probed) -> dict[str, object]:
    return {
        "name": node.name,
        "role": node.at.member.role,
        "file": str(node.site.path),
        "kernel": node.facts.system.kernel,
        "driver": node.facts.driver.loaded,
        "gpus": gpus_of(node),
    }
