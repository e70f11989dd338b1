"""The vLLM image, in docker under the digest that the bundle names."""

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from installer.engine import docker_silence
from installer.errors import StepError
from installer.index.components import Image
from installer.index.document import File
from installer.node import Node
from installer.staging import Staging, open_staged, pieces

_BLOCK = 512  # bytes; tar's unit
_LOOK = '{"id": {{json .Id}}, "layers": {{json .RootFS.Layers}}}'


@dataclass(frozen=True)
class LoadImage:
    """docker has the image with its ID and layers, and a tag of ours keeps `docker image prune` off it."""

    image: Image
    files: tuple[File, ...]
    staging: Staging
    sequence: int
    replaces: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"image {self.image.reference}"

    @property
    def tag(self) -> str:
        return f"vllm-airgap:{self.sequence}"

    def pending(self, node: Node) -> str | None:
        if silence := docker_silence(node):
            return silence
        staged = any(node.at(self.staging.place_of(file)).exists() for file in self.files)
        return self._lacking(node) or ("its files are staged still" if staged else None)

    def _lacking(self, node: Node) -> str | None:
        found = _look(node, self.tag)
        if found is None:
            return "not in docker"
        image_id, layers = found
        if image_id not in self.image.ids:
            return f"{self.tag} is another image, {image_id}"
        return None if layers == self.image.diff_ids else "its layers differ"

    def apply(self, node: Node) -> None:
        if loaded_id(node, self.image) is None:
            node.run("docker", "load", "--quiet", stdin=self._archive(node))
        image_id = loaded_id(node, self.image)
        if image_id is None:
            raise StepError("docker loaded the image under another ID", hint="docker image ls shows what it has")
        node.run("docker", "tag", image_id, self.tag)
        for file in self.files:
            node.at(self.staging.place_of(file)).unlink(missing_ok=True)

    def _archive(self, node: Node) -> Iterator[bytes]:
        """One tar of the image's folder. A copy that changed stops it before its end, so docker loads nothing."""
        for file in self.files:
            header = tarfile.TarInfo(file.path.removeprefix("image/"))
            header.size, header.mode = file.size, 0o644
            yield header.tobuf(tarfile.GNU_FORMAT)  # ustar ends at 8 GiB
            with open_staged(node, self.staging, file) as copy:
                yield from pieces(copy)
            yield bytes(-file.size % _BLOCK)
        yield bytes(2 * _BLOCK)


def loaded_id(node: Node, image: Image) -> str | None:
    """The ID under which docker has this image, layer for layer. Ask only a docker that answers."""
    for image_id in image.ids:
        found = _look(node, image_id)
        if found is not None and found == (image_id, image.diff_ids):
            return image_id
    return None


def _look(node: Node, name: str) -> tuple[str, tuple[str, ...]] | None:
    answer = node.ask("docker", "image", "inspect", "--format", _LOOK, name)
    if not answer.succeeded:
        return None
    found = json.load(io.StringIO(answer.stdout))
    return str(found["id"]), tuple(found["layers"] or ())
