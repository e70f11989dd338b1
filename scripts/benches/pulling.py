"""`python -m benches.pulling look|locked REFERENCE FOLDER`: an image from a registry into a bundle, as a build does it.

``look`` takes an image of which nothing is known, ``locked`` the one that an earlier ``look`` recorded.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bundler.assemble import Origins, place_files
from bundler.cache import Cache
from bundler.draft import drafting
from bundler.http.client import Client
from bundler.lock import LockedFile
from bundler.progress import unwatched
from bundler.sources.image.registry.pulling import take_image, take_locked
from bundler.workplace import Workplace
from installer.index.strict import Place

_JOBS = 4


def main(how: str, reference: str, folder: Path) -> None:
    record = folder / "locked.json"
    with Client() as client:
        work = Workplace(Cache(folder / "cache"), unwatched, print, client, _JOBS)
        if how == "look":
            taken = take_image(reference, (), work)
            files: Sequence[LockedFile] = taken.files
            record.write_text(json.dumps({"pinned": taken.pinned, "files": [file.document() for file in files]}))
        else:
            at = Place.of(json.loads(record.read_text()), record.name)
            files = [LockedFile.read(file) for file in at.each("files")]
            take_locked(at.text("pinned"), (), work)
        place(files, work, folder / "bundle")


def place(files: Sequence[LockedFile], work: Workplace, target: Path) -> None:
    """Into the bundle, each hashed again; nothing of it stays."""
    with drafting(target) as draft:
        origins = Origins({file.path: work.cache.path(file.sha256) for file in files}, {})
        for file in place_files(draft, files, origins, work.cache, unwatched):
            if file.sha256 not in work.cache:
                raise SystemExit(f"{file.path}: is not what was fetched")


if __name__ == "__main__":
    os.umask(0o022)
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
