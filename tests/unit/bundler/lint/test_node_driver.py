"""The driver goes with what it meets on a node: kernel and headers, the GPUs, the fabric manager."""

from dataclasses import replace
from pathlib import Path

import pytest

from bundler.lint.case import Case
from bundler.lint.node_driver import RULES
from bundler.manifest import DownloadSpec, PackageSpec
from bundler.packages.closure import Bundled
from bundler.packages.facts import PackageFacts, Relation
from installer.index.gpus import GPUS
from tests.unit.bundler.lint.scenes import Change, look

KERNEL, OTHER = "3.10.0-1160.el7.x86_64", "3.10.0-957.el7.x86_64"


def case(folder: Path, driver: str = "550.127.08", *, gpu: str = "T4", cuda: str | None = "12.4.1") -> Case:
    known = look(folder, "qwen2.5-32b-t4", Change(versions={"cuda": cuda, "torch": None}))
    cluster = replace(known.manifest.cluster, gpu=gpu)
    return replace(known, manifest=replace(known.manifest, driver=DownloadSpec(driver, "", ""), cluster=cluster))


def without_driver(case: Case) -> Case:
    return replace(case, manifest=replace(case.manifest, driver=None))


def said(rule: str, case: Case) -> list[str]:
    return [f"{finding.severity} {finding.where}: {finding.text.partition(': ')[2]}" for finding in RULES[rule](case)]


@pytest.mark.parametrize(
    ("gpu", "driver", "cuda", "wrong"),
    [
        ("B200", "550.127.08", "12.4.1", ["driver.version", "image.ref"]),
        ("B200", "570.124.06", "12.4.1", ["image.ref"]),
        ("B200", "550.127.08", "12.8.1", ["driver.version"]),
        ("B200", "570.124.06", "12.8.1", []),
        ("B200", "550.127.08", None, ["driver.version"]),
        ("B300", "570.124.06", "12.8.1", ["driver.version", "image.ref"]),
        ("RTX-PRO-6000", "570.124.06", "12.9", []),
        ("H100", "515.105.01", "12.4.1", ["driver.version"]),
        ("L40S", "525.60.13", "12.4.1", []),
        ("T4", "550.127.08", "12.4.1", []),
        ("", "515.105.01", "12.4.1", []),
    ],
)
def test_a_gpu_needs_a_driver_and_an_image_that_know_it(
    gpu: str, driver: str, cuda: str | None, wrong: list[str], tmp_path: Path
) -> None:
    found = said("gpu-too-new", case(tmp_path, driver, gpu=gpu, cuda=cuda))
    assert [text.removeprefix("error ").partition(": ")[0] for text in found] == wrong


@pytest.mark.parametrize(
    ("torch", "severities"), [("2.7.0", ["warning"]), ("2.7.0+cu126", ["error"]), ("2.8.0+cu128", [])]
)
def test_torch_in_somebodys_image_may_have_a_later_cuda(torch: str, severities: list[str], tmp_path: Path) -> None:
    known = case(tmp_path, "570.124.06", gpu="B200")
    manifest = replace(known.manifest, image=replace(known.manifest.image, ref="registry.lan/own:1"))
    image = replace(known.image, versions={**known.image.versions, "torch": torch})
    found = said("gpu-too-new", replace(known, manifest=manifest, image=image))
    assert [text.partition(" ")[0] for text in found] == severities


def test_of_a_driver_that_the_nodes_have_already_nothing_is_known(tmp_path: Path) -> None:
    known = without_driver(case(tmp_path, gpu="B200"))
    assert [text.partition(": ")[0] for text in said("gpu-too-new", known)] == ["error image.ref"]
    assert said("driver-headers", known) == []


def test_every_gpu_of_the_table_can_have_a_driver(tmp_path: Path) -> None:
    for gpu in GPUS:
        assert said("gpu-too-new", case(tmp_path, "580.95.05", gpu=gpu, cuda="13.0")) == []


def facts(name: str, version: str, *provides: Relation) -> PackageFacts:
    return PackageFacts("rpm", name, version, "x86_64", provides, (), (), ())


@pytest.mark.parametrize(
    ("name", "version", "fits"),
    [
        ("nvidia-fabricmanager", "550.127.08-1", True),
        ("nvidia-fabric-manager", "1:550.127.08-1", True),
        ("nvidia-fabricmanager-550", "550.127.08-0ubuntu1", True),
        ("nvidia-fabricmanager-550", "550.127.05-1", False),
        ("nvidia-fabric-manager", "550.127.081-1", False),
        ("nvidia-fabricmanager", "560.28.03-1", False),
        ("nvidia-fabric-manager-devel", "560.28.03-1", True),
        ("gcc", "4.8.5-44", True),
    ],
)
def test_a_fabric_manager_is_of_the_drivers_very_version(
    name: str, version: str, tmp_path: Path, *, fits: bool
) -> None:
    known = replace(case(tmp_path), packages=(Bundled("packages/x.rpm", facts(name, version)),))
    found = said("fabric-manager", known)
    assert (found == []) == fits
    for text in found:
        assert text.startswith("error packages/x.rpm: ")
        assert "driver 550.127.08" in text
    assert said("fabric-manager", without_driver(known)) == []


def with_packages(known: Case, *packages: tuple[str, tuple[str, ...]]) -> Case:
    specs = tuple(PackageSpec(url, "", "", kernels) for url, kernels in packages)
    return replace(known, manifest=replace(known.manifest, packages=specs))


def test_a_driver_without_headers_for_any_kernel_is_said_once(tmp_path: Path) -> None:
    (text,) = said("driver-headers", case(tmp_path))
    assert text.startswith("warning driver: ")
    assert "kernel-devel of its own kernel" in text
    (again,) = said("driver-headers", with_packages(case(tmp_path), ("rpms/gcc-4.8.5.rpm", ())))
    assert again == text


def test_each_kernel_that_is_named_needs_headers(tmp_path: Path) -> None:
    named = (f"rpms/kernel-devel-{KERNEL}.rpm", (KERNEL,)), ("https://m/tool.rpm", (KERNEL, OTHER))
    (text,) = said("driver-headers", with_packages(case(tmp_path), *named))
    assert text == (
        f"warning packages: kernel {OTHER} is named, and no package has its headers: the driver cannot be built there "
        "(judged by the names of the files)"
    )
    deb = ("linux-headers-6.1.0-25-amd64_6.1.106-3_amd64.deb", ("6.1.0-25-amd64",))
    assert said("driver-headers", with_packages(case(tmp_path), deb)) == []


def test_what_a_package_says_itself_goes_before_the_name_of_its_file(tmp_path: Path) -> None:
    known = with_packages(case(tmp_path), ("https://m/1.rpm", (KERNEL,)))
    headers = facts("kernel-devel", "3.10.0-1160.el7", Relation("kernel-devel-uname-r", "=", KERNEL))
    assert said("driver-headers", replace(known, packages=(Bundled("packages/1.rpm", headers, (KERNEL,)),))) == []
    other = facts("kernel-devel", "3.10.0-957.el7", Relation("kernel-devel-uname-r", "=", OTHER))
    (text,) = said("driver-headers", replace(known, packages=(Bundled("packages/1.rpm", other, (KERNEL,)),)))
    assert "judged" not in text
