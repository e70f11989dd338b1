"""The probe on the very machine that runs the tests, under its shells and Debian's busybox: it sees what facts see."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from testbed import debian

from bundler.site.document import parse_site, read_site
from installer.facts import Facts, gather
from installer.node import Node
from tests.fakes.machines import debian_of_the_testbed, ubuntu_at_work
from tests.fakes.posed import PROBE, as_probed, pose

SHELLS = {"dash": ("dash",), "bash": ("bash", "--posix")}


@pytest.fixture(scope="module")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> str:
    if found := shutil.which("busybox"):
        return found
    root = tmp_path_factory.mktemp("busybox") / "root"
    debian.unpack(("busybox-static",), root)
    return str(root / "bin/busybox")


def probed(shell: Sequence[str], target: Path) -> Facts:
    done = subprocess.run((*shell, PROBE, target), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return gather(read_site(target).machine)


def steady(facts: Facts) -> Facts:
    """Less what changes from one second to the next."""
    mounts = tuple(replace(mount, free=0) for mount in facts.storage.mounts)
    gpus = tuple(replace(gpu, used=0) for gpu in facts.gpus.smi)
    return replace(
        facts,
        system=replace(facts.system, clock=0),
        storage=replace(facts.storage, mounts=mounts, memory_available=0),
        network=replace(facts.network, listeners=()),
        gpus=replace(facts.gpus, smi=gpus, processes=()),
    )


@pytest.mark.parametrize("name", SHELLS)
def test_this_machine_is_seen_as_by_the_installer(tmp_path: Path, name: str) -> None:
    seen = probed(SHELLS[name], tmp_path / "site.json")
    assert steady(seen) == steady(as_probed(gather(Node())))


def test_this_machine_is_seen_by_busybox(tmp_path: Path, busybox: str) -> None:
    """Some of its programs tell less: who listens and what is mounted does not come from them."""
    seen = steady(probed((busybox, "sh"), tmp_path / "site.json"))
    here = steady(as_probed(gather(Node())))
    assert (seen.system, seen.network, seen.storage) == (here.system, here.network, here.storage)


def test_busybox_alone_sees_the_same_machine(tmp_path: Path, busybox: str) -> None:
    posed = pose(ubuntu_at_work(), tmp_path)
    for tool in "awk cat env grep ls mv od rm sed timeout tr true wc".split():
        posed.use_tool(tool, busybox)
    assert gather(parse_site(posed.run("-", by=(busybox, "sh")).encode(), tmp_path).machine) == as_probed(
        gather(ubuntu_at_work())
    )


def test_busyboxes_awk_loses_no_byte(tmp_path: Path, busybox: str) -> None:
    posed = pose(debian_of_the_testbed(), tmp_path)
    posed.use_tool("awk", busybox)
    content = bytes(range(256)) + b'"\\"\\\n\t\xc3\xa9\xff'
    posed.write("/etc/os-release", content)
    site = parse_site(posed.run("-", by=(busybox, "sh")).encode(), tmp_path)
    assert site.machine.read("/etc/os-release") == content


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    before = set(os.listdir(tmp_path))
    probed(("sh",), tmp_path / "site.json")
    assert set(os.listdir(tmp_path)) - before == {"site.json"}
    assert (tmp_path / "site.json").stat().st_size < 1 << 20
