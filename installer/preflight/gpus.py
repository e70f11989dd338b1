"""Whether this node has the GPUs that the cluster counts on, alike, whole and free."""

from collections.abc import Iterator

from installer.facts.gpus import PciGpu, SmiGpu
from installer.preflight.finding import Finding, problem, warning
from installer.preflight.gpu_driver import coming, used
from installer.preflight.situation import Situation

_FEW_MIB = 512  # that a display or an idle CUDA context takes


def gpus(at: Situation) -> Iterator[Finding]:
    found, kept, wanted = at.facts.gpus.count, len(_for_guests(at)), at.index.cluster.gpus_per_node
    if not found + kept:
        yield problem(
            "gpus",
            f"no NVIDIA GPU is on this node's PCI bus, the bundle is for {wanted}",
            "is it plugged in, powered, and passed through to this machine? lspci -d 10de:",
        )
    elif found + kept < wanted:
        lost = _lost(at)
        yield problem(
            "gpus",
            f"this node has {_count(found)}, the bundle is for {wanted} on each node{lost}",
            "lspci -d 10de: and dmesg | grep -i nvrm tell of one that is lost"
            if lost
            else "build the bundle with `gpus_per_node:` and parallel sizes that fit these nodes",
        )


def vfio(at: Situation) -> Iterator[Finding]:
    """Those that are left may be enough."""
    held = _for_guests(at)
    if held and at.facts.gpus.count < at.index.cluster.gpus_per_node:
        modules = ", ".join(sorted({gpu.module for gpu in held}))
        yield problem(
            "vfio",
            f"{modules} holds {', '.join(f'{gpu.slot} (10de:{gpu.device})' for gpu in held)} for a virtual machine: no "
            "NVIDIA driver gets there",
            f"{'; '.join(f'driverctl unset-override {gpu.slot}' for gpu in held)}; or take vfio-pci.ids= and "
            "pci-stub.ids= out of the kernel's command line and `options vfio-pci` out of /etc/modprobe.d, rebuild the "
            "initramfs, reboot",
        )


def _for_guests(at: Situation) -> tuple[PciGpu, ...]:
    """Of which ``vfio`` tells."""
    return tuple(gpu for gpu in at.facts.gpus.pci if gpu.is_for_guests)


def _lost(at: Situation) -> str:
    silent = len(at.facts.gpus.drivable) - len(at.facts.gpus.smi)
    return f"; the PCI bus has {silent} more that nvidia-smi does not show" if at.facts.gpus.smi and silent > 0 else ""


def _count(number: int) -> str:
    return f"{number} GPU{'' if number == 1 else 's'}"


def models(at: Situation) -> Iterator[Finding]:
    """The cluster goes by the weakest of those it uses: its memory, and what it can compute."""
    by_name = sorted({gpu.name for gpu in used(at)})
    kinds = by_name or sorted({f"10de:{gpu.device}" for gpu in at.facts.gpus.drivable})
    beside = sorted({gpu.name for gpu in at.facts.gpus.smi} - set(by_name))
    if len(kinds) == 1 and beside:
        yield warning(
            "gpu-models",
            f"beside the {_count(at.index.cluster.gpus_per_node)} that the cluster uses ({kinds[0]}) this node has "
            f"{', '.join(beside)}, which it leaves alone: CUDA numbers the fastest first",
            "none needed, as long as nothing sets CUDA_DEVICE_ORDER",
        )
    elif len(kinds) > 1:
        yield warning(
            "gpu-models",
            f"this node has GPUs of {len(kinds)} models: {', '.join(kinds)}; the weakest sets the pace for all",
            "take out those that do not belong, or a machine with GPUs of one model",
        )


def held(at: Situation) -> Iterator[Finding]:
    """The driver's step goes on beside nobody of these, and kills nobody."""
    if (replacing := coming(at)) and at.strangers:
        yield problem(
            "gpu-held",
            f"{', '.join(at.strangers)} {'have' if len(at.strangers) > 1 else 'has'} a GPU open, if only to watch it, "
            f"so that driver {replacing} cannot take the place of the one that is loaded",
            "stop them: docker stop CONTAINER, systemctl stop UNIT, kill PROCESS",
        )


def busy(at: Situation) -> Iterator[Finding]:
    """The server refuses to start where less memory is free than the share that it is told to take.

    Who keeps a driver from its replacement is told by ``held``, and once; but for whom nvidia-smi alone sees.
    """
    replaced = coming(at)
    if at.cluster_runs or (replaced and at.strangers):
        return
    share = float(at.index.serve.gpu_memory_utilization)
    for gpu in at.facts.gpus.smi:
        if replaced and _processes(at, gpu):
            yield problem(
                "gpu-busy",
                f"GPU {gpu.index} ({gpu.name}) is in use, so that driver {replaced} cannot take its place; "
                f"{_holders(at, gpu)}",
                _stop(at, gpu),
            )
        elif gpu in used(at) and gpu.free < gpu.memory * share:
            yield problem(
                "gpu-busy",
                f"GPU {gpu.index} ({gpu.name}) has {gpu.free} of {gpu.memory} MiB free, vLLM will want "
                f"{at.index.serve.gpu_memory_utilization} of it; {_holders(at, gpu)}",
                _stop(at, gpu),
            )
        elif gpu.used > _FEW_MIB or _processes(at, gpu):
            yield warning(
                "gpu-busy",
                f"GPU {gpu.index} ({gpu.name}) has {gpu.used} MiB in use; {_holders(at, gpu)}",
                _stop(at, gpu),
            )


def _processes(at: Situation, gpu: SmiGpu) -> list[tuple[int, str]]:
    return [
        (found.pid, f"{found.name} ({found.pid}, {found.used} MiB)")
        for found in at.facts.gpus.processes
        if found.gpu == gpu.uuid
    ]


def _holders(at: Situation, gpu: SmiGpu) -> str:
    names = [name for _, name in _processes(at, gpu)]
    return f"held by {', '.join(names)}" if names else "nvidia-smi does not say by whom (another container?)"


def _stop(at: Situation, gpu: SmiGpu) -> str:
    pids = " ".join(str(pid) for pid, _ in _processes(at, gpu))
    return f"stop it: kill {pids}" if pids else "docker ps, and fuser -v /dev/nvidia*, tell who: stop it"


def mig(at: Situation) -> Iterator[Finding]:
    """Slices of a GPU cannot work together: NCCL refuses them."""
    cut = [gpu.index for gpu in at.facts.gpus.smi if gpu.mig]
    if cut:
        yield problem(
            "mig",
            f"MIG is on for GPU {', '.join(map(str, cut))}: vLLM across GPUs needs whole ones",
            "; ".join(f"nvidia-smi -i {index} -mig 0" for index in cut) + "; then a reboot if it says pending",
        )
