"""Through a proxy that the environment names, for http and for https, and past it where NO_PROXY says so."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.http.client import Client
from bundler.http.transfer import Wanted
from installer.errors import RefusedError, UnreachableError, UsageError
from tests.fakes.proxy import Proxy, proxying
from tests.fakes.web import Reply, Web
from tests.integration.http.getting import CONTENT, DIGEST, cut_after, first, get
from tests.integration.http.tls import serving_tls


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with proxying() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        monkeypatch.setenv("https_proxy", f"http://{proxy.address}")
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        yield proxy


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    make = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject)
    subprocess.run((*make, "-keyout", path, "-out", f"{path}.crt"), check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[Web]:
    with serving_tls({"/file": CONTENT}, certificate) as web:
        yield web


def https(web: Web) -> str:
    return f"https://localhost:{web.server_port}/file"


def test_http_goes_through_the_proxy(web: Web, client: Client, cache: Cache, proxy: Proxy) -> None:
    web.files["/file"] = CONTENT
    web.alter = first(cut_after(100_000))
    assert get(client, cache, Wanted("file", (f"{web.url}/file",), DIGEST)) == CONTENT
    assert proxy.asked == [f"GET {web.url}/file"] * 2


def test_https_goes_through_a_tunnel(
    secure: Web, client: Client, cache: Cache, proxy: Proxy, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    secure.alter = first(cut_after(100_000))
    assert get(client, cache, Wanted("file", (https(secure),), DIGEST)) == CONTENT
    assert set(proxy.asked) == {f"CONNECT localhost:{secure.server_port}"}


def test_no_proxy_is_heeded(
    web: Web, client: Client, cache: Cache, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    web.files["/file"] = CONTENT
    assert get(client, cache, Wanted("file", (f"{web.url}/file",), DIGEST)) == CONTENT
    assert proxy.asked == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_a_password_is_named_at_once(
    web: Web, client: Client, cache: Cache, proxy: Proxy, scheme: str
) -> None:
    proxy.wants_password = True
    with pytest.raises(UnreachableError, match=r"[pP]roxy") as caught:
        get(client, cache, Wanted("file", (f"{scheme}://localhost:{web.server_port}/file",), DIGEST))
    assert "HTTPS_PROXY=" in caught.value.hint
    assert len(proxy.asked) == 1


def test_the_proxys_password_is_in_no_error(
    client: Client, cache: Cache, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://me:geheim@127.0.0.1:9")
    with pytest.raises(UnreachableError) as caught:
        get(client, cache, Wanted("file", ("https://localhost:9/file",), DIGEST))
    assert "geheim" not in str(caught.value) + caught.value.hint


def test_a_proxy_that_is_not_there_is_named(
    web: Web, client: Client, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would look as if the server were down."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://me:geheim@127.0.0.1:9")
    for scheme in ("http", "https"):
        with pytest.raises(UnreachableError, match=r"file: the proxy: .*refused") as caught:
            client.get(f"{scheme}://localhost:{web.server_port}/file", "listing")
        assert "geheim" not in str(caught.value) + caught.value.hint


def test_a_socks_proxy_needs_what_it_is_reached_with(
    web: Web, client: Client, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks5h://me:geheim@127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "socks5h://me:geheim@127.0.0.1:9")
    with pytest.raises(UsageError, match="SOCKS") as caught:
        client.get(f"{web.url}/file", "listing")
    assert "pip install PySocks" in caught.value.hint
    assert "geheim" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_certificate_of_ones_own_is_accepted_if_the_environment_says_so(
    secure: Web, client: Client, cache: Cache, certificate: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, str(certificate))
    secure.alter = first(cut_after(100_000))
    assert get(client, cache, Wanted("file", (https(secure),), DIGEST)) == CONTENT


def test_an_unknown_certificate_is_refused_at_once(secure: Web, client: Client, cache: Cache) -> None:
    with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        get(client, cache, Wanted("file", (https(secure),), DIGEST))
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint
    assert secure.asked == []


def test_https_is_never_left_for_http(
    secure: Web, web: Web, client: Client, cache: Cache, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    web.files["/file"] = CONTENT
    secure.alter = lambda _request, _reply: Reply(302, {"location": f"{web.url}/file?x=geheim"})
    with pytest.raises(RefusedError, match=rf"was redirected to {web.url}/file, which is not https"):
        get(client, cache, Wanted("file", (https(secure),), DIGEST))
    assert web.asked == []
