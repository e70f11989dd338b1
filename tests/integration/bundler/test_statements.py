"""Who vouches for a download: the manifest, else the publisher where it states a digest, else nobody."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import pytest

from bundler.build import build
from bundler.manifest import DownloadSpec, Manifest, read_manifest
from bundler.sources.parts import packages_of
from bundler.sources.publishers import Published
from bundler.sources.statements import LARGEST
from bundler.sources.url import Taken, take
from bundler.workplace import Found, Workplace, unannounced
from installer.errors import DamagedError, RefusedError, UnreachableError
from installer.index.document import parse_index
from tests.fakes.web import Reply, Web
from tests.unit.bundler.making import Site

SPEC = DownloadSpec("550.10", "", "")
STATEMENT = "/driver.run.sha256sum"


def published(web: Web) -> Published:
    return Published(f"{web.url}/driver.run", f"{web.url}{STATEMENT}")


def take_driver(site: Site, web: Web, spec: DownloadSpec = SPEC) -> Taken:
    return take("driver", spec, published(web), site.folder, site.work)


def digest(web: Web, path: str) -> str:
    return hashlib.sha256(web.files[path]).hexdigest()


def state(web: Web, *, sha256: str = "") -> None:
    web.files[STATEMENT] = f"{sha256 or digest(web, '/driver.run')}  driver.run\n".encode()


def asked(web: Web) -> list[str]:
    return [request.path for request in web.asked]


def test_a_statement_makes_it_known_by_its_publisher(site: Site, web: Web) -> None:
    state(web)
    taken = take_driver(site, web)
    assert (taken.known_by, taken.stored.sha256) == ("publisher", digest(web, "/driver.run"))
    assert taken.url == taken.source == f"{web.url}/driver.run"
    web.asked.clear()
    assert take_driver(site, web) == taken
    assert asked(web) == [STATEMENT]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_without_a_statement_it_is_first_use_and_that_is_told(site: Site, web: Web, status: int) -> None:
    web.alter = lambda request, reply: Reply(status, body=b"<html>") if request.path == STATEMENT else reply
    assert take_driver(site, web).known_by == "first use"
    assert site.told == [
        f"driver: no digest is stated at {web.url}{STATEMENT} ({status}): the one that comes is locked as first use"
    ]


def test_of_a_publisher_that_states_none_nothing_is_told(site: Site, web: Web) -> None:
    assert take("driver", SPEC, replace(published(web), statement=""), site.folder, site.work).known_by == "first use"
    assert site.told == []


@pytest.mark.parametrize("status", [401, 451, 500, 503])
def test_any_other_answer_is_not_taken_for_none(site: Site, web: Web, status: int) -> None:
    state(web)
    web.alter = lambda request, reply: Reply(status) if request.path == STATEMENT else reply
    with pytest.raises(UnreachableError, match=rf"driver\.run\.sha256sum.*{status}"):
        take_driver(site, web)
    assert "/driver.run" not in asked(web)


def test_bytes_that_differ_from_the_statement_are_refused(site: Site, web: Web) -> None:
    state(web, sha256="0" * 64)
    with pytest.raises(DamagedError, match=rf"expected {'0' * 64}.*{STATEMENT} states") as caught:
        take_driver(site, web)
    assert "`driver.sha256`" in caught.value.hint
    assert not [path for path in (site.folder / "cache/sha256").rglob("*") if path.is_file()]


@pytest.mark.parametrize("content", [b"", b"thanks", b"<html>log in</html>", b"0" * (LARGEST + 1)])
def test_what_is_no_statement_is_an_error_before_the_file_is_fetched(site: Site, web: Web, content: bytes) -> None:
    web.files[STATEMENT] = content
    with pytest.raises(RefusedError, match=r"driver\.run\.sha256sum") as caught:
        take_driver(site, web)
    assert "`driver.sha256`" in caught.value.hint
    assert "/driver.run" not in asked(web)


def test_a_digest_of_the_manifest_needs_no_statement(site: Site, web: Web) -> None:
    state(web, sha256="0" * 64)
    taken = take_driver(site, web, replace(SPEC, sha256=digest(web, "/driver.run")))
    assert (taken.known_by, asked(web)) == ("manifest", ["/driver.run"])


def test_a_url_of_the_manifest_is_not_the_publishers(site: Site, web: Web) -> None:
    state(web)
    taken = take_driver(site, web, replace(SPEC, url=f"{web.url}/driver.run"))
    assert (taken.known_by, asked(web)) == ("first use", ["/driver.run"])


class Stating:
    """A toolkit whose publisher states its digest, as the one of the real templates does."""

    def __init__(self, site: Site, web: Web) -> None:
        self.site, self.web = site, web
        self.list = "/toolkit_checksums.txt"
        web.files[self.list] = f"{digest(web, '/toolkit.tar.gz')}  release-v1/toolkit.tar.gz\n".encode()
        site.rewrite(", url: toolkit.tar.gz", "")

    def find(self, manifest: Manifest, work: Workplace) -> Found:
        assert manifest.toolkit
        urls = Published(f"{self.web.url}/toolkit.tar.gz", f"{self.web.url}{self.list}")
        return packages_of(take("toolkit", manifest.toolkit, urls, manifest.folder, work), manifest, work)

    def build(self, name: str) -> Mapping[str, str]:
        """Path to who knew the digest, of the toolkit's files in the bundle."""
        sources = {**self.site.asked.sources(), "toolkit": unannounced(self.find)}
        built = build(read_manifest(self.site.manifest), self.site.folder / name, None, sources, self.site.work)
        index = parse_index((built.folder / "bundle.json").read_bytes())
        return {file.path: file.known_by for file in index.of_kind("toolkit")}


def test_who_knew_a_digest_stays_known_when_the_cache_is_lost_and_the_statement_gone(site: Site, web: Web) -> None:
    stating = Stating(site, web)
    first = stating.build("first")
    assert set(first.values()) == {"publisher"}
    for path in (site.folder / "cache").rglob("*"):
        if path.is_file():
            path.unlink()
    del web.files[stating.list]
    assert stating.build("second") == first
    sums = [(site.folder / name / "SHA256SUMS").read_bytes() for name in ("first", "second")]
    assert sums[0] == sums[1]
