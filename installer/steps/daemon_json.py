"""docker's daemon.json: bounded logs for every container, merged into what is there."""

import json
from dataclasses import dataclass
from typing import cast

from installer.errors import StepError
from installer.node import Node
from installer.node.paths import DAEMON_JSON
from installer.systemd import stop_docker

_LOG_OPTIONS = {"max-size": "100m", "max-file": "3"}
_BOUNDED_DRIVERS = ("json-file", "local")


@dataclass(frozen=True)
class MergeDaemonJson:
    """Keys of the site win over ours and unknown ones are kept."""

    replaces: tuple[str, ...] = (DAEMON_JSON,)
    title: str = "docker daemon.json"

    def pending(self, node: Node) -> str | None:
        before = _read(node)
        return None if merged(before) == before else "container logs are not bounded"

    def apply(self, node: Node) -> None:
        settings = merged(_read(node))
        # dockerd reads the file when it starts; the step after this one starts it.
        stop_docker(node)
        node.place(DAEMON_JSON, json.dumps(settings, indent=4).encode() + b"\n")


def merged(settings: dict[str, object]) -> dict[str, object]:
    if "log-opts" in settings or settings.get("log-driver", "json-file") not in _BOUNDED_DRIVERS:
        return settings
    return {**settings, "log-opts": _LOG_OPTIONS}


def _read(node: Node) -> dict[str, object]:
    data = node.read(DAEMON_JSON)
    if data is None or not data.strip():
        return {}
    try:
        settings = json.loads(data)
    except ValueError as error:
        raise _unusable(str(error)) from None
    if not isinstance(settings, dict):
        raise _unusable("not an object")
    return cast("dict[str, object]", settings)


def _unusable(why: str) -> StepError:
    return StepError(f"{DAEMON_JSON}: {why}", hint="it is left as it is: mend it, then run the same command again")
