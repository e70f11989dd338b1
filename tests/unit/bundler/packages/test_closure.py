"""Packages go together, or a rule says by its name which one does not, and what to do."""

from dataclasses import replace

import pytest

from bundler.findings import Finding
from bundler.packages.closure import RULES, Bundled, package_findings
from bundler.packages.facts import PackageFacts, Relation, overlap
from installer.index.document import Target

CENTOS = Target("x86_64", "2.17", "rpm")
UBUNTU = Target("x86_64", "2.35", "deb")
KERNEL = "3.10.0-1160.el7.x86_64"


def package(name: str, version: str = "1.0-1") -> PackageFacts:
    return PackageFacts("rpm", name, version, "x86_64", (Relation(name, "=", version),), (), (), ())


def providing(facts: PackageFacts, *relations: Relation) -> PackageFacts:
    return replace(facts, provides=(*facts.provides, *relations))


def bundled(*packages: PackageFacts) -> list[Bundled]:
    return [Bundled(f"packages/{facts.file_name}", facts) for facts in packages]


def needing(facts: PackageFacts, *relations: Relation) -> PackageFacts:
    return replace(facts, needs=tuple((relation,) for relation in relations))


CPP = package("cpp", "4.8.5-44.el7")
GCC = needing(
    package("gcc", "4.8.5-44.el7"),
    Relation("cpp", "=", "4.8.5-44.el7"),
    Relation("rpmlib(CompressedFileNames)", "<=", "3.0.4-1"),
    Relation("/bin/sh"),
    Relation("libc.so.6(GLIBC_2.14)(64bit)"),
    Relation("libgcc_s.so.1()(64bit)"),
    Relation("rtld(GNU_HASH)"),
    Relation("glibc", ">=", "2.17"),
    Relation("/usr/bin/cpp"),
)
WHOLE = (GCC, replace(CPP, files=frozenset({"/usr/bin/cpp"})))
DEVEL = providing(package("kernel-devel", "3.10.0-1160.el7"), Relation("kernel-devel-uname-r", "=", KERNEL))


def found(*packages: Bundled, target: Target = CENTOS) -> list[tuple[str, int]]:
    return [(finding.rule, finding.exit_code) for finding in findings(*packages, target=target)]


def findings(*packages: Bundled, target: Target = CENTOS) -> tuple[Finding, ...]:
    made = package_findings(packages, target)
    assert all(finding.fix and finding.what and finding.rule in RULES for finding in made)
    return made


def test_what_goes_together_gives_no_finding() -> None:
    assert findings(*bundled(*WHOLE)) == ()


def test_what_the_bundle_lacks_is_a_warning() -> None:
    (finding,) = findings(*bundled(needing(package("gcc"), Relation("cpp", "=", "4.8.5-44.el7"))))
    assert finding.text == (
        "[package-needs] packages/gcc-1.0-1.x86_64.rpm: needs cpp = 4.8.5-44.el7, "
        "which no package of the bundle provides; the node must have it"
    )
    assert finding.severity == "warning"


def test_what_the_bundle_has_in_another_version_is_an_error() -> None:
    (finding,) = findings(*bundled(WHOLE[0], replace(WHOLE[1], provides=(Relation("cpp", "=", "4.8.5-39.el7"),))))
    assert (finding.rule, finding.exit_code) == ("package-version", 6)
    assert "needs cpp = 4.8.5-44.el7, and the bundle has cpp" in finding.what


@pytest.mark.parametrize("need", [Relation("libcap.so.2()(64bit)"), Relation("libcap"), Relation("systemd")])
def test_what_comes_with_systemd_is_on_every_node(need: Relation) -> None:
    assert findings(*bundled(needing(package("tool"), need))) == ()


@pytest.mark.parametrize(
    ("need", "expected"),
    [
        (Relation("libcap2", ">=", "1:2.10"), []),
        (Relation("libcap2", ">=", "1:2.60"), [("package-needs", 0)]),
        (Relation("libcap2", "<", "1:2.10"), [("package-needs", 0)]),
    ],
)
def test_of_debians_libcap_the_version_that_its_systemd_needs(need: Relation, expected: list[tuple[str, int]]) -> None:
    deb = replace(needing(package("tool"), need), format="deb", arch="amd64")
    assert found(*bundled(deb), target=UBUNTU) == expected


def test_one_alternative_is_enough() -> None:
    either = replace(package("tools"), needs=((Relation("mawk"), Relation("cpp")),))
    assert findings(*bundled(either, CPP)) == ()
    assert found(*bundled(either)) == [("package-needs", 0)]


@pytest.mark.parametrize(
    "clang",
    [
        replace(package("clang"), conflicts=(Relation("cpp", "<", "5"),)),
        replace(package("clang"), obsoletes=(Relation("cpp"),)),
    ],
)
def test_what_excludes_another_is_an_error(clang: PackageFacts) -> None:
    assert found(*bundled(clang, CPP)) == [("package-conflict", 6)]


def test_where_the_toolkit_takes_part_the_remedy_speaks_of_it() -> None:
    need, enemy = Relation("cpp", "=", "9-1"), Relation("cpp")
    newer = replace(package("tools"), needs=((Relation("libc.so.6(GLIBC_2.38)(64bit)"),),))
    for facts in (needing(package("tools"), need), replace(package("tools"), conflicts=(enemy,)), newer):
        among_packages = findings(*bundled(facts, CPP))
        tools, cpp = bundled(facts, CPP)
        of_toolkit = findings(replace(tools, where="toolkit/tools.rpm"), cpp)
        assert [finding.rule for finding in among_packages] == [finding.rule for finding in of_toolkit] != []
        assert not any("toolkit" in finding.fix for finding in among_packages)
        assert all("`toolkit.version`" in finding.fix for finding in of_toolkit)


def test_a_package_does_not_exclude_itself() -> None:
    mta = providing(package("postfix"), Relation("mta"))
    assert findings(*bundled(replace(mta, conflicts=(Relation("mta"),)))) == ()


def test_a_package_of_the_other_kind_is_an_error() -> None:
    assert ("package-format", 6) in found(*bundled(CPP), target=UBUNTU)


@pytest.mark.parametrize(
    ("arch", "expected"), [("aarch64", [("package-arch", 6)]), ("i686", [("package-arch", 6)]), ("noarch", [])]
)
def test_only_the_nodes_machine_and_none_will_do(arch: str, expected: list[tuple[str, int]]) -> None:
    assert found(*bundled(replace(CPP, arch=arch))) == expected


@pytest.mark.parametrize(
    ("need", "expected"),
    [
        (Relation("libc.so.6(GLIBC_2.17)(64bit)"), []),
        (Relation("libc.so.6(GLIBC_2.34)(64bit)"), [("package-glibc", 6)]),
        (Relation("libm.so.6(GLIBC_2.29)(64bit)"), [("package-glibc", 6)]),
        (Relation("glibc", ">=", "2.28-127.el8"), [("package-glibc", 6)]),
        (Relation("glibc", "<", "2.28"), []),
    ],
)
def test_a_newer_glibc_than_the_nodes_have_is_an_error(need: Relation, expected: list[tuple[str, int]]) -> None:
    assert found(*bundled(needing(package("tool"), need))) == expected


def test_a_debs_glibc_is_libc6() -> None:
    deb = replace(needing(package("gcc"), Relation("libc6", ">=", "2.36")), format="deb", arch="amd64")
    assert found(*bundled(deb), target=UBUNTU) == [("package-glibc", 6)]
    assert found(*bundled(deb), target=replace(UBUNTU, glibc="2.36")) == []


def test_headers_name_their_kernel() -> None:
    assert found(Bundled("packages/kernel-devel.rpm", DEVEL, (KERNEL,))) == []
    (finding,) = findings(Bundled("packages/kernel-devel.rpm", DEVEL))
    assert (finding.rule, finding.exit_code) == ("package-kernel", 2)
    assert finding.fix.startswith(f'write `kernels: ["{KERNEL}"]`')


@pytest.mark.parametrize("kernels", [("3.10.0-957.el7.x86_64",), (KERNEL, "3.10.0-957.el7.x86_64")])
def test_headers_serve_no_other_kernel(kernels: tuple[str, ...]) -> None:
    assert found(Bundled("packages/kernel-devel.rpm", DEVEL, kernels)) == [("package-kernel", 2)]


@pytest.mark.parametrize(
    ("name", "kernels", "expected"),
    [
        ("linux-headers-5.15.0-100-generic", ("5.15.0-100-generic",), []),
        ("linux-headers-5.15.0-100-generic", (), [("package-kernel", 2)]),
        ("linux-headers-5.15.0-100", (), []),
        ("linux-headers-6.1.0-25-common", (), []),
        ("linux-headers-6.1.0-25-amd64", ("6.1.0-26-amd64",), [("package-kernel", 2)]),
        ("linux-headers-generic", (), []),
    ],
)
def test_headers_of_debian_name_their_kernel(
    name: str, kernels: tuple[str, ...], expected: list[tuple[str, int]]
) -> None:
    deb = replace(package(name), format="deb", arch="amd64")
    assert found(Bundled("packages/headers.deb", deb, kernels), target=UBUNTU) == expected


def test_two_versions_are_fine_for_two_kernels_and_no_others() -> None:
    newer = "3.10.0-1160.119.1.el7"
    second = replace(DEVEL, version=newer, provides=(Relation("kernel-devel-uname-r", "=", f"{newer}.x86_64"),))
    first = Bundled("packages/first.rpm", DEVEL, (KERNEL,))
    assert found(first, Bundled("packages/second.rpm", second, (f"{newer}.x86_64",))) == []
    assert ("package-twice", 2) in found(first, Bundled("packages/second.rpm", second))


def test_a_finding_that_holds_for_many_kernels_is_told_once() -> None:
    lacking = Bundled("packages/tool.rpm", needing(package("tool"), Relation("other")), ("1.0", "2.0", "3.0"))
    assert found(lacking) == [("package-needs", 0)]


@pytest.mark.parametrize(
    ("given", "wanted", "expected"),
    [
        (("=", "1.0-1"), ("=", "1.0"), True),
        (("=", "1.0-1"), (">=", "1.0-1"), True),
        (("=", "1.0-1"), (">", "1.0-1"), False),
        (("=", "1.0-1"), ("<", "1.0-2"), True),
        (("=", "2.0-1"), ("<", "2.0-1"), False),
        ((">=", "1.0"), ("=", "3.0"), True),
        (("<", "1.0"), ("=", "3.0"), False),
        (("<", "1.0"), (">", "0.5"), True),
        (("<", "1.0"), ("<=", "1.0"), True),
        (("", ""), ("=", "3.0"), True),
        (("=", "1.0"), ("", ""), True),
    ],
)
def test_ranges_of_versions_meet_or_not(given: tuple[str, str], wanted: tuple[str, str], expected: bool) -> None:  # noqa: FBT001
    assert overlap("rpm", Relation("x", *given), Relation("x", *wanted)) is expected


def test_dpkg_meets_no_version_with_a_provide_without_one() -> None:
    assert not overlap("deb", Relation("x"), Relation("x", ">=", "1"))
