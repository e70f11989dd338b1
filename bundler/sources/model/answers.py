"""What a hub answers, read without surprise: more than we know of is fine, another type is an error that says where."""

import json
from typing import cast

from installer.errors import UnreachableError, printable
from installer.index.strict import Place, Value

_HINT = "a proxy or a login page may have answered instead of the hub; look at the endpoint, and try again"


class Answered(Place):
    """A place in a hub's answer."""

    error = UnreachableError


def parse_answer(body: bytes, what: str) -> Answered:
    """The JSON object in ``body``."""
    try:
        return Answered.of(cast("Value", json.loads(body)), what)
    except (ValueError, RecursionError) as error:
        raise UnreachableError(f"{what}: not JSON: {printable(str(error))[:200]}", hint=_HINT) from None
