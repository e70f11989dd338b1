"""What a model may hold, and what it must: all rules over its files, each by its name."""

from collections.abc import Iterator, Mapping

from bundler.model_rules.code import missing_programs, pickles, programs
from bundler.model_rules.completeness import (
    broken_json,
    missing_config,
    missing_tokenizer,
    missing_weights,
)
from bundler.model_rules.files import Files, Rule
from bundler.model_rules.safetensors import broken_weights
from bundler.model_rules.shards import missing_shards
from installer.errors import AirgapError

__all__ = ["RULES", "Files", "model_problems"]

RULES: Mapping[str, Rule] = {
    "model-pickle": pickles,
    "model-code": programs,
    "model-code-missing": missing_programs,
    "model-json": broken_json,
    "model-weights": missing_weights,
    "model-shards": missing_shards,
    "model-safetensors": broken_weights,
    "model-config": missing_config,
    "model-tokenizer": missing_tokenizer,
}


def model_problems(files: Files, allow: tuple[str, ...]) -> Iterator[AirgapError]:
    for rule in RULES.values():
        yield from rule(files, allow)
