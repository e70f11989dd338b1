"""The archive of nvidia-container-toolkit debs: upstream's names and dependencies, and our pretended programs."""

import re
import shutil
from pathlib import Path

from testbed import c_programs, debs, toolkit
from testbed.archives import write_tar_gz

INNER = f"release-v{toolkit.VERSION}-stable/packages/ubuntu18.04/amd64"
CONTROL = c_programs.SOURCES / "nvidia-container-toolkit.control"
COMMON = f"Version: {toolkit.VERSION}-1\nArchitecture: amd64\nMaintainer: Nobody <nobody@localhost>\n"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
FILES = {
    "libnvidia-container1": (
        f"{LIBRARIES}/libnvidia-container.so.{toolkit.VERSION}",
        f"{LIBRARIES}/libnvidia-container.so.1",
    ),
    "libnvidia-container-tools": ("usr/bin/nvidia-container-cli",),
    "libnvidia-container-dev": ("usr/include/nvc.h", f"{LIBRARIES}/libnvidia-container.a"),
    "nvidia-container-toolkit-base": ("usr/bin/nvidia-ctk", "usr/bin/nvidia-container-runtime"),
    "nvidia-container-toolkit": ("usr/bin/nvidia-container-runtime-hook", "usr/bin/nvidia-container-toolkit"),
    "nvidia-container-toolkit-operator-extensions": ("usr/share/doc/nvidia-container-toolkit-operator-extensions",),
}
SCRIPTS = {
    "libnvidia-container1": {"triggers": "activate-noawait ldconfig\n"},
    "nvidia-container-toolkit-base": {"postinst": "#!/bin/sh\nset -e\n/usr/bin/nvidia-ctk --quiet config --in-place\n"},
}


def make(target: Path) -> None:
    scratch = target.with_name(f"{target.name}.d").absolute()
    shutil.rmtree(scratch, ignore_errors=True)
    toolkit.fill(scratch / "tree", LIBRARIES)
    paragraphs = CONTROL.read_text().replace("@VERSION@", toolkit.VERSION).strip().split("\n\n")
    made = sorted(pack(paragraph, scratch) for paragraph in paragraphs)
    write_tar_gz(target, [(f"{INNER}/{deb.name}", deb) for deb in made])
    shutil.rmtree(scratch)


def pack(paragraph: str, scratch: Path) -> Path:
    (name,) = re.findall(r"^Package: (.*)$", paragraph, re.MULTILINE)
    tree = scratch / name
    for path in FILES[name]:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (scratch / "tree" / path).rename(tree / path)
    return debs.build(f"{paragraph}\n{COMMON}", tree, scratch, **SCRIPTS.get(name, {}))
