"""Whether a bundle is authentic and whole; without an anchor, only whether it is whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from installer.errors import NotAuthenticError
from installer.index.document import Index
from installer.index.sums import SUMS_NAME, refuse_converted_lines
from installer.trust.contents import Meter, check_contents
from installer.trust.medium import open_folder
from installer.trust.opened import Metadata, check_world, open_bundle, parse_metadata, read_metadata
from installer.trust.signatures import Anchors, Signers


@dataclass(frozen=True)
class _Listed:
    """A bundle whose lists, names and sizes agree. ``signers`` is None where nothing anchors them."""

    folder: int
    metadata: Metadata
    index: Index
    signers: Signers | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What was found out, all of it, and nothing that was not."""

    index: Index
    sums_digest: str
    signers: Signers | None
    contents_read: bool
    warnings: tuple[str, ...]

    @property
    def words(self) -> str:
        """The word "verified" needs an anchor and every byte."""
        if self.signers and self.contents_read:
            return "verified"
        if self.signers:
            return "authentic, names and sizes agree, contents not read"
        return "intact, not authenticated" if self.contents_read else "names and sizes agree, not authenticated"


def verify(path: Path, anchors: Anchors, meter: Meter) -> Verdict:
    with _listed(path, anchors) as bundle:
        with meter("contents", sum(file.size for file in bundle.index.files)) as advance:
            check_contents(bundle.folder, bundle.index.files, advance)
        return _verdict(bundle, contents_read=True)


def verify_quickly(path: Path, anchors: Anchors) -> Verdict:
    """Signature, lists, names and sizes; not one byte of the contents."""
    with _listed(path, anchors) as bundle:
        return _verdict(bundle, contents_read=False)


@contextmanager
def _listed(path: Path, anchors: Anchors) -> Iterator[_Listed]:
    if anchors:
        with open_bundle(path, anchors) as bundle:
            yield _Listed(bundle.folder, bundle.metadata, bundle.index, bundle.signers, bundle.warnings)
        return
    with open_folder(path) as folder:
        metadata = read_metadata(folder)
        _refuse_broken_signatures(metadata)
        index = parse_metadata(metadata)
        yield _Listed(folder, metadata, index, None, check_world(folder, metadata, index))


def _refuse_broken_signatures(metadata: Metadata) -> None:
    """The medium's own keys prove nothing, but a signature that fails even by them is broken."""
    signatures = metadata.signatures
    offered = signatures.offered_keys()
    if offered and not any(signatures.signed_by(key, metadata.sums) for key in offered):
        refuse_converted_lines(metadata.sums)
        raise NotAuthenticError(
            f"{SUMS_NAME}: no signature fits it, not even by the keys that came with it",
            hint="the bundle was changed or damaged on the way; copy it again",
        )


def _verdict(bundle: _Listed, *, contents_read: bool) -> Verdict:
    return Verdict(bundle.index, bundle.metadata.sums_digest, bundle.signers, contents_read, bundle.warnings)
