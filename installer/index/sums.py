"""SHA256SUMS: the one signed file, in the format of coreutils."""

import re
from collections.abc import Mapping

from installer.errors import MalformedError, NotAuthenticError
from installer.index.names import check_names

SUMS_NAME = "SHA256SUMS"
LARGEST_SUMS = 16 << 20  # bytes; a hundred thousand files
_LINE = re.compile(rb"([0-9a-f]{64})  ([^\n]+)\n")


def parse_sums(data: bytes) -> dict[str, str]:
    """Path to SHA-256, of the exact bytes that were signed."""
    found: dict[str, str] = {}
    position, last = 0, b""
    while position < len(data):
        match = _LINE.match(data, position)
        if match is None:
            raise MalformedError(f"{SUMS_NAME}: line {len(found) + 1} is not '<64 lower hex>  <path>'")
        if match[2] <= last:
            raise MalformedError(f"{SUMS_NAME}: line {len(found) + 1} is not in strictly ascending order")
        last, position = match[2], match.end()
        found[last.decode("latin-1")] = match[1].decode("ascii")
    if not found:
        raise MalformedError(f"{SUMS_NAME}: empty")
    check_names(found)
    return found


def render_sums(digests: Mapping[str, str]) -> bytes:
    check_names(digests)
    return b"".join(f"{digests[path]}  {path}\n".encode("ascii") for path in sorted(digests))


def refuse_converted_lines(data: bytes) -> None:
    """A signature over CRLF lines fails; say the likely cause instead of only that."""
    if b"\r\n" in data:
        raise NotAuthenticError(
            f"{SUMS_NAME}: line endings changed on the way, so no signature can match",
            hint="copy the bundle again in binary mode, without any conversion",
        )
