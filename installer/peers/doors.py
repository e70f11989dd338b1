"""At which ports of this node the others may knock: the cluster's own, and such as the kernel chooses."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from threading import Lock

from installer.facts.network import EVERY_ADDRESS, listeners
from installer.index.cluster_ports import named_ports, probed_ports, some_worker_ports
from installer.index.settings import FIXED_PORTS
from installer.node import Node
from installer.settings import NodeConfig
from installer.systemd import CLUSTER_UNITS, is_at_work

_FREE = 3  # ports that the kernel chooses, as it does for NCCL and Gloo


@dataclass(frozen=True)
class Doors:
    """Somebody listens at each. ``named`` are the cluster's own, ``free`` the kernel's choice."""

    named: tuple[int, ...]
    free: tuple[int, ...]

    @property
    def all(self) -> tuple[int, ...]:
        return (*self.named, *self.free)


Opening = Callable[[], AbstractContextManager[Doors]]


@contextmanager
def opened(node: Node, config: NodeConfig) -> Iterator[Doors]:
    """For a node on which no cluster starts meanwhile: a port of Ray's that is taken would end it."""
    with _open(node, config, probed_ports(config.cluster, is_head=config.is_head)) as doors:
        yield doors


@contextmanager
def standing(node: Node, config: NodeConfig) -> Iterator[Doors]:
    """For a node whose cluster may start at any time: where it listens already.

    Those that listen on the node's address alone are left out. They may be such as this node opened for a moment, to
    look at its peers; of Ray (seen with 2.60) only the agents do so, 6382 and 52365.

    Ports of workers are opened here too. Ray tries whether one is free before it gives it to a worker, and takes the
    next (WorkerPool::GetNextFreePort).
    """
    with _open(node, config, some_worker_ports(config.cluster)) as doors:
        there = {found.port for found in listeners(node) if found.address in EVERY_ADDRESS}
        named = named_ports(config.cluster, is_head=config.is_head)
        yield Doors((*(port for port in named if port in there), *doors.named), doors.free)


@contextmanager
def fitting(node: Node, config: NodeConfig) -> Iterator[Doors]:
    """For a node of which nobody knows whether its units wait, or are about to start a cluster."""
    opening = standing if any(is_at_work(node, unit) for unit in CLUSTER_UNITS) else opened
    with opening(node, config) as doors:
        yield doors


class Shared:
    """Opened for the first who asks and closed after the last: who asks at once is not in each other's way."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._lock = Lock()
        self._open = ExitStack()
        self._doors = Doors((), ())
        self._users = 0

    @contextmanager
    def __call__(self) -> Iterator[Doors]:
        with self._lock:
            if not self._users:
                self._doors = self._open.enter_context(self._opening())
            self._users += 1
        try:
            yield self._doors
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._open.close()


@contextmanager
def _open(node: Node, config: NodeConfig, wanted: tuple[int, ...]) -> Iterator[Doors]:
    with node.open_ports(config.node_ip, wanted, _FREE, FIXED_PORTS | frozenset(wanted)) as ports:
        yield Doors(
            tuple(port for port in ports if port in wanted), tuple(port for port in ports if port not in wanted)
        )
