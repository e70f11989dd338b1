"""What the interpreter of a node runs: the package ``installer`` and the third-party packages it imports."""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path, PurePath

from bundler.wheels import normal_name
from installer.errors import EnvironmentProblemError

_PLACE = "program"
_IMPORTED = ("click", "cryptography", "tqdm")
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)[^;]*(?:;(?P<marker>.*))?", re.DOTALL)
_EXTRA = re.compile(r"\bextra\s*[=!]=")
_LEGAL = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")


def program_files() -> dict[str, Path]:
    """By their place in runtime.tar.gz."""
    found: dict[str, Path] = {}
    for package in _with_requirements(_IMPORTED):
        found |= _distribution_files(package)
    return found | installer_files()


def _with_requirements(names: tuple[str, ...]) -> list[Distribution]:
    found: dict[str, Distribution] = {}
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = _installed(name)
            wanted += _required(found[name])
    return [found[name] for name in sorted(found)]


def _required(package: Distribution) -> Iterator[str]:
    """What a marker keeps from being installed here is not needed on a node either: it is the same Python."""
    for requirement in package.requires or ():
        match = _REQUIREMENT.fullmatch(requirement)
        if match is None or _EXTRA.search(match["marker"] or ""):
            continue
        if match["marker"] is None or _is_installed(match["name"]):
            yield normal_name(match["name"])


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        raise EnvironmentProblemError(
            f"the Python package {name} is not installed", hint=f"python3 -m pip install {name}"
        ) from None


def _distribution_files(package: Distribution) -> dict[str, Path]:
    if not package.files:
        raise EnvironmentProblemError(
            f"the Python package {package.name} does not say which files are its own",
            hint="install vllm-airgap with pip in a virtual environment and build with that",
        )
    return {f"{_PLACE}/{file}": Path(str(file.locate())) for file in package.files if is_wanted_of_package(file)}


def is_wanted_of_package(file: PurePath) -> bool:
    """Neither scripts nor what pip notes of its own doing, which differs from machine to machine."""
    if ".." in file.parts or "__pycache__" in file.parts or file.suffix == ".pyi":
        return False
    if file.parts[0].endswith(".dist-info"):
        return file.name == "METADATA" or "licenses" in file.parts or file.name.startswith(_LEGAL)
    return True


def installer_files() -> dict[str, Path]:
    folder = Path(str(files("installer")))
    own = (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return {f"{_PLACE}/installer/{path.relative_to(folder)}": path for path in own}
