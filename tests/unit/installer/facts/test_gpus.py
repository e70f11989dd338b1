"""The H200 and H100 texts are recorded; those of T4, A100, nouveau and old drivers are constructed after real ones."""

import pytest

from installer.facts.gpus import (
    GpuProcess,
    SmiGpu,
    gather_gpus,
    read_brand,
    read_fabric,
    read_gpus,
    read_processes,
    read_uevent,
)
from installer.sight import Output
from tests.fakes.node import FakeNode
from tests.fakes.questions import SMI_BRAND, SMI_PROCESSES, smi_query
from tests.fakes.recorded_machine import RECORDED, RecordedMachine, recorded_machine, said

SMI = {"nvidia-smi": "/usr/bin/nvidia-smi"}
LATE = Output(-9, "", "\nno answer in 180 s", late=True)


def test_a_recorded_host_with_two_gpus() -> None:
    first, second = read_gpus((RECORDED / "h200/query.csv").read_text())
    assert first == SmiGpu(
        index=0,
        uuid="GPU-00000000-0000-0000-0000-00000000007f",
        name="NVIDIA H200",
        driver="580.159.04",
        memory=143771,
        used=0,
        capability=(9, 0),
        slot="0000:00:06.0",
        mig=False,
        persistence=True,
        ecc=True,
    )
    assert (second.index, second.slot) == (1, "0000:00:07.0")


def test_the_recorded_brand() -> None:
    assert read_brand((RECORDED / "h200/q.xml").read_text()) == "NVIDIA"


def test_the_recorded_state_of_the_fabric() -> None:
    assert read_fabric((RECORDED / "h200/q.xml").read_text()) == "Completed"
    assert gather_gpus(recorded_machine("h100")).fabric == "N/A"
    assert read_fabric("<gpu><state>P0</state></gpu>") == ""


def test_a_recorded_program_on_the_gpu() -> None:
    facts = gather_gpus(recorded_machine("h100"))
    (gpu,) = facts.smi
    assert facts.processes == (GpuProcess(480, "python3", 1634, gpu.uuid),)
    assert (gpu.used, gpu.free) == (1643, 79916)
    assert [(found.slot, found.device, found.module) for found in facts.pci] == [(gpu.slot, "2330", "nvidia")]


def test_what_a_card_does_not_have() -> None:
    """A GeForce has no ECC, a T4 no MIG, and a guest may not see who uses memory."""
    (gpu,) = read_gpus(
        "index, memory.total [MiB], memory.used [MiB], mig.mode.current, ecc.mode.current, pci.bus_id, name\n"
        "0, [N/A], [Unknown Error], [N/A], [N/A], 00010000:3B:00.0, NVIDIA GeForce RTX 4090\n"
    )
    assert (gpu.memory, gpu.used, gpu.mig, gpu.ecc, gpu.slot) == (0, 0, False, None, "10000:3b:00.0")


def test_mig_and_ecc() -> None:
    text = "index, mig.mode.current, ecc.mode.current, name\n0, Enabled, Disabled, NVIDIA A100-SXM4-80GB\n"
    assert [(gpu.mig, gpu.ecc) for gpu in read_gpus(text)] == [(True, False)]


def test_more_than_ten_gpus_keep_their_order() -> None:
    text = "index, name\n" + "".join(f"{index}, Tesla T4\n" for index in range(16))
    assert [gpu.index for gpu in read_gpus(text)] == list(range(16))


def test_a_name_may_have_a_comma() -> None:
    assert [gpu.name for gpu in read_gpus("index, name\n0, Graphics Device, Rev A\n")] == ["Graphics Device, Rev A"]


def test_processes_of_which_little_is_told() -> None:
    text = (
        "pid, gpu_uuid, used_gpu_memory [MiB], process_name\n"
        "4321, GPU-1, [N/A], [Not Found]\n"
        "4322, GPU-1, 812 MiB, /usr/bin/python3 -c a, b\n"
    )
    assert read_processes(text) == (
        GpuProcess(4321, "[Not Found]", 0, "GPU-1"),
        GpuProcess(4322, "/usr/bin/python3 -c a, b", 812, "GPU-1"),
    )


@pytest.mark.parametrize(
    ("text", "gpu", "switch", "module"),
    [
        ("DRIVER=nouveau\nPCI_CLASS=30000\nPCI_ID=10DE:1EB8\n", True, False, "nouveau"),
        ("PCI_CLASS=30200\nPCI_ID=10DE:2335\n", True, False, ""),
        ("DRIVER=nvidia-nvswitch\nPCI_CLASS=68000\nPCI_ID=10DE:22A3\n", False, True, "nvidia-nvswitch"),
        ("DRIVER=snd_hda_intel\nPCI_CLASS=40300\nPCI_ID=10DE:10F8\n", False, False, "snd_hda_intel"),
        ("DRIVER=mgag200\nPCI_CLASS=30000\nPCI_ID=102B:0538\n", False, False, "mgag200"),
        ("PCI_CLASS=odd\nodd\n", False, False, ""),
    ],
)
def test_devices_on_the_bus(text: str, *, gpu: bool, switch: bool, module: str) -> None:
    device = read_uevent(text)
    assert (device.is_gpu, device.is_nvswitch, device.module) == (gpu, switch, module)


def test_nvidia_smi_fails_in_its_own_words() -> None:
    machine = RecordedMachine(SMI, {}, {smi_query(): said("No devices were found\n", 6)})
    facts = gather_gpus(machine)
    assert (facts.smi, facts.smi_error, facts.brand) == ((), "No devices were found", "")


def test_an_nvidia_smi_that_is_late_is_asked_once() -> None:
    facts = gather_gpus(RecordedMachine(SMI, {}, {smi_query(): LATE}))
    assert (facts.late, facts.smi, facts.smi_error) == (True, (), "no answer in 180 s")


def test_what_fails_in_time_is_not_late() -> None:
    assert not gather_gpus(RecordedMachine(SMI, {}, {smi_query(): said("No devices were found\n", 6)})).late


def test_a_machine_that_falls_silent_after_its_gpus_were_told_is_asked_no_more() -> None:
    answers = {smi_query(): said("index, name\n0, Tesla T4\n"), SMI_PROCESSES: LATE}
    facts = gather_gpus(RecordedMachine(SMI, {}, answers))
    assert (len(facts.smi), facts.processes, facts.late) == (1, (), False)


def test_eight_gpus_that_have_to_wake_up_get_minutes(node: FakeNode) -> None:
    """30 s are told of eight A100 without persistence."""
    node.nvidia.have("550.127.08")
    node.nvidia.takes = 60
    assert gather_gpus(node).smi


def test_a_table_without_a_gpu_is_an_error_too() -> None:
    facts = gather_gpus(RecordedMachine(SMI, {}, {smi_query(): said("No devices were found\n")}))
    assert facts.smi_error == "No devices were found"


def test_without_nvidia_smi_nothing_is_said() -> None:
    assert gather_gpus(RecordedMachine({})).smi_error == ""


def test_an_old_driver_knows_fewer_fields() -> None:
    """Branch 470 has no compute_cap, branch 418 no MIG either: each run of it names one."""
    oldest = smi_query("compute_cap", "mig.mode.current")
    heading = "index, uuid, driver_version, memory.total [MiB], memory.used [MiB], pci.bus_id, persistence_mode, "
    row = "0, GPU-1, 418.226.00, 15109 MiB, 0 MiB, 00000000:3B:00.0, Enabled, Enabled, Tesla T4\n"
    answers = {
        smi_query(): said('Field "compute_cap" is not a valid field to query.\n\n', 2),
        smi_query("compute_cap"): said('Field "mig.mode.current" is not a valid field to query.\n\n', 2),
        oldest: said(f"{heading}ecc.mode.current, name\n{row}"),
        SMI_PROCESSES: said("pid, gpu_uuid, used_gpu_memory [MiB], process_name\n"),
        SMI_BRAND: said("<product_brand>Tesla</product_brand>"),
    }
    facts = gather_gpus(RecordedMachine(SMI, {}, answers))
    (gpu,) = facts.smi
    assert (gpu.driver, gpu.name, gpu.capability, gpu.mig, facts.brand) == (
        "418.226.00",
        "Tesla T4",
        (0, 0),
        False,
        "Tesla",
    )
