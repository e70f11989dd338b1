"""Bytes that arrive in pieces of any length, taken in the lengths that are wanted."""

from collections.abc import Iterable, Iterator

from installer.errors import DamagedError


class ByteStream:
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._piece = memoryview(b"")
        self.position = 0

    def take(self, count: int) -> bytes:
        """Exactly so many."""
        if count <= len(self._piece):
            return bytes(self._next(count))
        parts = []
        while count:
            part = self._next(count)
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def blocks(self, length: int, size: int) -> Iterator[bytes]:
        """``length`` bytes in blocks of ``size``, the last one shorter."""
        while length:
            block = self.take(min(length, size))
            length -= len(block)
            yield block

    def skip_to(self, position: int) -> None:
        while self.position < position:
            self._next(position - self.position)

    def drain(self) -> None:
        """Read to the end, so that who sends can finish."""
        for _ in self._pieces:
            pass

    def _next(self, most: int) -> memoryview:
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                raise DamagedError(f"the stream ends early, after {self.position} bytes")
            self._piece = memoryview(piece)
        part, self._piece = self._piece[:most], self._piece[most:]
        self.position += len(part)
        return part
