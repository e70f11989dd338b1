"""The driver .run: a makeself archive like NVIDIA's, around a pretended installer."""

import shutil
from pathlib import Path

from testbed import c_programs
from testbed.commands import TestbedError, run

VERSION = "550.127.08"
CUDA = "12.4"
NAME = f"NVIDIA-Linux-x86_64-{VERSION}"
LABEL = "NVIDIA Accelerated Graphics Driver for Linux-x86_64"
HEADER = Path("/usr/share/makeself/makeself-header.sh")
# NVIDIA's makeself is an old one, changed: it names version and machine, can extract only,
# and hands every option that it does not know to the installer.
HEADER_CHANGES = (
    ("#!/bin/sh\n", "#!/bin/sh\nversion_string=@VERSION@\nTARGET_ARCH=x86_64\n"),
    ("\t--noexec)\n", '\t-x | --extract-only)\n\tscript=""\n\tkeep=y\n\tshift\n\t;;\n\t--noexec)\n'),
    ("    -q | --quiet)\n", "    --quiet)\n"),
    ("    -h | --help)\n", "    --makeself-help)\n"),
    ('    -*)\n\techo Unrecognized flag : "\\$1" >&2\n\tMS_Help\n\texit 1\n\t;;\n', ""),
)


def make(target: Path, version: str = VERSION) -> None:
    scratch = target.with_name(f"{target.name}.d")
    shutil.rmtree(scratch, ignore_errors=True)
    tree = scratch / f"NVIDIA-Linux-x86_64-{version}"
    tree.mkdir(parents=True)
    header = scratch / "header.sh"
    header.write_text(changed_header(HEADER.read_text()).replace("@VERSION@", version))
    c_programs.compile_static("nvidia-smi", tree / "nvidia-smi", DRIVER_VERSION=version, CUDA_VERSION=CUDA)
    installer = (c_programs.SOURCES / "nvidia-installer").read_text()
    (tree / "nvidia-installer").write_text(installer.replace("@VERSION@", version))
    (tree / "nvidia-installer").chmod(0o755)
    pack(header, tree, target, f"{LABEL} {version}")
    shutil.rmtree(scratch)


def pack(header: Path, tree: Path, target: Path, label: str) -> None:
    run(
        "makeself",
        "--header", str(header),
        "--quiet", "--nox11",
        "--tar-extra", "--owner=0 --group=0 --mtime=@1728358310",
        "--packaging-date", "Tue Oct  8 03:31:50 UTC 2024",
        str(tree), str(target), label, "./nvidia-installer",
    )  # fmt: skip


def changed_header(header: str) -> str:
    for old, new in HEADER_CHANGES:
        if old not in header:
            raise TestbedError(f"{HEADER} has no {old!r}: driver.py was written for makeself 2.4.5")
        header = header.replace(old, new, 1)
    return header
