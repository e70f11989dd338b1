from dataclasses import replace
from pathlib import Path

import pytest

from installer.errors import DamagedError, EnvironmentProblemError, StepError
from installer.index.document import CHUNK
from installer.staging import Staging
from installer.steps.image import LoadImage
from tests.fakes.bundle import MadeBundle, Recipe, make_bundle
from tests.fakes.docker import FakeImage
from tests.fakes.installing import HEAD, install, prepared
from tests.fakes.node import FakeNode
from tests.fakes.staged import spoil, stage
from tests.fakes.stepping import assert_converges, assert_settled, make_true


def step_of(made: MadeBundle, staging: Staging) -> LoadImage:
    return LoadImage(made.index.image, made.index.of_kind("image"), staging, made.index.sequence)


def with_docker(node: FakeNode) -> FakeNode:
    node.give_program("/usr/bin/docker")
    node.give_program("/usr/bin/dockerd", "20.10.24")
    node.docker.start()
    return node


@pytest.fixture
def step(node: FakeNode, made: MadeBundle) -> LoadImage:
    return step_of(made, stage(with_docker(node), made))


def staged(node: FakeNode, step: LoadImage) -> list[str]:
    return [file.path for file in step.files if node.at(step.staging.place_of(file)).exists()]


def test_a_bare_node_lacks_the_image(node: FakeNode, made: MadeBundle) -> None:
    assert step_of(made, Staging("0" * 64, "/models")).pending(with_docker(node)) == "not in docker"


def test_what_a_stopped_docker_has_nobody_knows(node: FakeNode, step: LoadImage) -> None:
    make_true(step, node)
    node.docker.stop()
    assert str(step.pending(node)).startswith("docker does not answer: Cannot connect")
    node.docker.start()
    assert step.pending(node) is None


def test_docker_gets_the_image_of_the_index_under_a_tag_of_ours(node: FakeNode, step: LoadImage) -> None:
    make_true(step, node)
    assert node.docker.tags == {"vllm-airgap:1": step.image.config}
    assert node.docker.images[step.image.config].layers == step.image.diff_ids


def test_docker_29_calls_it_by_its_manifest(node: FakeNode, step: LoadImage) -> None:
    node.docker.stores_manifests = True
    make_true(step, node)
    assert node.docker.tags == {"vllm-airgap:1": step.image.manifest}


def test_staged_layers_go_once_docker_has_them(node: FakeNode, step: LoadImage) -> None:
    assert len(staged(node, step)) == len(step.files)
    make_true(step, node)
    assert staged(node, step) == []


def test_a_second_run_changes_nothing(node: FakeNode, step: LoadImage) -> None:
    make_true(step, node)
    assert_settled(step, node)


def test_a_kill_converges(root: Path, made: MadeBundle) -> None:
    def start(folder: Path) -> tuple[FakeNode, LoadImage]:
        node = with_docker(FakeNode(folder))
        return node, step_of(made, stage(node, made))

    assert assert_converges(start, root) == 2


def test_layers_that_a_kill_left_staged_go_with_the_next_run(node: FakeNode, made: MadeBundle, step: LoadImage) -> None:
    make_true(step, node)
    node.place(step.staging.place_of(step.files[0]), b"layer")
    assert step.pending(node) == "its files are staged still"
    make_true(step, node)
    assert staged(node, step) == []


def test_an_image_that_lost_its_tag_is_not_loaded_again(node: FakeNode, step: LoadImage) -> None:
    make_true(step, node)
    node.docker.tags.clear()
    node.changes.forget()
    make_true(step, node)
    assert [change for change in node.changes.done if change.startswith("docker")] == [
        f"docker tag {step.image.config}"
    ]


def test_a_tag_of_ours_on_another_image_is_moved(node: FakeNode, step: LoadImage) -> None:
    other = f"sha256:{'0' * 64}"
    node.docker.images[other] = FakeImage(other, ())
    node.docker.tags["vllm-airgap:1"] = other
    assert step.pending(node) == f"vllm-airgap:1 is another image, {other}"
    make_true(step, node)


def test_a_layer_that_changed_stops_the_load(node: FakeNode, step: LoadImage) -> None:
    spoil(node.at(step.staging.place_of(step.files[0])))
    with pytest.raises(DamagedError, match="content differs") as caught:
        step.apply(node)
    assert "install BUNDLE" in caught.value.hint
    assert node.docker.images == {}


def test_a_copy_that_changed_goes_so_that_the_next_run_takes_it_in_again(node: FakeNode, step: LoadImage) -> None:
    spoil(node.at(step.staging.place_of(step.files[0])))
    with pytest.raises(DamagedError):
        step.apply(node)
    assert step.files[0].path not in staged(node, step)


def test_a_layer_that_is_gone_stops_the_load(node: FakeNode, step: LoadImage) -> None:
    node.at(step.staging.place_of(step.files[-1])).unlink()
    with pytest.raises(EnvironmentProblemError, match="the node's copy is gone"):
        step.apply(node)
    assert node.docker.images == {}


def test_an_image_under_another_id_is_not_run(node: FakeNode, step: LoadImage) -> None:
    other = replace(step, image=replace(step.image, config=f"sha256:{'0' * 64}", manifest=f"sha256:{'1' * 64}"))
    with pytest.raises(StepError, match="under another ID"):
        other.apply(node)


def test_an_image_whose_layers_are_others_is_not_run(node: FakeNode, step: LoadImage) -> None:
    other = replace(step, image=replace(step.image, diff_ids=(f"sha256:{'0' * 64}",)))
    with pytest.raises(StepError, match="under another ID"):
        other.apply(node)


def test_a_load_that_fails_says_why(node: FakeNode, made: MadeBundle, step: LoadImage) -> None:
    without_manifest = tuple(file for file in step.files if file.path != "image/manifest.json")
    with pytest.raises(StepError, match="`docker load --quiet` ended with 1"):
        replace(step, files=without_manifest).apply(node)


def test_a_layer_of_more_than_8_gib_fits_into_the_archive(node: FakeNode, step: LoadImage) -> None:
    chunks = tuple("0" * 64 for _ in range(160))
    large = replace(step.files[0], size=160 * CHUNK, chunks=chunks)
    header = next(replace(step, files=(large,))._archive(node))
    assert len(header) == 512


def test_an_upgrade_with_the_same_image_reads_it_from_no_medium(
    node: FakeNode, made: MadeBundle, tmp_path: Path
) -> None:
    install(node, made, HEAD)
    newer = make_bundle(tmp_path / "newer", Recipe(sequence=2))
    assert [path for path in prepared(node, newer, HEAD).lacking if path.startswith(("image/", "model/"))] == []
    install(node, newer, HEAD)
    assert set(node.docker.tags) == {"vllm-airgap:1", "vllm-airgap:2"}
