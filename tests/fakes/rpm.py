"""An rpm database and the two commands that look into it and change it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from installer.node.processes import Output
from tests.fakes.changes import Changes

_QUERY = ("-q", "--queryformat", "%{VERSION}-%{RELEASE}.%{ARCH}\\n")
_TRIAL = ("-U", "--test", "--replacepkgs")
_UPGRADE = ("-U", "--replacepkgs")


def rpm_file(name: str, version: str, *, requires: tuple[str, ...] = (), programs: tuple[str, ...] = ()) -> bytes:
    """A package file as this rpm reads it."""
    package = {"name": name, "version": version, "requires": requires, "programs": programs}
    return json.dumps(package).encode()


@dataclass
class FakeRpm:
    root: Path
    changes: Changes
    database: dict[str, str] = field(default_factory=dict)

    def command(self, arguments: tuple[str, ...]) -> Output:
        if arguments[:3] == _QUERY:
            return self._query(*arguments[3:])
        options = [word for word in arguments if word.startswith("-")]
        packages = [json.loads(Path(word).read_bytes()) for word in arguments[len(options) :]]
        actions = {_TRIAL: self._tried, _UPGRADE: self._install}
        return actions[tuple(options)](packages)

    def _query(self, name: str) -> Output:
        version = self.database.get(name)
        return Output(0, f"{version}\n", "") if version else Output(1, f"package {name} is not installed\n", "")

    def _tried(self, packages: list[Mapping[str, str]]) -> Output:
        present = self.database.keys() | {package["name"] for package in packages}
        complaints = []
        for package in packages:
            name, installed = package["name"], self.database.get(package["name"])
            if installed and installed > package["version"]:
                complaints.append(f"package {name}-{installed} (which is newer than {package['version']}) is installed")
            missing = [need for need in package["requires"] if need not in present]
            complaints += [f"{need} is needed by {name}" for need in missing]
        return Output(1 if complaints else 0, "", "\n".join(complaints))

    def _install(self, packages: list[Mapping[str, str]]) -> Output:
        """One transaction: all of the packages or none."""
        tried = self._tried(packages)
        if not tried.succeeded:
            return tried
        self.changes.about_to(f"rpm -U {' '.join(package['name'] for package in packages)}")
        for package in packages:
            self.database[package["name"]] = package["version"]
            for program in package["programs"]:
                path = self.root / "usr/bin" / program
                path.write_bytes(package["version"].encode())
                path.chmod(0o755)
        return tried
