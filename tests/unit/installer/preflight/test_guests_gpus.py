"""GPUs that a virtual machine has, of another kind than those that this node drives: they decide nothing here."""

from dataclasses import replace

from installer.facts.gpus import PciGpu
from installer.preflight import Situation, findings_of
from installer.preflight.gpu_driver import capability
from tests.fakes.facts import PCI_T4, without_driver
from tests.fakes.situation import is_quiet, only, told, with_cluster, with_facts, with_index

PASSED_ON_T4 = PciGpu("0000:00:07.0", "1eb8", "vfio-pci")
B200 = PciGpu("0000:00:08.0", "2901", "")
PASSED_ON_B200 = replace(B200, module="vfio-pci")


def before_a_driver(at: Situation, *pci: PciGpu, version: str = "") -> Situation:
    """What there is on the bus, and the driver that the bundle has."""
    bare = with_facts(replace(at, facts=without_driver(at.facts)), "gpus", pci=pci)
    assert at.index.driver
    return with_index(bare, driver=replace(at.index.driver, version=version)) if version else bare


def names(at: Situation) -> list[str]:
    return [found.name for found in findings_of(at)]


def test_the_driver_need_not_know_a_guests_gpu(good: Situation) -> None:
    assert is_quiet(before_a_driver(good, PCI_T4, PASSED_ON_B200))
    assert "driver-kind" in names(before_a_driver(good, PCI_T4, replace(B200, module="nouveau")))


def test_a_driver_need_not_serve_a_guests_gpu_together_with_ours(good: Situation) -> None:
    v100 = PciGpu("0000:00:06.0", "1db4", "")
    at = with_cluster(before_a_driver(good, v100, PASSED_ON_B200, version="570.172.08"), gpus_per_node=2)
    assert names(at) == ["vfio"]
    assert "driver-kind" in names(with_facts(at, "gpus", pci=(v100, B200)))


def test_a_guests_gpu_is_no_second_model(good: Situation) -> None:
    a10 = PciGpu("0000:00:07.0", "2236", "pci-stub")
    assert is_quiet(before_a_driver(good, PCI_T4, a10))
    assert told(before_a_driver(good, PCI_T4, replace(a10, module="")))[0] == "gpu-models"


def test_what_a_guests_newer_gpu_computes_is_not_what_ours_does(good: Situation) -> None:
    """Of a V100 the number on the bus tells nothing."""
    v100, a100 = PciGpu("0000:00:06.0", "1db4", ""), PciGpu("0000:00:07.0", "20b2", "vfio-pci")
    assert capability(before_a_driver(good, v100, a100)) is None
    assert capability(before_a_driver(good, PCI_T4, a100)) == (7, 5)
    assert capability(before_a_driver(good, PCI_T4, replace(a100, module=""))) == (8, 0)


def test_guests_gpus_ask_for_no_fabric_manager(good: Situation) -> None:
    second = replace(B200, slot="0000:00:09.0")
    at = before_a_driver(good, PASSED_ON_T4, B200, second, version="580.95.05")
    assert told(at)[:2] == ("fabric-manager", "warning")
    assert only(at).what.startswith("GPUs like 10de:2901 mostly")
    assert is_quiet(with_facts(at, "gpus", pci=(B200, replace(second, module="vfio-pci"))))


def test_guests_gpus_are_not_counted_as_this_nodes(good: Situation) -> None:
    at = with_cluster(before_a_driver(good, PCI_T4, PASSED_ON_T4), gpus_per_node=3)
    found = {one.name: one.what for one in findings_of(at)}
    assert set(found) == {"vfio", "gpus"}
    assert found["gpus"] == "this node has 1 GPU, the bundle is for 3 on each node"
