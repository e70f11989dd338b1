"""A wheel is taken as its own list has it, or refused with the name of what differs."""

import base64
import hashlib
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from bundler.manifest.parts import PYTHONS
from bundler.sources.runtime.wheels import read_wheel, wheels_for
from installer.errors import AirgapError, DamagedError, RefusedError

INFO = "click-8.5.1.dist-info"
FILES = {"click/__init__.py": b"import this\n", "click/core.py": b"", f"{INFO}/METADATA": b"Name: click\n"}


def record(files: Mapping[str, bytes]) -> bytes:
    rows = [f"{name},{digest(content)},{len(content)}" for name, content in files.items()]
    return "\n".join([*rows, f"{INFO}/RECORD,,", ""]).encode()


def digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def write(tmp_path: Path, files: Mapping[str, bytes]) -> Path:
    path = tmp_path / "click.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def wheel(tmp_path: Path, listed: Mapping[str, bytes], files: Mapping[str, bytes]) -> dict[str, bytes]:
    return dict(read_wheel(write(tmp_path, {**files, f"{INFO}/RECORD": record(listed)}), "click.whl"))


def test_all_files_of_a_whole_wheel_are_read(tmp_path: Path) -> None:
    found = wheel(tmp_path, FILES, {**FILES, "click/": b""})
    assert found == {**FILES, f"{INFO}/RECORD": record(FILES)}


@pytest.mark.parametrize(
    "files",
    [
        {**FILES, "click/core.py": b"import os\n"},
        {**FILES, "click/more.py": b""},
        {name: content for name, content in FILES.items() if name != "click/core.py"},
    ],
)
def test_what_is_not_as_listed_is_damaged(tmp_path: Path, files: Mapping[str, bytes]) -> None:
    with pytest.raises(DamagedError, match=r"click\.whl: .*RECORD"):
        wheel(tmp_path, FILES, files)


@pytest.mark.parametrize(
    "name", ["../evil.py", "/etc/passwd", "a//b", "click-8.5.1.data/scripts/click", "click/\x1b[2J", "con.py"]
)
def test_what_would_go_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    files = {**FILES, name: b"x"}
    with pytest.raises(RefusedError) as caught:
        wheel(tmp_path, files, files)
    assert str(caught.value).isprintable()


def test_a_link_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {**FILES, f"{INFO}/RECORD": record(FILES)})
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("click/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(RefusedError, match="is a link"):
        list(read_wheel(path, "click.whl"))


def test_a_file_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {**FILES, f"{INFO}/RECORD": record(FILES)})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("click/core.py", b"")
    with pytest.raises(RefusedError, match="stands there twice"):
        list(read_wheel(path, "click.whl"))


def test_an_archive_without_a_list_is_no_wheel(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no wheel"):
        list(read_wheel(write(tmp_path, FILES), "click.whl"))


@pytest.mark.parametrize("length", [0, 10, 100, 400])
def test_a_part_of_a_wheel_is_damaged(tmp_path: Path, length: int) -> None:
    path = write(tmp_path, {**FILES, f"{INFO}/RECORD": record(FILES)})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DamagedError, match="not a whole wheel"):
        list(read_wheel(path, "click.whl"))


def test_every_flipped_byte_is_seen_or_does_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path, {**FILES, f"{INFO}/RECORD": record(FILES)})
    whole = path.read_bytes()
    expected = dict(read_wheel(path, "click.whl"))
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            assert dict(read_wheel(path, "click.whl")) == expected
        except AirgapError as error:
            assert str(error).isprintable()  # noqa: PT017 # some bytes say nothing


@pytest.mark.parametrize("python", PYTHONS)
def test_wheels_are_pinned_for_every_python_that_a_manifest_may_name(python: str) -> None:
    wheels = wheels_for(python)
    assert [wheel.name for wheel in wheels] == ["cffi", "click", "cryptography", "pycparser", "tqdm"]
    for wheel in wheels:
        assert re.fullmatch(r"https://files\.pythonhosted\.org/packages/(..)/(..)/.{60}/[^/]+\.whl", wheel.url)
        assert re.fullmatch(r"[0-9a-f]{64}", wheel.sha256)
        assert wheel.file_name.startswith(f"{wheel.name}-{wheel.version}-")


@pytest.mark.parametrize("python", PYTHONS)
def test_compiled_wheels_are_for_that_python_and_the_oldest_glibc(python: str) -> None:
    compiled = [wheel.file_name for wheel in wheels_for(python) if not wheel.file_name.endswith("py3-none-any.whl")]
    tag = f"cp{python.replace('.', '')}"
    assert len(compiled) == 2
    assert all(name.endswith("-manylinux2014_x86_64.manylinux_2_17_x86_64.whl") for name in compiled)
    assert all(f"-{tag}-{tag}-" in name or "-abi3-" in name for name in compiled)
