"""Whether the model has the files of the formats that serve.args ask for."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final

from bundler.findings import Finding, mistaken
from bundler.lint.case import Case, Rules

_SAFETENSORS = ("*.safetensors",)
_RANKS = ("model-rank-*-part-*.safetensors",)
# Option and value to the files that vLLM then reads, any of which will do; a value that is not here is not judged.
_READ: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("load-format", "mistral"): ("consolidated*.safetensors",),
    ("load-format", "safetensors"): _SAFETENSORS,
    ("load-format", "fastsafetensors"): _SAFETENSORS,
    ("load-format", "runai_streamer"): _SAFETENSORS,
    ("load-format", "runai_streamer_sharded"): _RANKS,
    ("load-format", "sharded_state"): _RANKS,
    ("load-format", "pt"): ("*.pt", "*.bin"),
    ("load-format", "npcache"): ("*.bin",),
    ("load-format", "gguf"): ("*.gguf",),
    ("load-format", "tensorizer"): ("*.tensors",),
    ("config-format", "mistral"): ("params.json",),
    ("config-format", "hf"): ("config.json",),
    ("tokenizer-mode", "mistral"): ("tekken.json", "tokenizer.model*"),
}
_TAKE_MISTRAL = 'take the files of that format, model.include: [params.json, tekken.json, "consolidated*"]'
_TAKE = "take such files by model.include, if the repository has them"


def _load_format(case: Case) -> Iterator[Finding]:
    """In the top folder of the model, where a server looks."""
    names = [name for name in case.model or () if "/" not in name]
    for (option, value), patterns in _READ.items() if case.model else ():
        if case.asked(option) == value and not any(fnmatchcase(name, of) for name in names for of in patterns):
            yield mistaken(
                "load-format",
                "serve.args",
                f"--{option} {value} reads {' or '.join(patterns)}, which is not among the model's files",
                f"{_TAKE_MISTRAL if value == 'mistral' else _TAKE}; or leave the option out",
            )


RULES: Final[Rules] = {"load-format": _load_format}
