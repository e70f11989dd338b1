"""Whether the model fits on this node's GPUs, cut as the settings say."""

from collections.abc import Iterator

from installer.hardware.capabilities import oldest_capability
from installer.hardware.model_shape import unknown_cache
from installer.hardware.node_verdict import NodeVerdict, judge_on_node
from installer.hardware.parallel import Split, world_refusal
from installer.hardware.releases import dotted, release
from installer.hardware.serve_plan import DOES_NOT_FIT, PERHAPS
from installer.hardware.weights import weight_bytes
from installer.preflight.finding import Finding, problem, warning
from installer.preflight.gpu_driver import capability, used
from installer.preflight.situation import Situation

_UNKNOWN = (0, 0)


def gpu_too_old(at: Situation) -> Iterator[Finding]:
    found, cuda = capability(at), at.index.image.versions.get("cuda", "")
    least = oldest_capability(release(cuda))
    if found and cuda and found < least:
        yield problem(
            "gpu-too-old",
            f"this node has a GPU of compute capability {dotted(found)}, images for CUDA {cuda} start at "
            f"{dotted(least)}",
            "build the bundle with an image for CUDA 12 (a tag with -cu129, or vLLM before 0.20)",
        )


def serve_plan(at: Situation) -> Iterator[Finding]:
    """Of memory only with GPUs that tell theirs, and a model of a known kind: what nobody knows is no warning."""
    found, weights = _judged(at), _weights(at)
    if found is None:
        yield from _more_gpus_than_there_are(at)
        return
    if found.verdict == DOES_NOT_FIT:
        yield problem("serve-plan", _in_words(found), found.fix or _OTHER_GPUS)
    elif found.verdict == PERHAPS and weights and _is_foretold(at):
        yield warning("serve-plan", _in_words(found), found.fix or _OTHER_GPUS)
    for advice in found.advice:
        if not advice.is_refusal:
            yield warning("serve-plan", advice.what, advice.fix)


def _is_foretold(at: Situation) -> bool:
    """Whether the formula holds for the longest request, so that `perhaps` is its own doubt."""
    shape = at.index.model.shape
    return shape is not None and not unknown_cache(shape, at.index.serve.max_model_len or shape.longest)


def _judged(at: Situation) -> NodeVerdict | None:
    gpus, shape = used(at), at.index.model.shape
    vllm = release(at.index.image.versions.get("vllm", ""))
    if shape is None or vllm is None or any(not gpu.memory or gpu.capability == _UNKNOWN for gpu in gpus):
        return None
    return judge_on_node(shape, _weights(at), gpus, at.index.cluster, at.index.serve, vllm)


def _weights(at: Situation) -> int:
    """Bytes."""
    return weight_bytes({file.path.split("/", 2)[2]: file.size for file in at.index.of_kind("model")})


def _more_gpus_than_there_are(at: Situation) -> Iterator[Finding]:
    """The server would wait for them for ever, whatever the model is."""
    cluster, serve = at.index.cluster, at.index.serve
    split = Split(serve.tensor_parallel_size, serve.pipeline_parallel_size)
    refusal = world_refusal(split, cluster.nodes, cluster.gpus_per_node)
    if refusal and split.world > cluster.nodes * cluster.gpus_per_node:
        yield problem(
            "serve-plan",
            refusal.what,
            f"vllm-airgap install --set tensor_parallel_size={cluster.gpus_per_node} --set pipeline_parallel_size="
            f"{cluster.nodes}, say, where the model's heads can be divided so",
        )


def _in_words(found: NodeVerdict) -> str:
    """With the arithmetic, which is laid out in columns for a plan of its own."""
    lines = (" ".join(line.split()) for line in found.arithmetic)
    return "; ".join((found.what, *(line for line in lines if line not in found.what)))


_OTHER_GPUS = "a smaller model, more GPUs, or such with more memory"
