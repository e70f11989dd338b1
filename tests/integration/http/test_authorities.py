"""Who vouches for a server: those that the environment names, and beside them who is trusted for that server alone."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.http.client import Client
from installer.errors import EnvironmentProblemError, UnreachableError
from tests.fakes.proxy import proxying
from tests.fakes.web import Web
from tests.integration.http.tls import serving_tls
from tests.integration.sources.image.certificates import Certificates, make_certificates


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of the server."""
    return make_certificates(tmp_path_factory.mktemp("ours") / "tls")


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority that has never heard of the server."""
    folder = tmp_path_factory.mktemp("another")
    make = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=another")
    subprocess.run((*make, "-keyout", folder / "key", "-out", folder / "ca.crt"), check=True, capture_output=True)
    return folder / "ca.crt"


@pytest.fixture
def secure(ours: Certificates) -> Iterator[Web]:
    with serving_tls({"/file": b"{}"}, ours.certificate, ours.key) as web:
        yield web


def https(web: Web) -> str:
    return f"https://localhost:{web.server_port}/file"


def test_who_is_trusted_for_one_server_needs_nobody_else(secure: Web, client: Client, ours: Certificates) -> None:
    client.trust(https(secure), ours.authority)
    assert client.get(https(secure), "listing").body == b"{}"


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_it_comes_beside_those_that_vouch_for_all_servers(
    secure: Web, client: Client, ours: Certificates, another: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A registry whose certificate was renewed by a public authority, say, while the old file still lies there."""
    monkeypatch.setenv(name, str(ours.authority))
    client.trust(https(secure), another)
    assert client.get(https(secure), "listing").body == b"{}"


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_it_counts_whomever_the_environment_names(
    secure: Web, client: Client, ours: Certificates, another: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, str(another))
    client.trust(https(secure), ours.authority)
    assert client.get(https(secure), "listing").body == b"{}"


def test_it_counts_behind_a_proxy(
    secure: Web, client: Client, ours: Certificates, another: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(another))
    with proxying() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        monkeypatch.setenv("https_proxy", f"http://{proxy.address}")
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        client.trust(https(secure), ours.authority)
        assert client.get(https(secure), "listing").body == b"{}"
        assert proxy.asked == [f"CONNECT localhost:{secure.server_port}"]


def test_it_vouches_for_no_other_server(secure: Web, client: Client, ours: Certificates) -> None:
    client.trust(https(secure).replace("localhost", "127.0.0.1"), ours.authority)
    client.trust(f"https://localhost:{secure.server_port // 10}/", ours.authority)
    with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
        client.get(https(secure), "listing")
    assert secure.asked == []


def test_it_vouches_for_no_other_name(secure: Web, client: Client, ours: Certificates) -> None:
    """The same address written in another way is a name that the certificate does not have."""
    url = https(secure).replace("localhost", "127.1")
    client.trust(url, ours.authority)
    with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
        client.get(url, "listing")
    assert secure.asked == []


def test_the_certificate_of_the_server_itself_will_do(secure: Web, client: Client, ours: Certificates) -> None:
    """As in docker, which asks no more than that a file of its own vouches; people put there what s_client shows."""
    client.trust(https(secure), ours.certificate)
    assert client.get(https(secure), "listing").body == b"{}"


@pytest.mark.parametrize("content", [b"", b"no certificate"])
def test_a_file_without_a_certificate_is_named(secure: Web, client: Client, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ca.crt"
    path.write_bytes(content)
    client.trust(https(secure), path)
    with pytest.raises(EnvironmentProblemError, match=r"ca\.crt: .*no certificate") as caught:
        client.get(https(secure), "listing")
    assert caught.value.hint
