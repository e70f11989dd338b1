"""The model and GPUs to plan for: config.json and sizes by the lock, from the cache or from the model's own folder."""

from collections.abc import Mapping

from bundler.cache import Cache
from bundler.lint import Case, before_build
from bundler.lock import Lock
from bundler.manifest import Manifest
from bundler.resolve import stale_parts
from installer.errors import UsageError
from installer.hardware.gpu_sets import GpuSet, named_gpus, parse_gpus
from installer.hardware.serve_plan import Subject
from installer.hardware.serving import has_rdma, serving_of
from installer.hardware.weights import weight_bytes


def subject_of(manifest: Manifest, lock: Lock | None, cache: Cache, gpus: str, weights: int | None) -> Subject:
    """``gpus`` as a person writes them, "" for those that the manifest names; ``weights`` in bytes, None to look."""
    case = before_build(manifest, lock, cache)
    found = parse_gpus(gpus) if gpus else _manifests_gpus(manifest)
    vllm = case.image.release("vllm")
    if vllm is None:
        raise UsageError("which vLLM is in the image is not known yet", hint=f"bundle lock {manifest.path.name}")
    if case.config is None:
        raise UsageError("the model's config.json is not here", hint=_where_config_comes_from(manifest, lock))
    size = weight_bytes(_sizes(case)) if weights is None else weights
    serving = serving_of(manifest.serve, manifest.cluster.env, vllm)
    return Subject(case.config, size, found, serving, has_rdma(manifest.cluster.env))


def _manifests_gpus(manifest: Manifest) -> GpuSet:
    cluster = manifest.cluster
    if not cluster.gpu:
        example = f"--gpus {cluster.nodes}x{cluster.gpus_per_node}xT4-16G"
        raise UsageError("which GPUs the nodes have is not known", hint=f"{example}, or `gpu:` under cluster")
    return named_gpus(cluster.nodes, cluster.gpus_per_node, cluster.gpu, 0)


def _where_config_comes_from(manifest: Manifest, lock: Lock | None) -> str:
    if manifest.model.source == "directory":
        return f"put it into {manifest.model_folder}"
    is_locked = lock is not None and "model" not in stale_parts(manifest, lock)
    return f"bundle lock {manifest.path.name}{' --update model' if is_locked else ''}"


def _sizes(case: Case) -> Mapping[str, int]:
    """Of each file in the model, by the lock if it is of this manifest, else as it lies in the folder."""
    manifest, lock = case.manifest, case.lock
    if lock and "model" not in stale_parts(manifest, lock):
        folder = f"model/{manifest.model.name}/"
        return {file.path.removeprefix(folder): file.size for file in lock.parts["model"].files}
    return {name: path.stat().st_size for name, path in (case.model or {}).items() if path}
