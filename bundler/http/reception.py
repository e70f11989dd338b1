"""The bytes of one file as they come, in order, whatever the number of answers and runs that bring them."""

import hashlib

from bundler.http.wanted import Watch
from bundler.partials import Partial
from bundler.progress import Advance


class Reception:
    """All before ``position`` is on the disk and hashed. More may be on the disk, to be compared or caught up with."""

    def __init__(self, partial: Partial, watch: Watch, advance: Advance) -> None:
        self._partial = partial
        self._watch = watch
        self._advance = advance
        self._restart()
        self.furthest = partial.size
        self.is_of_one_piece = True  # whether all the bytes came in one answer

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def catch_up(self) -> None:
        """Hash what is on the disk, so that the next byte to come is the one after it."""
        for piece in self._partial.pieces(self.position):
            self._see(piece)
            self.is_of_one_piece = False

    def rewind(self) -> None:
        """The file comes from its first byte again; what is on the disk stays as long as the same comes."""
        self._restart()
        self.is_of_one_piece = True

    def start_over(self) -> None:
        """Nothing of what is on the disk is to be kept."""
        self._cut(0)
        self.rewind()

    def end(self) -> None:
        """The file is whole: what the disk has behind its last byte is another's."""
        if self._partial.size > self.position:
            self._cut(self.position)

    def take(self, piece: memoryview) -> None:
        known = self._partial.read(self.position, len(piece))
        if known != piece[: len(known)]:
            self._cut(self.position)
            known = b""
        if new := piece[len(known) :]:
            self._partial.append(new)
            self._advance(len(new))
        self._see(piece)
        self.furthest = max(self.furthest, self.position)

    def _restart(self) -> None:
        self.position = 0
        self._digest = hashlib.sha256()
        self._watcher = self._watch()

    def _see(self, piece: memoryview) -> None:
        self._digest.update(piece)
        self._watcher.feed(piece)
        self.position += len(piece)

    def _cut(self, size: int) -> None:
        self._advance(size - self._partial.size)
        self._partial.cut(size)
