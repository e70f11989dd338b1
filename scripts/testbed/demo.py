"""The whole way, shown: inputs, a signed bundle, two nodes without a network, a chat completion from the worker."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed import bundles, inputs
from testbed.bundles import MODEL, Release, Wish
from testbed.commands import TestbedError
from testbed.host_docker import HostDocker
from testbed.nodes import Node
from testbed.site import Site

BUILD = Path(__file__).parents[2] / "build"
PREFIX = "demo"
COMPLETION_SECONDS = 900
GPUS = """\
import ray
ray.init(address="auto", logging_level="ERROR", log_to_driver=False)
print(int(ray.cluster_resources().get("GPU", 0)))
"""


class Stopwatch:
    """Seconds by what they were spent on."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[what] = round(time.monotonic() - began, 1)


def main(words: list[str]) -> int:
    if words not in ([], ["--keep"]):
        print("usage: scripts/demo [--keep]", file=sys.stderr)
        return 2
    try:
        show(keep=words == ["--keep"])
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("demo: ok")
    return 0


def show(*, keep: bool) -> None:
    folder, watch = BUILD / "demo", Stopwatch()
    made = inputs.make_all(BUILD, say)
    release = make_release(made, folder, watch)
    site = Site(BUILD, PREFIX, ("node1", "node2"))
    site.create()
    try:
        report = install_and_ask(site, made, release, watch)
        (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
        say(f"report: {(folder / 'report.json').relative_to(BUILD.parent)}")
    finally:
        if keep:
            tell_how_to_enter(site)
        else:
            site.remove()


def make_release(made: inputs.Inputs, folder: Path, watch: Stopwatch) -> Release:
    shutil.rmtree(folder, ignore_errors=True)
    say("building and signing the bundle")
    with watch("build"):
        release = bundles.build(made, HostDocker(BUILD), folder, Wish())
    say("verifying it")
    with watch("verify"):
        say(bundles.bundle_command("verify", str(release.bundle), "--trusted-key", str(release.public_key)).strip())
    return release


def install_and_ask(site: Site, made: inputs.Inputs, release: Release, watch: Stopwatch) -> dict[str, object]:
    head, worker = site.nodes.values()
    for node in (head, worker):
        say(f"booting {node.name}, {node.address}; routes: {boot(node, made, release)}")
    everyone = f"{head.address},{worker.address}"
    with watch("install_head"):
        install(head, "--role", "head", "--nodes", everyone)
    with watch("install_worker"):
        install(worker, "--role", "worker", "--nodes", everyone)
    say("waiting for the first completion, asked for from the worker")
    with watch("first_completion"):
        completion = first_completion(worker, head.address)
    say(f"completion: {completion!r}")
    config = json.loads(head.run("cat", "/etc/vllm-airgap/node.json").stdout)
    return {
        "ok": True,
        "nodes": [head.address, worker.address],
        "backend": config["cluster"]["backend"],
        "ray_gpus": int(head.run("docker", "exec", "vllm-airgap-node", "python3", "-c", GPUS).stdout.split()[-1]),
        "completion": completion,
        "bundle_bytes": sum(path.stat().st_size for path in release.bundle.rglob("*") if path.is_file()),
        "seconds": watch.seconds,
    }


def boot(node: Node, made: inputs.Inputs, release: Release) -> str:
    """The node's routes: only its own network."""
    node.create(made.node_root)
    node.boot()
    node.carry(release.bundle)
    node.carry(release.public_key)
    return node.run("ip", "route").stdout.strip()


def install(node: Node, *options: str) -> None:
    """What a person types on the node, with its output on this terminal."""
    command = ("/media/usb/bundle/install", *options, "--trusted-key", "/media/usb/release.pub", "--yes")
    say(f"{node.name}# {' '.join(command)}")
    code = subprocess.run(node.entering(*command), stdin=subprocess.DEVNULL, check=False).returncode
    if code != 0:
        raise TestbedError(f"the install on {node.name} ended with {code}")


def first_completion(asker: Node, head: str) -> str:
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


def tell_how_to_enter(site: Site) -> None:
    say("the nodes stay up; enter them, and remove them at the end:")
    for node in site.nodes.values():
        say(f"  PYTHONPATH=scripts build/venv/bin/python -m testbed --site {PREFIX} enter {node.name}")
    say(f"  PYTHONPATH=scripts build/venv/bin/python -m testbed --site {PREFIX} clean")


def say(line: str) -> None:
    print(f"demo: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
