"""What verify says is what it found out, and no more."""

from dataclasses import replace
from pathlib import Path

import pytest

from bundler.inspect import describe, read_index
from bundler.progress import unwatched
from bundler.signing import load_key, make_key_pair, write_signature
from installer.errors import DamagedError, NotAuthenticError
from installer.trust.signatures import Anchors
from installer.trust.verdict import verify, verify_quickly
from tests.unit.bundler.making import Site

NONE = Anchors()


@pytest.fixture
def out(site: Site) -> Path:
    return site.build().folder


def test_without_an_anchor_nothing_is_called_verified(site: Site, out: Path) -> None:
    full, quick = verify(out, NONE, unwatched), verify_quickly(out, NONE)
    assert full.words == "intact, not authenticated"
    assert quick.words == "names and sizes agree, not authenticated"
    assert full.signers is quick.signers is None


def test_a_quick_look_is_not_called_verified_either(site: Site, out: Path) -> None:
    quick = verify_quickly(out, Anchors(fingerprints=(site.key.public.fingerprint,)))
    assert "verified" not in quick.words
    assert quick.words == "authentic, names and sizes agree, contents not read"


def test_a_fingerprint_is_an_anchor(site: Site, out: Path) -> None:
    verdict = verify(out, Anchors(fingerprints=(site.key.public.fingerprint,)), unwatched)
    assert verdict.words == "verified"
    assert verdict.signers is not None
    assert verdict.signers.anchored_by == "fingerprint"


def test_another_key_is_not_authentic(site: Site, out: Path) -> None:
    other = load_key(make_key_pair(site.folder / "other", b"").private, bytes)
    with pytest.raises(NotAuthenticError, match="not signed by"):
        verify(out, Anchors(keys=(other.public,)), unwatched)


def test_damage_is_found_without_an_anchor_too(out: Path) -> None:
    driver = out / "driver/driver.run"
    content = bytearray(driver.read_bytes())
    content[70_000] ^= 1
    driver.unlink()
    driver.write_bytes(content)
    with pytest.raises(DamagedError, match=r"driver/driver\.run: content differs in chunk 0"):
        verify(out, NONE, unwatched)
    assert verify_quickly(out, NONE).contents_read is False


def test_a_signature_that_its_own_key_refuses_is_not_intact(site: Site, out: Path) -> None:
    write_signature(out, b"other lists", site.key)
    with pytest.raises(NotAuthenticError, match="no signature fits"):
        verify(out, NONE, unwatched)


def test_line_endings_changed_on_the_way_are_said(out: Path) -> None:
    sums = out / "SHA256SUMS"
    sums.write_bytes(sums.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(NotAuthenticError, match="line endings changed"):
        verify(out, NONE, unwatched)


def test_inspect_does_not_hide_a_version_that_nothing_tells(out: Path) -> None:
    index = read_index(out)
    image = replace(index.image, versions={"cuda": "12.4.1", "vllm": ""})
    assert dict(describe(replace(index, image=image)))["holds"] == "cuda 12.4.1, vllm of unknown version"


def test_inspect_tells_all_that_the_server_is_told(out: Path) -> None:
    index = read_index(out)
    serve = replace(index.serve, args=("--dtype", "half", "--chat-template", "/files/a b"), max_model_len=4096)
    said = dict(describe(replace(index, serve=serve)))
    assert said["serve"] == "tiny-model, tp 1, pp 1, max_model_len 4096, gpu_memory_utilization 0.90, port 8000"
    assert said["serve args"] == "--dtype half --chat-template '/files/a b'"
    plain = dict(describe(index))
    assert "max_model_len chosen by vLLM" in plain["serve"]
    assert plain["serve args"] == "none"


def test_inspect_tells_what_is_in_it(out: Path) -> None:
    said = dict(describe(read_index(out)))
    assert said["version"] == "7 (sequence 7)"
    assert said["driver"] == "550.10"
    assert said["allowed"] == "nothing by name"
    assert (said["entrypoint"], said["architecture"]) == ("vllm 'serve it'", "amd64")
    assert said["docker files"].endswith("digest known by: first use")
    assert not any(word in text for text in said.values() for word in ("verified", "authentic", "trust"))
