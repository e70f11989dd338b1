"""The driver step on real nodes: nouveau and its reboot, what cannot be built, who holds the GPU, an upgrade."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from testbed import bundles, cluster, driver
from testbed.bundles import Release, Wish
from testbed.commands import CommandError
from testbed.host_docker import HostDocker
from testbed.inputs import Inputs
from testbed.nodes import Node
from testbed.site import Site

from tests.e2e.conftest import BUILD
from tests.e2e.preflights import condition, until

NODE_UNIT, RESUME_UNIT = "vllm-airgap-node.service", "vllm-airgap-resume.service"
SERVICES = ("nvidia-dcgm.service", "nvidia-persistenced.service")
NEWER = "550.163.01"
NEWER_BUNDLE = "/media/usb/newer"
UPGRADE = ("vllm-airgap", "install", NEWER_BUNDLE, "--yes")
RESUMED_SECONDS = 300
# Its head is never switched on: a worker is installed all the same, and waits.
HEAD = "10.77.0.99"
IN_USE = "touch /dev/nvidia0; systemd-run -q --unit=trainer sh -c 'exec sleep infinity </dev/nvidia0'"
NOT_IN_USE = "systemctl stop trainer; rm /dev/nvidia0"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(BUILD, "drv", ("taken", "bare")) as site:
        yield site


@pytest.fixture(scope="module")
def taken(site: Site, made: Inputs, release: Release) -> Node:
    """Its GPU is nouveau's."""
    node = site.nodes["taken"]
    node.create(made.node_root)
    (node.root / "etc/testbed/has-nouveau").touch()
    node.boot()
    node.carry(release.bundle)
    node.run("tee", cluster.KEY, stdin=release.public_key.read_text())
    return node


@pytest.fixture(scope="module")
def bare(site: Site, made: Inputs, release: Release) -> Node:
    node = site.nodes["bare"]
    cluster.start(node, made.node_root, release)
    return node


@pytest.fixture(scope="module")
def newer(made: Inputs, release: Release) -> Path:
    """The next release, by the same key: another driver and nothing else."""
    folder = BUILD / "e2e" / "newer-release"
    bundles.clear(folder)
    folder.mkdir(parents=True)
    package = folder / f"NVIDIA-Linux-x86_64-{NEWER}.run"
    driver.make(package, NEWER)
    parts, wish = replace(made, driver_run=package), Wish(sequence=2, driver=NEWER)
    return bundles.build_by(release.key, parts, HostDocker(BUILD), folder / "newer", wish).bundle


def _typed(node: Node, *options: str) -> tuple[str, ...]:
    return cluster.install_command("--role", "worker", "--node-ip", node.address, "--head", HEAD, *options)


def _install(node: Node) -> tuple[int, str]:
    """Exit code and all that it says."""
    done = node.run(*_typed(node), check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def _exists(node: Node, path: str) -> bool:
    return node.run("test", "-e", path, check=False).returncode == 0


def _is_active(node: Node, unit: str) -> bool:
    return node.run("systemctl", "is-active", unit, check=False).stdout.strip() == "active"


def _driver(node: Node) -> str:
    return node.run("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader").stdout.strip()


def _invocation(node: Node, unit: str) -> str:
    """Another one each time that the unit is started."""
    return node.run("systemctl", "show", "--property=InvocationID", "--value", unit).stdout.strip()


def test_nouveau_is_blocked_and_a_reboot_asked_for(taken: Node) -> None:
    code, said = _install(taken)
    assert code == 20
    assert "nouveau drives the GPUs; from the next boot on it does not" in said
    assert "blacklist nouveau" in taken.run("cat", "/etc/modprobe.d/vllm-airgap-nouveau.conf").stdout
    assert "blacklist nouveau" in taken.run("cat", "/boot/initramfs").stdout
    assert not _exists(taken, "/usr/bin/nvidia-smi")


def test_without_the_reboot_the_same_is_said_again(taken: Node) -> None:
    assert _install(taken)[0] == 20


def test_with_reboot_the_node_reboots_itself(taken: Node) -> None:
    """How the install itself ends is lost where the node is faster."""
    process = taken.spawn(*_typed(taken, "--reboot"))
    out, _ = process.communicate(timeout=300)
    assert "Traceback" not in out.decode()
    taken.wait_until_off()
    assert (taken.root / "etc/systemd/system" / RESUME_UNIT).exists()


def test_and_goes_on_by_itself_without_the_medium(taken: Node) -> None:
    taken.power_off()
    taken.eject("bundle")
    taken.boot()
    until(lambda: not _exists(taken, f"/etc/systemd/system/{RESUME_UNIT}"), RESUMED_SECONDS)
    until(lambda: not _is_active(taken, RESUME_UNIT), 60)
    log = taken.run("journalctl", "--unit", RESUME_UNIT, "--output=cat").stdout
    assert _is_active(taken, NODE_UNIT), log
    assert f"done     NVIDIA driver {driver.VERSION}" in log
    assert _driver(taken) == driver.VERSION
    assert not _exists(taken, "/var/lib/vllm-airgap/reboots.json")


@pytest.mark.parametrize(
    ("failing", "quoted", "remedy"),
    [
        ("headers", "Unable to find the kernel source tree for the currently running kernel", "install kernel-devel"),
        ("compiler", "Unable to find the development tool `cc` in your path", "install gcc and make"),
    ],
)
def test_what_the_installers_log_complains_of_is_quoted(bare: Node, failing: str, quoted: str, remedy: str) -> None:
    """Although preflight found both there: of another version, say."""
    bare.run("tee", "/etc/testbed/driver-fails", stdin=f"{failing}\n")
    code, said = _install(bare)
    assert code == 9
    assert f"error: the driver's installer failed: ERROR: {quoted}" in said
    assert f"hint: {remedy}" in said
    assert "Installation has failed" not in said


def test_who_holds_a_gpu_is_named_and_left_alone(taken: Node, newer: Path) -> None:
    taken.carry(newer)
    _run_services(taken)
    before = [_invocation(taken, unit) for unit in (*SERVICES, NODE_UNIT)]
    with condition(taken, IN_USE, NOT_IN_USE):
        with pytest.raises(CommandError) as caught:
            taken.run(*UPGRADE)
        said = " ".join(caught.value.said.split())
        assert "gpu-held: sleep (" in said
        assert "trainer.service" in said
        assert "has a GPU open" in said
        assert _is_active(taken, "trainer.service")
    assert [_invocation(taken, unit) for unit in (*SERVICES, NODE_UNIT)] == before
    assert _driver(taken) == driver.VERSION


def test_a_newer_driver_takes_the_place_of_the_older_and_services_run_again(taken: Node) -> None:
    before = [_invocation(taken, unit) for unit in (*SERVICES, NODE_UNIT)]
    said = taken.run(*UPGRADE).stdout
    assert f"done     NVIDIA driver {NEWER}" in said
    assert _driver(taken) == NEWER
    after = [_invocation(taken, unit) for unit in (*SERVICES, NODE_UNIT)]
    assert all(was != now for was, now in zip(before, after, strict=True))
    assert all(_is_active(taken, unit) for unit in (*SERVICES, NODE_UNIT))
    assert not _exists(taken, "/var/lib/vllm-airgap/stopped-services")


def _run_services(node: Node) -> None:
    """NVIDIA's own, pretended: whatever holds the GPU for them."""
    for unit in SERVICES:
        text = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
        node.run("tee", f"/etc/systemd/system/{unit}", stdin=text)
    node.run("systemctl", "daemon-reload")
    node.run("systemctl", "enable", "--now", *SERVICES)
