"""Debian's own docker as packages, for a node that had it before."""

from pathlib import Path

from testbed import debian

PACKAGES = ("containerd", "docker.io", "runc", "tini")


def make(target: Path) -> None:
    debian.download(PACKAGES, target)
