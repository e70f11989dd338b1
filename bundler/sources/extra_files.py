"""The files of the manifest that the container needs beside the model: vocabularies and the like."""

from dataclasses import replace

from bundler.lock import LockedFile
from bundler.manifest import FileSpec, Manifest
from bundler.progress import called
from bundler.sources.listed import lock_listed
from bundler.sources.several import take_several
from bundler.sources.url import take_url
from bundler.workplace import Found, Workplace


def find_files(manifest: Manifest, work: Workplace) -> Found:
    def take(numbered: tuple[int, FileSpec], work: Workplace) -> LockedFile:
        return _take(*numbered, manifest, work)

    return Found(None, tuple(take_several("files", take, tuple(enumerate(manifest.files)), work)))


def _take(number: int, spec: FileSpec, manifest: Manifest, work: Workplace) -> LockedFile:
    shown = replace(work, meter=called(work.meter, f"files/{spec.name}"))
    stored = take_url(f"files[{number}]", spec.url, manifest.folder, spec.sha256, shown)
    return lock_listed(spec, "file", f"files/{spec.name}", stored)
