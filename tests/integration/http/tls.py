"""A web server on loopback that speaks TLS, with the certificate it is given."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.web import Web, running


@contextmanager
def serving_tls(files: Mapping[str, bytes], certificate: Path, key: Path | None = None) -> Iterator[Web]:
    """``certificate`` may hold the key, too, and those that vouch for it."""
    web = Web(files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    web.socket = context.wrap_socket(web.socket, server_side=True)
    with running(web):
        yield web
