"""Whether this node's part of the cluster is up, and whom it still waits for."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from installer.node import Node
from installer.runner import missing_peers, ray_nodes
from installer.settings import NodeConfig
from installer.steps.cluster import NODE_UNIT, SERVE_UNIT
from installer.systemd import is_active

_PATIENCE = 5  # seconds between two looks
_OK = 200


@dataclass(frozen=True)
class Health:
    """``missing`` names peers that have not joined; ``waiting`` says what this node waits for, if anything."""

    inactive_units: tuple[str, ...]
    missing: str
    waiting: str


def look(node: Node, config: NodeConfig) -> Health:
    units = (NODE_UNIT, SERVE_UNIT) if config.is_head else (NODE_UNIT,)
    inactive = tuple(unit for unit in units if not is_active(node, unit))
    return Health(inactive, _missing(node, config), _waiting(node, config))


def _missing(node: Node, config: NodeConfig) -> str:
    if config.cluster.backend != "ray":
        return ""
    if not config.is_head:
        return "" if node.connects(config.head, config.cluster.port) else f"not reached yet: head {config.head}"
    alive = ray_nodes(node)
    if alive is None:
        return ""
    return missing_peers(config, alive) or ""


def _waiting(node: Node, config: NodeConfig) -> str:
    return (api_pending(node, config) or "") if config.is_head else ""


def api_pending(node: Node, config: NodeConfig) -> str | None:
    """Why the API cannot be used yet, or None once it lists the model."""
    place = f"http://{config.node_ip}:{config.serve.port}"
    health = node.http_get(config.node_ip, config.serve.port, "/health")
    if health is None:
        return f"{place} does not answer yet"
    if health[0] != _OK:
        return f"{place}/health says {health[0]}"
    models = node.http_get(config.node_ip, config.serve.port, "/v1/models")
    if models is None or models[0] != _OK:
        return f"{place}/v1/models does not answer yet"
    names = [model["id"] for model in json.loads(models[1])["data"]]
    return None if config.serve.name in names else f"{place} serves {', '.join(names)}"


def wait_for_api(node: Node, config: NodeConfig, tell: Callable[[str], None]) -> None:
    """For as long as it takes: a peer may be switched on tomorrow."""
    said = ""
    while (pending := api_pending(node, config)) is not None:
        missing = _missing(node, config)
        what = f"{pending}; {missing}" if missing else pending
        if what != said:
            tell(what)
            said = what
        node.sleep(_PATIENCE)
