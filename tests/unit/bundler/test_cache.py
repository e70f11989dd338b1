"""The store keeps what was kept, under its digest, and nothing else."""

import hashlib
import os
from pathlib import Path

import pytest

from bundler.cache import Cache, cache_folder
from installer.errors import UnreachableError
from tests.unit.bundler.making import put

TEXT = b"some bytes"
DIGEST = hashlib.sha256(TEXT).hexdigest()


def files(cache: Cache) -> list[Path]:
    return [path for path in cache.folder.rglob("*") if path.is_file()]


def test_a_kept_file_lies_under_its_digest(cache: Cache) -> None:
    stored = put(cache, TEXT)
    assert (stored.sha256, stored.size) == (DIGEST, len(TEXT))
    assert cache.path(DIGEST).read_bytes() == TEXT
    assert DIGEST in cache


def test_what_is_not_kept_leaves_nothing(cache: Cache) -> None:
    with cache.writer() as writer:
        writer.write(TEXT)
    assert files(cache) == []


def half_written(cache: Cache) -> None:
    with cache.writer() as writer:
        writer.write(TEXT)
        raise UnreachableError("cut")


def test_a_failure_while_writing_leaves_nothing(cache: Cache) -> None:
    with pytest.raises(UnreachableError):
        half_written(cache)
    assert files(cache) == []


def test_the_same_content_again_is_one_file(cache: Cache) -> None:
    put(cache, TEXT)
    put(cache, TEXT)
    assert files(cache) == [cache.path(DIGEST)]


def test_fresh_content_replaces_a_damaged_entry_of_the_same_length(cache: Cache) -> None:
    put(cache, TEXT)
    cache.path(DIGEST).write_bytes(TEXT.upper())
    put(cache, TEXT)
    assert cache.path(DIGEST).read_bytes() == TEXT


def test_bytes_that_came_by_the_descriptor_are_hashed_too(cache: Cache) -> None:
    with cache.writer() as writer:
        os.write(writer.file.fileno(), TEXT)
        assert writer.keep().sha256 == DIGEST


def test_what_a_killed_run_left_is_swept_but_not_what_is_at_work(cache: Cache) -> None:
    with cache.writer() as writer:
        writer.write(TEXT)
        left = cache.folder / "aside" / "left"
        left.write_bytes(TEXT)
        put(cache, b"other")
        assert not left.exists()
        assert writer.keep().sha256 == DIGEST


def test_what_is_at_work_stays_also_when_the_clock_jumps(cache: Cache) -> None:
    with cache.writer() as writer:
        writer.write(TEXT)
        (at_work,) = (cache.folder / "aside").iterdir()
        os.utime(at_work, (0, 0))
        put(cache, b"other")
        assert writer.keep().sha256 == DIGEST


def test_the_folder_can_be_chosen() -> None:
    assert cache_folder({"VLLM_AIRGAP_CACHE": "/big", "XDG_CACHE_HOME": "/x"}) == Path("/big")
    assert cache_folder({"XDG_CACHE_HOME": "/x"}) == Path("/x/vllm-airgap")
    assert cache_folder({}) == Path.home() / ".cache/vllm-airgap"
