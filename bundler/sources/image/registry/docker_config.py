"""Who we are to a registry, as `docker login` left it in config.json or with a credential helper."""

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bundler.sources.image.registry.reference import DOCKER_HUB, Host
from installer.errors import EnvironmentProblemError, UsageError
from installer.index.strict import WrittenPlace

_HUB_KEY = "https://index.docker.io/v1/"
_TOKEN_USER = "<token>"  # noqa: S105 # how a helper says that its secret is an identity token
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HELPER_SECONDS = 60  # some ask a person first
_NONE_STORED = "credentials not found"  # how every helper says that it knows nobody there
_LARGEST_CONFIG = 4 << 20  # bytes

RunHelper = Callable[[str, bytes], bytes | None]  # program and what it reads; None where it knows nobody


@dataclass(frozen=True)
class Login:
    """A name and a password, or a token instead of both. Neither is ever shown, not even by repr."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header, "" where there is no password."""
        if not self.password:
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode("ascii")


def config_path(environment: Mapping[str, str]) -> Path:
    folder = environment.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path.home() / ".docker") / "config.json"


def find_login(host: Host, config: Path, run_helper: RunHelper) -> Login | None:
    """None where nobody logged in to ``host``; the first of helper, store and file that knows somebody counts."""
    at = _read_config(config)
    if at is None:
        return None
    keys = _keys(host)
    if helper := _helper_for(at, keys):
        return _ask(helper, host, config, run_helper) or _from_file(at, host)
    return _from_file(at, host)


def ask_program(program: str, asked: bytes) -> bytes | None:
    """What the helper ``program`` answers; FileNotFoundError where there is none."""
    done = subprocess.run((program, "get"), input=asked, capture_output=True, check=False, timeout=_HELPER_SECONDS)
    if done.returncode == 0:
        return done.stdout
    if _NONE_STORED in done.stdout.decode(errors="replace").lower():
        return None
    raise ChildProcessError(done.returncode)


def _ask(name: str, host: Host, config: Path, run_helper: RunHelper) -> Login | None:
    program = f"docker-credential-{name}"
    try:
        answer = run_helper(program, _keys(host)[0].encode())
    except FileNotFoundError:
        raise EnvironmentProblemError(
            f"{program}: no such program on PATH, but {config} says that it knows the login for {host.name}",
            hint=f"install it, or remove it from {config} and `docker login {host.name}`",
        ) from None
    except (ChildProcessError, OSError, subprocess.TimeoutExpired):
        # What it printed stays unseen: it may be the secret.
        raise EnvironmentProblemError(
            f"{program}: did not say who logs in to {host.name}",
            hint=f"try it: echo {_keys(host)[0]} | {program} get",
        ) from None
    return None if answer is None else _read_answer(answer, program)


def _read_answer(answer: bytes, program: str) -> Login:
    try:
        document = json.loads(answer)
        user, secret = document["Username"], document["Secret"]
    except (ValueError, KeyError, TypeError):
        user = secret = None
    if not isinstance(user, str) or not isinstance(secret, str):
        raise EnvironmentProblemError(f"{program}: answered something else than a user name and a secret")
    return Login(identity_token=secret) if user == _TOKEN_USER else Login(user, secret)


def _read_config(path: Path) -> WrittenPlace | None:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_CONFIG)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise EnvironmentProblemError(f"{path}: {error.strerror}", hint="point DOCKER_CONFIG elsewhere") from None
    try:
        return WrittenPlace.of(json.loads(data), str(path))
    except ValueError:  # its text would be part of the file, which holds passwords
        raise UsageError(f"{path}: not JSON", hint="mend it, or set DOCKER_CONFIG to a folder without one") from None


def _helper_for(at: WrittenPlace, keys: tuple[str, ...]) -> str:
    helpers = at.texts_by_name("credHelpers")
    name = next((helpers[key] for key in keys if helpers.get(key)), "") or at.text("credsStore", "")
    if name and not _HELPER.fullmatch(name):
        at.fail("credsStore", "not the name of a credential helper")
    return name


def _from_file(at: WrittenPlace, host: Host) -> Login | None:
    auths = at.inside("auths") if at.has("auths") else WrittenPlace({}, "")
    wanted = set(_keys(host))
    for key in auths.values:
        if key in wanted or _plain_host(key) in wanted:
            return _read_entry(auths.inside(key))
    return None


def _read_entry(at: WrittenPlace) -> Login | None:
    """The texts are read here, and not by ``at``, whose errors show what they refuse."""
    token, packed = at.values.get("identitytoken"), at.values.get("auth")
    if isinstance(token, str) and token:
        return Login(identity_token=token)
    if not isinstance(packed, str) or not packed:
        return None  # the login is with a helper that has forgotten it
    try:
        user, colon, password = base64.b64decode(packed, validate=True).decode().rstrip("\0").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = user = password = ""
    if not colon or not user:
        raise UsageError(f"{at.path}: its `auth` is not base64 of NAME:PASSWORD", hint="`docker login` writes it anew")
    return Login(user, password)


def _keys(host: Host) -> tuple[str, ...]:
    """Under which names it may stand there, the one that docker itself writes first."""
    if host.name == DOCKER_HUB:
        return (_HUB_KEY, "index.docker.io", DOCKER_HUB, "registry-1.docker.io")
    return (host.name,)


def _plain_host(key: str) -> str:
    """Old versions wrote addresses."""
    return re.sub(r"^https?://", "", key).partition("/")[0]


def home_login(host: Host) -> Login | None:
    """Of the person who runs this."""
    return find_login(host, config_path(os.environ), ask_program)
