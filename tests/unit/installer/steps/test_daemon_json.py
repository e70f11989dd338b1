import json
from pathlib import Path
from typing import Any

import pytest

from installer.errors import StepError
from installer.node.paths import DAEMON_JSON
from installer.steps.daemon_json import MergeDaemonJson, merged
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, install
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_converges, assert_settled, make_true

BOUNDED = {"max-size": "100m", "max-file": "3"}


def settings(node: FakeNode) -> Any:  # noqa: ANN401  # a document of docker's
    return json.loads(node.read(DAEMON_JSON) or b"null")


@pytest.mark.parametrize("before", [None, b"", b" \n", b"{}"])
def test_logs_are_bounded_where_nobody_said_anything(node: FakeNode, before: bytes | None) -> None:
    if before is not None:
        node.place(DAEMON_JSON, before)
    assert MergeDaemonJson().pending(node) == "container logs are not bounded"
    make_true(MergeDaemonJson(), node)
    assert settings(node) == {"log-opts": BOUNDED}


def test_a_second_run_changes_nothing(node: FakeNode) -> None:
    make_true(MergeDaemonJson(), node)
    assert_settled(MergeDaemonJson(), node)


def test_what_the_site_set_is_kept(node: FakeNode) -> None:
    node.place(DAEMON_JSON, b'{"bip": "10.1.0.1/24", "runtimes": {"x": {"path": "x"}}, "log-driver": "local"}')
    make_true(MergeDaemonJson(), node)
    assert settings(node) == {
        "bip": "10.1.0.1/24",
        "runtimes": {"x": {"path": "x"}},
        "log-driver": "local",
        "log-opts": BOUNDED,
    }


@pytest.mark.parametrize("own", [{"log-opts": {"max-size": "1g"}}, {"log-driver": "journald"}, {"log-driver": "none"}])
def test_a_sites_own_choice_of_logs_wins(own: dict[str, object]) -> None:
    assert merged(own) == own


@pytest.mark.parametrize("data", [b"{", b"[]", b'"text"', b"\xff"])
def test_a_file_that_docker_could_not_read_either_is_left_as_it_is(node: FakeNode, data: bytes) -> None:
    node.place(DAEMON_JSON, data)
    with pytest.raises(StepError, match=r"daemon\.json: ") as caught:
        MergeDaemonJson().pending(node)
    assert "mend it" in caught.value.hint
    assert node.read(DAEMON_JSON) == data


def test_docker_and_the_cluster_are_stopped_before_the_file_changes(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    node.place(DAEMON_JSON, b"{}")
    node.changes.forget()
    make_true(MergeDaemonJson(), node)
    stops = ["systemctl stop vllm-airgap-serve.service", "systemctl stop vllm-airgap-node.service"]
    assert [change for change in node.changes.done if change.startswith(("systemctl", "place"))] == [
        *stops,
        "systemctl stop docker.service",
        f"place {DAEMON_JSON}",
    ]


def test_a_kill_converges(root: Path, made: MadeBundle) -> None:
    def start(folder: Path) -> tuple[FakeNode, MergeDaemonJson]:
        node = FakeNode(folder)
        install(node, made, HEAD)
        node.place(DAEMON_JSON, b"{}")
        return node, MergeDaemonJson()

    assert assert_converges(start, root) == 5
