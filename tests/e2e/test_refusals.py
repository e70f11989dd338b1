"""What must be refused on a node that was never installed, and what may change there meanwhile: nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from testbed import bundles, cluster
from testbed.bundles import Release
from testbed.inputs import Inputs
from testbed.nodes import Node
from testbed.site import Site

from tests.e2e.attempts import attempt, copies

FLIP_EXIT = {"SHA256SUMS": 3, ".sig": 3}
HEAD = ("--role", "head", "--node-ip", "10.77.0.13")


@pytest.fixture(scope="module")
def spare(site: Site, made: Inputs, release: Release) -> Node:
    node = site.nodes["spare"]
    cluster.start(node, made.node_root, release)
    return node


def _files(release: Release) -> list[str]:
    return sorted(str(path.relative_to(release.bundle)) for path in release.bundle.rglob("*") if path.is_file())


def test_one_flipped_byte_in_any_file_is_refused(spare: Node, release: Release, tmp_path: Path) -> None:
    for number, name in enumerate(_files(release)):
        bad = tmp_path / f"flipped{number}"
        _flip(release, bad, name)
        medium = spare.carry(bad)
        if name.endswith(".pub"):
            continue  # not a part of what is signed: a key found on the medium is never an anchor
        done = attempt(spare, *cluster.install_command(*HEAD, bundle=str(medium)))
        assert done.returncode == next((code for end, code in FLIP_EXIT.items() if name.endswith(end)), 5), name
        if name != "runtime.tar.gz" and not name.endswith(".sig"):
            assert name in done.stderr
        assert copies(spare) == [], name
        spare.eject(bad.name)
        shutil.rmtree(bad)


def _flip(release: Release, to: Path, name: str) -> None:
    """A copy by hard links, but for the one file."""
    shutil.copytree(release.bundle, to, copy_function=lambda a, b: Path(b).hardlink_to(a))
    target = to / name
    target.unlink()
    shutil.copy(release.bundle / name, target)
    with target.open("r+b") as file:
        at = _harmless(target) if name == "install" else target.stat().st_size - 1
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


def _harmless(launcher: Path) -> int:
    """In a comment: a launcher that still runs as before, and only its digest tells."""
    return launcher.read_bytes().index(b"Installs this bundle")


def test_a_wrong_key_is_refused(spare: Node, tmp_path: Path) -> None:
    wrong = bundles.make_key(tmp_path, "wrong").with_suffix(".pub")
    key = spare.carry(wrong)
    done = attempt(spare, f"{cluster.BUNDLE}/install", *HEAD, "--trusted-key", str(key), "--yes")
    assert done.returncode == 3
    assert "not signed by" in done.stderr


def test_without_an_anchor_nothing_is_installed(spare: Node) -> None:
    done = attempt(spare, f"{cluster.BUNDLE}/install", *HEAD, "--yes")
    assert done.returncode == 3
    assert "no anchor" in done.stderr
    assert "verified" not in done.stdout + done.stderr


def test_a_bundle_without_signature_is_refused(spare: Node, release: Release, tmp_path: Path) -> None:
    unsigned = tmp_path / "unsigned"
    shutil.copytree(release.bundle, unsigned, copy_function=lambda a, b: Path(b).hardlink_to(a))
    shutil.rmtree(unsigned / "signatures")
    done = attempt(spare, *cluster.install_command(*HEAD, bundle=str(spare.carry(unsigned))))
    assert done.returncode == 3
    assert "not signed" in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--role", "head", "--node-ip", "10.77.0.99"), 2, "is on no interface of this node"),
        (("--role", "worker", "--node-ip", "10.77.0.13"), 2, "--head is missing"),
        (("--node-ip", "10.77.0.13"), 2, "--role is missing"),
        ((*HEAD, "--set", "trust_remote_code=1"), 2, "cannot be set on site"),
        (("--role", "king"), 2, "king"),
    ],
)
def test_a_wrong_option_gets_one_clear_error(spare: Node, options: tuple[str, ...], code: int, says: str) -> None:
    done = attempt(spare, *cluster.install_command(*options))
    assert done.returncode == code
    assert says in done.stderr


def test_not_root_is_refused(spare: Node, release: Release) -> None:
    as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    anchor = ("--fingerprint", release.fingerprint)  # the key's file is root's
    done = attempt(spare, *as_nobody, f"{cluster.BUNDLE}/install", *HEAD, *anchor, "--yes")
    assert done.returncode == 7
    assert "not root" in done.stderr


@pytest.fixture
def small_disk(spare: Node) -> Iterator[str]:
    spare.run("mkdir", "-p", "/mnt/small")
    spare.run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt/small")
    yield "/mnt/small"
    spare.run("umount", "/mnt/small")


def test_a_full_disk_is_seen_before_anything_is_copied(spare: Node, small_disk: str) -> None:
    done = attempt(spare, *cluster.install_command(*HEAD, "--data-dir", f"{small_disk}/models"))
    assert done.returncode == 7
    assert "/mnt/small has" in done.stderr
    assert copies(spare) == []


def test_a_second_installer_is_refused(spare: Node) -> None:
    other = spare.spawn("flock", "/run/vllm-airgap.lock", "sleep", "5")
    while spare.run("flock", "--nonblock", "/run/vllm-airgap.lock", "true", check=False).returncode == 0:
        pass
    done = attempt(spare, *cluster.install_command(*HEAD))
    other.kill()
    other.communicate()
    assert done.returncode == 8
    assert "another vllm-airgap install" in done.stderr
