"""How much the two headers of an rpm file hold, before a parser makes objects of all of it.

A header: magic, version, four empty bytes, the number of entries and the length of the store; an entry of tag, type,
offset and count for each; the store, where their values lie (format.md of rpm's own documentation).
"""

import struct
from typing import BinaryIO

_MAGIC = b"\x8e\xad\xe8\x01"
_LEAD = 96  # bytes
_INTRODUCTION = struct.Struct(">4s4xII")
_ENTRY = struct.Struct(">IIII")
_ALIGNED = 8  # bytes, of the second header
_LARGEST_HEADER = 32 << 20  # bytes; a kernel-devel has 3 MiB
_MOST_ENTRIES = 1024  # of some 100 that rpmbuild writes
_MOST_VALUES = 1 << 20  # a package of 20,000 files has some 300,000
_WIDTHS = {3: 2, 4: 4, 7: 1}  # bytes of one value: INT16, INT32, BIN
_STRINGS = frozenset((6, 8, 9))
_BINARY = 7  # one value, whatever its count


def check_headers(file: BinaryIO) -> None:
    """ValueError for headers that are none or hold too much. Leaves the file at its start."""
    file.seek(_LEAD)
    _check_header(file)
    if any(file.read(-file.tell() % _ALIGNED)):
        raise ValueError("there is something between its two headers")
    _check_header(file)
    file.seek(0)


def _check_header(file: BinaryIO) -> None:
    start = file.read(_INTRODUCTION.size)
    if len(start) < _INTRODUCTION.size or not start.startswith(_MAGIC):
        raise ValueError(f"no header begins at byte {file.tell() - len(start)}")
    _, entries, length = _INTRODUCTION.unpack(start)
    if entries > _MOST_ENTRIES:
        raise ValueError(f"a header of {entries} entries; more than {_MOST_ENTRIES} are not read")
    if length > _LARGEST_HEADER:
        raise ValueError(f"a header of {length} bytes; more than {_LARGEST_HEADER} are not read")
    index, store = file.read(entries * _ENTRY.size), file.read(length)
    if len(index) + len(store) < entries * _ENTRY.size + length:
        raise ValueError("the file ends within a header")
    _check_values(index, store)


def _check_values(index: bytes, store: bytes) -> None:
    """Values that share their bytes would take more memory than the file has."""
    values = taken = 0
    for _tag, kind, offset, count in _ENTRY.iter_unpack(index):
        values += 1 if kind == _BINARY else count
        if values > _MOST_VALUES:
            raise ValueError(f"a header of more than {_MOST_VALUES} values, which are not read")
        taken += _length(store, kind, offset, count)
        if taken > len(store):
            raise ValueError("its header's values lie over each other")


def _length(store: bytes, kind: int, offset: int, count: int) -> int:
    """Bytes in the store of one entry; 0 for types that are not read."""
    if kind not in _STRINGS:
        return _WIDTHS.get(kind, 0) * count
    end = offset
    for _ in range(count):
        end = store.index(b"\0", end) + 1
    return end - offset
