"""Archives are read member by member, and none can make us hold more than a part of it."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from bundler.archives import read_members, tar_members
from bundler.cache import Cache
from bundler.manifest import ImageSpec
from bundler.packages.deb import read_deb
from bundler.progress import unwatched
from bundler.sources.image.archive import take_image
from installer.errors import AirgapError, DamagedError
from tests.fakes.package_files import deb_package

LONG = "folder/" * 40 + "file"


def tar(tar_format: int = tarfile.GNU_FORMAT, content: bytes = b"one") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tar_format) as archive:
        folder, link = tarfile.TarInfo("folder"), tarfile.TarInfo("link")
        folder.type, link.type, link.linkname = tarfile.DIRTYPE, tarfile.SYMTYPE, "file"
        archive.addfile(folder)
        archive.addfile(link)
        for name in ("file", LONG):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def extension(kind: bytes, size: int) -> bytes:
    """Its header only."""
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def written(folder: Path, data: bytes) -> Path:
    path = folder / "archive.tgz"
    path.write_bytes(gzip.compress(data))
    return path


def _read_all(path: Path) -> None:
    for _, content in read_members(path, "archive.tgz"):
        content.read()


def refused(path: Path) -> str:
    with pytest.raises(DamagedError) as caught:
        _read_all(path)
    return str(caught.value)


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("is_read", [True, False])
def test_every_member_comes_with_its_content(tmp_path: Path, tar_format: int, *, is_read: bool) -> None:
    found = [
        (entry.name, entry.is_file, entry.is_folder, entry.size, content.read() if is_read else b"")
        for entry, content in read_members(written(tmp_path, tar(tar_format)), "archive.tgz")
    ]
    content = b"one" if is_read else b""
    assert found == [
        ("folder", False, True, 0, b""),
        ("link", False, False, 0, b""),
        ("file", True, False, 3, content),
        (LONG, True, False, 3, content),
    ]


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_an_extension_that_is_longer_than_any_name_is_not_read(tmp_path: Path, kind: bytes) -> None:
    """Tarfile would hold 600 MiB, and twice as much to look at them."""
    assert "a header extension of 629145600 bytes" in refused(written(tmp_path, extension(kind, 600 << 20)))


def test_a_sparse_file_whose_map_could_have_any_length_is_refused(tmp_path: Path) -> None:
    assert "sparse" in refused(written(tmp_path, extension(tarfile.GNUTYPE_SPARSE, 10)))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_an_archive_that_ends_within_a_member_is_damage(tmp_path: Path, share: float) -> None:
    path = written(tmp_path, tar(content=os.urandom(100_000)))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    refused(path)


@pytest.mark.parametrize("data", [b"", b"x" * 10, b"x" * 1024, tar()[:700], tar()[:1700]])
def test_what_is_packed_must_be_a_whole_tar(tmp_path: Path, data: bytes) -> None:
    assert "not a whole tar.gz" in refused(written(tmp_path, data))


def test_the_empty_records_at_the_end_may_be_missing() -> None:
    assert len(list(tar_members(io.BytesIO(tar()[:2048])))) == len(("folder", "link", "file"))


def test_the_control_archive_of_a_deb_is_read_likewise(tmp_path: Path) -> None:
    path = tmp_path / "x.deb"
    path.write_bytes(deb_package("", lambda _: gzip.compress(extension(tarfile.XHDTYPE, 600 << 20)), ".gz"))
    with pytest.raises(DamagedError, match="a header extension of 629145600 bytes"):
        read_deb(path, "x.deb")


def test_a_control_file_of_megabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.deb"
    path.write_bytes(deb_package("x" * (2 << 20), gzip.compress, ".gz"))
    with pytest.raises(DamagedError, match="a control file of 2097152 bytes"):
        read_deb(path, "x.deb")


def test_an_image_in_a_file_is_read_likewise(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(extension(tarfile.XHDTYPE, 600 << 20))
    with path.open("r+b") as file:
        file.truncate(700 << 20)
    with pytest.raises(AirgapError, match="a header extension of 629145600 bytes"):
        take_image(ImageSpec("image:1", "file", path="image.tar"), tmp_path, Cache(tmp_path / "cache"), unwatched)
