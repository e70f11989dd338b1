"""Whether the image runs on the nodes at all, with this driver, and joins them in the way that is asked for."""

from collections.abc import Iterator
from typing import Final

from bundler.backend import MP_AGAIN, MP_BROKEN, MP_KNOWN_GOOD, MP_SINCE
from bundler.findings import Finding, raised, refused, warned
from bundler.lint.case import Case, Rules
from bundler.lint.image_facts import tagged_facts
from bundler.sources.image.ray.wheels import refusal
from installer.hardware.drivers import least_driver, usual_requirement
from installer.hardware.releases import Release, release
from installer.hardware.requirements import Demands, Offer, judge

_PLATFORM = "linux/amd64"
_FLOATING = frozenset(("latest", "nightly", "main"))
_RAY = "set `backend: ray`"
# The least Ray that each vLLM asks for in its own metadata, and one that it excludes.
_RAY_NEEDED: tuple[tuple[Release, Release], ...] = (
    ((0, 10, 2), (2, 48, 0)),
    ((0, 8, 5), (2, 43, 0)),
    ((0, 0, 0), (2, 9, 0)),
)
_RAY_EXCLUDED = (2, 44)
_RAY_EXCLUDED_SINCE = (0, 8, 5)


def _architecture(case: Case) -> Iterator[Finding]:
    if case.image.platform and case.image.platform != _PLATFORM:
        yield refused(
            "image-architecture",
            "image.ref",
            f"the image is for {case.image.platform}, and the nodes are {_PLATFORM}",
            f"name the {_PLATFORM} image, or an index that has it",
        )


def _no_vllm(case: Case) -> Iterator[Finding]:
    if case.image.known_by and "vllm" not in case.image.versions:
        yield refused(
            "no-vllm", "image.ref", f"there is no vLLM in {case.manifest.image.ref}", "name an image that holds vLLM"
        )


def _floats(case: Case) -> Iterator[Finding]:
    """By the names that publishers move: none is latest."""
    name, digest = (ref := case.manifest.image.ref).partition("@")[::2]
    tag = name.rpartition("/")[2].partition(":")[2] or "latest"
    if not digest and tag in _FLOATING:
        yield warned(
            "image-floats",
            "image.ref",
            f"{ref} means another image from time to time; the lock keeps the one that it meant then",
            "name a release (v0.10.2, say), or the digest: NAME@sha256:DIGEST",
        )


def _vllm_version(case: Case) -> Iterator[Finding]:
    """What a tag says is the word of whoever set it; what was found in the layers is what runs."""
    found = case.image.versions.get("vllm")
    if not _is_locked(case) or found is None:
        return
    tagged = tagged_facts(case.manifest.image.ref.partition("@")[0]).versions.get("vllm")
    if not found:
        yield warned(
            "vllm-version",
            "image.ref",
            "vLLM runs from its source in this image, and nothing tells which version that is: no rule looked at it",
            "try the very image before the trip, or name one with vLLM installed as a package",
        )
    elif tagged and tagged != found.partition("+")[0]:
        yield warned(
            "vllm-version",
            "image.ref",
            f"the tag says vLLM {tagged}, and vLLM {found} is in the image",
            "get the image from where its publisher has it, or name it by the version that it holds",
        )


def _mp_across_nodes(case: Case) -> Iterator[Finding]:
    """By vLLM itself: since when it is there, and where it was broken."""
    vllm = case.image.release("vllm")
    if not case.backend or case.backend.name != "mp" or case.manifest.cluster.nodes == 1 or vllm is None:
        return
    if vllm < MP_SINCE:
        yield refused("mp-across-nodes", "cluster.backend", f"{case.image.vllm} has no mp across nodes", _RAY)
    elif vllm == MP_BROKEN:
        what = f"mp across nodes is broken in {case.image.vllm}: no worker joins"
        yield refused("mp-across-nodes", "cluster.backend", what, _RAY)
    elif MP_KNOWN_GOOD < vllm < MP_AGAIN:
        yield warned(
            "mp-across-nodes",
            "cluster.backend",
            f"nobody has seen mp across nodes work in {case.image.vllm}; 0.17.1 is broken",
            _RAY,
        )


def _ray_missing(case: Case) -> Iterator[Finding]:
    """Ray is added to an image without it, where there is a pinned one for its Python."""
    if not case.backend or case.backend.name != "ray" or "ray" in case.image.versions or not _is_locked(case):
        return
    if problem := refusal(case.manifest.image.ref, case.image.versions.get("python", "")):
        yield raised("ray-missing", "cluster.backend", problem, "set `backend: mp`")


def _ray_version(case: Case) -> Iterator[Finding]:
    vllm, ray = case.image.release("vllm"), case.image.release("ray")
    if not case.backend or case.backend.name != "ray" or vllm is None or ray is None:
        return
    needed = next(least for since, least in _RAY_NEEDED if vllm >= since)
    if ray < needed or (ray[:2] == _RAY_EXCLUDED and vllm >= _RAY_EXCLUDED_SINCE):
        yield refused(
            "ray-version",
            "image.ref",
            f"Ray {case.image.versions['ray']} in the image does not go with {case.image.vllm}, which asks for "
            f"{'.'.join(map(str, needed[:2]))} or newer, and not 2.44",
            "name an image whose Ray and vLLM fit, or set `backend: mp`",
        )


def _driver_cuda(case: Case) -> Iterator[Finding]:
    """By the image's own NVIDIA_REQUIRE_*, or before it is locked by that of the CUDA it is made with."""
    spec, cuda = case.manifest.driver, case.image.cuda
    if spec is None or release(spec.version) is None:
        return
    requires = case.image.requires or {"NVIDIA_REQUIRE_CUDA": usual_requirement(cuda)}
    brands, capability = (case.gpu.brands, case.gpu.capability) if case.gpu else ((), None)
    verdict = judge(Demands(requires), Offer(spec.version, brands, capability))
    needed = _needed(cuda)
    if not verdict.passes:
        yield refused(
            "driver-cuda",
            "driver.version",
            f"the image's {' and '.join(requires)} does not let driver {spec.version}"
            f"{f' on a {case.gpu.name}' if case.gpu else ''} start it",
            f"take driver {needed} or newer, or an image for an older CUDA",
        )
    elif not verdict.natively:
        yield warned(
            "driver-cuda",
            "driver.version",
            f"driver {spec.version} is older than CUDA {cuda or 'of the image'}: the image lets it start, but only its "
            "own cuda-compat libraries or CUDA's compatibility between minor versions make it run",
            f"take driver {needed} or newer where the nodes' kernel allows it, and try the very image before the trip",
        )


def _is_locked(case: Case) -> bool:
    return case.image.known_by == "lock"


def _needed(cuda: str) -> str:
    found = release(cuda)
    return least_driver(found) if found else "a newer one"


RULES: Final[Rules] = {
    "image-architecture": _architecture,
    "no-vllm": _no_vllm,
    "image-floats": _floats,
    "vllm-version": _vllm_version,
    "mp-across-nodes": _mp_across_nodes,
    "ray-missing": _ray_missing,
    "ray-version": _ray_version,
    "driver-cuda": _driver_cuda,
}
