"""The model: a tiny Qwen2 with the files of a real one, written by the transformers of the vLLM image."""

from pathlib import Path

from testbed import image
from testbed.commands import TestbedError
from testbed.host_docker import HostDocker

SCRIPT = Path(__file__).parent / "payload/make_model.py"
SHARDS = 5


def make(docker: HostDocker, target: Path) -> None:
    target.mkdir(parents=True)
    docker.run(
        "run", "--rm", "--network", "none",
        "--volume", f"{SCRIPT}:/make_model.py:ro",
        "--volume", f"{target}:/out",
        "--env", "HF_HUB_OFFLINE=1",
        "--entrypoint", "python3",
        image.TAG, "/make_model.py",
    )  # fmt: skip
    shards = sorted(path.name for path in target.glob("*.safetensors"))
    if len(shards) != SHARDS:
        raise TestbedError(f"transformers wrote {shards}, not {SHARDS} shards; see max_shard_size in {SCRIPT}")
