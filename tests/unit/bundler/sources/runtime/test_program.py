from importlib.metadata import Distribution, PackagePath
from pathlib import Path

import pytest

import installer
from bundler.sources.runtime.program import (
    _distribution_files,
    _installed,
    _required,
    is_wanted_of_package,
    program_files,
)
from installer.errors import EnvironmentProblemError

METADATA = """\
Metadata-Version: 2.1
Name: example
Version: 1.0
Requires-Dist: Needed_Always>=2
Requires-Dist: needed.with.version (>=1.0,<2)
Requires-Dist: click>=8; python_version >= "3.8"
Requires-Dist: not-for-this-system; platform_system == "Windows"
Requires-Dist: pytest[all]>=7; extra == "test"
Requires-Dist: tqdm; python_version > "3" and extra=='test'
"""


@pytest.fixture
def example(tmp_path: Path) -> Distribution:
    folder = tmp_path / "example-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(METADATA)
    return Distribution.at(folder)


def test_requirements_are_followed_but_extras_and_what_is_not_for_this_system(example: Distribution) -> None:
    assert list(_required(example)) == ["needed-always", "needed-with-version", "click"]


def test_a_package_without_a_list_of_files_cannot_be_packed(example: Distribution) -> None:
    with pytest.raises(EnvironmentProblemError, match="example does not say"):
        _distribution_files(example)


def test_a_missing_package_is_named_with_the_command_that_helps() -> None:
    with pytest.raises(EnvironmentProblemError, match="no-such-package") as error:
        _installed("no-such-package")
    assert error.value.hint == "python3 -m pip install no-such-package"


@pytest.mark.parametrize(
    "path",
    [
        "../../../bin/tqdm",
        "tqdm/__pycache__/std.cpython-311.pyc",
        "tqdm-4.66.dist-info/RECORD",
        "tqdm-4.66.dist-info/INSTALLER",
        "click/types.pyi",
    ],
)
def test_scripts_and_notes_of_pip_are_left_out(path: str) -> None:
    assert not is_wanted_of_package(PackagePath(path))


@pytest.mark.parametrize(
    "path", ["tqdm/std.py", "x.dist-info/METADATA", "x.dist-info/licenses/LICENSE.BSD", "x.dist-info/LICENSE"]
)
def test_modules_and_licences_are_packed(path: str) -> None:
    assert is_wanted_of_package(PackagePath(path))


def test_the_program_is_all_of_installer_and_what_it_imports() -> None:
    files = program_files()
    own = {name.removeprefix("program/") for name in files if name.startswith("program/installer/")}
    folder = Path(installer.__file__).parent
    sources = {path.relative_to(folder.parent) for path in folder.rglob("*.py")}
    assert {str(path) for path in sources} <= own
    assert {"program/click/__init__.py", "program/tqdm/__init__.py", "program/cryptography/x509/__init__.py"} <= set(
        files
    )
    assert all(path.is_file() for path in files.values())
    assert not [name for name in files if "__pycache__" in name]
