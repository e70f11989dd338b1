from dataclasses import replace

import pytest

from installer.facts.docker import Container
from installer.facts.gpus import GpuProcess, PciGpu, SmiGpu
from installer.preflight import Situation, findings_of
from tests.fakes.facts import PCI_T4, T4, without_driver
from tests.fakes.situation import is_quiet, only, told, with_cluster, with_facts


def with_gpus(at: Situation, *gpus: SmiGpu) -> Situation:
    pci = tuple(replace(PCI_T4, slot=f"0000:00:{6 + number:02x}.0") for number in range(len(gpus)))
    return with_facts(at, "gpus", smi=gpus, pci=pci)


def test_no_gpu(good: Situation) -> None:
    bare = with_facts(replace(good, facts=without_driver(good.facts)), "gpus", pci=())
    assert told(bare) == ("gpus", "problem", "no NVIDIA GPU is on this node's PCI bus, the bundle is for 1")


def test_too_few_gpus(good: Situation) -> None:
    at = with_cluster(good, gpus_per_node=4)
    assert told(at) == ("gpus", "problem", "this node has 1 GPU, the bundle is for 4 on each node")
    assert is_quiet(with_gpus(at, *(replace(T4, index=number) for number in range(4))))


def test_a_gpu_that_only_the_bus_still_has(good: Situation) -> None:
    at = with_facts(with_cluster(good, gpus_per_node=2), "gpus", pci=(PCI_T4, replace(PCI_T4, slot="0000:00:07.0")))
    assert only(at).what.endswith("; the PCI bus has 1 more that nvidia-smi does not show")
    assert "dmesg" in only(at).fix


PASSED_ON = replace(PCI_T4, slot="0000:00:07.0", module="vfio-pci")


@pytest.mark.parametrize("module", ["vfio-pci", "pci-stub", "pciback"])
def test_a_gpu_that_a_module_for_virtual_machines_holds(good: Situation, module: str) -> None:
    bare = replace(good, facts=without_driver(good.facts))
    at = with_facts(bare, "gpus", pci=(replace(PCI_T4, module=module),))
    assert told(at) == (
        "vfio",
        "problem",
        f"{module} holds 0000:00:06.0 (10de:1eb8) for a virtual machine: no NVIDIA driver gets there",
    )
    assert only(at).fix.startswith("driverctl unset-override 0000:00:06.0; or take vfio-pci.ids=")
    assert is_quiet(with_facts(bare, "gpus", pci=(PCI_T4, PASSED_ON)))


def test_a_gpu_that_is_held_is_not_told_as_lost(good: Situation) -> None:
    at = with_cluster(with_facts(good, "gpus", pci=(PCI_T4, PASSED_ON)), gpus_per_node=2)
    assert told(at)[:2] == ("vfio", "problem")
    assert {found.name for found in findings_of(with_cluster(at, gpus_per_node=3))} == {"vfio", "gpus"}
    lost = replace(PCI_T4, slot="0000:00:08.0")
    at = with_cluster(with_facts(good, "gpus", pci=(PCI_T4, PASSED_ON, lost)), gpus_per_node=3)
    (found,) = (found for found in findings_of(at) if found.name == "gpus")
    assert found.what.endswith("; the PCI bus has 1 more that nvidia-smi does not show")


def test_gpus_are_counted_on_the_bus_before_there_is_a_driver(good: Situation) -> None:
    assert is_quiet(replace(good, facts=without_driver(good.facts)))


def test_gpus_of_two_models(good: Situation) -> None:
    at = with_cluster(good, gpus_per_node=2)
    at = with_gpus(at, T4, replace(T4, index=1, name="NVIDIA A10", capability=(8, 6)))
    assert told(at)[:2] == ("gpu-models", "warning")
    assert "Tesla T4" in only(at).what
    bare = replace(good, facts=without_driver(good.facts))
    at = with_facts(bare, "gpus", pci=(PCI_T4, PciGpu("0000:00:07.0", "2236", "")))
    assert "10de:1eb8, 10de:2236" in only(at).what


T400 = replace(T4, index=4, uuid="GPU-4", name="NVIDIA T400 4GB", memory=4096, used=600)


def test_a_card_for_a_display_is_named_and_left_alone(good: Situation) -> None:
    """Whatever its memory holds is not in the way."""
    at = with_gpus(good, replace(T400, index=0, used=4000), replace(T4, index=1))
    found = {one.name: one for one in findings_of(at)}
    assert {name: one.level for name, one in found.items()} == {"gpu-models": "warning", "gpu-busy": "warning"}
    assert found["gpu-models"].what == (
        "beside the 1 GPU that the cluster uses (Tesla T4) this node has NVIDIA T400 4GB, which it leaves alone: CUDA "
        "numbers the fastest first"
    )


def test_of_equal_gpus_the_first_are_used(good: Situation) -> None:
    first, second = replace(T4, index=0), replace(T4, index=1, uuid="GPU-1")
    assert findings_of(with_gpus(good, replace(first, used=9000), second))[0].level == "problem"
    assert findings_of(with_gpus(good, first, replace(second, used=9000)))[0].level == "warning"


def held(at: Situation, used: int, *processes: GpuProcess) -> Situation:
    return with_facts(at, "gpus", smi=(replace(T4, used=used),), processes=processes)


def test_a_gpu_whose_memory_somebody_holds(good: Situation) -> None:
    at = held(good, 2000, GpuProcess(4711, "python3", 1990, T4.uuid))
    assert told(at) == (
        "gpu-busy",
        "problem",
        "GPU 0 (Tesla T4) has 13360 of 15360 MiB free, vLLM will want 0.90 of it; held by python3 (4711, 1990 MiB)",
    )
    assert only(at).fix == "stop it: kill 4711"


def test_memory_that_nobody_owns_up_to(good: Situation) -> None:
    assert "nvidia-smi does not say by whom" in only(held(good, 2000)).what


def test_a_gpu_that_is_shared_but_has_room_is_a_warning(good: Situation) -> None:
    assert told(held(good, 600))[:2] == ("gpu-busy", "warning")
    assert is_quiet(held(good, 100))


def test_a_gpu_in_use_keeps_its_driver(good: Situation) -> None:
    older = with_facts(held(good, 10, GpuProcess(4711, "Xvfb", 10, T4.uuid)), "driver", loaded="535.1", on_disk="535.1")
    older = with_facts(older, "gpus", smi=(replace(T4, used=10, driver="535.1"),))
    assert told(older)[:2] == ("gpu-busy", "problem")
    assert "so that driver 550.127.08 cannot take its place" in only(older).what


WATCHERS = ("dcgm-exporter (33, container dcgm)", "nvtop (4711)")


def older_driver(at: Situation) -> Situation:
    older = with_facts(at, "driver", loaded="535.1", on_disk="535.1")
    return with_facts(older, "gpus", smi=(replace(T4, driver="535.1"),))


def test_who_only_watches_a_gpu_keeps_its_driver_too(good: Situation) -> None:
    """They compute nothing, so nvidia-smi does not name them."""
    at = replace(older_driver(good), strangers=WATCHERS)
    assert told(at)[:2] == ("gpu-held", "problem")
    assert only(at).what.startswith("dcgm-exporter (33, container dcgm), nvtop (4711) have a GPU open")
    ours = Container("vllm-airgap-node", "sha256:ab", "running", "node")
    assert told(with_facts(at, "docker", containers=(ours,)))[:2] == ("gpu-held", "problem")


def test_who_watches_a_gpu_whose_driver_stays_is_in_nobodys_way(good: Situation) -> None:
    assert is_quiet(replace(good, strangers=WATCHERS))


def test_who_computes_and_has_the_gpu_open_is_told_once(good: Situation) -> None:
    at = with_facts(older_driver(good), "gpus", processes=(GpuProcess(4711, "python3", 10, T4.uuid),))
    assert len(findings_of(replace(at, strangers=("python3 (4711)",)))) == 1


def test_our_own_cluster_may_have_the_gpus(good: Situation) -> None:
    ours = Container("vllm-airgap-node", "sha256:ab", "running", "node")
    assert is_quiet(with_facts(held(good, 15000), "docker", containers=(ours,)))


def test_a_gpu_cut_into_slices(good: Situation) -> None:
    at = with_facts(good, "gpus", smi=(replace(T4, mig=True),))
    assert told(at) == ("mig", "problem", "MIG is on for GPU 0: vLLM across GPUs needs whole ones")
    assert only(at).fix.startswith("nvidia-smi -i 0 -mig 0")


@pytest.mark.parametrize(("memory", "used"), [(0, 0)])
def test_memory_that_is_not_told_is_not_judged(good: Situation, memory: int, used: int) -> None:
    assert findings_of(with_facts(good, "gpus", smi=(replace(T4, memory=memory, used=used),))) == ()
