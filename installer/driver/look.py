"""The NVIDIA driver and the GPUs of a node, as they are now."""

from installer.facts.driver import DriverFacts, gather_driver
from installer.facts.gpus import GpuFacts, gather_gpus
from installer.node import Node


def look_at_driver(node: Node) -> tuple[DriverFacts, GpuFacts]:
    """Changes nothing, but for what nvidia-smi does of itself: it has the module loaded."""
    return gather_driver(node, node.kernel), gather_gpus(node)
