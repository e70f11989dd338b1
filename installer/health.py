"""Whether this node's part of the cluster is up, and whom it still waits for."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from installer.errors import StepError
from installer.node import Node
from installer.runner import STARTING, container_missing, missing_peers, ray_nodes
from installer.settings import NodeConfig
from installer.steps.cluster import NODE_UNIT, SERVE_UNIT
from installer.systemd import active_since

_PATIENCE = 5  # seconds between two looks
_SETTLE_SECONDS = 60  # three restarts of a failing container, and the time that it must stay up
_STEADY_SECONDS = 10  # a container or server that fails does so sooner, mostly; systemd starts it again 5 s later
_OK = 200


@dataclass(frozen=True)
class Health:
    """``missing`` names peers that have not joined; ``waiting`` says what the API still lacks."""

    missing: str
    waiting: str


@dataclass(frozen=True)
class _Trouble:
    """Which unit's journal tells why something is not as it should be."""

    unit: str
    what: str


def look(node: Node, config: NodeConfig) -> Health:
    """Raises StepError when this node's own part does not come up; peers are only waited for."""
    settle(node, config)
    return Health(_missing(node, config), (api_pending(node, config) or "") if config.is_head else "")


def settle(node: Node, config: NodeConfig) -> None:
    """Until container and units stay up: a unit that fails and restarts is "active" most of the time."""
    deadline = node.clock() + _SETTLE_SECONDS
    while (trouble := _trouble(node, config)) is not None:
        if node.clock() > deadline:
            words = _last_words(node, trouble.unit)
            raise StepError(f"{trouble.what}: {words}", hint=f"journalctl -u {trouble.unit} tells more")
        node.sleep(1)


def _trouble(node: Node, config: NodeConfig) -> _Trouble | None:
    units = (NODE_UNIT, SERVE_UNIT) if config.is_head else (NODE_UNIT,)
    for unit in units:
        since = active_since(node, unit)
        if since is None:
            return _Trouble(unit, f"{unit} is not active")
        if node.clock() - since < _STEADY_SECONDS:
            return _Trouble(unit, f"{unit} does not stay up")
    waits = not config.is_head and not node.connects(config.head, config.cluster.port)
    missing = None if waits else container_missing(node)
    return _Trouble(NODE_UNIT, missing) if missing else None


def _last_words(node: Node, unit: str) -> str:
    lines = _journal(node, unit, 20)
    return (_complaints(lines) or lines or ["its journal is empty"])[-1]


def _journal(node: Node, unit: str, count: int) -> list[str]:
    """Its last ``count`` lines."""
    return node.ask("journalctl", "--no-pager", "-q", "-o", "cat", "-n", str(count), "-u", unit).stdout.splitlines()


def _complaints(lines: list[str]) -> list[str]:
    return [line for line in lines if "rror" in line]


def _missing(node: Node, config: NodeConfig) -> str:
    if config.cluster.backend != "ray":
        return ""
    if not config.is_head:
        return "" if node.connects(config.head, config.cluster.port) else f"not reached yet: head {config.head}"
    alive = ray_nodes(node)
    if alive is None:
        return ""
    return missing_peers(config, alive) or ""


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
    names = read_model_names(models[1])
    return None if config.serve.name in names else f"{place} serves {', '.join(names) or 'no model'}"


def read_model_names(body: bytes) -> tuple[str, ...]:
    """Of `/v1/models`; none where something else answers on this port."""
    try:
        return tuple(str(model["id"]) for model in json.loads(body)["data"])
    except (ValueError, KeyError, TypeError):
        return ()


def wait_for_api(node: Node, config: NodeConfig, tell: Callable[[str], None]) -> None:
    """For as long as it takes: a peer may be switched on tomorrow. ``tell`` hears of every look."""
    began = node.clock()
    while (pending := api_pending(node, config)) is not None:
        reasons = (pending, _missing(node, config), _restarted(node, began))
        tell("; ".join(reason for reason in reasons if reason))
        node.sleep(_PATIENCE)


def _restarted(node: Node, began: float) -> str:
    """A server that fails while it loads would be waited for in vain."""
    since = active_since(node, SERVE_UNIT)
    if since is not None and since <= began:
        return ""
    lines = _journal(node, SERVE_UNIT, 400)  # it may have said much since, while it loads again
    starts = [number for number, line in enumerate(lines) if line.startswith(STARTING)]
    # What it says since the last start need not be why it was started again.
    complaints = _complaints(lines[: starts[-1]] if starts else lines) or _complaints(lines)
    return ": ".join((f"{SERVE_UNIT} was started again", *complaints[-1:]))
