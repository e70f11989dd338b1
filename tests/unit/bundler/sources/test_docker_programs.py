"""Docker's archive is taken whole, or refused with the name of what does not belong."""

import hashlib
import struct
import tarfile
from pathlib import Path

import pytest

from bundler.sources.docker_programs import read_binaries
from installer.errors import AirgapError, DamagedError, RefusedError
from tests.unit.bundler.making import PROGRAM, PROGRAMS, docker_tgz, tar_gz

GOOD = {f"docker/{name}": PROGRAM for name in PROGRAMS}


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "docker.tgz"
    path.write_bytes(data)
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_every_program_is_known_by_size_and_digest(tmp_path: Path) -> None:
    folder = special("docker", tarfile.DIRTYPE)
    binaries = read_binaries(write(tmp_path, tar_gz(GOOD, [folder])), "docker.tgz")
    assert [binary.name for binary in binaries] == sorted(PROGRAMS)
    assert {binary.sha256 for binary in binaries} == {hashlib.sha256(PROGRAM).hexdigest()}
    assert {binary.size for binary in binaries} == {len(PROGRAM)}


@pytest.mark.parametrize(
    "name",
    [
        "docker/kubectl",
        "docker/../docker/runc",
        "/docker/runc",
        "runc",
        "docker/docker/runc",
        "etc/passwd",
        "docker/\x1b[2J",
    ],
)
def test_what_does_not_belong_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RefusedError, match="does not belong") as caught:
        read_binaries(write(tmp_path, tar_gz({**GOOD, name: PROGRAM})), "docker.tgz")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_only_regular_files_are_taken(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(RefusedError, match="ctr is not a regular file"):
        read_binaries(write(tmp_path, tar_gz(GOOD, [special("docker/ctr", kind, "runc")])), "docker.tgz")


@pytest.mark.parametrize("missing", PROGRAMS)
def test_the_programs_that_nodes_need_must_be_there(tmp_path: Path, missing: str) -> None:
    members = {name: content for name, content in GOOD.items() if name != f"docker/{missing}"}
    with pytest.raises(RefusedError, match=f"{missing} missing"):
        read_binaries(write(tmp_path, tar_gz(members)), "docker.tgz")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"#!/bin/sh\nexit 0\n" + bytes(100), "runc is not a 64-bit Linux program"),
        (b"\x7fELF\x01\x01" + bytes(100), "runc is not a 64-bit Linux program"),
        (PROGRAM[:18], "runc is not a 64-bit Linux program"),
        (PROGRAM[:18] + struct.pack("<H", 183) + PROGRAM[20:], "runc is for aarch64, and the nodes are x86_64"),
        (PROGRAM[:18] + struct.pack("<H", 22) + PROGRAM[20:], "runc is for EM_S390, and the nodes are x86_64"),
    ],
)
def test_programs_for_other_machines_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(RefusedError, match=said) as caught:
        read_binaries(write(tmp_path, tar_gz({**GOOD, "docker/runc": content})), "docker.tgz")
    assert caught.value.exit_code == 6


def test_an_empty_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="runc has 0 bytes"):
        read_binaries(write(tmp_path, tar_gz({**GOOD, "docker/runc": b""})), "docker.tgz")


def test_a_program_that_stands_twice_is_refused(tmp_path: Path) -> None:
    again = tarfile.TarInfo("docker/runc")
    with pytest.raises(RefusedError):
        read_binaries(write(tmp_path, tar_gz(GOOD, [again])), "docker.tgz")


@pytest.mark.parametrize("data", [b"", b"<html>log in</html>", docker_tgz()[:-40], docker_tgz()[:100], b"\x1f\x8b\x08"])
def test_what_is_no_whole_archive_is_damaged(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(AirgapError) as caught:
        read_binaries(write(tmp_path, data), "docker.tgz")
    assert isinstance(caught.value, DamagedError)
