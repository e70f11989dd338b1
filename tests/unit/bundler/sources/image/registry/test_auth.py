import base64
import json
from collections.abc import Mapping
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from bundler.http.client import Answer
from bundler.http.credentials import NOBODY, Credentials
from bundler.sources.image.registry.auth import ByOrigin, RegistryCredentials, scheme_and_host
from bundler.sources.image.registry.docker_config import Login
from installer.errors import AirgapError, RefusedError, UnreachableError

ORIGIN = "https://registry.lan"
URL = f"{ORIGIN}/v2/vllm/vllm-openai/manifests/v1"
REALM = "https://auth.lan/token"
CHALLENGE = f'Bearer realm="{REALM}",service="registry.lan",scope="repository:vllm/vllm-openai:pull"'
PASSWORD = "pass:word"


class FakeLoginServer:
    """Gives numbered tokens to who may have them, and remembers how it was asked."""

    def __init__(self, **says: object) -> None:
        self.says = says
        self.status = 200
        self.asked: list[dict[str, list[str]]] = []
        self.sent: list[Mapping[str, str]] = []
        self.forms: list[Mapping[str, str]] = []

    def get(self, url: str, what: str, *, credentials: Credentials = NOBODY, limit: int = 0) -> Answer:  # noqa: ARG002 # as Web has it
        assert url.startswith(REALM)
        self.asked.append(parse_qs(urlsplit(url).query))
        self.sent.append(credentials.headers(url))
        return self._answer(url)

    def post(self, url: str, what: str, *, form: Mapping[str, str], limit: int = 0) -> Answer:  # noqa: ARG002 # as Web has it
        self.forms.append(form)
        return self._answer(url)

    def _answer(self, url: str) -> Answer:
        says = self.says or {"token": f"token-{len(self.asked) + len(self.forms)}", "expires_in": 300}
        return Answer(url, self.status, {}, json.dumps(says).encode())


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def made(server: FakeLoginServer, login: Login | None = None, clock: Clock | None = None) -> RegistryCredentials:
    return RegistryCredentials(ORIGIN, "vllm/vllm-openai", login, server, clock or Clock())


def test_nothing_is_sent_before_the_registry_asks() -> None:
    assert made(FakeLoginServer(), Login("me", PASSWORD)).headers(URL) == {}


def test_a_token_is_fetched_as_the_registry_says() -> None:
    server = FakeLoginServer()
    credentials = made(server)
    assert credentials.renew(URL, [CHALLENGE])
    assert credentials.headers(URL) == {"Authorization": "Bearer token-1"}
    assert server.asked == [{"service": ["registry.lan"], "scope": ["repository:vllm/vllm-openai:pull"]}]
    assert server.sent == [{}]


def test_older_servers_call_it_an_access_token() -> None:
    credentials = made(FakeLoginServer(access_token="old"))
    assert credentials.renew(URL, [CHALLENGE])
    assert credentials.headers(URL) == {"Authorization": "Bearer old"}


def test_a_password_goes_to_the_login_server_and_a_token_to_the_registry() -> None:
    server = FakeLoginServer()
    credentials = made(server, Login("me", PASSWORD))
    assert credentials.renew(URL, [CHALLENGE])
    assert server.sent == [{"Authorization": "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()}]
    assert credentials.headers(URL) == {"Authorization": "Bearer token-1"}


def test_an_identity_token_is_posted() -> None:
    server = FakeLoginServer()
    credentials = made(server, Login(identity_token="identity"))
    assert credentials.renew(URL, [CHALLENGE])
    assert server.forms == [
        {
            "grant_type": "refresh_token",
            "refresh_token": "identity",
            "service": "registry.lan",
            "scope": "repository:vllm/vllm-openai:pull",
            "client_id": "vllm-airgap",
        }
    ]


def test_a_token_that_is_refused_in_a_long_pull_is_renewed() -> None:
    credentials = made(FakeLoginServer())
    for number in (1, 2, 3):
        assert credentials.renew(URL, [CHALLENGE])
        assert credentials.headers(URL) == {"Authorization": f"Bearer token-{number}"}


def test_a_token_past_its_time_is_not_shown() -> None:
    clock = Clock()
    credentials = made(FakeLoginServer(token="t", expires_in=300), clock=clock)
    assert credentials.renew(URL, [CHALLENGE])
    clock.now += 294
    assert credentials.headers(URL) == {"Authorization": "Bearer t"}
    clock.now += 2
    assert credentials.headers(URL) == {}
    assert credentials.renew(URL, [CHALLENGE])
    assert credentials.headers(URL) == {"Authorization": "Bearer t"}


@pytest.mark.parametrize(
    "said", [{"token": "t"}, {"token": "t", "expires_in": "soon"}, {"token": "t", "expires_in": 1}]
)
def test_a_token_lives_for_a_minute_where_nothing_more_is_said(said: dict[str, object]) -> None:
    clock = Clock()
    credentials = made(FakeLoginServer(**said), clock=clock)
    assert credentials.renew(URL, [CHALLENGE])
    clock.now += 54
    assert credentials.headers(URL) == {"Authorization": "Bearer t"}


def test_of_many_threads_that_are_refused_one_asks() -> None:
    server = FakeLoginServer()
    credentials = made(server)
    assert credentials.renew(URL, [CHALLENGE])

    def refused() -> None:
        assert credentials.renew(URL, [CHALLENGE])
        assert credentials.headers(URL)

    threads = [Thread(target=refused) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 1


def test_basic_is_answered_with_the_password() -> None:
    credentials = made(FakeLoginServer(), Login("me", PASSWORD))
    assert credentials.renew(URL, ['Basic realm="x"'])
    assert credentials.headers(URL)["Authorization"].startswith("Basic ")


def test_a_password_that_is_refused_is_not_shown_again() -> None:
    credentials = made(FakeLoginServer(), Login("me", PASSWORD))
    assert credentials.renew(URL, ['Basic realm="x"'])
    assert credentials.headers(URL)
    assert not credentials.renew(URL, ['Basic realm="x"'])


def test_who_has_no_login_cannot_answer_basic() -> None:
    assert not made(FakeLoginServer()).renew(URL, ['Basic realm="x"'])
    assert not made(FakeLoginServer()).renew(URL, ["Negotiate"])


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.lan/v2/vllm/vllm-openai/manifests/v1",
        "http://registry.lan/v2/x",
        "https://registry.lan:8443/v2/x",
        "https://registry.lan.evil.lan/v2/x",
    ],
)
def test_nobody_else_learns_anything(url: str) -> None:
    credentials = made(FakeLoginServer(), Login("me", PASSWORD))
    assert credentials.renew(URL, ['Basic realm="x"'])
    assert credentials.headers(url) == {}
    assert not credentials.renew(url, [CHALLENGE])


def test_a_registry_cannot_have_more_asked_for_than_reading() -> None:
    server = FakeLoginServer()
    for scope in ("repository:vllm/vllm-openai:pull,push", "registry:catalog:*", "repository:a:pull repository:b:push"):
        made(server).renew(URL, [f'Bearer realm="{REALM}",scope="{scope}"'])
    assert [asked["scope"] for asked in server.asked] == [["repository:vllm/vllm-openai:pull"]] * 3


def test_a_mirrors_own_prefix_to_the_name_is_kept() -> None:
    server = FakeLoginServer()
    made(server).renew(URL, [f'Bearer realm="{REALM}",scope="repository:hub/vllm/vllm-openai:pull"'])
    assert server.asked[0]["scope"] == ["repository:hub/vllm/vllm-openai:pull"]


def test_a_login_never_travels_in_the_clear() -> None:
    server = FakeLoginServer()
    with pytest.raises(RefusedError, match=r"http://auth\.lan/token, which is not https"):
        made(server, Login("me", PASSWORD)).renew(URL, ['Bearer realm="http://auth.lan/token?secret=1"'])
    assert not server.asked


@pytest.mark.parametrize("realm", ["", "ftp://auth.lan/", "/token", "https://a:b@auth.lan/", "https://"])
def test_a_login_server_must_be_one(realm: str) -> None:
    with pytest.raises(UnreachableError, match="names no login server"):
        made(FakeLoginServer()).renew(URL, [f'Bearer realm="{realm}"'])


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, {"details": PASSWORD}),
        (403, {"details": PASSWORD}),
        (404, {"details": PASSWORD}),
        (200, {"details": PASSWORD}),
        (200, {"token": f"{PASSWORD}\r\nX-Other: 1"}),
        (200, {"token": 7, "x": PASSWORD}),
    ],
)
def test_what_a_login_server_refuses_is_told_without_secrets(status: int, says: dict[str, object]) -> None:
    server = FakeLoginServer(**says)
    server.status = status
    with pytest.raises(AirgapError, match=r"registry\.lan|auth\.lan") as error:
        made(server, Login("me", PASSWORD)).renew(URL, [CHALLENGE])
    assert PASSWORD not in f"{error.value}{error.value.hint}"


def test_each_registry_gets_its_own() -> None:
    other = "https://mirror.lan:5000"
    credentials = ByOrigin(
        {
            ORIGIN: made(FakeLoginServer(), Login("me", PASSWORD)),
            other: RegistryCredentials(other, "x", Login("you", "other"), FakeLoginServer()),
        }
    )
    assert credentials.renew(URL, ['Basic realm="x"'])
    assert credentials.headers(f"{other}/v2/") == {}
    assert credentials.renew(f"{other}/v2/", ['Basic realm="x"'])
    assert credentials.headers(URL) != credentials.headers(f"{other}/v2/")
    assert credentials.headers("https://elsewhere.lan/") == {}
    assert not credentials.renew("https://elsewhere.lan/", [CHALLENGE])


def test_an_origin_is_written_in_one_way() -> None:
    assert scheme_and_host("https://Registry.lan:443/v2/") == ORIGIN
    assert scheme_and_host("http://[::1]:5000/x") == "http://[::1]:5000"
