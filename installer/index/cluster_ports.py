"""The ports on which a node of the cluster listens for the others, and whose they are."""

from installer.index.settings import MP_MASTER_PORT, RAY_PORTS, ClusterSettings

_LOWEST, _HIGHEST = "--min-worker-port", "--max-worker-port"
WORKER_PORTS = range(RAY_PORTS[_LOWEST], RAY_PORTS[_HIGHEST] + 1)  # each of Ray's workers takes one


def named_ports(cluster: ClusterSettings, *, is_head: bool) -> dict[int, str]:
    """Each has one owner, who fails if somebody else has it."""
    if cluster.backend != "ray":
        return {MP_MASTER_PORT: "vLLM's --master-port"} if is_head and cluster.nodes > 1 else {}
    of_all = {port: f"Ray's {option}" for option, port in RAY_PORTS.items() if option not in (_LOWEST, _HIGHEST)}
    return {cluster.port: "that of Ray's head", **of_all} if is_head else of_all


def probed_ports(cluster: ClusterSettings, *, is_head: bool) -> tuple[int, ...]:
    """At these peers knock before there is a cluster."""
    return (*named_ports(cluster, is_head=is_head), *some_worker_ports(cluster))


def some_worker_ports(cluster: ClusterSettings) -> tuple[int, ...]:
    """Both ends and the middle: who lists the range in a firewall lists all of it, or is off at an end."""
    if cluster.backend != "ray":
        return ()
    return (WORKER_PORTS[0], WORKER_PORTS[len(WORKER_PORTS) // 2], WORKER_PORTS[-1])
