"""The files of the manifest that the container needs beside the model: vocabularies and the like."""

from bundler.lock import LockedFile
from bundler.manifest import FileSpec, Manifest
from bundler.sources.several import take_several
from bundler.sources.url import is_remote, source_words, take_url
from bundler.workplace import Found, Workplace


def find_files(manifest: Manifest, work: Workplace) -> Found:
    def take(numbered: tuple[int, FileSpec], work: Workplace) -> LockedFile:
        return _take(*numbered, manifest, work)

    return Found(None, tuple(take_several(take, enumerate(manifest.files), work)))


def _take(number: int, spec: FileSpec, manifest: Manifest, work: Workplace) -> LockedFile:
    stored = take_url(f"files[{number}]", spec.url, manifest.folder, spec.sha256, work)
    return LockedFile(
        path=f"files/{spec.name}",
        kind="file",
        size=stored.size,
        sha256=stored.sha256,
        source=source_words(spec.url),
        known_by="manifest" if spec.sha256 else "first use",
        url=spec.url if is_remote(spec.url) else "",
    )
