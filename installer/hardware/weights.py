"""Which of a model's files are the weights that vLLM loads."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

# The first kind of which there is a file is loaded, and no other: the same weights may be there twice.
_KINDS = ("model*.safetensors", "*.safetensors", "pytorch_model*.bin", "*.bin", "*.pt", "*.gguf")


def weight_bytes(sizes: Mapping[str, int]) -> int:
    """Of what ``sizes`` has by name in the model's folder; those in folders below are for other programs."""
    found = ([size for name, size in sizes.items() if "/" not in name and fnmatchcase(name, kind)] for kind in _KINDS)
    return sum(next(filter(None, found), []))
