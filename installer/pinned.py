"""What this node has come to trust: the keys, and the last bundle, so that it never goes back unasked."""

import json
from dataclasses import asdict, dataclass, replace

from installer.errors import EnvironmentProblemError, MalformedError, NotAuthenticError, RefusedError, printable
from installer.index.document import Index
from installer.index.strict import Place, parse_json
from installer.node import Node
from installer.node.paths import ETC
from installer.settings import NODE_JSON
from installer.trust.keys import PublicKey, parse_public_key

TRUST_JSON = f"{ETC}/trust.json"
TRUSTED_KEYS = f"{ETC}/trusted-keys"
_ANEW = "an install with --trusted-key or --fingerprint writes it anew"


@dataclass(frozen=True)
class Previous:
    """The bundle that was up last before this one, whose copies stay on the node."""

    sequence: int
    sums_digest: str


@dataclass(frozen=True)
class Pinned:
    """trust.json: the bundle that was installed last, how its key came to be trusted, and whether it ever was up."""

    name: str
    sequence: int
    sums_digest: str
    anchored_by: str
    previous: Previous | None = None
    was_up: bool = False

    def after(self, before: "Pinned | None") -> "Pinned":
        """As this bundle is recorded where ``before`` was. One that never came up is nothing to go back to."""
        if before is None:
            return self
        if before.sums_digest == self.sums_digest:
            return replace(self, previous=before.previous, was_up=before.was_up)
        was_last = Previous(before.sequence, before.sums_digest) if before.was_up else before.previous
        return replace(self, previous=was_last)

    def render(self) -> bytes:
        fields: dict[str, object] = {
            "name": self.name,
            "sequence": self.sequence,
            "sums_digest": self.sums_digest,
            "anchored_by": self.anchored_by,
        }
        if self.was_up:
            fields["was_up"] = True
        if self.previous is not None:
            fields["previous"] = asdict(self.previous)
        return json.dumps(fields, indent=1).encode() + b"\n"


def read_pinned(node: Node) -> Pinned | None:
    """Raises EnvironmentProblemError when the record is damaged, or gone while other state is there."""
    data = node.read(TRUST_JSON)
    if data is None:
        _refuse_lost_record(node)
        return None
    try:
        return _parse_pinned(data)
    except MalformedError as error:
        what = f"{TRUST_JSON}: damaged, or newer than this program: {error}"
        raise EnvironmentProblemError(what, hint=_ANEW) from None


def _parse_pinned(data: bytes) -> Pinned:
    at = Place.of(parse_json(data, "trust.json"), "")
    at.only("name", "sequence", "sums_digest", "anchored_by", "was_up", "previous")
    sequence, digest = _identity(at)
    previous = Previous(*_identity(at.inside("previous"))) if at.has("previous") else None
    was_up = at.has("was_up") and at.boolean("was_up")
    return Pinned(at.text("name"), sequence, digest, at.text("anchored_by"), previous, was_up)


def _identity(at: Place) -> tuple[int, str]:
    digest = at.matching("sums_digest", r"[0-9a-f]{64}", "64 lower-case hex digits")
    return at.integer("sequence", 1, 2**31), digest


def record_up(node: Node, pinned: Pinned) -> None:
    """Once this node's own part has stayed up: from then on the bundle is one to go back to."""
    if not pinned.was_up:
        node.place(TRUST_JSON, replace(pinned, was_up=True).render(), 0o600)


def _refuse_lost_record(node: Node) -> None:
    """Without the record any older bundle would do, so its loss must not go unseen."""
    if node.at(NODE_JSON).exists() or pinned_keys(node):
        raise EnvironmentProblemError(f"{TRUST_JSON}: missing, but vllm-airgap was installed here", hint=_ANEW)


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
        raise RefusedError(f"this node has bundle {printable(pinned.name)!r}, not {index.name!r}")
    if index.sequence < pinned.sequence:
        raise RefusedError(
            f"sequence {index.sequence} is older than {pinned.sequence}, which this node has",
            hint="take the newest bundle; build counts `sequence` up in the manifest",
        )
    if index.sequence == pinned.sequence and sums_digest != pinned.sums_digest:
        raise RefusedError(
            f"sequence {index.sequence} was installed before with other content",
            hint="equivocation: two different bundles carry one sequence; ask where this one comes from",
        )
