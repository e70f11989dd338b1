"""Against rpm, dpkg, apt and cksum themselves: the same facts, the same order of versions, the same sums."""

import itertools
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from testbed import rpms

from bundler.packages.closure import Bundled, package_findings
from bundler.packages.facts import PackageFacts, Relation
from bundler.packages.reading import read_package
from bundler.sources.driver_run import payload_sums
from installer.errors import DamagedError, RefusedError
from installer.index.document import Target
from installer.index.package_versions import compare_deb, compare_rpm
from installer.node import Node
from installer.package_tools import Dpkg

SPEC = """\
%global debug_package %{nil}
%define _binary_payload @PAYLOAD@
Name: node-tool
Epoch: 2
Version: 1.4
Release: 3.el7
Summary: A tool
License: Apache-2.0
AutoReqProv: no
Requires: node-library >= 1.0, /usr/bin/perl, libc.so.6(GLIBC_2.14)(64bit)
Conflicts: other-tool < 2
Obsoletes: old-tool <= 1.0
Provides: tool, tool-abi = 7
%description
A tool.
%package -n node-library
Summary: A library
%description -n node-library
A library.
%install
mkdir -p %{buildroot}/usr/bin
echo hello > %{buildroot}/usr/bin/node-tool
%files
/usr/bin/node-tool
%files -n node-library
"""
RPM_VERSIONS = """
1.0 2.0.1 2.0.1a 5.5p1 5.5p10 10xyz 10.1xyz xyz10 xyz.4 8 6.0.rc1 6.0 10b2 7.4.a 1.0aa 10.0001 4.999.9 20101121 2_0 a+
1.0~rc1 1.0~rc1~git123 1.0^ 1.0^git1 1.01 1.0^20160101 1.0.1 1.0~rc1^git1 1.0^git1~pre 1b.fc17 1..0 00 007 ~ ^ 1^^
""".split()
DEB_VERSIONS = """
1.0 1.0-1 1.0-1~bpo1 1:0.9 0:1.0 1.0~rc1-1 1.0+dfsg-1 2.36-9+deb12u10 1.17.10-1 20.10.24+dfsg1-1+deb12u1 1.0a
1.0-1ubuntu0.1 5.15.0-100.110 1.0. 1.0-a 1.0~~ 1.0-1.1 00.1
""".split()


def said(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def build(folder: Path, payload: str) -> dict[str, Path]:
    made = rpms.build(SPEC.replace("@PAYLOAD@", payload), folder)
    return {path.name.rsplit("-", 2)[0]: path for path in made}


@pytest.mark.parametrize("payload", ["w9.gzdio", "w2.xzdio", "w3.zstdio"])
def test_an_rpm_says_what_rpm_reads_in_it(tmp_path: Path, payload: str) -> None:
    path = build(tmp_path, payload)["node-tool"]
    facts = read_package(path, path.name)
    query = ("rpm", "--query", "--package", path)
    assert facts.installed_version == said(*query, "--queryformat", "%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}")
    assert facts.file_name == path.name
    assert [str(need) for (need,) in facts.needs] == said(*query, "--requires").splitlines()
    assert [str(given) for given in facts.provides] == said(*query, "--provides").splitlines()
    assert [str(unwanted) for unwanted in facts.conflicts] == said(*query, "--conflicts").splitlines()
    assert [str(replaced) for replaced in facts.obsoletes] == said(*query, "--obsoletes").splitlines()
    assert facts.files == {"/usr/bin/node-tool"}


@pytest.mark.parametrize("missing", [1, 100])
def test_a_cut_rpm_is_damaged(tmp_path: Path, missing: int) -> None:
    path = build(tmp_path, "w9.gzdio")["node-tool"]
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(DamagedError, match="its content is not what its header says"):
        read_package(path, path.name)


def test_the_closure_agrees_with_rpm(tmp_path: Path) -> None:
    made = build(tmp_path, "w9.gzdio")
    database = ("rpm", "--dbpath", tmp_path / "db", "--upgrade", "--test", "--ignoresize")
    refused = subprocess.run((*database, *made.values()), capture_output=True, text=True, check=False)
    bundled = [Bundled(path.name, read_package(path, path.name)) for path in made.values()]
    findings = package_findings(bundled, Target("x86_64", "2.17", "rpm"))
    missing = {finding.what.split()[1].rstrip(",") for finding in findings}
    assert missing == {"/usr/bin/perl"}
    assert "/usr/bin/perl is needed by node-tool" in refused.stderr
    assert "node-library" not in refused.stderr


def test_versions_are_in_rpms_order() -> None:
    pairs = list(itertools.product(RPM_VERSIONS, repeat=2))
    script = " ".join(f'print(rpm.vercmp("{one}", "{other}"), "")' for one, other in pairs)
    ordered = [int(word) for part in chunks(script) for word in re.findall("-?[01]", said("rpm", "--eval", part))]
    assert ordered == [compare_rpm(one, other) for one, other in pairs]


def chunks(script: str) -> Iterator[str]:
    """As long as one argument may be."""
    calls = re.findall(r"print\(.*?\"\"\)", script)
    for start in range(0, len(calls), 200):
        yield f"%{{lua:{' '.join(calls[start : start + 200])}}}"


def test_versions_are_in_dpkgs_order() -> None:
    for one, other in itertools.combinations(DEB_VERSIONS, 2):
        words = {-1: "lt", 0: "eq", 1: "gt"}
        compare = ("dpkg", "--compare-versions", one, words[compare_deb(one, other)], other)
        assert subprocess.run(compare, capture_output=True, check=False).returncode == 0, compare


def deb(folder: Path, name: str, **fields: str) -> Path:
    (folder / name / "DEBIAN").mkdir(parents=True)
    said_of_it = {
        "Package": name,
        "Version": "1:1.0-1",
        "Architecture": "amd64",
        "Maintainer": "nobody <nobody@example.org>",
        "Description": "a test",
    } | fields
    control = "".join(f"{field.replace('_', '-')}: {value}\n" for field, value in said_of_it.items())
    (folder / name / "DEBIAN/control").write_text(control)
    said("dpkg-deb", "--build", "-Zxz", folder / name)
    return folder / f"{name}.deb"


@pytest.mark.parametrize("packer", ["xz", "gzip", "zstd", "none"])
def test_a_deb_says_what_dpkg_reads_in_it(tmp_path: Path, packer: str) -> None:
    path = deb(tmp_path, "vllm-airgap-a", Depends="libc6 (>= 2.34), foo | bar:any", Provides="something (= 2)")
    if packer != "xz":
        said("dpkg-deb", "--build", f"-Z{packer}", tmp_path / "vllm-airgap-a")
    facts = read_package(path, path.name)
    assert facts == PackageFacts(
        format="deb",
        name=said("dpkg-deb", "--field", path, "Package").strip(),
        version=said("dpkg-deb", "--field", path, "Version").strip(),
        arch="amd64",
        provides=(Relation("vllm-airgap-a", "=", "1:1.0-1"), Relation("something", "=", "2")),
        needs=((Relation("libc6", ">=", "2.34"),), (Relation("foo"), Relation("bar"))),
        conflicts=(),
        obsoletes=(),
    )


def test_apt_plans_and_changes_nothing(tmp_path: Path) -> None:
    node = Node()
    needed = deb(tmp_path, "vllm-airgap-b")
    needing = deb(tmp_path, "vllm-airgap-a", Depends="vllm-airgap-b (>= 1:1.0), bash")
    enemy = deb(tmp_path, "vllm-airgap-c", Conflicts="bash")
    tool = Dpkg()
    tool.try_out(node, [str(needed), str(needing)])
    with pytest.raises(RefusedError, match=r"vllm-airgap-a : Depends: vllm-airgap-b"):
        tool.try_out(node, [str(needing)])
    with pytest.raises(RefusedError, match="Conflicts: bash"):
        tool.try_out(node, [str(enemy)])
    assert tool.installed(node, "vllm-airgap-a") == ()
    assert tool.installed(node, "bash") == (said("dpkg-query", "-W", "-f", "${Version}", "bash"),)


@pytest.mark.skipif(shutil.which("cksum") is None, reason="coreutils is not here")
def test_the_sums_of_a_driver_are_those_of_cksum_and_md5sum(tmp_path: Path) -> None:
    for size in (0, 1, 255, 256, 70_000):
        path = tmp_path / str(size)
        path.write_bytes(bytes(number % 251 for number in range(size)))
        with path.open("rb") as file:
            sums = payload_sums(file, 0)
        assert sums == {"crc": said("cksum", path).split()[0], "md5": said("md5sum", path).split()[0]}
