"""Whether an image runs with a driver and a GPU: its NVIDIA_REQUIRE_*, and what CUDA's compatibility adds to them.

The container toolkit refuses to start an image whose variables do not hold (nvidia-container-toolkit,
internal/config/image/cuda_image.go). Where docker goes by CDI nobody asks them, and the image fails later.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from installer.hardware.conditions import Properties, alternatives, conditions, evaluate
from installer.hardware.drivers import covers_minor_versions, is_beyond, least_driver, newest_cuda
from installer.hardware.forward import forward_lack, forward_needs, is_geforce, minor_version_needs, tells_vllm
from installer.hardware.releases import Release, release
from installer.index.gpus import Capability

NATIVE, FORWARD, CANNOT = "native", "forward-compatible", "cannot run"
_FROM_BEST = (NATIVE, FORWARD, CANNOT)
_PREFIX = "NVIDIA_REQUIRE_"
_CUDA = f"{_PREFIX}CUDA"
_CUDA_VERSION = "CUDA_VERSION"
_OF_OTHER_MACHINES = f"{_PREFIX}JETPACK"
_OFF = "NVIDIA_DISABLE_REQUIRE"
_TRUE = ("1", "t", "T", "true", "TRUE", "True")  # Go's strconv.ParseBool
_BRANCH = re.compile(r"brand=(\w+),driver>=(\d+),driver<\d+")


@dataclass(frozen=True)
class Demands:
    """What an image asks for. ``requires`` are its NVIDIA_REQUIRE_*; versions are "" where not known.

    ``is_gated`` is false where NVIDIA_DISABLE_REQUIRE keeps the toolkit from asking. ``is_told``: its vLLM is to use
    the image's cuda-compat.
    """

    requires: Mapping[str, str]
    cuda: str = ""
    vllm: str = ""
    is_gated: bool = True
    is_told: bool = False


@dataclass(frozen=True)
class Offer:
    """What a node has. What is "", empty or None is not known: whatever is asked of it is taken to hold.

    ``brands`` are all that the driver may report for the card, in the words of NVIDIA_REQUIRE_CUDA. ``cuda`` is what
    nvidia-smi says, "" to go by NVIDIA's table; ``toolkit`` the container toolkit's version.
    """

    driver: str
    brands: tuple[str, ...] = ()
    capability: Capability | None = None
    cuda: str = ""
    toolkit: str = ""


@dataclass(frozen=True)
class Verdict:
    """``kind`` is NATIVE, FORWARD or CANNOT.

    ``needs`` are what makes the image's cuda-compat work, each a sentence for people, ``lack`` the one of them without
    which it fails as things are, "" where none is known. ``by_minor_version``: CUDA's promise between minor versions
    covers it also without, but for kernels that are compiled from newer PTX.
    """

    kind: str
    reason: str
    needs: tuple[str, ...] = ()
    by_minor_version: bool = False
    lack: str = ""

    @property
    def passes(self) -> bool:
        return self.kind != CANNOT

    @property
    def natively(self) -> bool:
        return self.kind == NATIVE


def demands_of(requires: Mapping[str, str], versions: Mapping[str, str], environment: Mapping[str, str]) -> Demands:
    """Of an image in a bundle, started with ``environment``, whose values go before the image's own."""
    own = {name: value for name, value in environment.items() if name.startswith(_PREFIX)}
    return Demands(
        requires={**requires, **own},
        cuda=versions.get("cuda", ""),
        vllm=versions.get("vllm", ""),
        is_gated=environment.get(_OFF, "") not in _TRUE,
        is_told=tells_vllm(environment),
    )


def judge(demands: Demands, offer: Offer) -> Verdict:
    """The worst of what the card's brands give: nobody knows beforehand which one a driver will report."""
    return worst(_judge_as(demands, offer, brand) for brand in offer.brands or ("",))


def judge_idle(demands: Demands, offer: Offer) -> Verdict:
    """The same of a card on which nothing will be computed: the toolkit asks it too, and CUDA does not.

    libnvidia-container evaluates the variables for every device that the container sees (src/cli/configure.c).
    """
    refused = (_refusal(demands, offer, brand) for brand in offer.brands or ("",))
    return next(filter(None, refused), Verdict(NATIVE, f"{_driver_text(offer)} lets the image start"))


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    return max(verdicts, key=lambda verdict: _FROM_BEST.index(verdict.kind))


def cuda_of(offer: Offer) -> str:
    """The CUDA that its driver gives; "" of a driver newer or older than all that is known."""
    found = release(offer.driver)
    newest = newest_cuda(found) if found and not is_beyond(found) else None
    return offer.cuda or (f"{newest[0]}.{newest[1]}" if newest else "")


def image_cuda(demands: Demands) -> Release | None:
    """The CUDA that its programs were built with, as far as it says so."""
    asked = re.search(r"\bcuda>=([\d.]+)", demands.requires.get(_CUDA, ""))
    return release(demands.cuda) or (release(asked[1]) if asked else None)


def _judge_as(demands: Demands, offer: Offer, brand: str) -> Verdict:
    if refused := _refusal(demands, offer, brand):
        return refused
    properties = _properties(offer, brand)
    outcomes = [evaluate(expression, properties) for expression in _gates(demands).values()]
    if all(outcome.holds and _is_native(outcome.clause) for outcome in outcomes):
        return Verdict(NATIVE, f"{_driver_text(offer)} has what the image asks for")
    return _compatibly(demands, offer, brand)


def _refusal(demands: Demands, offer: Offer, brand: str) -> Verdict | None:
    properties = _properties(offer, brand)
    for name, expression in _gates(demands).items() if demands.is_gated else ():
        outcome = evaluate(expression, properties)
        if not outcome.holds:
            return _refused(demands, offer, brand, name, outcome.invalid)
    return None


def _refused(demands: Demands, offer: Offer, brand: str, name: str, invalid: str) -> Verdict:
    """By the container toolkit, which does not start the image."""
    if invalid:
        return Verdict(CANNOT, f"the container toolkit does not understand {invalid} in the image's {name}")
    card = f" on a card of brand {brand}" if brand else ""
    asked = _asked(_gates(demands)[name], brand)
    reason = f"{_driver_text(offer)}{card}, and the image's {name} asks for {asked}"
    cuda, driver = image_cuda(demands), release(offer.driver)
    if name in {_CUDA, _CUDA_VERSION} and cuda and driver and covers_minor_versions(driver, cuda):
        how = f"CUDA {cuda[0]}'s compatibility between minor versions would make it run with {_OFF}=1 in cluster.env"
        return Verdict(CANNOT, f"{reason}; {how}", minor_version_needs(brand), by_minor_version=True)
    return Verdict(CANNOT, reason)


def _compatibly(demands: Demands, offer: Offer, brand: str) -> Verdict:
    """Past the toolkit with a driver whose CUDA is older than the image's."""
    cuda, driver = image_cuda(demands), release(offer.driver)
    needs = forward_needs(brand, offer.toolkit, demands.vllm, is_told=demands.is_told)
    if cuda is None:
        return Verdict(FORWARD, f"{_driver_text(offer)} is let pass by its branch alone", needs)
    lack = f"{_driver_text(offer)} is older than CUDA {cuda[0]}.{cuda[1]} of the image, of driver {least_driver(cuda)}"
    if driver and covers_minor_versions(driver, cuda):
        how = f"CUDA {cuda[0]}'s compatibility between minor versions makes it run, or the image's cuda-compat"
        return Verdict(FORWARD, f"{lack}: {how}", minor_version_needs(brand) or needs, by_minor_version=True)
    if is_geforce(brand):
        return Verdict(CANNOT, f"{lack}: only cuda-compat could make it run, which GeForce cards cannot use")
    missing = forward_lack(offer.toolkit, demands.vllm, is_told=demands.is_told)
    return Verdict(FORWARD, f"{lack}: only the image's cuda-compat makes it run", needs, lack=missing)


def _properties(offer: Offer, brand: str) -> Properties:
    found = release(offer.driver)
    cuda = cuda_of(offer) or (None if found is None or is_beyond(found) else "0")
    arch = f"{offer.capability[0]}.{offer.capability[1]}" if offer.capability else None
    return {"driver": offer.driver, "cuda": cuda, "arch": arch, "brand": brand or None}


def _gates(demands: Demands) -> dict[str, str]:
    """What is compared: the image's own variables, and what the toolkit makes of CUDA_VERSION where they are silent.

    Where nobody asks, the CUDA alone, for what it says of compatibility.
    """
    built = image_cuda(demands)
    if not demands.is_gated:
        return {_CUDA_VERSION: f"cuda>={built[0]}.{built[1]}"} if built else {}
    gates = {name: value for name, value in demands.requires.items() if not name.startswith(_OF_OTHER_MACHINES)}
    if built and not gates.get(_CUDA):
        gates[_CUDA_VERSION] = f"cuda>={built[0]}.{built[1]}"
    return gates


def _is_native(clause: str) -> bool:
    """Other than a clause for a branch, which says ``driver``."""
    return not any(condition.startswith("driver") for condition in conditions(clause))


def _driver_text(offer: Offer) -> str:
    cuda, driver = cuda_of(offer), release(offer.driver)
    other = "a CUDA newer than we know" if driver and is_beyond(driver) else "a CUDA older than 11.4"
    return f"driver {offer.driver} ({f'CUDA {cuda}' if cuda else other})"


def _asked(expression: str, brand: str) -> str:
    """The expression in words: a base image's has sixty alternatives, of which few differ in more than the brand."""
    plain = [clause for clause in alternatives(expression) if not _BRANCH.fullmatch(clause)]
    return " or ".join((*plain, *_branches(expression, brand)))


def _branches(expression: str, brand: str) -> Iterator[str]:
    found = [match.groups() for clause in alternatives(expression) if (match := _BRANCH.fullmatch(clause))]
    ours = dict.fromkeys(branch for of, branch in found if brand in {"", of})
    others = dict.fromkeys(branch for _, branch in found if branch not in ours)
    if ours:
        yield f"driver branch {', '.join(ours)}"
    if others:
        yield f"driver branch {', '.join(others)} for other brands"
