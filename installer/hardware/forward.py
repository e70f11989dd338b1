"""CUDA's forward compatibility: libraries in the image that stand in for an older driver's, and what makes them do so.

Sources: NVIDIA's CUDA compatibility guide; nvidia-container-toolkit#906, #1055, #1082; vllm#33992, gpustack#4678.
"""

from installer.hardware.releases import Release, release

_GEFORCE = ("geforce", "geforcertx", "titan", "titanrtx")
_WORKSTATION = ("quadro", "quadrortx", "nvidiartx")
# What the toolkit does with an image's cuda-compat under `docker run --gpus`.
_TOOLKIT_STOPPED: Release = (1, 17, 4)
_TOOLKIT_AGAIN: Release = (1, 17, 7)
# What vLLM's image does on its own: its ldconfig puts cuda-compat first, later its start does when told to.
_VLLM_ALWAYS: Release = (0, 15, 0)
_VLLM_WHEN_TOLD: Release = (0, 17, 1)
_TELL_VLLM = 'set cluster.env VLLM_ENABLE_CUDA_COMPATIBILITY: "1"'
_TOOLKIT_OFF = (
    "cuda-compat has to stay unused, for such a card answers it with Error 804: set "
    'nvidia-container-runtime.modes.legacy.cuda-compat-mode = "disabled" in /etc/nvidia-container-runtime/config.toml'
)


def is_geforce(brand: str) -> bool:
    """Cards that forward compatibility is not for: CUDA ends with Error 803 or 804."""
    return brand in _GEFORCE


def forward_needs(brand: str, toolkit: str, vllm: str) -> tuple[str, ...]:
    """What must be true for the image's cuda-compat to be used; versions "" where not known."""
    return tuple(filter(None, (_card_need(brand), _library_need(release(toolkit), release(vllm)))))


def minor_version_needs(brand: str) -> tuple[str, ...]:
    """What must be true where the compatibility between minor versions is enough."""
    return (_TOOLKIT_OFF,) if is_geforce(brand) else ()


def _card_need(brand: str) -> str:
    if brand in _WORKSTATION:
        return "NVIDIA promises forward compatibility for datacenter GPUs and for selected RTX cards only: try this one"
    return "" if brand else "the card must be a datacenter GPU"


def _library_need(toolkit: Release | None, vllm: Release | None) -> str:
    if vllm and vllm >= _VLLM_WHEN_TOLD:
        return _TELL_VLLM
    if vllm and vllm >= _VLLM_ALWAYS:
        return ""
    if toolkit is None:
        return "the container toolkit must use the image's cuda-compat: 1.17.7 and newer do"
    if _TOOLKIT_STOPPED <= toolkit < _TOOLKIT_AGAIN:
        return f"toolkit {_text(toolkit)} leaves the image's cuda-compat out: install 1.17.8 or newer"
    return ""


def _text(version: Release) -> str:
    return ".".join(map(str, version))
