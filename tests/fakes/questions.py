"""The longer questions that facts are gathered by, for machines that must know their answers."""

_GPU_FIELDS = (
    *("index", "uuid", "driver_version", "memory.total", "memory.used", "compute_cap", "pci.bus_id"),
    *("mig.mode.current", "persistence_mode", "ecc.mode.current", "name"),
)
SMI_PROCESSES = ("nvidia-smi", "--query-compute-apps=pid,gpu_uuid,used_memory,process_name", "--format=csv")
SMI_BRAND = ("nvidia-smi", "-q", "-x", "-i", "0")
ADDRESSES = ("ip", "-o", "-4", "addr", "show")
LINKS = ("ip", "-o", "link", "show")
DEFAULT_ROUTE = ("ip", "-4", "route", "show", "default")
DOCKER_INFO = ("docker", "info", "--format", "{{json .}}")
DOCKER_PS = ("docker", "ps", "--all", "--no-trunc", "--format", "{{json .}}")
FIREWALL_UNITS = ("firewalld.service", "ufw.service")
DRIVER_UNITS = ("nvidia-fabricmanager.service", "nvidia-persistenced.service", "display-manager.service")
DOCKER_UNITS = (
    *("docker.service", "docker.socket", "kubelet.service", "k3s.service", "k3s-agent.service"),
    *("rke2-server.service", "rke2-agent.service"),
)


def smi_query(*without: str) -> tuple[str, ...]:
    """Less the fields that an old driver has refused."""
    return (
        "nvidia-smi",
        f"--query-gpu={','.join(name for name in _GPU_FIELDS if name not in without)}",
        "--format=csv",
    )
