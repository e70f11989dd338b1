"""A build of what the cache holds, each byte hashed again, against the same build with nothing there."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from testbed import bundles

from benches.registry import Registry, await_answer, started
from benches.running import Duel, Taken, duel, take

_ROUNDS = 2
_HUB_PORT = 5001
_MANIFEST = """\
format: 1
name: rebuilt
version: "bench"
sequence: 1
target: {{arch: x86_64, glibc: "2.36", packages: rpm}}
runtime: {{source: host}}
image: {{ref: "{image}", source: registry}}
model: {{source: huggingface, repo: bench/model, revision: main, endpoint: "{hub}"}}
cluster: {{nodes: 2, gpus_per_node: 1}}
serve: {{name: large, tensor_parallel_size: 2}}
"""


@dataclass(frozen=True)
class Rebuilding:
    """Ours are the builds from a full cache, theirs those from an empty one."""

    duel: Duel

    @property
    def cached_ratio(self) -> float:
        return 1 / self.duel.times_faster


def compare(registry: Registry, model: Path, folder: Path) -> Rebuilding:
    """The image from ``registry``, the model from a hub beside it."""
    folder.mkdir(parents=True)
    hub = f"http://127.0.0.1:{_HUB_PORT}"
    key = bundles.make_key(folder, "release")
    description = folder / "manifest.yaml"
    description.write_text(_MANIFEST.format(image=registry.image, hub=hub))

    def built() -> Taken:
        shutil.rmtree(folder / "bundle", ignore_errors=True)
        program = str(Path(sys.executable).with_name("bundle"))
        command = (program, "build", str(description), "-o", str(folder / "bundle"), "--key", str(key))
        return take(*registry.entering(*command), env={"VLLM_AIRGAP_CACHE": str(folder / "cache")})

    def built_cold() -> Taken:
        shutil.rmtree(folder / "cache", ignore_errors=True)
        description.with_suffix(".lock").unlink(missing_ok=True)
        return built()

    command = registry.entering(sys.executable, "-m", "benches.hub", str(model), str(_HUB_PORT))
    with started(command, folder / "hub.log") as process:
        await_answer(registry, f"{hub}/api/models/bench/model", process)
        built_cold()
        return Rebuilding(duel(built, built_cold, _ROUNDS))
