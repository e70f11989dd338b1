import json
from dataclasses import replace
from pathlib import Path

import pytest

from installer.errors import MalformedError
from installer.index.strict import Place
from installer.peers.identity import Identity, identify
from installer.runner import load_config
from installer.settings import NodeConfig
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import HEAD, install
from tests.fakes.node import FakeNode
from tests.unit.installer.peers.nodes import identity


def read(document: object) -> Identity:
    return Identity.read(Place({**json.loads(json.dumps(document))}, ""))


def test_what_is_written_is_read() -> None:
    assert read(identity().document()) == identity()


@pytest.mark.parametrize(
    "change",
    [{"hostname": "a\x1b[31m"}, {"mtu": "1500"}, {"gpus": "T4"}, {"gpus": [1]}, {"sequence": -1}, {"secret": "x"}],
)
def test_another_shape_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        read({**identity().document(), **change})


def test_what_is_too_long_for_a_table_is_cut() -> None:
    long = read({**identity().document(), "hostname": "h" * 4000, "gpus": ["T" * 4000] * 500})
    assert (len(long.hostname), len(long.gpus), len(long.gpus[0])) == (100, 64, 100)


def test_a_node_knows_itself(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    config, _ = load_config(node)
    found = identify(node, config)
    assert (found.ip, found.role, found.bundle, found.sequence) == ("10.0.0.1", "head", "demo", 1)
    assert (found.image, found.model) == (made.index.image.config, made.index.model_digest)
    assert found.digest == config.sums_digest != ""
    assert (found.driver, found.mtu, found.clock) == ("550.127.08", 1500, node.clock_seconds)
    assert len(found.gpus) == 1


def test_the_digest_of_a_model_is_that_of_its_files_in_any_order(made: MadeBundle) -> None:
    digest = made.index.model_digest
    assert replace(made.index, files=tuple(reversed(made.index.files))).model_digest == digest
    changed = tuple(replace(file, sha256="0" * 64) for file in made.index.files)
    assert replace(made.index, files=changed).model_digest != digest
    others = tuple(file for file in made.index.files if file.kind == "model")
    assert replace(made.index, files=others).model_digest == digest


def test_node_json_of_an_older_program_can_be_read(root: Path, made: MadeBundle) -> None:
    node = FakeNode(root)
    install(node, made, HEAD)
    config, _ = load_config(node)
    document = json.loads(config.render())
    for key in ("bundle", "sums_digest", "model_digest"):
        del document[key]
    assert NodeConfig.parse(json.dumps(document).encode()) == replace(
        config, bundle="", sums_digest="", model_digest=""
    )
