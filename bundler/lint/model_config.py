"""What a model's config.json says of its shape, as far as rules ask."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bundler.model_rules.files import LARGEST_CONFIG


@dataclass(frozen=True)
class ModelConfig:
    """A number that config.json does not give is 0, a word "". ``group_size`` -1 is a group per column."""

    model_type: str
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    dtype: str
    quantization: str
    bits: int
    group_size: int


def read_config(path: Path | None) -> ModelConfig | None:
    """None where there is none, or none that can be read: the model's own rules say so."""
    if path is None or not path.is_file() or path.stat().st_size > LARGEST_CONFIG:
        return None
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    return _config(document) if isinstance(document, dict) else None


def _config(document: Mapping[str, object]) -> ModelConfig:
    inner = document.get("text_config")  # models that also see or hear keep the language model's numbers there
    text = {**document, **inner} if isinstance(inner, dict) else document
    found = text.get("quantization_config")
    quantization: Mapping[str, object] = found if isinstance(found, dict) else {}
    heads, hidden = _number(text, "num_attention_heads"), _number(text, "hidden_size")
    return ModelConfig(
        model_type=_word(document, "model_type"),
        layers=_number(text, "num_hidden_layers"),
        hidden=hidden,
        intermediate=_number(text, "intermediate_size"),
        heads=heads,
        kv_heads=_number(text, "num_key_value_heads") or heads,
        head_size=_number(text, "head_dim") or (hidden // heads if heads > 0 else 0),
        vocabulary=_number(text, "vocab_size"),
        dtype=_word(text, "torch_dtype") or _word(text, "dtype"),
        quantization=_word(quantization, "quant_method").lower(),
        bits=_number(quantization, "bits"),
        group_size=_number(quantization, "group_size"),
    )


def _number(document: Mapping[str, object], key: str) -> int:
    value = document.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _word(document: Mapping[str, object], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""
