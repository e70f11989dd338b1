"""Texts are constructed after real ones: CentOS 7's df, a busybox's, an Ubuntu with docker, NFS."""

import pytest

from installer.facts.storage import (
    Space,
    StorageFacts,
    gather_storage,
    has_no_types,
    read_df,
    read_meminfo,
    read_mounts,
)
from installer.sight import Output
from tests.fakes.recorded_machine import RecordedMachine, said

GIB = 1 << 30
DF = """\
Filesystem              1024-blocks      Used Available Capacity Mounted on
devtmpfs                   65808288         0  65808288       0% /dev
tmpfs                      65820376         0  65820376       0% /dev/shm
/dev/mapper/centos-root    52403200   8603200  43800000      17% /
/dev/sdb1                1048576000 943718400 104857600      90% /my data
nas.local:/export/models 2097152000         0 2097152000       0% /models
overlay                    52403200   8603200  43800000      17% /var/lib/docker/overlay2/abc/merged
"""
MOUNTS = """\
rootfs / rootfs rw 0 0
proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0
/dev/mapper/centos-root / xfs rw,seclabel,relatime,attr2,inode64,noquota 0 0
tmpfs /dev/shm tmpfs rw,nosuid,nodev 0 0
systemd-1 /data autofs rw,relatime,fd=27 0 0
/dev/sdb1 /my\\040data xfs rw,noexec,relatime 0 0
/dev/sdb1 /var/lib/docker xfs rw,relatime 0 0
overlay /var/lib/docker/overlay2/abc/merged overlay rw,lowerdir=l 0 0
nas.local:/export/models /models nfs4 ro,relatime,vers=4.1 0 0
/dev/loop3 /snap/core20/1974 squashfs ro,nodev,relatime 0 0
broken line
"""


@pytest.fixture
def storage() -> StorageFacts:
    return StorageFacts(read_mounts(MOUNTS, read_df(DF)), 0, 0, 0, 0)


def test_what_no_file_of_ours_could_be_on_is_left_out(storage: StorageFacts) -> None:
    assert [mount.path for mount in storage.mounts] == ["/var/lib/docker", "/dev/shm", "/my data", "/models", "/"]  # noqa: S108


def test_a_path_is_on_the_nearest_mount_above_it(storage: StorageFacts) -> None:
    found = [storage.mount_of(path) for path in ("/models", "/models/qwen", "/modelsX", "/my data/a", "/opt")]
    assert [mount.path for mount in found if mount] == ["/models", "/models", "/", "/my data", "/"]


def test_a_second_mount_of_a_device_has_its_space_too(storage: StorageFacts) -> None:
    """Df leaves it out."""
    docker = storage.mount_of("/var/lib/docker")
    assert docker
    assert (docker.size, docker.free) == (1000 * GIB, 100 * GIB)


def test_options_are_those_of_the_mount(storage: StorageFacts) -> None:
    mount = storage.mount_of("/my data")
    assert mount
    assert "noexec" in mount.options


def test_what_is_mounted_last_hides_what_was_there(storage: StorageFacts) -> None:
    text = "/dev/sda1 /data ext4 rw 0 0\n/dev/sdb1 /data xfs rw 0 0\n"
    assert [mount.kind for mount in read_mounts(text, {})] == ["xfs"]


def test_space_that_is_not_known_has_no_size() -> None:
    assert [(mount.size, mount.free) for mount in read_mounts("/dev/sda1 / ext4 rw 0 0\n", {})] == [(0, 0)]


def test_a_full_disk_has_nothing_free() -> None:
    """Root may eat into the reserve, and what is left for others is then below zero."""
    assert read_df("/dev/sda1 1000 1010 -10 101% /\n")["/"] == Space(1000 << 10, 0)


def test_a_device_that_many_mounts_share_tells_nothing_of_them() -> None:
    assert read_df(DF).keys() & {"tmpfs", "overlay", "devtmpfs"} == set()


def test_memory_is_in_bytes() -> None:
    text = "MemTotal:       131640756 kB\nHugePages_Total:       0\nSwapTotal:       0 kB\n"
    assert read_meminfo(text) == {"MemTotal": 131640756 << 10, "SwapTotal": 0}


def test_an_old_kernel_does_not_tell_what_is_available() -> None:
    files = {"/proc/meminfo": "MemTotal: 100 kB\nMemFree: 20 kB\nCached: 30 kB\n"}
    assert gather_storage(RecordedMachine({}, files)).memory_available == 50 << 10


def test_where_a_network_disk_hangs_the_local_ones_are_asked_for() -> None:
    answers: dict[tuple[str, ...], Output] = {
        ("df", "-kP"): Output(-9, "", "no answer in 3 s"),
        ("df", "-klP"): said("/dev/sda1 9 0 7 0% /\n"),
    }
    machine = RecordedMachine({"df": "/bin/df"}, {"/proc/mounts": "/dev/sda1 / ext4 rw 0 0\n"}, answers)
    assert [mount.free for mount in gather_storage(machine).mounts] == [7 << 10]


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("naming   =version 2              bsize=4096   ascii-ci=0 ftype=0\n", True),
        ("naming   =version 2              bsize=4096   ascii-ci=0, ftype=1, parent=0\n", False),
        ("naming   =version 2              bsize=4096   ascii-ci=0\n", False),
        ("", False),
    ],
)
def test_an_xfs_without_file_types(text: str, *, lacks: bool) -> None:
    assert has_no_types(text) is lacks
