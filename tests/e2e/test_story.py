"""The main job on two real nodes, told in order: each test goes on where the one before it ended."""

import re
import time

import pytest
from testbed import cluster
from testbed.bundles import MODEL
from testbed.commands import run
from testbed.nodes import Node

pytestmark = pytest.mark.usefixtures("nodes_are_on")
OWN = ("/etc", "/opt", "/usr", "/var/lib/vllm-airgap")
SECOND_INSTALL_SECONDS = 10


def _options(node: Node, head: Node, worker: Node) -> tuple[str, ...]:
    role = "head" if node is head else "worker"
    return ("--role", role, "--nodes", f"{head.address},{worker.address}")


def test_a_dry_run_touches_nothing(head: Node, worker: Node) -> None:
    before = head.tree_digest("/")
    said = cluster.install(head, *_options(head, head, worker), "--dry-run")
    assert head.tree_digest("/") == before
    assert "pending  NVIDIA driver 550.127.08: nvidia-smi does not answer" in said
    assert "pending  server: vllm-airgap-serve.service is not active" in said


def test_a_worker_before_its_head_installs_and_waits(head: Node, worker: Node) -> None:
    said = cluster.install(worker, *_options(worker, head, worker))
    assert f"waiting  not reached yet: head {head.address}" in said
    assert worker.run("systemctl", "is-active", "vllm-airgap-node").stdout.strip() == "active"


def test_install_works(head: Node, worker: Node) -> None:
    cluster.install(head, *_options(head, head, worker))
    assert cluster.first_completion(worker, head.address)
    assert cluster.ray_gpus(head) == 2
    assert cluster.backend(head) == "ray"


def test_a_dry_run_afterwards_has_nothing_pending(head: Node, worker: Node) -> None:
    assert "pending" not in cluster.install(head, *_options(head, head, worker), "--dry-run")


@pytest.mark.parametrize("role", ["head", "worker"])
def test_a_second_install_changes_nothing_and_opens_no_model_file(role: str, head: Node, worker: Node) -> None:
    node = head if role == "head" else worker
    before = node.tree_digest(*OWN)
    began = time.monotonic()
    said = cluster.install(node, *_options(node, head, worker))
    assert time.monotonic() - began < SECOND_INSTALL_SECONDS
    assert "done" not in said
    assert node.tree_digest(*OWN) == before
    assert _model_files_opened(node, cluster.install_command(*_options(node, head, worker))) == []


def test_wait_returns_at_once_where_the_api_answers(head: Node, worker: Node) -> None:
    assert "the API answers" in cluster.install(head, *_options(head, head, worker), "--wait")


def test_after_a_power_cut_of_both_nodes_the_api_answers_again(head: Node, worker: Node) -> None:
    for node in (head, worker):
        node.power_off()
    for node in (worker, head):
        node.boot()
    assert cluster.first_completion(worker, head.address)


def test_a_restarted_node_unit_brings_the_server_back(head: Node, worker: Node) -> None:
    head.run("systemctl", "restart", "vllm-airgap-node")
    assert cluster.first_completion(worker, head.address)


def test_a_stopped_server_leaves_no_process_and_no_port(head: Node) -> None:
    head.run("systemctl", "stop", "vllm-airgap-serve")
    processes = head.run("docker", "top", "vllm-airgap-node", "-eo", "pid,args").stdout
    assert "vllm serve" not in processes
    assert head.run("curl", "--max-time", "2", f"http://{head.address}:8000/health", check=False).returncode != 0
    head.run("systemctl", "start", "vllm-airgap-serve")


def _model_files_opened(node: Node, command: tuple[str, ...]) -> list[str]:
    """By strace, launcher and children: opens of a model file, on the node or on the medium."""
    trace = node.folder / "trace"
    strace = ("strace", "--follow-forks", "--trace=open,openat,openat2,creat", "--decode-fds=path", f"--output={trace}")
    run(*strace, *node.entering(*command))
    opened = [
        line for line in trace.read_text(errors="replace").splitlines() if re.search(r"\.safetensors|/model/", line)
    ]
    assert "bundle.json" in trace.read_text(errors="replace"), "the trace saw nothing at all"
    return [line for line in opened if MODEL in line and "O_DIRECTORY" not in line]
