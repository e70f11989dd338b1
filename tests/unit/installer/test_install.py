from dataclasses import replace
from pathlib import Path

import pytest

from installer.container import CONTAINER
from installer.errors import AirgapError, EnvironmentProblemError, RefusedError, UsageError
from installer.install import (
    check_caller,
    check_entrance,
    check_handover,
    check_waits_on_head,
    own_runtime_digest,
    rehearse,
)
from installer.pinned import TRUST_JSON
from installer.settings import NODE_JSON, SITE_JSON, Answers
from installer.steps.cluster import NODE_UNIT, SERVE_UNIT
from installer.survey import pinned_before
from installer.trust.signatures import Anchors
from tests.fakes.bundle import TOOLKIT, MadeBundle, Recipe, make_bundle, public_key
from tests.fakes.file_events import opened_files
from tests.fakes.installing import HEAD, WORKER, Told, install, install_again, prepared
from tests.fakes.node import FakeNode
from tests.fakes.staged import MODEL_DIR, spoil
from tests.fakes.tree import stamped_tree, tree

ROLES = pytest.mark.parametrize(("answers", "ip"), [(HEAD, "10.0.0.1"), (WORKER, "10.0.0.2")], ids=["head", "worker"])
SOFTWARE = [
    "pin trust",
    "site.json",
    "NVIDIA driver 550.127.08",
    "GPUs stay awake",
    "docker 27.4.0 programs",
    "group docker",
    "units of docker",
    "docker daemon.json",
    "docker answers",
    "NVIDIA container toolkit 1.17.8",
    "docker runtime nvidia",
    "image vllm:v1",
    "model tiny",
    "node.json",
    "units of the cluster",
    "cluster node",
]


def test_a_bare_node_becomes_a_head(node: FakeNode, made: MadeBundle) -> None:
    told = install(node, made, HEAD)
    assert told.applied == [*SOFTWARE, "server"]
    assert told.copied == sum(file.size for file in made.index.files)
    assert node.systemd.states[NODE_UNIT] == node.systemd.states[SERVE_UNIT] == "active"
    assert node.docker.containers[CONTAINER].command[:4] == ("ray", "start", "--block", "--head")
    assert told.health
    assert told.health.waiting == "http://10.0.0.1:8000 does not answer yet"


def test_the_gpus_are_waked_seldom(node: FakeNode, made: MadeBundle) -> None:
    """Each call of nvidia-smi may take half a minute on a machine whose GPUs sleep: 3 tell the facts."""
    install(node, made, HEAD)
    node.nvidia.asked = 0
    install(node, made, HEAD)
    assert node.nvidia.asked == 3 + 1 + 1  # whether they stay awake, and what may differ from the other nodes'
    node.nvidia.have("535.183.06")
    node.nvidia.asked = 0
    install(node, made, HEAD)
    assert node.nvidia.asked <= 3 * 3 + 6  # again before the driver is replaced, and after that


def test_a_bare_node_becomes_a_worker_that_waits_for_its_head(root: Path, made: MadeBundle) -> None:
    node = FakeNode(root, ip="10.0.0.2")
    told = install(node, made, WORKER)
    assert told.applied == SOFTWARE
    assert node.docker.containers == {}
    assert told.health
    assert told.health.missing == "not reached yet: head 10.0.0.1"


def test_a_worker_whose_head_is_up_joins_it(root: Path, made: MadeBundle) -> None:
    node = FakeNode(root, ip="10.0.0.2")
    node.reachable.add(("10.0.0.1", 6379))
    told = install(node, made, WORKER)
    assert "--address=10.0.0.1:6379" in node.docker.containers[CONTAINER].command
    assert told.health
    assert told.health.missing == ""


@ROLES
def test_a_second_run_changes_nothing(root: Path, made: MadeBundle, answers: Answers, ip: str) -> None:
    node = FakeNode(root, ip)
    install(node, made, answers)
    told = install_again(node, made, answers)
    assert [title for title in told.held if title in SOFTWARE] == SOFTWARE


@ROLES
def test_a_second_run_needs_no_options(root: Path, made: MadeBundle, answers: Answers, ip: str) -> None:
    node = FakeNode(root, ip)
    install(node, made, replace(answers, overrides=("max_model_len=99",)))
    install_again(node, made, Answers())


@ROLES
def test_everything_holds_after_a_reboot(root: Path, made: MadeBundle, answers: Answers, ip: str) -> None:
    node = FakeNode(root, ip)
    install(node, made, answers)
    node.reboot()
    install_again(node, made, answers)


# --- before the first change


def test_a_rehearsal_tells_every_step_and_changes_nothing(node: FakeNode, made: MadeBundle) -> None:
    before = tree(node.root)
    told = Told()
    rehearse(node, prepared(node, made, HEAD), told.voice)
    before_a_driver = [title for title in SOFTWARE if title != "GPUs stay awake"]
    assert told.pending == [*before_a_driver, "server"]
    assert tree(node.root) == before


@pytest.mark.parametrize("answers", [Answers(), replace(HEAD, overrides=("port=1",)), replace(HEAD, data_dir="x")])
def test_wrong_options_change_nothing(node: FakeNode, made: MadeBundle, answers: Answers) -> None:
    before = tree(node.root)
    with pytest.raises(UsageError):
        install(node, made, answers)
    assert tree(node.root) == before


def test_all_problems_are_told_at_once_and_nothing_was_changed(node: FakeNode, made: MadeBundle) -> None:
    node.free = 100
    node.at("/usr/bin/iptables").unlink()
    before = tree(node.root)
    with pytest.raises(EnvironmentProblemError) as caught:
        install(node, made, HEAD)
    assert "programs: iptables is not on this node" in str(caught.value)
    assert "space: / has" in str(caught.value)
    assert "fix: make room on /" in str(caught.value)
    assert tree(node.root) == before


def test_a_bundle_for_another_machine_is_refused(node: FakeNode, made: MadeBundle) -> None:
    """Nothing that could be mended on this node would help."""
    node.system.arch, node.system.libc, node.free = "aarch64", "", 100
    before = tree(node.root)
    with pytest.raises(RefusedError) as caught:
        install(node, made, HEAD)
    assert caught.value.exit_code == 6
    assert "machine: this node is aarch64" in str(caught.value)
    assert "libc: this node has no glibc" in str(caught.value)
    assert "space" not in str(caught.value)
    assert tree(node.root) == before


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(sequence=4), "sequence 4 is older than 5"),
        (Recipe(sequence=5, program="other"), "sequence 5 was installed before with other content"),
        (Recipe(sequence=6, name="other"), "this node has bundle 'demo', not 'other'"),
    ],
)
def test_a_bundle_that_may_not_follow_changes_nothing(
    node: FakeNode, tmp_path: Path, recipe: Recipe, message: str
) -> None:
    install(node, make_bundle(tmp_path / "first", Recipe(sequence=5)), HEAD)
    before = stamped_tree(node.root)
    with pytest.raises(RefusedError, match=message) as caught:
        install(node, make_bundle(tmp_path / "second", recipe), HEAD)
    assert caught.value.exit_code == 6
    assert stamped_tree(node.root) == before


def test_damage_on_the_medium_changes_nothing_outside_our_own_folders(node: FakeNode, tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "made", Recipe())
    spoil(made.folder / made.index.only("driver").path)
    before = tree(node.root)
    with pytest.raises(AirgapError, match="content differs"):
        install(node, made, HEAD)
    new = tree(node.root).keys() - before.keys()
    assert {name for name in new if not name.startswith("var/lib/vllm-airgap")} == set()
    assert [name for name in new if node.at(name).is_file()] == []


def test_packages_that_would_be_refused_at_their_step_are_refused_before_the_first(
    node: FakeNode, made: MadeBundle
) -> None:
    """The toolkit's come after the driver, which a later refusal would leave replaced for nothing."""
    node.nvidia.have("535.183.06")
    node.rpm.database[TOOLKIT] = "1.18.0-1.x86_64"
    before = tree(node.root)
    with pytest.raises(RefusedError, match="which is newer than") as caught:
        install(node, made, HEAD)
    assert caught.value.exit_code == 6
    assert node.nvidia.module == "535.183.06"
    new = tree(node.root).keys() - before.keys()
    assert {name for name in new if not name.startswith("var/lib/vllm-airgap")} == set()
    assert not node.at(TRUST_JSON).exists()
    del node.rpm.database[TOOLKIT]
    told = install(node, made, HEAD)
    assert told.copied == 0
    assert told.applied == [*SOFTWARE, "server"]


def test_a_damaged_site_file_is_a_problem_of_the_node(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    node.place(SITE_JSON, b"{")
    with pytest.raises(EnvironmentProblemError, match=r"site\.json"):
        install(node, made, HEAD)


def test_only_root_installs(node: FakeNode) -> None:
    check_caller(node)
    node.as_root = False
    with pytest.raises(EnvironmentProblemError, match="not root") as caught:
        check_caller(node)
    assert caught.value.exit_code == 7
    assert caught.value.hint == "run the same command with sudo"
    node.place("/usr/local/sbin/vllm-airgap", b"")
    with pytest.raises(EnvironmentProblemError) as caught:
        check_caller(node)
    assert caught.value.hint.endswith("type /usr/local/sbin/vllm-airgap")


def test_only_a_head_can_be_waited_for(node: FakeNode, root: Path, made: MadeBundle) -> None:
    check_waits_on_head(prepared(node, made, HEAD), wait=True)
    worker = FakeNode(root / "worker", ip="10.0.0.2")
    install(worker, made, WORKER)
    remembered = prepared(worker, made, Answers())
    check_waits_on_head(remembered, wait=False)
    with pytest.raises(UsageError, match="only the head"):
        check_waits_on_head(remembered, wait=True)


# --- what runs already


def test_new_settings_reach_the_cluster(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    node.ray = [("10.0.0.1", 1), ("10.0.0.2", 1)]
    told = install(node, made, replace(HEAD, overrides=("max_model_len=99",)))
    assert told.applied == ["site.json", "node.json", "cluster node", "server"]
    assert node.server
    assert node.server[node.server.index("--max-model-len") + 1] == "99"


def test_a_worker_that_waits_for_the_wrong_head_is_sent_to_the_right_one(root: Path, made: MadeBundle) -> None:
    node = FakeNode(root, ip="10.0.0.2")
    install(node, made, Answers(role="worker", node_ip="10.0.0.2", head="10.0.0.99"))
    node.reachable.add(("10.0.0.1", 6379))
    install(node, made, Answers(head="10.0.0.1"))
    assert "--address=10.0.0.1:6379" in node.docker.containers[CONTAINER].command


def test_a_head_that_becomes_a_worker_serves_no_more(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    (container,) = node.docker.containers.values()
    worker = Answers(role="worker", nodes=("10.0.0.9", "10.0.0.1"))
    install(node, made, worker)
    assert container.has_gpus
    assert node.systemd.states.get(SERVE_UNIT) is None
    install_again(node, made, worker)
    node.reboot()
    assert node.systemd.states.get(SERVE_UNIT) is None
    assert node.systemd.states[NODE_UNIT] == "active"


def test_a_newer_bundle_replaces_what_differs_and_only_that(node: FakeNode, made: MadeBundle, tmp_path: Path) -> None:
    install(node, made, HEAD)
    newer = make_bundle(tmp_path / "newer", Recipe(sequence=2, image="v2", program="program 2"))
    told = install(node, newer, HEAD)
    assert told.applied == ["pin trust", "image vllm:v2", "node.json", "cluster node", "server"]
    assert node.docker.containers[CONTAINER].image == newer.index.image.config
    install_again(node, newer, HEAD)


def test_a_newer_model_of_the_same_name_takes_the_place_of_the_older(
    node: FakeNode, made: MadeBundle, tmp_path: Path
) -> None:
    install(node, made, HEAD)
    model = {**Recipe().model, "config.json": b'{"model_type": "qwen3"}'}
    newer = make_bundle(tmp_path / "newer", Recipe(sequence=2, model=model))
    told = install(node, newer, HEAD)
    assert "model tiny" in told.applied
    assert node.read("/var/lib/vllm-airgap/models/tiny/config.json") == b'{"model_type": "qwen3"}'


def test_no_container_ever_loses_its_gpus(node: FakeNode, made: MadeBundle, tmp_path: Path) -> None:
    install(node, made, HEAD)
    newer = make_bundle(
        tmp_path / "newer", Recipe(sequence=2, docker="28.1.0", toolkit="1.18.0-1.x86_64", driver="570.1")
    )
    install(node, newer, HEAD)
    assert [container.has_gpus for container in node.docker.containers.values()] == [True]


def test_a_docker_of_the_nodes_own_is_used_and_not_overlaid(node: FakeNode, made: MadeBundle) -> None:
    own_docker(node, "20.10.24")
    told = install(node, made, HEAD)
    assert [title for title in told.applied if title.startswith(("docker 2", "group", "units of docker"))] == []
    assert not node.at("/usr/local/bin/dockerd").exists()
    assert node.docker.running_version == "20.10.24"
    install_again(node, made, HEAD)


def own_docker(node: FakeNode, version: str) -> None:
    """As a package of the distribution leaves it."""
    node.give_program("/usr/bin/dockerd", version)
    node.give_program("/usr/bin/docker")
    node.place("/usr/lib/systemd/system/docker.service", b"[Service]\nExecStart=/usr/bin/dockerd -H fd://\n")
    node.systemd.reload()
    node.systemd.command(("start", "docker.service"))


def test_what_the_bundle_does_not_bring_the_node_must_have(node: FakeNode, tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "made", Recipe(leave_out=("driver", "docker", "toolkit")))
    with pytest.raises(EnvironmentProblemError, match="there is no docker, and the bundle has none"):
        install(node, made, HEAD)
    own_docker(node, "27.0.0")
    with pytest.raises(EnvironmentProblemError) as caught:
        install(node, made, HEAD)
    assert "programs: nvidia-ctk is not on this node" in str(caught.value)
    assert "own-driver: the bundle has no driver, and nvidia-smi is not on this node" in str(caught.value)
    node.nvidia.have("550.127.08")
    node.give_program("/usr/bin/nvidia-ctk")
    node.give_program("/usr/bin/nvidia-container-runtime-hook")
    assert "cluster node" in install(node, made, HEAD).applied


# --- which program, whose word


def test_only_the_installed_program_hands_over(node: FakeNode, made: MadeBundle, tmp_path: Path) -> None:
    other = make_bundle(tmp_path / "other", Recipe(sequence=1, program="another"))
    with made.opened() as bundle:
        check_handover(node, bundle, from_medium=False)
        with pytest.raises(RefusedError, match="not the one that this bundle lists"):
            check_handover(node, bundle, from_medium=True)
    install(node, made, HEAD)
    with other.opened() as bundle, pytest.raises(RefusedError, match="with other content"):
        check_handover(node, bundle, from_medium=False)


def test_the_launcher_takes_no_other_bundle_on_a_node_that_has_one(
    node: FakeNode, made: MadeBundle, tmp_path: Path
) -> None:
    newer = make_bundle(tmp_path / "newer", Recipe(sequence=2))
    with made.opened() as bundle:
        check_entrance(node, bundle, from_medium=True)
    install(node, made, HEAD)
    with made.opened() as same, newer.opened() as other:
        check_entrance(node, same, from_medium=True)
        check_entrance(node, other, from_medium=False)
        with pytest.raises(RefusedError, match="the installed program must take this one"):
            check_entrance(node, other, from_medium=True)


@pytest.mark.parametrize("data", [None, b"", b"{", b"{}", b'{"format": 2}'])
def test_a_lost_or_damaged_record_stops_everybody_without_an_anchor(
    node: FakeNode, made: MadeBundle, data: bytes | None
) -> None:
    install(node, made, HEAD)
    if data is None:
        node.at(TRUST_JSON).unlink()
    else:
        node.place(TRUST_JSON, data)
    with made.opened(Anchors(pinned=(public_key(),))) as bundle, pytest.raises(EnvironmentProblemError) as caught:
        pinned_before(node, bundle)
    assert caught.value.exit_code == 7
    assert "--trusted-key" in caught.value.hint
    install(node, made, HEAD)
    install_again(node, made, HEAD)


def test_a_pinned_key_is_enough_and_does_not_hide_how_it_was_trusted(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD, Anchors(first_use=True))
    assert b'"first use"' in (node.read(TRUST_JSON) or b"")
    told = install(node, made, HEAD, Anchors(pinned=(public_key(),)))
    assert told.applied == []
    assert b'"first use"' in (node.read(TRUST_JSON) or b"")


def test_a_program_knows_its_own_digest(tmp_path: Path) -> None:
    python = tmp_path / ("a" * 64) / "python/bin/python3"
    python.parent.mkdir(parents=True)
    python.touch()
    (tmp_path / "current").symlink_to("a" * 64)
    assert own_runtime_digest(str(tmp_path / "current/python/bin/python3"), None, lambda _: None) == "a" * 64
    assert own_runtime_digest("/anything", tmp_path / "copy", lambda path: f"digest of {path.name}") == "digest of copy"


def test_no_secret_and_no_value_of_the_manifest_is_in_a_unit(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, replace(HEAD, overrides=("NCCL_DEBUG=INFO",)))
    assert b"NCCL_DEBUG" in (node.read(NODE_JSON) or b"")
    units = node.at("/etc/systemd/system")
    assert [path.name for path in units.glob("*.service") if b"NCCL" in path.read_bytes()] == []


def test_a_model_that_is_mended_reaches_the_running_server(node: FakeNode, made: MadeBundle) -> None:
    """The container would go on with the folder that is gone."""
    install(node, made, HEAD)
    before = node.docker.containers[CONTAINER]
    spoil(node.at(f"{MODEL_DIR}/config.json"))
    assert install(node, made, HEAD).applied == ["model tiny", "cluster node", "server"]
    assert node.docker.containers[CONTAINER] is not before
    install_again(node, made, HEAD)


def test_a_model_whose_copy_is_only_left_beside_it_stops_nothing(node: FakeNode, made: MadeBundle) -> None:
    install(node, made, HEAD)
    node.place(f"{MODEL_DIR}.partial/config.json", b"half")
    assert install(node, made, HEAD).applied == ["model tiny"]


def test_an_upgrade_opens_no_model_file_that_stays_the_same(node: FakeNode, made: MadeBundle, tmp_path: Path) -> None:
    install(node, made, HEAD)
    model = {**Recipe().model, "config.json": b'{"model_type": "qwen3"}'}
    newer = make_bundle(tmp_path / "newer", Recipe(sequence=2, model=model))
    with opened_files() as opened:
        assert "model tiny" in install(node, newer, HEAD).applied
    assert [path for path in opened if path.endswith(".safetensors")] == []
    install_again(node, newer, HEAD)


def test_a_containerd_of_the_nodes_own_is_neither_stopped_nor_overlaid(node: FakeNode, made: MadeBundle) -> None:
    node.give_program("/usr/bin/containerd")
    before = tree(node.root)
    with pytest.raises(EnvironmentProblemError, match="containerd: /usr/bin/containerd") as caught:
        install(node, made, HEAD)
    assert "fix: install a docker that uses it, or remove it" in str(caught.value)
    assert tree(node.root) == before
