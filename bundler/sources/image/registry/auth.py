"""Shows a registry who asks: with a token that its login server gives, or with name and password."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock, local
from typing import Final, Protocol
from urllib.parse import urlencode, urlsplit

from bundler.http.client import Answer
from bundler.http.credentials import NOBODY, Credentials
from bundler.sources.image.registry.challenges import Challenge, parse_challenges
from bundler.sources.image.registry.docker_config import Login
from installer.errors import RefusedError, UnreachableError, printable

_OK: Final = 200
_REFUSALS: Final = frozenset((400, 401, 403))
_CLIENT_ID = "vllm-airgap"
_SHORTEST_LIFE = 60  # seconds; what a token is good for whose server does not say, by the specification
_LONGEST_LIFE = 24 * 3600  # seconds
_MARGIN = 5  # seconds before its end in which a token is not sent any more
_LARGEST_ANSWER = 1 << 20  # bytes


class Web(Protocol):
    """The part of bundler.http's Client that is used here."""

    def get(self, url: str, what: str, *, credentials: Credentials = NOBODY, limit: int = ...) -> Answer: ...
    def post(self, url: str, what: str, *, form: Mapping[str, str], limit: int = ...) -> Answer: ...


@dataclass(frozen=True)
class _Token:
    """``until`` is by the same clock as everything here."""

    authorization: str = field(repr=False)
    until: float


class RegistryCredentials:
    """For one repository of the registry at ``origin`` (https://HOST[:PORT]); any thread may ask.

    What it sends goes to that origin alone, a password also to the login server that the registry names.
    """

    def __init__(
        self, origin: str, repository: str, login: Login | None, web: Web, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._origin = origin
        self._repository = repository
        self._login = login
        self._web = web
        self._clock = clock
        self._token: _Token | None = None
        self._lock = Lock()
        self._shown = local()  # by this thread, the last time

    def headers(self, url: str) -> Mapping[str, str]:
        """A token past its time is not shown: the registry then says anew how to get one."""
        if scheme_and_host(url) != self._origin:
            return {}
        with self._lock:
            if self._token and self._clock() > self._token.until:
                self._token = None
            self._shown.token = self._token
            return {"Authorization": self._token.authorization} if self._token else {}

    def renew(self, url: str, challenges: Sequence[str]) -> bool:
        if scheme_and_host(url) != self._origin:
            return False
        with self._lock:
            refused: _Token | None = getattr(self._shown, "token", None)
            if self._token is not refused:
                return True  # another thread was faster
            token = self._answer(parse_challenges(challenges, self._host))
            if token is None or (refused and token.authorization == refused.authorization):
                return False
            self._token = token
            return True

    @property
    def _host(self) -> str:
        return urlsplit(self._origin).netloc

    def _answer(self, challenges: Sequence[Challenge]) -> _Token | None:
        for challenge in challenges:
            if challenge.scheme == "bearer":
                return self._fetch(challenge)
        if any(challenge.scheme == "basic" for challenge in challenges) and self._login and self._login.basic:
            return _Token(self._login.basic, until=float("inf"))
        return None

    def _fetch(self, challenge: Challenge) -> _Token:
        realm = self._realm(challenge)
        asked = {"scope": self._scope(challenge)}
        if service := challenge.parameters.get("service"):
            asked["service"] = service
        answer = self._ask(realm, asked)
        if answer.status in _REFUSALS:
            raise self._refused(realm, answer.status)
        if answer.status != _OK:
            raise UnreachableError(f"{_shown(realm)}: the login server of {self._host} answered {answer.status}")
        token, seconds = _read_token(answer.body, _shown(realm))
        return _Token(f"Bearer {token}", self._clock() + seconds - _MARGIN)

    def _ask(self, realm: str, asked: Mapping[str, str]) -> Answer:
        what = f"login at {self._host}"
        if self._login and self._login.identity_token:
            grant = {"grant_type": "refresh_token", "refresh_token": self._login.identity_token}
            form = {**asked, **grant, "client_id": _CLIENT_ID}
            return self._web.post(realm, what, form=form, limit=_LARGEST_ANSWER)
        joint = "&" if urlsplit(realm).query else "?"
        by = _Password(scheme_and_host(realm), self._login.basic) if self._login and self._login.basic else NOBODY
        return self._web.get(f"{realm}{joint}{urlencode(asked)}", what, credentials=by, limit=_LARGEST_ANSWER)

    def _realm(self, challenge: Challenge) -> str:
        """A login must not travel in the clear because a registry says so."""
        realm = challenge.parameters.get("realm", "")
        parts = urlsplit(realm)
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username is not None or parts.fragment:
            raise UnreachableError(f"{self._host}: names no login server that can be asked")
        if parts.scheme == "http" and self._origin.startswith("https:"):
            raise RefusedError(f"{self._host}: sends the login to {_shown(realm)}, which is not https")
        return realm

    def _scope(self, challenge: Challenge) -> str:
        """The registry's own words where they mean no more than reading; some count a prefix to the name."""
        scope = challenge.parameters.get("scope", "")
        if scope.startswith("repository:") and scope.endswith(":pull") and " " not in scope:
            return scope
        return f"repository:{self._repository}:pull"

    def _refused(self, realm: str, status: int) -> UnreachableError:
        who = "the login that docker has for it" if self._login else "who does not log in"
        return UnreachableError(
            f"{self._host}: refuses {who} ({_shown(realm)} answered {status})", hint=f"docker login {self._host}"
        )


@dataclass(frozen=True)
class _Password:
    """For the login server alone."""

    origin: str
    authorization: str = field(repr=False)

    def headers(self, url: str) -> Mapping[str, str]:
        return {"Authorization": self.authorization} if scheme_and_host(url) == self.origin else {}

    def renew(self, url: str, challenges: Sequence[str]) -> bool:  # noqa: ARG002 # there is nothing newer
        return False


class ByOrigin:
    """Of several registries that have the same bytes, each gets its own."""

    def __init__(self, credentials: Mapping[str, Credentials]) -> None:
        self._credentials = dict(credentials)

    def headers(self, url: str) -> Mapping[str, str]:
        return self._of(url).headers(url)

    def renew(self, url: str, challenges: Sequence[str]) -> bool:
        return self._of(url).renew(url, challenges)

    def _of(self, url: str) -> Credentials:
        return self._credentials.get(scheme_and_host(url), NOBODY)


def scheme_and_host(url: str) -> str:
    """Scheme, host and port, the scheme's own port left out."""
    parts = urlsplit(url)
    own = {"https": ":443", "http": ":80"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower().removesuffix(own)}"


def _read_token(body: bytes, where: str) -> tuple[str, float]:
    """The token, and for how many seconds it is good."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise UnreachableError(f"{where}: answered no JSON", hint="a proxy may have answered instead")
    token = document.get("token") or document.get("access_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
        raise UnreachableError(f"{where}: answered without a token")
    seconds = document.get("expires_in", _SHORTEST_LIFE)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds != seconds:  # noqa: PLR0124 # NaN
        seconds = _SHORTEST_LIFE
    return token, min(max(float(seconds), _SHORTEST_LIFE), _LONGEST_LIFE)


def _shown(url: str) -> str:
    """Without its query."""
    parts = urlsplit(url)
    return printable(f"{parts.scheme}://{parts.netloc}{parts.path}")[:200]
