"""The docker and vLLM command lines of a node, as values."""

import re
from importlib.resources import files

from installer.index.settings import MP_MASTER_PORT, RAY_PORTS
from installer.node.paths import STATE
from installer.settings import NodeConfig

CONTAINER = "vllm-airgap-node"
LABEL = "vllm-airgap"
CONFIG_LABEL = "vllm-airgap.config"
CACHE = f"{STATE}/cache"  # compiled kernels outlive the container, so that a restart does not compile again
_CACHE_INSIDE = "/root/.cache"
# These two keep theirs elsewhere unless told (~/.triton, ~/.nv), and would compile again at every start.
_CACHES = {"TRITON_CACHE_DIR": f"{_CACHE_INSIDE}/triton", "CUDA_CACHE_PATH": f"{_CACHE_INSIDE}/nv"}
_MODELS_INSIDE = "/models"
_FILES_INSIDE = "/files"  # what `files` of the manifest is named below
_RAY_WITH_TOKENS = (2, 52)  # from this version on Ray has RAY_AUTH_MODE
STOP_SECONDS = 60
# Fixed files that keep the container from asking name servers and cloud metadata services.
_SILENCERS = {"resolv.conf": "/etc/resolv.conf", "ray_bootstrap_config.yaml": "/root/ray_bootstrap_config.yaml"}
RDMA_DEVICES = "/dev/infiniband"
_RDMA = ("--device", RDMA_DEVICES, "--cap-add", "IPC_LOCK", "--ulimit", "memlock=-1")


def start_node(config: NodeConfig, image_id: str, config_digest: str, *, rdma: bool) -> tuple[str, ...]:
    """The cluster container, in the foreground, by image ID; docker restarts nothing, systemd does.

    ``rdma``: the node has RDMA devices, so the container gets them and may lock memory for them.
    """
    program, *arguments = _node_program(config)
    return (
        *("docker", "run", "--rm", "--pull=never", "--init", "--name", CONTAINER),
        *("--label", f"{LABEL}=node", "--label", f"{CONFIG_LABEL}={config_digest}"),
        *("--network", "host", "--gpus", "all", "--shm-size", config.cluster.shm_size),
        *(_RDMA if rdma else ()),
        *("--log-driver", "json-file", "--log-opt", "max-size=100m", "--log-opt", "max-file=3"),
        *("--mount", f"type=bind,source={config.model_dir},target={model_inside(config)},readonly"),
        *(
            ("--mount", f"type=bind,source={config.files_dir},target={_FILES_INSIDE},readonly")
            if config.files_dir
            else ()
        ),
        *("--mount", f"type=bind,source={CACHE},target={_CACHE_INSIDE}"),
        *(word for name, target in _SILENCERS.items() for word in ("--mount", _fixed(name, target))),
        *(f"--env={name}={value}" for name, value in sorted(environment(config).items())),
        *("--entrypoint", program, image_id, *arguments),
    )


def stop_node() -> tuple[str, ...]:
    return ("docker", "stop", "-t", str(STOP_SECONDS), CONTAINER)


def in_node(*command: str, environment: dict[str, str] | None = None) -> tuple[str, ...]:
    """``command`` inside the cluster container."""
    variables = (f"--env={name}={value}" for name, value in sorted((environment or {}).items()))
    return ("docker", "exec", *variables, CONTAINER, *command)


def model_inside(config: NodeConfig) -> str:
    return f"{_MODELS_INSIDE}/{config.model_dir.rsplit('/', 1)[1]}"


def environment(config: NodeConfig) -> dict[str, str]:
    """Of the container. Addresses are always named: without a default route vLLM and Ray guess wrong ones."""
    return {
        **_CACHES,
        **config.cluster.env,
        "VLLM_HOST_IP": config.node_ip,
        "NCCL_SOCKET_IFNAME": f"={config.interface}",  # "=": this name exactly, not as a prefix
        "GLOO_SOCKET_IFNAME": config.interface,
        "TP_SOCKET_IFNAME": config.interface,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9",  # Ray 2.60 reports even that reports are disabled
        **_ray_authentication(config),
    }


def serve_environment(config: NodeConfig) -> dict[str, str]:
    """With RAY_ADDRESS a missing cluster fails loudly; without it Ray silently starts one of its own."""
    if config.cluster.backend == "ray":
        return {"RAY_ADDRESS": f"{config.head}:{config.cluster.port}"}
    return {}


def serve_command(config: NodeConfig) -> tuple[str, ...]:
    serve = config.serve
    length = () if serve.max_model_len is None else ("--max-model-len", str(serve.max_model_len))
    return (
        *("vllm", "serve", model_inside(config), "--served-model-name", serve.name),
        *("--tensor-parallel-size", str(serve.tensor_parallel_size)),
        *("--pipeline-parallel-size", str(serve.pipeline_parallel_size)),
        *("--gpu-memory-utilization", serve.gpu_memory_utilization),
        *("--port", str(serve.port), *length, *_executor(config), *serve.args),
    )


def _fixed(name: str, target: str) -> str:
    return f"type=bind,source={files('installer.inside').joinpath(name)},target={target},readonly"


def _executor(config: NodeConfig) -> tuple[str, ...]:
    backend = ("--distributed-executor-backend", config.cluster.backend)
    if config.cluster.backend == "ray" or config.cluster.nodes == 1:
        return backend
    place = ("--nnodes", str(config.cluster.nodes), "--node-rank", str(config.rank))
    master = ("--master-addr", config.head, "--master-port", str(MP_MASTER_PORT))
    return (*backend, *place, *master, *(() if config.is_head else ("--headless",)))


def _node_program(config: NodeConfig) -> tuple[str, ...]:
    """What the cluster container runs: Ray's node, with mp a worker's share of the server, or nothing yet."""
    if config.cluster.backend == "ray":
        return _ray_start(config)
    if config.is_head:
        return ("sleep", "infinity")
    return serve_command(config)


def _ray_start(config: NodeConfig) -> tuple[str, ...]:
    as_head = ("--head", f"--port={config.cluster.port}", "--include-dashboard=false")
    as_worker = (f"--address={config.head}:{config.cluster.port}",)
    place = as_head if config.is_head else as_worker
    ports = (f"{option}={port}" for option, port in RAY_PORTS.items())
    gpus = f"--num-gpus={config.cluster.gpus_per_node}"
    return ("ray", "start", "--block", *place, f"--node-ip-address={config.node_ip}", gpus, *ports)


def _ray_authentication(config: NodeConfig) -> dict[str, str]:
    version = re.match(r"(\d+)\.(\d+)", config.ray_version)
    knows_tokens = version is not None and (int(version[1]), int(version[2])) >= _RAY_WITH_TOKENS
    return {"RAY_AUTH_MODE": "disabled"} if knows_tokens else {}
