"""The whole way, shown: inputs, a signed bundle, two nodes without a network, a chat completion from the worker."""

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed import bundles, cluster, inputs
from testbed.bundles import Release, Wish
from testbed.commands import TestbedError
from testbed.host_docker import HostDocker
from testbed.nodes import Node
from testbed.site import Site

BUILD = Path(__file__).parents[2] / "build"
PREFIX = "demo"


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
    say(f"all of it lies in {BUILD}: inputs/, the bundle in demo/, the machines in nodes/ with their console.log")
    say("making the inputs that are not there yet: tens of minutes the first time, seconds later")
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
        cluster.start(node, made.node_root, release)
        say(f"{node.name} is up; its only route: {node.run('ip', 'route').stdout.strip()}")
        say(f"{node.name}: the bundle is on the stick, {cluster.BUNDLE}; the key came by another road, {cluster.KEY}")
    everyone = f"{head.address},{worker.address}"
    with watch("install_head"):
        install(head, "--role", "head", "--nodes", everyone)
    with watch("install_worker"):
        install(worker, "--role", "worker", "--nodes", everyone)
    say("waiting for the first completion, asked for from the worker")
    with watch("first_completion"):
        completion = cluster.first_completion(worker, head.address)
    say(f"completion: {completion!r}")
    say("(gibberish, as it should be: this small model's weights are random numbers)")
    return {
        "ok": True,
        "nodes": [head.address, worker.address],
        "backend": cluster.backend(head),
        "ray_gpus": cluster.ray_gpus(head),
        "completion": completion,
        "bundle_bytes": sum(path.stat().st_size for path in release.bundle.rglob("*") if path.is_file()),
        "seconds": watch.seconds,
    }


def install(node: Node, *options: str) -> None:
    say(f"{node.name}# {' '.join(cluster.install_command(*options))}")
    cluster.install_aloud(node, *options)


def tell_how_to_enter(site: Site) -> None:
    say("what install did is in /var/log/vllm-airgap/install.log of each node")
    say("the nodes stay up; enter them, and remove them at the end:")
    for node in site.nodes.values():
        say(f"  PYTHONPATH=scripts build/venv/bin/python -m testbed --site {PREFIX} enter {node.name}")
    say(f"  PYTHONPATH=scripts build/venv/bin/python -m testbed --site {PREFIX} clean")


def say(line: str) -> None:
    print(f"demo: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
