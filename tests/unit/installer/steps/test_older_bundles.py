from pathlib import Path

import pytest

from installer.errors import EnvironmentProblemError, StepError
from installer.pinned import TRUST_JSON
from installer.roles import afterwards
from installer.settings import Answers
from installer.staging import STAGING
from installer.step import Step
from tests.fakes.bundle import MadeBundle, Recipe, make_bundle
from tests.fakes.docker import FakeContainer, FakeImage
from tests.fakes.installing import HEAD, install, install_again, plan
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_converges, assert_settled, make_true
from tests.fakes.tree import tree

TITLE = "no older bundles"


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> list[MadeBundle]:
    """Four that follow one another, each with its own image and program."""
    top = tmp_path_factory.mktemp("releases")
    recipes = [Recipe(sequence=n, image=f"v{n}", program=f"program {n}") for n in (1, 2, 3, 4)]
    return [make_bundle(top / str(recipe.sequence), recipe) for recipe in recipes]


def kept(node: FakeNode) -> tuple[set[str], set[str], set[str]]:
    """What is on the node of whatever bundle: staged copies, programs, image tags."""
    staged = {path.name for path in node.at(STAGING).iterdir()}
    programs = {path.name for path in node.at("/opt/vllm-airgap").iterdir()} - {"current"}
    return staged, programs, set(node.docker.tags)


def of(*releases: MadeBundle) -> tuple[set[str], set[str], set[str]]:
    return (
        {made.sums_digest for made in releases},
        {made.index.only("runtime").sha256 for made in releases},
        {f"vllm-airgap:{made.index.sequence}" for made in releases},
    )


def step_of(node: FakeNode, made: MadeBundle) -> Step:
    (step,) = afterwards(plan(node, made, Answers()))
    return step


def test_this_bundle_and_the_one_before_stay(node: FakeNode, releases: list[MadeBundle]) -> None:
    first, second, third, fourth = releases
    assert TITLE not in install(node, first, HEAD).applied
    assert TITLE not in install(node, second, HEAD).applied
    assert kept(node) == of(first, second)
    assert install(node, third, HEAD).applied[-1] == TITLE
    assert kept(node) == of(second, third)
    install(node, fourth, HEAD)
    assert kept(node) == of(third, fourth)
    assert set(node.docker.images) == {made.index.image.config for made in (third, fourth)}
    install_again(node, fourth, HEAD)


def test_nothing_goes_before_the_new_one_is_up(node: FakeNode, releases: list[MadeBundle]) -> None:
    first, second, third, _ = releases
    install(node, first, HEAD)
    install(node, second, HEAD)
    node.on_sleep = node.docker.containers.clear
    with pytest.raises(StepError, match="is not running"):
        install(node, third, HEAD)
    assert kept(node) == of(first, second, third)
    node.on_sleep = lambda: None
    node.reboot()
    assert install(node, third, HEAD).applied == [TITLE]
    assert kept(node) == of(second, third)


def test_a_bundle_that_never_came_up_is_no_way_back(node: FakeNode, releases: list[MadeBundle]) -> None:
    first, second, third, _ = releases
    install(node, first, HEAD)
    node.on_sleep = node.docker.containers.clear
    with pytest.raises(StepError, match="is not running"):
        install(node, second, HEAD)
    assert kept(node) == of(first, second)
    node.on_sleep = lambda: None
    node.reboot()
    install(node, third, HEAD)
    assert kept(node) == of(first, third)
    install_again(node, third, HEAD)


def test_where_the_record_was_lost_nothing_goes(node: FakeNode, releases: list[MadeBundle]) -> None:
    """Nobody can tell which of the others ran last."""
    first, second, third, fourth = releases
    install(node, first, HEAD)
    install(node, second, HEAD)
    node.place(TRUST_JSON, b"{")
    install(node, third, HEAD)
    assert kept(node) == of(first, second, third)
    install_again(node, third, HEAD)
    install(node, fourth, HEAD)
    assert kept(node) == of(third, fourth)


def test_a_rehearsal_tells_it_and_changes_nothing(node: FakeNode, releases: list[MadeBundle]) -> None:
    first, second, third, _ = releases
    install(node, first, HEAD)
    install(node, second, HEAD)
    before = tree(node.root)
    reason = str(step_of(node, third).pending(node))
    assert "vllm-airgap:1" in reason
    assert first.sums_digest[:12] in reason
    assert tree(node.root) == before


def test_where_room_is_short_the_person_is_told_what_may_go_now(node: FakeNode, releases: list[MadeBundle]) -> None:
    first, second, third, _ = releases
    install(node, first, HEAD)
    install(node, second, HEAD)
    node.free = 100
    with pytest.raises(EnvironmentProblemError) as caught:
        install(node, third, HEAD)
    fix = str(caught.value).partition("fix: ")[2]
    assert "older bundles" in fix
    assert "image vllm-airgap:1" in fix
    assert f"{STAGING}/{first.sums_digest}" in fix
    assert second.sums_digest not in fix
    assert "vllm-airgap:2" not in fix


def test_nobody_is_told_to_remove_the_program_at_work(node: FakeNode, releases: list[MadeBundle]) -> None:
    first, second, third, _ = releases
    install(node, first, HEAD)
    node.on_sleep = node.docker.containers.clear
    with pytest.raises(StepError, match="is not running"):
        install(node, second, HEAD)
    node.free = 100
    with pytest.raises(EnvironmentProblemError, match="space: ") as caught:
        install(node, third, HEAD)
    assert "older" not in str(caught.value)


def test_a_node_without_older_bundles_is_told_of_none(node: FakeNode, made: MadeBundle) -> None:
    node.free = 100
    with pytest.raises(EnvironmentProblemError) as caught:
        install(node, made, HEAD)
    assert "older" not in str(caught.value)


def test_a_bare_node_has_none(node: FakeNode, made: MadeBundle) -> None:
    (step,) = afterwards(plan(node, made))
    assert step.pending(node) is None


def test_an_image_that_a_container_uses_stays(node: FakeNode, releases: list[MadeBundle]) -> None:
    first, second, third, _ = releases
    install(node, first, HEAD)
    install(node, second, HEAD)
    node.docker.containers["a-look-at-the-old-one"] = FakeContainer(first.index.image.config, ("sh",))
    install(node, third, HEAD)
    assert "vllm-airgap:1" in node.docker.tags
    node.docker.containers.pop("a-look-at-the-old-one", None)
    install(node, third, HEAD)
    assert "vllm-airgap:1" not in node.docker.tags


def test_an_image_that_stays_the_same_loses_only_its_old_name(node: FakeNode, tmp_path: Path) -> None:
    for sequence in (1, 2):
        install(node, make_bundle(tmp_path / str(sequence), Recipe(sequence=sequence)), HEAD)
    made = make_bundle(tmp_path / "3", Recipe(sequence=3))
    install(node, made, HEAD)
    assert node.docker.tags == dict.fromkeys(("vllm-airgap:2", "vllm-airgap:3"), made.index.image.config)
    assert list(node.docker.images) == [made.index.image.config]


def test_what_is_not_ours_stays(node: FakeNode, releases: list[MadeBundle]) -> None:
    first, second, third, _ = releases
    install(node, first, HEAD)
    install(node, second, HEAD)
    strange = f"sha256:{'0' * 64}"
    node.docker.images[strange] = FakeImage(strange, ())
    node.docker.tags |= {"vllm-airgap:mine": strange, "vllm/vllm-openai:v1": strange}
    node.place("/opt/vllm-airgap/notes", b"")
    node.place(f"{STAGING}/notes", b"")
    install(node, third, HEAD)
    assert {"vllm-airgap:mine", "vllm/vllm-openai:v1"} <= set(node.docker.tags)
    assert node.at("/opt/vllm-airgap/notes").exists()
    assert node.at(f"{STAGING}/notes").exists()


def test_a_program_that_a_kill_left_half_unpacked_goes(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    half = f"/opt/vllm-airgap/{'0' * 64},new"
    node.place(f"{half}/python/bin/python3", b"half")
    install(node, made, HEAD)
    assert not node.at(half).exists()


def test_a_kill_converges(root: Path, releases: list[MadeBundle]) -> None:
    first, second, third, _ = releases

    def start(folder: Path) -> tuple[FakeNode, Step]:
        node = FakeNode(folder)
        for made in (first, second):
            install(node, made, HEAD)
        step = step_of(node, third)
        node.changes.forget()
        return node, step

    assert assert_converges(start, root) == 1


def test_a_second_run_changes_nothing(node: FakeNode, releases: list[MadeBundle]) -> None:
    for made in releases[:3]:
        install(node, made, HEAD)
    step = step_of(node, releases[2])
    make_true(step, node)
    assert_settled(step, node)
