"""Who vouches for one server only, beside those that vouch for all."""

import ssl
from pathlib import Path
from typing import Any

from requests.adapters import HTTPAdapter

from installer.errors import EnvironmentProblemError


class ServersOwn(HTTPAdapter):
    """The way to a server for which the PEM file ``authority`` vouches, too; whom requests names is added by urllib3.

    That is how docker reads the file (ReadCertsDirectory in moby: the system's pool, and the file appended).
    """

    def __init__(self, authority: Path) -> None:
        self._context = _context(authority)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 # as in requests
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:  # noqa: ANN401 # as in requests
        return super().proxy_manager_for(proxy, **proxy_kwargs, ssl_context=self._context)


def _context(authority: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # As in Go, a certificate there vouches by itself, also one of an authority in the middle, or the server's own.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(authority)
    except ssl.SSLError:
        raise EnvironmentProblemError(
            f"{authority}: no certificate in PEM that can be read",
            hint="put the registry's authority there as PEM, or remove the file",
        ) from None
    return context
