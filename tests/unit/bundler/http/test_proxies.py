"""A proxy that the environment names wrongly is refused before anything is asked, and its password is shown nowhere."""

import pytest

from bundler.http.client import Client
from bundler.http.proxies import check_proxies
from installer.errors import UsageError

NAMES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@pytest.mark.parametrize(
    "value",
    [
        "http://user:s3cr#et@proxy:3128",
        "http://user:12#et@proxy:3128",
        "http://user:12/et@proxy:3128",
        "http://user:12?et@proxy:3128",
        "http://user:[s3cr@proxy:3128",
        "http://user:]s3cr@proxy:3128",
        "user:s3cr#et@proxy:3128",
        "http://user:s3cr et@proxy:3128",
        "http://user:s3cr@proxy:31x28",
        "http://user:s3cr@proxy:312800",
        "http://user:s3cr@",
        "http://user:s3cr\u0142@proxy:3128",
        "http://user:s3cr%C5%82@proxy:3128",
        "ftp://user:s3cr@proxy:3128",
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_url_is_refused_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"^{name}: not a URL$") as caught:
        check_proxies({name: value})
    assert caught.value.hint == "write http://HOST:PORT, and # / [ in a password as %23 %2F %5B"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "proxy:3128",
        "http://proxy",
        "http://proxy:3128/",
        "https://user:s3cr%23%2F%5Bet@proxy.example:3128",
        "http://user:p@ss@proxy:3128",
        "http://[::1]:3128",
        "socks5h://127.0.0.1:1080",
    ],
)
def test_what_is_one_is_left_to_those_who_use_it(value: str) -> None:
    check_proxies(dict.fromkeys(NAMES, value))


def test_a_client_is_not_made_of_a_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:s3cr#et@proxy:3128")
    with pytest.raises(UsageError, match="HTTPS_PROXY"):
        Client()
