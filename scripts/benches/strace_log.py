"""How many bytes of the files below a folder were read, by a log of `strace -f -y -s 0`."""

import re
from collections.abc import Iterable, Iterator

# By system call, which of the descriptors among its arguments is the one that is read from.
SOURCE = {
    "read": 0,
    "readv": 0,
    "pread64": 0,
    "preadv": 0,
    "preadv2": 0,
    "mmap": 0,
    "sendfile": 1,
    "splice": 0,
    "copy_file_range": 0,
}
_LINE = re.compile(r"(\d+) +(.*)")
_UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (\S+)")
_DESCRIPTOR = re.compile(r"\b\d+<([^>]*)>")
_MAPPED = re.compile(r"[^,]+, (\d+), ")


def bytes_read(lines: Iterable[str], folder: str) -> int:
    """What the calls returned; of a mapping its length, since who maps may read all of it."""
    return sum(_bytes_read(call, folder) for call in _calls(lines))


def _calls(lines: Iterable[str]) -> Iterator[str]:
    """Whole calls: one that another process broke into stands in two lines."""
    begun: dict[str, str] = {}
    for line in lines:
        found = _LINE.match(line)
        if found is None:
            continue
        process, text = found[1], found[2]
        if text.endswith(_UNFINISHED):
            begun[process] = text.removesuffix(_UNFINISHED)
        elif resumed := _RESUMED.match(text):
            yield begun.pop(process) + resumed[2]
        else:
            yield text


def _bytes_read(call: str, folder: str) -> int:
    found = _CALL.match(call)
    if found is None or found[1] not in SOURCE:
        return 0
    name, arguments, result = found.groups()
    paths = _DESCRIPTOR.findall(arguments)
    which = SOURCE[name]
    if which >= len(paths) or not paths[which].startswith(f"{folder}/"):
        return 0
    return _length(name, arguments, result)


def _length(name: str, arguments: str, result: str) -> int:
    """None where the call failed, or never returned."""
    if result in {"-1", "?"}:
        return 0
    if name != "mmap":
        return int(result)
    mapped = _MAPPED.match(arguments)
    if mapped is None:
        raise ValueError(f"mmap without a length: {arguments}")
    return int(mapped[1])
