"""Whose signature counts, and which do not."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from bundler.signing import SigningKey, sign_sums, write_signature
from installer.errors import MalformedError, NotAuthenticError
from installer.trust.opened import open_bundle
from installer.trust.signatures import Anchors
from tests.unit.installer.trust.signed import SignedBundle


def refuse(folder: Path, anchors: Anchors, match: str | None = None) -> str:
    with pytest.raises(NotAuthenticError, match=match) as caught, open_bundle(folder, anchors):
        pytest.fail("opened")
    return f"{caught.value}\n{caught.value.hint}"


@pytest.fixture
def other() -> SigningKey:
    return SigningKey(ec.generate_private_key(ec.SECP256R1()))


def test_any_of_the_anchors_suffices(bundle: SignedBundle) -> None:
    key = bundle.key.public
    for anchors in (
        Anchors(keys=(key,)),
        Anchors(fingerprints=(key.fingerprint,)),
        Anchors(pinned=(key,)),
        Anchors(first_use=True),
    ):
        with open_bundle(bundle.folder, anchors) as opened:
            assert opened.signers.keys == (key,)


def test_no_anchor_shows_the_way_and_no_fingerprint(bundle: SignedBundle) -> None:
    said = refuse(bundle.folder, Anchors(), "no anchor")
    assert "--fingerprint" in said
    assert bundle.key.public.key_id not in said


def test_a_key_that_did_not_sign_names_who_claims_to_have(bundle: SignedBundle, other: SigningKey) -> None:
    said = refuse(bundle.folder, Anchors(keys=(other.public,)), "not signed by")
    assert bundle.key.public.key_id in said


def test_a_fingerprint_of_a_key_that_is_not_there(bundle: SignedBundle, other: SigningKey) -> None:
    refuse(bundle.folder, Anchors(fingerprints=(other.public.fingerprint,)))
    refuse(bundle.folder, Anchors(fingerprints=(bundle.key.public.fingerprint[:16],)))


@pytest.mark.parametrize("how", ["absent", "empty", "folder", "no folder", "link", "fifo"])
def test_a_missing_signature_is_never_unsigned_but_fine(bundle: SignedBundle, how: str, tmp_path: Path) -> None:
    path = bundle.signature
    content = path.read_bytes()
    path.unlink()
    if how == "empty":
        path.touch()
    elif how == "folder":
        path.mkdir()
    elif how == "no folder":
        path.with_suffix(".pub").unlink()
        path.parent.rmdir()
    elif how == "link":
        (tmp_path / "real").write_bytes(content)
        path.symlink_to(tmp_path / "real")
    elif how == "fifo":
        os.mkfifo(path)
    refuse(bundle.folder, bundle.anchors)
    refuse(bundle.folder, Anchors(first_use=True))


def test_a_signature_of_another_bundle(bundle: SignedBundle) -> None:
    bundle.signature.write_bytes(sign_sums(b"other lists", bundle.key))
    refuse(bundle.folder, bundle.anchors)


def test_every_flipped_bit_of_the_signature(bundle: SignedBundle) -> None:
    good = bundle.signature.read_bytes()
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert not bundle.key.public.verifies(bytes(bad), bundle.sums.read_bytes()), bit


def test_every_truncation_and_extension_of_the_signature(bundle: SignedBundle) -> None:
    good, sums = bundle.signature.read_bytes(), bundle.sums.read_bytes()
    spoiled = [good[:length] for length in range(len(good))] + [good + bytes(n) for n in range(1, 65)]
    assert not any(bundle.key.public.verifies(bad, sums) for bad in spoiled)


def integer(value: int, *, padding: bytes) -> bytes:
    body = padding + value.to_bytes(32, "big").lstrip(b"\0")
    return bytes([2, len(body)]) + body


def test_der_that_is_not_minimal(bundle: SignedBundle) -> None:
    r, s = decode_dss_signature(bundle.signature.read_bytes())
    body = integer(r, padding=b"\0\0") + integer(s, padding=b"\0\0")
    assert not bundle.key.public.verifies(bytes([0x30, len(body)]) + body, bundle.sums.read_bytes())
    plain = bundle.signature.read_bytes()
    long_form = bytes([0x30, 0x81, plain[1]]) + plain[2:]
    assert not bundle.key.public.verifies(long_form, bundle.sums.read_bytes())


def test_a_bad_extra_signature_is_ignored(bundle: SignedBundle, other: SigningKey) -> None:
    signatures = bundle.signature.parent
    (signatures / f"{'0' * 16}.sig").write_bytes(b"garbage")
    (signatures / f"{'0' * 16}.pub").write_bytes(b"garbage")
    write_signature(bundle.folder, bundle.sums.read_bytes(), other)
    with open_bundle(bundle.folder, bundle.anchors) as opened:
        assert opened.signers.keys == (bundle.key.public,)


def test_a_key_id_is_a_file_name_and_decides_nothing(bundle: SignedBundle) -> None:
    for ending in ("sig", "pub"):
        path = bundle.signature.with_suffix(f".{ending}")
        path.rename(path.with_name(f"{'f' * 16}.{ending}"))
    bundle.check()
    with open_bundle(bundle.folder, Anchors(fingerprints=(bundle.key.public.fingerprint,))) as opened:
        assert opened.signers.keys == (bundle.key.public,)


@pytest.mark.parametrize(
    "name", ["README", "x.sig", f"{'A' * 16}.sig", f"{'0' * 16}.asc", f"{'0' * 17}.sig", ".hidden"]
)
def test_anything_else_beside_the_signatures_is_refused(bundle: SignedBundle, name: str) -> None:
    (bundle.signature.parent / name).touch()
    refuse(bundle.folder, bundle.anchors)


def test_a_signature_has_a_limit(bundle: SignedBundle) -> None:
    with (bundle.signature.parent / f"{'0' * 16}.sig").open("wb") as file:
        file.truncate(4097)
    with pytest.raises(MalformedError, match="more than the 4096 allowed"):
        bundle.look()


def test_there_are_at_most_sixteen(bundle: SignedBundle) -> None:
    for number in range(15):
        (bundle.signature.parent / f"{number:016x}.sig").write_bytes(b"x")
    bundle.look()
    (bundle.signature.parent / f"{'f' * 16}.sig").write_bytes(b"x")
    refuse(bundle.folder, bundle.anchors, "more than 16 signers")
    for number in range(40):
        (bundle.signature.parent / f"{number:015x}a.pub").write_bytes(b"x")
    refuse(bundle.folder, bundle.anchors, "more than 16 signers")


def test_first_use_needs_a_node_without_a_key_and_one_signer(bundle: SignedBundle, other: SigningKey) -> None:
    pinned = replace(Anchors(first_use=True), pinned=(other.public,))
    refuse(bundle.folder, pinned, "a pinned key already")
    write_signature(bundle.folder, bundle.sums.read_bytes(), other)
    refuse(bundle.folder, Anchors(first_use=True), "several signers")


def test_first_use_without_the_key_is_refused(bundle: SignedBundle) -> None:
    bundle.signature.with_suffix(".pub").unlink()
    refuse(bundle.folder, Anchors(first_use=True))
    bundle.check()
