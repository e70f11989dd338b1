"""All that is known of a node before anything is decided: gathered once, changed by nothing."""

from dataclasses import dataclass

from installer.facts.docker import DockerFacts, gather_docker
from installer.facts.driver import DriverFacts, gather_driver
from installer.facts.gpus import GpuFacts, gather_gpus
from installer.facts.network import NetworkFacts, gather_network
from installer.facts.storage import StorageFacts, gather_storage
from installer.facts.system import SystemFacts, gather_system
from installer.sight import Sight


@dataclass(frozen=True)
class Facts:
    """One node, as it is now."""

    system: SystemFacts
    storage: StorageFacts
    network: NetworkFacts
    gpus: GpuFacts
    driver: DriverFacts
    docker: DockerFacts


def gather(sight: Sight) -> Facts:
    """Takes well under a second, and changes nothing."""
    system = gather_system(sight)
    return Facts(
        system=system,
        storage=gather_storage(sight),
        network=gather_network(sight),
        gpus=gather_gpus(sight),
        driver=gather_driver(sight, system.kernel),
        docker=gather_docker(sight),
    )
