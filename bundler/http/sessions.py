"""Connections that are kept, with the proxies and certificates of the environment. The home of requests' settings."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path

import requests
from requests.adapters import BaseAdapter
from requests.exceptions import InvalidHeader

from bundler.http.authorities import ServersOwn
from bundler.http.failures import RAISED, failure, not_to_be_sent, system_failure
from bundler.http.origins import origin
from bundler.http.stream import Stream

_Authorities = dict[tuple[str, str, int], Path]  # by origin

# Whatever a server packs on the way would have another digest than the file.
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "vllm-airgap"}


@dataclass(frozen=True)
class Timeouts:
    """Seconds: to be connected, and without a byte."""

    connect: float = 15
    silence: float = 60


class Sessions:
    """One for each thread that asks, as requests does not promise more."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._own = threading.local()
        self._all: list[requests.Session] = []
        self._lock = threading.Lock()
        self._authorities: _Authorities = {}
        self.received = 0  # bytes of all bodies

    @contextmanager
    def asking(
        self, url: str, headers: Mapping[str, str], said: str, form: Mapping[str, str] | None = None
    ) -> Iterator[Stream]:
        """The answer of ``url`` itself, to a GET or with a ``form`` to a POST; ``said`` is the URL for people."""
        with self._send(url, headers, said, form) as response:
            stream = Stream(response, said, self._timeouts.silence)
            try:
                yield stream
            finally:
                with self._lock:
                    self.received += stream.received

    def trust(self, url: str, authority: Path) -> None:
        """The PEM file ``authority`` vouches for the server of ``url``, beside those that the environment names."""
        self._authorities[origin(url)] = authority

    def close(self) -> None:
        with self._lock:
            for session in self._all:
                session.close()

    def _send(
        self, url: str, headers: Mapping[str, str], said: str, form: Mapping[str, str] | None
    ) -> requests.Response:
        try:
            return self._session().request(
                "GET" if form is None else "POST",
                url,
                headers={**_HEADERS, **headers},
                data=form,
                stream=True,
                allow_redirects=False,
                timeout=(self._timeouts.connect, self._timeouts.silence),
                auth=_as_it_is,
            )
        except (InvalidHeader, UnicodeEncodeError):
            raise not_to_be_sent(said) from None
        except RAISED as error:
            raise failure(said, error) from error
        except OSError as error:
            raise system_failure(error) from error

    def _session(self) -> requests.Session:
        known: requests.Session | None = getattr(self._own, "session", None)
        if known is None:
            known = self._own.session = _Session(self._authorities)
            known.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
            if not os.environ.get("REQUESTS_CA_BUNDLE"):
                known.verify = os.environ.get("SSL_CERT_FILE") or True
            with self._lock:
                self._all.append(known)
        return known


class _Session(requests.Session):
    """``authorities`` may become more while it is used."""

    def __init__(self, authorities: _Authorities) -> None:
        super().__init__()
        self._authorities = authorities

    def get_adapter(self, url: str) -> BaseAdapter:
        at = origin(url)
        if at not in self._authorities:
            return super().get_adapter(url)
        # What it is filed under is no URL, so that requests itself finds it for none, and yet closes it at the end.
        own = f"of {at}"
        if own not in self.adapters:
            self.mount(own, ServersOwn(self._authorities[at]))
        return self.adapters[own]

    def get_redirect_target(self, resp: requests.Response) -> None:  # as in requests
        """Nowhere: else the whole body of a redirect would be read, however long, to prepare what we do ourselves."""


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Else requests would put what ~/.netrc says in the place of our credentials."""
    return request
