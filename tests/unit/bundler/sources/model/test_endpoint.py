"""A token goes to its hub alone, and stands in no text."""

import pytest

from bundler.http.credentials import NOBODY
from bundler.sources.model import huggingface, modelscope
from bundler.sources.model.endpoint import HubToken, check_endpoint, check_token
from installer.errors import UsageError

TOKEN = "hf_SecretSecretSecret"


def test_a_token_goes_to_its_own_origin_alone() -> None:
    token = HubToken("https://hub.example/api", {"Authorization": f"Bearer {TOKEN}"})
    assert TOKEN in token.headers("https://HUB.example:443/org/m/resolve/x")["Authorization"]
    for elsewhere in ("http://hub.example/", "https://hub.example:444/", "https://hub.example.evil/", "https://cdn/"):
        assert token.headers(elsewhere) == {}
    assert not token.renew("https://hub.example/", ("Bearer",))


def test_a_token_shows_in_no_repr() -> None:
    assert TOKEN not in repr(HubToken("https://hub.example", {"Authorization": TOKEN}))


@pytest.mark.parametrize("token", [f"{TOKEN}\nX-More: 1", f"{TOKEN} x", f"{TOKEN};", f"{TOKEN}é", " "])
def test_what_is_no_token_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(UsageError, match="HF_TOKEN") as caught:
        check_token(token, "HF_TOKEN")
    assert TOKEN not in f"{caught.value} {caught.value.hint}"


def test_space_around_a_token_is_how_files_end() -> None:
    assert check_token(f" {TOKEN}\n", "HF_TOKEN") == TOKEN


def test_an_endpoint_may_have_a_path_and_end_in_a_slash() -> None:
    assert check_endpoint("https://mirror/huggingface/", "x") == "https://mirror/huggingface"


@pytest.mark.parametrize(
    "url",
    ["ftp://mirror", "mirror", "", "https://", "https://a/?x", "https://a/#x", "https://a:b", "https://a/\x1b[1m"],
)
def test_what_is_no_endpoint_says_who_said_it(url: str) -> None:
    with pytest.raises(UsageError, match=r"^HF_ENDPOINT: ") as caught:
        check_endpoint(url, "HF_ENDPOINT")
    assert str(caught.value).isprintable()


def test_a_password_in_an_endpoint_is_refused_without_showing_it() -> None:
    for scheme in ("https", "ftp"):
        with pytest.raises(UsageError, match="holds a user name") as caught:
            check_endpoint(f"{scheme}://me:{TOKEN}@mirror", "HF_ENDPOINT")
        assert TOKEN not in str(caught.value)


def test_the_endpoint_is_the_manifests_or_this_machines_or_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_ENDPOINT", "MODELSCOPE_ENDPOINT", "MODELSCOPE_DOMAIN"):
        monkeypatch.delenv(name, raising=False)
    assert huggingface.choose_endpoint("") == "https://huggingface.co"
    assert modelscope.choose_endpoint("") == "https://www.modelscope.cn"
    monkeypatch.setenv("MODELSCOPE_DOMAIN", "www.modelscope.ai")
    assert modelscope.choose_endpoint("") == "https://www.modelscope.ai"
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "https://ms.example/")
    monkeypatch.setenv("HF_ENDPOINT", "https://hf.example/")
    assert modelscope.choose_endpoint("") == "https://ms.example"
    assert huggingface.choose_endpoint("") == "https://hf.example"
    for source in (huggingface, modelscope):
        assert source.choose_endpoint("https://other") == "https://other"


def test_a_token_goes_only_where_its_owner_chose_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest may come from somebody else, and may name any host."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", TOKEN)
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    monkeypatch.delenv("MODELSCOPE_ENDPOINT", raising=False)
    monkeypatch.delenv("MODELSCOPE_DOMAIN", raising=False)
    for source, hub in ((huggingface, "https://huggingface.co"), (modelscope, "https://www.modelscope.cn")):
        assert TOKEN in source.credentials(hub).headers(f"{hub}/x")["Authorization"]
        assert source.credentials("https://evil.example") is NOBODY
    assert modelscope.credentials("https://modelscope.ai") is not NOBODY
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "https://mirror.example")
    for source in (huggingface, modelscope):
        assert source.credentials("https://mirror.example") is not NOBODY


def test_an_old_modelscope_gets_the_token_as_a_cookie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", TOKEN)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "https://ms.example")
    sent = modelscope.credentials("https://ms.example").headers("https://ms.example/")
    assert sent == {"Authorization": f"Bearer {TOKEN}", "Cookie": f"m_session_id={TOKEN}"}
