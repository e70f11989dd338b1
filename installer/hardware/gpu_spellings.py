"""GPUs as a person writes them, `2x1xT4-16G`: read, and where that is misspelt, told what may be meant."""

import difflib
import re

from installer.errors import UsageError, printable
from installer.hardware.gpu_sets import GIB, GpuSet
from installer.index.gpus import GPUS, Gpu

_WRITTEN = re.compile(r"([0-9]{1,4})x([0-9]{1,2})x([A-Za-z0-9-]+?)(?:-([1-9][0-9]{0,3})G)?")
_FORM = "NODESxGPUSxNAME or NODESxGPUSxNAME-MEMORYG: 2x1xT4-16G is 2 nodes with one T4 of 16 GB each"
_KNOWN = f"known: {', '.join(GPUS)}"
# What people write instead: numbers left out, blanks, a large X.
_BARE = "[2-5]0[5-9]0|6000"  # cards that go by their number alone
_NEARLY = re.compile(
    r"\s*(?:(\d{1,4})\s*[xX*]\s*)??(?:(\d{1,2})\s*[xX*]\s*)?"
    rf"((?:[A-Za-z]|{_BARE})[A-Za-z0-9 _-]*)\s*",
    re.ASCII,
)
_GIGABYTES = re.compile(r"(?<![a-z0-9])([0-9]{1,3})(?:gi?b?)?(?![a-z0-9])")
# GH200 has the H100's GPU, and is sold with the memory of its processor in its name.
_ALSO_CALLED: tuple[tuple[str, str], ...] = (
    (r"(?<![a-z0-9])gh200(?![a-z0-9])", "h100-96g"),
    (r"^(?:rtx[ _-]?)?6000(?![0-9])", "rtx-6000-ada"),
    (rf"^(?={_BARE})", "rtx-"),
)
_TYPED_O = re.compile(r"(?<=[0-9])o+")  # for a zero: A1OO
_ALIKE = 0.5  # of 1: T5 is as much like T4
_NEAREST = 4  # names that are weighed
_OFTEN_MEANT = 24  # GB, of families whose cards differ
_LEAST, _MOST = 4, 128  # GB of theirs
# What cards are sold with, in GB. Of families whose cards differ, as the RTX ones, a person must say it.
_SOLD_WITH: tuple[tuple[int, str], ...] = (
    (16, "T4 A16 A2 V100"),
    (24, "A10 A30 L4"),
    (32, "V100"),
    (40, "A100 A800"),
    (48, "A40 L20 L40 L40S RTX-A6000 RTX-6000-Ada"),
    (80, "A100 A800 H100 H800"),
    (96, "H20 RTX-PRO-6000"),
    (141, "H200"),
    (180, "B200"),
    (270, "B300"),
)
# Which is taken only if a person says so: NVL, GH200, later H20, and what the makers of servers call the same cards.
_RARELY_SOLD_WITH: tuple[tuple[int, str], ...] = (
    (94, "H100 H800"),
    (96, "H100"),
    (141, "H20"),
    (192, "B200"),
    (288, "B300"),
)
# GDDR memory keeps its error correction in itself: a sixteenth of it cannot be used.
_CORRECTS_IN_PLACE = frozenset("T4 A10 A16 A2 A40 L4 L20 L40 L40S".split())


def parse_gpus(text: str) -> GpuSet:
    """``2x1xT4-16G``: two nodes with one T4 of 16 GB each. UsageError for what is none."""
    match = _WRITTEN.fullmatch(text)
    if match is None or not (int(match[1]) and int(match[2])):
        raise UsageError(f"--gpus: {printable(text)[:80]!r} is not {_FORM}", hint=_meant_and_known(text))
    nodes, per_node, gpu, gigabytes = int(match[1]), int(match[2]), _named(match[3]), int(match[4] or 0)
    if gpu is None:
        raise UsageError(f"--gpus: no GPU {printable(match[3])[:80]!r} is known", hint=_meant_and_known(text))
    if gigabytes and not _is_sold_with(gpu.name, gigabytes):
        sizes = _sizes(gpu.name)
        sold = " or ".join(map(str, sizes)) or f"{_LEAST} to {_MOST}"
        raise UsageError(
            f"--gpus: {gpu.name} is sold with {sold} GB, not with {gigabytes}",
            hint=" or ".join(
                f"--gpus {_written(nodes, per_node, gpu.name, size)}" for size in sizes or (_OFTEN_MEANT,)
            ),
        )
    return named_gpus(nodes, per_node, gpu, gigabytes)


def named_gpus(nodes: int, per_node: int, gpu: Gpu, gigabytes: int) -> GpuSet:
    """``gigabytes`` as the card is sold; 0 takes the one size that there is, or is a UsageError."""
    sizes = (gigabytes,) if gigabytes else _sizes(gpu.name)
    if len(sizes) != 1:
        kinds = f"with {' or '.join(map(str, sizes))} GB" if sizes else "in several sizes"
        example = _written(nodes, per_node, gpu.name, _likely_size(gpu.name, 0))
        raise UsageError(f"{gpu.name} is sold {kinds}", hint=f"say which: --gpus {example}")
    total = sizes[0] * GIB * (15 if gpu.name in _CORRECTS_IN_PLACE else 16) // 16
    return GpuSet(nodes, per_node, gpu.name, gpu.capability, total)


def meant_name(text: str) -> str:
    """The card that a person who wrote ``text`` may mean; "" of what is like none."""
    match = _NEARLY.fullmatch(text)
    gpu = _likely(_usual(match[3].lower())) if match else None
    return gpu.name if gpu else ""


def _named(name: str) -> Gpu | None:
    return next((gpu for gpu in GPUS.values() if gpu.name.lower() == name.lower()), None)


def _sizes(name: str) -> tuple[int, ...]:
    return tuple(size for size, names in _SOLD_WITH if name in names.split())


def _is_sold_with(name: str, gigabytes: int) -> bool:
    """Also of families whose cards differ, of which nobody keeps a list."""
    rare = (size for size, names in _RARELY_SOLD_WITH if name in names.split())
    usual = _sizes(name) or range(_LEAST, _MOST + 1)
    return gigabytes in {*usual, *rare}


def _meant_and_known(text: str) -> str:
    meant = _meant(text)
    return f"did you mean {meant}? {_KNOWN}" if meant else _KNOWN


def _meant(text: str) -> str:
    """Of a near miss how it is written; "" of what is like nothing."""
    match = _NEARLY.fullmatch(text)
    if match is None:
        return ""
    name = _usual(match[3].lower())
    gpu = _likely(name)
    if gpu is None:
        return ""
    size = _likely_size(gpu.name, _said_size(name, gpu))
    nodes, per_node = int(match[1] or 1) or 1, int(match[2] or 1) or 1
    if match[1] or per_node == 1:
        return _written(nodes, per_node, gpu.name, size)
    of_nodes, of_one = _written(per_node, 1, gpu.name, size), _written(1, per_node, gpu.name, size)
    return f"{of_nodes} ({per_node} nodes with 1 GPU each) or {of_one} (1 node with {per_node} GPUs)"


def _usual(name: str) -> str:
    for other, ours in _ALSO_CALLED:
        name = re.sub(other, ours, name)
    return _TYPED_O.sub(lambda typed: "0" * len(typed[0]), name)


def _likely(name: str) -> Gpu | None:
    """That which is a word of ``name``, Tesla-T4, or else what looks like it and is sold with what ``name`` says."""
    known = {gpu.name.lower(): gpu for gpu in GPUS.values()}
    words = [part for part in known if re.search(rf"(?<![a-z0-9]){re.escape(part)}(?![a-z0-9])", name)]
    bare = _GIGABYTES.sub("", name).strip(" _-")
    alike = [known[near] for near in difflib.get_close_matches(bare, known, _NEAREST, _ALIKE)]
    fitting = (gpu for gpu in alike if _said_size(name, gpu))
    return known.get(max(words, key=len, default="")) or next(fitting, next(iter(alike), None))


def _said_size(name: str, gpu: Gpu) -> int:
    """The number behind the name of the card; 0 where there is none."""
    rest = name.replace(gpu.name.lower(), "x", 1)  # what is glued to the name, the 90 of RTX-3090, is no size
    return next((int(number) for number in _GIGABYTES.findall(rest) if _is_sold_with(gpu.name, int(number))), 0)


def _likely_size(name: str, said: int) -> int:
    return said or max(_sizes(name), default=_OFTEN_MEANT)


def _written(nodes: int, per_node: int, name: str, gigabytes: int) -> str:
    return f"{nodes}x{per_node}x{name}-{gigabytes}G"
