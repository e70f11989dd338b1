"""Texts are constructed after real ones unless a test says that one is recorded."""

import pytest

from installer.facts.system import (
    read_cgroup,
    read_clock,
    read_environment,
    read_os_release,
    read_secure_boot,
    read_selinux,
    read_systemd,
    read_uname,
)


def test_quotes_and_comments_are_no_part_of_a_release() -> None:
    text = '# made by hand\nNAME="CentOS Linux"\nVERSION_ID="7"\nID=\'centos\'\nID_LIKE="rhel fedora"\n\nodd\n'
    expected = {"NAME": "CentOS Linux", "VERSION_ID": "7", "ID": "centos", "ID_LIKE": "rhel fedora"}
    assert read_os_release(text) == expected


def test_uname_tells_release_and_machine() -> None:
    assert read_uname("3.10.0-1160.el7.x86_64 x86_64\n") == ("3.10.0-1160.el7.x86_64", "x86_64")
    assert read_uname("") == ("", "")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("systemd 219\n+PAM +AUDIT\n", 219),
        ("systemd 252 (252.36-1~deb12u1)\n+PAM\n", 252),
        ("systemd 255 (255.4-1ubuntu8)\n", 255),
        ("", 0),
    ],
)
def test_the_major_version_of_systemd(text: str, version: int) -> None:
    assert read_systemd(text) == version


@pytest.mark.parametrize(
    ("mounts", "version"),
    [
        ("cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n", 2),
        ("tmpfs /sys/fs/cgroup tmpfs ro 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n", 1),
        ("cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n", 1),
        ("proc /proc proc rw 0 0\n\nodd\n", 0),
    ],
)
def test_a_hybrid_machine_counts_as_version_1(mounts: str, version: int) -> None:
    assert read_cgroup(mounts) == version


@pytest.mark.parametrize(("text", "mode"), [("1", "enforcing"), ("0", "permissive"), ("", "")])
def test_selinux(text: str, mode: str) -> None:
    assert read_selinux(text) == mode


@pytest.mark.parametrize(
    ("text", "on"), [("   6   0   0   0   1\n", True), ("   6   0   0   0   0\n", False), ("", False)]
)
def test_secure_boot_is_the_byte_after_four_of_attributes(text: str, *, on: bool) -> None:
    assert read_secure_boot(text) is on


def test_a_clock_that_is_not_known_is_zero() -> None:
    assert read_clock("1795284432\n") == 1795284432
    assert read_clock("+%s\n") == 0


def test_the_environment_of_a_process() -> None:
    text = "TERM=linux\0container=systemd-nspawn\0container_uuid=0\0"
    assert read_environment(text, "container") == "systemd-nspawn"
    assert read_environment("", "container") == ""
