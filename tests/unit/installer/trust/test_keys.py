"""One canonical form of public key."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from installer.errors import NotAuthenticError, UsageError
from installer.trust.keys import LARGEST_KEY, parse_fingerprint, parse_public_key, read_public_key

PRIVATE = ec.generate_private_key(ec.SECP256R1())
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
GOOD = PRIVATE.public_key().public_bytes(PEM, SPKI)


def armoured(der: bytes) -> bytes:
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(der) + b"-----END PUBLIC KEY-----\n"


def test_the_form_of_openssl_is_read_and_written() -> None:
    key = parse_public_key(GOOD, "k")
    assert key.pem == GOOD
    assert key.key_id == key.fingerprint[:16]
    assert len(key.fingerprint) == 64


def test_equal_keys_are_equal_however_they_are_wrapped() -> None:
    der = PRIVATE.public_key().public_bytes(DER, SPKI)
    body = base64.b64encode(der)
    unwrapped = b"-----BEGIN PUBLIC KEY-----\n" + body + b"\n-----END PUBLIC KEY-----\n"
    for pem in (unwrapped, GOOD.replace(b"\n", b"\r\n"), b"\n" + GOOD + b"\n"):
        assert parse_public_key(pem, "k") == parse_public_key(GOOD, "k")


def compressed() -> bytes:
    point = PRIVATE.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    return head + point


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"hello",
        GOOD[:-30],
        GOOD + GOOD,
        GOOD.replace(b"PUBLIC KEY", b"CERTIFICATE"),
        PRIVATE.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(PEM, SPKI),
        ec.generate_private_key(ec.SECP256K1()).public_key().public_bytes(PEM, SPKI),
        ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(PEM, SPKI),
        rsa.generate_private_key(65537, 2048).public_key().public_bytes(PEM, SPKI),
        armoured(compressed()),
        armoured(PRIVATE.public_key().public_bytes(DER, SPKI) + b"\x00"),
        armoured(PRIVATE.public_key().public_bytes(DER, SPKI)[:-1] + b"\x00"),
        armoured(b""),
    ],
)
def test_any_other_form_is_refused(pem: bytes) -> None:
    with pytest.raises(NotAuthenticError, match="not the PEM of an ECDSA P-256 public key"):
        parse_public_key(pem, "k")


# --- as people give them

DIGITS = parse_public_key(GOOD, "k").fingerprint
PAIRS = [DIGITS[n : n + 2] for n in range(0, 64, 2)]


@pytest.mark.parametrize(
    "text",
    [DIGITS, DIGITS.upper(), ":".join(PAIRS), " ".join(PAIRS).upper(), f" {DIGITS} "],
    ids=["plain", "upper case", "colons", "blanks", "padded"],
)
def test_a_fingerprint_is_read_as_people_write_it(text: str) -> None:
    assert parse_fingerprint(text) == DIGITS


@pytest.mark.parametrize(
    "text",
    ["", "ab12", DIGITS[:16], DIGITS[:-1], f"{DIGITS}0", f"{DIGITS[:-1]}g", DIGITS[:-1] + "\u0661"],
    ids=["empty", "short", "key ID", "one less", "one more", "no hex digit", "another script's digit"],
)
def test_a_fingerprint_is_all_of_its_digits(text: str) -> None:
    """A prefix proves nothing."""
    with pytest.raises(UsageError, match="--fingerprint") as caught:
        parse_fingerprint(text)
    assert caught.value.hint


def test_what_a_person_pasted_drives_no_terminal() -> None:
    with pytest.raises(UsageError) as caught:
        parse_fingerprint("\x1b]0;x\x07")
    assert "\x1b" not in str(caught.value)


def test_a_key_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "release.pub"
    path.write_bytes(GOOD)
    assert read_public_key(path) == parse_public_key(GOOD, "k")


def test_a_key_file_that_cannot_be_read_is_a_wrong_option(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.pub", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(UsageError, match=f"--trusted-key {path}: {reason}") as caught:
            read_public_key(path)
        assert caught.value.hint


@pytest.mark.parametrize(
    "encryption", [serialization.NoEncryption(), serialization.BestAvailableEncryption(b"open sesame")]
)
def test_a_private_key_is_told_from_other_files(
    tmp_path: Path, encryption: serialization.KeySerializationEncryption
) -> None:
    path = tmp_path / "release.key"
    path.write_bytes(PRIVATE.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption))
    with pytest.raises(NotAuthenticError, match=f"{path}: this is a private key") as caught:
        read_public_key(path)
    assert caught.value.hint == "give the .pub, and keep this one off nodes"


def test_no_more_is_read_than_a_key_can_have(tmp_path: Path) -> None:
    path = tmp_path / "release.pub"
    path.write_bytes(GOOD.ljust(LARGEST_KEY, b"\n"))
    assert read_public_key(path) == parse_public_key(GOOD, "k")
    path.write_bytes(GOOD.ljust(LARGEST_KEY + 1, b"\n"))
    with pytest.raises(NotAuthenticError, match=f"{path}: not the PEM"):
        read_public_key(path)
    with pytest.raises(NotAuthenticError, match="/dev/zero: not the PEM"):
        read_public_key(Path("/dev/zero"))
