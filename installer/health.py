"""Whether this node's part of the cluster is up, and whom it still waits for."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from installer.errors import StepError
from installer.hardware.refusals import explain
from installer.node import Node
from installer.peers.differences import differences
from installer.peers.joining import head_missing, silence
from installer.runner import STARTING, container_missing, missing_peers, ray_nodes
from installer.settings import NodeConfig
from installer.steps.cluster import NODE_UNIT, SERVE_UNIT
from installer.systemd import active_since

_PATIENCE = 5  # seconds between two looks
_SETTLE_SECONDS = 60  # three restarts of a failing container, and the time that it must stay up
_STEADY_SECONDS = 10  # a container or server that fails does so sooner, mostly; systemd starts it again 5 s later
_MANY = 400  # lines of a journal; what a server says from its refusal to its end
_OK = 200


@dataclass(frozen=True)
class Health:
    """``missing`` names peers that have not joined, ``waiting`` what the API still lacks, ``peers`` what differs."""

    missing: str
    waiting: str
    peers: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Trouble:
    """Which unit's journal tells why something is not as it should be."""

    unit: str
    what: str


def look(node: Node, config: NodeConfig) -> Health:
    """Raises StepError when this node's own part does not come up; peers are only waited for."""
    settle(node, config)
    waiting = (api_pending(node, config) or "") if config.is_head else ""
    return Health(_missing(node, config), waiting, differences(node, config))


def settle(node: Node, config: NodeConfig) -> None:
    """Until container and units stay up: a unit that fails and restarts is "active" most of the time."""
    deadline = node.clock() + _SETTLE_SECONDS
    while (trouble := _trouble(node, config)) is not None:
        if node.clock() > deadline:
            raise _step_error(node, config, trouble)
        node.sleep(1)


def _trouble(node: Node, config: NodeConfig) -> _Trouble | None:
    units = (NODE_UNIT, SERVE_UNIT) if config.is_head else (NODE_UNIT,)
    for unit in units:
        since = active_since(node, unit)
        if since is None:
            return _Trouble(unit, f"{unit} is not active")
        if node.clock() - since < _STEADY_SECONDS:
            return _Trouble(unit, f"{unit} does not stay up")
    missing = container_missing(node)
    if missing is None or (not config.is_head and head_missing(node, config) is not None):
        return None
    return _Trouble(NODE_UNIT, missing)


def _step_error(node: Node, config: NodeConfig, trouble: _Trouble) -> StepError:
    """With the value to try next, where the server said why it cannot start."""
    more = f"journalctl -u {trouble.unit} tells more"
    if known := explain(_last_run(_journal(node, trouble.unit, _MANY)), config.cluster, config.serve):
        return StepError(f"{trouble.what}: {known.what}", hint=f"{known.hint}; {more}")
    return StepError(f"{trouble.what}: {_last_words(node, trouble.unit)}", hint=more)


def _last_words(node: Node, unit: str) -> str:
    lines = _journal(node, unit, 20)
    return (_complaints(lines) or lines or ["its journal is empty"])[-1]


def _last_run(lines: list[str]) -> list[str]:
    """What was said by the last start that has complained: of older ones a person may have mended the cause."""
    starts = [number for number, line in enumerate(lines) if line.startswith(STARTING)]
    runs = [lines[begin:end] for begin, end in pairwise((0, *starts, len(lines)))]
    return next((run for run in reversed(runs) if any("rror" in line or "ERROR" in line for line in run)), [])


def _journal(node: Node, unit: str, count: int) -> list[str]:
    """Its last ``count`` lines."""
    return node.ask("journalctl", "--no-pager", "-q", "-o", "cat", "-n", str(count), "-u", unit).stdout.splitlines()


def _complaints(lines: list[str]) -> list[str]:
    return [line for line in lines if "rror" in line]


def _missing(node: Node, config: NodeConfig) -> str:
    if not config.is_head:
        return _head_missing(node, config)
    if config.cluster.backend != "ray":
        return ""
    alive = ray_nodes(node)
    if alive is None:
        return ""
    return missing_peers(config, alive) or ""


def _head_missing(node: Node, config: NodeConfig) -> str:
    """What the node unit waits for; once its container runs it has found the head."""
    if container_missing(node) is None and node.connects(config.head, config.cluster.port):
        return ""
    why = head_missing(node, config)
    if why is None:
        return ""
    reached = f"not reached yet: head {config.head}"
    return reached if why == silence(config) else f"{reached}: {why}"


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
        reasons = (pending, _missing(node, config), _restarted(node, config, began))
        tell("; ".join(reason for reason in reasons if reason))
        node.sleep(_PATIENCE)


def _restarted(node: Node, config: NodeConfig, began: float) -> str:
    """A server that fails while it loads would be waited for in vain."""
    since = active_since(node, SERVE_UNIT)
    if since is not None and since <= began:
        return ""
    lines = _journal(node, SERVE_UNIT, _MANY)  # it may have said much since, while it loads again
    starts = [number for number, line in enumerate(lines) if line.startswith(STARTING)]
    # What it says since the last start need not be why it was started again.
    ended = lines[: starts[-1]] if starts else lines
    complaints = _complaints(ended) or _complaints(lines)
    known = explain(_last_run(ended), config.cluster, config.serve)
    why = [f"{known.what}; {known.hint}"] if known else complaints[-1:]
    return ": ".join((f"{SERVE_UNIT} was started again", *why))
