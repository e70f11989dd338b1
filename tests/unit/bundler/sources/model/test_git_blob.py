"""A file's name in git, by git's own rule."""

from pathlib import Path

import pytest

from bundler.sources.model.git_blob import git_sha1


@pytest.mark.parametrize(
    ("content", "blob"),
    [
        (b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
        (b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
    ],
)
def test_it_is_what_git_hash_object_says(tmp_path: Path, content: bytes, blob: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert git_sha1(path) == blob


def test_a_file_longer_than_one_read_is_hashed_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes((1 << 20) + 1))
    first = git_sha1(path)
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    assert git_sha1(path) != first
