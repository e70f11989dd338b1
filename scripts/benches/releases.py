"""The two bundles: that of the testbed, which can be installed, and one whose model has the bytes of a real one."""

import json
import random
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from testbed import bundles
from testbed.bundles import Wish
from testbed.host_docker import HostDocker
from testbed.inputs import Inputs

from benches.running import Taken, take

_SHARDS = 8
_PIECES = 1023  # of a MiB each: a shard is not a round number of chunks
_PIECE = 1 << 20  # bytes


@dataclass(frozen=True)
class Built:
    """A signed bundle, its key, and what the build took."""

    bundle: Path
    public_key: Path
    taken: Taken


def build_testbed(inputs: Inputs, docker: HostDocker, folder: Path) -> Built:
    return _build(bundles.manifest(inputs, Wish()), docker, folder)


def build_large(inputs: Inputs, model: Path, docker: HostDocker, folder: Path) -> Built:
    return _build(_large_manifest(inputs.image, model), docker, folder)


def _build(manifest: str, docker: HostDocker, folder: Path) -> Built:
    """With a cache of its own, empty at first: every byte is fetched and compressed."""
    key = bundles.make_key(folder, "release")
    description, bundle = folder / "manifest.yaml", folder / "bundle"
    description.write_text(manifest)
    program = str(Path(sys.executable).with_name("bundle"))
    with docker:
        taken = take(
            *(program, "build", str(description), "-o", str(bundle), "--key", str(key)),
            env={"DOCKER_HOST": docker.address, "VLLM_AIRGAP_CACHE": str(folder / "cache")},
        )
    return Built(bundle, key.with_suffix(".pub"), taken)


def _large_manifest(image: str, model: Path) -> str:
    return f"""\
format: 1
name: large
version: "bench"
sequence: 1
target: {{arch: x86_64, glibc: "2.36", packages: rpm}}
runtime: {{source: host}}
image: {{ref: "{image}", source: docker}}
model: {{source: directory, path: {model}}}
serve: {{name: large}}
"""


def write_model(folder: Path) -> Path:
    """``folder``, with the bytes of a real model and names that say so."""
    folder.mkdir(parents=True)
    names = [f"model-{number:05}-of-{_SHARDS:05}.safetensors" for number in range(1, _SHARDS + 1)]
    for number, name in enumerate(names):
        _write_shard(folder / name, f"weight{number}", random.Random(number))  # noqa: S311  # nothing secret
    weights = {f"weight{number}": name for number, name in enumerate(names)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weights}))
    (folder / "config.json").write_text(json.dumps({"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}))
    (folder / "tokenizer.json").write_text("{}")
    return folder


def _write_shard(path: Path, tensor: str, source: random.Random) -> None:
    """As safetensors has it: length of the header, header, bytes."""
    size = _PIECES * _PIECE
    header = json.dumps({tensor: {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for _ in range(_PIECES):
            file.write(source.randbytes(_PIECE))
