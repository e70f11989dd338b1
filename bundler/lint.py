"""What is wrong with a manifest beyond its schema, all of it at once, and what a person should know."""

from collections.abc import Callable, Iterator

from bundler.lock import Backend, Lock
from bundler.manifest import DownloadSpec, Manifest
from bundler.model_rules import model_problems
from bundler.resolve import choose_backend, stale_parts
from bundler.sources.model.directory import list_files
from bundler.sources.runtime.glibc import with_host_glibc
from installer.errors import AirgapError, RefusedError, UsageError


def problems(manifest: Manifest) -> tuple[AirgapError, ...]:
    return tuple(problem for rule in _RULES for problem in rule(manifest))


def refuse_problems(manifest: Manifest) -> None:
    """Raise the first of them."""
    for problem in problems(manifest):
        raise problem


def lock_problems(manifest: Manifest, lock: Lock | None) -> tuple[AirgapError, ...]:
    """What the manifest asks of the locked image that it cannot do."""
    try:
        known_backend(manifest, lock)
    except RefusedError as problem:
        return (problem,)
    return ()


def known_backend(manifest: Manifest, lock: Lock | None) -> Backend | None:
    """What a build would choose, once the manifest's image is locked. Raises RefusedError as the build would."""
    if lock is None or "image" in stale_parts(manifest, lock):
        return None
    return choose_backend(manifest, lock)


def warnings(manifest: Manifest, lock: Lock | None) -> tuple[str, ...]:
    return (*_runtime_warnings(manifest), *_plain_http_warnings(manifest), *_lock_warnings(manifest, lock))


def _parallel_sizes(manifest: Manifest) -> Iterator[AirgapError]:
    cluster, serve = manifest.cluster, manifest.serve
    gpus = cluster.nodes * cluster.gpus_per_node
    if serve.world_size != gpus:
        yield UsageError(
            f"serve: tensor_parallel_size {serve.tensor_parallel_size} x pipeline_parallel_size "
            f"{serve.pipeline_parallel_size} is {serve.world_size}, but cluster has {cluster.nodes} nodes x "
            f"{cluster.gpus_per_node} GPUs = {gpus}",
            hint="the product of the parallel sizes is the number of GPUs",
        )


def _model(manifest: Manifest) -> Iterator[AirgapError]:
    try:
        files = list_files(manifest.model_folder)
    except AirgapError as problem:
        yield problem
        return
    yield from model_problems(files, manifest.model.allow)


_RULES: tuple[Callable[[Manifest], Iterator[AirgapError]], ...] = (_parallel_sizes, _model)


def _runtime_warnings(manifest: Manifest) -> Iterator[str]:
    """For ``runtime: host``, the only source there is."""
    real = with_host_glibc(manifest.target)
    if real != manifest.target:
        yield (
            f"runtime: the Python of this machine goes along, so every node needs glibc {real.glibc} or newer, "
            f"not just target.glibc {manifest.target.glibc}; the bundle will say so"
        )


def _plain_http_warnings(manifest: Manifest) -> Iterator[str]:
    for part, spec in (("driver", manifest.driver), ("docker", manifest.docker), ("toolkit", manifest.toolkit)):
        if _unchecked(spec):
            yield f"{part}.url: http without a sha256: whoever stands in between chooses what goes into the bundle"


def _unchecked(spec: DownloadSpec | None) -> bool:
    return spec is not None and spec.url.startswith("http://") and not spec.sha256


def _lock_warnings(manifest: Manifest, lock: Lock | None) -> Iterator[str]:
    if lock is None:
        return
    if stale := stale_parts(manifest, lock):
        yield f"lock: {', '.join(stale)} will be resolved anew, the manifest has changed"
    if lock.signed and manifest.sequence < lock.signed.sequence:
        yield f"sequence: {manifest.sequence} is lower than {lock.signed.sequence}, the last one signed"
    if lock.unsigned and manifest.sequence < lock.unsigned.sequence:
        yield f"sequence: {manifest.sequence} is lower than {lock.unsigned.sequence}, the last one built"
