"""From a folder to a bundle: in order, and only if all of it agrees."""

import json
import os
import time
from pathlib import Path

import pytest

from installer.errors import DamagedError, EnvironmentProblemError, MalformedError, NotAuthenticError
from installer.trust.opened import open_bundle
from installer.trust.signatures import Anchors
from tests.unit.installer.trust.signed import SignedBundle

DRIVER = "driver/driver.run"


def test_a_good_bundle_opens(bundle: SignedBundle) -> None:
    bundle.check()


def test_no_lists_at_all(bundle: SignedBundle) -> None:
    bundle.sums.unlink()
    with pytest.raises(NotAuthenticError, match="SHA256SUMS") as caught:
        bundle.look()
    assert caught.value.hint == "not a bundle, or not whole: name the folder that holds install and SHA256SUMS"
    bundle.sums.touch()
    with pytest.raises(NotAuthenticError):
        bundle.look()


def test_no_index(bundle: SignedBundle) -> None:
    (bundle.folder / "bundle.json").unlink()
    with pytest.raises(DamagedError, match=r"bundle\.json"):
        bundle.look()


@pytest.mark.parametrize("name", ["SHA256SUMS", "bundle.json"])
@pytest.mark.parametrize("size", [(16 << 20) + 1, 1 << 40])
def test_a_huge_list_is_refused_without_reading_it(bundle: SignedBundle, name: str, size: int) -> None:
    with (bundle.folder / name).open("r+b") as file:
        file.truncate(size)
    start = time.monotonic()
    with pytest.raises(MalformedError, match=f"^{name}: {size} bytes"):
        bundle.look()
    assert time.monotonic() - start < 1


def test_a_flipped_bit_in_the_index_is_damage(bundle: SignedBundle) -> None:
    index = bundle.folder / "bundle.json"
    good = index.read_bytes()
    for position in range(0, len(good), 97):
        index.write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        with pytest.raises(DamagedError, match="content differs from SHA256SUMS"):
            bundle.look()


def test_converted_line_endings_are_named(bundle: SignedBundle) -> None:
    bundle.sums.write_bytes(bundle.sums.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(NotAuthenticError, match="line endings changed"):
        bundle.look()


@pytest.mark.parametrize(
    "spoil",
    [
        b"[" * 100_000,
        b'{"format": 1, "format": 1}',
        b'{"format": NaN}',
        b"\xef\xbb\xbf{}",
        b'{"format": 9}',
        b"",
    ],
)
def test_what_is_signed_is_still_read_strictly(bundle: SignedBundle, spoil: bytes) -> None:
    bundle.sign_index(spoil)
    with pytest.raises(MalformedError):
        bundle.look()


def test_both_lists_must_say_the_same(bundle: SignedBundle) -> None:
    lines = bundle.sums.read_bytes().splitlines(keepends=True)
    for wrong in (
        b"".join(lines[:-1]),
        b"".join(line for line in lines if b"bundle.json" not in line),
        b"".join(lines) + b"0" * 64 + b"  zzz\n",
        b"".join(lines).replace(lines[-1][:64], b"0" * 64),
    ):
        bundle.sign_lines(wrong)
        with pytest.raises(MalformedError):
            bundle.look()


def test_a_signed_name_that_leaves_the_folder_is_malformed(bundle: SignedBundle) -> None:
    document = bundle.document()
    document["files"][0]["path"] = "../outside"
    bundle.sign_index(json.dumps(document).encode())
    with pytest.raises(MalformedError, match="outside"):
        bundle.look()


def replace_by(path: Path, how: str, tmp_path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    (tmp_path / "same").write_bytes(content)
    if how == "fifo":
        os.mkfifo(path)
    elif how == "folder":
        path.mkdir()
    else:
        targets = {"link": str(tmp_path / "same"), "shadow": "/etc/shadow", "dangling": "/none", "loop": str(path)}
        path.symlink_to(targets[how])


@pytest.mark.parametrize("name", [DRIVER, "install", "bundle.json", "model/tiny-model/config.json"])
@pytest.mark.parametrize("how", ["link", "shadow", "dangling", "loop", "fifo", "folder"])
def test_what_is_no_regular_file_is_damage(bundle: SignedBundle, name: str, how: str, tmp_path: Path) -> None:
    replace_by(bundle.folder / name, how, tmp_path)
    start = time.monotonic()
    with pytest.raises(DamagedError, match=name):
        bundle.look()
    assert time.monotonic() - start < 1


def test_a_linked_folder_is_damage(bundle: SignedBundle, tmp_path: Path) -> None:
    (bundle.folder / "driver").rename(tmp_path / "elsewhere")
    (bundle.folder / "driver").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedError, match="driver"):
        bundle.look()


def test_the_folder_itself_may_be_reached_by_a_link(bundle: SignedBundle, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(bundle.folder)
    SignedBundle(tmp_path / "link", bundle.key).check()


def test_modes_on_the_medium_mean_nothing(bundle: SignedBundle) -> None:
    for path in bundle.folder.rglob("*"):
        path.chmod(0o6777 if path.is_file() else 0o777)
    bundle.check()


@pytest.mark.parametrize(
    "name",
    [
        "extra",
        ".hidden",
        "driver/extra",
        "toolkit/libnvidia-container1-9.9-1.x86_64.rpm",
        "model/tiny-model/.x",
        "a/b/c",
    ],
)
def test_a_file_that_is_not_listed_is_damage(bundle: SignedBundle, name: str) -> None:
    path = bundle.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    with pytest.raises(DamagedError) as caught:
        bundle.look()
    assert str(caught.value).startswith(f"{name}: ")


def test_a_name_that_would_drive_a_terminal_is_printed_escaped(bundle: SignedBundle) -> None:
    (bundle.folder / "x\x1b[2J\n").touch()
    with pytest.raises(DamagedError) as caught:
        bundle.look()
    assert str(caught.value).isprintable()


def test_a_name_that_is_no_text_is_damage(bundle: SignedBundle) -> None:
    (bundle.folder / os.fsdecode(b"\xff\xfe")).touch()
    with pytest.raises(DamagedError) as caught:
        bundle.look()
    assert str(caught.value).isprintable()


def test_a_missing_file_is_damage(bundle: SignedBundle) -> None:
    (bundle.folder / DRIVER).unlink()
    with pytest.raises(DamagedError, match=rf"{DRIVER}: missing"):
        bundle.look()


@pytest.mark.parametrize(
    "name", ["System Volume Information", ".Trash-1000", "._x", "FOUND.000", "lost+found", ".DS_Store", "Thumbs.db"]
)
def test_what_desktops_leave_is_warned_of_at_the_top_only(bundle: SignedBundle, name: str) -> None:
    litter = bundle.folder / name
    litter.mkdir()
    (litter / "anything").touch()
    with bundle.opened() as opened:
        assert opened.warnings == (f"{name}: left by another system, ignored",)
    litter.rename(bundle.folder / "driver" / name)
    with pytest.raises(DamagedError):
        bundle.look()


@pytest.mark.parametrize("name", [DRIVER, "install", "runtime.tar.gz", "model/tiny-model/model.safetensors"])
def test_another_length_is_damage_before_anything_is_hashed(bundle: SignedBundle, name: str) -> None:
    path = bundle.folder / name
    size = path.stat().st_size
    for length in (0, 1, size // 2, size - 1, size + 1, 1 << 40):
        os.truncate(path, length)
        with pytest.raises(DamagedError, match=f"^{name}: expected {size} bytes, found {length}$"):
            bundle.look()


def test_a_declared_size_that_is_wrong_is_damage_before_anything_is_hashed(bundle: SignedBundle) -> None:
    document = bundle.document()
    for file in document["files"]:
        if file["path"] == DRIVER:
            file["size"] = 1
    bundle.sign_index(json.dumps(document).encode())
    with pytest.raises(DamagedError, match=f"^{DRIVER}: expected 1 bytes, found "):
        bundle.look()


def test_no_folder_is_a_problem_of_the_place(tmp_path: Path) -> None:
    for name in ("none", "file"):
        (tmp_path / "file").touch()
        with pytest.raises(EnvironmentProblemError), open_bundle(tmp_path / name, Anchors()):
            pytest.fail("opened")
