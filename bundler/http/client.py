"""Questions to servers: redirects by hand, credentials to their own origin only, few connections to each host."""

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bundler.http.credentials import NOBODY, Credentials
from bundler.http.origins import named, next_hop, origin
from bundler.http.patience import Patience, TroubleError, Trying
from bundler.http.proxies import check_proxies
from bundler.http.sessions import Sessions, Timeouts
from bundler.http.stream import Stream
from installer.errors import RefusedError, UnreachableError

LARGEST_DOCUMENT: Final = 16 << 20  # bytes
_HOPS = 10
_RENEWALS = 2
_PER_HOST = 6
_UNAUTHORIZED = 401
_BROKEN = 500
_NONE: Final[Mapping[str, str]] = {}


@dataclass(frozen=True)
class Answer:
    """A whole small document. Header names are read in any case; ``url`` is where redirects ended."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Shared by all threads. UsageError where the environment names a proxy that is none."""

    def __init__(
        self, patience: Patience | None = None, timeouts: Timeouts | None = None, per_host: int = _PER_HOST
    ) -> None:
        check_proxies(os.environ)
        self.patience = patience or Patience()
        self._sessions = Sessions(timeouts or Timeouts())
        self._turns = defaultdict[tuple[str, int], threading.Semaphore](lambda: threading.Semaphore(per_host))
        self._lock = threading.Lock()
        self._given_up: set[tuple[str, str, int]] = set()  # origins
        self._told_given_up: set[tuple[str, str, int]] = set()
        self._told_silent: set[tuple[tuple[str, str, int], int]] = set()  # origins that gave no answer, and how often

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sessions.close()

    @property
    def received(self) -> int:
        """Bytes of the bodies of all answers that have ended."""
        return self._sessions.received

    def trust(self, url: str, authority: Path) -> None:
        """The PEM file ``authority`` vouches for the server of ``url``, too, and for no other."""
        self._sessions.trust(url, authority)

    def get(
        self,
        url: str,
        what: str,
        *,
        credentials: Credentials = NOBODY,
        accept: Sequence[str] = (),
        limit: int = LARGEST_DOCUMENT,
    ) -> Answer:
        """The document at ``url``, whatever the status, with retries; ``what`` it is stands in errors."""
        headers = {"Accept": ", ".join(accept)} if accept else _NONE
        return self._document(
            self.trying(what, url), limit, lambda: self.opened(url, credentials=credentials, headers=headers)
        )

    def post(self, url: str, what: str, *, form: Mapping[str, str], limit: int = LARGEST_DOCUMENT) -> Answer:
        """The answer to ``form``, which may hold a secret: so where ``url`` leads on, nobody follows."""
        return self._document(self.trying(what, url), limit, lambda: self._posted(url, form))

    def trying(self, what: str, url: str) -> Trying:
        """The tries for ``what``. If they end in vain, its server is not asked again where another may do."""
        at = origin(url)
        return self.patience.trying(what, lambda: self._given_up.add(at), lambda failures: self._is_news(at, failures))

    def is_news(self, url: str) -> bool:
        """Whether nobody told yet that the server of ``url`` was given up; many files may find that out together."""
        at = origin(url)
        with self._lock:
            known = at in self._told_given_up
            if at in self._given_up:
                self._told_given_up.add(at)
            return not known

    def worth_asking(self, urls: Sequence[str]) -> Sequence[str]:
        """Those of ``urls`` whose server was not given up in this run; in any case the last."""
        return [url for url in urls[:-1] if origin(url) not in self._given_up] + [*urls[-1:]]

    @contextmanager
    def opened(
        self, url: str, *, credentials: Credentials = NOBODY, headers: Mapping[str, str] = _NONE
    ) -> Iterator[Stream]:
        """The answer where the redirects end. One try: TroubleError says that another may go better."""
        asked, renewals = url, 0
        for _ in range(_HOPS + _RENEWALS):
            ours = origin(asked) == origin(url)
            sent = {**headers, **(credentials.headers(asked) if ours else _NONE)}
            with self._turn(asked) as turn, self._sessions.asking(asked, sent, _said(url, asked)) as stream:
                may_renew = ours and stream.status == _UNAUTHORIZED and renewals < _RENEWALS
                if location := stream.location():
                    asked = next_hop(url, asked, location)
                elif may_renew and _renewed(credentials, asked, stream, turn):
                    renewals += 1
                else:
                    if stream.status < _BROKEN:
                        self._has_answered(origin(url))
                    yield stream
                    return
                stream.finish()
        raise UnreachableError(f"{named(url)}: redirected more than {_HOPS} times", hint="look at the URL in a browser")

    @contextmanager
    def _posted(self, url: str, form: Mapping[str, str]) -> Iterator[Stream]:
        with self._turn(url), self._sessions.asking(url, _NONE, named(url), form) as stream:
            yield stream

    def _document(self, trying: Trying, limit: int, ask: Callable[[], AbstractContextManager[Stream]]) -> Answer:
        while True:
            try:
                with ask() as stream:
                    stream.refuse_busy()
                    return Answer(stream.url, stream.status, stream.headers, _whole(stream, limit))
            except TroubleError as trouble:
                trying.pause(trouble)

    def _is_news(self, at: tuple[str, str, int], failures: int) -> bool:
        with self._lock:
            known = (at, failures) in self._told_silent
            self._told_silent.add((at, failures))
            return not known

    def _has_answered(self, at: tuple[str, str, int]) -> None:
        with self._lock:
            self._told_silent = {silent for silent in self._told_silent if silent[0] != at}

    @contextmanager
    def _turn(self, url: str) -> Iterator[ExitStack]:
        """One of the few connections to the host of ``url``, until this ends or what is given is closed."""
        _, host, port = origin(url)
        with self._lock:
            turn = self._turns[host, port]
        with ExitStack() as stack:
            stack.enter_context(turn)
            yield stack


def _said(url: str, asked: str) -> str:
    """A query may be a secret, or be long; what is asked for stands in every error by its name."""
    return named(url) if asked == url else f"{named(url)}, redirected to {origin(asked)[1]}"


def _renewed(credentials: Credentials, url: str, stream: Stream, turn: ExitStack) -> bool:
    turn.close()  # for who renews may need a connection to the same host
    return credentials.renew(url, stream.challenges())


def _whole(stream: Stream, limit: int) -> bytes:
    body = bytearray()
    for piece in stream.text():
        body += piece
        if len(body) > limit:
            raise RefusedError(f"{named(stream.url)}: more than {limit} bytes, which no such document has")
    return bytes(body)
