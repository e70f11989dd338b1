"""Which NVIDIA driver the containers of this node will have, and whether the image runs with it."""

from dataclasses import dataclass

from installer.facts.gpus import SmiGpu
from installer.hardware.driver_decision import BlockNouveau, Decision, Install, Keep, Wanted, decide
from installer.hardware.gpus import brands_of, gpu_of_device, gpu_of_product
from installer.hardware.node_verdict import best_of
from installer.hardware.requirements import Offer, Verdict, demands_of, judge, judge_idle, worst
from installer.index.gpus import GPUS, Capability, Gpu
from installer.preflight.situation import Situation

_UNKNOWN = (0, 0)


def bundled_driver(at: Situation) -> Wanted | None:
    """The bundle's driver, and by what an install judges those that are there; None where the bundle has none."""
    if at.index.driver is None:
        return None
    return Wanted(at.index.driver.version, at.family, lambda version: verdict(at, version).natively)


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
    """Of the image with driver ``version`` on the GPUs that the cluster counts on; with all others it has to start."""
    image = at.index.image
    demands = demands_of(image.requires, image.versions, at.index.cluster.env)
    working, idle = _offers(at, version)
    return worst((*(judge(demands, offer) for offer in working), *(judge_idle(demands, offer) for offer in idle)))


def used(at: Situation) -> tuple[SmiGpu, ...]:
    """The GPUs that the cluster counts on, without a display's card beside them."""
    return best_of(at.facts.gpus.smi, at.index.cluster.gpus_per_node)


def capability(at: Situation) -> Capability | None:
    """The least of the GPUs that the cluster counts on; None where nobody knows."""
    told = [gpu.capability for gpu in used(at) if gpu.capability != _UNKNOWN]
    known = [gpu.capability for device in at.facts.gpus.drivable if (gpu := gpu_of_device(device.device))]
    return min(told or sorted(known, reverse=True)[: at.index.cluster.gpus_per_node], default=None)


def _offers(at: Situation, version: str) -> tuple[tuple[Offer, ...], tuple[Offer, ...]]:
    """Of the cards that the cluster counts on, and of those beside; by the bus alone before there is a driver."""
    count, expected = at.index.cluster.gpus_per_node, GPUS.get(at.index.cluster.gpu)
    cards = [_as_told(at, gpu, version) for gpu in best_of(at.facts.gpus.smi, len(at.facts.gpus.smi))]
    cards = cards or sorted(_on_bus(at), key=lambda card: card.capability or _UNKNOWN, reverse=True) or [_Card()]
    working = (card if card.brands or expected is None else _Card.of(expected) for card in cards[:count])
    toolkit = _toolkit(at)
    return (
        tuple(Offer(version, card.brands, card.capability, toolkit=toolkit) for card in working),
        tuple(Offer(version, card.brands, card.capability, toolkit=toolkit) for card in cards[count:]),
    )


@dataclass(frozen=True)
class _Card:
    """What NVIDIA_REQUIRE_CUDA may ask of it, as far as it is known."""

    brands: tuple[str, ...] = ()
    capability: Capability | None = None

    @classmethod
    def of(cls, gpu: Gpu) -> "_Card":
        return cls(gpu.brands, gpu.capability)


def _as_told(at: Situation, gpu: SmiGpu, version: str) -> _Card:
    """What the loaded driver reports; of another driver all that such a card may be to it.

    nvidia-smi was asked for the brand of its first card, which is that of all others of that name.
    """
    first = at.facts.gpus.smi[0]
    reported = at.facts.gpus.brand if gpu.name == first.name and version == gpu.driver else ""
    on_bus = next((gpu_of_device(device.device) for device in at.facts.gpus.pci if device.slot == gpu.slot), None)
    known = gpu_of_product(gpu.name) or on_bus
    told = gpu.capability if gpu.capability != _UNKNOWN else None
    return _Card(
        brands=brands_of(gpu.name, reported) or (known.brands if known else ()),
        capability=told or (known.capability if known else None),
    )


def _on_bus(at: Situation) -> list[_Card]:
    known = [gpu_of_device(device.device) for device in at.facts.gpus.drivable]
    return [_Card.of(gpu) if gpu else _Card() for gpu in known]


def _toolkit(at: Situation) -> str:
    if at.index.toolkit:
        return at.index.toolkit.version
    return at.facts.docker.toolkit.version if at.facts.docker.toolkit else ""
