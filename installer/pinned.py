"""What this node has come to trust: the keys, and the last bundle, so that it never goes back unasked."""

import json
from dataclasses import dataclass

from installer.errors import EnvironmentProblemError, MalformedError, NotAuthenticError, RefusedError
from installer.index.document import Index
from installer.index.strict import Place, parse_json
from installer.node import ETC, Node
from installer.trust.keys import PublicKey, parse_public_key

TRUST_JSON = f"{ETC}/trust.json"
TRUSTED_KEYS = f"{ETC}/trusted-keys"


@dataclass(frozen=True)
class Pinned:
    """trust.json: the bundle that was installed last, and how its key came to be trusted."""

    name: str
    sequence: int
    sums_digest: str
    anchored_by: str

    def render(self) -> bytes:
        fields = {
            "name": self.name,
            "sequence": self.sequence,
            "sums_digest": self.sums_digest,
            "anchored_by": self.anchored_by,
        }
        return json.dumps(fields, indent=1).encode() + b"\n"


def read_pinned(node: Node) -> Pinned | None:
    """Raises EnvironmentProblemError when the record is damaged, or gone while other state is there."""
    data = node.read(TRUST_JSON)
    if data is None:
        return None
    try:
        at = Place.of(parse_json(data, TRUST_JSON), "")
        return Pinned(at.text("name"), at.integer("sequence", 1, 2**31), at.text("sums_digest"), at.text("anchored_by"))
    except MalformedError as error:
        raise EnvironmentProblemError(
            f"{TRUST_JSON}: {error}", hint="look at it; once removed, an install with --trusted-key writes it anew"
        ) from None


def pinned_keys(node: Node) -> tuple[PublicKey, ...]:
    """Deleting a key's file revokes it."""
    folder = node.at(TRUSTED_KEYS)
    found = []
    for path in sorted(folder.glob("*.pub")) if folder.is_dir() else ():
        try:
            found.append(parse_public_key(path.read_bytes(), str(path)))
        except NotAuthenticError as error:
            raise EnvironmentProblemError(str(error), hint="remove or restore this file") from None
    return tuple(found)


def check_policy(pinned: Pinned | None, index: Index, sums_digest: str) -> None:
    """Whether this bundle may follow the one that was installed last. Raises RefusedError."""
    if pinned is None:
        return
    if pinned.name != index.name:
        raise RefusedError(f"this node has bundle {pinned.name!r}, not {index.name!r}")
    if index.sequence < pinned.sequence:
        raise RefusedError(
            f"sequence {index.sequence} is older than {pinned.sequence}, which this node has",
            hint="take the newest bundle; build counts `sequence` up in the manifest",
        )
    if index.sequence == pinned.sequence and sums_digest != pinned.sums_digest:
        raise RefusedError(
            f"sequence {index.sequence} was installed before with other content",
            hint="two different bundles carry the same sequence: ask where this one comes from",
        )
