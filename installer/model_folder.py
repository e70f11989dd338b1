"""What a model's folder on the node holds besides the bundle's files, and what in it leads elsewhere."""

import os
import shutil
from pathlib import Path

from installer.index.document import File
from installer.staging import inside_model


def strays(top: Path, files: tuple[File, ...]) -> tuple[Path, ...]:
    """What is in the folder and not the bundle's: the server would read it. Of a whole folder only its name."""
    wanted = {top / inside_model(file) for file in files}
    folders = {folder for path in wanted for folder in path.parents}
    found: list[Path] = []
    for current, inner, leaves in os.walk(top):
        known = [name for name in inner if _is_one_of(folders, Path(current, name))]
        found += [Path(current, name) for name in inner if name not in known]
        found += [Path(current, name) for name in leaves if not _is_one_of(wanted, Path(current, name))]
        inner[:] = known
    return tuple(sorted(found))


def _is_one_of(paths: set[Path], path: Path) -> bool:
    return path in paths and not path.is_symlink()


def remove_strays(top: Path, files: tuple[File, ...]) -> None:
    for path in strays(top, files):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def linked_folder(top: Path, place: Path) -> Path | None:
    """The folder between ``top`` and ``place`` that is a link. From ``top`` on links are the site's own."""
    between = [folder for folder in place.parents if top in folder.parents]
    return next((folder for folder in between if folder.is_symlink()), None)
