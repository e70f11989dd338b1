"""The model and GPUs to plan for: config.json and sizes by the lock, from the cache or from the model's own folder."""

from collections.abc import Mapping

from bundler.lint import Case
from bundler.resolve import stale_parts
from installer.errors import UsageError
from installer.hardware.gpu_sets import GpuSet
from installer.hardware.gpu_spellings import named_gpus, parse_gpus
from installer.hardware.serve_plan import Subject
from installer.hardware.serving import has_rdma, serving_of
from installer.hardware.weights import weight_bytes


def subject_of(case: Case, gpus: str, weights: int | None) -> Subject:
    """``gpus`` as a person writes them, "" for those that the manifest names; ``weights`` in bytes, None to look."""
    manifest = case.manifest
    found = parse_gpus(gpus) if gpus else _manifests_gpus(case)
    vllm = case.image.release("vllm")
    if vllm is None:
        raise _unknown_vllm(case)
    if case.config is None:
        raise _unknown_model(case)
    size = known_weights(case) if weights is None else weights
    serving = serving_of(manifest.serve, manifest.cluster.env, vllm)
    return Subject(case.config, size, found, serving, has_rdma(manifest.cluster.env))


def known_weights(case: Case) -> int:
    """Bytes of the model's weight files, by the lock or by its folder; 0 where neither knows."""
    return weight_bytes(_sizes(case))


def has_locked(case: Case, part: str) -> bool:
    return case.lock is not None and part not in stale_parts(case.manifest, case.lock)


def _manifests_gpus(case: Case) -> GpuSet:
    cluster = case.manifest.cluster
    if case.gpu is None:
        example = f"--gpus {cluster.nodes}x{cluster.gpus_per_node}xT4-16G"
        raise UsageError("which GPUs the nodes have is not known", hint=f"{example}, or `gpu:` under cluster")
    return named_gpus(cluster.nodes, cluster.gpus_per_node, case.gpu, 0)


def _unknown_vllm(case: Case) -> UsageError:
    ref, what = case.manifest.image.ref, "which vLLM is in the image is not known"
    if has_locked(case, "image"):
        return UsageError(f"{what}: the lock has none of {ref}", hint="name an image with vLLM installed as a package")
    why = f"before there is a lock only a tag tells, and {ref} is no release of vllm/vllm-openai by its tag"
    return UsageError(f"{what}: {why}", hint=f"bundle lock {case.manifest.path}")


def _unknown_model(case: Case) -> UsageError:
    model, what = case.manifest.model, "the model's config.json is not here"
    if model.source == "directory":
        return UsageError(what, hint=f"put it into {case.manifest.model_folder}")
    if has_locked(case, "model"):
        return UsageError(f"{what}: the cache has lost it", hint=f"bundle lock {case.manifest.path} --update model")
    return UsageError(f"{what}: from {model.source} it comes with the lock", hint=f"bundle lock {case.manifest.path}")


def _sizes(case: Case) -> Mapping[str, int]:
    """Of each file in the model, by the lock if it is of this manifest, else as it lies in the folder."""
    manifest, lock = case.manifest, case.lock
    if lock and has_locked(case, "model"):
        folder = f"model/{manifest.model.name}/"
        return {file.path.removeprefix(folder): file.size for file in lock.parts["model"].files}
    return {name: path.stat().st_size for name, path in (case.model or {}).items() if path}
