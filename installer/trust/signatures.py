"""Which anchored keys signed SHA256SUMS."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from installer.errors import NotAuthenticError, printable
from installer.index.sums import SUMS_NAME, refuse_converted_lines
from installer.trust.keys import PublicKey, parse_public_key

SIGNATURES_FOLDER = "signatures"
MOST_SIGNERS = 16
HOW_TO_SIGN = "`bundle sign DIR --key KEY` signs it where it was built"
EXPLICIT = ("trusted key", "fingerprint")  # anchors that a person gave by another road than the medium
_FILE_NAME = re.compile(r"([0-9a-f]{16})\.(sig|pub)")


@dataclass(frozen=True)
class Anchors:
    """What the person, or an earlier install, vouches for. None of it comes from the medium."""

    keys: tuple[PublicKey, ...] = ()
    fingerprints: tuple[str, ...] = ()
    pinned: tuple[PublicKey, ...] = ()
    first_use: bool = False

    def __bool__(self) -> bool:
        return bool(self.keys or self.fingerprints or self.pinned or self.first_use)


@dataclass(frozen=True)
class Signatures:
    """The files of signatures/, by key ID. Claims, until a key that is anchored says otherwise."""

    signatures: Mapping[str, bytes]
    keys: Mapping[str, bytes]

    @classmethod
    def read(cls, files: Mapping[str, bytes]) -> "Signatures":
        found: dict[str, dict[str, bytes]] = {"sig": {}, "pub": {}}
        for name, data in files.items():
            match = _FILE_NAME.fullmatch(name)
            if match is None:
                raise NotAuthenticError(f"{SIGNATURES_FOLDER}/{printable(name)}: neither KEYID.sig nor KEYID.pub")
            found[match[2]][match[1]] = data
        if not found["sig"]:
            raise _unsigned()
        if len(found["sig"]) > MOST_SIGNERS:
            raise NotAuthenticError(f"{SIGNATURES_FOLDER}/: more than {MOST_SIGNERS} signers")
        return cls(found["sig"], found["pub"])

    def offered_keys(self) -> tuple[PublicKey, ...]:
        """The keys that travel with the bundle, those that can be read. Never anchors by themselves."""
        offered = []
        for key_id, pem in self.keys.items():
            try:
                offered.append(parse_public_key(pem, f"{SIGNATURES_FOLDER}/{key_id}.pub"))
            except NotAuthenticError:  # a bad extra is ignored: one good signature by an anchored key suffices
                continue
        return tuple(offered)

    def signed_by(self, key: PublicKey, data: bytes) -> bool:
        """A key ID names a file and decides nothing, so every signature is tried."""
        return any(key.verifies(signature, data) for signature in self.signatures.values())


@dataclass(frozen=True)
class Signers:
    """The anchored keys that signed, and what made them anchors, for people to read."""

    keys: tuple[PublicKey, ...]
    anchored_by: str = field(compare=False)


def check_signatures(sums: bytes, signatures: Signatures, anchors: Anchors) -> Signers:
    """The anchored keys among the signers; NotAuthenticError if there is none."""
    for keys, how in _candidates(signatures, anchors):
        if good := tuple(key for key in keys if signatures.signed_by(key, sums)):
            return Signers(good, how)
    refuse_converted_lines(sums)
    if not anchors:
        raise NotAuthenticError(
            "no anchor: nothing says whose signature to believe",
            hint="ask the person who built the bundle for the release key, by another road than this medium, "
            "and pass --trusted-key FILE, or --fingerprint with all 64 digits of it",
        )
    raise _wrong_key(signatures, anchors)


def _candidates(signatures: Signatures, anchors: Anchors) -> Iterator[tuple[tuple[PublicKey, ...], str]]:
    offered = signatures.offered_keys()
    named = tuple(key for key in offered if key.fingerprint in anchors.fingerprints)
    by_key, by_fingerprint = EXPLICIT
    yield anchors.keys, by_key
    yield named, by_fingerprint
    # Before first use: the run that first used a key may have ended early, and is run again as it was typed.
    yield anchors.pinned, "pinned key"
    if anchors.first_use:
        _check_first_use(signatures, anchors)
        yield offered, "first use"


def _check_first_use(signatures: Signatures, anchors: Anchors) -> None:
    if anchors.pinned:
        raise NotAuthenticError("first use was asked for, but this node has a pinned key already")
    if len(signatures.signatures) > 1:
        raise NotAuthenticError("first use was asked for, but the bundle has several signers")


def _wrong_key(signatures: Signatures, anchors: Anchors) -> NotAuthenticError:
    wanted = [key.fingerprint for key in (*anchors.keys, *anchors.pinned)] + list(anchors.fingerprints)
    return NotAuthenticError(
        f"{SUMS_NAME}: not signed by {' or '.join(wanted) or 'the key that came with it'}",
        hint=f"the bundle claims the signers {', '.join(sorted(signatures.signatures))}; "
        "a bundle that was changed on the way shows the same",
    )


def _unsigned() -> NotAuthenticError:
    return NotAuthenticError(
        f"{SIGNATURES_FOLDER}/: the bundle is not signed",
        hint=HOW_TO_SIGN,
    )
