"""Private keys, and signatures over SHA256SUMS."""

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bundler.modes import make_folder, set_mode
from installer.errors import UsageError
from installer.index.document import INDEX_NAME, LARGEST_INDEX, Index
from installer.index.sums import LARGEST_SUMS, SUMS_NAME
from installer.trust.keys import PublicKey
from installer.trust.medium import open_folder, read_small
from installer.trust.opened import Metadata, parse_metadata
from installer.trust.signatures import MOST_SIGNERS, SIGNATURES_FOLDER, Signatures

_ENDINGS = (".key", ".pub")
_LARGEST_KEY = 64 << 10  # bytes
AskPassphrase = Callable[[], bytes]


@dataclass(frozen=True)
class SigningKey:
    """A private key. Its repr shows nothing of it."""

    private: ec.EllipticCurvePrivateKey

    @property
    def public(self) -> PublicKey:
        der = self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return PublicKey(der)

    def pem(self, passphrase: bytes) -> bytes:
        """PKCS#8, encrypted unless ``passphrase`` is empty."""
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            encryption = serialization.BestAvailableEncryption(passphrase)
        return self.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


@dataclass(frozen=True)
class KeyPair:
    """The two files that keygen made, and the fingerprint that goes to the nodes by another road."""

    private: Path
    public: Path
    fingerprint: str


def make_key_pair(name: Path, passphrase: bytes) -> KeyPair:
    """NAME.key and NAME.pub, also where NAME has such an ending. A key that is there already is never replaced."""
    if not name.parent.is_dir():
        raise UsageError(f"{name.parent}: no such folder", hint=f"mkdir -p {name.parent}")
    name = name.with_suffix("") if name.suffix in _ENDINGS else name
    key = SigningKey(ec.generate_private_key(ec.SECP256R1()))
    private, public = (name.with_name(f"{name.name}{ending}") for ending in _ENDINGS)
    for path in (private, public):
        if path.exists():
            raise UsageError(f"{path}: exists", hint="name another key; bundles signed with this one still need it")
    _write_new(private, key.pem(passphrase), 0o600)
    _write_new(public, key.public.pem, 0o644)
    return KeyPair(private, public, key.public.fingerprint)


def load_key(path: Path, ask: AskPassphrase) -> SigningKey:
    """The key in ``path``; ``ask`` is called only if it is encrypted."""
    pem = _read_key(path)
    try:
        private = serialization.load_pem_private_key(pem, _passphrase(pem, ask))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_private_key(path, pem) from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise UsageError(f"{path}: not an ECDSA P-256 key", hint="`bundle keygen NAME` makes one")
    return SigningKey(private)


def _no_private_key(path: Path, pem: bytes) -> UsageError:
    if b"ENCRYPTED" in pem:
        return UsageError(
            f"{path}: the passphrase is wrong, or the key is damaged",
            hint="type it again, or pass --passphrase-file FILE",
        )
    if b"PUBLIC KEY" in pem:
        private = path.with_suffix(".key")
        return UsageError(f"{path}: a public key, which signs nothing", hint=f"name the private one, {private} perhaps")
    return UsageError(f"{path}: not a private key", hint="`bundle keygen NAME` makes NAME.key")


def exposure(path: Path) -> str | None:
    """Why the key in ``path`` is not as private as it should be."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return f"{path}: others may read this key (mode {mode:04o}); chmod 600 {path}" if mode & 0o077 else None


def sign_sums(sums: bytes, key: SigningKey) -> bytes:
    """DER ECDSA over the exact bytes."""
    return key.private.sign(sums, ec.ECDSA(hashes.SHA256()))


@dataclass(frozen=True)
class Lists:
    """SHA256SUMS and bundle.json, which agree. All that the machine with the key needs of a bundle."""

    sums: bytes
    index: Index

    @property
    def sums_digest(self) -> str:
        return hashlib.sha256(self.sums).hexdigest()


def read_lists(path: Path) -> Lists:
    """What is about to be signed, compared and parsed as a node will."""
    if path.is_dir() and not (path / SUMS_NAME).exists():
        raise UsageError(f"{path}: no bundle: it has no {SUMS_NAME}", hint="name the folder that `bundle build` made")
    with open_folder(path) as folder:
        sums = read_small(folder, SUMS_NAME, LARGEST_SUMS)
        index = read_small(folder, INDEX_NAME, LARGEST_INDEX)
    return Lists(sums, parse_metadata(Metadata(sums, index, Signatures({}, {}), {})))


def write_signature(folder: Path, sums: bytes, key: SigningKey) -> None:
    """Beside those of other signers, so that the folder is a bundle before and after."""
    signatures = folder / SIGNATURES_FOLDER
    make_folder(signatures)
    if len({path.stem for path in signatures.iterdir()} | {key.public.key_id}) > MOST_SIGNERS:
        raise UsageError(f"{signatures}: a bundle has at most {MOST_SIGNERS} signers")
    _replace(signatures / f"{key.public.key_id}.pub", key.public.pem)
    _replace(signatures / f"{key.public.key_id}.sig", sign_sums(sums, key))


def _replace(path: Path, data: bytes) -> None:
    aside = path.with_name(f".{path.name}.partial")
    aside.unlink(missing_ok=True)
    try:
        _write_new(aside, data, 0o644)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        set_mode(file, mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _read_key(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_KEY)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="`bundle keygen NAME` makes NAME.key") from error


def _passphrase(pem: bytes, ask: AskPassphrase) -> bytes | None:
    return ask() if b"ENCRYPTED" in pem else None
