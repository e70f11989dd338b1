"""How the nodes work together: Ray, or vLLM's own way (mp), and why."""

from collections.abc import Mapping

from bundler.lock import Backend
from installer.hardware.releases import release

MP_SINCE = (0, 11, 2)  # vllm serve --nnodes
MP_KNOWN_GOOD = (0, 14, 1)  # the last release before 0.18 in which it was seen to be right
MP_BROKEN = (0, 17, 1)  # "inner dp world group is not initialized"
MP_AGAIN = (0, 18, 0)


def choose_backend(wanted: str, nodes: int, versions: Mapping[str, str]) -> Backend:
    """``versions`` are those of the image as its publisher made it, or with Ray added."""
    if wanted != "auto":
        return Backend(wanted, "the manifest says so")
    vllm = release(versions.get("vllm", ""))
    if vllm and nodes > 1 and vllm < MP_AGAIN:
        return Backend("ray", f"vLLM {versions['vllm']}: its own way across nodes is only sound from 0.18.0 on")
    if "ray" in versions:
        return Backend("ray", "the image holds Ray")
    return Backend("mp", "the image holds no Ray")
