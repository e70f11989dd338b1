"""Packages on real nodes: a Debian with a docker from Debian, alone in its cluster, and one with rpm; told in order."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import Popen

import pytest
from testbed import bundles, cluster
from testbed.bundles import Release, Wish
from testbed.host_docker import HostDocker
from testbed.inputs import Inputs
from testbed.nodes import Node
from testbed.site import Site

from bundler.sources import toolkit_packages
from tests.e2e.conftest import BUILD
from tests.e2e.kills import begun, kill_at
from tests.e2e.small_packages import SmallPackage, entries

KERNEL = os.uname().release
OTHER_KERNEL = "6.1.0-25-amd64"
OWN = ("/etc", "/opt", "/usr", "/var/lib/dpkg", "/var/lib/vllm-airgap")
CACHE = "/var/lib/vllm-airgap/cache"  # the running server's
WHAT_DRIVERS_NEED = ("/usr/bin/gcc", "/usr/bin/make", "/usr/bin/ld")
HEADERS = f"/lib/modules/{KERNEL}/build"
DRIVER = "NVIDIA driver 550.127.08"
DOCKER = ("containerd", "docker.io", "runc", "tini")
VOCABULARY = "aGVsbG8= 0\n"

BINUTILS = SmallPackage("binutils", "2.40", "2", files=("/usr/bin/ld",))
NEWER_BINUTILS = SmallPackage("binutils", "2.41", "1", files=("/usr/bin/ld",))
MAKE = SmallPackage("make", "4.3", "4.1", files=("/usr/bin/make",))
GCC_DEB = SmallPackage("gcc", "4:12.2.0", "3", needs="binutils (>= 2.40)", files=("/usr/bin/gcc",))
GCC_RPM = SmallPackage("gcc", "11.5.0", "5.el9", needs="binutils >= 2.35", files=("/usr/bin/gcc",))
DKMS = SmallPackage("dkms", "3.0.10", "8", needs="dctrl-tools", files=("/usr/sbin/dkms",))
DEVEL = SmallPackage("kernel-devel", "5.14.0", "427.el9", kernels=("5.14.0-427.el9.x86_64",))
KMOD = SmallPackage("kmod-sample", "2.0", "1", files=("/opt/sample/2.0",), kernels=(KERNEL,))
OLD_KMOD = SmallPackage("kmod-sample", "1.0", "1", files=("/opt/sample/1.0",))


def _headers(kernel: str) -> SmallPackage:
    makefile = f"/lib/modules/{kernel}/build/Makefile"
    return SmallPackage(f"linux-headers-{kernel}", "6.1.106", "3", files=(makefile,), kernels=(kernel,))


FOR_DEBIAN = (_headers(KERNEL), _headers(OTHER_KERNEL), GCC_DEB, BINUTILS, MAKE)
FOR_REDHAT = (GCC_RPM, BINUTILS, MAKE, KMOD, DEVEL)


@pytest.fixture(scope="module")
def folder() -> Path:
    """Of all bundles of this module, which one key signs."""
    folder = BUILD / "e2e/packages"
    bundles.clear(folder)
    bundles.make_key(folder, "release")
    (folder / "small.tiktoken").write_text(VOCABULARY)
    return folder


@pytest.fixture(scope="module")
def packages_site() -> Iterator[Site]:
    with Site(BUILD, "pkg", ("debian", "redhat")) as site:
        yield site


@pytest.fixture(scope="module")
def debian(made: Inputs, folder: Path, packages_site: Site) -> Node:
    """With Debian's own docker, which runs, and with nothing that a driver is built with."""
    node = packages_site.nodes["debian"]
    _start(node, made, _build(made, folder / "deb/bundle", Wish(packages="deb"), FOR_DEBIAN))
    node.run("rm", "--recursive", HEADERS)
    debs = node.carry(made.docker_debs)
    node.run("sh", "-c", f"dpkg --install {debs}/*.deb")
    return node


@pytest.fixture(scope="module")
def debian_installs(debian: Node) -> Iterator[Popen[bytes]]:
    """After all kills. It takes longest, so the other node has its turn meanwhile."""
    process = debian.spawn(*_typed(debian))
    yield process
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def redhat(made: Inputs, folder: Path, packages_site: Site, debian_installs: Popen[bytes]) -> Node:
    """As far as rpm can tell, with an older package for its kernel, and a driver that does not build."""
    node = packages_site.nodes["redhat"]
    _start(node, made, _build(made, folder / "rpm/bundle", Wish(), FOR_REDHAT))
    node.run("rpm", "--install", str(node.carry(OLD_KMOD.make_rpm(folder / "old"))))
    node.run("tee", "/etc/testbed/driver-fails", stdin="compiler\n")
    return node


def _build(made: Inputs, bundle: Path, wish: Wish, packages: tuple[SmallPackage, ...]) -> Release:
    folder, key = bundle.parent, bundle.parents[1] / "release.key"
    places = {one.make(folder / f"{bundle.name}-packages", wish.packages): one for one in packages}
    files = f"files:\n  - {{url: {key.parent}/small.tiktoken, name: encodings/small.tiktoken}}\n"
    description = folder / f"{bundle.name}.yaml"
    description.write_text(bundles.manifest(made, replace(wish, nodes=1, more=entries(places) + files)))
    return bundles.build_described(description, HostDocker(BUILD), bundle, key)


def _later(node: Node, release: Release) -> tuple[str, ...]:
    """What is typed once its medium is in the drive."""
    return ("vllm-airgap", "install", str(node.carry(release.bundle)), "--yes")


def _start(node: Node, made: Inputs, release: Release) -> None:
    cluster.start(node, made.node_root, release)
    node.run("rm", *WHAT_DRIVERS_NEED)


def _typed(node: Node) -> tuple[str, ...]:
    return cluster.install_command("--role", "head", "--node-ip", node.address)


def _debs(node: Node) -> dict[str, str]:
    """Name to version."""
    said = node.run("dpkg-query", "--show", "--showformat", "${Package} ${Version} ${db:Status-Status}\\n").stdout
    rows = (line.split() for line in said.splitlines())
    return {name: version for name, version, status in rows if status == "installed"}


def _rpms(node: Node) -> dict[str, str]:
    """Name and version to the transaction that it came by, and when."""
    said = node.run("rpm", "--query", "--all", "--queryformat", "%{NAME}-%{VERSION} %{INSTALLTID}\\n").stdout
    return dict(line.split() for line in said.splitlines())


def _dpkg_log(node: Node) -> str:
    return (node.root / "var/log/dpkg.log").read_text()


def _runs_of_dpkg(node: Node) -> list[list[str]]:
    """The packages that each run of it unpacked."""
    runs = _dpkg_log(node).split(" startup archives install\n")[1:]
    rows = ([line.split() for line in run.splitlines()] for run in runs)
    return [sorted({row[4].partition(":")[0] for row in run if row[2:4] == ["status", "unpacked"]}) for run in rows]


def _refused(node: Node, who: str, *command: str) -> None:
    """By the node's own tool, for a need that nobody meets, with everything as it was."""
    before = (_debs(node), _rpms(node), node.tree_digest("/etc", "/usr", without=("/etc/vllm-airgap",)))
    done = node.run(*command, check=False)
    assert done.returncode == 6, done.stdout + done.stderr
    assert f"{who} refuses the packages" in done.stderr
    assert "dctrl-tools" in done.stderr
    assert (_debs(node), _rpms(node), node.tree_digest("/etc", "/usr", without=("/etc/vllm-airgap",))) == before


@pytest.mark.parametrize("package", ["gcc", "libnvidia-container-tools"])
def test_killed_between_unpacking_and_configuring_debs(debian: Node, package: str) -> None:
    def unpacked() -> str | None:
        return package if f" status unpacked {package}:amd64 " in _dpkg_log(debian) else None

    assert kill_at(debian, unpacked, *_typed(debian)) == package
    assert package not in _debs(debian)


def test_rpms_come_in_one_transaction_before_a_driver_that_fails(redhat: Node) -> None:
    done = redhat.run(*_typed(redhat), check=False)
    assert done.returncode == 9, done.stdout + done.stderr
    assert begun(redhat)[-2:] == ["packages", DRIVER]
    found = _rpms(redhat)
    assert found["gcc-11.5.0"] == found["binutils-2.40"] == found["make-4.3"]


def test_a_package_for_this_kernel_goes_beside_its_older_one(redhat: Node) -> None:
    assert {"kmod-sample-1.0", "kmod-sample-2.0"} <= set(_rpms(redhat))


def test_an_rpm_for_another_kernel_stays_on_the_medium(redhat: Node) -> None:
    assert not [name for name in _rpms(redhat) if name.startswith("kernel-devel")]


def test_a_second_install_leaves_the_rpms_as_they_are(redhat: Node) -> None:
    before = _rpms(redhat)
    assert "done     packages" not in redhat.run(*_typed(redhat), check=False).stdout
    assert begun(redhat)[-1] == DRIVER
    assert _rpms(redhat) == before


def test_rpm_refuses_a_package_whose_need_is_missing_before_anything_is_installed(
    redhat: Node, made: Inputs, folder: Path
) -> None:
    lacking = _build(made, folder / "rpm/lacking", Wish(sequence=2), (*FOR_REDHAT, DKMS))
    _refused(redhat, "rpm", *_later(redhat, lacking))


def test_debian_gets_what_the_driver_is_built_with_before_the_driver(
    debian: Node, debian_installs: Popen[bytes]
) -> None:
    out, _ = debian_installs.communicate(timeout=900)
    assert debian_installs.returncode == 0, out.decode()
    steps = begun(debian)
    assert steps.index("packages") < steps.index(DRIVER)
    found = _debs(debian)
    assert (found["gcc"], found["binutils"], found["make"]) == ("4:12.2.0-3", "2.40-2", "4.3-4.1")
    assert debian.run("cat", f"{HEADERS}/Makefile").stdout.endswith("pretended 6.1.106\n")


def test_headers_of_another_kernel_stay_on_the_medium(debian: Node) -> None:
    assert {name for name in _debs(debian) if name.startswith("linux-headers-")} == {f"linux-headers-{KERNEL}"}


def test_debs_that_belong_together_come_in_one_run_of_dpkg(debian: Node) -> None:
    runs = _runs_of_dpkg(debian)
    assert ["binutils", "gcc", f"linux-headers-{KERNEL}", "make"] in runs
    assert sorted(toolkit_packages.PACKAGES) in runs


def test_a_packaged_docker_is_used_and_left_as_it_was(debian: Node) -> None:
    assert debian.run("dpkg", "--verify", *DOCKER).stdout == ""
    assert debian.run("find", "/usr/local/bin", "-type", "f").stdout == ""
    assert debian.run("find", "/etc/systemd/system", "-name", "*docker*.service", "-type", "f").stdout == ""
    assert "/usr/sbin/dockerd" in debian.run("systemctl", "show", "-p", "ExecStart", "docker").stdout
    assert "nvidia" in debian.run("docker", "info", "--format", "{{json .Runtimes}}").stdout


def test_a_cluster_of_one_node_answers(debian: Node) -> None:
    assert cluster.first_completion(debian, debian.address)
    assert cluster.backend(debian) == "ray"
    assert cluster.ray_gpus(debian) == 1


def test_files_of_the_manifest_are_in_the_container(debian: Node) -> None:
    inside = debian.run("docker", "exec", "vllm-airgap-node", "cat", "/files/encodings/small.tiktoken")
    assert inside.stdout == VOCABULARY


def test_a_second_install_changes_nothing_on_debian(debian: Node) -> None:
    before = debian.tree_digest(*OWN, without=(CACHE,))
    assert "done" not in debian.run(*_typed(debian)).stdout
    assert debian.tree_digest(*OWN, without=(CACHE,)) == before


def test_apt_refuses_a_deb_whose_need_is_missing_before_anything_is_installed(
    debian: Node, made: Inputs, folder: Path
) -> None:
    wish = Wish(packages="deb", sequence=2)
    _refused(debian, "apt", *_later(debian, _build(made, folder / "deb/lacking", wish, (*FOR_DEBIAN, DKMS))))
    assert cluster.chat(debian, debian.address)


def test_of_an_upgrade_only_the_newer_deb_is_installed(debian: Node, made: Inputs, folder: Path) -> None:
    wish = Wish(packages="deb", sequence=3, backend="mp")
    newer = tuple(NEWER_BINUTILS if one is BINUTILS else one for one in FOR_DEBIAN)
    said = debian.run(*_later(debian, _build(made, folder / "deb/newer", wish, newer)), timeout=900).stdout
    assert "done     packages" in said
    assert _runs_of_dpkg(debian)[-1] == ["binutils"]
    assert _debs(debian)["binutils"] == "2.41-1"


def test_without_ray_one_node_answers_after_a_power_cut(debian: Node) -> None:
    assert cluster.backend(debian) == "mp"
    debian.power_off()
    debian.boot()
    assert cluster.first_completion(debian, debian.address)
