"""`--trust-on-first-use`: what it believes, what it writes down, and where it is refused; told in order."""

import json
import shutil
from pathlib import Path

import pytest
from testbed import bundles, cluster
from testbed.bundles import Release
from testbed.docker_tgz import VERSION as DOCKER_VERSION
from testbed.inputs import Inputs
from testbed.nodes import Node
from testbed.trees import link_tree

from tests.e2e.attempts import attempt, copies
from tests.e2e.kills import begun, kill_at

ETC = "/etc/vllm-airgap"
DOCKER = f"docker {DOCKER_VERSION} programs"  # a step of some seconds, after `pin trust`
FIRST_USE = ("--trust-on-first-use", "--yes")
# Its head is never switched on: a worker is installed all the same, and waits.
WORKER = ("--role", "worker", "--node-ip", "10.77.0.12", "--head", "10.77.0.11")
TYPED = (f"{cluster.BUNDLE}/install", *WORKER, *FIRST_USE)


@pytest.fixture(scope="module")
def fresh(made: Inputs, release: Release, worker: Node) -> Node:
    """With nothing but the medium: no key came by another road."""
    worker.create(made.node_root)
    worker.boot()
    worker.carry(release.bundle)
    return worker


def _copy(release: Release, to: Path) -> Path:
    link_tree(release.bundle, to)
    return to


def _sign(bundle: Path, name: str) -> None:
    """By a key that is made for that."""
    key = bundles.make_key(bundle.parent, name)
    bundles.bundle_command("sign", str(bundle), "--key", str(key), "--yes")


def _kill_in(node: Node, step: str) -> None:
    assert kill_at(node, lambda: step if step in begun(node) else None, *TYPED)


def _trust(node: Node) -> dict[str, object]:
    found: dict[str, object] = json.loads(node.run("cat", f"{ETC}/trust.json").stdout)
    return found


def _pinned(node: Node) -> list[str]:
    return node.run("find", f"{ETC}/trusted-keys", "-type", "f", check=False).stdout.split()


def test_of_two_signers_neither_is_believed(fresh: Node, release: Release, tmp_path: Path) -> None:
    twice = _copy(release, tmp_path / "twice")
    _sign(twice, "second")
    medium = fresh.carry(twice)
    done = attempt(fresh, f"{medium}/install", *WORKER, *FIRST_USE)
    assert done.returncode == 3
    assert "several signers" in done.stderr
    assert copies(fresh) == []
    fresh.eject(twice.name)


def test_a_dry_run_believes_and_leaves_nothing(fresh: Node) -> None:
    done = attempt(fresh, *TYPED, "--dry-run")
    assert done.returncode == 0
    assert "by first use" in done.stdout
    assert copies(fresh) == []


def test_killed_while_it_copies_it_has_believed_nobody(fresh: Node) -> None:
    assert kill_at(fresh, lambda: "copying" if copies(fresh) else None, *TYPED) == "copying"
    assert begun(fresh) == []
    assert fresh.run("find", ETC, check=False).stdout == ""


def test_killed_while_it_pins_and_after_that_it_ends_well(fresh: Node, release: Release) -> None:
    for step in ("pin trust", DOCKER):
        _kill_in(fresh, step)
    said = fresh.run(*TYPED).stdout
    assert f"done     {DOCKER}" in said
    assert "waiting  not reached yet: head 10.77.0.11" in said
    assert fresh.run("systemctl", "is-active", "vllm-airgap-node").stdout.strip() == "active"
    assert _trust(fresh)["anchored_by"] == "first use"
    (key,) = _pinned(fresh)
    assert fresh.run("cat", key).stdout == release.public_key.read_text()


@pytest.mark.parametrize("again", [TYPED, ("vllm-airgap", "install")])
def test_later_installs_use_the_pinned_key_and_do_not_hide_how_it_came(fresh: Node, again: tuple[str, ...]) -> None:
    before = _trust(fresh)
    said = fresh.run(*again).stdout
    assert "by pinned key" in said
    assert "done" not in said
    assert _trust(fresh) == before


@pytest.mark.parametrize("begin", ["/media/usb/strange/install", "vllm-airgap install /media/usb/strange"])
def test_once_a_key_is_pinned_no_other_is_believed(fresh: Node, release: Release, tmp_path: Path, begin: str) -> None:
    strange = _copy(release, tmp_path / "strange")
    shutil.rmtree(strange / "signatures")
    _sign(strange, "stranger")
    fresh.carry(strange)
    before, pinned = _trust(fresh), _pinned(fresh)
    done = attempt(fresh, *begin.split(), *FIRST_USE, below=("/etc", "/opt", "/usr", "/tmp"))  # noqa: S108
    assert done.returncode == 3
    assert "has a pinned key already" in done.stderr
    assert (_trust(fresh), _pinned(fresh)) == (before, pinned)
    fresh.eject(strange.name)
