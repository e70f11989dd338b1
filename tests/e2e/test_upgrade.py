"""Sequence 1 runs on both nodes, then sequence 2 comes on another medium; told in order."""

import hashlib
import json
import re
import time
from pathlib import Path
from subprocess import Popen

import pytest
from testbed import bundles, cluster, next_release
from testbed.bundles import MODEL, Release, Wish
from testbed.commands import run
from testbed.host_docker import HostDocker
from testbed.inputs import Inputs
from testbed.nodes import Node

from tests.e2e.conftest import BUILD
from tests.e2e.kills import kill_at, kill_in_every_step, unpacked

OWN = ("/etc", "/opt", "/usr/local", "/tmp", "/var/lib/vllm-airgap")  # noqa: S108  # the node's
CACHE = "/var/lib/vllm-airgap/cache"  # the running server's
STAGING = "var/lib/vllm-airgap/staging"
SECOND_INSTALL_SECONDS = 10
LATER = "/media/usb/later"
TWIN = "/media/usb/twin"
THIRD = "/media/usb/third"
UPGRADE = ("vllm-airgap", "install", LATER, "--yes")
HALF_DONE = (*("-name", "*,new"), "-o", *("-name", "*,incoming"), "-o", *("-name", "*.partial"))


def _next(made: Inputs, release: Release, folder: Path, wish: Wish) -> Release:
    bundles.clear(folder)
    folder.mkdir(parents=True)
    return next_release.build(made, HostDocker(BUILD), release, folder / folder.name, wish)


@pytest.fixture(scope="module")
def installs(made: Inputs, release: Release, head: Node, worker: Node) -> list[Popen[bytes]]:
    """Of sequence 1, with a setting of the site; under way, so that the later bundles are built meanwhile."""
    options = ("--nodes", f"{head.address},{worker.address}", "--set", "NCCL_DEBUG=WARN")
    for node in (head, worker):
        cluster.start(node, made.node_root, release)
    return [node.spawn(*cluster.install_command("--role", node.name, *options)) for node in (head, worker)]


@pytest.fixture(scope="module")
def later(made: Inputs, release: Release, bundles_folder: Path, installs: list[Popen[bytes]]) -> Release:
    return _next(made, release, bundles_folder / "later", Wish(sequence=2, max_model_len=384))


@pytest.fixture(scope="module")
def twin(made: Inputs, release: Release, bundles_folder: Path, installs: list[Popen[bytes]]) -> Release:
    """Signed by the same key as sequence 2, too: what a maker must not do, and `bundle build` refuses."""
    return _next(made, release, bundles_folder / "twin", Wish(sequence=2, max_model_len=256))


@pytest.fixture(scope="module")
def third(made: Inputs, later: Release, bundles_folder: Path) -> Release:
    return _next(made, later, bundles_folder / "third", Wish(sequence=3))


@pytest.fixture(scope="module", autouse=True)
def _sequence_1_answers(
    installs: list[Popen[bytes]], later: Release, twin: Release, third: Release, head: Node, worker: Node
) -> None:
    for process in installs:
        out, _ = process.communicate(timeout=900)
        assert process.returncode == 0, out.decode()
    for node in (head, worker):
        for release in (later, twin, third):
            node.carry(release.bundle)
    assert cluster.first_completion(worker, head.address)
    assert cluster.longest_context(worker, head.address) == 512


@pytest.fixture(params=["head", "worker"])
def each(request: pytest.FixtureRequest, head: Node, worker: Node) -> Node:
    return head if request.param == "head" else worker


def _state(node: Node) -> dict[str, str]:
    return node.tree_digest(*OWN, without=(CACHE,))


def _json(node: Node, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(node.run("cat", f"/etc/vllm-airgap/{name}").stdout)
    return found


def test_the_launcher_of_the_later_bundle_is_refused(each: Node) -> None:
    _refused(each, "this node has another bundle already", f"{LATER}/install")


def test_a_dry_run_of_the_upgrade_touches_nothing(head: Node) -> None:
    before = _state(head)
    said = head.run("vllm-airgap", "install", LATER, "--dry-run").stdout
    assert _state(head) == before
    assert "bundle   testbed testbed 2, sequence 2, by pinned key" in said
    assert "pending  pin trust: " in said
    assert "pending  node.json: it differs" in said


def test_of_the_model_only_what_is_new_is_read_from_the_medium(head: Node) -> None:
    _, read = _upgrade(head)
    assert read == {next_release.CHANGED}


def test_killed_in_every_step_the_upgrade_ends_well(made: Inputs, worker: Node, later: Release) -> None:
    copies = worker.root / STAGING / later.sums_digest
    assert kill_at(worker, lambda: "taking in" if copies.exists() else None, *UPGRADE)
    assert _json(worker, "trust.json")["sequence"] == 1
    assert kill_in_every_step(worker, *UPGRADE) == [
        "pin trust",
        f"image {made.image}",
        f"model {MODEL}",
        "node.json",
        "cluster node",
    ]
    assert worker.run("find", "/etc", "/opt", "/usr", "/var/lib/vllm-airgap", *HALF_DONE).stdout == ""
    assert unpacked(worker) == ""


def test_the_api_answers_with_the_new_setting(head: Node, worker: Node) -> None:
    assert cluster.first_completion(worker, head.address)
    assert cluster.longest_context(worker, head.address) == 384


def test_the_node_says_what_it_has_now(each: Node, release: Release, later: Release) -> None:
    assert _json(each, "trust.json") == {
        "name": "testbed",
        "sequence": 2,
        "sums_digest": later.sums_digest,
        "anchored_by": "trusted key",
        "was_up": True,
        "previous": {"sequence": 1, "sums_digest": release.sums_digest},
    }
    assert each.run("find", "/etc/vllm-airgap/trusted-keys", "-type", "f", "-exec", "cat", "{}", "+").stdout == (
        release.public_key.read_text()
    )
    model = Path(f"/var/lib/vllm-airgap/models/{MODEL}")
    assert each.run("cat", str(model / next_release.CHANGED)).stdout.endswith("}\n\n")


def test_the_later_bundles_own_program_did_it(each: Node) -> None:
    assert each.run("cat", "/usr/local/sbin/vllm-airgap").stdout.endswith(next_release.MARK)


def test_what_the_site_had_set_is_kept(each: Node) -> None:
    assert _json(each, "site.json")["set"] == {"NCCL_DEBUG": "WARN"}
    assert each.run("docker", "exec", "vllm-airgap-node", "printenv", "NCCL_DEBUG").stdout == "WARN\n"


def test_a_second_install_changes_nothing_and_reads_no_model_file(each: Node) -> None:
    before = _state(each)
    began = time.monotonic()
    said, read = _upgrade(each)
    assert time.monotonic() - began < SECOND_INSTALL_SECONDS
    assert "done" not in said
    assert read == set()
    assert _state(each) == before


def test_the_older_bundle_is_refused(each: Node) -> None:
    why = "sequence 1 is older than 2, which this node has"
    _refused(each, why, f"{cluster.BUNDLE}/install", f"vllm-airgap install {cluster.BUNDLE}")


def test_other_content_under_the_same_sequence_is_refused(each: Node) -> None:
    why = "sequence 2 was installed before with other content"
    _refused(each, why, f"{TWIN}/install", f"vllm-airgap install {TWIN}")


def test_with_a_third_bundle_the_first_leaves_the_node(head: Node, later: Release, third: Release) -> None:
    head.run("vllm-airgap", "install", THIRD, "--yes")
    assert _names(head, "/var/lib/vllm-airgap/staging") == {later.sums_digest, third.sums_digest}
    assert _names(head, "/opt/vllm-airgap") == {"current", _runtime(later), _runtime(third)}
    tags = head.run("docker", "image", "ls", "--format", "{{.Tag}}", "vllm-airgap").stdout
    assert set(tags.split()) == {"2", "3"}


def _refused(node: Node, why: str, *beginnings: str) -> None:
    """However it is started, also with the key."""
    before = _state(node)
    for begin in beginnings:
        done = node.run(*begin.split(), "--trusted-key", cluster.KEY, "--yes", check=False)
        assert done.returncode == 6
        assert f"error: {why}" in done.stderr
        assert "Traceback" not in done.stderr
    assert _state(node) == before


def _upgrade(node: Node) -> tuple[str, set[str]]:
    """What it says, and what it or a child of it opens of the model on the medium, by strace."""
    trace = node.folder / "trace"
    strace = ("strace", "--follow-forks", "--seccomp-bpf", "--trace=open,openat,openat2", "--decode-fds=path")
    said = run(*strace, f"--output={trace}", *node.entering(*UPGRADE))
    text = trace.read_text(errors="replace")
    assert f"{LATER}/bundle.json" in text, "the trace saw nothing at all"
    return said, set(re.findall(rf"= \d+<{LATER}/model/{MODEL}/(.+)>$", text, re.MULTILINE))


def _runtime(release: Release) -> str:
    """By which its program's folder on a node is named."""
    return hashlib.sha256((release.bundle / "runtime.tar.gz").read_bytes()).hexdigest()


def _names(node: Node, folder: str) -> set[str]:
    return set(node.run("ls", folder).stdout.split())
