"""What a server needs of a model is there: on site nobody can fetch the file that was forgotten."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase

from bundler.model_rules.files import SHARD_LIST, Files, at_hand, beside, is_parsed
from installer.errors import AirgapError, RefusedError, printable

_CONFIGS = ("config.json", "params.json")  # the second is Mistral's own format
_TOKENIZERS = tuple(
    """
    tokenizer.json tokenizer.model* tekken.json vocab.json vocab.txt *.tiktoken tiktoken.model spiece.model
    sentencepiece.bpe.model tokenization_*.py
    """.split()
)
_ALL_IN_ONE = "*.gguf"
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth", _ALL_IN_ONE)
_NOT_COMPLETE = "the download is not complete"


def broken_json(files: Files, _allow: tuple[str, ...]) -> Iterator[AirgapError]:
    for name, path in at_hand(files, ".json"):
        if not is_parsed(name, path):
            if name.endswith(SHARD_LIST):
                yield RefusedError(f"model: {name}: longer than any list of shards")
            continue
        try:
            json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            yield RefusedError(f"model: {name}: not JSON: {printable(str(error))[:200]}", hint="download it again")


def missing_shards(files: Files, _allow: tuple[str, ...]) -> Iterator[AirgapError]:
    """Every shard that a list of weights names must be in the model."""
    for name, path in at_hand(files, SHARD_LIST):
        if not is_parsed(name, path):
            continue
        try:
            document = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            continue  # said by broken_json
        shards = document.get("weight_map") if isinstance(document, dict) else None
        if not isinstance(shards, dict):
            yield RefusedError(f"model: {name}: no weight_map in it", hint="download it again")
            continue
        for shard in sorted({str(shard) for shard in shards.values()}):
            if beside(name, shard) not in files:
                yield RefusedError(
                    f"model: {name} names {printable(shard)[:200]!r}, which is not in the folder", hint=_NOT_COMPLETE
                )


def missing_weights(files: Files, _allow: tuple[str, ...]) -> Iterator[AirgapError]:
    if not any(fnmatchcase(name, pattern) for name in files for pattern in _WEIGHTS):
        yield RefusedError("model: no weights in it", hint=_NOT_COMPLETE)


def missing_config(files: Files, _allow: tuple[str, ...]) -> Iterator[AirgapError]:
    if not _has(files, (*_CONFIGS, _ALL_IN_ONE)):
        yield RefusedError("model: no config.json in it", hint=_NOT_COMPLETE)


def missing_tokenizer(files: Files, _allow: tuple[str, ...]) -> Iterator[AirgapError]:
    if not _has(files, (*_TOKENIZERS, _ALL_IN_ONE)):
        yield RefusedError(
            "model: no tokenizer in it (tokenizer.json, tokenizer.model, vocab.json ...)", hint=_NOT_COMPLETE
        )


def _has(files: Files, patterns: tuple[str, ...]) -> bool:
    """In the top folder, where a server looks."""
    return any(fnmatchcase(name, pattern) for name in files if "/" not in name for pattern in patterns)
