"""Takes an image from a file that `docker save` made, plain or packed by gzip, of any docker, or by skopeo."""

import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from bundler.archives import tar_members
from bundler.cache import Cache
from bundler.lock import LockedImage
from bundler.manifest import ImageSpec
from bundler.needs import Coming, in_cache
from bundler.progress import Advance, Meter
from bundler.sources.image import taken_before
from bundler.sources.image.docker_save.choosing import Choose, image_called
from bundler.sources.image.docker_save.cutting import OCI_LAYOUT, OciArchiveError, cut
from bundler.sources.image.docker_save.documents import read_manifest
from bundler.sources.image.layers.compression import GZIP, ZSTD
from bundler.sources.image.layers.gunzip import Gunzip
from bundler.sources.image.layout import Origin, Parts, lay_out
from bundler.space import demand_room
from installer.errors import AirgapError, DamagedError, UsageError

_PIECE = 1 << 20  # bytes
_MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 1 << 20  # bytes
_FIRST_USE = "first use"  # nobody vouches for the file
_HINT = "`docker save IMAGE -o FILE` makes one"


def take_image(spec: ImageSpec, folder: Path, cache: Cache, meter: Meter) -> LockedImage:
    """Into the cache, the image that ``spec`` names. ``folder`` is where a relative path starts.

    Of a plain archive with an image that was taken before only the headers are read.
    """
    choose, path = image_called(spec.ref), folder / spec.path
    try:
        parts = _recall(path, choose, cache) or _cut(path, choose, cache, meter)
    except FileNotFoundError:
        raise UsageError(f"image: {path}: no such file", hint="see `image.path` in the manifest") from None
    except IsADirectoryError:
        if (path / OCI_LAYOUT).is_file():
            raise _oci(path, "folder", f"oci:{path}", spec.ref) from None
        raise UsageError(f"image: {path}: is a folder, not an archive", hint=_HINT) from None
    except OciArchiveError:
        raise _oci(path, "archive", f"oci-archive:{path}", spec.ref) from None
    except AirgapError as error:
        raise type(error)(f"{path}: {error}", hint=error.hint or _HINT) from error
    return lay_out(parts, Origin(spec.ref, f"file {spec.path}", _FIRST_USE), cache)


def _oci(path: Path, form: str, at: str, reference: str) -> UsageError:
    return UsageError(
        f"image: {path}: an OCI {form}, and a docker-archive is read here",
        hint=f"skopeo copy {at} docker-archive:NEW:{reference}",
    )


def announce(spec: ImageSpec, folder: Path, cache: Cache) -> tuple[Coming, ...]:
    """What ``take_image`` may write, which also says what is wrong with the file."""
    path = folder / spec.path
    try:
        known = _recall(path, image_called(spec.ref), cache)
        return () if known else (Coming("image/layers", path.stat().st_size),)
    except (FileNotFoundError, IsADirectoryError, AirgapError):
        return ()


def _cut(path: Path, choose: Choose, cache: Cache, meter: Meter) -> Parts:
    with path.open("rb", buffering=0) as file:
        start = file.read(len(ZSTD))
        if start == ZSTD:
            raise UsageError("packed with zstd, which is not read here", hint=f"unpack it first: zstd -d {path}")
        file.seek(0)
        size = os.fstat(file.fileno()).st_size
        # What is packed already stays so, and what is not becomes smaller.
        demand_room((in_cache(cache, size, f"the image in {path.name}"),))
        with meter(f"read {path.name}", size) as advance:
            pieces = _pieces(file, advance)
            parts = cut(_gunzipped(pieces) if start.startswith(GZIP) else pieces, cache, _unheard, choose)
    taken_before.remember(cache, parts.image_id, parts)
    return parts


def _pieces(file: FileIO, advance: Advance) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece
        advance(len(piece))


def _gunzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    gunzip = Gunzip()
    for piece in pieces:
        yield from gunzip.feed(piece)
    gunzip.demand_end()


def _unheard(_count: int) -> None:
    """The bar shows how far the file was read, packed as it is."""


def _recall(path: Path, choose: Choose, cache: Cache) -> Parts | None:
    """The same image has the same ID, in whatever archive: what it was cut into is known by that."""
    saved = _find_manifest(path)
    return taken_before.recall(cache, f"sha256:{choose(read_manifest(saved)).config_digest}") if saved else None


def _find_manifest(path: Path) -> bytes | None:
    """None where it cannot be had without unpacking."""
    try:
        with path.open("rb") as archive:
            for member, content in tar_members(archive):
                if member.name == _MANIFEST and member.is_file and member.size <= _LARGEST_MANIFEST:
                    return content.read()
    except DamagedError:
        return None
    return None
