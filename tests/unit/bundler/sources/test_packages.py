"""The manifest's packages: taken by URL or path, looked into, and refused with the rule's name where they do not go."""

from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from bundler.lint import before_build, findings
from bundler.lock import Lock, Part, parse_lock, render_lock
from bundler.manifest import read_manifest
from bundler.packages.facts import Relation
from bundler.progress import Advance, unwatched
from bundler.resolve import resolve, stale_parts, wanted_parts
from bundler.sources.packages import find_packages
from bundler.workplace import Found
from installer.errors import AirgapError, DamagedError, RefusedError, UsageError
from installer.index.components import Packages
from installer.index.document import parse_index
from tests.fakes.package_files import Made, deb_package, rpm_package
from tests.unit.bundler.making import Site

KERNEL = "3.10.0-1160.el7.x86_64"
CPP = Made("cpp", "4.8.5-44.el7")
GCC = Made(
    "gcc", "4.8.5-44.el7", needs=(Relation("cpp", "=", "4.8.5-44.el7"), Relation("libc.so.6(GLIBC_2.14)(64bit)"))
)
DEVEL = Made(
    "kernel-devel",
    "3.10.0-1160.el7",
    provides=(Relation("kernel-devel-uname-r", "=", KERNEL),),
    needs=(Relation("/usr/bin/perl"),),
)
ENTRIES = f"""\
packages:
  - {{url: gcc.rpm, purpose: the driver is compiled}}
  - {{url: cpp.rpm, purpose: gcc needs it}}
  - {{url: devel.rpm, purpose: the driver is compiled, kernels: [{KERNEL}]}}
"""


@pytest.fixture
def site(site: Site) -> Site:
    for name, made in {"gcc": GCC, "cpp": CPP, "devel": DEVEL}.items():
        (site.folder / f"{name}.rpm").write_bytes(rpm_package(made))
    site.manifest.write_text(site.manifest.read_text() + ENTRIES)
    return site


def find(site: Site) -> Found:
    return find_packages(read_manifest(site.manifest), site.work)


def test_they_get_the_names_that_their_headers_say(site: Site) -> None:
    found = find(site)
    assert isinstance(found.component, Packages)
    assert [(p.path, p.name, p.version, p.kernels) for p in found.component.packages] == [
        ("packages/gcc-4.8.5-44.el7.x86_64.rpm", "gcc", "4.8.5-44.el7.x86_64", ()),
        ("packages/cpp-4.8.5-44.el7.x86_64.rpm", "cpp", "4.8.5-44.el7.x86_64", ()),
        ("packages/kernel-devel-3.10.0-1160.el7.x86_64.rpm", "kernel-devel", KERNEL, (KERNEL,)),
    ]
    assert {(f.kind, f.known_by, f.source.partition(" ")[0], f.url) for f in found.files} == {
        ("package", "first use", "file", "")
    }


def test_what_moves_is_called_as_in_the_bundle(site: Site) -> None:
    names: list[str] = []

    def heard(what: str, total: int | None, /, *, done: int = 0) -> AbstractContextManager[Advance]:
        names.append(what)
        return unwatched(what, total, done=done)

    find_packages(read_manifest(site.manifest), replace(site.work, meter=heard))
    assert set(names) == {"packages", "packages/gcc.rpm", "packages/cpp.rpm", "packages/devel.rpm"}


def test_a_digest_of_the_manifest_is_what_is_demanded(site: Site) -> None:
    site.rewrite("{url: cpp.rpm,", f"{{url: cpp.rpm, sha256: {'0' * 64},")
    with pytest.raises(DamagedError, match=r"cpp\.rpm"):
        find(site)


def test_what_the_nodes_must_have_is_left_to_lint(site: Site) -> None:
    """It says so at the end of every command, once."""
    found = find(site)
    assert site.told == []
    of = wanted_parts(read_manifest(site.manifest))["packages"]
    lock = Lock().with_part("packages", Part(of, found.component, found.files))
    said = [finding.text for finding in findings(before_build(read_manifest(site.manifest), lock, site.work.cache))]
    (told,) = (text for text in said if "package-needs" in text)
    assert "packages/kernel-devel-3.10.0-1160.el7.x86_64.rpm: needs /usr/bin/perl, which no package" in told


@pytest.mark.parametrize(
    ("old", "new", "rule", "code"),
    [
        ("kernels: [3.10.0-1160.el7.x86_64]", "kernels: [3.10.0-957.el7.x86_64]", "package-kernel", 2),
        (", kernels: [3.10.0-1160.el7.x86_64]", "", "package-kernel", 2),
        ("url: cpp.rpm", "url: other.rpm", "package-version", 6),
        ("url: cpp.rpm", "url: arm.rpm", "package-arch", 6),
        ("url: cpp.rpm", "url: twice.rpm", "package-twice", 2),
        ("url: cpp.rpm", "url: newer.rpm", "package-glibc", 6),
        ("url: cpp.rpm", "url: enemy.rpm", "package-conflict", 6),
        ("url: cpp.rpm", "url: cpp.deb", "package-format", 6),
    ],
)
def test_each_rule_fails_by_its_name(site: Site, old: str, new: str, rule: str, code: int) -> None:
    others = {
        "other.rpm": rpm_package(Made("cpp", "4.8.5-39.el7")),
        "arm.rpm": rpm_package(Made("cpp", "4.8.5-44.el7", arch="aarch64")),
        "twice.rpm": rpm_package(Made("gcc", "4.8.5-39.el7", provides=CPP.provides)),
        "newer.rpm": rpm_package(Made("cpp", CPP.version, needs=(Relation("libc.so.6(GLIBC_2.99)(64bit)"),))),
        "enemy.rpm": rpm_package(Made("cpp", CPP.version, conflicts=(Relation("gcc", ">", "1.0"),))),
        "cpp.deb": deb_package("Package: cpp\nVersion: 4.8.5-44.el7\nArchitecture: amd64\n"),
    }
    for name, content in others.items():
        (site.folder / name).write_bytes(content)
    site.rewrite(old, new)
    with pytest.raises(AirgapError, match=rf"^\[{rule}\] packages/") as caught:
        find(site)
    assert (caught.value.exit_code, bool(caught.value.hint)) == (code, True)


def test_the_same_package_under_two_names_is_refused(site: Site) -> None:
    (site.folder / "again.rpm").write_bytes(rpm_package(GCC))
    site.rewrite("url: cpp.rpm", "url: again.rpm")
    with pytest.raises(UsageError, match=r"packages\[1\]: is gcc-4\.8\.5-44\.el7\.x86_64\.rpm, as packages\[0\] is"):
        find(site)


def test_what_is_no_package_is_refused_by_its_place_in_the_manifest(site: Site) -> None:
    (site.folder / "cpp.rpm").write_bytes(b"<html>")
    with pytest.raises(RefusedError, match=r"packages\[1\]: cpp\.rpm: is no rpm or deb package"):
        find(site)


def test_the_lock_keeps_them_and_knows_when_the_manifest_has_others(site: Site) -> None:
    manifest = read_manifest(site.manifest)
    *_, lock = resolve(manifest, Lock(), (), site.asked.sources(), site.work)
    assert parse_lock(render_lock(lock), "lock") == lock
    assert stale_parts(manifest, lock) == ()
    site.rewrite("purpose: gcc needs it", "purpose: other words")
    assert stale_parts(read_manifest(site.manifest), lock) == ("packages",)


def test_a_bundle_has_them_and_says_what_they_are_for(site: Site) -> None:
    built = site.build()
    index = parse_index((built.folder / "bundle.json").read_bytes())
    assert index.packages
    assert {package.purpose for package in index.packages.packages} == {"the driver is compiled", "gcc needs it"}
    for file in index.of_kind("package"):
        assert (built.folder / file.path).read_bytes()[:4] == b"\xed\xab\xee\xdb"
