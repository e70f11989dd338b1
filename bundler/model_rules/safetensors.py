"""A safetensors file against its own header. Of the file no more than the header is read.

Eight bytes of length, little-endian; that much JSON: tensor to dtype, shape, and where its bytes lie behind the header.
"""

import os
import re
import struct
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import BinaryIO, TypeGuard

from bundler.model_rules.files import Files, at_hand
from bundler.model_rules.safetensors_header import tensors
from installer.errors import AirgapError, RefusedError, printable

_LENGTH = struct.Struct("<Q")
_LARGEST_HEADER = 100_000_000  # bytes; the format's own limit
_LARGEST_CHECKED = 16 << 20  # bytes; 150,000 tensors. Looking at it takes some 100 MiB
_MOST_DIMENSIONS = 32
_POINTER = b"version https://git-lfs"
# A dtype that is newer than this list is the server's to judge; only its length stays unchecked.
_DTYPE = re.compile(r"(?:BF|[CFIU])([0-9]{1,3})(?:_[A-Z0-9]+)?")
_BOOL = "BOOL"
_BITS_PER_BYTE = 8
_TOO_LARGE = 1 << 63
_Range = tuple[int, int]


class _WrongError(ValueError):
    """What is wrong with a header, for the one who knows the file's name."""


def broken_weights(files: Files, _allow: tuple[str, ...]) -> Iterator[AirgapError]:
    for name, path in at_hand(files, ".safetensors"):
        try:
            check_safetensors(path)
        except (ValueError, RecursionError) as error:
            yield RefusedError(
                f"model: {name}: no whole safetensors file: {printable(str(error))[:200]}", hint="download it again"
            )


def check_safetensors(path: Path) -> None:
    """ValueError if header and file do not fit each other in every byte."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = _header_length(file, size)
        ranges = [_range(name, value) for name, value in tensors(file.read(length))]
    _check_ranges(ranges, size - _LENGTH.size - length)


def tensor_names(path: Path) -> frozenset[str]:
    """Of the tensors in it. ValueError if it has no header that can be read."""
    with path.open("rb") as file:
        length = _header_length(file, os.fstat(file.fileno()).st_size)
        return frozenset(name for name, _ in tensors(file.read(length)))


def _header_length(file: BinaryIO, size: int) -> int:
    start = file.read(len(_POINTER))
    if start == _POINTER:
        raise _WrongError("a pointer of git-lfs, the weights themselves were never downloaded (`git lfs pull`)")
    if len(start) < _LENGTH.size:
        raise _WrongError(f"{size} bytes are too few")
    (length,) = _LENGTH.unpack_from(start)
    if length > _LARGEST_HEADER or length > size - _LENGTH.size:
        raise _WrongError(f"a header of {length} bytes in a file of {size}")
    if length > _LARGEST_CHECKED:
        raise _WrongError(f"a header of {length} bytes, and more than {_LARGEST_CHECKED} cannot be checked here")
    file.seek(_LENGTH.size)
    return int(length)


def _range(name: str, value: object) -> _Range:
    if not isinstance(value, dict):
        raise _WrongError(f"{name}: not an object")
    dtype, shape, offsets = (value.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not (isinstance(dtype, str) and _are_counts(shape) and _are_counts(offsets)):
        raise _WrongError(f"{name}: no dtype, shape and data_offsets")
    if len(offsets) != len(("begin", "end")):
        raise _WrongError(f"{name}: {len(offsets)} data_offsets")
    if len(shape) > _MOST_DIMENSIONS:
        raise _WrongError(f"{name}: {len(shape)} dimensions, and no tensor has more than {_MOST_DIMENSIONS}")
    begin, end = offsets
    if begin > end:
        raise _WrongError(f"{name}: ends before it begins")
    bits = _bits(dtype)
    if bits and prod(shape) * bits != (end - begin) * _BITS_PER_BYTE:
        raise _WrongError(f"{name}: {end - begin} bytes for {dtype} of shape {shape}")
    return begin, end


def _are_counts(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < _TOO_LARGE for item in value)


def _bits(dtype: str) -> int:
    """Of one element; 0 where we do not know."""
    if dtype == _BOOL:
        return _BITS_PER_BYTE
    match = _DTYPE.fullmatch(dtype)
    return int(match[1]) if match else 0


def _check_ranges(tensors: list[_Range], length: int) -> None:
    """Every byte behind the header belongs to exactly one tensor."""
    reached = 0
    for begin, end in sorted(tensors):
        if begin != reached:
            raise _WrongError(f"tensors {'overlap' if begin < reached else 'leave a gap'} at byte {begin} of the data")
        reached = end
    if reached != length:
        raise _WrongError(f"the header tells of {reached} bytes of data, the file has {length}")
