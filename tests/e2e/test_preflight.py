"""Preflight on real nodes: each check says what is wrong, and says it no more when that is mended; told in order."""

import pytest
from testbed import cluster
from testbed.nodes import Node

from tests.e2e.attempts import attempt, copies
from tests.e2e.preflights import INSTALLED, assert_only, assert_told, carried, condition, look, until
from tests.e2e.troubles import HEAD, LATER_TROUBLES, NO_COMPILER, TROUBLES, WORKER, Trouble

pytestmark = pytest.mark.usefixtures("nodes_are_on")
EVERYONE = ("--nodes", f"{HEAD},{WORKER}")
AS_HEAD = (*carried(), "--role", "head", *EVERYONE)
ALONE = (*carried(), "--role", "head", "--node-ip", HEAD)
AS_WORKER = cluster.install_command("--role", "worker", *EVERYONE)
MOST_SECONDS = 3
# Of every node of the testbed, while nobody listens on the other one.
USUAL = {"container", "peers-not-probed"}
# Once the driver tells what the GPU is: a T4 has no bfloat16, in which the model is written.
USUAL_LATER = {*USUAL, "serve-plan"}
OWN = ("/boot", "/etc", "/opt", "/root", "/tmp", "/usr", "/var/lib/vllm-airgap")  # noqa: S108  # the node's
DROP = "INPUT -p tcp --syn -j DROP"


def test_it_takes_seconds_and_changes_nothing(head: Node) -> None:
    before = head.tree_digest("/")
    seen = look(head, *ALONE)
    assert head.tree_digest("/") == before
    assert_only(seen, USUAL)
    assert seen.seconds < MOST_SECONDS


def test_the_table_tells_the_same(head: Node) -> None:
    done = head.run(*ALONE)
    assert done.stdout.startswith("bundle   testbed testbed 1, sequence 1, by trusted key\nwarning  container ")
    assert done.stdout.endswith("2 warnings\n")


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_a_check_fires_until_its_cause_is_gone(head: Node, trouble: Trouble) -> None:
    with condition(head, trouble.make, trouble.undo):
        assert_told(look(head, *AS_HEAD, *trouble.options), trouble)
    assert_only(look(head, *AS_HEAD), USUAL)


def test_an_install_stops_at_a_problem_before_it_changes_anything(worker: Node) -> None:
    with condition(worker, *NO_COMPILER):
        done = attempt(worker, *AS_WORKER)
    assert done.returncode == 7
    assert "this node is not ready, nothing was changed:\n  build-tools: there is no compiler (gcc)" in done.stderr
    assert "fix: install gcc" in done.stderr
    assert copies(worker) == []


def test_what_is_ignored_is_told_and_stops_nothing(worker: Node) -> None:
    with condition(worker, *NO_COMPILER):
        said = worker.run(*AS_WORKER, "--ignore-preflight", "build-tools", timeout=900).stdout
    assert "ignored  build-tools" in said
    assert "there is no compiler (gcc)" in said
    assert f"waiting  not reached yet: head {HEAD}" in said


def test_an_installed_node_takes_seconds_too_and_nothing_changes(worker: Node) -> None:
    before = worker.tree_digest(*OWN)
    seen = look(worker, *INSTALLED)
    assert worker.tree_digest(*OWN) == before
    assert_only(seen, USUAL_LATER)
    assert seen.seconds < MOST_SECONDS


@pytest.mark.parametrize("trouble", LATER_TROUBLES, ids=str)
def test_a_check_fires_on_an_installed_node(worker: Node, trouble: Trouble) -> None:
    with condition(worker, trouble.make, trouble.undo):
        assert_told(look(worker, *INSTALLED), trouble)
    assert_only(look(worker, *INSTALLED), USUAL_LATER)


def test_an_installed_node_answers_by_its_own_unit(head: Node) -> None:
    """What the head does not know yet, its driver, is no difference."""
    assert_only(look(head, *AS_HEAD), USUAL - {"peers-not-probed"})


def test_and_its_unit_probes_the_head_before_it_joins(head: Node, worker: Node) -> None:
    why = f"waiting: {WORKER} -> {HEAD}: port 6385 is closed, though the machine is there"
    with condition(head, f"iptables -I {DROP}", f"iptables -D {DROP}"):
        until(lambda: why in worker.run("journalctl", "--unit=vllm-airgap-node", "--output=cat").stdout, 60)
