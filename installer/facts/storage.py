"""Mounts with their space, and memory."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from installer.facts.seen import answer, text_of
from installer.sight import Sight

# What no file of ours could ever be on.
_KERNELS_OWN: Final = frozenset(
    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fuse.lxcfs fusectl hugetlbfs "
    "mqueue nfsd nsfs proc pstore ramfs rootfs rpc_pipefs securityfs selinuxfs squashfs sysfs tracefs".split()
)
# Containers' own, and what the kernel shows.
_ELSEWHERE: Final = re.compile(
    r"/overlay2?/.*/merged$|/containers/.*/mounts/shm$|/kubelet/pods/|/rootfs$|^/(snap|sys|proc)/"
)
_DF_LINE: Final = re.compile(r"(.+?)\s+(\d+)\s+(\d+)\s+(-?\d+)\s+(?:\d+%|-)\s+(/.*)")
_KIB: Final = 1024
_SHM: Final = "/dev/shm"  # noqa: S108  # looked at alone


@dataclass(frozen=True)
class Mount:
    """One mounted file system. Bytes are those that any user may take (df's Available).

    ``size`` is 0 where df does not know: then ``free`` says nothing either.
    """

    path: str
    device: str
    kind: str  # ext4, xfs, tmpfs, overlay, nfs4 ...
    options: tuple[str, ...]
    size: int
    free: int
    tells_types: bool = True  # readdir says what each entry is; False for an xfs that was made with ftype=0


@dataclass(frozen=True)
class Space:
    """Bytes of one file system: all of them, and those that any user may take."""

    size: int
    free: int


@dataclass(frozen=True)
class StorageFacts:
    """``mounts`` are those that could matter, the longest path first. Memory in bytes."""

    mounts: tuple[Mount, ...]
    memory: int  # MemTotal
    memory_available: int
    swap: int
    shm: int  # size of /dev/shm

    def mount_of(self, path: str) -> Mount | None:
        """The file system that ``path`` is or will be on."""
        for mount in self.mounts:
            if path == mount.path or path.startswith(mount.path.rstrip("/") + "/"):
                return mount
        return None


def gather_storage(sight: Sight) -> StorageFacts:
    told = read_mounts(text_of(sight, "/proc/mounts"), _space(sight))
    typeless = _typeless(sight, told)
    mounts = tuple(replace(mount, tells_types=mount.path not in typeless) for mount in told)
    memory = read_meminfo(text_of(sight, "/proc/meminfo"))
    return StorageFacts(
        mounts=mounts,
        memory=memory.get("MemTotal", 0),
        memory_available=memory.get("MemAvailable", memory.get("MemFree", 0) + memory.get("Cached", 0)),
        swap=memory.get("SwapTotal", 0),
        shm=next((mount.size for mount in mounts if mount.path == _SHM), 0),
    )


def read_mounts(text: str, space: Mapping[str, Space]) -> tuple[Mount, ...]:
    """Of /proc/mounts (fstab(5): blanks in names as octal), with df's figures by mount point or else by device.

    df leaves out what is mounted a second time elsewhere. A later line of a mount point hides the one before.
    """
    found: dict[str, Mount] = {}
    for fields in map(str.split, text.splitlines()):
        if len(fields) < 4:  # noqa: PLR2004
            continue
        device, path, kind, options = (_plain(field) for field in fields[:4])
        found.pop(path, None)
        if not path.startswith("/") or kind in _KERNELS_OWN or _ELSEWHERE.search(path):
            continue
        here = space.get(path) or space.get(device) or Space(0, 0)
        found[path] = Mount(path, device, kind, tuple(options.split(",")), here.size, here.free)
    return tuple(sorted(found.values(), key=lambda mount: (-len(mount.path), mount.path)))


def read_df(text: str) -> Mapping[str, Space]:
    """Of `df -kP` (POSIX: blocks of 1024 bytes, one line each), by mount point and by device.

    A name that many file systems share (tmpfs, overlay) tells nothing, so such devices are left out.
    """
    space = {}
    for line in text.splitlines():
        found = _DF_LINE.fullmatch(line.rstrip())
        if found:
            device, size, _used, free, path = found.groups()
            space[path] = Space(int(size) * _KIB, max(0, int(free)) * _KIB)
            if "/" in device:
                space.setdefault(device, space[path])
    return space


def read_meminfo(text: str) -> Mapping[str, int]:
    """Of /proc/meminfo (proc(5)), in bytes. MemAvailable is there since Linux 3.14, and in Red Hat's 3.10."""
    return {name: int(number) * _KIB for name, number in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}


def has_no_types(text: str) -> bool:
    """Of `xfs_info MOUNT`: `naming   =version 2   bsize=4096   ascii-ci=0 ftype=0`; older ones do not tell it."""
    return re.search(r"\bftype=0\b", text) is not None


def _typeless(sight: Sight, mounts: Iterable[Mount]) -> frozenset[str]:
    """Names with blanks, which the script for the site could not ask for, are left out."""
    if sight.finds("xfs_info") is None:
        return frozenset()
    paths = [mount.path for mount in mounts if mount.kind == "xfs" and not re.search(r"[\s\\]", mount.path)]
    return frozenset(path for path in paths if has_no_types(answer(sight, "xfs_info", path).stdout))


def _space(sight: Sight) -> Mapping[str, Space]:
    """There is no table while a network file system does not answer, so then df is asked for the local ones alone."""
    found = read_df(answer(sight, "df", "-kP", timeout=3).stdout)
    return found or read_df(answer(sight, "df", "-klP", timeout=3).stdout)


def _plain(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), field)
