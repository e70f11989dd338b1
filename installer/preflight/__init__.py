"""Whether an install can succeed: every check by its name, all asked at once, before anything is changed."""

from collections.abc import Mapping

from installer.preflight import docker, driver, driver_kind, fabric_manager, gpus, network, serving, storage, system
from installer.preflight.finding import PROBLEM, WARNING, Finding
from installer.preflight.report import Report
from installer.preflight.situation import Check, Member, Need, Situation

__all__ = [
    "CHECKS",
    "IGNORABLE",
    "MISFITS",
    "PROBLEM",
    "WARNING",
    "Finding",
    "Member",
    "Need",
    "Report",
    "Situation",
    "findings_of",
]

# Why a bundle is for other nodes: nothing that could be changed on this one would help.
MISFITS: Mapping[str, Check] = {
    "machine": system.machine,
    "libc": system.libc,
    "packages": system.packages,
}
CHECKS: Mapping[str, Check] = {
    "options": network.options,
    "root": system.root,
    "systemd": system.systemd,
    "container": system.container,
    "programs": system.programs,
    "selinux": system.selinux,
    "clock": system.clock,
    "memory": system.memory,
    "memory-monitor": system.memory_monitor,
    "shm": system.shm,
    "writable": storage.writable,
    "space": storage.space,
    "noexec": storage.noexec,
    "gpus": gpus.gpus,
    "vfio": gpus.vfio,
    "gpu-models": gpus.models,
    "gpu-busy": gpus.busy,
    "gpu-held": gpus.held,
    "mig": gpus.mig,
    "gpu-too-old": serving.gpu_too_old,
    "serve-plan": serving.serve_plan,
    "driver": driver.driver,
    "own-driver": driver.own_driver,
    "driver-kind": driver_kind.kind,
    "display-server": driver.display_server,
    "kernel": driver.kernel,
    "nouveau": driver.nouveau,
    "secure-boot": driver.secure_boot,
    "build-tools": driver.build_tools,
    "image-driver": driver.image,
    "fabric-manager": fabric_manager.fabric_manager,
    "docker": docker.docker,
    "docker-version": docker.version,
    "docker-snap": docker.snap,
    "docker-silent": docker.silent,
    "docker-restart": docker.restart,
    "docker-selinux": docker.selinux,
    "xfs-ftype": docker.file_types,
    "containerd": docker.containerd,
    "container-name": docker.container_name,
    "kubelet": docker.kubelet,
    "cgroup-driver": docker.cgroup_driver,
    "toolkit": docker.toolkit,
    "address": network.address,
    "interface": network.interface,
    "hostname": network.hostname,
    "ports": network.ports,
    "worker-ports": network.worker_ports,
    "firewall": network.firewall,
    "rdma": network.rdma,
    "duplicate-address": network.duplicate_address,
    "peer-unreachable": network.peer_unreachable,
    "peer-differs": network.peer_differs,
    "peers-not-probed": network.peers_not_probed,
}
# The others an install could not go on with, whatever a person makes of them.
IGNORABLE = frozenset(CHECKS) - {"options", "root", "driver", "display-server", "gpu-held"}


def findings_of(situation: Situation) -> tuple[Finding, ...]:
    """All that is wrong, problems before warnings."""
    found = [finding for check in (*MISFITS.values(), *CHECKS.values()) for finding in check(situation)]
    return tuple(sorted(found, key=lambda finding: finding.level != PROBLEM))
