"""The programs in docker's static archive: looked through once, so that the index knows every one of them."""

import hashlib
from pathlib import Path
from typing import IO

from bundler.archives import Entry, read_members
from bundler.elf import HEAD, machine_of
from installer.errors import RefusedError, printable
from installer.index.components import DOCKER_BINARIES, Binary

REQUIRED = ("containerd", "containerd-shim-runc-v2", "docker", "dockerd", "runc")
LARGEST_BINARY = 2**31 - 1  # bytes
_BUFFER = 1 << 20  # bytes
_FOLDER = "docker/"
_MACHINE = "x86_64"  # the only one that a target may name
_HINT = "look at `docker.url`: the archive must be docker's static one for the nodes' machine"


def read_binaries(archive: Path, name: str) -> tuple[Binary, ...]:
    """The programs in ``archive``; RefusedError for anything in it that has no business on a node."""
    found: dict[str, Binary] = {}
    for member, content in read_members(archive, name):
        if member.is_folder and member.name == _FOLDER.rstrip("/"):
            continue
        program = _program_name(member, name)
        if program in found:
            raise RefusedError(f"{name}: {program} stands twice in it")
        head, found[program] = _read_binary(program, content)
        _check_machine(program, head, name)
    if missing := [program for program in REQUIRED if program not in found]:
        raise RefusedError(f"{name}: {', '.join(missing)} missing", hint="it is not docker's static archive")
    return tuple(found[program] for program in sorted(found))


def _program_name(member: Entry, archive: str) -> str:
    program = member.name.removeprefix(_FOLDER)
    if not member.name.startswith(_FOLDER) or program not in DOCKER_BINARIES:
        raise RefusedError(f"{archive}: {printable(member.name)[:200]!r} does not belong in docker's static archive")
    if not member.is_file:
        raise RefusedError(f"{archive}: {program} is not a regular file")
    if not 0 < member.size <= LARGEST_BINARY:
        raise RefusedError(f"{archive}: {program} has {member.size} bytes")
    return program


def _read_binary(program: str, content: IO[bytes]) -> tuple[bytes, Binary]:
    """Its first bytes, and what the index says of it."""
    digest, size, head = hashlib.sha256(), 0, b""
    while piece := content.read(_BUFFER):
        head = head or piece[:HEAD]
        digest.update(piece)
        size += len(piece)
    return head, Binary(program, size, digest.hexdigest())


def _check_machine(program: str, head: bytes, archive: str) -> None:
    machine = machine_of(head)
    if not machine:
        raise RefusedError(f"{archive}: {program} is not a 64-bit Linux program", hint=_HINT)
    if machine != _MACHINE:
        raise RefusedError(f"{archive}: {program} is for {machine}, and the nodes are {_MACHINE}", hint=_HINT)
