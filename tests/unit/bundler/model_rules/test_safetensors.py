"""A safetensors file is what its header says, to the byte; only the header is read."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.model_rules.safetensors import broken_weights
from tests.unit.bundler.model_rules.folder import said_by

Tensors = dict[str, object]


def tensor(begin: int, end: int, dtype: str = "U8", *shape: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": list(shape) or [end - begin], "data_offsets": [begin, end]}


def write(folder: Path, header: Tensors | bytes, data: int, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + bytes(data))
    return path


def said(folder: Path, header: Tensors | bytes, data: int, length: int | None = None) -> str:
    write(folder, header, data, length)
    return " ".join(said_by(broken_weights, folder))


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({}, 0),
        ({"__metadata__": {"format": "pt"}}, 0),
        ({"a": tensor(0, 6)}, 6),
        ({"b": tensor(4, 10, "BF16", 3), "a": tensor(0, 4, "F32", 1, 1)}, 10),
        ({"scalar": {"dtype": "F64", "shape": [], "data_offsets": [0, 8]}}, 8),
        ({"empty": tensor(0, 0, "F32", 0, 7), "a": tensor(0, 1, "BOOL", 1)}, 1),
        ({"a": tensor(0, 2, "F8_E4M3", 2), "b": tensor(2, 4, "F4", 2, 2), "c": tensor(4, 12, "C64", 1)}, 12),
        ({"newer": tensor(0, 5, "X3_NEW", 3)}, 5),
        (b'{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}   ', 1),
    ],
)
def test_a_whole_file_is_taken(tmp_path: Path, header: Tensors | bytes, data: int) -> None:
    assert said(tmp_path, header, data) == ""


@pytest.mark.parametrize(
    ("header", "data", "words"),
    [
        ({"a": tensor(0, 6)}, 5, "tells of 6 bytes of data, the file has 5"),
        ({"a": tensor(0, 6)}, 7, "tells of 6 bytes of data, the file has 7"),
        ({"a": tensor(0, 6), "b": tensor(5, 9)}, 9, "overlap at byte 5"),
        ({"a": tensor(0, 6), "b": tensor(7, 9)}, 9, "leave a gap at byte 7"),
        ({"a": tensor(1, 6)}, 6, "leave a gap at byte 1"),
        ({"a": tensor(0, 6), "b": tensor(0, 6)}, 6, "overlap at byte 0"),
        ({"a": tensor(0, 6, "F32", 2)}, 6, "6 bytes for F32"),
        ({"a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 0]}}, 1, "ends before it begins"),
        ({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0]}}, 1, "1 data_offsets"),
        ({"a": {"dtype": "U8", "shape": [-1], "data_offsets": [0, 1]}}, 1, "no dtype, shape and data_offsets"),
        ({"a": {"dtype": "U8", "shape": [True], "data_offsets": [0, 1]}}, 1, "no dtype, shape and data_offsets"),
        ({"a": {"dtype": "U8", "shape": [1.0], "data_offsets": [0, 1]}}, 1, "no dtype, shape and data_offsets"),
        ({"a": {"dtype": 8, "shape": [1], "data_offsets": [0, 1]}}, 1, "no dtype, shape and data_offsets"),
        ({"a": {"dtype": "U8", "data_offsets": [0, 1]}}, 1, "no dtype, shape and data_offsets"),
        ({"a": [0, 1]}, 1, "not an object"),
        (b"[]", 0, "the header is no object"),
        (b'{"a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}, "a": {}}', 0, "stands twice"),
        (b"{", 0, "model.safetensors"),
        (b'{"\xff": 1}', 0, "model.safetensors"),
        (b"[" * 100_000, 0, "model.safetensors"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(tmp_path: Path, header: Tensors | bytes, data: int, words: str) -> None:
    found = said(tmp_path, header, data)
    assert "no whole safetensors file" in found
    assert words in found
    assert found.isprintable()


@pytest.mark.parametrize("length", [3, 100_000_001, 1 << 63])
def test_a_header_longer_than_the_file_or_the_format_is_not_read(tmp_path: Path, length: int) -> None:
    assert f"a header of {length} bytes" in said(tmp_path, b"{}", 0, length)


def test_the_formats_own_limit_holds_also_where_the_file_is_longer(tmp_path: Path) -> None:
    path = write(tmp_path, b"{}", 0, 100_000_001)
    with path.open("r+b") as file:
        file.truncate(1 << 30)
    assert "a header of 100000001 bytes" in said_by(broken_weights, tmp_path)[0]


def test_a_header_that_is_too_long_to_be_checked_is_refused_with_words(tmp_path: Path) -> None:
    assert "cannot be checked here" in said(tmp_path, b"{" + b" " * (17 << 20) + b"}", 0)


@pytest.mark.parametrize(
    "value", [b'{"dtype": "U8", "shape": [' + b"9," * 1_000_000 + b'9], "data_offsets": [0, 1]}', b"[" * 8_000_000]
)
def test_the_description_of_a_tensor_is_short(tmp_path: Path, value: bytes) -> None:
    """A product of a million factors takes minutes."""
    assert "the description of a tensor" in said(tmp_path, b'{"a": ' + value + b"}", 1)


def test_a_tensor_has_few_dimensions(tmp_path: Path) -> None:
    assert "33 dimensions" in said(tmp_path, {"a": tensor(0, 1, "U8", *([1] * 33))}, 1)
    assert said(tmp_path, {"a": tensor(0, 1, "U8", *([1] * 32))}, 1) == ""


def test_the_longest_header_takes_less_than_200_mib(tmp_path: Path) -> None:
    """By VmHWM: ru_maxrss of a child begins with what the test run itself had when it forked."""
    tensors = (b'"%d":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}' % (at, at, at + 1) for at in range(230_000))
    write(tmp_path, b"{" + b",".join(tensors) + b"}", 230_000)
    program = (
        "import pathlib, sys\n"
        "from bundler.model_rules.safetensors import check_safetensors\n"
        "check_safetensors(pathlib.Path(sys.argv[1]))\n"
        "print(pathlib.Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\n"
    )
    done = subprocess.run(
        (sys.executable, "-c", program, str(tmp_path / "model.safetensors")), capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 200 << 10  # KiB


def test_metadata_are_strings_of_any_length(tmp_path: Path) -> None:
    metadata = {"format": "pt", 'a "quoted" one\\': "x}" * 10_000 + "\\", "three": "\u00e9"}
    assert said(tmp_path, {"__metadata__": metadata, "a": tensor(0, 1)}, 1) == ""
    assert "no whole safetensors" in said(tmp_path, {"__metadata__": {"a": [[]]}}, 0)


@pytest.mark.parametrize("header", [b'{"a":{}', b'{"a" {}}', b"{} x", b"{,}", b'{"__metadata__":{},}', b'{"a'])
def test_a_header_that_is_no_json_is_refused(tmp_path: Path, header: bytes) -> None:
    assert "no whole safetensors" in said(tmp_path, header, 0)


@pytest.mark.parametrize("size", [0, 1, 7])
def test_a_file_too_short_for_a_length_is_refused(tmp_path: Path, size: int) -> None:
    (tmp_path / "model.safetensors").write_bytes(bytes(size))
    assert f"{size} bytes are too few" in said_by(broken_weights, tmp_path)[0]


def test_a_pointer_of_git_lfs_is_named_for_what_it_is(tmp_path: Path) -> None:
    """What `git clone` without git-lfs leaves."""
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1\n"
    (tmp_path / "model.safetensors").write_text(pointer)
    assert "a pointer of git-lfs" in said_by(broken_weights, tmp_path)[0]


def test_weights_are_not_read(tmp_path: Path) -> None:
    size = 1 << 40
    path = write(tmp_path, {"a": tensor(0, size)}, 0)
    header = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(header + size)
    assert said_by(broken_weights, tmp_path) == []
