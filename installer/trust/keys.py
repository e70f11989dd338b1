"""Public keys: ECDSA P-256 in one canonical form, named by the SHA-256 of it."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from installer.errors import NotAuthenticError, UsageError, printable

# SubjectPublicKeyInfo of id-ecPublicKey, prime256v1, uncompressed point (RFC 5480): the rest is X and Y.
_P256_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_DER_SIZE = 91
_PEM = re.compile(rb"\s*-----BEGIN PUBLIC KEY-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END PUBLIC KEY-----\s*")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
LARGEST_KEY = 4096  # bytes of a .pub or .sig file


@dataclass(frozen=True)
class PublicKey:
    """One signer. ``der`` is canonical, so equal keys are equal values."""

    der: bytes

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    @property
    def key_id(self) -> str:
        """First 16 digits of the fingerprint: a file name, never a decision."""
        return self.fingerprint[:16]

    @property
    def pem(self) -> bytes:
        text = base64.b64encode(self.der)
        lines = [text[n : n + 64] for n in range(0, len(text), 64)]
        return b"\n".join([b"-----BEGIN PUBLIC KEY-----", *lines, b"-----END PUBLIC KEY-----", b""])

    def verifies(self, signature: bytes, data: bytes) -> bool:
        key = load_der_public_key(self.der)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        try:
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


def parse_public_key(pem: bytes, name: str) -> PublicKey:
    match = _PEM.fullmatch(pem)
    if match is None:
        raise _not_a_key(name)
    try:
        der = base64.b64decode(match[1], validate=False)
        # The form is compared first: OpenSSL is then never given another algorithm or curve to parse.
        if len(der) != _DER_SIZE or not der.startswith(_P256_PREFIX):
            raise _not_a_key(name)
        load_der_public_key(der)
    except (binascii.Error, ValueError):
        raise _not_a_key(name) from None
    return PublicKey(der)


def read_public_key(path: Path) -> PublicKey:
    """The key that a person named. Raises UsageError where there is no such file, NotAuthenticError if it is no key."""
    try:
        with path.open("rb") as file:
            pem = file.read(LARGEST_KEY + 1)
    except OSError as error:
        raise UsageError(
            f"--trusted-key {path}: {error.strerror}", hint="name the .pub file that you got from who signs the bundles"
        ) from error
    if b"PRIVATE KEY-----" in pem:
        raise NotAuthenticError(f"{path}: this is a private key", hint="give the .pub, and keep this one off nodes")
    if len(pem) > LARGEST_KEY:
        raise _not_a_key(str(path))
    return parse_public_key(pem, str(path))


def parse_fingerprint(text: str) -> str:
    """As people write it, with colons or spaces; all of it, as a prefix proves nothing. Raises UsageError."""
    digits = text.replace(":", "").replace(" ", "").lower()
    if not _FINGERPRINT.fullmatch(digits):
        raise UsageError(
            f"--fingerprint {printable(text)}: not all 64 hex digits of a SHA-256",
            hint="`bundle keygen` and `bundle build` print it where the bundle is made",
        )
    return digits


def _not_a_key(name: str) -> NotAuthenticError:
    return NotAuthenticError(
        f"{name}: not the PEM of an ECDSA P-256 public key",
        hint="`bundle keygen NAME` makes NAME.pub in that form",
    )
