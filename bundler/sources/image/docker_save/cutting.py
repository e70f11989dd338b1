"""Cuts the stream of `docker save` into layers as it flows by: nothing is unpacked, nothing written twice."""

import hashlib
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bundler.cache import Cache, Stored
from bundler.progress import Advance
from bundler.sources.image.configuration import Configuration, read_configuration
from bundler.sources.image.docker_save.byte_stream import ByteStream
from bundler.sources.image.docker_save.choosing import Choose, only_image
from bundler.sources.image.docker_save.documents import SavedImage, read_manifest
from bundler.sources.image.inside import fold
from bundler.sources.image.layers import records
from bundler.sources.image.layers.compression import GZIP, ZSTD, refused_zstd
from bundler.sources.image.layers.contents import LayerContents
from bundler.sources.image.layers.gunzip import Gunzip
from bundler.sources.image.layers.gzip_writer import BLOCK, GzipWriter, compressors
from bundler.sources.image.layers.unpacked import LayerRead, UnpackedBytes
from bundler.sources.image.layout import Layer, Parts
from bundler.tar_headers import RECORD, Headers, Member, is_header, padded
from installer.errors import DamagedError, printable

_LARGEST_DOCUMENT = 16 << 20  # bytes; what is longer and no layer belongs to nothing we want
_MOST_DOCUMENTS = 64 << 20  # bytes of all of them, for they are held until the end
_MANIFEST = "manifest.json"
OCI_LAYOUT = "oci-layout"  # that a folder or archive has this layout, by OCI's specification


class OciArchiveError(DamagedError):
    """An image as OCI lays it out, and as docker before 25 cannot load it."""


def cut(stream: Iterable[bytes], cache: Cache, advance: Advance, choose: Choose = only_image) -> Parts:
    """``stream`` holds images in the layout of docker up to 24 or the OCI one since 25."""
    with compressors() as pool:
        cutter = _Cutter(cache, pool, advance)
        source = ByteStream(stream)
        for member in _members(source):
            cutter.take(member, source)
        source.drain()
    return cutter.parts(choose)


@dataclass(frozen=True)
class _Cut:
    layer: Layer
    contents: LayerContents


class _Cutter:
    """What of the image was seen so far: which layers are the chosen image's is known only at the end of the stream."""

    def __init__(self, cache: Cache, pool: ThreadPoolExecutor, advance: Advance) -> None:
        self._cache = cache
        self._pool = pool
        self._advance = advance
        self._layers: dict[str, _Cut] = {}
        self._documents: dict[str, bytes] = {}
        self._held = 0  # bytes of documents
        self._links: dict[str, str] = {}
        self._zstd: set[str] = set()

    def take(self, member: Member, source: ByteStream) -> None:
        name = member.name.decode(errors="replace")
        if member.is_link:
            self._links[name] = _link_target(member)
        elif member.is_file:
            self._take_file(name, member.size, source)

    def parts(self, choose: Choose) -> Parts:
        if OCI_LAYOUT in self._documents and _MANIFEST not in self._documents:
            raise OciArchiveError("docker save: an OCI archive, without docker's own manifest.json")
        image = choose(read_manifest(self._document(_MANIFEST)))
        config = self._document(image.config)
        cuts = [self._cut(name) for name in image.layers]
        configuration = read_configuration(config)
        _compare(image, config, configuration, [cut.layer for cut in cuts])
        inside = fold(configuration, [cut.contents for cut in cuts])
        layers = tuple(cut.layer for cut in cuts)
        return Parts(config, layers, inside.versions, requires=inside.requirements)

    def _take_file(self, name: str, size: int, source: ByteStream) -> None:
        """What a file is, is told by how it begins: blobs have only digests for names."""
        start = source.take(min(size, RECORD))
        rest = size - len(start)
        if is_header(start):
            self._layers[name] = self._compress(self._blocks(start, rest, source))
        elif start.startswith(GZIP):
            self._layers[name] = self._keep_as_it_is(self._blocks(start, rest, source))
        elif start.startswith(ZSTD):
            self._zstd.add(name)
        elif size <= _LARGEST_DOCUMENT:
            self._hold(name, size)
            self._documents[name] = start + source.take(rest)

    def _hold(self, name: str, size: int) -> None:
        self._held += size
        if self._held > _MOST_DOCUMENTS:
            raise DamagedError(
                f"docker save: more than {_MOST_DOCUMENTS} bytes of documents, {printable(name)[:200]} too"
            )

    def _blocks(self, start: bytes, rest: int, source: ByteStream) -> Iterator[bytes]:
        first = start + source.take(min(rest, BLOCK - len(start)))
        self._advance(len(first))
        yield first
        for block in source.blocks(rest + len(start) - len(first), BLOCK):
            self._advance(len(block))
            yield block

    def _compress(self, blocks: Iterator[bytes]) -> _Cut:
        unpacked = UnpackedBytes()
        with self._cache.writer() as file:
            gzip = GzipWriter(file.write, self._pool)
            for block in blocks:
                gzip.write(block)
                unpacked.feed(block)
            gzip.finish()
            return self._remembered(unpacked.read(), file.keep())

    def _keep_as_it_is(self, blocks: Iterator[bytes]) -> _Cut:
        unpacked = UnpackedBytes()
        gunzip = Gunzip()
        with self._cache.writer() as file:
            for block in blocks:
                file.write(block)
                for piece in gunzip.feed(block):
                    unpacked.feed(piece)
            gunzip.demand_end()
            return self._remembered(unpacked.read(), file.keep())

    def _remembered(self, read: LayerRead, blob: Stored) -> _Cut:
        records.remember(self._cache, blob.sha256, read)
        return _Cut(Layer(read.diff_id, blob), read.contents)

    def _document(self, name: str) -> bytes:
        if name not in self._documents:
            raise DamagedError(f"docker save: {name} is missing")
        return self._documents[name]

    def _cut(self, name: str) -> _Cut:
        name = self._links.get(name, name)
        if name in self._zstd:
            raise refused_zstd(f"layer {name}")
        if name not in self._layers:
            raise DamagedError(f"docker save: layer {name} is missing")
        return self._layers[name]


def _members(source: ByteStream) -> Iterator[Member]:
    """Each member; its data may be taken from ``source`` before the next one is asked for."""
    headers = Headers()
    while any(header := source.take(RECORD)):
        member = headers.read(header)
        end = source.position + padded(member.size)
        if headers.extends(member):
            headers.extend(member, source.take(member.size))
        else:
            yield member
        source.skip_to(end)


def _link_target(member: Member) -> str:
    target = member.link.decode(errors="replace")
    if member.is_hard_link:
        return target
    return posixpath.normpath(posixpath.join(posixpath.dirname(member.name.decode(errors="replace")), target))


def _compare(image: SavedImage, config: bytes, described: Configuration, layers: Sequence[Layer]) -> None:
    """What arrived with what the image's own configuration says of it."""
    if hashlib.sha256(config).hexdigest() != image.config_digest:
        raise DamagedError(f"docker save: {image.config} is not what its name says")
    described.demand_platform()
    if described.diff_ids != tuple(layer.diff_id for layer in layers):
        raise DamagedError("docker save: the layers are not those of the image's configuration")
