"""The NVIDIA driver's kernel modules: unloaded, so that another version can be."""

from installer.node import Node

# Each before those that it uses (nvidia-installer unloads them in this order).
_MODULES = ("nv_peer_mem", "nvidia_peermem", "nvidia_uvm", "nvidia_drm", "nvidia_modeset", "nvidia")


def loaded_modules(node: Node) -> tuple[str, ...]:
    lines = (node.read("/proc/modules") or b"").decode().splitlines()
    names = {line.split(maxsplit=1)[0] for line in lines}
    return tuple(module for module in _MODULES if module in names)


def unload_modules(node: Node) -> str | None:
    """Why one stays: others use it, the console does, or this kernel unloads none."""
    for module in loaded_modules(node):
        output = node.ask("rmmod", module)
        if not output.succeeded:
            return output.last_lines
    return None
