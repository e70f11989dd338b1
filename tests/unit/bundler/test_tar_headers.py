import io
import tarfile

import pytest

from bundler.tar_headers import MemberNames, is_header
from installer.errors import DamagedError

LONG = "a-folder-with-a-long-name/" * 12 + "file"
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def archive(tar_format: int, longest: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as opened:
        for name, size in (("empty", 0), (longest, 3000), ("usr/lib/one", 512), ("two", 513)):
            member = tarfile.TarInfo(name)
            member.size = size
            opened.addfile(member, io.BytesIO(b"\x01" * size))
        for kind, name in ((tarfile.SYMTYPE, "soft"), (tarfile.LNKTYPE, "hard"), (tarfile.DIRTYPE, "folder")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "two"
            opened.addfile(member)
    return buffer.getvalue()


def names(data: bytes, piece: int) -> list[str]:
    reader = MemberNames()
    return [m.name.decode() for at in range(0, len(data), piece) for m in reader.feed(data[at : at + piece])]


def header(name: bytes, size: bytes, kind: bytes) -> bytearray:
    record = bytearray(512)
    record[: len(name)] = name
    record[124 : 124 + len(size)] = size
    record[156:157] = kind
    return record


@pytest.mark.parametrize("piece", [1, 511, 512, 700, 1 << 20])
@pytest.mark.parametrize("tar_format", FORMATS)
def test_every_name_is_found_however_the_stream_is_cut(tar_format: str, piece: int) -> None:
    longest = LONG[:200] if tar_format == "ustar" else LONG
    data = archive(FORMATS[tar_format], longest)
    assert names(data, piece) == ["empty", longest, "usr/lib/one", "two", "soft", "hard", "folder/"]


def test_a_size_in_a_pax_record_counts_and_not_the_one_in_the_header() -> None:
    record = b"13 size=1024\n"
    data = (
        bytes(header(b"x", b"%011o" % len(record), b"x")) + record.ljust(512, b"\0")
        + bytes(header(b"first", b"0", b"0")) + b"\x01" * 1024
        + bytes(header(b"second", b"0", b"0")) + bytes(1024)
    )  # fmt: skip
    assert names(data, 512) == ["first", "second"]


def test_a_size_beyond_eight_gibibytes_is_read_in_base_256() -> None:
    size = b"\x80" + (9 << 30).to_bytes(11, "big")
    (member,) = MemberNames().feed(bytes(header(b"large", size, b"0")))
    assert member.size == 9 << 30


@pytest.mark.parametrize("piece", [512, 10_000])
def test_the_map_of_a_sparse_file_is_no_header(piece: int) -> None:
    sparse = header(b"sparse", b"%011o" % 1024, b"S")
    sparse[482] = 1
    more_map, last_map = bytearray(b"\x01" * 512), bytearray(b"\x01" * 512)
    more_map[504], last_map[504] = 1, 0
    after = bytes(header(b"after", b"0", b"0"))
    data = bytes(sparse + more_map + last_map) + b"\x01" * 1024 + after + bytes(1024)
    assert names(data, piece) == ["sparse", "after"]


def test_a_link_has_no_data_whatever_its_size_says() -> None:
    data = bytes(header(b"hard", b"%011o" % 4096, b"1")) + bytes(header(b"next", b"0", b"0"))
    assert names(data, 512) == ["hard", "next"]


def test_what_follows_the_end_is_not_read() -> None:
    assert names(archive(tarfile.GNU_FORMAT, "x") + b"\xff" * 2048, 512)[-1] == "folder/"


def test_what_is_no_tar_is_damage() -> None:
    with pytest.raises(DamagedError, match="not a tar"):
        list(MemberNames().feed(b"x" * 1024))


def test_an_extension_of_a_gigabyte_is_not_gathered() -> None:
    with pytest.raises(DamagedError, match="header extension"):
        list(MemberNames().feed(bytes(header(b"x", b"%011o" % (1 << 30), b"x"))))


def test_a_header_is_told_from_other_content() -> None:
    assert is_header(archive(tarfile.GNU_FORMAT, "x")[:512])
    assert is_header(bytes(512))
    assert not is_header(b'{"schemaVersion": 2}')
    assert not is_header(b"\x1f\x8b".ljust(512, b"x"))
    assert not is_header(b"{".ljust(512))


def extended(*records: bytes) -> bytes:
    data = b"".join(records)
    extension = bytes(header(b"x", b"%011o" % len(data), b"x")) + data + bytes(-len(data) % 512)
    return extension + bytes(header(b"file", b"0", b"0"))


@pytest.mark.parametrize("size", [b"-1536", b"zz", b"9" * 5000, b"1_0", b"+1", b" 1"])
def test_a_pax_size_is_a_plain_number(size: bytes) -> None:
    """-1536 would lead back to the header that says so, for ever."""
    length = len(size) + 9
    record = b"%d size=%s\n" % (length, size) if length < 100 else b"%d size=%s\n" % (len(size) + 11, size)
    with pytest.raises(DamagedError, match="not a tar: a size of"):
        names(extended(record), 512)


@pytest.mark.parametrize("length", [b"0", b"3", b"9" * 5000, b"12345678", b"99"])
def test_a_pax_record_ends_behind_its_own_start_and_in_its_header(length: bytes) -> None:
    with pytest.raises(DamagedError, match="not a tar: a PAX record"):
        names(extended(length + b" path=x\n"), 512)


@pytest.mark.parametrize("size", [b"-0000001000", b"0o10", b"1_0"])
def test_a_size_in_a_header_is_octal_and_nothing_else(size: bytes) -> None:
    with pytest.raises(DamagedError, match="not a tar: a size of"):
        names(bytes(header(b"x", size, b"0")), 512)
