"""The table of what is done about a node's driver; the bundle brings 550.127.08."""

from dataclasses import replace

import pytest

from installer.facts.distribution import DEBIAN, RED_HAT, SUSE, Family
from installer.facts.driver import DriverFacts
from installer.facts.gpus import GpuFacts, PciGpu, SmiGpu
from installer.hardware.driver_decision import (
    BlockNouveau,
    Decision,
    Install,
    Keep,
    Late,
    Reboot,
    Refuse,
    Wanted,
    decide,
)
from tests.fakes.facts import GOOD_NODE

VERSION, OLDER, NEWER = "550.127.08", "535.183.06", "580.65.06"
MISMATCH = "Failed to initialize NVML: Driver/library version mismatch"
NONE = replace(GOOD_NODE.driver, loaded="", on_disk="", persistenced_active=False)
LOST = "Unable to determine the device handle for GPU0000:3B:00.0: Unknown Error"
GRID = "550.127.05"  # of a guest, which NVIDIA numbers apart
RPM_HANGS = "rpm: no answer in 30 s"
NOUVEAU = replace(NONE, nouveau_loaded=True)


def no_other(_version: str) -> bool:
    return False


def driver(loaded: str, on_disk: str, owner: str = "") -> DriverFacts:
    return replace(NONE, loaded=loaded, on_disk=on_disk, owner=owner)


def answering(*versions: str) -> GpuFacts:
    gpus = tuple(
        SmiGpu(n, f"GPU-{n}", "Tesla T4", version, 15360, 0, (7, 5), "0000:00:1e.0", False, False, None)  # noqa: FBT003
        for n, version in enumerate(versions)
    )
    return GpuFacts((), 0, gpus, (), "", "Tesla")


def silent(error: str = "") -> GpuFacts:
    return GpuFacts((), 0, (), (), error, "")


def late() -> GpuFacts:
    return replace(silent("no answer in 180 s"), late=True)


def shared(version: str, product: str = "GRID T4-16C", brand: str = "") -> GpuFacts:
    gpus = answering(version)
    return replace(gpus, smi=tuple(replace(gpu, name=product) for gpu in gpus.smi), brand=brand)


def of_unknown_owner(loaded: str, on_disk: str) -> DriverFacts:
    return replace(driver(loaded, on_disk), owner_silence=RPM_HANGS)


def by_package(version: str, owner: str = "kmod-nvidia") -> DriverFacts:
    return driver(version, version, owner)


CASES: list[tuple[str, DriverFacts, GpuFacts, Decision]] = [
    ("bare", NONE, silent(), Install("nvidia-smi does not answer")),
    ("right", driver(VERSION, VERSION), answering(VERSION, VERSION), Keep(VERSION)),
    ("right, and modinfo tells nothing", driver(VERSION, ""), answering(VERSION), Keep(VERSION)),
    ("right in a container", NONE, answering(VERSION), Keep(VERSION)),
    ("older by a .run", driver(OLDER, OLDER), answering(OLDER), Install(f"found {OLDER}")),
    ("newer by a .run", driver(NEWER, NEWER), answering(NEWER), Install(f"found {NEWER}")),
    (
        "right on disk, another in memory",
        driver(OLDER, VERSION),
        silent(MISMATCH),
        Reboot(f"driver {VERSION} is installed, but the kernel has {OLDER} loaded"),
    ),
    (
        "right in memory, another on disk",
        driver(VERSION, OLDER),
        answering(VERSION),
        Install(f"driver {VERSION} is loaded, but {OLDER} is on disk"),
    ),
    (
        "right module, programs of another",
        driver(VERSION, VERSION),
        silent(MISMATCH),
        Install(f"driver {VERSION} is there in part: nvidia-smi says: {MISMATCH}"),
    ),
    (
        "right module, no programs",
        driver(VERSION, VERSION),
        silent(),
        Install(f"driver {VERSION} is there in part: nvidia-smi is missing, or tells another version"),
    ),
    ("after a new kernel", NONE, silent("couldn't communicate"), Install("nvidia-smi does not answer")),
    (
        "right on disk, not to be loaded",
        driver("", VERSION),
        silent("couldn't communicate"),
        Install(f"driver {VERSION} is there in part: nvidia-smi says: couldn't communicate"),
    ),
    (
        "right, but drives nothing",
        driver(VERSION, VERSION),
        silent("No devices were found"),
        Refuse(
            f"driver {VERSION} is loaded, but drives no GPU: No devices were found",
            "dmesg | grep NVRM says why: a GPU that this branch does not know, or one that fell off the bus",
        ),
    ),
    ("drives nothing, in a container", NONE, silent("No devices were found"), Install("found no GPU")),
    ("nouveau", NOUVEAU, silent(), BlockNouveau("nouveau drives the GPUs")),
    (
        "nouveau in a kernel that tells no modules",
        NONE,
        replace(silent(), pci=(PciGpu("0000:00:1e.0", "1eb8", "nouveau"),)),
        BlockNouveau("nouveau drives the GPUs"),
    ),
    ("nouveau beside the right one", replace(NOUVEAU, loaded=VERSION), answering(VERSION), Keep(VERSION)),
    ("nouveau beside another", replace(NOUVEAU, loaded=OLDER), answering(OLDER), Install(f"found {OLDER}")),
    ("a package of it", by_package(VERSION), answering(VERSION), Keep(VERSION)),
    (
        "a package of another",
        by_package(OLDER),
        answering(OLDER),
        Refuse(
            f"driver {OLDER} is of package kmod-nvidia, the bundle brings {VERSION}",
            "yum remove kmod-nvidia, then the same command again",
        ),
    ),
    (
        "a package with which the image runs",
        by_package(NEWER),
        answering(NEWER),
        Keep(
            NEWER, f"driver {NEWER} of package kmod-nvidia is kept, not {VERSION} of the bundle: the image runs with it"
        ),
    ),
    (
        "a package that left no module",
        driver("", "", "nvidia-utils"),
        silent("couldn't communicate"),
        Refuse(
            f"driver of an unknown version is of package nvidia-utils, the bundle brings {VERSION}",
            "yum remove nvidia-utils, then the same command again",
        ),
    ),
    (
        "a package that was updated",
        driver(OLDER, NEWER, "kmod-nvidia"),
        silent(MISMATCH),
        Reboot(f"driver {NEWER} of package kmod-nvidia is on disk, but the kernel has {OLDER} loaded"),
    ),
    (
        "a package that does not work",
        driver("", VERSION, "kmod-nvidia"),
        silent("couldn't communicate"),
        Refuse(
            f"driver {VERSION} of package kmod-nvidia is installed, but nvidia-smi says: couldn't communicate",
            "modprobe nvidia; dmesg | grep -e NVRM -e nouveau. Or give it up: yum remove kmod-nvidia",
        ),
    ),
]


@pytest.mark.parametrize(("facts", "gpus", "decision"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_decision(facts: DriverFacts, gpus: GpuFacts, decision: Decision) -> None:
    assert decide(Wanted(VERSION, RED_HAT, lambda version: version in {NEWER, ""}), facts, gpus) == decision


def test_where_nothing_is_known_of_the_image_only_the_bundles_version_will_do() -> None:
    decision = decide(Wanted(VERSION, DEBIAN, no_other), by_package(NEWER, "nvidia-utils-580"), answering(NEWER))
    assert isinstance(decision, Refuse)
    assert decision.fix.startswith("apt-get purge nvidia-utils-580 && ")
    decision = decide(Wanted(VERSION, SUSE, no_other), by_package(NEWER, "nvidia-computeG06"), answering(NEWER))
    assert isinstance(decision, Refuse)
    assert decision.fix == "zypper remove nvidia-computeG06, then the same command again"


# --- what tells nothing must not be taken for a fault


@pytest.mark.parametrize(
    "facts",
    [
        driver(VERSION, VERSION),
        driver(OLDER, OLDER),
        driver("", ""),
        by_package(VERSION),
        by_package(OLDER),
        of_unknown_owner(OLDER, OLDER),
        NOUVEAU,
    ],
    ids=["right", "older", "none seen", "a package of it", "a package of another", "unknown owner", "nouveau"],
)
def test_an_nvidia_smi_that_is_late_decides_nothing(facts: DriverFacts) -> None:
    decision = decide(Wanted(VERSION, RED_HAT, no_other), facts, late())
    assert isinstance(decision, Late)
    assert "no answer in 180 s" in decision.reason
    assert "nvidia-smi -pm 1" in decision.fix


@pytest.mark.parametrize("on_disk", [VERSION, ""])
@pytest.mark.parametrize("error", [LOST, "NVIDIA-SMI has failed because it couldn't communicate", "GPU is lost"])
def test_a_dead_gpu_gets_no_other_driver(error: str, on_disk: str) -> None:
    decision = decide(Wanted(VERSION, RED_HAT, no_other), driver(VERSION, on_disk), silent(error))
    assert isinstance(decision, Refuse)
    assert decision.reason == f"driver {VERSION} is loaded as it should be, but nvidia-smi says: {error}"
    for word in ("dmesg", "Xid", "power"):
        assert word in decision.fix


@pytest.mark.parametrize("error", [MISMATCH, "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system."])
def test_programs_that_do_not_go_with_the_module_are_installed_anew(error: str) -> None:
    decision = decide(Wanted(VERSION, RED_HAT, no_other), driver(VERSION, VERSION), silent(error))
    assert isinstance(decision, Install)


@pytest.mark.parametrize("facts", [of_unknown_owner(OLDER, OLDER), replace(NOUVEAU, owner_silence=RPM_HANGS)])
@pytest.mark.parametrize(
    ("family", "command"),
    [(RED_HAT, "rpm -qf"), (SUSE, "rpm -qf"), (DEBIAN, "dpkg-query -S")],
    ids=["Red Hat", "SUSE", "Debian"],
)
def test_what_may_be_of_a_package_is_not_overlaid(facts: DriverFacts, family: Family, command: str) -> None:
    gpus = answering(OLDER) if facts.loaded else silent()
    decision = decide(Wanted(VERSION, family, no_other), facts, gpus)
    assert isinstance(decision, Refuse)
    assert RPM_HANGS in decision.reason
    assert command in decision.fix


def test_the_right_driver_is_kept_whoever_owns_it() -> None:
    decision = decide(Wanted(VERSION, RED_HAT, no_other), of_unknown_owner(VERSION, VERSION), answering(VERSION))
    assert decision == Keep(VERSION)


@pytest.mark.parametrize("owner", ["", "nvidia-linux-grid-550"])
@pytest.mark.parametrize(
    "gpus", [shared(GRID), shared(GRID, "NVIDIA A10", "NVIDIA Virtual Compute Server")], ids=["product", "brand"]
)
def test_the_driver_of_a_share_of_a_gpu_is_not_replaced(gpus: GpuFacts, owner: str) -> None:
    decision = decide(Wanted(VERSION, DEBIAN, no_other), driver(GRID, GRID, owner), gpus)
    assert isinstance(decision, Refuse)
    assert gpus.smi[0].name in decision.reason
    assert "without `driver:`" in decision.fix
    assert "purge" not in decision.fix


@pytest.mark.parametrize("owner", ["", "nvidia-linux-grid-550"])
def test_a_share_of_a_gpu_may_have_the_very_driver_of_the_bundle(owner: str) -> None:
    decision = decide(Wanted(GRID, DEBIAN, no_other), driver(GRID, GRID, owner), shared(GRID))
    assert decision == Keep(GRID)


@pytest.mark.parametrize("owner", ["", "nvidia-linux-grid-550"])
def test_the_driver_of_a_share_of_a_gpu_stays_where_the_image_runs_with_it(owner: str) -> None:
    decision = decide(Wanted(VERSION, DEBIAN, lambda has: has == GRID), driver(GRID, GRID, owner), shared(GRID))
    assert isinstance(decision, Keep)
    assert decision.version == GRID
    assert "GRID T4-16C" in decision.warning
