"""The testbed's inputs are in form what upstream ships; made first, which takes minutes the first time."""

import json
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from testbed import inputs
from testbed.host_docker import HostDocker

from installer.facts.driver import gather_driver
from installer.facts.gpus import read_brand
from installer.node import Node

BUILD = Path(__file__).parents[2] / "build"
NEEDED = (
    "libnvidia-container1",
    "libnvidia-container-tools",
    "nvidia-container-toolkit-base",
    "nvidia-container-toolkit",
)
UNNEEDED = ("libnvidia-container-devel", "libnvidia-container-static", "libnvidia-container1-debuginfo")


@pytest.fixture(scope="module")
def made() -> inputs.Inputs:
    return inputs.make_all(BUILD, print)


@pytest.fixture(scope="module")
def host_docker(made: inputs.Inputs) -> Iterator[HostDocker]:
    with HostDocker(BUILD.absolute()) as docker:
        yield docker


@pytest.fixture(scope="module")
def rpms(made: inputs.Inputs, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By package name."""
    folder = tmp_path_factory.mktemp("toolkit")
    with tarfile.open(made.toolkit_tar) as archive:
        archive.extractall(folder, filter="data")
    found = folder.glob("release-v1.17.8-stable/packages/centos7/x86_64/*.rpm")
    return {path.name.removesuffix("-1.17.8-1.x86_64.rpm"): path for path in found}


@pytest.fixture(scope="module")
def gpu_root(made: inputs.Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root file system with nothing but a static nvidia-smi and the GPUs of a node."""
    root = tmp_path_factory.mktemp("gpu")
    run("sh", str(made.driver_run), "--extract-only", "--target", str(root))
    (root / "run").mkdir()
    shutil.copytree(made.node_root / "etc/testbed", root / "etc/testbed")
    return root


def run(*command: str, **environment: str) -> str:
    done = attempt(*command, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def attempt(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_docker_archive_has_the_upstream_names(made: inputs.Inputs) -> None:
    with tarfile.open(made.docker_tgz) as archive:
        files = [member for member in archive if member.isreg()]
    assert made.docker_tgz.name == "docker-20.10.24.tgz"
    assert {member.name for member in files} == {
        "docker/containerd",
        "docker/containerd-shim-runc-v2",
        "docker/ctr",
        "docker/docker",
        "docker/docker-init",
        "docker/docker-proxy",
        "docker/dockerd",
        "docker/runc",
    }
    assert all((member.mode, member.uid) == (0o755, 0) for member in files)


def test_toolkit_archive_holds_more_than_a_node_needs(rpms: dict[str, Path]) -> None:
    assert set(rpms) == {*NEEDED, *UNNEEDED, "nvidia-container-toolkit-operator-extensions"}


@pytest.mark.parametrize(
    ("package", "needs"),
    [
        ("libnvidia-container-tools", "libnvidia-container.so.1()(64bit)"),
        ("libnvidia-container-tools", "libnvidia-container1(x86-64) >= 1.17.8-1"),
        ("nvidia-container-toolkit", "libnvidia-container-tools >= 1.17.8"),
        ("nvidia-container-toolkit", "nvidia-container-toolkit-base = 1.17.8-1"),
        ("nvidia-container-toolkit-base", "/bin/sh"),
    ],
)
def test_toolkit_packages_depend_on_each_other(rpms: dict[str, Path], package: str, needs: str) -> None:
    assert needs in run("rpm", "--query", "--package", "--requires", str(rpms[package])).splitlines()


def test_four_toolkit_packages_resolve_on_a_node_and_three_do_not(
    made: inputs.Inputs, rpms: dict[str, Path], tmp_path: Path
) -> None:
    database = shutil.copytree(made.node_root / "root/.rpmdb", tmp_path / "rpmdb")
    test = ("rpm", "--dbpath", str(database), "--upgrade", "--test")
    four = [str(rpms[name]) for name in NEEDED]
    assert attempt(*test, *four).returncode == 0
    assert "libnvidia-container1" in attempt(*test, *four[1:]).stderr


def test_toolkit_debs_have_the_upstream_names_and_needs(made: inputs.Inputs, tmp_path: Path) -> None:
    with tarfile.open(made.toolkit_debs) as archive:
        archive.extractall(tmp_path, filter="data")
    debs = list(tmp_path.glob("release-v1.17.8-stable/packages/ubuntu18.04/amd64/*_1.17.8-1_amd64.deb"))
    needs = {deb.name.partition("_")[0]: run("dpkg-deb", "--field", str(deb), "Depends").strip() for deb in debs}
    assert set(needs) == {*NEEDED, "libnvidia-container-dev", "nvidia-container-toolkit-operator-extensions"}
    assert needs["libnvidia-container-tools"].startswith("libnvidia-container1 (>= 1.17.8-1), ")
    assert needs["nvidia-container-toolkit"].startswith("nvidia-container-toolkit-base (= 1.17.8-1), ")


def test_nvidia_ctk_adds_its_runtime_once_and_keeps_the_rest(rpms: dict[str, Path], tmp_path: Path) -> None:
    packed = subprocess.run(("rpm2cpio", str(rpms["nvidia-container-toolkit-base"])), capture_output=True, check=True)
    unpack = ("cpio", "--extract", "--make-directories", "--quiet")
    subprocess.run(unpack, cwd=tmp_path, input=packed.stdout, check=True)
    ctk = str(tmp_path / "usr/bin/nvidia-ctk")
    config = tmp_path / "daemon.json"
    config.write_text('{"data-root": "/data", "runtimes": {"crun": {"path": "crun"}}, "unknown": [{"a": "b}"}]}')
    configure = (ctk, "runtime", "configure", "--runtime=docker", f"--config={config}")
    run(*configure)
    once = config.read_text()
    run(*configure)
    assert config.read_text() == once
    assert json.loads(once) == {
        "data-root": "/data",
        "runtimes": {"crun": {"path": "crun"}, "nvidia": {"args": [], "path": "nvidia-container-runtime"}},
        "unknown": [{"a": "b}"}],
    }
    assert run(ctk, "--version").strip() == "NVIDIA Container Toolkit CLI version 1.17.8"


def test_driver_says_what_it_is_before_it_is_run(made: inputs.Inputs) -> None:
    head = made.driver_run.read_bytes()[:30_000].decode(errors="replace").splitlines()
    assert {"version_string=550.127.08", "TARGET_ARCH=x86_64"} <= set(head)
    assert 'label="NVIDIA Accelerated Graphics Driver for Linux-x86_64 550.127.08"' in head


def test_driver_checks_itself(made: inputs.Inputs, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.run"
    content = bytearray(made.driver_run.read_bytes())
    content[-100] ^= 1
    damaged.write_bytes(content)
    assert attempt("sh", str(made.driver_run), "--check").returncode == 0
    assert attempt("sh", str(damaged), "--check").returncode != 0


@pytest.mark.parametrize("option", ["--no-such-option", "--kernel-module-type=open", "-M=open"])
def test_driver_refuses_options_that_its_branch_does_not_know(made: inputs.Inputs, tmp_path: Path, option: str) -> None:
    refused = attempt("sh", str(made.driver_run), "--silent", "--dkms", option, TMPDIR=str(tmp_path))
    assert refused.returncode == 1
    assert f'unrecognized option: "{option}"' in refused.stderr


def test_nvidia_smi_answers_in_the_real_forms(gpu_root: Path) -> None:
    smi = ("chroot", str(gpu_root), "/nvidia-smi")
    fields = (
        "index,name,driver_version,memory.total,memory.used,compute_cap,pci.bus_id,persistence_mode,mig.mode.current"
    )
    assert run(*smi, f"--query-gpu={fields}", "--format=csv,noheader") == (
        "0, Tesla T4, 550.127.08, 15360 MiB, 0 MiB, 7.5, 00000000:00:1E.0, Disabled, [N/A]\n"
    )
    assert run(*smi, "--query-gpu=memory.total", "--format=csv,nounits") == "memory.total [MiB]\n15360\n"
    assert run(*smi, "-L") == "GPU 0: Tesla T4 (UUID: GPU-7e57bed0-0000-0000-0000-000000000001)\n"
    assert attempt(*smi, "--query-gpu=no.such.field", "--format=csv").returncode == 2
    assert read_brand(run(*smi, "-q", "-x", "-i", "0")) == "NVIDIA"
    assert run(*smi, "-q", "-x", "-i", "0").startswith('<?xml version="1.0" ?>\n<!DOCTYPE nvidia_smi_log ')
    assert attempt(*smi, "-q", "-x", "-i", "1").stdout == "No devices were found\n"


def test_persistence_mode_is_kept_until_reboot(gpu_root: Path) -> None:
    smi = ("chroot", str(gpu_root), "/nvidia-smi")
    run(*smi, "-pm", "1")
    assert run(*smi, "--query-gpu=persistence_mode", "--format=csv,noheader") == "Enabled\n"
    run(*smi, "-pm", "0")
    assert run(*smi, "--query-gpu=persistence_mode", "--format=csv,noheader") == "Disabled\n"


def test_model_has_the_files_of_a_real_one(made: inputs.Inputs) -> None:
    shards = {path.name for path in made.model.glob("*.safetensors")}
    index = json.loads((made.model / "model.safetensors.index.json").read_text())
    assert shards == {f"model-0000{number}-of-00005.safetensors" for number in range(1, 6)}
    assert set(index["weight_map"].values()) == shards
    config = json.loads((made.model / "config.json").read_text())
    assert (config["model_type"], config["num_hidden_layers"], config["num_key_value_heads"]) == ("qwen2", 4, 2)
    rest = {"tokenizer.json", "tokenizer_config.json", "generation_config.json", "vocab.json", "merges.txt"}
    assert rest <= {path.name for path in made.model.iterdir()}


def inspect(docker: HostDocker, image: str) -> dict[str, Any]:
    (described,) = json.loads(docker.run("image", "inspect", image))
    return dict(described)


def test_vllm_image_starts_as_the_upstream_one(made: inputs.Inputs, host_docker: HostDocker) -> None:
    image = inspect(host_docker, made.image)
    assert image["Config"]["Entrypoint"] == ["vllm", "serve"]
    assert "NVIDIA_REQUIRE_CUDA=cuda>=12.4" in image["Config"]["Env"]
    assert (image["Os"], image["Architecture"]) == ("linux", "amd64")


def test_vllm_in_the_image_has_ray_and_its_platform(made: inputs.Inputs, host_docker: HostDocker) -> None:
    probe = "import ray; from vllm.platforms import current_platform as p; print(ray.__version__, p.ray_device_key)"
    python = ("run", "--rm", "--network", "none", "--entrypoint", "python3", made.image)
    assert host_docker.run(*python, "-c", probe).split() == ["2.60.0", "GPU"]


def test_small_image_has_an_empty_and_a_repeated_layer(made: inputs.Inputs, host_docker: HostDocker) -> None:
    layers = inspect(host_docker, made.small_image)["RootFS"]["Layers"]
    assert (len(layers), len(set(layers))) == (6, 5)
    assert host_docker.run("run", "--rm", "--network", "none", made.small_image) == "the same in two layers\n"


def test_node_has_systemd_and_rpm_but_neither_python_nor_docker(made: inputs.Inputs) -> None:
    programs = made.node_root / "usr/bin"
    assert {"systemctl", "rpm", "tar", "gzip", "sha256sum", "openssl"} <= set(os.listdir(programs))
    assert not [path.name for path in programs.iterdir() if path.name.startswith(("python", "docker"))]
    assert stat.S_IMODE(made.node_root.stat().st_mode) == 0o755


def test_node_has_what_some_hosts_kernels_are_built_with(made: inputs.Inputs) -> None:
    assert gather_driver(Node(made.node_root), os.uname().release).libelf


def test_what_is_made_is_not_made_again(made: inputs.Inputs) -> None:
    said: list[str] = []
    assert inputs.make_all(BUILD, said.append) == made
    assert said == []
