"""Persistence mode: the driver stays loaded and the GPUs awake while no program uses them."""

from installer.node import Node

_SLOWEST = 180  # seconds; what sleeps is waked for each question, eight A100 for half a minute


def may_sleep(node: Node) -> bool:
    """Some GPU's mode is off. nvidia-smi knows, whoever turned it on; a service that runs may have left it off."""
    output = node.ask("nvidia-smi", "--query-gpu=persistence_mode", "--format=csv", timeout=_SLOWEST)
    return output.succeeded and "Disabled" in output.stdout.split()


def keep_awake(node: Node) -> str | None:
    """Until the next boot. Why that cannot be, or None. Where nvidia-persistenced runs, nvidia-smi asks it to."""
    output = node.ask("nvidia-smi", "-pm", "1", timeout=_SLOWEST)
    return None if output.succeeded else output.last_lines
