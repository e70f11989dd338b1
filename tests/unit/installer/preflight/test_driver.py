from dataclasses import replace

import pytest

from installer.facts.docker import Program
from installer.facts.gpus import PciGpu
from installer.index.components import Driver
from installer.preflight import Finding, Situation, findings_of
from tests.fakes.facts import DRIVER, KERNEL, PCI_T4, T4, without_driver
from tests.fakes.recorded_machine import RECORDED
from tests.fakes.situation import bringing, is_quiet, only, told, with_cluster, with_facts, with_index

REQUIRES = {"NVIDIA_REQUIRE_CUDA": "cuda>=12.4 brand=tesla,driver>=535,driver<536"}


def bare(at: Situation) -> Situation:
    return replace(at, facts=without_driver(at.facts))


def without_bundled(at: Situation) -> Situation:
    """The node's own driver is to serve."""
    return with_index(at, driver=None)


def of_bundle(at: Situation) -> Driver:
    assert at.index.driver
    return at.index.driver


def of_version(at: Situation, version: str) -> Situation:
    """Loaded, on disk and in nvidia-smi's words."""
    there = with_facts(at, "driver", loaded=version, on_disk=version)
    return with_facts(there, "gpus", smi=(replace(T4, driver=version),))


def names(at: Situation) -> list[str]:
    return [found.name for found in findings_of(at)]


def test_the_bundles_driver_on_a_bare_node(good: Situation) -> None:
    assert is_quiet(bare(good))


def test_an_older_driver_of_a_run_is_replaced(good: Situation) -> None:
    assert is_quiet(of_version(good, "535.183.06"))


def test_a_driver_of_a_package_is_not_replaced(good: Situation) -> None:
    at = with_facts(of_version(good, "470.1.1"), "driver", owner="nvidia-driver-470.1.1-1.el9.x86_64")
    at = with_index(at, image=replace(at.index.image, requires=REQUIRES))
    assert "driver" in names(at)
    assert findings_of(at)[0].level == "problem"
    assert "package nvidia-driver-470.1.1-1.el9.x86_64" in findings_of(at)[0].what


def test_a_reboot_that_was_left_out_is_a_warning_for_the_install_asks_for_it(good: Situation) -> None:
    at = with_facts(good, "driver", loaded="535.183.06")
    at = with_facts(at, "gpus", smi=(), smi_error="Failed to initialize NVML: Driver/library version mismatch")
    assert told(at)[:2] == ("driver", "warning")
    assert "exit code 20" in only(at).what


def test_the_nodes_own_driver_has_to_answer(good: Situation) -> None:
    own = without_bundled(good)
    assert is_quiet(own)
    broken = with_facts(own, "gpus", smi=(), smi_error="NVIDIA-SMI has failed")
    assert told(broken)[:2] == ("own-driver", "problem")
    assert "NVIDIA-SMI has failed" in only(broken).what
    mixed = with_facts(own, "driver", on_disk="560.1.1")
    assert only(mixed).what == (
        f"driver {DRIVER} is loaded and 560.1.1 is on disk: programs fail (Driver/library version mismatch)"
    )


def test_an_nvidia_smi_that_is_late_says_nothing_of_the_driver(good: Situation) -> None:
    for at, name in ((good, "driver"), (without_bundled(good), "own-driver")):
        slow = with_facts(at, "gpus", smi=(), smi_error="no answer in 180 s", late=True)
        assert told(slow)[:2] == (name, "problem")
        assert only(slow).what == f"nvidia-smi: no answer in 180 s: driver {DRIVER} may be in order, nobody knows"
        assert "nvidia-smi -pm 1" in only(slow).fix


@pytest.mark.parametrize("package", ["nvidia-driver-cuda", "nvidia-driver-550-server", "cuda-drivers", "nvidia-driver"])
def test_a_driver_among_the_packages_is_not_missing(good: Situation, package: str) -> None:
    at = bare(with_index(good, driver=None))
    assert [(found.name, found.level) for found in findings_of(bringing(at, package))] == [("own-driver", "warning")]
    assert names(bringing(at, "nvidia-persistenced")) == ["own-driver"]


@pytest.mark.parametrize(
    ("version", "kernel", "finds"),
    [
        ("570.26", "3.10.0-1160.el7.x86_64", ["kernel"]),
        ("580.65.06", "4.14.0-115.el7a", ["kernel"]),
        ("570.26", "4.18.0-553.el8_10.x86_64", []),
        ("550.127.08", "3.10.0-1160.el7.x86_64", []),
        ("570.26", "", []),
    ],
)
def test_a_kernel_that_is_too_old_for_the_branch(good: Situation, version: str, kernel: str, finds: list[str]) -> None:
    assert good.index.driver
    at = with_index(bare(good), driver=replace(good.index.driver, version=version))
    assert names(with_facts(at, "system", kernel=kernel)) == finds


def test_an_old_kernel_with_the_driver_that_it_has_is_none_of_ours(good: Situation) -> None:
    assert is_quiet(with_facts(good, "system", kernel="3.10.0-1160.el7.x86_64"))


def test_nouveau_is_a_warning_for_an_install_blocks_it(good: Situation) -> None:
    at = with_facts(bare(good), "driver", nouveau_loaded=True)
    assert told(at)[:2] == ("nouveau", "warning")
    assert "exit code 20" in only(at).what


def test_a_nouveau_that_is_blocked_and_drives_the_gpus_all_the_same(good: Situation) -> None:
    at = with_facts(bare(good), "driver", nouveau_loaded=True)
    assert "blacklist nouveau in /etc/modprobe.d, rebuild the initramfs" in only(at).fix
    blocked = only(with_facts(at, "driver", nouveau_blocked=True)).fix
    assert "blacklist" not in blocked
    assert "rebuild the initramfs" in blocked


def test_nouveau_stays_where_nothing_rebuilds_the_initramfs(good: Situation) -> None:
    programs = {name: place for name, place in good.facts.system.programs.items() if name != "dracut"}
    at = with_facts(with_facts(bare(good), "driver", nouveau_loaded=True), "system", programs=programs)
    assert [(found.name, found.level) for found in findings_of(at)] == [("driver", "problem"), ("nouveau", "warning")]
    assert told(bringing(at, "dracut"))[0] == "nouveau"
    assert told(bringing(at, "initramfs-tools"))[0] == "nouveau"
    assert is_quiet(with_facts(at, "driver", nouveau_loaded=False))


def test_secure_boot_with_a_module_to_build(good: Situation) -> None:
    assert told(with_facts(bare(good), "system", secure_boot=True))[:2] == ("secure-boot", "problem")
    assert is_quiet(with_facts(good, "system", secure_boot=True))


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("headers", False, f"there are no headers of the running kernel {KERNEL} (/lib/modules/{KERNEL}/build)"),
        ("compiler", "", "there is no compiler (gcc)"),
        ("make", "", "there is no make"),
        ("linker", "", "there is no linker (ld)"),
    ],
)
def test_what_building_the_module_lacks(good: Situation, field: str, value: object, what: str) -> None:
    at = with_facts(bare(good), "driver", **{field: value})
    assert told(at) == ("build-tools", "problem", f"{what}, and driver {DRIVER} builds its module with it")
    assert is_quiet(with_facts(good, "driver", **{field: value}))


@pytest.mark.parametrize(
    ("kernel", "finds"),
    [
        ("4.18.0-553.el8_10.x86_64", 1),
        ("4.15.0-213-generic", 1),
        ("5.4.0-216-generic", 1),
        ("5.18.19-200.fc36.x86_64", 1),
        ("5.18.255-generic", 1),
        ("4.15.0", 1),
        ("4.14.336", 0),
        ("3.10.0-1160.el7.x86_64", 0),
        ("4.14.35-2047.el7uek.x86_64", 0),
        ("5.19.0-50-generic", 0),
        ("6.8.0-40-generic", 0),
    ],
)
def test_kernels_whose_makefile_asks_for_libelf(good: Situation, kernel: str, finds: int) -> None:
    at = with_facts(with_facts(bare(good), "system", kernel=kernel), "driver", libelf=False)
    assert [(found.name, found.level) for found in findings_of(at)] == [("build-tools", "warning")] * finds
    assert is_quiet(with_facts(at, "driver", libelf=True))
    assert is_quiet(bringing(at, "elfutils-libelf-devel"))
    assert is_quiet(bringing(at, "libelf-dev"))
    assert is_quiet(with_facts(with_facts(good, "system", kernel=kernel), "driver", libelf=False))


@pytest.mark.parametrize(
    ("distribution", "package"),
    [
        ("rhel", "elfutils-libelf-devel"),
        ("debian", "libelf-dev"),
        ("ubuntu", "libelf-dev"),
        ("sles", "libelf-devel"),
    ],
)
def test_libelf_has_the_name_that_it_has_there(good: Situation, distribution: str, package: str) -> None:
    like = ("debian",) if distribution == "ubuntu" else ()
    at = with_facts(bare(good), "system", kernel="5.4.0", distribution=distribution, like=like)
    assert f"install {package} from " in only(with_facts(at, "driver", libelf=False)).fix


@pytest.mark.parametrize(("gcc", "kernels", "finds"), [(11, 12, 1), (12, 12, 0), (12, 11, 0), (0, 12, 0), (11, 0, 0)])
def test_a_compiler_older_than_the_kernels(good: Situation, gcc: int, kernels: int, finds: int) -> None:
    """Ubuntu 22.04 with a HWE kernel."""
    at = with_facts(bare(good), "driver", gcc=gcc, kernels_gcc=kernels)
    assert [(found.name, found.level) for found in findings_of(at)] == [("build-tools", "warning")] * finds


def test_headers_are_named_as_the_distribution_does(good: Situation) -> None:
    at = with_facts(bare(good), "driver", headers=False)
    assert f"kernel-devel-{KERNEL}" in only(at).fix
    assert f"linux-headers-{KERNEL}" in only(with_facts(at, "system", distribution="debian", like=())).fix
    assert f"linux-headers-{KERNEL}" in only(with_facts(at, "system", distribution="ubuntu", like=("debian",))).fix
    suse = with_facts(at, "system", distribution="sles", like=("suse",), kernel="5.14.21-150400.24.33-default")
    assert "install kernel-default-devel=5.14.21-150400.24.33 from" in only(suse).fix


def test_packages_of_the_bundle_bring_what_is_missing(good: Situation) -> None:
    at = with_facts(bare(good), "driver", headers=False, compiler="", make="", linker="")
    assert len(findings_of(at)) == 4
    assert names(bringing(at, "kernel-devel", kernels=(KERNEL,))) == ["build-tools"] * 3
    assert names(bringing(at, "kernel-devel", "gcc", "make", kernels=("6.1.0",))) == ["build-tools"] * 4
    assert names(bringing(at, "gcc", "make", "binutils")) == ["build-tools"]
    assert names(bringing(at, "build-essential")) == ["build-tools"]


def test_blackwell_needs_a_branch_that_knows_it(good: Situation) -> None:
    at = with_facts(bare(good), "gpus", pci=(PciGpu("0000:00:06.0", "2901", ""),))
    assert told(at) == ("driver-kind", "problem", f"driver {DRIVER} does not know 10de:2901, a Blackwell GPU")


def test_a_driver_of_the_wrong_kind(good: Situation) -> None:
    """It loads, and finds no GPU."""
    at = with_facts(without_bundled(good), "driver", is_open=True)
    at = with_facts(at, "gpus", smi=(), smi_error="No devices were found", pci=(replace(PCI_T4, device="1db4"),))
    assert names(at) == ["own-driver", "driver-kind"]
    assert findings_of(at)[1].what == f"driver {DRIVER} has open kernel modules, 10de:1db4 needs proprietary ones"


@pytest.mark.parametrize(
    ("device", "version", "finds"),
    [
        ("1db4", "590.44.01", 1),  # V100
        ("1b38", "595.45.04", 1),  # P40
        ("1db4", "580.95.05", 0),
        ("102d", "535.183.06", 1),  # K80
        ("102d", "470.256.02", 0),
        ("1eb8", "590.44.01", 0),  # T4
        ("2335", "595.45.04", 0),  # H200
    ],
)
def test_a_driver_that_gave_the_gpu_up(good: Situation, device: str, version: str, finds: int) -> None:
    assert good.index.driver
    at = with_index(bare(good), driver=replace(good.index.driver, version=version))
    at = with_facts(at, "gpus", pci=(replace(PCI_T4, device=device),))
    assert [(found.name, found.level) for found in findings_of(at) if found.name == "driver-kind"] == [
        ("driver-kind", "problem")
    ] * finds


def test_a_driver_that_gave_the_gpu_up_says_which_did_not(good: Situation) -> None:
    assert good.index.driver
    at = with_index(bare(good), driver=replace(good.index.driver, version="590.44.01"))
    at = with_facts(at, "gpus", pci=(replace(PCI_T4, device="1db4"),))
    (found,) = (found for found in findings_of(at) if found.name == "driver-kind")
    assert found.what == "driver 590.44.01 no longer drives 10de:1db4: branch 580 is the last that does"


def test_an_old_card_for_a_display_is_not_counted(good: Situation) -> None:
    """The cluster has one GPU here, the newer one."""
    for device, display in (("1eb8", "13bb"), ("2901", "1db4")):
        version = "590.44.01"
        assert good.index.driver
        at = with_index(bare(good), driver=replace(good.index.driver, version=version))
        at = with_facts(at, "gpus", pci=(replace(PCI_T4, device=display), replace(PCI_T4, device=device)))
        assert "driver-kind" not in names(at)


def test_gpus_that_no_driver_serves_together(good: Situation) -> None:
    at = with_cluster(bare(good), gpus_per_node=2)
    at = with_facts(at, "gpus", pci=(replace(PCI_T4, device="1db4"), replace(PCI_T4, device="2901")))
    (found,) = (found for found in findings_of(at) if found.name == "driver-kind")
    assert found.level == "problem"
    assert found.what == "no driver serves both 10de:1db4 (before Turing) and 10de:2901 (Blackwell)"
    whichever = with_index(at, driver=replace(of_bundle(at), version="580.95.05"))
    assert "driver-kind" in names(whichever)
    newer = with_facts(at, "gpus", pci=(replace(PCI_T4, device="1eb8"), replace(PCI_T4, device="2901")))
    assert "driver-kind" not in names(with_index(newer, driver=replace(of_bundle(at), version="580.95.05")))


def test_a_display_server_with_a_driver_to_install(good: Situation) -> None:
    assert told(with_facts(bare(good), "driver", display_server=True))[:2] == ("display-server", "problem")
    assert is_quiet(with_facts(good, "driver", display_server=True))


def requiring(at: Situation, expression: str) -> Situation:
    image = replace(at.index.image, requires={"NVIDIA_REQUIRE_CUDA": expression})
    return with_index(at, image=image)


def test_an_image_that_wants_a_newer_driver(good: Situation) -> None:
    at = requiring(without_bundled(of_version(good, "535.183.06")), "cuda>=12.4 brand=tesla,driver>=470,driver<471")
    assert told(at)[:2] == ("image-driver", "problem")
    assert is_quiet(requiring(without_bundled(good), "cuda>=12.4"))


def test_an_image_that_is_let_pass_by_its_drivers_branch(good: Situation) -> None:
    at = requiring(without_bundled(of_version(good, "535.183.06")), REQUIRES["NVIDIA_REQUIRE_CUDA"])
    assert told(at)[:2] == ("image-driver", "warning")
    assert "forward compatibility only" in only(at).what


def test_the_driver_that_the_bundle_brings_is_the_one_that_counts(good: Situation) -> None:
    assert names(requiring(bare(good), "cuda>=12.8")) == ["image-driver"]
    assert is_quiet(requiring(bare(good), "cuda>=12.4"))


RECORDED_12_8 = (RECORDED / "require/12.8.1.txt").read_text().strip()
A100 = replace(T4, name="NVIDIA A100-PCIE-40GB", capability=(8, 0), memory=40960)
GTX_1650 = replace(T4, index=1, uuid="GPU-1", name="NVIDIA GeForce GTX 1650", capability=(7, 5), memory=4096)


@pytest.mark.parametrize("index", [0, 1])
def test_a_card_that_the_toolkit_refuses_wherever_it_stands(good: Situation, index: int) -> None:
    """The container gets all of them: one refused is enough."""
    smi = (A100, GTX_1650) if index else (replace(GTX_1650, index=0), replace(A100, index=1))
    at = requiring(without_bundled(good), RECORDED_12_8)
    at = with_facts(at, "gpus", smi=smi, brand="NVIDIA" if index else "GeForce")
    found = next(found for found in findings_of(at) if found.name == "image-driver")
    assert found.level == "problem"
    assert "on a card of brand geforce" in found.what


def test_a_card_beside_that_its_branch_lets_pass_is_in_nobodys_way(good: Situation) -> None:
    """That GeForce cards cannot use cuda-compat matters to nobody where nothing is computed on one."""
    at = requiring(without_bundled(good), "cuda>=13.0 driver>=535,driver<551")
    at = with_index(at, image=replace(at.index.image, versions={"vllm": "0.16.0", "cuda": "13.0.2"}))
    assert image_finding(with_facts(at, "gpus", smi=(A100, GTX_1650), brand="NVIDIA")) == "warning"
    assert image_finding(with_facts(at, "gpus", smi=(GTX_1650,), brand="GeForce")) == "problem"


def image_finding(at: Situation) -> str:
    """Its level, "" for none."""
    return next((found.level for found in findings_of(at) if found.name == "image-driver"), "")


def of_image(at: Situation) -> Finding:
    return next(found for found in findings_of(at) if found.name == "image-driver")


def test_before_there_is_a_driver_the_bus_tells_the_card(good: Situation) -> None:
    """Driver 550 and CUDA 12.8: datacenter cards are let pass by the branch, GeForce is not."""
    at = requiring(bare(good), RECORDED_12_8)
    assert image_finding(at) == "warning"
    geforce = replace(PCI_T4, slot="0000:00:07.0", device="2684")
    assert image_finding(with_facts(at, "gpus", pci=(geforce,))) == "problem"
    assert image_finding(with_facts(at, "gpus", pci=(PCI_T4, geforce))) == "problem"
    assert image_finding(with_facts(at, "gpus", pci=(PCI_T4, replace(geforce, module="vfio-pci")))) == "warning"


def test_a_card_whose_name_says_nothing_is_known_by_the_bus(good: Situation) -> None:
    """To another driver than the one that told its brand."""
    geforce = replace(PCI_T4, device="2684")
    at = requiring(of_version(good, "535.183.06"), RECORDED_12_8)
    nameless = replace(T4, name="Graphics Device", driver="535.183.06")
    at = with_facts(at, "gpus", pci=(geforce,), smi=(nameless,), brand="GeForce")
    assert image_finding(at) == "problem"
    assert image_finding(with_facts(at, "gpus", pci=(replace(geforce, slot="0000:00:07.0"),))) == "warning"


def test_a_card_that_the_bus_does_not_tell_is_the_one_that_the_bundle_is_for(good: Situation) -> None:
    at = with_facts(requiring(bare(good), RECORDED_12_8), "gpus", pci=(replace(PCI_T4, device="ffff"),))
    assert image_finding(with_cluster(at, gpu="RTX-40")) == "problem"
    assert image_finding(with_cluster(at, gpu="T4")) == "warning"
    assert image_finding(at) == "warning"


def only_by_cuda_compat(at: Situation, vllm: str) -> Situation:
    """CUDA 13 with driver 550 on an H100."""
    image = replace(at.index.image, requires={}, versions={"vllm": vllm, "cuda": "13.0.2"})
    image = replace(image, requires={"NVIDIA_REQUIRE_CUDA": (RECORDED / "require/13.0.2.txt").read_text().strip()})
    h100 = replace(T4, name="NVIDIA H100 80GB HBM3", capability=(9, 0), memory=81559)
    return with_facts(with_index(at, image=image), "gpus", smi=(h100,), brand="NVIDIA")


def test_an_image_that_only_its_cuda_compat_makes_run(good: Situation) -> None:
    at = only_by_cuda_compat(good, "0.20.0")
    assert image_finding(at) == "warning"  # the toolkit turns it on
    assert good.index.toolkit
    at = with_index(at, toolkit=replace(good.index.toolkit, version="1.17.4"))
    assert image_finding(at) == "problem"
    assert of_image(at).fix.startswith('set cluster.env VLLM_ENABLE_CUDA_COMPATIBILITY: "1"; or build')
    on = with_cluster(at, env={"VLLM_ENABLE_CUDA_COMPATIBILITY": "1"})
    assert image_finding(on) == "warning"
    assert of_image(on).fix == "none needed; a newer driver in the bundle makes it native"


@pytest.mark.parametrize(("version", "level"), [("1.17.4", "problem"), ("1.17.8", "warning"), ("1.17.3", "warning")])
def test_whether_cuda_compat_is_used_is_for_the_toolkit_of_the_bundle(
    good: Situation, version: str, level: str
) -> None:
    at = only_by_cuda_compat(good, "0.14.1")
    assert at.index.toolkit
    at = with_index(at, toolkit=replace(at.index.toolkit, version=version))
    assert image_finding(at) == level
    there = with_facts(with_index(at, toolkit=None), "docker", toolkit=Program("/usr/bin/nvidia-ctk", version, ""))
    assert image_finding(there) == level


def switched(at: Situation, **changes: object) -> Situation:
    return with_facts(with_facts(at, "gpus", nvswitches=4), "driver", **changes)


@pytest.mark.parametrize(("version", "words"), [("", "this node has none"), ("550.54.15", "this node has 550.54.15")])
def test_nvswitches_without_their_fabric_manager(good: Situation, version: str, words: str) -> None:
    at = switched(good, fabric_manager=version, fabric_manager_active=True)
    assert told(at)[:2] == ("fabric-manager", "problem")
    assert only(at).what.endswith(words)
    assert is_quiet(bringing(at, "nvidia-fabric-manager", version=f"{DRIVER}-1"))
    assert is_quiet(bringing(at, "nvidia-fabricmanager-550", version=f"{DRIVER}-0ubuntu0.22.04.1"))
    assert is_quiet(bringing(at, "nvidia-fabric-manager", version=f"3:{DRIVER}-1"))
    assert not is_quiet(bringing(at, "nvidia-fabric-manager-devel", version=f"{DRIVER}-1"))


def test_a_carried_fabric_manager_of_another_version(good: Situation) -> None:
    for own in ("", DRIVER):
        at = bringing(switched(good, fabric_manager=own), "nvidia-fabric-manager", version="0:550.163.01-1")
        assert told(at)[:2] == ("fabric-manager", "problem")
        assert only(at).what.endswith("this node will have 550.163.01, of the bundle's packages")


def test_an_older_fabric_manager_is_carried_in_vain(good: Situation) -> None:
    at = switched(good, fabric_manager=DRIVER, fabric_manager_active=True)
    assert is_quiet(bringing(at, "nvidia-fabric-manager", version="550.54.15-1"))


@pytest.mark.parametrize("state", ["In Progress", "Not Started"])
def test_gpus_that_wait_for_a_fabric_whose_switches_are_no_pci_devices(good: Situation, state: str) -> None:
    """NVLink 5: B200, B300."""
    at = with_facts(good, "gpus", fabric=state, smi=(replace(T4, name="NVIDIA B200"),))
    assert told(at)[:2] == ("fabric-manager", "problem")
    assert f"GPUs behind NVSwitches, NVIDIA B200 (fabric state: {state}), need" in only(at).what
    stopped = with_facts(at, "driver", fabric_manager=DRIVER)
    assert told(stopped)[:2] == ("fabric-manager", "warning")
    assert is_quiet(bringing(at, "nvidia-fabricmanager", version=f"{DRIVER}-1"))


@pytest.mark.parametrize("state", ["Completed", "N/A", ""])
def test_gpus_that_their_host_has_joined_or_that_have_no_fabric(good: Situation, state: str) -> None:
    assert is_quiet(with_facts(good, "gpus", fabric=state))


def test_a_fabric_that_was_joined_here_needs_the_new_drivers_manager(good: Situation) -> None:
    at = with_facts(of_version(good, "535.183.06"), "gpus", fabric="Completed")
    at = with_facts(at, "driver", fabric_manager="535.183.06", fabric_manager_active=True)
    assert told(at)[:2] == ("fabric-manager", "problem")
    assert only(at).what.endswith("this node has 535.183.06")


def test_gpus_that_mostly_have_a_fabric_are_a_warning_before_their_driver_tells(good: Situation) -> None:
    assert good.index.driver
    b200 = (replace(PCI_T4, device="2901"), replace(PCI_T4, device="2901", slot="0000:00:07.0"))
    at = with_index(bare(good), driver=replace(good.index.driver, version="580.95.05"))
    at = with_facts(at, "gpus", pci=b200)
    assert told(at)[:2] == ("fabric-manager", "warning")
    assert is_quiet(bringing(at, "nvidia-fabricmanager", version="580.95.05-1"))
    assert is_quiet(with_facts(at, "gpus", pci=b200[:1]))
    assert is_quiet(with_facts(at, "driver", fabric_manager="580.95.05"))
    assert only(at).fix.startswith("install nvidia-fabric-manager 580.95.05 here, or add it")
    debian = with_facts(at, "system", distribution="ubuntu", like=("debian",))
    assert only(debian).fix.startswith("install nvidia-fabricmanager-580 580.95.05 here, or add it")


def test_where_no_driver_will_serve_no_fabric_manager_is_asked_for(good: Situation) -> None:
    """Its version would be anybody's guess: `own-driver` tells what is to be done first."""
    at = with_facts(without_bundled(bare(good)), "driver", fabric_manager=DRIVER)
    assert "fabric-manager" not in names(with_facts(at, "gpus", nvswitches=4))


def test_nvswitches_are_counted_before_there_is_a_driver(good: Situation) -> None:
    at = with_facts(bare(good), "gpus", nvswitches=4)
    assert told(at) == (
        "fabric-manager",
        "problem",
        f"4 NVSwitches need the Fabric Manager of driver {DRIVER}, this node has none",
    )


def test_gpus_that_wait_for_a_fabric_are_named_by_their_product(good: Situation) -> None:
    joined = with_facts(good, "gpus", fabric="Completed", smi=(replace(T4, name="NVIDIA B200"),))
    at = with_facts(joined, "driver", fabric_manager="550.54.15", fabric_manager_active=True)
    assert only(at).what == (
        f"GPUs behind NVSwitches, NVIDIA B200, need the Fabric Manager of driver {DRIVER}, this node has 550.54.15"
    )


def test_a_fabric_manager_that_is_stopped_is_a_warning(good: Situation) -> None:
    at = switched(good, fabric_manager=DRIVER, fabric_manager_active=False)
    assert told(at)[:2] == ("fabric-manager", "warning")
    assert is_quiet(switched(good, fabric_manager=DRIVER, fabric_manager_active=True))
