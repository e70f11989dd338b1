"""What was hashed before is hashed once, and nothing that is remembered makes a wrong file a right one."""

import hashlib
import json
from pathlib import Path

import pytest

from bundler.cache import Cache, Stored
from bundler.digesting import Digests
from bundler.rehashing import digest_again
from installer.index.document import CHUNK

CONTENT = b"first" + bytes(CHUNK) + b"last"


def chunks_of(content: bytes) -> tuple[str, ...]:
    return tuple(hashlib.sha256(content[at : at + CHUNK]).hexdigest() for at in range(0, len(content), CHUNK))


def digests_of(content: bytes) -> Digests:
    return Digests(len(content), hashlib.sha256(content).hexdigest(), chunks_of(content))


def expected(content: bytes) -> Stored:
    return Stored(hashlib.sha256(content).hexdigest(), len(content))


class Hashed:
    """A file, and what was read of it."""

    def __init__(self, folder: Path, content: bytes) -> None:
        self.path = folder / "file"
        self.path.write_bytes(content)
        self.advanced = 0

    def again(self, known: Stored, cache: Cache) -> Digests:
        def advance(count: int) -> None:
            self.advanced += count

        copied = hashlib.sha256()
        with self.path.open("rb", buffering=0) as file:
            found = digest_again(file, known, cache, advance, copied.update)
        assert copied.hexdigest() == found.sha256
        return found


def only_record(cache: Cache) -> Path:
    (path,) = (cache.folder / "chunks").iterdir()
    return path


@pytest.mark.parametrize("content", [b"", b"small", bytes(CHUNK), CONTENT], ids=["empty", "small", "chunk", "large"])
def test_the_second_time_gives_what_the_first_gave(cache: Cache, tmp_path: Path, content: bytes) -> None:
    hashed = Hashed(tmp_path, content)
    first = hashed.again(expected(content), cache)
    assert first == hashed.again(expected(content), cache) == digests_of(content)
    assert hashed.advanced == 2 * len(content)


def test_only_a_file_of_several_chunks_needs_a_record(cache: Cache, tmp_path: Path) -> None:
    for content in (b"", b"small", bytes(CHUNK)):
        Hashed(tmp_path, content).again(expected(content), cache)
    assert not (cache.folder / "chunks").exists()


@pytest.mark.parametrize("content", [b"small", CONTENT], ids=["small", "large"])
def test_another_file_of_the_same_length_has_its_own_digest_and_no_chunks(
    cache: Cache, tmp_path: Path, content: bytes
) -> None:
    Hashed(tmp_path, content).again(expected(content), cache)
    other = content[:-1] + b"!"
    assert Hashed(tmp_path, other).again(expected(content), cache) == Digests(len(other), expected(other).sha256, ())


def test_a_file_cut_short_has_its_own_digest(cache: Cache, tmp_path: Path) -> None:
    Hashed(tmp_path, CONTENT).again(expected(CONTENT), cache)
    found = Hashed(tmp_path, CONTENT[:-1]).again(expected(CONTENT), cache)
    assert (found.size, found.sha256) == (len(CONTENT) - 1, expected(CONTENT[:-1]).sha256)


def test_a_file_that_is_not_the_expected_one_is_remembered_as_what_it_is(cache: Cache, tmp_path: Path) -> None:
    other = CONTENT[:-1] + b"!"
    assert Hashed(tmp_path, other).again(expected(CONTENT), cache) == digests_of(other)
    assert only_record(cache).stem == expected(other).sha256
    assert Hashed(tmp_path, CONTENT).again(expected(CONTENT), cache) == digests_of(CONTENT)


def swap(document: dict[str, list[str]]) -> None:
    document["chunks"].reverse()


def shorten(document: dict[str, list[str]]) -> None:
    document["chunks"].pop()


def shorten_and_seal(document: dict[str, object]) -> None:
    chunks = ["0" * 64]
    document.update(chunks=chunks, seal=hashlib.sha256("\n".join(chunks).encode()).hexdigest())


@pytest.mark.parametrize("damage", [swap, shorten, shorten_and_seal, dict.clear])
def test_a_damaged_record_is_made_again(cache: Cache, tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    hashed = Hashed(tmp_path, CONTENT)
    hashed.again(expected(CONTENT), cache)
    record = only_record(cache)
    whole = record.read_bytes()
    document = json.loads(whole)
    damage(document)
    record.write_text(json.dumps(document))
    assert hashed.again(expected(CONTENT), cache) == digests_of(CONTENT)
    assert record.read_bytes() == whole
