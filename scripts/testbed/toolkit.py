"""The archive of nvidia-container-toolkit RPMs: real packages around pretended programs."""

import shutil
from pathlib import Path

from testbed import c_programs, rpms
from testbed.archives import write_tar_gz
from testbed.commands import TestbedError

VERSION = "1.17.8"
INNER = f"release-v{VERSION}-stable/packages/centos7/x86_64"
PACKAGES = 8
SPEC = c_programs.SOURCES / "nvidia-container-toolkit.spec"


def make(target: Path) -> None:
    scratch = target.with_name(f"{target.name}.d").absolute()
    shutil.rmtree(scratch, ignore_errors=True)
    fill(scratch / "SOURCES/tree", "usr/lib64")
    made = rpms.build(SPEC.read_text().replace("@VERSION@", VERSION), scratch)
    if len(made) != PACKAGES:
        raise TestbedError(f"rpmbuild made {[rpm.name for rpm in made]}, not {PACKAGES} packages")
    write_tar_gz(target, [(f"{INNER}/{rpm.name}", rpm) for rpm in made])
    shutil.rmtree(scratch)


def fill(tree: Path, library_folder: str) -> None:
    programs, libraries = tree / "usr/bin", tree / library_folder
    for folder in (programs, libraries, tree / "usr/include", tree / "usr/lib/debug", tree / "usr/share/doc"):
        folder.mkdir(parents=True)
    for name in ("nvidia-ctk", "nvidia-container-runtime", "nvidia-container-runtime-hook"):
        c_programs.compile_static(name, programs / name, TOOLKIT_VERSION=VERSION)
    (programs / "nvidia-container-toolkit").symlink_to("nvidia-container-runtime-hook")
    fill_library(libraries, programs / "nvidia-container-cli", f"-Wl,-rpath,/{library_folder}")
    (tree / "usr/include/nvc.h").write_text("const char *nvc_version(void);\n")
    (libraries / "libnvidia-container.a").write_bytes(b"!<arch>\n")
    (tree / "usr/lib/debug/libnvidia-container.so.debug").write_text("no symbols\n")
    (tree / "usr/share/doc/nvidia-container-toolkit-operator-extensions").write_text("nothing\n")


def fill_library(libraries: Path, program: Path, found_by: str) -> None:
    """A real shared library and a program linked to it, so that rpm finds the dependency by itself."""
    library = libraries / f"libnvidia-container.so.{VERSION}"
    soname = "libnvidia-container.so.1"
    options = ("-shared", "-fPIC", f"-Wl,-soname,{soname}")
    c_programs.compile_program("libnvidia-container.c", library, *options, TOOLKIT_VERSION=VERSION)
    (libraries / soname).symlink_to(library.name)
    c_programs.compile_program("nvidia-container-cli.c", program, str(library), found_by, TOOLKIT_VERSION=VERSION)
