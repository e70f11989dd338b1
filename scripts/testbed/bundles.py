"""A signed bundle of the testbed's inputs, made by the product's own commands."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from testbed import driver, toolkit
from testbed.commands import CommandError
from testbed.docker_tgz import VERSION as DOCKER_VERSION
from testbed.host_docker import HostDocker
from testbed.inputs import Inputs

ROOT = Path(__file__).parents[2]  # where the product's packages are
MANIFEST = "manifest.yaml"
MODEL = "tiny-qwen2"
NAME = "testbed"


@dataclass(frozen=True)
class Release:
    """A built bundle and the key that vouches for it."""

    bundle: Path
    key: Path
    fingerprint: str

    @property
    def public_key(self) -> Path:
        return self.key.with_suffix(".pub")

    @property
    def sums_digest(self) -> str:
        """By which a node tells this bundle from every other."""
        return hashlib.sha256((self.bundle / "SHA256SUMS").read_bytes()).hexdigest()


@dataclass(frozen=True)
class Wish:
    """What differs between the bundles that tests need."""

    sequence: int = 1
    backend: str = "ray"
    name: str = NAME
    max_model_len: int = 512
    gpus_per_node: int = 1
    driver: str = driver.VERSION
    packages: str = "rpm"
    nodes: int = 2
    more: str = ""  # lines of the manifest

    @property
    def gpus(self) -> int:
        return self.nodes * self.gpus_per_node


def manifest(inputs: Inputs, wish: Wish) -> str:
    toolkits = {"rpm": inputs.toolkit_tar, "deb": inputs.toolkit_debs}
    return f"""\
format: 1
name: {wish.name}
version: "testbed {wish.sequence}"
sequence: {wish.sequence}
target: {{arch: x86_64, glibc: "2.36", packages: {wish.packages}}}
runtime: {{source: host}}
driver: {{version: {wish.driver}, url: {inputs.driver_run}}}
docker: {{version: {DOCKER_VERSION}, url: {inputs.docker_tgz}}}
toolkit: {{version: {toolkit.VERSION}, url: {toolkits[wish.packages]}}}
image: {{ref: "{inputs.image}", source: docker}}
model: {{source: directory, path: {inputs.model}}}
cluster:
  {{nodes: {wish.nodes}, gpus_per_node: {wish.gpus_per_node}, backend: {wish.backend}, shm_size: 1g,
    env: {{RAY_memory_monitor_refresh_ms: "0"}}}}  # the machine that runs the tests may have cgroup version 1
serve:
  {{name: {MODEL}, tensor_parallel_size: {wish.gpus}, max_model_len: {wish.max_model_len}, args: [--enforce-eager]}}
{wish.more}"""


def make_key(folder: Path, name: str) -> Path:
    """A key pair without passphrase; what an earlier run left is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / f"{name}.key"
    for old in (key, key.with_suffix(".pub")):
        old.unlink(missing_ok=True)
    bundle_command("keygen", str(folder / name), "--no-passphrase")
    return key


def build(inputs: Inputs, docker: HostDocker, folder: Path, wish: Wish) -> Release:
    """Into ``folder``/bundle, with a key of its own beside it."""
    return build_by(make_key(folder, "release"), inputs, docker, folder / "bundle", wish)


def build_by(key: Path, inputs: Inputs, docker: HostDocker, bundle: Path, wish: Wish) -> Release:
    """Into ``bundle``, with its manifest beside it."""
    description = bundle.with_name(MANIFEST)
    description.write_text(manifest(inputs, wish))
    return build_described(description, docker, bundle, key)


def build_described(description: Path, docker: HostDocker, bundle: Path, key: Path, product: Path = ROOT) -> Release:
    """Into ``bundle``, of the manifest ``description``, by the product in the folder ``product``."""
    words = ("build", str(description), "-o", str(bundle), "--key", str(key))
    with docker:
        said = bundle_command(*words, DOCKER_HOST=docker.address, PYTHONPATH=str(product))
    found = re.search(r"\b[0-9a-f]{64}\b(?=\s*$)", said)
    return Release(bundle, key, found[0] if found else "")


def clear(folder: Path) -> None:
    """What an earlier run left."""
    shutil.rmtree(folder, ignore_errors=True)


def bundle_command(*words: str, **environment: str) -> str:
    """``bundle WORDS`` as a person on the connected machine types it; its standard output."""
    command = (str(Path(sys.executable).with_name("bundle")), *words)
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CommandError(command, done.stdout + done.stderr)
    return done.stdout
