"""Versions and ways that are known to make trouble on site."""

from collections.abc import Iterator
from typing import Final

from bundler.findings import Finding, mistaken, refused, warned
from bundler.lint.case import Case, Rules
from bundler.lint.downloads import downloads
from bundler.sources.runtime.glibc import with_host_glibc
from installer.hardware.releases import release

_TOOLKIT_MENDED = (1, 17, 8)  # CVE-2025-23266, CVE-2025-23267
_DOCKER_WITH_CLONE3 = (20, 10, 10)
_PORTABLE_GLIBC = (2, 17, 0)  # python-build-standalone's least


def _toolkit_cves(case: Case) -> Iterator[Finding]:
    spec = case.manifest.toolkit
    found = release(spec.version) if spec else None
    if spec and found and found < _TOOLKIT_MENDED:
        yield warned(
            "toolkit-cves",
            "toolkit.version",
            f"a container can take over its node through {spec.version} (CVE-2025-23266, CVE-2025-23267)",
            "take 1.17.8 or newer",
        )


def _docker_too_old(case: Case) -> Iterator[Finding]:
    spec = case.manifest.docker
    found = release(spec.version) if spec else None
    if spec and found and found < _DOCKER_WITH_CLONE3:
        yield refused(
            "docker-too-old",
            "docker.version",
            f'docker {spec.version} keeps newer images from starting threads: "can\'t start new thread"',
            "take 20.10.10 or newer",
        )


def _plain_http(case: Case) -> Iterator[Finding]:
    for download in downloads(case.manifest):
        if download.url.startswith("http://") and not download.sha256:
            yield warned(
                "plain-http",
                f"{download.part}.url",
                "http without a sha256: whoever stands in between chooses what goes into the bundle",
                "use https, or give the sha256",
            )
    if case.manifest.model.endpoint.startswith("http://"):
        yield warned(
            "plain-http",
            "model.endpoint",
            "http: whoever stands in between chooses the model, its digests and all",
            "use https, or give the digests under model.sha256",
        )


def _runtime_glibc(case: Case) -> Iterator[Finding]:
    manifest = case.manifest
    wanted = release(manifest.target.glibc)
    if manifest.runtime.source == "standalone":
        if wanted and wanted < _PORTABLE_GLIBC:
            yield mistaken(
                "runtime-glibc",
                "target.glibc",
                f"the portable Python needs glibc 2.17, and nodes with {manifest.target.glibc} are meant",
                'set target.glibc: "2.17", and leave older nodes out',
            )
        return
    real = with_host_glibc(manifest.target)
    if real != manifest.target:
        yield warned(
            "runtime-glibc",
            "runtime",
            f"the Python of this machine goes along, so every node needs glibc {real.glibc} or newer, "
            f"not just target.glibc {manifest.target.glibc}; the bundle will say so",
            "set runtime: {source: standalone}",
        )


RULES: Final[Rules] = {
    "toolkit-cves": _toolkit_cves,
    "docker-too-old": _docker_too_old,
    "plain-http": _plain_http,
    "runtime-glibc": _runtime_glibc,
}
