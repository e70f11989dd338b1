"""What a server needs of a model is there: on site nobody can fetch the file that was forgotten."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase

from bundler.model_rules.files import ALL_IN_ONE, CONFIG, Files, are_weights, at_hand, longer_than
from bundler.model_rules.remedies import LEAVE_OUT, NOT_COMPLETE
from installer.errors import AirgapError, RefusedError, printable

_CONFIGS = (CONFIG, "params.json")  # the second is Mistral's own format
_TOKENIZERS = tuple(
    """
    tokenizer.json tokenizer.model* tekken.json vocab.txt *.tiktoken tiktoken.model spiece.model
    sentencepiece.bpe.model
    """.split()
)
_VOCABULARY = "vocab.json"  # words alone; how they are made of text stands in merges.txt, or in a program
_OF_A_PROGRAM = (_VOCABULARY, "*vocab*", "*.model")


def broken_json(files: Files, _allow: tuple[str, ...]) -> Iterator[AirgapError]:
    """One that is too long to be looked at might hold anything."""
    for name, path in at_hand(files, ".json"):
        if what := longer_than(name, path):
            yield RefusedError(f"model: {name}: {path.stat().st_size} bytes, longer than {what}", hint=LEAVE_OUT)
            continue
        try:
            json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            yield RefusedError(f"model: {name}: not JSON: {printable(str(error))[:200]}", hint="download it again")


def missing_weights(files: Files, _allow: tuple[str, ...]) -> Iterator[AirgapError]:
    if not any(map(are_weights, files)):
        yield RefusedError("model: no weights in it", hint=NOT_COMPLETE)


def missing_config(files: Files, _allow: tuple[str, ...]) -> Iterator[AirgapError]:
    if not _has(files, (*_CONFIGS, ALL_IN_ONE)):
        yield RefusedError("model: no config.json in it", hint=NOT_COMPLETE)


def missing_tokenizer(files: Files, _allow: tuple[str, ...]) -> Iterator[AirgapError]:
    whole = _has(files, (*_TOKENIZERS, ALL_IN_ONE)) or {_VOCABULARY, "merges.txt"} <= files.keys()
    if not whole and not (_has(files, ("tokenization_*.py",)) and _has(files, _OF_A_PROGRAM)):
        yield RefusedError(
            "model: no tokenizer in it (tokenizer.json, tokenizer.model, vocab.json with merges.txt ...)",
            hint=NOT_COMPLETE,
        )


def _has(files: Files, patterns: tuple[str, ...]) -> bool:
    """In the top folder, where a server looks."""
    return any(fnmatchcase(name, pattern) for name in files if "/" not in name for pattern in patterns)
