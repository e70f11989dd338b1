"""Files for the container: taken by URL or path, and in the bundle under the names that the manifest gives them."""

import hashlib

import pytest

from bundler.manifest import read_manifest
from bundler.resolve import wanted_parts
from bundler.sources.extra_files import find_files
from installer.errors import DamagedError
from installer.index.document import parse_index
from tests.unit.bundler.making import Site

NAME = "tiktoken/o200k_base.tiktoken"
CONTENT = b"IQ== 0\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def with_files(site: Site, entry: str) -> Site:
    (site.folder / "vocabulary").write_bytes(CONTENT)
    site.manifest.write_text(f"{site.manifest.read_text()}files:\n  - {{{entry}}}\n")
    return site


@pytest.mark.parametrize(("sha256", "known_by"), [("", "first use"), (f", sha256: {DIGEST}", "manifest")])
def test_a_file_has_the_name_that_the_manifest_gives_it(site: Site, sha256: str, known_by: str) -> None:
    with_files(site, f"url: vocabulary, name: {NAME}{sha256}")
    (file,) = find_files(read_manifest(site.manifest), site.work).files
    assert (file.path, file.kind, file.sha256, file.known_by) == (f"files/{NAME}", "file", DIGEST, known_by)


def test_another_content_than_the_manifest_says_is_refused(site: Site) -> None:
    with_files(site, f"url: vocabulary, name: {NAME}, sha256: {'0' * 64}")
    with pytest.raises(DamagedError, match=r"^files\[0\]"):
        find_files(read_manifest(site.manifest), site.work)


def test_a_bundle_carries_them(site: Site) -> None:
    built = with_files(site, f"url: vocabulary, name: {NAME}").build()
    (file,) = parse_index((built.folder / "bundle.json").read_bytes()).of_kind("file")
    assert (built.folder / file.path).read_bytes() == CONTENT


def test_a_manifest_without_files_has_no_such_part(site: Site) -> None:
    assert "files" not in wanted_parts(read_manifest(site.manifest))
