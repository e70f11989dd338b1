from dataclasses import replace
from pathlib import Path

import pytest

from installer.errors import DamagedError
from installer.staging import Staging
from installer.steps.docker_binaries import PlaceDockerBinaries
from tests.fakes.bundle import MadeBundle, Recipe, docker_programs, make_bundle
from tests.fakes.installing import HEAD, install
from tests.fakes.node import FakeNode
from tests.fakes.staged import copy_of, spoil, stage
from tests.fakes.stepping import assert_settled, make_true


def step_of(made: MadeBundle, staging: Staging) -> PlaceDockerBinaries:
    assert made.index.docker
    return PlaceDockerBinaries(made.index.docker, made.index.only("docker"), staging)


@pytest.fixture
def step(node: FakeNode, made: MadeBundle) -> PlaceDockerBinaries:
    return step_of(made, stage(node, made))


def test_a_bare_node_lacks_all_of_them(node: FakeNode, made: MadeBundle) -> None:
    pending = step_of(made, Staging("0" * 64, "/models")).pending(node)
    assert pending == "missing or different: containerd, docker, dockerd, runc"


def test_each_program_is_placed_executable(node: FakeNode, step: PlaceDockerBinaries) -> None:
    make_true(step, node)
    for name, data in docker_programs(Recipe()).items():
        assert node.read(f"/usr/local/bin/{name}") == data
        assert node.at(f"/usr/local/bin/{name}").stat().st_mode & 0o7777 == 0o755


def test_a_second_run_changes_nothing(node: FakeNode, step: PlaceDockerBinaries) -> None:
    make_true(step, node)
    assert_settled(step, node)


def test_only_what_differs_is_placed_again(node: FakeNode, step: PlaceDockerBinaries) -> None:
    make_true(step, node)
    inode = node.at("/usr/local/bin/dockerd").stat().st_ino
    node.at("/usr/local/bin/runc").write_bytes(b"other")
    node.at("/usr/local/bin/docker").chmod(0o644)
    assert step.pending(node) == "missing or different: docker, runc"
    make_true(step, node)
    assert node.at("/usr/local/bin/dockerd").stat().st_ino == inode


def test_only_what_was_placed_is_labelled(node: FakeNode, step: PlaceDockerBinaries) -> None:
    node.at("/sys/fs/selinux").mkdir(parents=True)
    node.at("/sys/fs/selinux/enforce").touch()
    make_true(step, node)
    node.at("/usr/local/bin/runc").unlink()
    node.changes.forget()
    make_true(step, node)
    labelled = [change for change in node.changes.done if change.startswith("restorecon")]
    assert labelled == ["restorecon usr/local/bin/runc"]


def test_what_a_kill_left_aside_is_in_nobodys_way(node: FakeNode, step: PlaceDockerBinaries) -> None:
    node.at("/usr/local/bin/.dockerd,new").write_bytes(b"half")
    make_true(step, node)
    assert not node.at("/usr/local/bin/.dockerd,new").exists()


def test_all_former_programs_are_kept_for_uninstall(step: PlaceDockerBinaries) -> None:
    assert step.replaces == tuple(f"/usr/local/bin/{name}" for name in ("containerd", "docker", "dockerd", "runc"))


def test_another_docker_does_not_go_on_running_behind_new_programs(
    node: FakeNode, made: MadeBundle, tmp_path: Path
) -> None:
    install(node, made, HEAD)
    newer = make_bundle(tmp_path / "newer", Recipe(sequence=2, docker="28.1.0"))
    install(node, newer, HEAD)
    assert node.docker.running_version == "28.1.0"
    assert node.docker.containers


def test_an_archive_copy_that_changed_is_not_used(node: FakeNode, made: MadeBundle, step: PlaceDockerBinaries) -> None:
    spoil(copy_of(node, made, "docker"))
    with pytest.raises(DamagedError):
        step.apply(node)
    assert not node.finds("dockerd")


def test_an_archive_without_a_program_is_named(node: FakeNode, step: PlaceDockerBinaries) -> None:
    extra = replace(step.docker.binaries[0], name="ctr")
    docker = replace(step.docker, binaries=(*step.docker.binaries, extra))
    with pytest.raises(DamagedError, match=r"docker-27\.4\.0\.tgz: does not hold docker/ctr"):
        replace(step, docker=docker).apply(node)
