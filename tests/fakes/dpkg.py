"""A Debian's package database, and the three commands that look into it, plan a change and make it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from installer.index.package_versions import compare_deb
from installer.sight import Output
from tests.fakes.changes import Changes

_QUERY = ("--show", "--showformat", "${db:Status-Status} ${Version}\\n")
_INSTALL = ("--install", "--force-confdef", "--force-confold")


def deb_file(name: str, version: str, *, requires: tuple[str, ...] = ()) -> bytes:
    """A package file as this dpkg reads it."""
    return json.dumps({"name": name, "version": version, "requires": requires}).encode()


@dataclass
class FakeDpkg:
    """``removed`` are packages whose settings are still there, of which dpkg goes on to speak.

    ``owners`` is file to package.
    ``in_the_way`` says of a package which other one apt would remove for it.
    """

    root: Path
    changes: Changes
    database: dict[str, str] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    owners: dict[str, str] = field(default_factory=dict)
    in_the_way: dict[str, str] = field(default_factory=dict)

    def query(self, arguments: tuple[str, ...]) -> Output:
        if arguments[0] == "-S":
            return self._owner(*arguments[1:])
        assert arguments[:3] == _QUERY, arguments
        (name,) = arguments[3:]
        if version := self.database.get(name):
            return Output(0, f"installed {version}\n", "")
        if name in self.removed:
            return Output(0, "config-files 0.1\n", "")
        return Output(1, "", f"dpkg-query: no packages found matching {name}\n")

    def _owner(self, path: str) -> Output:
        if owner := self.owners.get(path):
            return Output(0, f"{owner}: {path}\n", "")
        return Output(1, "", f"dpkg-query: no path found matching pattern {path}\n")

    def plan(self, arguments: tuple[str, ...]) -> Output:
        """Of apt-get, with no source but the files."""
        assert {"--simulate", "--yes", "Dir::Etc::sourcelist=/dev/null"} < set(arguments), arguments
        packages = [_read(path) for path in arguments[arguments.index("install") + 1 :]]
        present = self.database.keys() | {package["name"] for package in packages}
        missing = [
            f" {package['name']} : Depends: {need} but it is not installable"
            for package in packages
            for need in package["requires"]
            if need not in present
        ]
        if missing:
            lines = "\n".join(missing)
            return Output(
                100, f"The following packages have unmet dependencies:\n{lines}\n", "E: held broken packages.\n"
            )
        names = [package["name"] for package in packages]
        if any(self._is_older(package) for package in packages):
            why = "E: Packages were downgraded and -y was used without --allow-downgrades.\n"
            return Output(100, "The following packages will be DOWNGRADED:\n", why)
        removed = [self.in_the_way[name] for name in names if self.in_the_way.get(name) in self.database]
        return Output(0, "\n".join([f"Remv {name} [1.0]" for name in removed] + [f"Inst {name}" for name in names]), "")

    def _is_older(self, package: Mapping[str, Any]) -> bool:
        present = self.database.get(package["name"])
        return present is not None and compare_deb(present, package["version"]) > 0

    def command(self, arguments: tuple[str, ...]) -> Output:
        assert arguments[:3] == _INSTALL, arguments
        packages = [_read(path) for path in arguments[3:]]
        self.changes.about_to(f"dpkg --install {' '.join(package['name'] for package in packages)}")
        self.database |= {package["name"]: package["version"] for package in packages}
        return Output(0, "", "")


def _read(path: str) -> Mapping[str, Any]:
    return dict(json.loads(Path(path).read_bytes()))
