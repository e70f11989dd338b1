"""What is known of the image: from the lock, or before that from the tag that vLLM's own repository gave it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from installer.hardware.releases import Release, release
from installer.index.components import Image

# Tags of vllm/vllm-openai, also behind a mirror's name: v0.6.4.post1, v0.20.0-cu129, v0.33.0-cu129-ubuntu2404.
_OFFICIAL = re.compile(r"(?:.*/)?vllm/vllm-openai:v(\d+\.\d+\.\d+(?:\.post\d+)?)(?:-cu(\d\d)(\d))?(?:-ubuntu\d+)?")
_LAST_WITH_RAY = (0, 17, 1)
# From which vLLM on the official image was made with which CUDA.
_CUDA: tuple[tuple[Release, str], ...] = (
    ((0, 20, 0), "13.0"),
    ((0, 11, 2), "12.9"),
    ((0, 9, 0), "12.8"),
    ((0, 4, 3), "12.4"),
)
_LONGEST_CONFIG = 16 << 20  # bytes


@dataclass(frozen=True)
class ImageFacts:
    """``known_by`` is "lock", "tag" or "", when all else is empty. A version "" is of what is in it, of any version."""

    known_by: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    requires: Mapping[str, str] = field(default_factory=dict)
    platform: str = ""

    def release(self, name: str) -> Release | None:
        return release(self.versions.get(name, ""))

    @property
    def cuda(self) -> str:
        """The CUDA that its programs were built with; "" where nothing says."""
        return self.versions.get("cuda") or self.torch_cuda

    @property
    def torch_cuda(self) -> str:
        """The CUDA that torch brings the code of; "" where its version does not say."""
        built_for = re.search(r"\+cu(\d\d)(\d)\Z", self.versions.get("torch", ""))
        return f"{built_for[1]}.{built_for[2]}" if built_for else ""

    @property
    def vllm(self) -> str:
        """For people."""
        version = self.versions.get("vllm", "")
        return f"vLLM {version} (by its tag)" if self.known_by == "tag" else f"vLLM {version}"


def is_official(reference: str) -> bool:
    return _OFFICIAL.fullmatch(reference) is not None


def locked_facts(image: Image, config: Path | None) -> ImageFacts:
    """``config`` is where the image's configuration lies, None if that is not here."""
    return ImageFacts("lock", image.versions, image.requires, _platform(config) if config else "")


def tagged_facts(reference: str) -> ImageFacts:
    match = _OFFICIAL.fullmatch(reference)
    found = release(match[1]) if match else None
    if match is None or found is None:
        return ImageFacts()
    versions = {"vllm": match[1]}
    if found <= _LAST_WITH_RAY:
        versions["ray"] = ""
    cuda = f"{match[2]}.{match[3]}" if match[2] else next((cuda for since, cuda in _CUDA if found >= since), "")
    return ImageFacts("tag", versions | ({"cuda": cuda} if cuda else {}))


def _platform(config: Path) -> str:
    """Empty for what is no configuration: whoever took the image has compared its digest."""
    if config.stat().st_size > _LONGEST_CONFIG:
        return ""
    try:
        document = json.loads(config.read_bytes())
    except (ValueError, RecursionError):
        return ""
    known = isinstance(document, dict) and "os" in document and "architecture" in document
    return f"{document['os']}/{document['architecture']}" if known else ""
