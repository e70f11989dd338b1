"""What serve.args ask of `vllm serve`, in any spelling that it takes."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

_SHORT = {
    "-q": "quantization",
    "-sc": "speculative-config",
    "-dp": "data-parallel-size",
    "-ep": "enable-expert-parallel",
}


def option_value(args: Sequence[str], option: str) -> str:
    """The value of ``option`` (without its dashes), the last one if it stands there twice; "" if it does not."""
    return next((value for name, value in reversed(tuple(option_values(args))) if name == option), "")


def option_values(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each option with the word behind it or behind its equals sign; "" where another option or nothing follows."""
    return ((name, words[0] if words else "") for name, words in option_words(args))


def option_words(args: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each option with all words up to the next one, as those have it that take several."""
    for at, arg in enumerate(args):
        if not arg.startswith("-"):
            continue
        name, equals, value = arg.partition("=")
        following = takewhile(lambda word: not word.startswith("-"), args[at + 1 :])
        yield _long(name), (value,) if equals else tuple(following)


def _long(name: str) -> str:
    """Of ``--option.key`` with the key."""
    head, dot, key = name.partition(".")
    return _SHORT.get(head, head.lstrip("-").replace("_", "-")) + dot + key
