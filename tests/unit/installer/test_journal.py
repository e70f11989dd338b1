import json
from typing import Any

import pytest

from installer.journal import FORMER, JOURNAL, Journal
from tests.fakes.changes import KilledError
from tests.fakes.node import FakeNode


def lines(node: FakeNode) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (node.read(JOURNAL) or b"").splitlines()]


def test_begin_is_on_disk_before_the_change_and_end_after_it(node: FakeNode) -> None:
    with Journal(node).recording("driver", "none"):
        assert lines(node) == [{"step": "driver", "event": "begin", "reason": "none"}]
    assert lines(node)[1:] == [{"step": "driver", "event": "end"}]


def test_a_step_that_was_killed_has_no_end(node: FakeNode) -> None:
    with pytest.raises(KilledError), Journal(node).recording("driver", "none"):
        raise KilledError
    assert [line["event"] for line in lines(node)] == ["begin"]


def test_what_stood_at_a_path_is_kept_before_it_is_replaced(node: FakeNode) -> None:
    node.place("/etc/docker/daemon.json", b'{"bip": "10.1.0.1/24"}')
    Journal(node).will_replace("/etc/docker/daemon.json")
    (line,) = lines(node)
    assert (line["event"], line["path"]) == ("replace", "/etc/docker/daemon.json")
    assert node.read(f"{FORMER}/{line['former']}") == b'{"bip": "10.1.0.1/24"}'


def test_the_copy_is_complete_before_the_journal_names_it(node: FakeNode) -> None:
    node.place("/etc/docker/daemon.json", b"{}")
    node.changes.forget()
    Journal(node).will_replace("/etc/docker/daemon.json")
    kept, named = node.changes.done
    assert kept.startswith(f"place {FORMER}/")
    assert named == f"append {JOURNAL}"


def test_a_path_where_nothing_stood_is_recorded_as_such(node: FakeNode) -> None:
    Journal(node).will_replace("/etc/docker/daemon.json")
    assert lines(node) == [{"event": "replace", "path": "/etc/docker/daemon.json", "former": None}]


def test_former_contents_are_for_root_only(node: FakeNode) -> None:
    node.place("/etc/secret", b"s", 0o600)
    Journal(node).will_replace("/etc/secret")
    assert node.at(FORMER).stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in node.at(FORMER).iterdir()} == {0o600}
