"""The recorded text is that of the H200 host; others are constructed after real ones."""

import pytest

from installer.facts.driver import (
    Module,
    gather_driver,
    is_nouveau_blocked_at_boot,
    is_nouveau_blocked_in,
    read_fabric_manager,
    read_gcc,
    read_kernels_gcc,
    read_loaded,
    read_modinfo,
    read_modules,
)
from installer.facts.package_owner import read_dpkg_owner
from installer.sight import Output
from tests.fakes.recorded_machine import RECORDED, RecordedMachine, said

KERNEL = "5.15.0-105-generic"
RECORDING = (RECORDED / "h200/proc.txt").read_text()
PROPRIETARY = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.127.08  Tue Oct  8 04:40:26 UTC 2024\n"
    "GCC version:  gcc version 4.8.5 20150623 (Red Hat 4.8.5-44) (GCC) \n"
)


def test_the_recorded_driver() -> None:
    assert read_loaded(RECORDING) == "580.159.04"
    assert read_modules(RECORDING) == {"nvidia_uvm", "nvidia"}


def test_the_recorded_driver_is_open() -> None:
    facts = gather_driver(RecordedMachine({}, {"/proc/driver/nvidia/version": RECORDING}), KERNEL)
    assert (facts.loaded, facts.is_open, facts.on_disk) == ("580.159.04", True, "")


def test_a_proprietary_one_is_not() -> None:
    facts = gather_driver(RecordedMachine({}, {"/proc/driver/nvidia/version": PROPRIETARY}), KERNEL)
    assert (facts.loaded, facts.is_open) == ("550.127.08", False)


def test_a_version_of_two_numbers() -> None:
    assert read_loaded("NVRM version: NVIDIA UNIX x86_64 Kernel Module  430.64  Sun Oct 27\n") == "430.64"


@pytest.mark.parametrize(("licence", "is_open"), [("Dual MIT/GPL", True), ("NVIDIA", False)])
def test_the_module_on_disk_is_of_one_kind_or_the_other(licence: str, *, is_open: bool) -> None:
    path = f"/lib/modules/{KERNEL}/updates/dkms/nvidia.ko"
    text = f"filename:       {path}\nalias:          char-*\nversion:        570.86.15\nlicense:        {licence}\n"
    assert read_modinfo(text) == Module(path, "570.86.15", licence)
    machine = RecordedMachine({"modinfo": "/sbin/modinfo"}, {}, {("modinfo", "nvidia"): said(text)})
    facts = gather_driver(machine, KERNEL)
    assert (facts.loaded, facts.on_disk, facts.is_open) == ("", "570.86.15", is_open)


def test_modules_that_are_loaded() -> None:
    text = (
        "nvidia_uvm 4956160 2 - Live 0x0 (POE)\nnvidia 56823808 3 nvidia_uvm, Live 0x0 (POE)\nnouveau 2 - - Live 0x0\n"
    )
    assert read_modules(text) == {"nvidia_uvm", "nvidia", "nouveau"}


def test_the_version_of_fabric_manager() -> None:
    assert read_fabric_manager("Fabric Manager version is : 550.127.08\n") == "550.127.08"
    assert read_fabric_manager("") == ""


@pytest.mark.parametrize(
    ("text", "blocked"),
    [
        ("# by hand\nblacklist nouveau\noptions nouveau modeset=0\n", True),
        ("install nouveau /bin/false\n", True),
        ("options nouveau modeset=0", True),
        ("# blacklist nouveau\n", False),
        ("blacklist nouveau_vieux\nblacklist pcspkr\n", False),
        ("options nouveau modeset=1\n", False),
    ],
)
def test_settings_that_keep_nouveau_out(text: str, *, blocked: bool) -> None:
    assert is_nouveau_blocked_in(text) is blocked


@pytest.mark.parametrize(
    ("text", "blocked"),
    [
        ("BOOT_IMAGE=/vmlinuz ro rd.driver.blacklist=nouveau quiet\n", True),
        ("ro modprobe.blacklist=pcspkr,nouveau,floppy\n", True),
        ("nouveau.modeset=0 quiet\n", True),
        ("ro modprobe.blacklist=nouveaux quiet\n", False),
        ("ro quiet\n", False),
    ],
)
def test_a_kernel_that_is_told_to_keep_nouveau_out(text: str, *, blocked: bool) -> None:
    assert is_nouveau_blocked_at_boot(text) is blocked


def test_nouveau_is_loaded_and_nobody_keeps_it_out() -> None:
    files = {"/proc/modules": "nouveau 2023424 1 - Live 0x0\n", "/etc/modprobe.d/blacklist.conf": "blacklist pcspkr\n"}
    facts = gather_driver(RecordedMachine({}, files), KERNEL)
    assert (facts.nouveau_loaded, facts.nouveau_blocked) == (True, False)


def test_what_is_no_settings_file_blocks_nothing() -> None:
    machine = RecordedMachine({}, {"/etc/modprobe.d/blacklist.conf.bak": "blacklist nouveau\n"})
    assert not gather_driver(machine, KERNEL).nouveau_blocked


def test_headers_are_those_of_the_running_kernel() -> None:
    machine = RecordedMachine({}, {"/lib/modules/5.15.0-101-generic/build/Makefile": ""})
    assert not gather_driver(machine, KERNEL).headers
    assert gather_driver(machine, "5.15.0-101-generic").headers


@pytest.mark.parametrize(("files", "running"), [({}, False), ({"/proc/812/comm": "Xorg\n"}, True)])
def test_an_x_server_that_has_died_is_none(files: dict[str, str], *, running: bool) -> None:
    machine = RecordedMachine({}, {"/tmp/.X0-lock": "       812\n", **files})  # noqa: S108
    assert gather_driver(machine, KERNEL).display_server is running


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("nvidia-utils-535: /usr/bin/nvidia-smi\n", "nvidia-utils-535"),
        ("libc6:amd64: /lib/x86_64-linux-gnu/libc.so.6\n", "libc6"),
        ("one, two: /usr/share/shared\n", "one"),
        ("diversion by glx from: /usr/bin/a\ndiversion by glx to: /usr/bin/b\nown: /usr/bin/a\n", "own"),
        ("", ""),
    ],
)
def test_the_owner_that_dpkg_tells(text: str, owner: str) -> None:
    assert read_dpkg_owner(text) == owner


def test_debians_programs_are_behind_links() -> None:
    behind = "/usr/lib/nvidia/current/nvidia-smi"
    answers: dict[tuple[str, ...], Output] = {
        ("dpkg-query", "-S", "/usr/bin/nvidia-smi"): said("", 1),
        ("readlink", "-f", "/usr/bin/nvidia-smi"): said(f"{behind}\n"),
        ("dpkg-query", "-S", behind): said(f"nvidia-smi: {behind}\n"),
    }
    programs = {name: f"/usr/bin/{name}" for name in ("nvidia-smi", "dpkg-query", "readlink")}
    assert gather_driver(RecordedMachine(programs, {}, answers), KERNEL).owner == "nvidia-smi"


# --- who owns it

SMI = "/usr/bin/nvidia-smi"
RPM = ("rpm", "-qf", "--queryformat", "%{NAME}\\n", SMI)
DPKG = ("dpkg-query", "-S", SMI)
BY_NOBODY = Output(1, f"file {SMI} is not owned by any package\n", "")


def asked_for_owner(answers: dict[tuple[str, ...], Output]) -> tuple[str, str]:
    names = {name: f"/usr/bin/{name}" for name in ("nvidia-smi", *(command[0] for command in answers))}
    facts = gather_driver(RecordedMachine(names, {}, answers), KERNEL)
    return facts.owner, facts.owner_silence


@pytest.mark.parametrize(
    ("answers", "silence"),
    [
        ({RPM: Output(-9, "", "\nno answer in 30 s", late=True)}, "rpm: no answer in 30 s"),
        ({DPKG: Output(-9, "", "\nno answer in 30 s", late=True)}, "dpkg-query: no answer in 30 s"),
        (
            {RPM: Output(1, "", "error: cannot open Packages database in /var/lib/rpm\n")},
            "rpm: error: cannot open Pack",
        ),
        (
            {DPKG: Output(2, "", "dpkg-query: error: files list file is missing\n")},
            "dpkg-query: dpkg-query: error: fil",
        ),
        ({DPKG: Output(2, "", "dpkg-query: error: x\n"), RPM: BY_NOBODY}, "dpkg-query: dpkg-query: error: x"),
    ],
    ids=["rpm hangs", "dpkg is slow", "rpm has no database", "dpkg is damaged", "one of two is damaged"],
)
def test_a_package_database_that_does_not_answer_is_not_one_that_knows_nothing(
    answers: dict[tuple[str, ...], Output], silence: str
) -> None:
    owner, found = asked_for_owner(answers)
    assert owner == ""
    assert found.startswith(silence)


@pytest.mark.parametrize(
    "answers",
    [
        {RPM: BY_NOBODY},
        {RPM: Output(1, "", f"file {SMI} is not owned by any package\n")},
        {RPM: Output(1, "", f"error: file {SMI}: No such file or directory\n")},
        {DPKG: Output(1, "", f"dpkg-query: no path found matching pattern {SMI}\n")},
        {},
    ],
)
def test_a_file_of_no_package(answers: dict[tuple[str, ...], Output]) -> None:
    assert asked_for_owner(answers) == ("", "")


def test_one_database_may_know_what_the_other_cannot_tell() -> None:
    answers = {DPKG: Output(2, "", "dpkg-query: error: x\n"), RPM: said("nvidia-driver-cuda\n")}
    assert asked_for_owner(answers) == ("nvidia-driver-cuda", "")


def test_a_database_that_hangs_is_asked_for_one_file() -> None:
    module = "/lib/modules/nvidia.ko"
    answers: dict[tuple[str, ...], Output] = {
        ("modinfo", "nvidia"): said(f"filename:       {module}\nversion:        550.127.08\n"),
        (*RPM[:-1], module): Output(-9, "", "\nno answer in 30 s", late=True),
    }
    assert asked_for_owner(answers) == ("", "rpm: no answer in 30 s")


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ("cc (Debian 12.2.0-14+deb12u1) 12.2.0\nCopyright (C) 2022", 12),
        ("cc (Ubuntu 11.4.0-1ubuntu1~22.04) 11.4.0\n", 11),
        ("gcc (GCC) 4.8.5 20150623 (Red Hat 4.8.5-44)\n", 4),
        ("gcc-12 (SUSE Linux) 12.3.0\n", 12),
        ("cc (GCC) 15\n", 15),
        ("clang version 14.0.0\n", 0),
        ("", 0),
    ],
)
def test_the_compiler(text: str, major: int) -> None:
    assert read_gcc(text) == major


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ("Linux version 3.10.0 (mock@x) (gcc version 4.8.5 20150623 (Red Hat 4.8.5-44) (GCC) ) #1 SMP", 4),
        ("Linux version 4.18.0 (mock@x) (gcc version 8.5.0 20210514 (Red Hat 8.5.0-20) (GCC)) #1 SMP", 8),
        ("Linux version 5.14.0 (mock@x) (gcc (GCC) 11.4.1 20231218 (Red Hat 11.4.1-3), GNU ld version 2.35) #1", 11),
        ("Linux version 6.8.0 (b@l) (x86_64-linux-gnu-gcc-12 (Ubuntu 12.3.0-1ubuntu1~22.04) 12.3.0, GNU ld) #40", 12),
        ("Linux version 6.1.0 (debian@d) (gcc-12 (Debian 12.2.0-14) 12.2.0, GNU ld (GNU Binutils) 2.40) #1", 12),
        ("Linux version 6.17.0 (b@l) (gcc (GCC) 15, GNU ld (GNU Binutils) 2.45) #1", 15),
        ("Linux version 6.6.0 (nix@b) (clang version 17.0.6, LLD 17.0.6) #1", 0),
        ("", 0),
    ],
)
def test_the_compiler_of_the_kernel(text: str, major: int) -> None:
    assert read_kernels_gcc(text) == major
