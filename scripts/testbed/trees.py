"""Folders as values: what is in one, and a second one of the same files."""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

# What changes by itself on an idle node.
RESTLESS = (
    "/dev",
    "/media",
    "/proc",
    "/run/log",
    "/run/systemd",
    "/run/udev",
    "/sys",
    "/var/log/journal",
    "/var/lib/systemd",
    "/root/.rpmdb/rpmdb.sqlite-shm",  # sqlite marks its readers there: `rpm -q` is enough
)


def describe(root: Path, paths: tuple[str, ...], without: tuple[str, ...]) -> dict[str, str]:
    """By path below ``root``; times are left out, they change with every look."""
    found = (path for start in paths for path in walk(root, start, without))
    return {path: describe_one(root / path.lstrip("/")) for path in found}


def walk(root: Path, path: str, without: tuple[str, ...]) -> Iterator[str]:
    if path in without:
        return
    place = root / path.lstrip("/")
    if place != root:  # which may be a link of /proc that only the kernel can follow
        yield path
    if place == root or stat.S_ISDIR(place.lstat().st_mode):
        for name in sorted(os.listdir(place)):
            yield from walk(root, f"{path.rstrip('/')}/{name}", without)


def describe_one(place: Path) -> str:
    status = place.lstat()
    words = [stat.filemode(status.st_mode), f"{status.st_uid}:{status.st_gid}"]
    if stat.S_ISREG(status.st_mode):
        with place.open("rb") as file:
            words += [str(status.st_size), hashlib.file_digest(file, "sha256").hexdigest()]
    if stat.S_ISLNK(status.st_mode):
        words.append(str(place.readlink()))
    return " ".join(words)


def link_tree(source: Path, target: Path) -> None:
    """The same files once more, by hard links; copies where the file systems differ."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, copy_function=link_or_copy)
    else:
        link_or_copy(str(source), str(target))


def link_or_copy(source: str, target: str) -> None:
    if Path(source).lstat().st_dev == Path(target).parent.stat().st_dev:
        os.link(source, target, follow_symlinks=False)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
