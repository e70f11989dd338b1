"""The home of huggingface_hub: it knows the hub's questions and answers, and our own client carries them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

# Read once, by the import below. Without it the library asks its hub for a list of programs that may have started it,
# keeps that in ~/.cache, and names what it found in every request.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import httpx2
import huggingface_hub
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RevisionNotFoundError
from huggingface_hub.hf_api import RepoSibling

from bundler.http.client import Client
from bundler.http.credentials import Credentials
from bundler.manifest import ModelSpec
from bundler.sources.model.answers import Answered
from installer.errors import RefusedError, UnreachableError, UsageError, printable
from installer.index.strict import Value

_PASSED_ON = ("content-type", "x-error-code", "x-error-message")
_NOT_ALLOWED = (401, 403)
_NO_SUCH = 404


class _Carried(httpx2.BaseTransport):
    """The library's requests by our client, which knows proxies, patience, and to whom a token may go."""

    def __init__(self, client: Client, credentials: Credentials) -> None:
        self._client = client
        self._credentials = credentials

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "GET":
            raise AssertionError(f"a listing needs no {request.method}")
        answer = self._client.get(str(request.url), "model", credentials=self._credentials)
        headers = {name: value for name, value in answer.headers.items() if name.lower() in _PASSED_ON}
        return httpx2.Response(answer.status, headers=headers, content=answer.body)


def ask(spec: ModelSpec, endpoint: str, client: Client, credentials: Credentials) -> Answered:
    """``commit`` and ``files`` (path, size, sha256 or git_sha1) of the repository at ``spec.revision``."""
    if huggingface_hub.is_offline_mode():
        raise UsageError("model: HF_HUB_OFFLINE is set, so the hub may not be asked", hint="unset HF_HUB_OFFLINE")
    huggingface_hub.set_client_factory(lambda: httpx2.Client(transport=_Carried(client, credentials)))
    api = huggingface_hub.HfApi(endpoint, token=False)
    with _in_our_words(spec, endpoint):
        # One question, so that commit and files are of one moment; nor are there pages, whose addresses a hub chooses.
        info = api.model_info(spec.repo, revision=spec.revision, files_metadata=True)
        if info.gated:
            _pass_gate(api, spec)
        files: list[Value] = [_plain(file) for file in info.siblings or ()]
        return Answered.of({"commit": info.sha, "files": files}, f"{endpoint}: {spec.repo}")


def known_token() -> str | None:
    """From HF_TOKEN, HF_TOKEN_PATH or `hf auth login`, whose tokens the library renews."""
    return huggingface_hub.get_token()


def _plain(file: RepoSibling) -> dict[str, Value]:
    """The blob of a file in LFS is that of a pointer to it."""
    digest = {"sha256": file.lfs.sha256} if file.lfs else {"git_sha1": file.blob_id}
    told = {"path": file.rfilename, "size": file.size, **digest}
    return {key: value for key, value in told.items() if value is not None}


def _pass_gate(api: huggingface_hub.HfApi, spec: ModelSpec) -> None:
    """Everyone may list a gated repository; that its files are withheld would show at the first of them."""
    try:
        api.auth_check(spec.repo)
    except HfHubHTTPError as error:
        if error.response.status_code != _NO_SUCH:  # a mirror that does not know the question
            raise


@contextmanager
def _in_our_words(spec: ModelSpec, endpoint: str) -> Iterator[None]:
    """Without the hub's text, which may repeat what was sent to it."""
    try:
        yield
    except HFValidationError:
        raise UsageError(f"model.repo: {spec.repo} is no name of a repository of {endpoint}") from None
    except GatedRepoError:
        raise RefusedError(
            f"model: {spec.repo} is gated: its files are given only to those who accepted its licence",
            hint=f"accept it at {endpoint}/{spec.repo}, then set HF_TOKEN to a token of that account that may read it",
        ) from None
    except RevisionNotFoundError:
        raise UsageError(f"model.revision: {spec.repo} has no {printable(spec.revision)[:200]}") from None
    except HfHubHTTPError as error:
        raise _refusal(spec, endpoint, error.response.status_code) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreachableError(
            f"model: {endpoint} did not answer as a hub does: {type(error).__name__}",
            hint="a proxy or a login page may have answered; look at HF_ENDPOINT or model.endpoint, and try again",
        ) from None


def _refusal(spec: ModelSpec, endpoint: str, status: int) -> RefusedError | UnreachableError | UsageError:
    if status in _NOT_ALLOWED:
        return RefusedError(
            f"model: {endpoint} answered {status} to {spec.repo}: it is private, or there is no such repository",
            hint="look at model.repo; for a private one set HF_TOKEN, which goes only to huggingface.co or HF_ENDPOINT",
        )
    if status == _NO_SUCH:
        return UsageError(f"model.repo: {endpoint} has no {spec.repo}", hint="it reads OWNER/NAME, as on its page")
    return UnreachableError(f"model: {endpoint} answered {status} to {spec.repo}", hint="try again later")
