"""Who we are to a server: what is sent to its origin, and to no other."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol


class Credentials(Protocol):
    """Asked from several threads at once."""

    def headers(self, url: str) -> Mapping[str, str]:
        """For ``url``'s own origin. A redirect to another host goes without them."""
        ...

    def renew(self, url: str, challenges: Sequence[str]) -> bool:
        """After a 401 with these WWW-Authenticate values. True: ``headers`` may say something better now."""
        ...


class _Nobody:
    def headers(self, _url: str) -> Mapping[str, str]:
        return {}

    def renew(self, _url: str, _challenges: Sequence[str]) -> bool:
        return False


NOBODY: Final[Credentials] = _Nobody()
