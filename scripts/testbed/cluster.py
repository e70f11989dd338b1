"""What a person does with a bundle on nodes: bring it in, install, ask the model something."""

import json
import subprocess
import time
from pathlib import Path

from testbed.bundles import MODEL, Release
from testbed.commands import TestbedError
from testbed.nodes import Node

BUNDLE = "/media/usb/bundle"
KEY = "/root/release.pub"
COMPLETION_SECONDS = 900
_GPUS = """\
import ray
ray.init(address="auto", logging_level="ERROR", log_to_driver=False)
print(int(ray.cluster_resources().get("GPU", 0)))
"""


def start(node: Node, node_root: Path, release: Release) -> None:
    """A fresh machine, switched on, with the medium at hand and the release's key brought by another road."""
    node.create(node_root)
    node.boot()
    node.carry(release.bundle)
    node.run("tee", KEY, stdin=release.public_key.read_text())


def install_command(*options: str, bundle: str = BUNDLE) -> tuple[str, ...]:
    return (f"{bundle}/install", *options, "--trusted-key", KEY, "--yes")


def install(node: Node, *options: str) -> str:
    """Its standard output; CommandError if it fails."""
    return node.run(*install_command(*options), timeout=900).stdout


def install_aloud(node: Node, *options: str) -> None:
    """With its output on this terminal."""
    code = subprocess.run(node.entering(*install_command(*options)), stdin=subprocess.DEVNULL, check=False).returncode
    if code != 0:
        raise TestbedError(f"the install on {node.name} ended with {code}")


def first_completion(asker: Node, head: str) -> str:
    """Waits for it; says what the head is doing if it never comes."""
    deadline = time.monotonic() + COMPLETION_SECONDS
    while time.monotonic() < deadline:
        if (answer := chat(asker, head)) is not None:
            return answer
        time.sleep(1)
    raise TestbedError(f"no completion in {COMPLETION_SECONDS} s")


def chat(asker: Node, head: str) -> str | None:
    """One answer of the model, or None while nobody gives it."""
    question = {"model": MODEL, "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 16}
    done = asker.run(
        *("curl", "--silent", "--show-error", "--fail", "--max-time", "120"),
        *("--header", "Content-Type: application/json", "--data", json.dumps(question)),
        f"http://{head}:8000/v1/chat/completions",
        check=False,
    )
    return str(json.loads(done.stdout)["choices"][0]["message"]["content"]) if done.returncode == 0 else None


def longest_context(asker: Node, head: str) -> int:
    """max_model_len, as the API tells it."""
    models = json.loads(asker.run("curl", "--silent", "--fail", f"http://{head}:8000/v1/models").stdout)
    return int(models["data"][0]["max_model_len"])


def ray_gpus(head: Node) -> int:
    """As Ray counts them."""
    return int(head.run("docker", "exec", "vllm-airgap-node", "python3", "-c", _GPUS).stdout.split()[-1])


def backend(node: Node) -> str:
    config = json.loads(node.run("cat", "/etc/vllm-airgap/node.json").stdout)
    return str(config["cluster"]["backend"])
