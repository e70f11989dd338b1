"""A web server on loopback that speaks TLS, with the certificate it is given."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.web import Web


@contextmanager
def serving_tls(files: Mapping[str, bytes], certificate: Path, key: Path | None = None) -> Iterator[Web]:
    """``certificate`` may hold the key, too, and those that vouch for it."""
    web = Web(files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    web.socket = context.wrap_socket(web.socket, server_side=True)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        web.over.set()
        web.shutdown()
        thread.join()
        web.server_close()
