"""The recorded machine with an H100: a container with a real driver, and nothing that an install needs besides."""

from dataclasses import replace

import pytest

from installer.facts import gather
from installer.preflight import Situation, findings_of
from tests.fakes.bundle import MadeBundle
from tests.fakes.recorded_machine import RECORDED, recorded_machine
from tests.fakes.situation import alone, good_situation, with_cluster, with_facts, with_index

NOT_A_NODE = ["systemd", "container", "programs", "programs", "programs", "programs", "docker", "address"]


@pytest.fixture
def h100(made: MadeBundle) -> Situation:
    at = good_situation(made.index, gather(recorded_machine("h100")))
    bare = with_index(at, driver=None, docker=None, toolkit=None)
    return alone(replace(bare, member=replace(bare.member, node_ip="", nodes=())))


def requiring(at: Situation, cuda: str) -> Situation:
    words = (RECORDED / f"require/{cuda}.txt").read_text().strip()
    image = replace(at.index.image, requires={"NVIDIA_REQUIRE_CUDA": words}, versions={"vllm": "0.33.0", "cuda": cuda})
    return with_index(at, image=image)


@pytest.mark.parametrize("cuda", ["12.4.1", "12.8.1", "12.9.1", "13.0.2"])
def test_its_gpu_and_driver_serve_every_image(h100: Situation, cuda: str) -> None:
    assert [found.name for found in findings_of(requiring(h100, cuda))] == [*NOT_A_NODE, "gpu-busy"]


def test_who_held_its_memory_is_named(h100: Situation) -> None:
    (found,) = (one for one in findings_of(h100) if one.name == "gpu-busy")
    assert (found.level, found.fix) == ("warning", "stop it: kill 480")
    assert found.what == ("GPU 0 (NVIDIA H100 80GB HBM3) has 1643 MiB in use; held by python3 (480, 1634 MiB)")


def test_an_older_driver_of_the_bundle_would_not(h100: Situation, made: MadeBundle) -> None:
    """550 is let pass by its branch, and the image's cuda-compat would make it run, which nothing turns on."""
    assert made.index.driver
    assert made.index.toolkit
    older = with_facts(requiring(h100, "13.0.2"), "driver", headers=True, compiler="/c", make="/m", linker="/l")
    toolkit = replace(made.index.toolkit, version="1.17.4")
    older = with_index(older, driver=made.index.driver, toolkit=toolkit)
    found = {one.name: one for one in findings_of(older)}
    assert found["image-driver"].level == "problem"
    assert found["image-driver"].fix.startswith('set cluster.env VLLM_ENABLE_CUDA_COMPATIBILITY: "1"; or ')
    told = with_cluster(older, env={"VLLM_ENABLE_CUDA_COMPATIBILITY": "1"})
    found = {one.name: one for one in findings_of(told)}
    assert found["image-driver"].level == "warning"
    assert "VLLM_ENABLE_CUDA_COMPATIBILITY" not in found["image-driver"].fix


def test_it_has_too_few_gpus_for_a_larger_cluster(h100: Situation) -> None:
    found = findings_of(with_cluster(h100, gpus_per_node=8))
    assert "this node has 1 GPU, the bundle is for 8 on each node" in [one.what for one in found]
