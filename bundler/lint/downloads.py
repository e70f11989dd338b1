"""Every file that the manifest names by itself, in one list: driver, docker, toolkit, packages, files."""

from collections.abc import Iterator
from dataclasses import dataclass

from bundler.manifest import Manifest


@dataclass(frozen=True)
class Download:
    """``part`` is its path in the manifest, ``url`` "" where the publisher's own place is meant."""

    part: str
    url: str
    sha256: str


def downloads(manifest: Manifest) -> Iterator[Download]:
    for part, spec in (("driver", manifest.driver), ("docker", manifest.docker), ("toolkit", manifest.toolkit)):
        if spec:
            yield Download(part, spec.url, spec.sha256)
    for number, package in enumerate(manifest.packages):
        yield Download(f"packages[{number}]", package.url, package.sha256)
    for number, file in enumerate(manifest.files):
        yield Download(f"files[{number}]", file.url, file.sha256)
