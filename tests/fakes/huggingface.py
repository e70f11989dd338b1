"""A hub that speaks the API of Hugging Face: models with their blobs, gates, and files that lie on another host."""

import re
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes.loopback_hub import Answers, Host, Repository, Storage, git_sha1, sha256

_INFO = re.compile(r"/api/models/(?P<id>[^/]+/[^/]+)(?:/revision/(?P<revision>[^/]+))?")
_CHECK = re.compile(r"/api/models/(?P<id>[^/]+/[^/]+)/auth-check")
_FILE = re.compile(r"/(?P<id>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
_IN_LFS = (".safetensors", ".bin")


class Hub(Host):
    """``gated`` repositories may be listed by everyone and read by their token. ``lies`` are wrong blobs by path."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(HubAnswers)
        self.storage = storage
        self.repositories: dict[str, Repository] = {}
        self.gated: set[str] = set()
        self.lies: dict[str, str] = {}
        self.broken_with: bytes | None = None  # what it answers instead of a listing
        self.echoes = False  # repeats in its errors what was sent to it, as a careless proxy may


class HubAnswers(Answers):
    server: Hub

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path) if "/resolve/" in self.path else urlsplit(self.path).path
        if found := _FILE.fullmatch(path):
            self._file(found["id"], found["revision"], found["path"])
        elif found := _CHECK.fullmatch(path):
            self._check(found["id"])
        elif found := _INFO.fullmatch(path):
            self._info(found["id"], unquote(found["revision"] or "main"))
        else:
            self._error(404, "", "Sorry, we can't find the page you are looking for.")

    def _info(self, name: str, revision: str) -> None:
        repository = self.server.repositories.get(name)
        if repository is None or (name not in self.server.gated and not self._may_read(repository)):
            self._error(401, "RepoNotFound", "Invalid username or password.")
            return
        commit = repository.commit(revision)
        if commit is None:
            self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif self.server.broken_with is not None:
            self.send(200, self.server.broken_with, {"Content-Type": "text/html"})
        else:
            there = sorted(repository.commits[commit].items())
            blobs = "blobs" in parse_qs(urlsplit(self.path).query)
            files = [self._sibling(*file) if blobs else {"rfilename": file[0]} for file in there]
            gated = "manual" if name in self.server.gated else False
            self.json({"id": name, "sha": commit, "gated": gated, "private": False, "siblings": files, "newer": {}})

    def _sibling(self, path: str, content: bytes) -> dict[str, object]:
        known: dict[str, object] = {"rfilename": path, "size": len(content)}
        if path.endswith(_IN_LFS):
            lfs = {"sha256": self.server.lies.get(path, sha256(content)), "size": len(content), "pointerSize": 134}
            return known | {"blobId": git_sha1(b"pointer"), "lfs": lfs}
        return known | {"blobId": self.server.lies.get(path, git_sha1(content)) or None}

    def _check(self, name: str) -> None:
        repository = self.server.repositories.get(name)
        if repository and self._may_read(repository):
            self.json({})
        else:
            self._refuse(name)

    def _file(self, name: str, revision: str, path: str) -> None:
        repository = self.server.repositories.get(name)
        if repository is None or not self._may_read(repository):
            self._refuse(name)
            return
        commit = repository.commit(revision)
        content = repository.commits[commit].get(path) if commit else None
        if commit is None or content is None:
            self._error(404, "EntryNotFound" if commit else "RevisionNotFound", "no such entry")
        elif path.endswith(_IN_LFS):
            linked = {"X-Linked-Etag": f'"{sha256(content)}"', "X-Linked-Size": str(len(content))}
            location = {"Location": self.server.storage.link(content), "X-Repo-Commit": commit}
            self.send(302, b"Found. Redirecting", {**linked, **location})
        else:
            self.send_content(content, {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"})

    def _may_read(self, repository: Repository) -> bool:
        return repository.token in {"", self.headers.get("Authorization", "").removeprefix("Bearer ")}

    def _refuse(self, name: str) -> None:
        status = 403 if self.headers.get("Authorization") else 401
        self._error(status, "GatedRepo" if name in self.server.gated else "RepoNotFound", "Access is restricted.")

    def _error(self, status: int, code: str, message: str) -> None:
        if self.server.echoes:
            message += f" You sent {self.headers.get('Authorization')}"
        self.json({"error": message}, status, {"X-Error-Code": code, "X-Error-Message": message})
