"""A file that an entry of a list in the manifest names, as the lock has it."""

from bundler.cache import Stored
from bundler.lock import LockedFile
from bundler.manifest import FileSpec, PackageSpec
from bundler.sources.url import is_remote, source_words


def lock_listed(spec: FileSpec | PackageSpec, kind: str, path: str, stored: Stored) -> LockedFile:
    """``path`` is its place in the bundle; who vouches for the digest is the manifest, or nobody yet."""
    return LockedFile(
        path=path,
        kind=kind,
        size=stored.size,
        sha256=stored.sha256,
        source=source_words(spec.url),
        known_by="manifest" if spec.sha256 else "first use",
        url=spec.url if is_remote(spec.url) else "",
    )
