"""Small packages with names, versions and needs like a distribution's, made when a test wants them."""

from dataclasses import dataclass
from pathlib import Path

from testbed import debs, rpms

_SPEC = """\
%global debug_package %{{nil}}
Name: {name}
Version: {version}
Release: {release}
Summary: Pretended
License: Apache-2.0
AutoReqProv: no
{needs}
%description
Pretended.
%install
cp -a %{{_sourcedir}}/tree/. %{{buildroot}}
%files
{files}
"""
_CONTROL = """\
Package: {name}
Version: {version}-{release}
Architecture: amd64
Maintainer: Nobody <nobody@localhost>
{needs}Description: Pretended
"""


@dataclass(frozen=True)
class SmallPackage:
    """``needs`` is as its own tool writes it, ``files`` are absolute paths, ``kernels`` go to the manifest."""

    name: str
    version: str
    release: str
    needs: str = ""
    files: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()

    def make(self, folder: Path, kind: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return {"rpm": self.make_rpm, "deb": self.make_deb}[kind](folder)

    def make_rpm(self, folder: Path) -> Path:
        topdir = folder / f"{self.name}-{self.version}"
        self._fill(topdir / "SOURCES/tree")
        needs, files = f"Requires: {self.needs}" if self.needs else "", "\n".join(self.files)
        (made,) = rpms.build(_SPEC.format(**self._said(), needs=needs, files=files), topdir)
        return made

    def make_deb(self, folder: Path) -> Path:
        tree = folder / f"{self.name}-{self.version}"
        self._fill(tree)
        needs = f"Depends: {self.needs}\n" if self.needs else ""
        return debs.build(_CONTROL.format(**self._said(), needs=needs), tree, folder)

    def _said(self) -> dict[str, str]:
        return {"name": self.name, "version": self.version, "release": self.release}

    def _fill(self, tree: Path) -> None:
        tree.mkdir(parents=True)
        for path in self.files:
            place = tree / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"#!/bin/sh\necho pretended {self.version}\n")
            place.chmod(0o755)


def entries(packages: dict[Path, SmallPackage]) -> str:
    """For the manifest, by where each lies."""
    lines = (f'  - {{url: "{path}", kernels: {list(one.kernels)}}}\n' for path, one in packages.items())
    return f"packages:\n{''.join(lines)}"
