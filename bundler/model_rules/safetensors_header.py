"""The JSON of a safetensors header, taken apart tensor by tensor: as a whole it would be ten times its length."""

import json
import re
from collections.abc import Iterator

_SPACE = re.compile(rb"[ \t\r\n]*")
_LONGEST_TENSOR = 4096  # bytes of what stands between { and }
_METADATA = b'"__metadata__"'


def tensors(header: bytes) -> Iterator[tuple[str, object]]:
    """Name and description of each. ValueError for what is none, or has a name twice."""
    seen: set[str] = set()
    for name, at, end in _items(header, _past(header, 0, b"{", "the header is no object")):
        text = _string(header[name[0] : name[1]])
        if text in seen:
            raise ValueError("a name stands twice in the header")
        seen.add(text)
        if header[name[0] : name[1]] != _METADATA:
            yield text, _value(header[at:end])


def _items(header: bytes, at: int) -> Iterator[tuple[tuple[int, int], int, int]]:
    """Where each name lies, and where its value begins and ends. What is behind the last must be blank."""
    at = _skip(header, at)
    more = header[at : at + 1] != b"}"
    while more:
        name = (at, _string_end(header, at))
        start = _skip(header, _past(header, name[1], b":", "no value behind a name"))
        end = _metadata_end(header, start) if header[name[0] : name[1]] == _METADATA else _tensor_end(header, start)
        yield name, start, end
        at = _skip(header, end)
        more = header[at : at + 1] == b","
        at = _skip(header, at + 1) if more else at
    if _skip(header, _past(header, at, b"}", "no comma between two tensors")) != len(header):
        raise ValueError("the header goes on behind its end")


def _tensor_end(header: bytes, at: int) -> int:
    if header[at : at + 1] != b"{":
        raise ValueError("the description of a tensor is not an object")
    end = header.find(b"}", at, at + _LONGEST_TENSOR) + 1
    if not end:
        raise ValueError(f"the description of a tensor has more than {_LONGEST_TENSOR} bytes")
    return end


def _metadata_end(header: bytes, at: int) -> int:
    """Of an object with only strings in it, each of which is looked at alone."""
    at = _skip(header, _past(header, at, b"{", "__metadata__ is not an object"))
    more = header[at : at + 1] != b"}"
    while more:
        end = _string_end(header, at)
        _string(header[at:end])
        at = _skip(header, _past(header, end, b":", "__metadata__ is not an object"))
        end = _string_end(header, at)
        _string(header[at:end])
        at = _skip(header, end)
        more = header[at : at + 1] == b","
        at = _skip(header, at + 1) if more else at
    return _past(header, at, b"}", "__metadata__ does not end")


def _string_end(header: bytes, at: int) -> int:
    if header[at : at + 1] != b'"':
        raise ValueError("not a string where one belongs")
    start = at + 1
    while (end := header.find(b'"', start)) >= 0:
        before = header[start:end]
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return end + 1
        start = end + 1
    raise ValueError("a string does not end")


def _past(header: bytes, at: int, wanted: bytes, otherwise: str) -> int:
    at = _skip(header, at)
    if header[at : at + 1] != wanted:
        raise ValueError(otherwise)
    return at + 1


def _skip(header: bytes, at: int) -> int:
    match = _SPACE.match(header, at)
    return match.end() if match else at


def _string(data: bytes) -> str:
    return str(json.loads(data.decode()))


def _value(data: bytes) -> object:
    return json.loads(data.decode(), object_pairs_hook=_no_duplicates)


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in the header")
    return found
