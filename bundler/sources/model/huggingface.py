"""A model from Hugging Face or a mirror of it, at one commit."""

import os
from urllib.parse import quote

from bundler.http.credentials import NOBODY, Credentials
from bundler.http.origins import origin
from bundler.manifest import ModelSpec
from bundler.sources.model.answers import Answered
from bundler.sources.model.endpoint import HubToken, check_endpoint, check_token, other_than
from bundler.sources.model.locking import announce_taken
from bundler.sources.model.repo import Repo, RepoFile
from bundler.workplace import Announced, Found, Workplace
from installer.errors import UnreachableError
from installer.index.document import LARGEST_FILE

_DEFAULT_ENDPOINT = "https://huggingface.co"


def find(spec: ModelSpec, work: Workplace) -> Found:
    return announce_model(spec, work).take()


def announce_model(spec: ModelSpec, work: Workplace) -> Announced:
    endpoint = choose_endpoint(spec.endpoint)
    may_read = credentials(endpoint)
    return announce_taken(list_repo(spec, endpoint, may_read, work), spec, may_read, work)


def list_repo(spec: ModelSpec, endpoint: str, may_read: Credentials, work: Workplace) -> Repo:
    from bundler.sources.model.huggingface_api import ask  # noqa: PLC0415 # 0.3 s that no other command should pay

    answer = ask(spec, endpoint, work.client, may_read)
    commit = answer.matching("commit", "[0-9a-f]{40}", "a commit")
    if len(spec.revision) == len(commit) and spec.revision != commit:
        raise UnreachableError(f"model: {endpoint} was asked for {spec.revision} and answered with {commit}")
    below = f"{endpoint}/{spec.repo}/resolve/{commit}"
    files = tuple(_read_file(at, below) for at in answer.each("files"))
    return Repo("huggingface", spec.repo, commit, files, said_by=mirror(endpoint))


def choose_endpoint(said: str) -> str:
    """The manifest's, or this machine's, or the hub itself."""
    if said:
        return check_endpoint(said, "model.endpoint")
    return check_endpoint(os.environ.get("HF_ENDPOINT") or _DEFAULT_ENDPOINT, "HF_ENDPOINT")


def mirror(endpoint: str) -> str:
    """Its HOST[:PORT], "" of the hub itself."""
    return other_than(endpoint, (_DEFAULT_ENDPOINT,))


def credentials(endpoint: str) -> Credentials:
    """The person's own token, if the person chose the endpoint: a manifest may come from somebody else."""
    from bundler.sources.model.huggingface_api import known_token  # noqa: PLC0415 # as above

    if origin(endpoint) not in {origin(_DEFAULT_ENDPOINT), origin(choose_endpoint(""))}:
        return NOBODY
    token = known_token()
    return HubToken(endpoint, {"Authorization": f"Bearer {check_token(token, 'HF_TOKEN')}"}) if token else NOBODY


def _read_file(at: Answered, below: str) -> RepoFile:
    """Only what lies in LFS has a sha256."""
    path = at.text("path")
    return RepoFile(
        path=path,
        size=at.integer("size", 0, LARGEST_FILE),
        sha256=at.matching("sha256", "[0-9a-f]{64}", "a sha256") if at.has("sha256") else "",
        git_sha1=at.matching("git_sha1", "[0-9a-f]{40}", "a git sha1") if at.has("git_sha1") else "",
        url=f"{below}/{quote(path)}",
    )
