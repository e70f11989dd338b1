"""Keys are made once and kept private; what is signed was read as a node will read it."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from bundler.progress import unwatched
from bundler.signing import SigningKey, exposure, load_key, make_key_pair, read_lists, sign_sums, write_signature
from installer.errors import DamagedError, UsageError
from installer.trust.keys import parse_public_key
from installer.trust.signatures import Anchors
from installer.trust.verdict import verify
from tests.unit.bundler.making import Site


def nobody() -> bytes:
    raise AssertionError("asked for a passphrase")


def test_a_key_pair_signs_and_verifies(tmp_path: Path) -> None:
    pair = make_key_pair(tmp_path / "release.v1", b"")
    assert (pair.private.name, pair.public.name) == ("release.v1.key", "release.v1.pub")
    public = parse_public_key(pair.public.read_bytes(), "release.v1.pub")
    assert public.fingerprint == pair.fingerprint
    assert public.verifies(sign_sums(b"lists", load_key(pair.private, nobody)), b"lists")


def test_the_private_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    pair = make_key_pair(tmp_path / "k", b"")
    assert stat.S_IMODE(pair.private.stat().st_mode) == 0o600
    assert pair.private.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert exposure(pair.private) is None
    pair.private.chmod(0o640)
    assert "chmod 600" in (exposure(pair.private) or "")


def test_a_key_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    make_key_pair(tmp_path / "k", b"")
    before = (tmp_path / "k.key").read_bytes()
    with pytest.raises(UsageError, match="exists"):
        make_key_pair(tmp_path / "k", b"")
    (tmp_path / "k.pub").unlink()
    with pytest.raises(UsageError, match="exists"):
        make_key_pair(tmp_path / "k", b"")
    assert (tmp_path / "k.key").read_bytes() == before


def test_a_passphrase_protects_the_key(tmp_path: Path) -> None:
    pair = make_key_pair(tmp_path / "k", b"open sesame")
    assert b"ENCRYPTED" in pair.private.read_bytes()
    assert load_key(pair.private, lambda: b"open sesame").public.fingerprint == pair.fingerprint
    with pytest.raises(UsageError, match="the passphrase is wrong") as caught:
        load_key(pair.private, lambda: b"wrong")
    assert caught.value.hint == "type it again, or pass --passphrase-file FILE"


def test_a_public_key_is_called_one(tmp_path: Path) -> None:
    pair = make_key_pair(tmp_path / "k", b"")
    with pytest.raises(UsageError, match="a public key, which signs nothing") as caught:
        load_key(pair.public, nobody)
    assert caught.value.hint == f"name the private one, {pair.private} perhaps"


def test_a_key_pair_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="keys: no such folder") as caught:
        make_key_pair(tmp_path / "keys/release", b"")
    assert caught.value.hint == f"mkdir -p {tmp_path}/keys"


@pytest.mark.parametrize("name", ["rel2", "rel2.key", "rel2.pub"])
def test_the_ending_of_a_key_is_not_doubled(tmp_path: Path, name: str) -> None:
    pair = make_key_pair(tmp_path / name, b"")
    assert (pair.private.name, pair.public.name) == ("rel2.key", "rel2.pub")


def test_a_folder_that_is_no_bundle_is_not_signed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no bundle: it has no SHA256SUMS") as caught:
        read_lists(tmp_path)
    assert caught.value.hint == "name the folder that `bundle build` made"


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()], ids=["p384", "ed25519"]
)
def test_other_keys_are_refused(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = tmp_path / "k"
    path.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    with pytest.raises(UsageError, match="not an ECDSA P-256 key"):
        load_key(path, nobody)


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(b"hello")
    for name in ("k", "none"):
        with pytest.raises(UsageError):
            load_key(tmp_path / name, nobody)
    with pytest.raises(UsageError, match="not a private key") as caught:
        load_key(tmp_path / "k", nobody)
    assert caught.value.hint == "`bundle keygen NAME` makes NAME.key"


def carried(site: Site) -> Path:
    """What goes to the machine with the key."""
    out = site.build().folder
    folder = site.folder / "carried"
    folder.mkdir()
    for name in ("SHA256SUMS", "bundle.json"):
        (folder / name).write_bytes((out / name).read_bytes())
    return folder


def test_signing_needs_only_the_lists(site: Site) -> None:
    folder = carried(site)
    lists = read_lists(folder)
    assert (lists.index.name, lists.index.sequence) == ("tiny", 7)
    second = load_key(make_key_pair(site.folder / "second", b"").private, nobody)
    write_signature(folder, lists.sums, second)
    out = site.folder / "out"
    for path in (folder / "signatures").iterdir():
        (out / "signatures" / path.name).write_bytes(path.read_bytes())
    for key in (second, site.key):
        assert verify(out, Anchors(keys=(key.public,)), unwatched).words == "verified"


def test_lists_that_differ_are_not_signed(site: Site) -> None:
    folder = carried(site)
    index = folder / "bundle.json"
    index.write_bytes(index.read_bytes().replace(b'"sequence": 7', b'"sequence": 9'))
    with pytest.raises(DamagedError, match=r"bundle\.json: content differs"):
        read_lists(folder)


def test_signing_twice_leaves_one_signature(site: Site) -> None:
    folder = carried(site)
    for _ in range(2):
        write_signature(folder, read_lists(folder).sums, site.key)
    key_id = site.key.public.key_id
    assert sorted(path.name for path in (folder / "signatures").iterdir()) == [f"{key_id}.pub", f"{key_id}.sig"]


def test_there_are_at_most_sixteen_signers(site: Site) -> None:
    folder = carried(site)
    sums = read_lists(folder).sums
    for _ in range(16):
        write_signature(folder, sums, SigningKey(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(UsageError, match="at most 16"):
        write_signature(folder, sums, site.key)
