import pytest

from installer.hardware.driver_log import errors_in, remedy_for


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("ERROR: The Nouveau kernel driver is currently in use by your system.", "nouveau is loaded"),
        ("ERROR: Unable to find the kernel source tree for the currently running kernel.", "kernel-devel"),
        (
            "ERROR: The kernel header file '/lib/modules/5.14.0/build/include/linux/kernel.h' does not exist.",
            "incomplete",
        ),
        ("ERROR: Unable to find the development tool `cc` in your path", "install gcc and make"),
        ("ERROR: unable to find the development tool `make` in your path", "install gcc and make"),
        ("/bin/sh: line 1: make: command not found", "install make"),
        ("gcc: error: unrecognized command line option '-mharden-sls=all'", "gcc is older"),
        ("error: Cannot generate ORC metadata, please install libelf-dev, libelf-devel", "elfutils-libelf-devel"),
        ("-> Kernel module load error: Required key not available", "Secure Boot"),
        ("modprobe: ERROR: could not insert 'nvidia': Key was rejected by service", "Secure Boot"),
        ("ERROR: An NVIDIA kernel module 'nvidia-uvm' appears to be already loaded in your kernel.", "uses the GPU"),
        ("ERROR: An NVIDIA kernel module 'nvidia-drm' appears to already be loaded in your kernel.", "uses the GPU"),
        ("ERROR: You appear to be running an X server; please exit X before installing.", "isolate multi-user"),
        (
            "WARNING: The NVIDIA driver appears to have been installed previously using a different installer.",
            "packages",
        ),
        ("ERROR: An alternate method of installing the NVIDIA driver was detected.", "packages"),
        ('nvidia-installer: unrecognized option: "--skip-module-load"', "does not know"),
        ("cp: error writing: No space left on device", "make room"),
        ("sh: ./nvidia-installer: Permission denied", "noexec"),
        ("ERROR: Unable to load the kernel module 'nvidia.ko'.", "dmesg"),
        ('ERROR: Failed to run `/usr/bin/make -j8 NV_EXCLUDE_BUILD_MODULES=""`', "does not compile"),
    ],
)
def test_a_known_failure_has_a_remedy(said: str, remedy: str) -> None:
    assert remedy in (remedy_for(f"nvidia-installer log\n{said}\n") or "")


def test_a_failed_load_is_laid_to_its_own_cause() -> None:
    log = "ERROR: Unable to load the kernel module 'nvidia.ko'.\n-> load error: Required key not available"
    assert (remedy_for(log) or "").startswith("Secure Boot")


def test_an_unknown_failure_has_none() -> None:
    assert remedy_for("ERROR: something new") is None


def test_errors_are_quoted_as_lines() -> None:
    assert errors_in("-> fine\n  ERROR: one\nWARNING: no\nERROR: two\n") == ("ERROR: one", "ERROR: two")


def test_the_last_word_says_less_than_what_came_before() -> None:
    last = "ERROR: Installation has failed.  Please see the file '/var/log/nvidia-installer.log' for details."
    assert errors_in(f"ERROR: no headers\n{last}\n") == ("ERROR: no headers",)
    assert errors_in(f"WARNING: a module is loaded\n-> Abort\n{last}\n") == ("WARNING: a module is loaded",)
    assert errors_in(f"{last}\n") == (last,)
