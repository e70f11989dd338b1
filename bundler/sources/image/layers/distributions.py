"""Which vLLM, Ray and torch an image holds, told by the names in its layers alone."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bundler.sources.image.layers.tar_headers import Member

_METADATA = re.compile(rb"(?:.*/)?(?:site|dist)-packages/(vllm|ray|torch)-([^/]+)\.dist-info/METADATA")
_WHITEOUT = b".wh."
_OPAQUE = b".wh..wh..opq"


@dataclass
class LayerFindings:
    """What one layer adds (folder of the distribution's metadata: name and version) and hides of those below."""

    found: dict[bytes, tuple[str, str]] = field(default_factory=dict)
    hidden: set[bytes] = field(default_factory=set)  # a path, and with a slash at its end what is in a folder

    def see(self, members: Iterable[Member]) -> None:
        for member in members:
            if member.name.endswith(b".dist-info/METADATA"):
                self._see_metadata(_plain(member.name))
            elif _WHITEOUT in member.name:
                self._see_whiteout(_plain(member.name))

    def _see_metadata(self, path: bytes) -> None:
        if match := _METADATA.fullmatch(path):
            self.found[path.rsplit(b"/", 1)[0]] = (match[1].decode(), match[2].decode(errors="replace"))

    def _see_whiteout(self, path: bytes) -> None:
        folder, slash, name = path.rpartition(b"/")
        if name == _OPAQUE:
            self.hidden.add(folder + slash)
        elif name.startswith(_WHITEOUT):
            self.hidden.add(folder + slash + name.removeprefix(_WHITEOUT))

    def hides(self, path: bytes) -> bool:
        parts = path.split(b"/")
        above = (b"/".join(parts[:count]) for count in range(len(parts) + 1))
        return any(part in self.hidden or part + b"/" in self.hidden for part in above)


def versions(layers: Sequence[LayerFindings]) -> dict[str, str]:
    """Of the layers from the lowest up. Where two copies of a distribution stay, the upper layer's counts."""
    left: dict[bytes, tuple[str, str]] = {}
    for layer in layers:
        left = {path: known for path, known in left.items() if not layer.hides(path)}
        left |= dict(sorted(layer.found.items()))
    return dict(sorted(dict(left.values()).items()))


def _plain(name: bytes) -> bytes:
    return name.removeprefix(b"./").lstrip(b"/")
