"""Mounts with their space, and memory."""

from dataclasses import dataclass

from installer.sight import Sight


@dataclass(frozen=True)
class Mount:
    """One mounted file system. Bytes are those that any user may take (df's Available)."""

    path: str
    device: str
    kind: str  # ext4, xfs, tmpfs, overlay, nfs4 ...
    options: tuple[str, ...]
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
    raise NotImplementedError
