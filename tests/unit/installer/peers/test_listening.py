from contextlib import nullcontext
from pathlib import Path

import pytest

from installer.errors import EnvironmentProblemError
from installer.index.settings import PEER_PORT
from installer.node.calls import REFUSED
from installer.peers.listening import LONGEST, listen
from installer.peers.probe import Probe, probe_all
from installer.settings import NodeConfig
from installer.survey import configure
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, WORKER
from tests.fakes.network import connect
from tests.fakes.node import FakeNode
from tests.fakes.tree import tree
from tests.unit.installer.peers.nodes import HERE, THERE, doors_of


@pytest.fixture
def here(root: Path) -> FakeNode:
    return FakeNode(root / "here", HERE)


@pytest.fixture
def there(root: Path) -> FakeNode:
    return FakeNode(root / "there", THERE)


def probe(here: FakeNode, own: str, peer: str) -> Probe:
    (found,) = probe_all(here, own, (peer,), doors_of(here))
    return found


def configured(node: FakeNode, made: MadeBundle) -> NodeConfig:
    with made.opened() as bundle:
        return configure(node, bundle, HEAD if node.ip == HERE else WORKER)


def test_a_bare_node_that_listens_is_probed(here: FakeNode, there: FakeNode, made: MadeBundle) -> None:
    connect(here, there)
    found: list[Probe] = []
    told: list[str] = []
    there.on_sleep = lambda: found.append(probe(here, HERE, THERE))
    before = tree(there.root)
    listen(there, configured(there, made), told.append, lambda: len(found) == 2)
    assert told == [f"answering at {THERE}:{PEER_PORT} for 4 hours, Ctrl-C ends it", f"asked by {HERE}"]
    assert [(one.blocks, one.absent) for one in found] == [((), "")] * 2
    of = found[0].identity
    assert of is not None
    assert (of.role, of.bundle, of.sequence, of.digest) == ("worker", "demo", 1, configured(there, made).sums_digest)
    assert (of.image, of.model) == (made.index.image.config, made.index.model_digest)
    assert probe(here, HERE, THERE).knock == REFUSED
    assert tree(there.root) == before


def test_a_terminal_that_was_forgotten_answers_no_longer(there: FakeNode, made: MadeBundle) -> None:
    began = there.now
    listen(there, configured(there, made), lambda _line: None, lambda: False)
    assert there.now - began == LONGEST


def test_a_node_whose_responder_is_at_work_needs_no_other(there: FakeNode, made: MadeBundle) -> None:
    told: list[str] = []
    config = configured(there, made)
    there.on_sleep = lambda: listen(there, config, told.append, lambda: True)
    listen(there, config, told.append, lambda: len(told) > 1)
    assert told[1].startswith(f"{THERE}:{PEER_PORT} answers already")


def test_a_port_that_a_stranger_has_is_an_error_with_who_to_ask(there: FakeNode, made: MadeBundle) -> None:
    there.network.doors.add((THERE, PEER_PORT))
    there.network.services[THERE, PEER_PORT] = lambda _line, _source: nullcontext(b"SSH-2.0-OpenSSH_9.6")
    with pytest.raises(EnvironmentProblemError, match="cannot be had: Address already in use") as caught:
        listen(there, configured(there, made), lambda _line: None, lambda: True)
    assert caught.value.hint == f"ss -ltnp 'sport = :{PEER_PORT}' names who has it"
