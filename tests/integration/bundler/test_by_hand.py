"""What a person does without anything of ours: openssl and coreutils accept what we build, and only that."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bundler.build import Built
from bundler.signing import load_key, make_key_pair
from installer.errors import NotAuthenticError
from installer.index.document import CHUNK
from installer.trust.opened import open_bundle
from installer.trust.signatures import Anchors
from tests.fakes.tiny_model import write_sparse_weights
from tests.unit.bundler.making import Site, make_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = make_site(tmp_path_factory.mktemp("site"))
    write_sparse_weights(site.model / "big.safetensors", CHUNK + 12345)  # more than one chunk, and none
    (site.model / "empty.txt").touch()
    return site


@pytest.fixture(scope="module")
def built(site: Site) -> Built:
    return site.build()


def openssl(site: Site, built: Built) -> subprocess.CompletedProcess[str]:
    signature = f"signatures/{site.key.public.key_id}.sig"
    command = ("openssl", "dgst", "-sha256", "-verify", str(site.public_key), "-signature", signature, "SHA256SUMS")
    return subprocess.run(command, cwd=built.folder, capture_output=True, text=True, check=False)


def test_openssl_accepts_the_signature(site: Site, built: Built) -> None:
    done = openssl(site, built)
    assert (done.returncode, done.stdout) == (0, "Verified OK\n"), done.stderr


def test_sha256sum_accepts_every_file(built: Built) -> None:
    done = subprocess.run(
        ("sha256sum", "-c", "--strict", "SHA256SUMS"), cwd=built.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "model/tiny-model/big.safetensors: OK" in done.stdout


def test_the_list_names_every_other_file(built: Built) -> None:
    listed = {line.split("  ", 1)[1] for line in (built.folder / "SHA256SUMS").read_text().splitlines()}
    there = {str(path.relative_to(built.folder)) for path in built.folder.rglob("*") if path.is_file()}
    assert there - listed == {"SHA256SUMS", *(name for name in there if name.startswith("signatures/"))}


def test_openssl_reads_our_keys_and_we_read_its(site: Site) -> None:
    command = ("openssl", "pkey", "-in", str(site.folder / "release.key"), "-pubout")
    assert subprocess.run(command, capture_output=True, check=True).stdout == site.public_key.read_bytes()
    theirs = site.folder / "theirs.key"
    make = ("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(theirs))
    subprocess.run(make, check=True, capture_output=True)
    public = subprocess.run(("openssl", "pkey", "-in", theirs, "-pubout"), check=True, capture_output=True).stdout
    assert load_key(theirs, bytes).public.pem == public


def test_openssl_opens_an_encrypted_key_with_its_passphrase(site: Site) -> None:
    pair = make_key_pair(site.folder / "secret", b"open sesame")
    command = ("openssl", "pkey", "-in", str(pair.private), "-pubout", "-passin", "pass:open sesame")
    assert subprocess.run(command, capture_output=True, check=True).stdout == pair.public.read_bytes()
    wrong = (*command[:-1], "pass:wrong")
    assert subprocess.run(wrong, capture_output=True, check=False).returncode != 0


def test_the_fingerprint_is_that_of_the_der(site: Site) -> None:
    der = subprocess.run(
        ("openssl", "pkey", "-pubin", "-in", site.public_key, "-outform", "DER"), capture_output=True, check=True
    ).stdout
    done = subprocess.run(("sha256sum",), input=der, capture_output=True, check=True)
    assert done.stdout.decode().split()[0] == site.key.public.fingerprint


@pytest.mark.parametrize("which", ["SHA256SUMS", "signature"])
def test_every_flipped_bit_is_not_authentic(site: Site, built: Built, tmp_path: Path, which: str) -> None:
    """Names and sizes are hard links: only the small files are spoiled."""
    folder = tmp_path / "bundle"
    shutil.copytree(built.folder, folder, copy_function=os.link)
    name = "SHA256SUMS" if which == "SHA256SUMS" else f"signatures/{site.key.public.key_id}.sig"
    path = folder / name
    good = path.read_bytes()
    path.unlink()
    anchors = Anchors(keys=(site.key.public,))
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        with pytest.raises(NotAuthenticError), open_bundle(folder, anchors):
            pytest.fail(f"bit {bit} was accepted")
    path.write_bytes(good)
    with open_bundle(folder, anchors):
        pass
