"""What the systemd units run: reads node.json, waits for what must be there, becomes docker."""

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

from installer.container import (
    CACHE,
    CONTAINER,
    LABEL,
    RDMA_DEVICES,
    in_node,
    serve_command,
    serve_environment,
    start_node,
    stop_node,
)
from installer.driver.persistence import keep_awake, may_sleep
from installer.errors import EnvironmentProblemError, StepError
from installer.node import Node
from installer.peers.differences import differences
from installer.peers.doors import Shared, standing
from installer.peers.identity import identify
from installer.peers.joining import cut_off, head_missing
from installer.peers.responder import respond_for_ever, responder_of
from installer.settings import NODE_JSON, NodeConfig

_PATIENCE = 5  # seconds between two looks
STARTING = "starting: "  # begins the journal's line of every start
_NO_SUCH_CONTAINER = "No such"


@dataclass(frozen=True)
class RayNode:
    """One machine as Ray counts it."""

    ip: str
    gpus: int


def run_node(node: Node) -> None:
    config, digest = load_config(node)
    remove_leftover(node)
    wake_gpus(node)
    if config.cluster.nodes > 1:
        answer_peers(node, config)
    if not config.is_head:
        _until(node, lambda: head_missing(node, config) or cut_off(node, config))
    node.at(CACHE).mkdir(parents=True, exist_ok=True)
    rdma = node.at(RDMA_DEVICES).exists()
    _become(node, start_node(config, find_image(node, config), digest, rdma=rdma))


def answer_peers(node: Node, config: NodeConfig) -> None:
    """As long as the unit lives, so that its peers may look before they join, and tell differences later."""
    responder = responder_of(node, config, identify(node, config), Shared(lambda: standing(node, config)))
    node.beside(lambda: respond_for_ever(responder, _say))


def wake_gpus(node: Node) -> None:
    """Device files on a machine without a display, and a driver that stays awake: neither survives a boot.

    What fails here, docker and the container will tell better.
    """
    if node.finds("nvidia-modprobe"):
        node.ask("nvidia-modprobe", "-u", "-c=0")
    if may_sleep(node) and (problem := keep_awake(node)):
        _say(f"persistence mode stays off: {problem}")


def halt_node(node: Node) -> None:
    if leftover_label(node):
        node.run(*stop_node())


def run_serve(node: Node) -> None:
    config, _ = load_config(node)
    _until(node, lambda: container_missing(node))
    halt_serve(node)
    if config.cluster.backend == "ray":
        _until(node, lambda: _gpus_missing(node, config))
        for line in differences(node, config):
            _say(line)
    wrapped = ("python3", "-c", program("session_start.py"), *serve_command(config))
    _become(node, in_node(*wrapped, environment=serve_environment(config)))


def halt_serve(node: Node) -> None:
    """End the server's whole session inside the container: `docker exec` forwards no signal."""
    config, _ = load_config(node)
    command = in_node("python3", "-c", program("session_stop.py"), config.node_ip, str(config.serve.port))
    output = node.ask(*command, timeout=120)
    if not output.succeeded and leftover_label(node):
        raise StepError(f"the server did not end: {output.stderr.strip()}")


def load_config(node: Node) -> tuple[NodeConfig, str]:
    """node.json and its digest, which the container carries as a label."""
    data = node.read(NODE_JSON)
    if data is None:
        raise EnvironmentProblemError(f"{NODE_JSON}: missing", hint="vllm-airgap install writes it")
    return NodeConfig.parse(data), hashlib.sha256(data).hexdigest()


def program(name: str) -> str:
    """The text of a fixed program that runs inside the container."""
    return files("installer.inside").joinpath(name).read_text()


def remove_leftover(node: Node) -> None:
    label = leftover_label(node)
    if label is None:
        return
    if not label:
        raise EnvironmentProblemError(
            f"a container named {CONTAINER} is not ours", hint=f"look at it, then: docker rm -f {CONTAINER}"
        )
    node.run("docker", "rm", "-f", CONTAINER)


def leftover_label(node: Node) -> str | None:
    """Our label on the container of our name: empty on a stranger's, None where there is no container."""
    look = ("docker", "container", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', CONTAINER)
    output = node.ask(*look)
    if output.succeeded:
        return output.stdout.strip()
    if _NO_SUCH_CONTAINER in output.stderr:
        return None
    raise EnvironmentProblemError(f"docker does not answer: {output.stderr.strip()}")


def find_image(node: Node, config: NodeConfig) -> str:
    """The ID docker knows the image by: that of its config, or from docker 29 on of its manifest."""
    for image_id in config.image_ids:
        if node.ask("docker", "image", "inspect", "--format", "{{.Id}}", image_id).stdout.strip() == image_id:
            return image_id
    raise EnvironmentProblemError(
        "the image is no longer in docker", hint="vllm-airgap install BUNDLE loads it from the medium"
    )


def ray_nodes(node: Node) -> tuple[RayNode, ...] | None:
    """The machines alive in the cluster, or None while Ray does not answer."""
    output = node.ask(*in_node("python3", "-c", program("ray_nodes.py")), timeout=60)
    if not output.succeeded:
        return None
    return read_ray_nodes(output.stdout)


def read_ray_nodes(output: str) -> tuple[RayNode, ...]:
    """The last line of `ray_nodes.py`; Ray itself may have printed before it."""
    rows = json.loads(output.strip().splitlines()[-1])
    return tuple(RayNode(str(row["ip"]), int(row["gpus"])) for row in rows)


def missing_peers(config: NodeConfig, alive: tuple[RayNode, ...]) -> str | None:
    """Which nodes the cluster still lacks, by name where the list of nodes is known."""
    joined = {found.ip for found in alive}
    if config.nodes:
        absent = [ip for ip in config.nodes if ip not in joined]
        return f"not joined yet: {', '.join(absent)}" if absent else None
    lacking = config.cluster.nodes - len(joined)
    return f"{lacking} of {config.cluster.nodes} nodes not joined yet" if lacking > 0 else None


def _until(node: Node, missing: Callable[[], str | None]) -> None:
    """Wait for ever: a node may be switched on tomorrow. Say what for, once per change."""
    said = ""
    while (what := missing()) is not None:
        if what != said:
            _say(f"waiting: {what}")
            said = what
        node.sleep(_PATIENCE)


def container_missing(node: Node) -> str | None:
    running = node.ask("docker", "container", "inspect", "--format", "{{.State.Running}}", CONTAINER)
    return None if running.stdout.strip() == "true" else f"container {CONTAINER} is not running"


def _gpus_missing(node: Node, config: NodeConfig) -> str | None:
    alive = ray_nodes(node)
    if alive is None:
        return "Ray does not answer"
    gpus = sum(found.gpus for found in alive)
    if gpus >= config.serve.world_size:
        return None
    peers = missing_peers(config, alive) or "all nodes joined"
    return f"{gpus} of {config.serve.world_size} GPUs in the cluster, {peers}"


def _become(node: Node, command: tuple[str, ...]) -> None:
    _say(f"{STARTING}{json.dumps(command)}")
    node.become(command)


def _say(line: str) -> None:
    """To the unit's journal: a unit has no other reader."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
