"""Debian's packages: bare root file systems, and single packages unpacked into a folder."""

import shutil
from pathlib import Path

from testbed.commands import run

SUITE = "bookworm"


def bootstrap(root: Path, packages: tuple[str, ...], cache: Path) -> None:
    """Makes a minimal Debian at ``root``, with downloads kept in ``cache``."""
    cache.mkdir(parents=True, exist_ok=True)
    run(
        "debootstrap",
        "--variant=minbase",
        f"--include={','.join(packages)}",
        f"--cache-dir={cache}",
        SUITE,
        str(root),
    )
    forget_downloads(root)


def forget_downloads(root: Path) -> None:
    for folder in (root / "var/cache/apt/archives", root / "var/lib/apt/lists"):
        shutil.rmtree(folder)
        (folder / "partial").mkdir(parents=True)


def unpack(packages: tuple[str, ...], target: Path) -> None:
    """Puts the files of ``packages`` below ``target``; runs none of their scripts."""
    target.mkdir(parents=True, exist_ok=True)
    downloads = target.with_name(f"{target.name}.debs")
    download(packages, downloads)
    for package in sorted(downloads.glob("*.deb")):
        run("dpkg", "--extract", str(package), str(target))
    shutil.rmtree(downloads)


def download(packages: tuple[str, ...], folder: Path) -> None:
    """These alone, without what they need."""
    folder.mkdir(exist_ok=True)
    run("apt-get", "download", "--option", "APT::Sandbox::User=root", *packages, cwd=folder)
