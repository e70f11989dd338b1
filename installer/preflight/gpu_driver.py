"""Which NVIDIA driver the containers of this node will have, and whether the image runs with it."""

from installer.facts.gpus import SmiGpu
from installer.hardware.driver_decision import BlockNouveau, Decision, Install, Keep, Wanted, decide
from installer.hardware.gpus import brands_of, gpu_of_device, gpu_of_product
from installer.hardware.node_verdict import best_of
from installer.hardware.requirements import Offer, Verdict, demands_of, judge
from installer.index.gpus import GPUS, Capability
from installer.preflight.situation import Situation


def bundled_driver(at: Situation) -> Wanted | None:
    """The bundle's driver, and by what an install judges those that are there; None where the bundle has none."""
    if at.index.driver is None:
        return None
    return Wanted(at.index.driver.version, at.index.target.packages, lambda version: verdict(at, version).natively)


def decision(at: Situation) -> Decision | None:
    """What an install will do about the driver; None where the bundle has none."""
    wanted = bundled_driver(at)
    return None if wanted is None else decide(wanted, at.facts.driver, at.facts.gpus)


def coming(at: Situation) -> str:
    """The driver that an install will put here, now or after a reboot; "" where it installs none."""
    version = at.index.driver.version if at.index.driver else ""
    return version if isinstance(decision(at), Install | BlockNouveau) else ""


def serving(at: Situation) -> str:
    """The driver that containers will have; "" where that is not known."""
    match decision(at):
        case None:
            return at.facts.driver.loaded or next((gpu.driver for gpu in at.facts.gpus.smi), "")
        case Keep(version):
            return version
        case _:
            return at.index.driver.version if at.index.driver else ""


def verdict(at: Situation, version: str) -> Verdict:
    """Of the image with driver ``version`` on this node's first GPU."""
    image = at.index.image
    return judge(
        demands_of(image.requires, image.versions, at.index.cluster.env),
        Offer(driver=version, brands=_brands(at, version), capability=capability(at), toolkit=_toolkit(at)),
    )


def used(at: Situation) -> tuple[SmiGpu, ...]:
    """The GPUs that the cluster counts on, without a display's card beside them."""
    return best_of(at.facts.gpus.smi, at.index.cluster.gpus_per_node)


def capability(at: Situation) -> Capability | None:
    """The least of the GPUs that the cluster counts on; None where nobody knows."""
    told = [gpu.capability for gpu in used(at) if gpu.capability != (0, 0)]
    known = [gpu.capability for device in at.facts.gpus.pci if (gpu := gpu_of_device(device.device))]
    return min(told or sorted(known, reverse=True)[: at.index.cluster.gpus_per_node], default=None)


def _brands(at: Situation, version: str) -> tuple[str, ...]:
    """What the loaded driver reports; of another driver all that such a card may be to it."""
    product = next((gpu.name for gpu in at.facts.gpus.smi), "")
    if version in {gpu.driver for gpu in at.facts.gpus.smi}:
        return brands_of(product, at.facts.gpus.brand)
    device = next((gpu.device for gpu in at.facts.gpus.pci), "")
    known = gpu_of_product(product) or gpu_of_device(device) or GPUS.get(at.index.cluster.gpu)
    return known.brands if known else ()


def _toolkit(at: Situation) -> str:
    if at.index.toolkit:
        return at.index.toolkit.version
    return at.facts.docker.toolkit.version if at.facts.docker.toolkit else ""
