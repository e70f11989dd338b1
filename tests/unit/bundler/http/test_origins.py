"""Who is the same, where a redirect may lead, and what of a URL people are shown."""

import pytest

from bundler.http.origins import named, next_hop, origin
from installer.errors import RefusedError, UsageError


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://host/a", "https://HOST:443/b?c"),
        ("http://host", "http://host:80/"),
        ("https://host./a", "https://host/a"),
        ("https://[::1]:443/", "https://[::1]/"),
    ],
)
def test_one_origin_in_two_ways(one: str, other: str) -> None:
    assert origin(one) == origin(other)


@pytest.mark.parametrize(
    "other", ["http://host/", "https://host:8443/", "https://cdn.host/", "https://host.other/", "https://host@other/"]
)
def test_another_origin(other: str) -> None:
    assert origin("https://host/") != origin(other)


@pytest.mark.parametrize("url", ["", "host/path", "ftp://host/", "https:///path", "https://host:x/", "https://[::1"])
def test_no_origin_at_all(url: str) -> None:
    with pytest.raises(UsageError):
        origin(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://me:ge/heim@mirror/x",
        "https://me:geheim#geheim@mirror/x",
        "https://me:geheim?geheim@mirror:x/y",
        "me:geheim@mirror/x?sig=geheim",
        "https://mirror:x/y?sig=geheim",
        "https://[::1/?sig=geheim#geheim",
    ],
)
def test_an_address_that_cannot_be_read_shows_no_password(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        origin(url)
    assert "heim" not in str(caught.value)
    assert ("mirror" in url) == ("mirror" in str(caught.value))


def test_a_relative_redirect_starts_where_it_was_given() -> None:
    assert next_hop("https://a/x", "https://b/y/z", "../w?q=1") == "https://b/w?q=1"
    assert next_hop("http://a/x", "http://a/x", "//b/w") == "http://b/w"


def test_a_redirect_may_become_safer_and_never_less_safe() -> None:
    assert next_hop("http://a/", "http://a/", "https://a/") == "https://a/"
    with pytest.raises(RefusedError, match="was redirected to http://b/x, which is not https"):
        next_hop("https://a/", "https://c/", "http://b/x?token=geheim")


def test_a_name_for_people_holds_no_secret() -> None:
    assert named("https://me:geheim@host:1/x?token=geheim#geheim") == "https://host:1/x"
    assert named("https://host/\x1b[2J") == "https://host/\\x1b[2J"
    assert named("https://[::1") == "what is no URL"
