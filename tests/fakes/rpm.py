"""An rpm database and the two commands that look into it and change it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from installer.index.package_versions import compare_rpm
from installer.sight import Output
from tests.fakes.changes import Changes

_QUERY = ("-q", "--queryformat", "%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}.%{ARCH}\\n")
_OWNER = ("-qf", "--queryformat", "%{NAME}\\n")
_TRIAL = ("-U", "--test", "--replacepkgs")
_UPGRADE = ("-U", "--replacepkgs")
_TRIAL_BESIDE = ("-i", "--test", "--replacepkgs")
_TRIAL_OF_BOTH = ("-U", "--test", "--replacepkgs", "--oldpackage")
_BESIDE = ("-i", "--replacepkgs")


def rpm_file(name: str, version: str, *, requires: tuple[str, ...] = (), programs: tuple[str, ...] = ()) -> bytes:
    """A package file as this rpm reads it."""
    package = {"name": name, "version": version, "requires": requires, "programs": programs}
    return json.dumps(package).encode()


@dataclass
class FakeRpm:
    """``database`` is name to version; of a package that is there in several versions they stand side by side.

    ``owners`` is file to package.
    """

    root: Path
    changes: Changes
    database: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def command(self, arguments: tuple[str, ...]) -> Output:
        if arguments[:3] == _OWNER:
            return self._owner(*arguments[3:])
        if arguments[:3] == _QUERY:
            return self._query(*arguments[3:])
        options = [word for word in arguments if word.startswith("-")]
        packages = [json.loads(Path(word).read_bytes()) for word in arguments[len(options) :]]
        actions = {
            _TRIAL: self._tried,
            _UPGRADE: self._upgrade,
            _TRIAL_BESIDE: self._missing,
            _TRIAL_OF_BOTH: self._missing,
            _BESIDE: self._install_beside,
        }
        return actions[tuple(options)](packages)

    def _query(self, name: str) -> Output:
        versions = self.database.get(name, "").split()
        lines = "".join(f"{version}\n" for version in versions)
        return Output(0, lines, "") if versions else Output(1, f"package {name} is not installed\n", "")

    def _owner(self, path: str) -> Output:
        owner = self.owners.get(path)
        return Output(0, f"{owner}\n", "") if owner else Output(1, f"file {path} is not owned by any package\n", "")

    def _tried(self, packages: list[Mapping[str, str]]) -> Output:
        complaints = []
        for package in packages:
            name, versions = package["name"], self.database.get(package["name"], "").split()
            newer = [version for version in versions if compare_rpm(version, package["version"]) > 0]
            complaints += [
                f"package {name}-{version} (which is newer than {package['version']}) is installed" for version in newer
            ]
        missing = self._missing(packages)
        complaints += missing.stderr.splitlines()
        return Output(1 if complaints else 0, "", "\n".join(complaints))

    def _missing(self, packages: list[Mapping[str, str]]) -> Output:
        present = self.database.keys() | {package["name"] for package in packages}
        complaints = [
            f"{need} is needed by {package['name']}"
            for package in packages
            for need in package["requires"]
            if need not in present
        ]
        return Output(1 if complaints else 0, "", "\n".join(complaints))

    def _upgrade(self, packages: list[Mapping[str, str]]) -> Output:
        """One transaction: all of the packages or none."""
        tried = self._tried(packages)
        if tried.succeeded:
            self.changes.about_to(f"rpm -U {' '.join(package['name'] for package in packages)}")
            for package in packages:
                self.database[package["name"]] = package["version"]
                self._place_programs(package)
        return tried

    def _install_beside(self, packages: list[Mapping[str, str]]) -> Output:
        tried = self._missing(packages)
        if tried.succeeded:
            self.changes.about_to(f"rpm -i {' '.join(package['name'] for package in packages)}")
            for package in packages:
                versions = self.database.get(package["name"], "").split()
                self.database[package["name"]] = " ".join([*versions, package["version"]])
                self._place_programs(package)
        return tried

    def _place_programs(self, package: Mapping[str, str]) -> None:
        for program in package["programs"]:
            path = self.root / "usr/bin" / program
            path.write_bytes(package["version"].encode())
            path.chmod(0o755)
