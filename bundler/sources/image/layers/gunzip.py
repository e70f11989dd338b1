"""Looks through gzip as it flows by."""

from collections.abc import Iterator

from isal import isal_zlib

from installer.errors import DamagedError

_MOST_AT_ONCE = 1 << 20  # bytes, however small the compressed form is
_GZIP = 31


class Gunzip:
    """Several streams in a row are one file, as gzip has it."""

    def __init__(self) -> None:
        self._stream = isal_zlib.decompressobj(wbits=_GZIP)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._inflate(data)
            yield piece
            if self._stream.eof:
                data = self._stream.unused_data
                if not data:
                    return
                self._stream = isal_zlib.decompressobj(wbits=_GZIP)
            else:
                data = self._stream.unconsumed_tail
                if not data and len(piece) < _MOST_AT_ONCE:
                    return

    def demand_end(self) -> None:
        if not self._stream.eof:
            raise DamagedError("a gzip-compressed layer ends early")

    def _inflate(self, data: bytes) -> bytes:
        try:
            return bytes(self._stream.decompress(data, _MOST_AT_ONCE))
        except isal_zlib.error as error:  # type: ignore[misc]  # a class, whatever the stub says
            raise DamagedError(f"a gzip-compressed layer is damaged: {error}") from None
