"""What there is to know of a layer from the bytes that it unpacks to."""

import hashlib
from dataclasses import dataclass

from bundler.sources.image.layers.contents import LayerContents
from bundler.tar_headers import MemberNames


@dataclass(frozen=True)
class LayerRead:
    """``diff_id`` is the digest of the unpacked bytes."""

    diff_id: str
    contents: LayerContents


class UnpackedBytes:
    """``feed`` all of them in order, then ``read``."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._names = MemberNames()
        self._contents = LayerContents()

    def feed(self, piece: bytes | memoryview) -> None:
        self._digest.update(piece)
        self._contents.see(self._names.feed(piece))

    def read(self) -> LayerRead:
        return LayerRead(f"sha256:{self._digest.hexdigest()}", self._contents)
