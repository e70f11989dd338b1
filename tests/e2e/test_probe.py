"""`bundle probe` on real nodes, without Python there, and its manifest checked against what was carried back."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from testbed import bundles
from testbed.bundles import Release
from testbed.commands import CommandError
from testbed.inputs import Inputs
from testbed.nodes import Node
from testbed.site import Site

from tests.e2e.conftest import BUILD
from tests.e2e.preflights import condition
from tests.e2e.troubles import NO_COMPILER

SHELLS = {"head": "dash", "worker": "bash"}
SITE_JSON = "/root/site.json"


@pytest.fixture(scope="module")
def site(made: Inputs) -> Iterator[Site]:
    with Site(BUILD, "prb", tuple(SHELLS)) as site:
        for node in site.nodes.values():
            node.create(made.node_root)
            node.boot()
        yield site


@pytest.fixture(scope="module")
def script(site: Site) -> str:
    """What a person carries to the site; the nodes have neither Python nor busybox."""
    for node in site.nodes.values():
        assert node.run("which", "python3", "busybox", check=False).stdout == ""
    return bundles.bundle_command("probe")


def _probe(node: Node, script: str, to: Path) -> Path:
    """What it writes, carried out."""
    node.run("tee", "/root/probe.sh", stdin=script)
    said = node.run(SHELLS[node.name], "/root/probe.sh", SITE_JSON)
    assert "nothing else was changed" in said.stderr
    text = node.run("cat", SITE_JSON).stdout
    node.run("rm", SITE_JSON)
    target = to / f"{node.name}.json"
    target.write_text(text)
    return target


def _lint(release: Release, *sites: Path) -> str:
    manifest = release.key.parent / bundles.MANIFEST
    return bundles.bundle_command("lint", str(manifest), *(word for site in sites for word in ("--site", str(site))))


def test_it_changes_nothing_and_is_read_where_the_bundle_was_made(
    site: Site, script: str, release: Release, tmp_path: Path
) -> None:
    head = site.nodes["head"]
    head.run("tee", "/root/probe.sh", stdin=script)
    before = head.tree_digest("/")
    text = head.run("sh", "/root/probe.sh", "-").stdout
    assert head.tree_digest("/") == before
    json.loads(text)
    said = _lint(release, *(_probe(node, script, tmp_path) for node in site.nodes.values()))
    for node in site.nodes.values():
        assert node.name in said
    assert "nor for head and worker" in said


def test_what_preflight_would_find_there_is_found_here(
    site: Site, script: str, release: Release, tmp_path: Path
) -> None:
    head, worker = site.nodes.values()
    with condition(worker, *NO_COMPILER):
        probed = _probe(worker, script, tmp_path)
    with pytest.raises(CommandError) as caught:
        _lint(release, _probe(head, script, tmp_path), probed)
    assert "there is no compiler (gcc)" in caught.value.said
    assert "worker" in caught.value.said
