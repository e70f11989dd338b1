"""What the product made of real hosts, on the spot: it comes to the same from what it saw there."""

import json

from installer.facts.gpus import GpuFacts, GpuProcess, PciGpu, SmiGpu
from tests.recorded.judging import REQUIREMENTS, verdicts

JUDGED = json.loads((REQUIREMENTS.parent / "h200/judged.json").read_text())


def seen() -> GpuFacts:
    said = JUDGED["gpus"]
    return GpuFacts(
        **{
            **said,
            "pci": tuple(PciGpu(**gpu) for gpu in said["pci"]),
            "smi": tuple(SmiGpu(**{**gpu, "capability": tuple(gpu["capability"])}) for gpu in said["smi"]),
            "processes": tuple(GpuProcess(**process) for process in said["processes"]),
        }
    )


def test_two_h200_are_seen_as_they_are() -> None:
    gpus = seen()
    assert [(gpu.name, gpu.capability, gpu.memory) for gpu in gpus.smi] == [("NVIDIA H200", (9, 0), 143771)] * 2
    assert JUDGED["driver"]["loaded"] == "580.159.04"
    assert JUDGED["driver"]["is_open"]


def test_two_h200_run_every_image_natively_and_hold_both_models() -> None:
    found = verdicts(seen())
    assert found == JUDGED["verdicts"]
    assert all(words.startswith("native: ") for words in found["images"].values())
    assert all(words.startswith("fits: ") for words in found["models"].values())
