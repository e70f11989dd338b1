"""What is in an image, told without running it: by its configuration and by the names in its layers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bundler.sources.image.configuration import Configuration
from bundler.sources.image.layers.contents import Distribution, LayerContents

_TOLD = ("ray", "torch", "vllm")
_PYTHON_FOLDER = re.compile(r"(?:.*/)?python(3\.[0-9]+)/(?:site|dist)-packages/.*")
_REQUIREMENT = "NVIDIA_REQUIRE_"


@dataclass(frozen=True)
class Inside:
    """``distributions`` are those that stay when all layers lie on each other, the lowest layer's first."""

    configuration: Configuration
    distributions: tuple[Distribution, ...]
    interpreters: tuple[str, ...]

    @property
    def versions(self) -> dict[str, str]:
        """Of what decides how the image is run: vllm, ray, torch, python, cuda, as far as it has them."""
        found = {name: self.installed[name] for name in _TOLD if name in self.installed}
        own = {"python": self.python, "cuda": self.cuda}
        return dict(sorted((found | {name: version for name, version in own.items() if version}).items()))

    @property
    def installed(self) -> dict[str, str]:
        """Every distribution's version by its name, "" where nothing says which it is.

        Of two copies the one with a version counts, then the one beside vLLM, then the upper one.
        """
        home = self._home
        last_counts = sorted(self.distributions, key=lambda one: (bool(one.version), _parent(one.folder) == home))
        return {one.name: one.version for one in last_counts}

    @property
    def python(self) -> str:
        """3.X of the Python that vLLM is installed for; where its folder does not say, of the only one there is."""
        if self._home and (match := _PYTHON_FOLDER.fullmatch(f"{self._home}/")):
            return match[1]
        known = {path.rpartition("python")[2] for path in self.interpreters}
        return known.pop() if len(known) == 1 else ""

    @property
    def packages_folder(self) -> str:
        """Where vLLM's distributions lie, without a leading slash; "" where no vLLM is installed."""
        return self._home

    @property
    def cuda(self) -> str:
        return self.configuration.environment.get("CUDA_VERSION", "")

    @property
    def requirements(self) -> dict[str, str]:
        """The NVIDIA_REQUIRE_* that gate the container's start."""
        named = self.configuration.environment.items()
        return {name: value for name, value in sorted(named) if name.startswith(_REQUIREMENT)}

    @property
    def _home(self) -> str:
        copies = [one for one in reversed(self.distributions) if one.name == "vllm" and _is_installed(one)]
        return _parent(max(copies, key=lambda one: bool(one.version)).folder) if copies else ""


def fold(configuration: Configuration, layers: Sequence[LayerContents]) -> Inside:
    """``layers`` from the lowest up. A whiteout hides what is below its layer, not what is in it."""
    distributions: dict[str, Distribution] = {}
    interpreters: set[str] = set()
    for layer in layers:
        distributions = _left(distributions, layer) | dict(sorted(layer.found.items()))
        interpreters = {path for path in interpreters if not layer.hides(path)} | layer.interpreters
    return Inside(configuration, tuple(distributions.values()), tuple(sorted(interpreters)))


def _left(known: Mapping[str, Distribution], layer: LayerContents) -> dict[str, Distribution]:
    return {folder: one for folder, one in known.items() if folder not in layer.found and not layer.hides(folder)}


def _is_installed(one: Distribution) -> bool:
    """And not merely there as source."""
    return _parent(one.folder).endswith("-packages")


def _parent(folder: str) -> str:
    return folder.rpartition("/")[0]
