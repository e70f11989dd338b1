"""A driver's .run tells by its header what it is, and by its own sum that it is whole; nothing of it is run."""

from pathlib import Path

import pytest

from bundler.sources.driver_run import check_run, read_header
from installer.errors import AirgapError, DamagedError, RefusedError
from tests.fakes.package_files import driver_run

VERSION = "550.127.08"
AGAIN = "bundle lock m.yaml --update driver"


def check(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "driver.run"
    path.write_bytes(content)
    check_run(path, "driver.run", VERSION, "x86_64", AGAIN)


def test_the_header_names_version_and_machine() -> None:
    run = read_header(driver_run(VERSION), "driver.run", AGAIN)
    assert (run.version, run.arch) == (VERSION, "x86_64")
    assert run.label == f"NVIDIA Accelerated Graphics Driver for Linux-x86_64 {VERSION}"


def test_a_whole_driver_is_taken(tmp_path: Path) -> None:
    check(tmp_path, driver_run(VERSION))


def test_a_header_whose_lines_are_counted_is_read_too(tmp_path: Path) -> None:
    check(tmp_path, driver_run(VERSION, changed={"skip": '"8"'}))


@pytest.mark.parametrize("changed", [{"MD5": "0" * 32}, {"CRCsum": "0000000000"}, {"MD5": "", "version_string": ""}])
def test_one_of_the_two_sums_is_enough(tmp_path: Path, changed: dict[str, str]) -> None:
    check(tmp_path, driver_run(VERSION, changed=changed))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>log in</html>", "not a driver's .run file"),
        (b"", "not a driver's .run file"),
        (b"\x7fELF" + bytes(100), "not a driver's .run file"),
        (b"#!/bin/sh\necho hello\n", "a script, but not NVIDIA's driver"),
        (driver_run(VERSION, changed={"label": '"CUDA \x1b[2J"'}), "a script, but not NVIDIA's driver"),
        (driver_run(VERSION, changed={"skip": ""}), r"its header does not say where its payload begins \(skip=\)"),
        (driver_run("535.183.06"), "is driver 535.183.06, not 550.127.08"),
        (driver_run(VERSION, changed={"version_string": "550.127.081"}), "is driver 550.127.081, not 550.127.08"),
        (driver_run(VERSION, arch="aarch64"), "is a driver for aarch64, and the nodes are x86_64"),
        (driver_run(VERSION, changed={"TARGET_ARCH": ""}), "is a driver for no machine that it names"),
        (driver_run(VERSION, changed={"MD5": "", "CRCsum": ""}), "has no checksum of its own"),
    ],
)
def test_what_is_another_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(RefusedError, match=said) as caught:
        check(tmp_path, content)
    assert str(caught.value).isprintable()
    assert caught.value.hint


@pytest.mark.parametrize("missing", [1, 50_000, 100_000])
def test_a_cut_file_is_found_by_its_own_sum(tmp_path: Path, missing: int) -> None:
    with pytest.raises(DamagedError, match=r"driver\.run: cut or changed: its header says md5") as error:
        check(tmp_path, driver_run(VERSION)[:-missing])
    assert f"`{AGAIN}` fetches it again" in error.value.hint


def test_a_file_that_ends_in_its_header_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="ends within its header"):
        check(tmp_path, driver_run(VERSION, changed={"skip": "1100"}))


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    content = bytearray(driver_run(VERSION))
    content[-1] ^= 1
    with pytest.raises(DamagedError):
        check(tmp_path, bytes(content))


@pytest.mark.parametrize("skip", ["0", "-1", "9999999999999999999999", "9" * 5000, "x", "", "²"])
def test_no_count_of_lines_is_a_bug(tmp_path: Path, skip: str) -> None:
    with pytest.raises(AirgapError):
        check(tmp_path, driver_run(VERSION, changed={"skip": skip}))
