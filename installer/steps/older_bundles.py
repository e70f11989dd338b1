"""What older bundles left on the node: all but the one that was up before this, to which there must be a way back."""

import hashlib
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from installer.index.document import RUNTIME_NAME
from installer.index.sums import SUMS_NAME, parse_sums
from installer.node import Node
from installer.node.paths import OPT
from installer.pinned import Pinned
from installer.staging import STAGING

_REPOSITORY = "vllm-airgap"
_DIGEST = re.compile(r"[0-9a-f]{64}")  # names a folder of copies, and one of a program
_HALF_UNPACKED = re.compile(r"[0-9a-f]{64},new")


@dataclass(frozen=True)
class RemoveOlderBundles:
    """Copies, programs and image tags are this bundle's or the previous one's. Models are replaced in their place.

    Where no previous one is known, as after a lost record, every other may be the one that ran: all stay.
    """

    pinned: Pinned
    runtime: str
    replaces: tuple[str, ...] = ()
    title: str = "no older bundles"

    def pending(self, node: Node) -> str | None:
        names = [f"{path.parent.name}/{path.name[:12]}" for path in self._folders(node)]
        left = [*names, *self._tags(node)]
        return f"left from others: {', '.join(left)}" if left else None

    def left(self, node: Node) -> tuple[str, ...]:
        """Its names, for a person who needs the room before this step comes to it."""
        tags = (f"image {tag}" for tag in self._tags(node))
        return (*tags, *(str(folder) for folder in self._folders(node)))

    def apply(self, node: Node) -> None:
        for tag in self._tags(node):
            node.run("docker", "rmi", tag)
        for folder in self._folders(node):
            shutil.rmtree(folder)

    def _folders(self, node: Node) -> tuple[Path, ...]:
        previous = self.pinned.previous
        half_unpacked = _folders_like(_HALF_UNPACKED, node.at(OPT), ())
        if previous is None:
            return half_unpacked
        digests = (self.pinned.sums_digest, previous.sums_digest)
        programs = {self.runtime, *(_runtime_of(node, digest) for digest in digests)}
        staged = _folders_like(_DIGEST, node.at(STAGING), digests)
        return (*staged, *_folders_like(_DIGEST, node.at(OPT), programs), *half_unpacked)

    def _tags(self, node: Node) -> tuple[str, ...]:
        """Old names of ours. An image that some container still uses keeps its last one."""
        previous = self.pinned.previous
        if previous is None:
            return ()
        wanted = {str(self.pinned.sequence), str(previous.sequence)}
        tags = dict(_image_tags(node))
        images = {image_id for tag, image_id in tags.items() if tag in wanted}
        old = ((tag, image_id) for tag, image_id in tags.items() if tag.isdecimal() and tag not in wanted)
        return tuple(f"{_REPOSITORY}:{tag}" for tag, found in old if found in images or not _is_used(node, found))


def _folders_like(name: re.Pattern[str], top: Path, wanted: Collection[str | None]) -> tuple[Path, ...]:
    found = sorted(top.iterdir()) if top.is_dir() else []
    return tuple(path for path in found if name.fullmatch(path.name) and path.name not in wanted)


def _runtime_of(node: Node, sums_digest: str) -> str | None:
    """The program of a bundle whose signed lists are staged; None where they are gone, and no way leads back."""
    sums = node.read(f"{STAGING}/{sums_digest}/{SUMS_NAME}") or b""
    return parse_sums(sums).get(RUNTIME_NAME) if hashlib.sha256(sums).hexdigest() == sums_digest else None


def _image_tags(node: Node) -> Iterator[tuple[str, str]]:
    """Tag and image ID of every name of ours that docker has; none where it does not answer."""
    listed = node.ask("docker", "image", "ls", "--no-trunc", "--format", "{{.Tag}} {{.ID}}", _REPOSITORY)
    for line in listed.stdout.splitlines() if listed.succeeded else ():
        tag, _, image_id = line.partition(" ")
        yield tag, image_id


def _is_used(node: Node, image_id: str) -> bool:
    return bool(node.ask("docker", "ps", "--all", "--quiet", "--filter", f"ancestor={image_id}").stdout.strip())
