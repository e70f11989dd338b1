"""The NVIDIA driver and the GPUs of a node, as they are now."""

from installer.facts.driver import DriverFacts, gather_driver
from installer.facts.gpus import GpuFacts, gather_gpus
from installer.node import Node

Look = tuple[DriverFacts, GpuFacts]
_Marks = tuple[int, str, str, str, str | None]


def look_at_driver(node: Node) -> Look:
    """Changes nothing, but for what nvidia-smi does of itself: it has the module loaded."""
    return gather_driver(node, node.kernel), gather_gpus(node)


class LastLook:
    """What nvidia-smi said last, for as long as the driver is the same: each call may wake all GPUs, for minutes."""

    def __init__(self) -> None:
        self._gpus: GpuFacts | None = None
        self._of: _Marks | None = None

    def keep(self, node: Node, driver: DriverFacts, gpus: GpuFacts) -> None:
        """Only an answer is worth keeping."""
        self._gpus, self._of = (gpus, _marks(node, driver)) if gpus.smi else (None, None)

    def of_same_driver(self, node: Node) -> Look:
        """The driver as it is now, and what it said last, if it is the same one."""
        driver = gather_driver(node, node.kernel)
        if self._gpus is not None and _marks(node, driver) == self._of:
            return driver, self._gpus
        return self.anew(node)

    def anew(self, node: Node) -> Look:
        driver, gpus = look_at_driver(node)
        self.keep(node, driver, gpus)
        return driver, gpus


def _marks(node: Node, driver: DriverFacts) -> _Marks:
    return id(node), driver.loaded, driver.on_disk, driver.owner, node.finds("nvidia-smi")
