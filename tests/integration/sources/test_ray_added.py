"""The pinned Ray goes into an image that has none, a real dockerd loads it, and `ray` runs there."""

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from testbed import debian
from testbed.host_docker import HostDocker

from bundler.cache import Cache
from bundler.http.client import Client
from bundler.http.patience import Patience
from bundler.lock import LockedImage
from bundler.progress import unwatched
from bundler.sources.image.docker import take_image
from bundler.sources.image.ray.added import add_ray
from bundler.sources.image.ray.wheels import RAY, wheels_for
from bundler.workplace import Workplace

SHARED = Path(__file__).parents[3] / "build/host-docker/programs"
PYTHON = "3.11"  # Debian 12's
TAG = "example/no-ray:1"
DEBIAN_PACKAGES = tuple(
    """
    coreutils libacl1 libattr1 libbz2-1.0 libc6 libcrypt1 libexpat1 libffi8 libgcc-s1 libgmp10 liblzma5
    libpcre2-8-0 libpython3.11-minimal libpython3.11-stdlib libselinux1 libssl3 libstdc++6 libuuid1
    python3.11 python3.11-minimal zlib1g
    """.split()
)
VLLM = "usr/local/lib/python3.11/dist-packages/vllm-0.33.0.dist-info"


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostDocker]:
    found = HostDocker(tmp_path_factory.mktemp("docker"))
    found.folder.mkdir(parents=True)
    if SHARED.exists():
        found.programs.symlink_to(SHARED)
    with found:
        yield found


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """With every pinned wheel in the cache, got from the package index that pip knows here."""
    folder = tmp_path_factory.mktemp("wheels")
    named = [f"{wheel.name}=={wheel.version}" for wheel in wheels_for(PYTHON)]
    for_image = ("--platform", "manylinux2014_x86_64", "--python-version", PYTHON, "--implementation", "cp")
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *for_image)
    subprocess.run((*pip, "--dest", str(folder), *named), check=True, timeout=600)
    cache = Cache(folder / "cache")
    for path in folder.glob("*.whl"):
        with cache.writer() as writer:
            writer.write(path.read_bytes())
            writer.keep()
    client = Client(Patience(tell=lambda _line: None))
    return Workplace(cache, unwatched, lambda _line: None, client, jobs=1)


@pytest.fixture(scope="module")
def image(docker: HostDocker, work: Workplace, tmp_path_factory: pytest.TempPathFactory) -> LockedImage:
    """A Debian with a Python and what looks like vLLM, with Ray added."""
    scratch = tmp_path_factory.mktemp("root")
    debian.unpack(DEBIAN_PACKAGES, scratch / "root")
    (scratch / "root" / VLLM).mkdir(parents=True)
    (scratch / "root" / VLLM / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.33.0\n")
    with tarfile.open(scratch / "root.tar", "w") as archive:
        archive.add(scratch / "root", ".")
    docker.run("import", str(scratch / "root.tar"), TAG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", docker.address)
        return add_ray(take_image(TAG, work.cache, unwatched), work)


def test_every_wheel_is_the_pinned_one(work: Workplace) -> None:
    assert [wheel.url for wheel in wheels_for(PYTHON) if wheel.sha256 not in work.cache] == []


def test_docker_loads_it_under_the_id_that_is_locked(
    docker: HostDocker, work: Workplace, image: LockedImage, tmp_path: Path
) -> None:
    load(docker, work, image, tmp_path)
    found = docker.run("image", "inspect", "--format", "{{.Id}} {{len .RootFS.Layers}}", image.image.config)
    assert found.split() == [image.image.config, "2"]


def test_ray_runs_in_it(docker: HostDocker, work: Workplace, image: LockedImage, tmp_path: Path) -> None:
    load(docker, work, image, tmp_path)
    run = ("run", "--rm", "--network", "none", "--env", "PATH=/usr/local/bin:/usr/bin:/bin")
    assert RAY in docker.run(*run, image.image.config, "ray", "--version")
    program = f"import ray, msgpack, jsonschema, yaml, google.protobuf; assert ray.__version__ == '{RAY}'"
    docker.run(*run, image.image.config, "python3.11", "-c", program)


def test_a_second_time_it_is_the_same(docker: HostDocker, work: Workplace, image: LockedImage) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", docker.address)
        before = os.umask(0o077)
        try:
            assert add_ray(take_image(TAG, work.cache, unwatched), work) == image
        finally:
            os.umask(before)


def load(docker: HostDocker, work: Workplace, image: LockedImage, scratch: Path) -> None:
    with tarfile.open(scratch / "image.tar", "w") as archive:
        for file in image.files:
            archive.add(work.cache.path(file.sha256), file.path.replace("image/", "./", 1))
    docker.run("load", "--input", str(scratch / "image.tar"))
