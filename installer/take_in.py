"""The first phase of an install: each file is read once from the medium, hashed on the way, and written to the node."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from installer.engine import docker_silence
from installer.errors import DamagedError, EnvironmentProblemError
from installer.index.document import INDEX_NAME, RUNTIME_NAME, File
from installer.index.sums import SUMS_NAME
from installer.model_folder import linked_folder, remove_strays
from installer.node import Node
from installer.node.files import sync_folder
from installer.node.paths import STATE
from installer.receipt import RECEIPT, model_receipt, proven_files
from installer.staging import STAGING, Staging, good_copies, incoming, inside_model, is_copy
from installer.steps.image import loaded_id
from installer.steps.model import differing, unproven
from installer.trust.contents import Advance, Piece, hash_chunk, in_parallel
from installer.trust.medium import open_file
from installer.trust.opened import Bundle
from installer.trust.signatures import SIGNATURES_FOLDER

_PIECE = 1 << 20  # bytes


@dataclass(frozen=True)
class TakeIn:
    """What one node takes in. ``runtime_copy`` is the launcher's copy, so that the medium is not read twice."""

    bundle: Bundle
    files: tuple[File, ...]
    staging: Staging
    runtime_copy: Path | None

    @property
    def model_files(self) -> tuple[File, ...]:
        return tuple(file for file in self.files if file.kind == "model")


def lacking(node: Node, plan: TakeIn) -> tuple[File, ...]:
    """The files that the node does not have yet, by name and size. Opens none of them."""
    has_image = (
        _was_loaded(node, plan) if docker_silence(node) else loaded_id(node, plan.bundle.index.image) is not None
    )
    has_model = unproven(node, plan.staging.model_dir, plan.model_files) is None
    done = {kind for kind, has in (("image", has_image), ("model", has_model)) if has}
    return tuple(file for file in plan.files if file.kind not in done and not _has_copy(node, plan.staging, file))


def _was_loaded(node: Node, plan: TakeIn) -> bool:
    """What a docker has that does not answer: once all was taken in, layers go only when docker has them."""
    taken_in = node.read(f"{plan.staging.folder}/{SUMS_NAME}") == plan.bundle.metadata.sums
    return taken_in and not any(_has_copy(node, plan.staging, file) for file in plan.files if file.kind == "image")


def take_in(node: Node, plan: TakeIn, wanted: tuple[File, ...], advance: Advance) -> None:
    """Copy ``wanted`` and prove what is on the node of the model, whose folder in use stays as it is.

    Raises DamagedError when the medium differs; what this run has put on the node is then gone again.
    """
    node.make_private_folder(STATE)
    node.make_private_folder(STAGING)
    node.make_private_folder(plan.staging.folder)
    with _undone_on_damage(node, plan) as copies:
        unusable = _adopt_model(node, plan, copies)
        _copy(node, plan, [*wanted, *(file for file in unusable if file not in wanted)], copies, advance)
    _keep_metadata(node, plan)
    if not _model_is_proven(node, plan):
        _prove_model(node, plan)


@dataclass
class _Copies:
    """What this run has put on the node, to take it back."""

    paths: list[Path] = field(default_factory=list)


@contextmanager
def _undone_on_damage(node: Node, plan: TakeIn) -> Iterator[_Copies]:
    copies = _Copies()
    try:
        yield copies
    except DamagedError:
        for path in copies.paths:
            path.unlink(missing_ok=True)
        _remove_empty_folders(node.at(plan.staging.folder))
        _remove_empty_folders(node.at(plan.staging.partial_model))
        raise


def _has_copy(node: Node, staging: Staging, file: File) -> bool:
    places = [node.at(staging.place_of(file))]
    if file.kind == "model":
        places.append(node.at(staging.model_dir) / inside_model(file))
    return any(is_copy(place, file) for place in places)


def _model_is_proven(node: Node, plan: TakeIn) -> bool:
    """By its receipt, in its place or, after an install that stopped later, still beside it."""
    places = (plan.staging.model_dir, plan.staging.partial_model)
    return any(unproven(node, place, plan.model_files) is None for place in places)


def _adopt_model(node: Node, plan: TakeIn, copies: _Copies) -> tuple[File, ...]:
    """Use what is on the node of a model that no receipt proves. The files that have to come from the medium.

    Linked, not moved: the server goes on reading its own folder, and has it still when the medium is damaged.
    """
    if _model_is_proven(node, plan):
        return ()
    final = node.at(plan.staging.model_dir)
    _refuse_links(node, plan)
    beside = _good(node, plan.staging.partial_model, plan.model_files)
    in_place = _good(node, plan.staging.model_dir, tuple(file for file in plan.model_files if file not in beside))
    unusable = tuple(file for file in plan.model_files if file not in (*beside, *in_place))
    if unusable and not plan.bundle.is_on_medium:
        raise differing(_found(node, plan.staging, unusable[0]))
    for file in in_place:
        _adopt(final / inside_model(file), _prepare(node, plan.staging, file, copies), copies)
    return unusable


def _found(node: Node, staging: Staging, file: File) -> Path:
    """Where the node has something under a model file's name: in its place, or still beside it."""
    final = node.at(staging.model_dir) / inside_model(file)
    return final if final.is_file() else node.at(staging.place_of(file))


def _good(node: Node, path: str, files: tuple[File, ...]) -> tuple[File, ...]:
    """The files below ``path`` with the right content: by the receipt, and where it proves nothing, hashed."""
    proven = proven_files(node, path, files)
    return (*proven, *good_copies(node.at(path), tuple(file for file in files if file not in proven)))


def _refuse_links(node: Node, plan: TakeIn) -> None:
    """Root writes through no link in the data directory: others may write there too."""
    data_dir = node.at(plan.staging.model_dir).parent
    for file in plan.model_files:
        if link := linked_folder(data_dir, node.at(plan.staging.place_of(file))):
            raise EnvironmentProblemError(
                f"{link}: a link, nothing is written through it", hint="remove it, then run the same command again"
            )


def _adopt(original: Path, place: Path, copies: _Copies) -> None:
    with _writing(place):
        try:
            os.link(original, incoming(place), follow_symlinks=False)
        except OSError:  # a file system without links, an immutable file
            _create(incoming(place))
            with original.open("rb") as source, _open(incoming(place)) as target:
                shutil.copyfileobj(source, target, _PIECE)
        _finish(place, copies)


def _copy(node: Node, plan: TakeIn, files: list[File], copies: _Copies, advance: Advance) -> None:
    lock = Lock()
    remaining = {file.path: max(1, len(file.chunks)) for file in files}
    for file in files:
        _make_incoming(node, plan.staging, file, copies)

    def copy(item: tuple[File, int]) -> None:
        file, number = item
        place = node.at(plan.staging.place_of(file))
        with _source(plan, file) as source, _open(incoming(place)) as target:
            if file.chunks:
                hash_chunk(source, file, number, advance, also=_writer(target.fileno(), place))
        with lock:
            remaining[file.path] -= 1
            complete = not remaining[file.path]
        if complete:
            with _writing(place):
                _finish(place, copies)

    in_parallel(copy, ((file, number) for file in files for number in range(max(1, len(file.chunks)))))


def _make_incoming(node: Node, staging: Staging, file: File, copies: _Copies) -> None:
    place = _prepare(node, staging, file, copies)
    with _writing(place):
        _create(incoming(place))
        os.truncate(incoming(place), file.size)


def _prepare(node: Node, staging: Staging, file: File, copies: _Copies) -> Path:
    """Where the file goes. Its folder is there then, and nothing is under the name that it has until complete."""
    place = node.at(staging.place_of(file))
    copies.paths.append(incoming(place))
    with _writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        incoming(place).unlink(missing_ok=True)
    return place


def _create(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    try:
        os.fchmod(descriptor, 0o644)  # whatever the caller's umask is
    finally:
        os.close(descriptor)


def _open(path: Path) -> BinaryIO:
    return open(path, "r+b", opener=_open_no_link)  # the caller closes it; Path.open has no opener


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


@contextmanager
def _source(plan: TakeIn, file: File) -> Iterator[int]:
    if file.path == RUNTIME_NAME and plan.runtime_copy is not None:
        with plan.runtime_copy.open("rb") as copy:
            yield copy.fileno()
        return
    with open_file(plan.bundle.folder, file.path) as descriptor:
        yield descriptor


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    """Names the node's file where it cannot be written."""
    try:
        yield
    except OSError as error:
        raise EnvironmentProblemError(
            f"{place}: cannot be written: {error.strerror}", hint="make room, then run the same command again"
        ) from error


def _writer(descriptor: int, place: Path) -> Piece:
    """Writes each piece at its offset."""

    def write(piece: memoryview, offset: int) -> None:
        with _writing(place):
            while piece:
                written = os.pwrite(descriptor, piece, offset)
                piece, offset = piece[written:], offset + written

    return write


def _finish(place: Path, copies: _Copies) -> None:
    with incoming(place).open("rb") as copy:
        os.fsync(copy.fileno())
    incoming(place).rename(place)
    copies.paths.append(place)
    sync_folder(place.parent)


def _keep_metadata(node: Node, plan: TakeIn) -> None:
    """With the signed lists beside the copies, a later run needs no medium."""
    metadata, folder = plan.bundle.metadata, plan.staging.folder
    for name, data in metadata.signature_files.items():
        _keep(node, f"{folder}/{SIGNATURES_FOLDER}/{name}", data)
    _keep(node, f"{folder}/{INDEX_NAME}", metadata.index)
    _keep(node, f"{folder}/{SUMS_NAME}", metadata.sums)


def _keep(node: Node, path: str, data: bytes) -> None:
    if node.read(path) != data:
        node.place(path, data)


def _prove_model(node: Node, plan: TakeIn) -> None:
    """Write the receipt: all of the model is beside its place now, and each file was hashed.

    Nothing may touch the files from here on, not even to label them: that changes what the receipt holds.
    """
    partial = node.at(plan.staging.partial_model)
    if not plan.model_files:
        return
    remove_strays(partial, plan.model_files)
    node.relabel(plan.staging.partial_model)
    _sync_folders(partial)
    node.place(RECEIPT, model_receipt(partial, plan.model_files), 0o600)


def _sync_folders(top: Path) -> None:
    for folder, _, _ in os.walk(top):
        sync_folder(Path(folder))
    sync_folder(top.parent)


def _remove_empty_folders(top: Path) -> None:
    if not any(path.is_file() for path in top.rglob("*")):
        shutil.rmtree(top, ignore_errors=True)
