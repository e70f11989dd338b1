"""Which models besides the served one serve.args name, in every form that vLLM takes."""

import json
from collections.abc import Iterator, Sequence

from installer.index.serve_options import option_words

# Options whose value vLLM takes for a repository of a hub unless it is a path.
_OPTIONS = (
    "tokenizer",
    "hf-config-path",
    "speculative-model",
    "speculative-config.model",
    "draft-model",
    "generation-config",
)


def named_models(args: Sequence[str]) -> Iterator[str]:
    for option, words in option_words(args):
        if option in _OPTIONS:
            yield from words[:1]
        elif option == "speculative-config":
            yield from _in_json(words[:1], "model")
        elif option == "lora-modules":  # each NAME=PATH, or an object
            yield from (word.partition("=")[2] for word in words if word[:1] not in {"{", "["})
            yield from _in_json(words, "path")


def _in_json(words: Sequence[str], key: str) -> Iterator[str]:
    """What objects have at ``key``; a word that is no JSON, the server itself refuses."""
    for word in words:
        try:
            value = json.loads(word)
        except (ValueError, RecursionError):
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and isinstance(found := item.get(key), str):
                yield found
