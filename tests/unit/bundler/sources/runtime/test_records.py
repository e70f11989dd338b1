"""The same files are packed once; any other byte is packed again."""

from pathlib import Path

from bundler.cache import Cache, Stored
from bundler.sources.runtime.records import packed_once
from tests.unit.bundler.making import put


class Packer:
    """Counts how often it had to."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.times = 0

    def __call__(self) -> Stored:
        self.times += 1
        return put(self.cache, b"packed")


def test_the_same_files_are_packed_once(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    files, pack = {"python/one": tmp_path / "one"}, Packer(cache)
    first = packed_once(files, "3.11", cache, pack)
    assert packed_once(files, "3.11", cache, pack) == first
    assert pack.times == 1


def test_another_byte_name_or_word_is_packed_again(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    files, pack = {"python/one": tmp_path / "one"}, Packer(cache)
    packed_once(files, "3.11", cache, pack)
    packed_once(files, "3.12", cache, pack)
    packed_once({"python/two": tmp_path / "one"}, "3.11", cache, pack)
    (tmp_path / "one").write_bytes(b"2")
    packed_once(files, "3.11", cache, pack)
    assert pack.times == 4


def test_what_the_cache_lost_or_nobody_can_read_is_packed_again(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    files, pack = {"python/one": tmp_path / "one"}, Packer(cache)
    cache.drop(packed_once(files, "", cache, pack).sha256)
    packed_once(files, "", cache, pack)
    (record,) = (cache.folder / "runtimes").iterdir()
    record.write_bytes(b"{")
    packed_once(files, "", cache, pack)
    assert pack.times == 3
