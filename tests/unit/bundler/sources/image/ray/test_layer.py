"""Wheels become one layer: where the image's Python looks, always the same bytes."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.sources.image.configuration import Configuration
from bundler.sources.image.inside import Inside
from bundler.sources.image.layers.contents import Distribution
from bundler.sources.image.layout import Layer
from bundler.sources.image.ray.layer import Home, home_of, make_layer
from installer.errors import DamagedError, RefusedError
from tests.unit.bundler.sources.image.ray.wheels_made import PACKAGES, PROGRAM, make_wheel, ray_wheel

HOME = Home(PACKAGES, "usr/local/bin", "/usr/bin/env python3.12")
NOTHING = Configuration("linux", "amd64", (), {}, (), ())


def made(folder: Path, *wheels: Path) -> tuple[Layer, dict[str, tarfile.TarInfo], bytes]:
    cache = Cache(folder / "cache")
    layer = make_layer(wheels, HOME, cache, lambda _count: None)
    data = gzip.decompress(cache.path(layer.blob.sha256).read_bytes())
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return layer, {member.name: member for member in archive}, data


def inside(folder: str, *interpreters: str) -> Inside:
    vllm = Distribution(f"{folder}/vllm-0.33.0.dist-info", "vllm", "0.33.0")
    return Inside(NOTHING, (vllm,), interpreters)


def test_every_file_lies_beside_vllm(tmp_path: Path) -> None:
    _, members, _ = made(tmp_path, ray_wheel(tmp_path))
    assert f"{PACKAGES}/ray/scripts/scripts.py" in members
    assert f"{PACKAGES}/ray-1.0.dist-info/METADATA" in members


def test_folders_of_the_image_itself_are_left_as_they_are(tmp_path: Path) -> None:
    _, members, _ = made(tmp_path, ray_wheel(tmp_path))
    folders = {name for name, member in members.items() if member.isdir()}
    assert folders == {f"{PACKAGES}/{name}" for name in ("ray", "ray/core", "ray/scripts", "ray-1.0.dist-info")}


def test_names_are_sorted_and_nobody_and_no_time_is_in_it(tmp_path: Path) -> None:
    _, members, _ = made(tmp_path, ray_wheel(tmp_path))
    assert list(members) == sorted(members)
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members.values()} == {(0, 0, "", "", 0)}


def test_modes_are_those_of_files_and_programs(tmp_path: Path) -> None:
    _, members, _ = made(tmp_path, ray_wheel(tmp_path))
    programs = {name for name, member in members.items() if member.isfile() and member.mode == 0o755}
    assert programs == {f"{PACKAGES}/{PROGRAM}", "usr/local/bin/ray"}
    assert {member.mode for member in members.values()} == {0o755, 0o644}


def test_the_ray_program_calls_what_the_wheel_names(tmp_path: Path) -> None:
    _, _, data = made(tmp_path, ray_wheel(tmp_path))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        file = archive.extractfile("usr/local/bin/ray")
        assert file is not None
        text = file.read().decode()
    assert text.startswith("#!/usr/bin/env python3.12\n")
    assert "from ray.scripts.scripts import main\n" in text
    assert text.endswith("sys.exit(main())\n")


def test_the_same_wheels_give_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, _, _ = made(tmp_path / "a", ray_wheel(tmp_path / "a"))
    before = os.umask(0o077)
    try:
        second, _, _ = made(tmp_path / "b", ray_wheel(tmp_path / "b"))
    finally:
        os.umask(before)
    assert first == second


def test_all_wheels_go_into_one_layer(tmp_path: Path) -> None:
    more = make_wheel(tmp_path, "msgpack", {"msgpack/__init__.py": b"", "large.bin": bytes(3 << 20)})
    layer, members, data = made(tmp_path, ray_wheel(tmp_path), more)
    assert f"{PACKAGES}/msgpack/__init__.py" in members
    assert members[f"{PACKAGES}/large.bin"].size == 3 << 20
    assert layer.diff_id == f"sha256:{__import__('hashlib').sha256(data).hexdigest()}"


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "ray/../../x", "ray-1.0.data/scripts/ray"])
def test_a_wheel_that_wants_to_write_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="no file for site-packages"):
        made(tmp_path, ray_wheel(tmp_path), make_wheel(tmp_path, "bad", {name: b""}))


@pytest.mark.parametrize(
    ("folder", "programs"),
    [
        (PACKAGES, "usr/local/bin"),
        ("opt/venv/lib/python3.12/site-packages", "opt/venv/bin"),
        ("opt/venv/lib64/python3.12/site-packages", "opt/venv/bin"),
    ],
)
def test_the_program_lies_where_those_of_that_python_do(folder: str, programs: str) -> None:
    home = home_of(inside(folder, "usr/bin/python3.12"))
    assert home == Home(folder, programs, "/usr/bin/env python3.12")


def test_a_python_of_its_own_is_named_by_its_path() -> None:
    home = home_of(inside("opt/venv/lib/python3.12/site-packages", "opt/venv/bin/python3.12", "usr/bin/python3.12"))
    assert home.interpreter == "/opt/venv/bin/python3.12"


def test_a_folder_that_no_python_looks_in_is_refused() -> None:
    with pytest.raises(RefusedError, match="no Python looks"):
        home_of(inside("srv/packages"))
