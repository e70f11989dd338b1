"""A command says each finding once, however often its rules are asked, and of each part who knew its digests."""

import hashlib

import pytest

from bundler.cli import run
from tests.fakes.package_files import Made, rpm_package
from tests.unit.bundler.making import Site
from tests.unit.bundler.sources.image.docker_save.docker_streams import FakeImage, tar
from tests.unit.bundler.sources.test_packages import DEVEL, ENTRIES, GCC

METADATA = "usr/lib/python3.12/site-packages/vllm-0.18.0.dist-info/METADATA"
Output = pytest.CaptureFixture[str]


@pytest.fixture
def typed(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site of which every part can be had from files, by a person who types commands."""
    monkeypatch.setenv("VLLM_AIRGAP_CACHE", str(site.folder / "cache"))
    for name, made in {"gcc": GCC, "cpp": Made("cpp", "4.8.5-44.el7"), "devel": DEVEL}.items():
        (site.folder / f"{name}.rpm").write_bytes(rpm_package(made))
    (site.folder / "image.tar").write_bytes(FakeImage((tar({METADATA: b"x"}),)).saved_by_29())
    site.rewrite('image: {ref: "vllm:small"}', 'image: {ref: "vllm:small", source: file, path: image.tar}')
    toolkit = hashlib.sha256((site.folder / "toolkit.tar.gz").read_bytes()).hexdigest()
    site.rewrite("version: 1.17.8", f"version: 1.17.8, sha256: {toolkit}")
    site.manifest.write_text(site.manifest.read_text() + ENTRIES)
    return site


def warnings(capsys: Output) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if "[" in line and "]" in line]


def test_each_finding_is_printed_once_by_every_command(typed: Site, capsys: Output) -> None:
    manifest, out = str(typed.manifest), str(typed.folder / "out")
    for command in (("lock", manifest), ("lock", manifest, "--update"), ("build", manifest, "-o", out)):
        assert run((*command, "--no-progress")) == 0
        said = warnings(capsys)
        assert len([line for line in said if "package-needs" in line]) == 1
        assert len(said) == len(set(said))


def test_a_build_without_a_lock_says_each_finding_once(typed: Site, capsys: Output) -> None:
    assert run(("build", str(typed.manifest), "-o", str(typed.folder / "out"), "--no-progress")) == 0
    said = warnings(capsys)
    assert len([line for line in said if "package-needs" in line]) == 1
    assert len(said) == len(set(said))


def test_a_lock_says_who_knew_the_digests(typed: Site, capsys: Output) -> None:
    assert run(("lock", str(typed.manifest), "-q")) == 0
    (said,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("digests"))
    files = "docker, driver, image, model, packages"
    assert said == f"digests known by: manifest (toolkit), first use ({files}), build (runtime)"
