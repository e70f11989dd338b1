"""Persistence mode: the driver stays loaded and the GPUs awake while no program uses them."""

from installer.facts.gpus import SLOWEST_SMI
from installer.node import Node


def may_sleep(node: Node) -> bool:
    """Some GPU's mode is off. nvidia-smi knows, whoever turned it on; a service that runs may have left it off."""
    output = node.ask("nvidia-smi", "--query-gpu=persistence_mode", "--format=csv", timeout=SLOWEST_SMI)
    return output.succeeded and "Disabled" in output.stdout.split()


def keep_awake(node: Node) -> str | None:
    """Until the next boot. Why that cannot be, or None. Where nvidia-persistenced runs, nvidia-smi asks it to."""
    output = node.ask("nvidia-smi", "-pm", "1", timeout=SLOWEST_SMI)
    return None if output.succeeded else output.last_lines
