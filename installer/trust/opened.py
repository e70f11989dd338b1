"""From a folder to a bundle that may be used: signature, strict parse of those bytes, both lists, names and sizes."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from installer.errors import AirgapError, DamagedError, MalformedError, NotAuthenticError, printable
from installer.index.document import INDEX_NAME, LARGEST_INDEX, Index, parse_index
from installer.index.names import name_problem
from installer.index.sums import LARGEST_SUMS, SUMS_NAME, parse_sums
from installer.trust.keys import LARGEST_KEY
from installer.trust.medium import litter, open_folder, open_inner_folder, read_small, walk
from installer.trust.signatures import (
    HOW_TO_SIGN,
    MOST_SIGNERS,
    SIGNATURES_FOLDER,
    Anchors,
    Signatures,
    Signers,
    check_signatures,
)


@dataclass(frozen=True)
class Metadata:
    """The small files that describe a bundle, as read once. Nothing is known of their origin yet."""

    sums: bytes
    index: bytes
    signatures: Signatures
    signature_files: dict[str, bytes]

    @property
    def sums_digest(self) -> str:
        return hashlib.sha256(self.sums).hexdigest()


@dataclass(frozen=True)
class Bundle:
    """A bundle whose lists are signed by ``signers``; its contents are checked as they are read.

    ``is_on_medium`` tells whether ``folder`` has the listed files, or is only where a node keeps the lists.
    """

    folder: int
    metadata: Metadata
    index: Index
    signers: Signers
    warnings: tuple[str, ...]
    is_on_medium: bool


@contextmanager
def open_bundle(path: Path, anchors: Anchors) -> Iterator[Bundle]:
    """The bundle in ``path``. There is no other way to one, so none is used that is not signed.

    Raises NotAuthenticError, MalformedError or DamagedError, in the order in which things are checked.
    """
    with open_folder(path) as folder:
        metadata = read_metadata(folder)
        signers = check_signatures(metadata.sums, metadata.signatures, anchors)
        with _being_authentic():
            index = parse_metadata(metadata)
            warnings = check_world(folder, metadata, index)
            yield Bundle(folder, metadata, index, signers, warnings, is_on_medium=True)


@contextmanager
def _being_authentic() -> Iterator[None]:
    """What fails from here on fails of a bundle whose signature was good, and says so."""
    try:
        yield
    except AirgapError as error:
        error.authenticated = True
        raise


@contextmanager
def open_staged_bundle(path: Path, anchors: Anchors) -> Iterator[Bundle]:
    """The signed lists that an earlier install keeps on the node; the files beside them come and go."""
    with open_folder(path) as folder:
        metadata = read_metadata(folder)
        signers = check_signatures(metadata.sums, metadata.signatures, anchors)
        yield Bundle(folder, metadata, parse_metadata(metadata), signers, (), is_on_medium=False)


def read_metadata(folder: int) -> Metadata:
    sums = _read_sums(folder)
    files = {name: _read_signature(folder, name) for name in _signature_names(folder)}
    index = read_small(folder, INDEX_NAME, LARGEST_INDEX)
    return Metadata(sums, index, Signatures.read(files), files)


def parse_metadata(metadata: Metadata) -> Index:
    """The index, once its bytes are those that SHA256SUMS lists and both lists agree."""
    digests = parse_sums(metadata.sums)
    if INDEX_NAME not in digests:
        raise MalformedError(f"{SUMS_NAME}: {INDEX_NAME} is not listed")
    if hashlib.sha256(metadata.index).hexdigest() != digests.pop(INDEX_NAME):
        raise DamagedError(f"{INDEX_NAME}: content differs from {SUMS_NAME}")
    index = parse_index(metadata.index)
    listed = {file.path: file.sha256 for file in index.files}
    for path in sorted(listed.keys() | digests.keys()):
        if listed.get(path) != digests.get(path):
            raise MalformedError(f"{path}: {INDEX_NAME} and {SUMS_NAME} do not say the same of it")
    return index


def check_world(folder: int, metadata: Metadata, index: Index) -> tuple[str, ...]:
    """Names, types and sizes on the medium are those listed and nothing else is there; return warnings."""
    expected = {file.path: file.size for file in index.files}
    expected |= {SUMS_NAME: len(metadata.sums), INDEX_NAME: len(metadata.index)}
    expected |= {f"{SIGNATURES_FOLDER}/{name}": len(data) for name, data in metadata.signature_files.items()}
    for path, found in walk(folder):
        size = expected.pop(path, None)
        if size is None:
            raise DamagedError(f"{printable(path)}: {_stray_reason(path)}", hint="remove it, or copy the bundle again")
        if not stat.S_ISREG(found.st_mode):
            raise DamagedError(f"{path}: not a regular file")
        if found.st_size != size:
            raise DamagedError(f"{path}: expected {size} bytes, found {found.st_size}")
    if expected:
        missing = sorted(expected)
        raise DamagedError(f"{missing[0]}: missing ({len(missing)} of the listed files are)")
    return tuple(f"{printable(name)}: left by another system, ignored" for name in litter(folder))


def _stray_reason(path: str) -> str:
    return name_problem(path) or "not part of the bundle"


def _read_sums(folder: int) -> bytes:
    try:
        return read_small(folder, SUMS_NAME, LARGEST_SUMS, error=NotAuthenticError)
    except NotAuthenticError as error:
        raise NotAuthenticError(
            str(error), hint=f"not a bundle, or not whole: name the folder that holds install and {SUMS_NAME}"
        ) from error


def _signature_names(folder: int) -> list[str]:
    try:
        found = open_inner_folder(SIGNATURES_FOLDER, folder, error=NotAuthenticError)
    except NotAuthenticError as error:
        raise NotAuthenticError(f"{error}: the bundle is not signed", hint=HOW_TO_SIGN) from error
    try:
        names = os.listdir(found)
    finally:
        os.close(found)
    if len(names) > 2 * MOST_SIGNERS:
        raise NotAuthenticError(f"{SIGNATURES_FOLDER}/: more than {MOST_SIGNERS} signers")
    return sorted(names)


def _read_signature(folder: int, name: str) -> bytes:
    return read_small(folder, f"{SIGNATURES_FOLDER}/{name}", LARGEST_KEY, error=NotAuthenticError)
