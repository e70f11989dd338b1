"""`bundle lint --site`: a manifest against the very nodes, as a probe wrote them down."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.cli import run
from bundler.lint import before_build
from bundler.lock import lock_path, read_lock
from bundler.manifest import Manifest, read_manifest
from bundler.site.cluster import unused_packages
from bundler.site.document import read_site
from bundler.site.situation import CONTAINER, Probed, situations
from bundler.workplace import Found, Workplace
from installer.container import CONTAINER as INSTALLERS_CONTAINER
from installer.index.components import ExtraPackage, Image, Packages
from tests.fakes.linux import FakeInterface
from tests.fakes.node import FakeNode
from tests.fakes.overheard import document_of
from tests.fakes.situation import with_index
from tests.unit.bundler.making import Site, find_image, make_site

Output = pytest.CaptureFixture[str]
Change = Callable[[FakeNode], None]


def find_image_with_ray(manifest: Manifest, work: Workplace) -> Found:
    found = find_image(manifest, work)
    assert isinstance(found.component, Image)
    return replace(found, component=replace(found.component, versions={"vllm": "0.6.4", "ray": "2.40.0"}))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """With a lock."""
    folder = tmp_path / "connected"
    folder.mkdir()
    made = make_site(folder)
    made.asked.image = find_image_with_ray
    made.rewrite("sequence: 7", "sequence: 7\ncluster: {nodes: 2}\nserve: {pipeline_parallel_size: 2}")
    made.build()
    return made


@pytest.fixture
def probed(tmp_path: Path) -> Callable[..., str]:
    """Writes what a probe would of a good node, after ``change``; the path of that."""

    def write(name: str, change: Change = lambda _node: None, *, by_root: bool = True) -> str:
        node = FakeNode(tmp_path / name, f"10.0.0.{1 + len(list(tmp_path.glob('*.json')))}")
        node.linux.hostname, node.system.libc = name, "glibc 2.99"
        change(node)
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(document_of(node, by_root=by_root)))
        return str(path)

    return write


def lint(site: Site, *documents: str) -> tuple[str, ...]:
    sites = (word for document in documents for word in ("--site", document))
    return ("lint", str(site.manifest), *sites)


def rules(site: Site, capsys: Output, *documents: str) -> dict[tuple[str, str], str]:
    """Severity and words of what is found of nodes, by rule and where."""
    run((*lint(site, *documents), "-o", "json"))
    found = json.loads(capsys.readouterr().out)["findings"]
    return {(one["name"], one["where"]): f"{one['level']}: {one['what']}" for one in found}


def quiet(capsys: Output) -> None:
    capsys.readouterr()


def test_good_nodes_are_named_and_pass(site: Site, probed: Callable[..., str], capsys: Output) -> None:
    documents = probed("gpu1"), probed("gpu2")
    quiet(capsys)
    assert run(lint(site, *documents)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines if line.startswith(("head", "worker"))] == [
        "head: gpu1",
        "worker: gpu2",
    ]
    assert lines[-1] == f"{site.manifest}: no errors, nor for gpu1 and gpu2, 1 warning"


def headless(node: FakeNode) -> None:
    """Without the headers of its kernel."""
    node.linux.headers = False


def test_whether_headers_are_there_is_asked_of_the_nodes_once_all_were_probed(
    site: Site, probed: Callable[..., str], capsys: Output
) -> None:
    one, other = probed("gpu1"), probed("gpu2")
    quiet(capsys)
    assert ("driver-headers", "driver") in rules(site, capsys)
    assert ("driver-headers", "driver") in rules(site, capsys, one)  # of the other node nothing is known
    assert ("driver-headers", "driver") not in rules(site, capsys, one, other)
    found = rules(site, capsys, one, probed("gpu3", headless))
    assert ("driver-headers", "driver") not in found
    assert "there are no headers of the running kernel" in found["build-tools", "gpu3"]


def test_a_gpu_is_called_by_its_name_with_and_without_a_driver(
    site: Site, probed: Callable[..., str], capsys: Output
) -> None:
    documents = probed("gpu1"), probed("gpu2", lambda node: node.nvidia.have("550.127.08"))
    quiet(capsys)
    assert ("different-gpus", "cluster") not in rules(site, capsys, *documents)
    run(lint(site, *documents))
    said = capsys.readouterr().out
    assert "head: gpu1, 1 x T4, driver none, " in said
    assert "worker: gpu2, 1 x Tesla T4 15360 MiB, driver 550.127.08, " in said


def test_a_gpu_that_is_not_known_is_called_by_its_number(
    site: Site, probed: Callable[..., str], capsys: Output
) -> None:
    documents = probed("gpu1", lambda node: node.nvidia.plug_in(1, "0DF8")), probed("gpu2")
    quiet(capsys)
    assert rules(site, capsys, *documents)["different-gpus", "cluster"].endswith(
        "gpu1: 1 x PCI 10de:0df8; gpu2: 1 x T4"
    )


def test_a_gpu_that_a_virtual_machine_has_is_no_difference(
    site: Site, probed: Callable[..., str], capsys: Output
) -> None:
    documents = probed("gpu1", lambda node: node.nvidia.pass_on("2236")), probed("gpu2")
    quiet(capsys)
    assert ("different-gpus", "cluster") not in rules(site, capsys, *documents)


def test_a_problem_of_a_node_is_named_by_its_host_and_is_7(
    site: Site, probed: Callable[..., str], capsys: Output
) -> None:
    def crowded(node: FakeNode) -> None:
        node.free = 1 << 20

    documents = probed("gpu1"), probed("gpu2", crowded)
    quiet(capsys)
    assert run(lint(site, *documents)) == 7
    lines = capsys.readouterr().err.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("error "))
    assert lines[at].startswith("error [space] gpu2: / has 0.0 GiB free")
    assert lines[at + 1].startswith("fix: make room on /")


def test_a_node_that_the_bundle_is_not_for_is_6(site: Site, probed: Callable[..., str], capsys: Output) -> None:
    def other(node: FakeNode) -> None:
        node.system.arch = "aarch64"

    documents = probed("gpu1", other), probed("gpu2")
    assert run(lint(site, *documents)) == 6
    assert "error [machine] gpu1: this node is aarch64" in capsys.readouterr().err


def test_ports_are_those_of_the_head_on_the_first_alone(site: Site, probed: Callable[..., str], capsys: Output) -> None:
    def serving(node: FakeNode) -> None:
        node.linux.listeners.append(("0.0.0.0", 8000))  # noqa: S104  # nobody listens

    head, worker = probed("gpu1", serving), probed("gpu2")
    quiet(capsys)
    assert rules(site, capsys, head, worker)["ports", "gpu1"].startswith("problem: port 8000 is taken")
    assert ("ports", "gpu1") not in rules(site, capsys, worker, head)


def test_nodes_that_differ_are_said_to(site: Site, probed: Callable[..., str], capsys: Output) -> None:
    def other(node: FakeNode) -> None:
        node.linux.release, node.mtu = "5.14.0-500.el9.x86_64", 9000
        node.nvidia.plug_in(2)

    documents = probed("gpu1"), probed("gpu2", other)
    quiet(capsys)
    found = rules(site, capsys, *documents)
    kernels = "warning: the kernel is not the same on all nodes: gpu1: 5.14.0-427.el9.x86_64; gpu2: "
    assert found["different-kernels", "cluster"].startswith(kernels)
    assert found["different-mtu", "cluster"].endswith("gpu1: 1500; gpu2: 9000")
    assert found["different-gpus", "cluster"].endswith("gpu1: 1 x T4; gpu2: 2 x T4")


def test_drivers_are_compared_as_an_install_leaves_them(site: Site, probed: Callable[..., str], capsys: Output) -> None:
    documents = probed("gpu1", lambda node: node.nvidia.have("535.183.01")), probed("gpu2")
    quiet(capsys)
    assert ("different-drivers", "cluster") not in rules(site, capsys, *documents)
    site.rewrite("driver: {version: 550.10, url: driver.run}\n", "")
    site.rewrite("sequence: 7", "sequence: 8")
    site.build("second")
    other = probed("gpu3", lambda node: node.nvidia.have("550.127.08"))
    quiet(capsys)
    found = rules(site, capsys, documents[0], other)
    assert found["different-drivers", "cluster"].endswith("gpu1: 535.183.01; gpu3: 550.127.08")


def test_one_node_named_twice_is_noticed(site: Site, probed: Callable[..., str], capsys: Output) -> None:
    document = probed("gpu1", lambda node: node.linux.interfaces.append(FakeInterface("docker0", "172.17.0.1")))
    quiet(capsys)
    assert run(lint(site, document, document)) == 7
    said = capsys.readouterr().err
    assert "warning [same-hostname] cluster: 2 documents are of a node named gpu1" in said
    assert f"gpu1 ({document}) and gpu1 ({document}) have the same address, 10.0.0.1" in said
    assert "172.17" not in said


def inside(node: FakeNode) -> None:
    """Of a BMC, of containers, of virtual machines: the same everywhere."""
    for name, address in (
        ("idrac", "169.254.1.2"),
        ("podman0", "10.88.0.1"),
        ("kube-ipvs0", "10.96.0.1"),
        ("lxdbr0", "10.55.0.1"),
        ("lxcbr0", "10.0.3.1"),
        ("virbr0", "192.168.122.1"),
        ("docker0", "172.17.0.1"),
        ("br-0123456789ab", "172.18.0.1"),
    ):
        node.linux.interfaces.append(FakeInterface(name, address))


def test_networks_inside_the_nodes_are_no_matter(site: Site, probed: Callable[..., str], capsys: Output) -> None:
    documents = probed("gpu1", inside), probed("gpu2", inside)
    quiet(capsys)
    assert run(lint(site, *documents)) == 0
    assert "same-address" not in capsys.readouterr().err


def test_an_address_that_may_be_inside_is_a_warning(site: Site, probed: Callable[..., str], capsys: Output) -> None:
    def of_some_kind(node: FakeNode) -> None:
        node.linux.interfaces.append(FakeInterface("weave", "10.32.0.1"))

    documents = probed("gpu1", of_some_kind), probed("gpu2", of_some_kind)
    quiet(capsys)
    assert run(lint(site, *documents)) == 0
    assert "warning [same-address] cluster: gpu1 and gpu2 have the same address, 10.32.0.1" in capsys.readouterr().err


def test_the_same_address_on_the_way_out_is_a_problem(site: Site, probed: Callable[..., str], capsys: Output) -> None:
    def double(node: FakeNode) -> None:
        node.ip = "10.0.0.9"
        node.linux.interfaces.append(FakeInterface("ib0", f"10.7.0.{1 + (node.linux.hostname == 'gpu2')}"))
        node.linux.default_route = "eth0"

    documents = probed("gpu1", double), probed("gpu2", double)
    quiet(capsys)
    assert run(lint(site, *documents)) == 7
    assert "error [same-address] cluster: gpu1 and gpu2 have the same address, 10.0.0.9" in capsys.readouterr().err


def test_nodes_that_were_not_probed_are_counted(site: Site, probed: Callable[..., str], capsys: Output) -> None:
    documents = [probed(f"gpu{number}") for number in (1, 2, 3)]
    quiet(capsys)
    few = rules(site, capsys, documents[0])["nodes-not-probed", "cluster.nodes"]
    assert few == "warning: 2 nodes are to be, 1 of them was probed"
    assert (
        rules(site, capsys, *documents)["nodes-too-many", "cluster.nodes"]
        == "warning: 2 nodes are to be, 3 were probed"
    )


def test_a_document_that_root_did_not_write_is_named(site: Site, probed: Callable[..., str], capsys: Output) -> None:
    documents = probed("gpu1", by_root=False), probed("gpu2")
    quiet(capsys)
    assert "was not written by root" in rules(site, capsys, *documents)["site-not-by-root", "gpu1"]


def test_the_document_lists_the_nodes(site: Site, probed: Callable[..., str], capsys: Output) -> None:
    documents = probed("gpu1"), probed("gpu2")
    quiet(capsys)
    assert run((*lint(site, *documents), "-o", "json")) == 0
    nodes = json.loads(capsys.readouterr().out)["nodes"]
    assert nodes[0] == {
        "name": "gpu1",
        "role": "head",
        "file": documents[0],
        "kernel": "5.14.0-427.el9.x86_64",
        "driver": "",
        "gpus": "1 x T4",
    }


def test_without_a_lock_it_says_what_to_type(site: Site, probed: Callable[..., str], capsys: Output) -> None:
    document = probed("gpu1")
    site.manifest.with_suffix(".lock").unlink()
    quiet(capsys)
    assert run(lint(site, document)) == 2
    said = "error: there is no lock yet, so the nodes were not looked at"
    assert f"{said}\nhint: bundle lock {site.manifest}\n" in capsys.readouterr().err


def test_without_a_lock_the_manifest_is_looked_at_all_the_same(
    site: Site, probed: Callable[..., str], capsys: Output
) -> None:
    document = probed("gpu1")
    site.manifest.with_suffix(".lock").unlink()
    (site.model / "a.pkl").touch()
    plain = rules(site, capsys)
    quiet(capsys)
    assert run(lint(site, document)) == 2
    written = capsys.readouterr()
    assert "a.pkl" in written.err
    assert "not checked: " in written.out
    assert run((*lint(site, document), "-o", "json")) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["nodes"] == []
    assert found["unchecked"]
    assert {(one["name"], one["where"]) for one in found["findings"]} == {
        *plain,
        ("lint-stopped", str(site.manifest)),
    }


def test_a_lock_of_another_manifest_is_not_used(site: Site, probed: Callable[..., str], capsys: Output) -> None:
    document = probed("gpu1")
    site.rewrite("27.4.0", "27.5.0")
    quiet(capsys)
    assert run(lint(site, document)) == 2
    assert "the lock is not of this manifest: docker changed since" in capsys.readouterr().err


def test_nonsense_from_a_site_is_2(site: Site, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "x.json").write_text('{"format": 1, "root": true, "seen": []}')
    quiet(capsys)
    assert run(lint(site, str(tmp_path / "x.json"))) == 2
    assert "hint: bundle probe > probe.sh, and let it run on that node again" in capsys.readouterr().err


def test_packages_for_a_kernel_that_no_node_runs_are_named(site: Site, probed: Callable[..., str]) -> None:
    case = before_build(read_manifest(site.manifest), read_lock(lock_path(site.manifest)), site.work.cache)
    nodes = situations(case, [read_site(Path(probed("gpu1"))), read_site(Path(probed("gpu2")))])

    def bringing(kernel: str) -> list[Probed]:
        package = ExtraPackage("packages/kernel-devel.rpm", "kernel-devel", "1", "headers", (kernel,))
        return [replace(node, at=with_index(node.at, packages=Packages((package,)))) for node in nodes]

    (found,) = unused_packages(bringing("3.10.0-1160.el7.x86_64"))
    assert (found.rule, found.where, found.severity) == ("packages-kernel", "packages[0]", "warning")
    assert "they run 5.14.0-427.el9.x86_64" in found.what
    assert list(unused_packages(bringing("5.14.0-427.el9.x86_64"))) == []


def test_the_container_is_the_installers() -> None:
    assert CONTAINER == INSTALLERS_CONTAINER
