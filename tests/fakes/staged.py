"""A bundle whose files a node has taken in, without any step applied."""

from pathlib import Path

from installer.staging import Staging
from installer.take_in import TakeIn, lacking, take_in
from tests.fakes.bundle import MadeBundle
from tests.fakes.node import FakeNode

MODEL_DIR = "/var/lib/vllm-airgap/models/tiny"


def stage(node: FakeNode, made: MadeBundle) -> Staging:
    staging = Staging(made.sums_digest, MODEL_DIR)
    with made.opened() as bundle:
        intake = TakeIn(bundle, bundle.index.files, staging, None)
        take_in(node, intake, lacking(node, intake), lambda _: None)
    return staging


def copy_of(node: FakeNode, made: MadeBundle, kind: str) -> Path:
    """The node's copy of the only file of a kind."""
    return node.at(Staging(made.sums_digest, MODEL_DIR).place_of(made.index.only(kind)))


def spoil(path: Path) -> None:
    """Change one bit and nothing of the length."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
