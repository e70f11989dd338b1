"""nouveau, which drives NVIDIA's GPUs unless it is told not to: blocked from the next boot on."""

from installer.errors import EnvironmentProblemError
from installer.node import Node

BLOCKED = "/etc/modprobe.d/vllm-airgap-nouveau.conf"
_TEXT = b"# The NVIDIA driver needs the GPUs that nouveau would take.\nblacklist nouveau\noptions nouveau modeset=0\n"
# Red Hat's, Debian's; nouveau may be in the initramfs, which is read before /etc. Each kernel has its own, and the
# next boot may be one of a newer kernel than ours.
_REBUILDERS = (("dracut", "-f", "--regenerate-all"), ("update-initramfs", "-u", "-k", "all"))


def block_nouveau(node: Node) -> None:
    rebuild = next((command for command in _REBUILDERS if node.finds(command[0])), None)
    if rebuild is None:
        raise EnvironmentProblemError(
            "nouveau drives the GPUs, and neither dracut nor update-initramfs is there to keep it out of the next boot",
            hint="blacklist nouveau in /etc/modprobe.d, rebuild the initramfs, reboot, then the same command again",
        )
    if node.read(BLOCKED) != _TEXT:
        node.place(BLOCKED, _TEXT)
    node.run(*rebuild)
