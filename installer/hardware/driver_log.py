"""What the log of NVIDIA's installer says of a failure, and what a person can do about it."""

_LAST_WORD = "Installation has failed"
_HEADERS = "install kernel-devel (deb: linux-headers) for exactly the running kernel (uname -r)"
# Texts of nvidia-installer 535 to 590, its log and what the tools it runs say; the first that is found counts.
CAUSES: dict[str, str] = {
    "Nouveau kernel driver is currently in use": "nouveau is loaded: rebuild the initramfs "
    "(dracut -f, or update-initramfs -u), reboot, then run the same command again",
    "Unable to find the kernel source tree": _HEADERS,
    "The kernel header file": f"the headers are incomplete: {_HEADERS}",
    "nable to find the development tool": "install gcc and make",
    "make: not found": "install make",
    "make: command not found": "install make",
    "ld: not found": "install binutils",
    "ld: command not found": "install binutils",
    "unrecognized command line option": "gcc is older than the one that built the kernel: install the one that "
    "/proc/version names",
    "unrecognized command-line option": "gcc is older than the one that built the kernel: install the one that "
    "/proc/version names",
    "please install libelf-dev": "install elfutils-libelf-devel (deb: libelf-dev), which this kernel's build needs",
    "Required key not available": "Secure Boot refuses the unsigned module: switch it off, or enrol a key",
    "Key was rejected by service": "Secure Boot refuses the unsigned module: switch it off, or enrol a key",
    "appears to be already loaded": "something uses the GPU: stop it, or reboot",
    "appears to already be loaded": "something uses the GPU: stop it, or reboot",
    "appear to be running an X server": "stop the display: systemctl isolate multi-user.target",
    "using a different installer": "remove the packages of the driver that is there, then run the same command again",
    "alternate method of installing": "remove the packages of the driver that is there, then run the same command "
    "again",
    "unrecognized option": "this branch of the driver does not know an option that we gave: tell us its version",
    "No space left on device": "make room on /, /usr and /var",
    "nvidia-installer: Permission denied": "/var may be mounted noexec: remount it with exec for the installation",
    "Unable to load the kernel module": "the module was built, but the kernel does not take it: "
    "dmesg | grep -e NVRM -e nvidia",
    "Failed to run `": "the module does not compile: headers and compiler must be those of the running kernel "
    "(uname -r, /proc/version), and the branch must know this kernel",
}


def errors_in(log: str) -> tuple[str, ...]:
    """Each as one line. Where the last word is all there is, the warnings tell what it had an answer for by itself."""
    lines = [line.strip() for line in log.splitlines()]
    errors = tuple(line for line in lines if "ERROR" in line)
    told = tuple(line for line in errors if _LAST_WORD not in line)
    return told or tuple(line for line in lines if line.startswith("WARNING")) or errors


def remedy_for(log: str) -> str | None:
    return next((remedy for text, remedy in CAUSES.items() if text in log), None)
