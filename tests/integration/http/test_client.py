"""Documents, redirects, and who learns who we are."""

import gzip
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.http.client import Client
from bundler.http.patience import Patience
from bundler.http.transfer import Wanted
from installer.errors import RefusedError, UnreachableError, UsageError
from tests.fakes.web import Reply, Request, Web
from tests.integration.http.getting import CONTENT, get

SECRET = {"Authorization": "Bearer abc", "Cookie": "m_session_id=abc", "X-Token": "abc"}
NAMES = {name.lower() for name in SECRET}


@dataclass
class Known:
    """Credentials that can be renewed so many times."""

    renewals: int = 0
    challenges: list[Sequence[str]] = field(default_factory=list)
    sent: Mapping[str, str] = field(default_factory=lambda: SECRET)

    def headers(self, _url: str) -> Mapping[str, str]:
        return self.sent

    def renew(self, _url: str, challenges: Sequence[str]) -> bool:
        self.challenges.append(challenges)
        self.renewals -= 1
        return self.renewals >= 0


def secrets(request: Request) -> set[str]:
    return NAMES & request.headers.keys()


def leading(*, to: str) -> Reply:
    return Reply(302, {"location": to})


def test_a_document_comes_with_status_and_headers(web: Web, client: Client) -> None:
    web.alter = lambda _request, _reply: Reply(404, {"X-Error-Code": "RepoNotFound"}, b"{}")
    answer = client.get(f"{web.url}/api", "listing", accept=("application/json", "text/plain"))
    assert (answer.status, answer.headers["x-error-code"], answer.body) == (404, "RepoNotFound", b"{}")
    assert web.asked[0].headers["accept"] == "application/json, text/plain"
    assert web.asked[0].headers["user-agent"] == "vllm-airgap"


def test_a_redirect_with_a_length_of_many_digits_is_followed(web: Web, client: Client) -> None:
    web.files["/y"] = b"{}"
    long = Reply(302, {"location": "/y", "content-length": "0" * 5000 + "1"}, b"x")
    web.alter = lambda request, reply: long if request.path == "/x" else reply
    assert client.get(f"{web.url}/x", "listing").body == b"{}"


@pytest.mark.parametrize("to", ["http://nowhere", "ftp://x/", "/loop"])
def test_a_password_in_a_url_is_not_shown_where_it_leads_astray(web: Web, client: Client, to: str) -> None:
    web.alter = lambda _request, _reply: leading(to=to)
    url = web.url.replace("//", "//me:geheim@") + "/loop?sig=geheim"
    with pytest.raises((RefusedError, UnreachableError)) as caught:
        client.get(url, "listing")
    assert "geheim" not in f"{caught.value} {caught.value.hint}"


def test_a_document_is_asked_for_again_where_that_may_help(web: Web, client: Client, pauses: list[float]) -> None:
    web.files["/api"] = b"{}"
    web.alter = lambda request, reply: Reply(503) if request.number < 3 else reply
    assert client.get(f"{web.url}/api", "listing").body == b"{}"
    assert len(pauses) == 2


def test_a_cut_document_is_asked_for_again(web: Web, client: Client) -> None:
    web.files["/api"] = CONTENT
    web.alter = lambda request, reply: Reply(200, {}, CONTENT, cut=5) if request.number == 1 else reply
    assert client.get(f"{web.url}/api", "listing").body == CONTENT


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_document_that_drips_counts_as_silent(web: Web, client: Client, framing: str) -> None:
    web.files["/api"] = CONTENT
    web.alter = lambda request, reply: replace(reply, drip=0.02 if request.number == 1 else 0, framing=framing)
    assert client.get(f"{web.url}/api", "listing").body == CONTENT
    assert len(web.asked) == 2


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_packed_document_of_any_framing_comes_whole(web: Web, client: Client, framing: str) -> None:
    body = gzip.compress(bytes(1 << 20) + CONTENT)
    web.alter = lambda _request, _reply: Reply(200, {"content-encoding": "gzip"}, body, framing=framing)
    assert client.get(f"{web.url}/api", "listing").body == bytes(1 << 20) + CONTENT


def test_a_packed_document_is_unpacked(web: Web, client: Client) -> None:
    web.alter = lambda _request, _reply: Reply(200, {"content-encoding": "gzip"}, gzip.compress(b"{}"))
    assert client.get(f"{web.url}/api", "listing").body == b"{}"


@pytest.mark.parametrize("packed", [False, True])
def test_a_document_without_end_is_refused(web: Web, client: Client, *, packed: bool) -> None:
    body = gzip.compress(bytes(1 << 24)) if packed else bytes(1 << 16)
    web.alter = lambda _request, _reply: Reply(200, {"content-encoding": "gzip"} if packed else {}, body)
    with pytest.raises(RefusedError, match="more than 1000 bytes"):
        client.get(f"{web.url}/api", "listing", limit=1000)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_credentials_stay_with_the_host_they_are_for(web: Web, client: Client, cache: Cache, status: int) -> None:
    web.files["/file"] = CONTENT
    web.alter = lambda request, reply: (
        Reply(status, {"location": f"{web.other_url}/file"}) if request.path == "/first" else reply
    )
    assert get(client, cache, Wanted("file", (f"{web.url}/first",), credentials=Known())) == CONTENT
    assert [(request.path, secrets(request)) for request in web.asked] == [("/first", NAMES), ("/file", set())]


def test_another_port_is_another_origin(web: Web, client: Client) -> None:
    web.alter = lambda _request, _reply: leading(to="http://127.0.0.1:9/file")
    with pytest.raises(UnreachableError):
        client.get(f"{web.url}/first", "listing", credentials=Known())
    assert secrets(web.asked[0]) == NAMES


def test_credentials_follow_within_their_host(web: Web, client: Client) -> None:
    web.files["/file"] = b"{}"
    web.alter = lambda request, reply: leading(to="/file") if request.path == "/first" else reply
    client.get(f"{web.url}/first", "listing", credentials=Known())
    assert [secrets(request) for request in web.asked] == [NAMES, NAMES]


def test_the_range_goes_along_with_a_redirect(web: Web, client: Client, cache: Cache) -> None:
    web.files["/file"] = CONTENT

    def alter(request: Request, reply: Reply) -> Reply:
        if request.path == "/first":
            return leading(to=f"{web.other_url}/file")
        return Reply(200, reply.headers, CONTENT, cut=1000) if request.number == 2 else reply

    web.alter = alter
    assert get(client, cache, Wanted("file", (f"{web.url}/first",))) == CONTENT
    assert web.asked[-1].headers["range"] == "bytes=1000-"
    assert web.asked[-1].path == "/file"


def test_cookies_are_not_kept(web: Web, client: Client) -> None:
    web.files["/file"] = b"{}"
    web.alter = lambda _, reply: reply.saying(set_cookie="id=1; Path=/")
    client.get(f"{web.url}/file", "listing")
    client.get(f"{web.url}/file", "listing")
    assert "cookie" not in web.asked[1].headers


def test_what_netrc_says_is_not_sent(web: Web, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    web.files["/file"] = b"{}"
    client.get(f"{web.url}/file", "listing")
    client.get(f"{web.url}/file", "listing", credentials=Known())
    assert "authorization" not in web.asked[0].headers
    assert web.asked[1].headers["authorization"] == "Bearer abc"


@pytest.mark.parametrize("token", ["Bearer geheim\n", " geheim", "Bearer ge\u4e2dheim", "Bearer geheim\r\nX: y"])
def test_a_token_that_cannot_be_sent_is_not_shown(web: Web, client: Client, token: str) -> None:
    with pytest.raises(UsageError, match=r"/file: a token or password .* cannot be sent") as caught:
        client.get(f"{web.url}/file", "listing", credentials=Known(sent={"Authorization": token}))
    assert "heim" not in str(caught.value) + caught.value.hint
    assert caught.value.hint
    assert web.asked == []


def test_a_circle_of_redirects_ends(web: Web, client: Client) -> None:
    web.alter = lambda _request, _reply: leading(to="/file")
    with pytest.raises(UnreachableError, match="redirected more than 10 times"):
        client.get(f"{web.url}/file", "listing")


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://[", "https://"])
def test_a_redirect_to_what_is_no_web_address_is_not_followed(web: Web, client: Client, target: str) -> None:
    web.alter = lambda _request, _reply: leading(to=target)
    with pytest.raises(RefusedError, match="cannot be followed"):
        client.get(f"{web.url}/file", "listing")


def test_the_text_of_a_redirect_is_not_waited_for(web: Web, client: Client) -> None:
    web.files["/file"] = b"{}"
    web.alter = lambda request, reply: (
        Reply(302, {"location": "/file"}, bytes(1 << 20), stall=1 << 17) if request.path == "/first" else reply
    )
    assert client.get(f"{web.url}/first", "listing").body == b"{}"


def test_a_redirect_in_other_letters_is_followed(web: Web, client: Client) -> None:
    web.files["/%E6%A8%A1"] = b"{}"
    web.alter = lambda request, reply: (
        leading(to="/模".encode().decode("latin-1")) if request.path == "/first" else reply
    )
    assert client.get(f"{web.url}/first", "listing").body == b"{}"


def test_a_link_that_only_requests_cannot_read_is_not_shown(web: Web, client: Client) -> None:
    web.alter = lambda _request, _reply: leading(to="http://host.$%/x?token=geheim")
    with pytest.raises(UsageError, match=r"redirected to .*: not a URL") as caught:
        client.get(f"{web.url}/first", "listing")
    assert "geheim" not in str(caught.value)


def test_a_link_for_its_bearer_is_in_no_error(web: Web, client: Client, cache: Cache) -> None:
    web.alter = lambda request, _: (
        leading(to=f"{web.other_url}/file?signature=geheim") if request.path == "/first" else Reply(403)
    )
    with pytest.raises(UnreachableError, match="/first, redirected to localhost: the server answered 403") as caught:
        get(client, cache, Wanted("file", (f"{web.url}/first",)))
    assert "geheim" not in str(caught.value) + caught.value.hint


def test_a_401_is_answered_by_who_can(web: Web, client: Client) -> None:
    web.files["/file"] = b"{}"
    web.alter = lambda request, reply: (
        Reply(401, {"www-authenticate": 'Bearer realm="x"'}) if request.number == 1 else reply
    )
    known = Known(renewals=1)
    assert client.get(f"{web.url}/file", "listing", credentials=known).body == b"{}"
    assert known.challenges == [('Bearer realm="x"',)]


@pytest.mark.parametrize(("renewals", "asked"), [(0, 1), (1, 2), (9, 3)])
def test_a_401_that_stays_is_the_answer(web: Web, client: Client, renewals: int, asked: int) -> None:
    web.alter = lambda _request, _reply: Reply(401, {}, b"no")
    answer = client.get(f"{web.url}/file", "listing", credentials=Known(renewals))
    assert (answer.status, answer.body) == (401, b"no")
    assert len(web.asked) == asked


def test_a_token_that_ends_half_way_is_renewed(web: Web, client: Client, cache: Cache) -> None:
    web.files["/file"] = CONTENT

    def alter(request: Request, reply: Reply) -> Reply:
        if request.number == 1:
            return Reply(200, reply.headers, CONTENT, cut=1000)
        return Reply(401) if request.number == 2 else reply

    web.alter = alter
    assert get(client, cache, Wanted("file", (f"{web.url}/file",), credentials=Known(renewals=1))) == CONTENT
    assert web.asked[-1].headers["range"] == "bytes=1000-"


def test_who_renews_may_ask_the_same_host(web: Web) -> None:
    web.files["/file"] = web.files["/token"] = b"{}"
    web.alter = lambda request, reply: Reply(401) if request.number == 1 else reply

    with Client(Patience(sleep=lambda _seconds: None), per_host=1) as client:

        class Asking(Known):
            def renew(self, _url: str, _challenges: Sequence[str]) -> bool:
                return client.get(f"{web.url}/token", "token").status == 200

        assert client.get(f"{web.url}/file", "listing", credentials=Asking()).body == b"{}"


def test_no_more_connections_to_a_host_than_allowed(web: Web) -> None:
    web.files["/file"] = b"{}"
    at_once, most = 0, 0
    lock = threading.Lock()

    def alter(_request: Request, reply: Reply) -> Reply:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        threading.Event().wait(0.02)
        with lock:
            at_once -= 1
        return reply

    web.alter = alter
    with Client(per_host=2) as client:
        threads = [threading.Thread(target=client.get, args=(f"{web.url}/file", "x")) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert len(web.asked) == 8
    assert most == 2


def test_a_form_is_posted_and_not_carried_on(web: Web, client: Client) -> None:
    web.files["/token"] = b"{}"
    assert client.post(f"{web.url}/token", "token", form={"refresh_token": "a b"}).body == b"{}"
    assert (web.asked[0].method, web.asked[0].body) == ("POST", b"refresh_token=a+b")
    web.alter = lambda _request, _reply: Reply(307, {"location": f"{web.other_url}/token"})
    assert client.post(f"{web.url}/token", "token", form={"refresh_token": "a b"}).status == 307
    assert len(web.asked) == 2


@pytest.mark.parametrize("url", ["nonsense", "ftp://host/x", "http://", "http://host:99999/x", "https://[::1/x"])
def test_what_is_no_web_address_is_a_mistake_of_the_person(client: Client, url: str) -> None:
    with pytest.raises(UsageError):
        client.get(url, "listing")


def test_certificates_that_are_not_there_are_named(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "gone.pem"))
    with pytest.raises(Exception, match=r"gone\.pem") as caught:
        client.get("https://127.0.0.1:9/x", "listing")
    assert getattr(caught.value, "exit_code", None) == 7
