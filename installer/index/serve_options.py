"""What serve.args ask of `vllm serve`, in any spelling that it takes."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

_SHORT = {"-q": "quantization"}


def option_value(args: Sequence[str], option: str) -> str:
    """The value of ``option`` (without its dashes), the last one if it stands there twice; "" if it does not."""
    return next((value for name, value in reversed(tuple(option_values(args))) if name == option), "")


def option_values(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each option with the word behind it or behind its equals sign; "" where another option or nothing follows."""
    for arg, following in zip_longest(args, args[1:], fillvalue=""):
        if not arg.startswith("-"):
            continue
        name, equals, value = arg.partition("=")
        name = _SHORT.get(name, name.lstrip("-").replace("_", "-"))
        yield name, value if equals else ("" if following.startswith("-") else following)
