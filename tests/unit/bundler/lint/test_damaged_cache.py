"""What the cache holds damaged is not judged: it counts as not here, and a build fetches it again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.lint import Case, before_build
from tests.fakes.package_files import Made
from tests.unit.bundler.lint.scenes import Change, look, named, only

NAME = "qwen2.5-14b-a10"
DEVEL = Made("kernel-devel", "1.0-1")
Damage = Callable[[bytes], bytes]


def flipped(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


def cut(content: bytes) -> bytes:
    return content[:-1]


def looked_again(folder: Path, case: Case, suffix: str, damage: Damage) -> Case:
    """``case`` after ``damage`` to the one cached file whose name in the bundle ends so."""
    assert case.lock is not None
    cache = Cache(folder / "cache")
    (file,) = (file for file in case.lock.files if file.path.endswith(suffix))
    path = cache.path(file.sha256)
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(damage(content))
    return before_build(case.manifest, case.lock, cache)


@pytest.mark.parametrize("damage", [flipped, cut])
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_what_is_damaged_counts_as_not_here(tmp_path: Path, name: str, damage: Damage) -> None:
    before = look(tmp_path, NAME, Change())
    after = looked_again(tmp_path, before, f"/{name}", damage)
    assert before.model is not None
    assert before.model[name] is not None
    assert after.model is not None
    assert after.model[name] is None
    assert [rule for rule, severity in named(after) if severity == "error"] == []


def test_a_damaged_configuration_says_nothing(tmp_path: Path) -> None:
    before = look(tmp_path, NAME, Change())
    assert before.config is not None
    assert looked_again(tmp_path, before, "/config.json", flipped).config is None


@pytest.mark.parametrize("damage", [flipped, cut])
def test_a_damaged_package_is_not_looked_into(tmp_path: Path, damage: Damage) -> None:
    before = look(tmp_path, NAME, Change(packages=(DEVEL,)))
    assert len(before.packages) == 1
    assert looked_again(tmp_path, before, ".rpm", damage).packages == ()


def test_what_is_wrong_in_sound_weights_is_said(tmp_path: Path) -> None:
    case = look(tmp_path, NAME, Change(model={"model.safetensors": b"no header"}))
    assert only(case, "model-safetensors")
