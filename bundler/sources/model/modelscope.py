"""A model from ModelScope by its REST API, which tells a sha256 of every file."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from bundler.http.client import Client
from bundler.http.credentials import NOBODY, Credentials
from bundler.http.origins import origin
from bundler.manifest import ModelSpec
from bundler.sources.model.answers import Answered, parse_answer
from bundler.sources.model.endpoint import HubToken, check_endpoint, check_token, other_than
from bundler.sources.model.locking import announce_taken
from bundler.sources.model.repo import Repo, RepoFile
from bundler.workplace import Announced, Found, Workplace
from installer.errors import RefusedError, UnreachableError, UsageError, printable
from installer.index.document import LARGEST_FILE

_DEFAULT_DOMAIN = "www.modelscope.cn"
_DOMAINS = (_DEFAULT_DOMAIN, "modelscope.cn", "www.modelscope.ai", "modelscope.ai")
_HUBS = tuple(f"https://{domain}" for domain in _DOMAINS)
_MOST_FOLDERS = 1000  # that one listing may leave to be asked for
_COMMIT = re.compile(r"[0-9a-f]{40}")
_OK, _NO_SUCH = 200, 404
_NOT_ALLOWED = (401, 403)
_UNPINNED = "the hub serves no commits: the sha256 of each file is what pins it"


def find(spec: ModelSpec, work: Workplace) -> Found:
    return announce_model(spec, work).take()


def announce_model(spec: ModelSpec, work: Workplace) -> Announced:
    endpoint = choose_endpoint(spec.endpoint)
    may_read = credentials(endpoint)
    repo = list_repo(spec, ModelScope(spec.repo, endpoint, work.client, may_read))
    return announce_taken(repo, spec, may_read, work)


def choose_endpoint(said: str) -> str:
    """The manifest's, or this machine's, or the hub itself."""
    if said:
        return check_endpoint(said, "model.endpoint")
    if chosen := os.environ.get("MODELSCOPE_ENDPOINT"):
        return check_endpoint(chosen, "MODELSCOPE_ENDPOINT")
    return check_endpoint(f"https://{os.environ.get('MODELSCOPE_DOMAIN') or _DEFAULT_DOMAIN}", "MODELSCOPE_DOMAIN")


def mirror(endpoint: str) -> str:
    """Its HOST[:PORT], "" of the hub itself."""
    return other_than(endpoint, _HUBS)


def credentials(endpoint: str) -> Credentials:
    """The person's own token, if the person chose the endpoint: a manifest may come from somebody else."""
    token = os.environ.get("MODELSCOPE_API_TOKEN")
    own = {origin(choose_endpoint("")), *map(origin, _HUBS)}
    if not token or origin(endpoint) not in own:
        return NOBODY
    token = check_token(token, "MODELSCOPE_API_TOKEN")
    # The older servers of private hubs know the cookie alone.
    return HubToken(endpoint, {"Authorization": f"Bearer {token}", "Cookie": f"m_session_id={token}"})


@dataclass(frozen=True)
class Listed:
    """The files at a revision, and the commit that it stands for, "" where the hub does not tell."""

    files: Mapping[str, RepoFile]  # their URLs are still to be chosen
    commit: str


@dataclass(frozen=True)
class ModelScope:
    """The questions that may be asked about one repository."""

    repo: str
    endpoint: str
    client: Client
    credentials: Credentials

    def list_files(self, revision: str) -> Listed:
        """The whole tree. Folders whose files the answer leaves out are asked for one by one."""
        data = self._ask(revision, "")
        entries = list(_entries(data))
        asked: set[str] = set()
        while missing := sorted(_empty_folders(entries) - asked):
            if len(asked) > _MOST_FOLDERS:
                raise UnreachableError(f"model: {self.endpoint} does not tell what is in the folders of {self.repo}")
            asked.add(missing[0])
            entries += _entries(self._ask(revision, missing[0]))
        files = [_read_file(entry) for entry in entries if not _is_folder(entry)]
        commit = revision if _COMMIT.fullmatch(revision) else _commit(data, entries)
        return Listed({file.path: file for file in files}, commit)

    def url(self, revision: str, path: str) -> str:
        return f"{self._api}/repo?{urlencode({'Revision': revision, 'FilePath': path})}"

    def serves(self, revision: str, file: RepoFile) -> bool:
        """Whether that very file is given at ``revision``."""
        try:
            answer = self.client.get(self.url(revision, file.path), f"model {file.path}", credentials=self.credentials)
        except (UnreachableError, RefusedError):  # a hub may stumble over what it does not know
            return False
        return answer.status == _OK and hashlib.sha256(answer.body).hexdigest() == file.sha256

    @property
    def _api(self) -> str:
        return f"{self.endpoint}/api/v1/models/{self.repo}"

    def _ask(self, revision: str, root: str) -> Answered:
        said = {"Revision": revision, "Recursive": "True"} | ({"Root": root} if root else {})
        answer = self.client.get(f"{self._api}/repo/files?{urlencode(said)}", "model", credentials=self.credentials)
        if answer.status != _OK:
            raise self._refusal(answer.status)
        data = parse_answer(answer.body, f"{self.endpoint}: {self.repo}").inside("Data")
        if data.values.get("Files") is None:
            raise UsageError(f"model.revision: {self.repo} has no {printable(revision)[:200]}")
        return data

    def _refusal(self, status: int) -> RefusedError | UsageError | UnreachableError:
        if status in _NOT_ALLOWED:
            return RefusedError(
                f"model: {self.endpoint} answered {status} to {self.repo}: it is private, or asks for your consent",
                hint=f"look at {self.endpoint}/models/{self.repo}, then set MODELSCOPE_API_TOKEN to a token of yours, "
                "which goes only to modelscope.cn, modelscope.ai or MODELSCOPE_ENDPOINT",
            )
        if status == _NO_SUCH:
            return UsageError(f"model.repo: {self.endpoint} has no {self.repo}", hint="it reads OWNER/NAME")
        return UnreachableError(f"model: {self.endpoint} answered {status} to {self.repo}", hint="try again later")


def list_repo(spec: ModelSpec, hub: ModelScope) -> Repo:
    """At the commit, where the hub gives files by commit; its own program asks by branch or tag alone."""
    listed = hub.list_files(spec.revision)
    smallest = min(listed.files.values(), key=lambda file: file.size, default=None)
    pinned = listed.commit and smallest is not None and hub.serves(listed.commit, smallest)
    at = listed.commit if pinned else spec.revision
    files = (replace(file, url=hub.url(at, file.path)) for file in listed.files.values())
    remark = "" if pinned else _UNPINNED
    return Repo("modelscope", spec.repo, at, tuple(files), remark, mirror(hub.endpoint))


def _entries(data: Answered) -> Iterator[Answered]:
    return data.each("Files")


def _is_folder(entry: Answered) -> bool:
    return entry.choice("Type", ("blob", "tree")) == "tree"


def _empty_folders(entries: Iterable[Answered]) -> set[str]:
    """Git keeps no empty folder, so what such a one holds was left out."""
    folders = {entry.text("Path") for entry in entries if _is_folder(entry)}
    filled = {entry.text("Path").rpartition("/")[0] for entry in entries}
    return folders - filled


def _commit(data: Answered, entries: Iterable[Answered]) -> str:
    """The hub names the newest commit by its first digits; whole it stands at the files that this commit changed."""
    if data.values.get("LatestCommitter") is None:
        return ""
    newest = data.inside("LatestCommitter")
    if _COMMIT.fullmatch(whole := newest.text("Id", "")):
        return whole
    short = newest.text("ShortId", "")
    known = {entry.text("Revision", "") for entry in entries}
    found = [commit for commit in known if short and commit.startswith(short) and _COMMIT.fullmatch(commit)]
    return found[0] if len(found) == 1 else ""


def _read_file(entry: Answered) -> RepoFile:
    return RepoFile(
        path=entry.text("Path"),
        size=entry.integer("Size", 0, LARGEST_FILE),
        sha256=entry.matching("Sha256", "([0-9a-f]{64})?", "a sha256", ""),
    )
