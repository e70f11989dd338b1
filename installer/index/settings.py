"""What the manifest says of cluster and server, in the one schema that manifest, index and node share."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from installer.index.gpus import GPUS
from installer.index.secret_names import ELSEWHERE, OPEN, is_secret
from installer.index.serve_args import NO_API_KEY, PROXY_HINT, check_serve_args
from installer.index.strict import Place, Value

BACKENDS = ("ray", "mp")  # vLLM's names: --distributed-executor-backend
GCS_PORT = 6379
MP_MASTER_PORT = 29501  # vLLM's own default of --master-port
# Ray's other ports, pinned so that a firewall can name them; the workers' range lies below the kernel's
# ephemeral range (32768-60999) and away from the API. Names are options of `ray start`.
RAY_PORTS: Mapping[str, int] = {
    "--node-manager-port": 6380,
    "--object-manager-port": 6381,
    "--runtime-env-agent-port": 6382,
    "--dashboard-agent-grpc-port": 6383,
    "--metrics-export-port": 6384,
    "--dashboard-agent-listen-port": 52365,
    "--min-worker-port": 20000,
    "--max-worker-port": 20999,
}
PEER_PORT = 6385  # where nodes answer each other's probes
# Whoever takes a port that the kernel chooses must not take one of these.
FIXED_PORTS = frozenset((GCS_PORT, MP_MASTER_PORT, PEER_PORT, *RAY_PORTS.values()))
_PARALLEL_SIZES = ("tensor_parallel_size", "pipeline_parallel_size")
# Ray's own settings have lower-case names behind RAY_ (ray_config_def.h): RAY_memory_monitor_refresh_ms.
_ENVIRONMENT_NAME = r"[A-Z_][A-Z0-9_]{0,99}|RAY_[a-z][a-z0-9_]{0,95}"
# Set per node by the runner, or able to change what runs: the manifest may not, in no case of letters.
_RESERVED_ENVIRONMENT = frozenset(
    """
    VLLM_HOST_IP RAY_ADDRESS NCCL_SOCKET_IFNAME GLOO_SOCKET_IFNAME TP_SOCKET_IFNAME RAY_AUTH_MODE
    HF_HUB_OFFLINE TRANSFORMERS_OFFLINE VLLM_NO_USAGE_STATS DO_NOT_TRACK RAY_USAGE_STATS_ENABLED
    LD_PRELOAD LD_LIBRARY_PATH PATH PYTHONPATH PYTHONHOME
    """.split()
)


@dataclass(frozen=True)
class ClusterSettings:
    """The machines and what joins them. ``backend`` is "auto" only in a manifest, ``gpu`` "" where none is named."""

    nodes: int
    gpus_per_node: int
    backend: str
    port: int
    env: Mapping[str, str]
    shm_size: str
    gpu: str = ""

    @classmethod
    def read(cls, at: Place, *, backends: tuple[str, ...] = BACKENDS) -> "ClusterSettings":
        at.only("nodes", "gpus_per_node", "gpu", "backend", "port", "env", "shm_size")
        return cls(
            nodes=at.integer("nodes", 1, 1024, 1),
            gpus_per_node=at.integer("gpus_per_node", 1, 64, 1),
            backend=at.choice("backend", backends, "auto" if "auto" in backends else None),
            port=read_port(at, "port", GCS_PORT),
            env=read_environment(at),
            shm_size=read_size(at, "shm_size", "10.24g"),
            gpu=at.choice("gpu", tuple(GPUS)) if at.has("gpu") else "",
        )

    def document(self) -> dict[str, Value]:
        known: dict[str, Value] = {"gpu": self.gpu} if self.gpu else {}
        return known | {
            "nodes": self.nodes,
            "gpus_per_node": self.gpus_per_node,
            "backend": self.backend,
            "port": self.port,
            "env": dict(self.env),
            "shm_size": self.shm_size,
        }


@dataclass(frozen=True)
class ServeSettings:
    """What `vllm serve` is told. ``max_model_len`` None leaves the choice to vLLM."""

    name: str
    tensor_parallel_size: int
    pipeline_parallel_size: int
    max_model_len: int | None
    gpu_memory_utilization: str
    port: int
    args: tuple[str, ...]
    allow: tuple[str, ...]

    @classmethod
    def read(cls, at: Place, *, name: str | None = None) -> "ServeSettings":
        """``name`` is what the model is served as where the document does not say."""
        at.only("name", *_PARALLEL_SIZES, "max_model_len", "gpu_memory_utilization", "port", "args", "allow")
        args, allow = at.texts("args", ()), at.texts("allow", ())
        check_serve_args(at, args, allow)
        return cls(
            name=at.matching("name", r"[A-Za-z0-9_][A-Za-z0-9._/:@+-]{0,199}", "a model name", name),
            tensor_parallel_size=at.integer("tensor_parallel_size", 1, 1024, 1),
            pipeline_parallel_size=at.integer("pipeline_parallel_size", 1, 1024, 1),
            max_model_len=at.integer("max_model_len", 1, 2**31) if at.has("max_model_len") else None,
            gpu_memory_utilization=read_fraction(at, "gpu_memory_utilization", "0.90"),
            port=read_port(at, "port", 8000),
            args=args,
            allow=allow,
        )

    def document(self) -> dict[str, Value]:
        known: dict[str, Value] = {} if self.max_model_len is None else {"max_model_len": self.max_model_len}
        return known | {
            "name": self.name,
            "tensor_parallel_size": self.tensor_parallel_size,
            "pipeline_parallel_size": self.pipeline_parallel_size,
            "gpu_memory_utilization": self.gpu_memory_utilization,
            "port": self.port,
            "args": list(self.args),
            "allow": list(self.allow),
        }

    @property
    def world_size(self) -> int:
        """How many GPUs the server needs."""
        return self.tensor_parallel_size * self.pipeline_parallel_size


def read_port(at: Place, key: str, default: int) -> int:
    return at.integer(key, 1024, 65535, default)


def read_size(at: Place, key: str, default: str) -> str:
    return at.matching(key, r"[0-9]{1,5}(\.[0-9]{1,3})?[mg]", "a size as docker takes it, like 10.24g", default)


def size_in_bytes(size: str) -> int:
    """Of what `read_size` takes: docker's m and g are MiB and GiB."""
    return int(float(size[:-1]) * (1 << {"m": 20, "g": 30}[size[-1]]))


def read_fraction(at: Place, key: str, default: str) -> str:
    return at.matching(key, r"0\.[0-9]{1,4}|1(\.0{1,4})?", "a fraction like 0.90", default)


def read_environment(at: Place) -> dict[str, str]:
    if not at.has("env"):
        return {}
    inner = at.inside("env")
    for name in inner.values:  # before any value is read: an error about one would show it
        _check_variable(inner, name)
    return at.texts_by_name("env")


def _check_variable(at: Place, name: str) -> None:
    if not re.fullmatch(_ENVIRONMENT_NAME, name):
        at.fail(name, "not a name like NCCL_IB_DISABLE")
    if name == "VLLM_API_KEY":
        at.fail(name, NO_API_KEY, hint=PROXY_HINT)
    if is_secret(name):
        at.fail(name, OPEN, hint=ELSEWHERE)
    if name.upper() in _RESERVED_ENVIRONMENT:
        at.fail(name, "set by the installer on each node, it cannot be set here")


def check_ports(at: Place, cluster: ClusterSettings, serve: ServeSettings) -> None:
    """Refuse two services on one port of the head."""
    taken = {cluster.port: "cluster.port", MP_MASTER_PORT: "the mp master port", PEER_PORT: "that of the nodes' probes"}
    taken |= {port: f"Ray's {option}" for option, port in RAY_PORTS.items()}
    if owner := taken.get(serve.port):
        at.fail("serve.port", f"{serve.port} is {owner} too")
    if cluster.port in RAY_PORTS.values():
        at.fail("cluster.port", f"{cluster.port} is one of Ray's other ports")
    if cluster.port == PEER_PORT:
        at.fail("cluster.port", f"{cluster.port} is that of the nodes' probes")
    low, high = RAY_PORTS["--min-worker-port"], RAY_PORTS["--max-worker-port"]
    for name, port in (("cluster.port", cluster.port), ("serve.port", serve.port)):
        if low <= port <= high:
            at.fail(name, f"{port} lies in the range of Ray's workers, {low}-{high}")
