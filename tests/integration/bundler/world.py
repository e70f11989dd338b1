"""All that a manifest can name, served on loopback: a private registry behind a line, two hubs, a web server."""

import base64
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bundler.signing import make_key_pair
from tests.fakes import loopback_hub
from tests.fakes.huggingface import Hub
from tests.fakes.line import Line, line_to
from tests.fakes.loopback_hub import Repository, Storage, sha256
from tests.fakes.modelscope import ModelScopeHub
from tests.fakes.package_files import Made, driver_run, rpm_package
from tests.fakes.tiny_model import model_files
from tests.fakes.web import Web, serving
from tests.integration.sources.image.certificates import Certificates, make_certificates
from tests.integration.sources.image.real_registry import (
    PASSWORD,
    USER,
    Registry,
    basic_auth,
    registry,
    write_layout,
)
from tests.unit.bundler.making import INNER, PACKAGES, PROGRAM, PROGRAMS, tar_gz
from tests.unit.bundler.sources.image.docker_save.docker_streams import FakeImage, tar

ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-m", "bundler")
IMAGE = "vllm/vllm-openai:v0.7.0"
HUBS = ("huggingface", "modelscope")
_METADATA = "usr/local/lib/python3.12/dist-packages/{}.dist-info/METADATA"
_MANIFEST = """\
name: tiny
sequence: 7
packages: [{{url: {web}/make.rpm, purpose: to compile the driver}}]
driver: {{version: 550.127.08, url: {web}/driver.run}}
docker: {{version: 27.4.0, url: {web}/docker.tgz, sha256: {docker}}}
toolkit: {{version: 1.17.8, url: {web}/toolkit.tar.gz}}
image: {{ref: "{registry}/{image}", source: registry}}
model: {{source: {source}, repo: org/tiny, endpoint: "{hub}"}}
files: [{{url: {web}/o200k_base.tiktoken, name: o200k_base.tiktoken, sha256: {vocabulary}}}]
cluster: {{nodes: 1, gpus_per_node: 1}}
serve: {{tensor_parallel_size: 1}}
"""


@dataclass(frozen=True)
class World:
    """``line`` leads to the registry; the hubs keep what is large in ``storage``."""

    web: Web
    line: Line
    registry: Registry
    storage: Storage
    hubs: Mapping[str, Hub | ModelScopeHub]
    certificates: Certificates
    folder: Path

    @property
    def sent(self) -> int:
        """Bytes of files, and with them what the line to the registry carries of TLS and headers."""
        return self.web.sent + self.line.carried + self.storage.sent + sum(hub.sent for hub in self.hubs.values())

    def site(self, name: str, hub: str = "huggingface") -> "BuildSite":
        """A new folder with a manifest that names all of this, an empty cache and the one key."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        text = _MANIFEST.format(
            web=self.web.url,
            docker=sha256(self.web.files["/docker.tgz"]),
            vocabulary=sha256(self.web.files["/o200k_base.tiktoken"]),
            registry=self.line.host,
            image=IMAGE,
            source=hub,
            hub=self.hubs[hub].url,
        )
        (folder / "tiny.yaml").write_text(text)
        site = BuildSite(folder, self)
        site.temporary.mkdir()
        return site


@dataclass(frozen=True)
class BuildSite:
    """Where one person builds."""

    folder: Path
    world: World

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def growing(self) -> Path:
        """The bundle before it is whole."""
        return self.folder / "out.partial"

    @property
    def temporary(self) -> Path:
        """On its own, for a build that is killed cannot tidy up what it unpacked for a moment."""
        return self.folder.with_name(f"{self.folder.name}.tmp")

    @property
    def lock(self) -> Path:
        return self.folder / "tiny.lock"

    @property
    def sums(self) -> bytes:
        return (self.out / "SHA256SUMS").read_bytes()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.folder),
            "TMPDIR": str(self.temporary),
            "NO_PROXY": "127.0.0.1",
            "SSL_CERT_FILE": str(self.world.certificates.authority),
            "DOCKER_CONFIG": str(self.world.folder / "docker"),
            "VLLM_AIRGAP_CACHE": str(self.cache),
        }

    def command(self, *options: str) -> tuple[str, ...]:
        key = str(self.world.folder / "release.key")
        return (*COMMAND, "build", str(self.folder / "tiny.yaml"), "-o", str(self.out), "--key", key, *options)

    def build(self, *options: str) -> str:
        """What the command says; the bundle verifies afterwards."""
        said = run(self.command("--no-progress", *options), self.environment)
        self.verify()
        return said

    def verify(self) -> None:
        key = str(self.world.folder / "release.pub")
        run((*COMMAND, "verify", str(self.out), "--trusted-key", key), self.environment)


def run(command: tuple[str, ...], environment: Mapping[str, str], cwd: Path | None = None, umask: int = -1) -> str:
    """What it says."""
    done = subprocess.run(command, env=environment, cwd=cwd, umask=umask, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@contextmanager
def world(folder: Path, unit: int) -> Iterator[World]:
    """``unit``: bytes of the smaller of the large files; nothing in them can be compressed."""
    certificates = make_certificates(folder / "tls")
    make_key_pair(folder / "release", b"")
    with ExitStack() as stack:
        private = stack.enter_context(_private_registry(folder / "registry", certificates, _image(unit)))
        line = stack.enter_context(line_to(private.host))
        _log_in(folder / "docker", line.host)
        storage = stack.enter_context(loopback_hub.serving(Storage()))
        hubs: dict[str, Hub | ModelScopeHub] = {"huggingface": Hub(storage), "modelscope": ModelScopeHub(storage)}
        for hub in hubs.values():
            stack.enter_context(loopback_hub.serving(hub))
            hub.repositories["org/tiny"] = _repository(unit)
        web = stack.enter_context(serving(_downloads(unit)))
        yield World(web, line, private, storage, hubs, certificates, folder)


@contextmanager
def _private_registry(folder: Path, certificates: Certificates, image: FakeImage) -> Iterator[Registry]:
    folder.mkdir()
    with registry(folder, basic_auth(folder), certificates) as one:
        layout = write_layout(folder / "layout", [(image, "amd64")])
        one.push(layout, IMAGE, "--dest-creds", f"{USER}:{PASSWORD}")
        yield one


def _log_in(folder: Path, host: str) -> None:
    folder.mkdir()
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))


def _image(unit: int) -> FakeImage:
    layers = (
        tar({_METADATA.format("vllm-0.7.0"): b"x", _METADATA.format("ray-2.40.0"): b"x"}),
        tar({"etc/note": b"the same in two layers"}),
        tar({"large": _noise("large", 3 * unit)}),
        tar({"etc/note": b"the same in two layers"}),
        tar({"larger": _noise("larger", 4 * unit)}),
    )
    return FakeImage(layers, extra={"config": {"Env": ["CUDA_VERSION=12.4.1"], "Entrypoint": ["vllm", "serve"]}})


def _repository(unit: int) -> Repository:
    repository = Repository()
    commit = repository.push("main", model_files(shards=3, size=2 * unit))
    repository.names["master"] = commit
    return repository


def _downloads(unit: int) -> dict[str, bytes]:
    rpms = {
        f"{INNER}/{name}-1.17.8-1.x86_64.rpm": rpm_package(Made(name, "1.17.8-1"), _noise(name, unit // 4))
        for name in PACKAGES
    }
    programs = {f"docker/{name}": PROGRAM + _noise(name, unit // 4) for name in PROGRAMS}
    return {
        "/make.rpm": rpm_package(Made("make"), _noise("make", unit)),
        "/driver.run": driver_run("550.127.08", payload=_noise("driver", 3 * unit)),
        "/docker.tgz": tar_gz(programs),
        "/toolkit.tar.gz": tar_gz(rpms),
        "/o200k_base.tiktoken": _noise("vocabulary", unit),
    }


def _noise(name: str, size: int) -> bytes:
    return random.Random(name).randbytes(size)  # noqa: S311 # nothing secret
