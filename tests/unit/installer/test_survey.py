from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from installer.errors import EnvironmentProblemError, RefusedError, UsageError
from installer.index.model_shape import ModelShape
from installer.index.strict import Place
from installer.node.paths import DAEMON_JSON
from installer.roles import steps_for
from installer.settings import Answers
from installer.step import Step
from installer.survey import Survey, survey
from tests.fakes.bundle import MadeBundle, Recipe, make_bundle, seal
from tests.fakes.installing import HEAD, WORKER, install
from tests.fakes.linux import FakeMount
from tests.fakes.node import FakeNode
from tests.fakes.tree import tree

GIB = 1 << 30


def look(node: FakeNode, made: MadeBundle, answers: Answers = HEAD, ignored: Sequence[str] = ()) -> Survey:
    with made.opened() as bundle:
        return survey(node, bundle, answers, None, ignored)


def names(seen: Survey) -> list[str]:
    """But for the other nodes: nobody answers in their place here."""
    return [found.name for found in seen.report.findings if found.name != "peers-not-probed"]


def test_a_fit_node_has_no_problem_and_is_left_as_it_was(node: FakeNode, made: MadeBundle) -> None:
    before = tree(node.root)
    seen = look(node, made)
    assert names(seen) == []
    assert seen.prepared() is seen.check() is seen.decided
    assert tree(node.root) == before
    assert node.changes.done == []


def test_a_running_cluster_holds_what_it_needs(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    node.linux.listeners += [("0.0.0.0", port) for port in (6379, 6380, 8000)]  # noqa: S104  # nobody listens
    assert names(look(node, made, Answers())) == []


def test_all_problems_are_found_at_once(node: FakeNode, made: MadeBundle) -> None:
    node.free = 100
    node.at("/run/systemd/system").rmdir()
    node.at("/usr/bin/iptables").unlink()
    assert names(look(node, made)) == ["systemd", "programs", "space"]


def test_an_nvidia_smi_that_is_late_is_named_before_anything_is_copied(node: FakeNode, made: MadeBundle) -> None:
    node.nvidia.have("550.127.08")
    node.nvidia.takes = 999
    seen = look(node, made)
    assert names(seen) == ["driver"]
    assert "no answer in 180 s" in seen.report.problems[0].what
    assert "nvidia-smi -pm 1" in seen.report.problems[0].fix


def test_a_lost_gpu_is_named_before_anything_is_copied(node: FakeNode, made: MadeBundle) -> None:
    node.nvidia.have("550.127.08")
    node.nvidia.fell_off = "Unable to determine the device handle for GPU0000:00:00.0: Unknown Error"
    (found,) = look(node, made).report.problems
    assert found.name == "driver"
    assert "Unknown Error" in found.what


def test_who_has_a_gpu_open_is_named_also_where_he_does_not_compute(node: FakeNode, made: MadeBundle) -> None:
    """What an install stops by itself keeps nobody from it."""
    node.nvidia.have("535.183.06")
    node.nvidia.watch(812, "nv-hostengine", "0::/system.slice/nvidia-dcgm.service")
    assert names(look(node, made)) == []
    node.nvidia.watch(813, "dcgm-exporter", "0::/system.slice/dcgm-exporter.service")
    (found,) = look(node, made).report.problems
    assert found.name == "gpu-held"
    assert "dcgm-exporter (813, dcgm-exporter.service)" in found.what


def step_of(seen: Survey) -> Step:
    """The driver's, as an install would be handed it."""
    assert seen.decided
    return next(step for step in steps_for(seen.decided.plan) if step.title.startswith("NVIDIA driver"))


@pytest.mark.parametrize("asked", ["cuda>=12.4,arch>=8.0", "brand=geforce,cuda>=12.4"], ids=["card", "brand"])
def test_the_drivers_step_judges_a_driver_as_preflight_does(node: FakeNode, tmp_path: Path, asked: str) -> None:
    """By the card that it drives too: its version alone would do."""
    made = make_bundle(tmp_path / "made", Recipe())
    image = replace(made.index.image, requires={"NVIDIA_REQUIRE_CUDA": asked})
    choosy = seal(made.folder, replace(made.index, image=image))
    node.nvidia.have("580.65.06")
    node.rpm.owners["/usr/bin/nvidia-smi"] = "nvidia-driver-cuda"
    seen = look(node, choosy)
    (found,) = (found for found in seen.report.problems if found.name == "driver")
    assert step_of(seen).pending(node) == found.what


def test_a_packaged_driver_that_preflight_lets_pass_is_kept_by_the_step(node: FakeNode, made: MadeBundle) -> None:
    node.nvidia.have("580.65.06")
    node.rpm.owners["/usr/bin/nvidia-smi"] = "nvidia-driver-cuda"
    seen = look(node, made)
    assert names(seen) == ["driver"]
    assert seen.report.problems == ()
    assert step_of(seen).pending(node) is None


def test_nouveau_that_no_initramfs_can_be_freed_of_is_named_before_anything_is_changed(
    node: FakeNode, made: MadeBundle
) -> None:
    node.nvidia.nouveau = True
    assert [(found.name, found.level) for found in look(node, made).report.problems] == []
    node.at("/usr/bin/dracut").unlink()
    (found,) = look(node, made).report.problems
    assert found.name == "driver"
    assert "neither dracut nor update-initramfs" in found.what


def test_wrong_options_hide_nothing_and_nothing_hides_them(node: FakeNode, made: MadeBundle) -> None:
    node.at("/usr/bin/iptables").unlink()
    wrong = replace(HEAD, node_ip="10.0.0.7", data_dir="models", overrides=("port=1",))
    seen = look(node, made, wrong)
    assert names(seen) == ["options", "options", "options", "programs"]
    with pytest.raises(UsageError) as caught:
        seen.prepared()
    for words in ("10.0.0.7' is on no interface", "'models' is not an absolute path", "port", "iptables is not on"):
        assert words in str(caught.value)


def test_one_wrong_option_is_told_in_its_own_words(node: FakeNode, made: MadeBundle) -> None:
    with pytest.raises(UsageError) as caught:
        look(node, made, Answers(role="head", node_ip="10.0.0.7")).prepared()
    assert str(caught.value) == "--node-ip: '10.0.0.7' is on no interface of this node"
    assert caught.value.hint == "addresses of this node: 10.0.0.1"


def test_what_cannot_be_mended_here_comes_before_all_else(node: FakeNode, made: MadeBundle) -> None:
    node.system.arch = "aarch64"
    node.free = 100
    seen = look(node, made, Answers())
    assert names(seen) == ["machine", "options", "space"]
    for end in (seen.prepared, seen.check):
        with pytest.raises(RefusedError):
            end()


def test_a_report_that_was_shown_is_not_told_again(node: FakeNode, made: MadeBundle) -> None:
    node.free = 100
    node.at("/usr/bin/iptables").unlink()
    with pytest.raises(EnvironmentProblemError) as caught:
        look(node, made).check()
    assert str(caught.value) == "this node is not ready; what keeps it from an install: programs, space"


def test_what_is_ignored_is_told_still(node: FakeNode, made: MadeBundle) -> None:
    node.free = 100
    seen = look(node, made, ignored=("space",))
    assert seen.prepared() is seen.decided
    assert "space" in [found.name for found in seen.report.remarks]
    node.at("/usr/bin/iptables").unlink()
    with pytest.raises(EnvironmentProblemError) as caught:
        look(node, made, ignored=("space",)).prepared()
    assert "space" not in str(caught.value)


def test_a_node_that_is_not_ours_to_write_is_found_by_trying(node: FakeNode, made: MadeBundle) -> None:
    node.at("/data").touch()
    seen = look(node, made, replace(HEAD, data_dir="/data/models"))
    assert names(seen) == ["writable"]
    assert seen.report.findings[0].what.endswith("data: Not a directory")


def test_without_root_only_that_is_told_of_writing(node: FakeNode, made: MadeBundle) -> None:
    node.as_root = False
    node.at("/data").touch()
    assert names(look(node, made, replace(HEAD, data_dir="/data/models"))) == ["root"]


def test_room_for_layers_is_looked_for_where_docker_keeps_them(node: FakeNode, made: MadeBundle) -> None:
    node.place(DAEMON_JSON, b'{"data-root": "/srv/docker"}')
    node.linux.mounts.append(FakeMount("/srv", size=GIB, free=100))
    found, *_ = look(node, made).report.findings
    assert found.what.startswith("/srv has 0.0 GiB free")


def test_settings_of_the_site_count(node: FakeNode, made: MadeBundle) -> None:
    node.linux.listeners.append(("0.0.0.0", 8000))  # noqa: S104  # nobody listens
    assert names(look(node, made)) == ["ports"]
    assert names(look(node, made, replace(HEAD, overrides=("port=8080",)))) == []


def test_a_worker_is_looked_at_as_one(root: Path, made: MadeBundle) -> None:
    node = FakeNode(root, ip="10.0.0.2")
    node.linux.listeners.append(("0.0.0.0", 8000))  # noqa: S104  # nobody listens
    seen = look(node, made, WORKER)
    assert names(seen) == []
    assert (seen.report.role, seen.report.node_ip) == ("worker", "10.0.0.2")


def test_a_containerd_of_the_nodes_own(node: FakeNode, made: MadeBundle, tmp_path: Path) -> None:
    node.give_program("/usr/bin/containerd")
    assert names(look(node, made)) == ["containerd"]
    leaner = make_bundle(tmp_path / "leaner", Recipe(leave_out=("docker",)))
    assert names(look(node, leaner)) == ["docker"]


def test_a_model_that_cannot_be_cut_is_refused_before_it_is_taken_in(node: FakeNode, tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "made", Recipe())
    shape = ModelShape.read(Place.of({"architecture": "Qwen2ForCausalLM", "heads": 3, "kv_heads": 3}, ""))
    odd = seal(made.folder, replace(made.index, model=replace(made.index.model, shape=shape)))
    node.nvidia.have("550.127.08")
    seen = look(node, odd)
    assert names(seen)[0] == "serve-plan"
    with pytest.raises(EnvironmentProblemError, match=r"3 % 2 = 1"):
        seen.prepared()
