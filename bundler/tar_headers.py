"""Tar headers read as they stream by: whose data follows, and how much. The data itself is never looked at."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from installer.errors import DamagedError

RECORD = 512  # bytes
_LONGEST_EXTENSION = 1 << 20  # bytes of names; what else is that long is no header
_HEADER_ONLY = frozenset(b"123456")  # links, devices, folders, FIFOs: no data, whatever their size field says
_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL, _GNU_SPARSE = b"LKxgS"
_EXTENSIONS = frozenset((_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL))
_PAX_RECORD = re.compile(rb"([0-9]{1,7}) ([^=]{1,1024})=")
_PAX_SIZE = re.compile(rb"[0-9]{1,18}")
_OCTAL = re.compile(rb"[0-7]*")
_USED = (b"path", b"linkpath", b"size")  # all else that many extensions in a row hold would only be gathered
_ZEROS = bytes(RECORD)


@dataclass(frozen=True, slots=True)
class Member:
    """One entry; ``kind`` is tar's type flag."""

    name: bytes
    kind: int
    size: int
    link: bytes

    @property
    def is_file(self) -> bool:
        return self.kind in b"0\0"

    @property
    def is_folder(self) -> bool:
        return self.kind == ord("5")

    @property
    def is_link(self) -> bool:
        return self.kind in b"12"

    @property
    def is_hard_link(self) -> bool:
        return self.kind == ord("1")


class Headers:
    """Raw headers in, members out; long names and sizes that precede a member in records of their own are added."""

    def __init__(self) -> None:
        self._extended: dict[bytes, bytes] = {}

    def extends(self, member: Member) -> bool:
        """Whether this one only says something of the next, by its data."""
        return member.kind in _EXTENSIONS

    def extend(self, member: Member, data: bytes) -> None:
        if member.kind == _LONG_NAME:
            self._extended[b"path"] = data.split(b"\0", 1)[0]
        elif member.kind == _LONG_LINK:
            self._extended[b"linkpath"] = data.split(b"\0", 1)[0]
        elif member.kind == _PAX:
            self._extended |= {key: value for key, value in _pax_records(data) if key in _USED}

    def read(self, header: bytes) -> Member:
        kind = header[156]
        size = _number(header[124:136])
        if kind in _EXTENSIONS:
            if size > _LONGEST_EXTENSION:
                raise DamagedError(f"not a tar: a header extension of {size} bytes")
            return Member(b"", kind, size, b"")
        extended, self._extended = self._extended, {}
        return Member(
            name=extended.get(b"path") or _name(header),
            kind=kind,
            size=0 if kind in _HEADER_ONLY else _extended_size(extended, size),
            link=extended.get(b"linkpath") or header[157:257].split(b"\0", 1)[0],
        )


class MemberNames:
    """Fed with a tar in pieces of any length, gives the members whose headers they hold."""

    def __init__(self) -> None:
        self._headers = Headers()
        self._held = b""  # a header, or names in an extension, that the next piece goes on with
        self._skip = 0  # bytes of data still to come
        self._behind_map: int | None = None  # bytes of data that a sparse file's map is followed by
        self._ended = False

    def feed(self, piece: bytes | memoryview) -> Iterator[Member]:
        if self._held:
            piece, self._held = self._held + piece, b""
        at, self._skip = self._skip, 0
        while not self._ended and at + RECORD <= len(piece):
            header = bytes(piece[at : at + RECORD])
            if self._behind_map is not None:
                at += RECORD + self._past_map(header, self._behind_map)
                continue
            if header == _ZEROS:
                self._ended = True
                break
            member = self._headers.read(header)
            data = at + RECORD
            end = data + padded(member.size)
            if not self._headers.extends(member):
                yield member
            elif end <= len(piece):
                self._headers.extend(member, bytes(piece[data : data + member.size]))
            else:
                break
            if member.kind == _GNU_SPARSE and header[482]:
                self._behind_map, end = padded(member.size), data
            at = end
        self._hold(piece, at)

    def _past_map(self, record: bytes, behind: int) -> int:
        if record[504]:  # one more record of the map follows
            return 0
        self._behind_map = None
        return behind

    def _hold(self, piece: bytes | memoryview, at: int) -> None:
        if self._ended or at >= len(piece):
            self._skip = at - len(piece)
        else:
            self._held = bytes(piece[at:])


def padded(size: int) -> int:
    return -(-size // RECORD) * RECORD


def is_header(record: bytes) -> bool:
    """Whether a tar may begin with it: the checksum fits, or it is the end of an empty one."""
    if len(record) < RECORD:
        return False
    if record == _ZEROS:
        return True
    stated = re.fullmatch(rb" *([0-7]+)[ \0]*", record[148:156])
    return stated is not None and int(stated[1], 8) == sum(record) - sum(record[148:156]) + 8 * ord(" ")


def _name(header: bytes) -> bytes:
    name = header[:100].split(b"\0", 1)[0]
    if header[257:263] == b"ustar\0" and header[345]:  # GNU's own magic is followed by something else there
        return header[345:500].split(b"\0", 1)[0] + b"/" + name
    return name


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # GNU's base 256, from 8 GiB on
        return int.from_bytes(field, "big") & ((1 << 88) - 1)
    digits = field.strip(b" \0")
    if not _OCTAL.fullmatch(digits):
        raise DamagedError(f"not a tar: a size of {field!r}")
    return int(digits or b"0", 8)


def _extended_size(extended: Mapping[bytes, bytes], size: int) -> int:
    stated = extended.get(b"size")
    if stated is None:
        return size
    if not _PAX_SIZE.fullmatch(stated):
        raise DamagedError(f"not a tar: a size of {stated[:40]!r}")
    return int(stated)


def _pax_records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """``LENGTH KEY=VALUE`` and a line feed, where the length is that of the whole record."""
    at = 0
    while at < len(data) and data[at]:
        match = _PAX_RECORD.match(data, at)
        end = at + int(match[1]) if match else at
        if match is None or not match.end() < end <= len(data):
            raise DamagedError(f"not a tar: a PAX record that begins with {data[at : at + 40]!r}")
        yield match[2], data[match.end() : end - 1]
        at = end
