"""Installs that were killed, rebooted into, or lost their medium, and go on."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from installer.errors import DamagedError, EnvironmentProblemError, UsageError
from installer.install import carry_out, prepare, staged_bundle
from installer.node import Node
from installer.settings import Answers
from installer.step import Pending, StepEvent
from tests.fakes.bundle import MadeBundle, Recipe, make_bundle
from tests.fakes.changes import KilledError
from tests.fakes.file_events import is_change, listening
from tests.fakes.installing import HEAD, WORKER, Told, install, install_again, resume_install
from tests.fakes.node import FakeNode
from tests.fakes.staged import MODEL_DIR, spoil
from tests.fakes.tree import settled_tree, stamped_tree

ROLES = pytest.mark.parametrize(("answers", "ip"), [(HEAD, "10.0.0.1"), (WORKER, "10.0.0.2")], ids=["head", "worker"])


@ROLES
def test_a_kill_before_any_step_converges(root: Path, made: MadeBundle, answers: Answers, ip: str) -> None:
    whole = FakeNode(root / "whole", ip)
    titles = install(whole, made, answers).applied
    for title in titles:
        node = FakeNode(root / title, ip)
        with pytest.raises(KilledError):
            install_until(node, made, answers, title)
        told = install(node, made, answers)
        assert (told.copied, title in told.pending) == (0, True)
        assert settled_tree(node.root) == settled_tree(whole.root)
        install_again(node, made, answers)


def install_until(node: Node, made: MadeBundle, answers: Answers, title: str) -> None:
    def kill(event: StepEvent) -> None:
        if isinstance(event, Pending) and event.title == title:
            raise KilledError(title)

    with made.opened() as bundle:
        carry_out(node, prepare(node, bundle, answers, None), replace(Told().voice, step=kill))


def test_a_kill_before_any_command_converges(root: Path, made: MadeBundle) -> None:
    whole = FakeNode(root / "whole")
    install(whole, made, HEAD)
    wanted = settled_tree(whole.root)
    numbers = [number for number, change in enumerate(whole.changes.done, 1) if not change.startswith("append")]
    assert len(numbers) > 25
    for number in numbers:
        node = FakeNode(root / str(number))
        node.changes.dies_at = number
        with pytest.raises(KilledError):
            install(node, made, HEAD)
        node.changes.forget()
        install(node, made, HEAD)
        assert settled_tree(node.root) == wanted, f"killed before {whole.changes.done[number - 1]}"


def test_a_kill_before_any_change_of_a_file_converges(root: Path, made: MadeBundle) -> None:
    whole = FakeNode(root / "whole")
    count = len(changes_of_files(whole, made, kill_at=0))
    wanted = settled_tree(whole.root)
    assert count > 150
    for number in range(1, count, 17):
        node = FakeNode(root / str(number))
        with pytest.raises(KilledError):
            changes_of_files(node, made, kill_at=number)
        install(node, made, HEAD)
        assert settled_tree(node.root) == wanted, f"killed before change {number}"


def changes_of_files(node: FakeNode, made: MadeBundle, *, kill_at: int) -> list[str]:
    """Install; which changes of files that made. Nothing changes any more from the ``kill_at``-th on."""
    found: list[str] = []

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if is_change(event, arguments) and not node.in_program:
            found.append(f"{event} {arguments[0]}")
            if 0 < kill_at <= len(found):
                raise KilledError(found[-1])

    with listening(note):
        install(node, made, HEAD)
    return found


# --- without the medium


def test_an_install_goes_on_without_its_medium(node: FakeNode, tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "made", Recipe())
    with pytest.raises(KilledError):
        install_until(node, made, HEAD, "NVIDIA driver 550.127.08")
    for path in made.folder.rglob("*.run"):
        path.unlink()
    told = resume_install(node)
    assert "server" in told.applied
    assert resume_install(node).applied == []


def test_without_the_medium_what_is_gone_is_named(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    node.docker.images.clear()
    with pytest.raises(EnvironmentProblemError, match=r"image/blobs/sha256/.*: not on this node") as caught:
        resume_install(node)
    assert "install BUNDLE" in caught.value.hint


def test_without_the_medium_a_changed_model_file_is_named(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    spoil(node.at(f"{MODEL_DIR}/tokens/tokenizer.json"))
    before = stamped_tree(node.at(MODEL_DIR).parent)
    with pytest.raises(DamagedError, match=r"/tiny/tokens/tokenizer\.json: content differs from the bundle$") as caught:
        resume_install(node)
    assert caught.value.hint == "vllm-airgap install BUNDLE takes it from the medium again"
    assert stamped_tree(node.at(MODEL_DIR).parent) == before
    assert "model tiny" in install(node, made, HEAD).applied


def test_a_stopped_docker_is_started_and_not_taken_for_a_lost_image(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    stop_docker(node)
    told = resume_install(node)
    assert (told.copied, "docker answers" in told.applied) == (0, True)
    assert [title for title in told.applied if title.startswith("image")] == []


def test_with_the_medium_a_stopped_docker_costs_no_second_copy(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    stop_docker(node)
    assert install(node, made, HEAD).copied == 0


def test_a_docker_that_lost_the_image_while_it_was_stopped_has_it_asked_for(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    stop_docker(node)
    node.docker.images.clear()
    with pytest.raises(EnvironmentProblemError, match="the node's copy is gone") as caught:
        resume_install(node)
    assert "install BUNDLE" in caught.value.hint
    assert "image vllm:v1" in install(node, made, HEAD).applied


def test_where_only_docker_can_tell_it_is_named(node: FakeNode, made: MadeBundle) -> None:
    """A run was killed while it removed the layers that docker has."""
    install(node, made, HEAD)
    stop_docker(node)
    layer = made.index.of_kind("image")[0]
    node.place(f"/var/lib/vllm-airgap/staging/{made.sums_digest}/{layer.path}", (made.folder / layer.path).read_bytes())
    with pytest.raises(EnvironmentProblemError, match="docker does not answer: Cannot connect") as caught:
        resume_install(node)
    assert "systemctl start docker" in caught.value.hint


def stop_docker(node: FakeNode) -> None:
    node.systemd.shut_down()


def test_without_any_install_before_the_bundle_must_be_named(node: FakeNode) -> None:
    with pytest.raises(UsageError, match="the bundle's folder is missing"):
        staged_bundle(node)


def test_a_kill_before_any_command_of_an_upgrade_converges(root: Path, made: MadeBundle, tmp_path: Path) -> None:
    newer = make_bundle(tmp_path / "newer", UPGRADE)
    whole = upgraded(root / "whole", made, newer, dies_at=0)
    wanted = settled_tree(whole.root)
    numbers = [number for number, change in enumerate(whole.changes.done, 1) if not change.startswith("append")]
    assert len(numbers) > 25
    for number in numbers:
        node = upgraded(root / str(number), made, newer, dies_at=number)
        install(node, newer, HEAD)
        assert settled_tree(node.root) == wanted, f"killed before {whole.changes.done[number - 1]}"
        assert [container.has_gpus for container in node.docker.containers.values()] == [True]
        assert node.docker.running_version == UPGRADE.docker


UPGRADE = Recipe(
    sequence=2,
    driver="570.124.06",
    docker="28.1.0",
    toolkit="1.18.0-1.x86_64",
    image="v2",
    program="program 2",
    model={**Recipe().model, "config.json": b'{"model_type": "qwen3"}'},
)


def upgraded(folder: Path, made: MadeBundle, newer: MadeBundle, *, dies_at: int) -> FakeNode:
    """A node with ``made`` on which the install of ``newer`` was killed."""
    node = FakeNode(folder)
    install(node, made, HEAD)
    node.changes.forget()
    node.changes.dies_at = dies_at
    with pytest.raises(KilledError) if dies_at else nullcontext():
        install(node, newer, HEAD)
    node.changes.dies_at = 0
    return node
