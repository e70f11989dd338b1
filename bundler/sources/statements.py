"""What a publisher states of a file's SHA-256, in a list beside it as coreutils writes it."""

import re
from typing import Final

from bundler.http.client import Client
from bundler.http.suspicion import is_page
from bundler.progress import Tell
from installer.errors import RefusedError, UnreachableError

LARGEST: Final = 64 << 10  # bytes; the longest known has five lines
_LINE = re.compile(rb"([0-9a-f]{64}) [ *]([\x21-\x7e]{1,512})")
_OK = 200
_NONE = (403, 404, 410)  # a store that may not be listed says 403 of what it does not have


def stated_digest(part: str, statement: str, name: str, client: Client, tell: Tell) -> str:
    """Of the file ``name``, by the list at the URL ``statement``; "" where there is no such list, which is told."""
    try:
        answer = client.get(statement, part, limit=LARGEST)
    except RefusedError as error:
        raise RefusedError(f"{part}: {error}", hint=error.hint or way_out(part)) from error
    if answer.status in _NONE:
        tell(f"{part}: no digest is stated at {statement} ({answer.status}): the one that comes is locked as first use")
        return ""
    if answer.status != _OK:
        raise UnreachableError(
            f"{part}: {statement} answered {answer.status}", hint=f"try again later; or {way_out(part)}"
        )
    return read_statement(answer.body, name, part, statement)


def read_statement(data: bytes, name: str, part: str, statement: str) -> str:
    """The digest that the list ``data`` from ``statement`` has for ``name``, in whatever folder it was made.

    Lines about other files, comments and the like are as the publisher pleases; one line must name the file.
    """
    if problem := _problem(data):
        raise RefusedError(f"{part}: {statement} {problem}", hint=way_out(part))
    lines = (_LINE.fullmatch(line) for line in _lines(data))
    found = [match[1].decode() for match in lines if match and match[2].decode().rpartition("/")[2] == name]
    if len(found) != 1:
        raise RefusedError(
            f"{part}: {statement} shall state the digest of {name}, and names it {len(found)} times",
            hint=way_out(part),
        )
    return found[0]


def way_out(part: str) -> str:
    return f"if you know the right digest, give it as `{part}.sha256`: then nobody else is asked"


def _problem(data: bytes) -> str:
    """What is wrong with all of it, "" if nothing."""
    if not data:
        return "is empty"
    if is_page(data):
        return "is a web page (HTML), no list of digests: a login page or a proxy may have answered"
    return ""


def _lines(data: bytes) -> list[bytes]:
    return [line.removesuffix(b"\r") for line in data.split(b"\n")]
