import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bundler.sources.image.registry.docker_config import Login, config_path, find_login
from bundler.sources.image.registry.reference import Host
from installer.errors import AirgapError, EnvironmentProblemError, UsageError

HOST, HUB = Host("registry.lan:5000"), Host("docker.io")
SECRET = "hunter2:with colon"


class FakeHelper:
    """A credential store: what it knows by host; nobody else's program."""

    def __init__(self, known: Mapping[str, tuple[str, str]], program: str = "docker-credential-store") -> None:
        self.known = known
        self.program = program
        self.asked: list[str] = []

    def __call__(self, program: str, asked: bytes) -> bytes | None:
        if program != self.program:
            raise FileNotFoundError(program)
        self.asked.append(asked.decode())
        found = self.known.get(asked.decode())
        return json.dumps({"ServerURL": "", "Username": found[0], "Secret": found[1]}).encode() if found else None


NO_HELPER = FakeHelper({}, "none")


def written(folder: Path, document: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(document))
    return path


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("host", "key"),
    [
        (HOST, "registry.lan:5000"),
        (HOST, "https://registry.lan:5000"),
        (HOST, "https://registry.lan:5000/v2/"),
        (HUB, "https://index.docker.io/v1/"),
        (HUB, "docker.io"),
    ],
)
def test_a_login_is_found_under_every_name_that_docker_wrote(tmp_path: Path, host: Host, key: str) -> None:
    config = written(tmp_path, {"auths": {"other": {"auth": packed("a:b")}, key: {"auth": packed(f"me:{SECRET}")}}})
    assert find_login(host, config, NO_HELPER) == Login("me", SECRET)


def test_nobody_is_logged_in_without_a_file_or_an_entry(tmp_path: Path) -> None:
    assert find_login(HOST, tmp_path / "none/config.json", NO_HELPER) is None
    assert find_login(HOST, written(tmp_path, {}), NO_HELPER) is None
    assert find_login(HOST, written(tmp_path, {"auths": {"registry.lan": {"auth": packed("a:b")}}}), NO_HELPER) is None
    assert find_login(HOST, written(tmp_path, {"auths": {"registry.lan:5000": {}}}), NO_HELPER) is None


def test_an_identity_token_counts_before_a_password(tmp_path: Path) -> None:
    entry = {"auth": packed("me:x"), "identitytoken": SECRET}
    assert find_login(HOST, written(tmp_path, {"auths": {HOST.name: entry}}), NO_HELPER) == Login(identity_token=SECRET)


def test_the_hosts_own_helper_counts_before_the_store_and_the_file(tmp_path: Path) -> None:
    helper = FakeHelper({HOST.name: ("me", SECRET)}, "docker-credential-own")
    document = {
        "credHelpers": {HOST.name: "own"},
        "credsStore": "store",
        "auths": {HOST.name: {"auth": packed("other:x")}},
    }
    assert find_login(HOST, written(tmp_path, document), helper) == Login("me", SECRET)
    assert helper.asked == [HOST.name]


def test_the_store_is_asked_for_docker_hub_by_the_name_that_docker_gave_it(tmp_path: Path) -> None:
    helper = FakeHelper({"https://index.docker.io/v1/": ("<token>", SECRET)})
    assert find_login(HUB, written(tmp_path, {"credsStore": "store"}), helper) == Login(identity_token=SECRET)


def test_where_the_store_knows_nobody_the_file_counts(tmp_path: Path) -> None:
    document = {"credsStore": "store", "auths": {HOST.name: {"auth": packed("me:x")}}}
    assert find_login(HOST, written(tmp_path, document), FakeHelper({})) == Login("me", "x")


def test_a_missing_helper_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblemError, match="docker-credential-desktop: no such program") as error:
        find_login(HOST, written(tmp_path, {"credsStore": "desktop"}), NO_HELPER)
    assert f"docker login {HOST.name}" in error.value.hint


def broken(_program: str, _asked: bytes) -> bytes:
    return f'{{"Username": "me", "Secret": 7}} {SECRET}'.encode()


def failing(_program: str, _asked: bytes) -> bytes:
    raise ChildProcessError(1)


@pytest.mark.parametrize("helper", [broken, failing])
def test_what_a_broken_helper_prints_is_never_shown(tmp_path: Path, helper: object) -> None:
    with pytest.raises(EnvironmentProblemError) as error:
        find_login(HOST, written(tmp_path, {"credsStore": "store"}), helper)  # type: ignore[arg-type]
    assert SECRET not in f"{error.value}{error.value.hint}"


@pytest.mark.parametrize("name", ["../../bin/x", "a b", "-x", "x;y"])
def test_a_helper_is_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="not the name of a credential helper"):
        find_login(HOST, written(tmp_path, {"credsStore": name}), NO_HELPER)


@pytest.mark.parametrize(
    "text",
    [
        '{"auths": {"registry.lan:5000": {"auth": "c2VjcmV0"}}}',
        '{"auths": {"registry.lan:5000": {"auth": "not base64 secret"}}}',
        '{"auths": {"registry.lan:5000": {"auth": "secret\\n"}}}',
        '{"auths": {"registry.lan:5000": {"auth": "secret',
    ],
)
def test_a_broken_file_is_named_and_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(AirgapError) as error:
        find_login(HOST, tmp_path / "config.json", NO_HELPER)
    said = f"{error.value}{error.value.hint}"
    assert "config.json" in said or "auths" in said
    assert not any(word in said for word in ("secret", "c2VjcmV0"))


def test_a_login_never_shows_its_secret() -> None:
    assert SECRET not in repr(Login("me", SECRET)) + repr(Login(identity_token=SECRET))


def test_the_folder_can_be_chosen() -> None:
    assert config_path({"DOCKER_CONFIG": "/etc/who"}) == Path("/etc/who/config.json")
    assert config_path({}) == Path.home() / ".docker/config.json"
