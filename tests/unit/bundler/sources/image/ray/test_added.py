"""An image without Ray gets it where Ray is to join the nodes: one layer more, and all else as it was."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.http.client import Client
from bundler.http.patience import Patience
from bundler.lock import LockedImage
from bundler.manifest import Manifest, parse_manifest
from bundler.progress import unwatched
from bundler.sources.image.ray.added import add_ray, with_ray_if_needed
from bundler.sources.image.ray.wheels import PYTHONS, RAY, wheels_for
from bundler.wheels import Wheel
from bundler.workplace import Workplace
from installer.errors import RefusedError
from tests.unit.bundler.sources.image.ray.wheels_made import PACKAGES, image_of, make_wheel, ray_wheel, stored

NAMES = (
    f"{PACKAGES}/vllm-0.33.0.dist-info/METADATA",
    f"{PACKAGES}/requests-2.34.2.dist-info/METADATA",
    "usr/bin/python3.12",
)


@dataclass
class Bench:
    """A cache that already has the wheels of a small table, so that nothing is fetched."""

    work: Workplace
    image: LockedImage

    def config(self, image: LockedImage) -> dict[str, object]:
        data = self.work.cache.path(image.image.config.removeprefix("sha256:")).read_bytes()
        found = json.loads(data)
        assert isinstance(found, dict)
        return found

    @property
    def added(self) -> LockedImage:
        return add_ray(self.image, self.work, self.table)

    def table(self, _python: str) -> tuple[Wheel, ...]:
        folder = self.work.cache.folder
        rows = [(ray_wheel(folder), "ray"), (make_wheel(folder, "msgpack", {"msgpack/a.py": b"1"}), "msgpack")]
        rows.append((make_wheel(folder, "requests", {"requests/a.py": b"2"}), "requests"))
        return tuple(self._row(path, name) for path, name in rows)

    def _row(self, path: Path, name: str) -> Wheel:
        kept = stored(self.work.cache, path.read_bytes())
        return Wheel(name, "1.0", "https://127.0.0.1:1/never-asked", kept.size, kept.sha256)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    cache = Cache(tmp_path / "cache")
    cache.folder.mkdir()
    client = Client(Patience(tell=lambda _line: None, sleep=lambda _seconds: None))
    work = Workplace(cache, unwatched, lambda _line: None, client, jobs=1)
    return Bench(work, image_of(cache, NAMES, {"vllm": "0.33.0", "python": "3.12"}))


def manifest(cluster: str) -> Manifest:
    text = f"name: tiny\nimage: {{ref: 'vllm:new'}}\nmodel: {{path: m}}\ncluster: {cluster}\n"
    return parse_manifest(text.encode(), Path("/nowhere/m.yaml"))


def with_vllm(image: LockedImage, versions: Mapping[str, str]) -> LockedImage:
    image.image.versions.update(versions)
    return image


def test_the_image_gets_one_layer_more_and_another_id(bench: Bench) -> None:
    before, after = bench.image.image, bench.added.image
    assert after.diff_ids[:-1] == before.diff_ids
    assert len(after.diff_ids) == len(before.diff_ids) + 1
    assert after.config != before.config
    assert after.manifest != before.manifest
    assert after.versions == {**before.versions, "ray": RAY}


def test_its_configuration_says_so_and_is_otherwise_its_makers(bench: Bench) -> None:
    before, after = bench.config(bench.image), bench.config(bench.added)
    assert after["rootfs"] == {"type": "layers", "diff_ids": list(bench.added.image.diff_ids)}
    assert after["history"] == [
        {"created_by": "base"},
        {"created": "2026-01-02T03:04:05Z", "created_by": f"vllm-airgap: Ray {RAY}"},
    ]
    for key in ("architecture", "os", "created", "config"):
        assert after[key] == before[key]


def test_what_the_image_has_already_is_not_added(bench: Bench) -> None:
    layer = bench.added.files
    sizes = {file.path: file for file in layer}
    listed = json.loads(bench.work.cache.path(sizes["image/manifest.json"].sha256).read_bytes())
    blob = bench.work.cache.path(listed[0]["Layers"][-1].rpartition("/")[2]).read_bytes()
    packed = gzip.decompress(blob)
    assert b"msgpack/a.py" in packed
    assert b"requests/a.py" not in packed


def test_it_is_the_same_each_time(bench: Bench) -> None:
    assert bench.added == bench.added


def test_layers_that_were_there_keep_their_provenance(bench: Bench) -> None:
    sources = {file.path: (file.source, file.known_by) for file in bench.added.files}
    (old,) = (file.path for file in bench.image.files if file.path.endswith(_layer_of(bench, bench.image)))
    assert sources[old] == ("registry image vllm:new", "first use")
    assert ("Ray " + RAY + " of PyPI, added as a layer", "build") in sources.values()


def test_a_python_without_a_pinned_ray_is_refused(tmp_path: Path, bench: Bench) -> None:
    old = image_of(bench.work.cache, ("usr/lib/python3.8/site-packages/vllm-0.1.dist-info/METADATA",), {})
    with pytest.raises(RefusedError, match=r"cannot be added to its Python 3\.8"):
        add_ray(old, bench.work, bench.table)


@pytest.mark.parametrize(
    "cluster", ["{backend: mp, nodes: 2}", "{backend: auto, nodes: 2}", "{backend: auto}", "{nodes: 1}"]
)
def test_an_image_that_needs_no_ray_stays_as_it_is(cluster: str, bench: Bench) -> None:
    assert with_ray_if_needed(manifest(cluster), bench.image, bench.work) is bench.image


def test_an_image_that_holds_ray_stays_as_it_is(bench: Bench) -> None:
    image = with_vllm(bench.image, {"ray": "2.49.0"})
    assert with_ray_if_needed(manifest("{backend: ray}"), image, bench.work) is image


@pytest.mark.parametrize("python", PYTHONS)
def test_the_table_has_ray_and_all_it_requires(python: str) -> None:
    wheels = wheels_for(python)
    assert (wheels[0].name, wheels[0].version) == ("ray", RAY)
    needed = "click filelock jsonschema msgpack packaging protobuf pyyaml requests".split()
    assert set(needed) <= {wheel.name for wheel in wheels}
    tag = f"cp{python.replace('.', '')}"
    for wheel in wheels:
        assert wheel.url.startswith("https://files.pythonhosted.org/packages/")
        assert any(tags in wheel.url for tags in (f"-{tag}-{tag}-manylinux", "-py3-none-any", "-abi3-manylinux"))


def _layer_of(bench: Bench, image: LockedImage) -> str:
    files = {file.path: file for file in image.files}
    listed = json.loads(bench.work.cache.path(files["image/manifest.json"].sha256).read_bytes())
    return str(listed[0]["Layers"][0])
