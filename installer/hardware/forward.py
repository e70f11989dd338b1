"""CUDA's forward compatibility: libraries in the image that stand in for an older driver's, and what makes them do so.

Sources: NVIDIA's CUDA compatibility guide; nvidia-container-toolkit#906, #1055, #1082; vllm#33992, gpustack#4678.
"""

from collections.abc import Mapping

from installer.hardware.releases import Release, dotted, release
from installer.hardware.serving import is_on

_GEFORCE = ("geforce", "geforcertx", "titan", "titanrtx")
_WORKSTATION = ("quadro", "quadrortx", "nvidiartx")
# What the toolkit does with an image's cuda-compat under `docker run --gpus`.
_TOOLKIT_STOPPED: Release = (1, 17, 4)
_TOOLKIT_AGAIN: Release = (1, 17, 7)
# What vLLM's image does on its own: its ldconfig puts cuda-compat first, later its start does when told to (vllm#33992,
# env_override.py: whatever started it, so also behind an entry point of ours).
_VLLM_ALWAYS: Release = (0, 15, 0)
_VLLM_WHEN_TOLD: Release = (0, 17, 1)
_VLLMS_WORD = "VLLM_ENABLE_CUDA_COMPATIBILITY"
_TELL_VLLM = f'set cluster.env {_VLLMS_WORD}: "1"'
_TOOLKIT_OFF = (
    "cuda-compat has to stay unused, for such a card answers it with Error 804: set "
    'nvidia-container-runtime.modes.legacy.cuda-compat-mode = "disabled" in /etc/nvidia-container-runtime/config.toml'
)


def is_geforce(brand: str) -> bool:
    """Cards that forward compatibility is not for: CUDA ends with Error 803 or 804."""
    return brand in _GEFORCE


def tells_vllm(environment: Mapping[str, str]) -> bool:
    """Whether a container with these variables has its vLLM use cuda-compat."""
    return is_on(environment, _VLLMS_WORD)


def forward_needs(brand: str, toolkit: str, vllm: str, *, is_told: bool) -> tuple[str, ...]:
    """What must be true for the image's cuda-compat to be used; versions "" where not known."""
    library = forward_lack(toolkit, vllm, is_told=is_told) or _library_doubt(toolkit, vllm, is_told=is_told)
    return tuple(filter(None, (_card_need(brand), library)))


def forward_lack(toolkit: str, vllm: str, *, is_told: bool) -> str:
    """The one of these needs that is known not to be met; "" where nothing is known to be in the way."""
    found, by = release(toolkit), release(vllm)
    if found is None or not _TOOLKIT_STOPPED <= found < _TOOLKIT_AGAIN:
        return ""
    if by and by >= _VLLM_ALWAYS:
        return _vllms_need(by, is_told=is_told)
    return f"toolkit {dotted(found)} leaves the image's cuda-compat out: install 1.17.8 or newer"


def minor_version_needs(brand: str) -> tuple[str, ...]:
    """What must be true where the compatibility between minor versions is enough."""
    return (_TOOLKIT_OFF,) if is_geforce(brand) else ()


def _card_need(brand: str) -> str:
    if brand in _WORKSTATION:
        return "NVIDIA promises forward compatibility for datacenter GPUs and for selected RTX cards only: try this one"
    return "" if brand else "the card must be a datacenter GPU"


def _library_doubt(toolkit: str, vllm: str, *, is_told: bool) -> str:
    by = release(vllm)
    if by and by >= _VLLM_ALWAYS:
        return _vllms_need(by, is_told=is_told)
    return "" if release(toolkit) else "the container toolkit must use the image's cuda-compat: 1.17.7 and newer do"


def _vllms_need(by: Release, *, is_told: bool) -> str:
    """What its image needs to use cuda-compat whatever the toolkit does."""
    return _TELL_VLLM if by >= _VLLM_WHEN_TOLD and not is_told else ""
