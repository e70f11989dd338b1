import sys

import pytest

from bundler.sources.runtime.interpreter import interpreter_files

HOME = f"python/lib/python{sys.version_info.major}.{sys.version_info.minor}"


def test_the_program_and_its_library_lie_as_python_looks_for_them() -> None:
    files = interpreter_files()
    assert {"python/bin/python3", f"{HOME}/os.py", f"{HOME}/encodings/utf_8.py"} <= set(files)
    assert files["python/bin/python3"].read_bytes()[:4] == b"\x7fELF"
    assert all(path.is_file() for path in files.values())


@pytest.mark.parametrize(
    "part", ["/test/", "/idlelib/", "/tkinter/", "/ensurepip/", "/site-packages/", "/_tkinter.", "/sitecustomize.py"]
)
def test_what_no_installer_imports_is_left_out(part: str) -> None:
    assert [name for name in interpreter_files() if part in name] == []


def test_packages_whose_names_only_begin_alike_stay() -> None:
    files = interpreter_files()
    assert {f"{HOME}/configparser.py", f"{HOME}/concurrent/futures/__init__.py", f"{HOME}/_threading_local.py"} <= set(
        files
    )
