import gzip
import io
import tarfile
from pathlib import Path

import pytest

from installer.errors import MalformedError
from installer.unpack import unpack_runtime
from tests.fakes.tree import tree


def archive(*members: tarfile.TarInfo) -> io.BytesIO:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as writer:
        for member in members:
            writer.addfile(member, io.BytesIO(b"x" * member.size))
    return io.BytesIO(packed.getvalue())


def a_file(name: str, *, mode: int = 0o644, size: int = 1) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mode, member.size = mode, size
    return member


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_files_and_folders_are_unpacked(tmp_path: Path) -> None:
    folder = special("python/empty", tarfile.DIRTYPE)
    unpack_runtime(archive(folder, a_file("python/bin/python3", mode=0o755), a_file("program")), tmp_path / "to")
    assert (tmp_path / "to/python/empty").is_dir()
    assert (tmp_path / "to/python/bin/python3").read_bytes() == b"x"
    assert (tmp_path / "to/program").stat().st_size == 1


@pytest.mark.parametrize(("mode", "placed"), [(0o4777, 0o755), (0o666, 0o644), (0o100, 0o755), (0o000, 0o644)])
def test_modes_are_one_of_two(tmp_path: Path, mode: int, placed: int) -> None:
    unpack_runtime(archive(a_file("program", mode=mode)), tmp_path / "to")
    assert (tmp_path / "to/program").stat().st_mode & 0o7777 == placed


def test_owners_in_the_archive_do_not_count(tmp_path: Path) -> None:
    member = a_file("program")
    member.uid = member.gid = 1234
    unpack_runtime(archive(member), tmp_path / "to")
    assert (tmp_path / "to/program").stat().st_uid == tmp_path.stat().st_uid


BAD_NAMES = ("/etc/passwd", "../x", "a/../x", "a/../../x", "./a", "a//b", "..", ".", "a\nb", "a\x1b[1m", "x" * 1025)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_not_plain_refuses_the_whole(tmp_path: Path, name: str) -> None:
    with pytest.raises(MalformedError, match=r"runtime\.tar\.gz: member name"):
        unpack_runtime(archive(a_file("good"), a_file(name)), tmp_path / "to")
    assert tree(tmp_path) == {}


KINDS = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE]


@pytest.mark.parametrize("kind", KINDS)
def test_anything_but_files_and_folders_refuses_the_whole(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(MalformedError, match="neither a file nor a folder"):
        unpack_runtime(archive(a_file("good"), special("bad", kind, "good")), tmp_path / "to")
    assert tree(tmp_path) == {}


def test_no_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    members = (special("way", tarfile.SYMTYPE, str(tmp_path / "outside")), a_file("way/x"))
    with pytest.raises(MalformedError):
        unpack_runtime(archive(*members), tmp_path / "to")
    assert tree(tmp_path).keys() == {"outside"}


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b")])
def test_a_name_twice_refuses_the_whole(tmp_path: Path, names: tuple[str, str]) -> None:
    with pytest.raises(MalformedError, match="stands there twice"):
        unpack_runtime(archive(*map(a_file, names)), tmp_path / "to")
    assert tree(tmp_path) == {}


def test_a_folder_may_stand_there_twice(tmp_path: Path) -> None:
    unpack_runtime(
        archive(special("a", tarfile.DIRTYPE), special("a/", tarfile.DIRTYPE), a_file("a/b")), tmp_path / "to"
    )
    assert (tmp_path / "to/a/b").is_file()


NO_ARCHIVES = {
    "empty": b"",
    "no gzip": b"something else",
    "no tar": gzip.compress(b"something else" * 200),
    "cut": archive(a_file("a", size=99)).getvalue()[:40],
}


@pytest.mark.parametrize("data", NO_ARCHIVES.values(), ids=NO_ARCHIVES.keys())
def test_what_is_no_whole_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(MalformedError):
        unpack_runtime(io.BytesIO(data), tmp_path / "to")
    assert tree(tmp_path) == {}


def test_a_bomb_is_refused_before_it_is_written(tmp_path: Path) -> None:
    huge = tarfile.TarInfo("huge")
    huge.size = 3 << 30
    packed = gzip.compress(huge.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20))
    with pytest.raises(MalformedError, match="more than"):
        unpack_runtime(io.BytesIO(packed), tmp_path / "to")
    assert tree(tmp_path) == {}
