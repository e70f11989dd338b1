"""A hub that speaks ModelScope's REST API."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from tests.fakes.loopback_hub import Answers, Files, Host, Repository, Storage, sha256

_FILES = re.compile(r"/api/v1/models/(?P<id>[^/]+/[^/]+)/repo/files")
_FILE = re.compile(r"/api/v1/models/(?P<id>[^/]+/[^/]+)/repo")
_IN_LFS = ".safetensors"


class ModelScopeHub(Host):
    """``serves_commits``: whether files are given by commit. ``leaves_out``: folders whose files a listing omits."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(ModelScopeAnswers)
        self.storage = storage
        self.repositories: dict[str, Repository] = {}
        self.serves_commits = True
        self.tells_commits = True
        self.leaves_out: tuple[str, ...] = ()
        self.lies: dict[str, object] = {}  # Sha256 by path
        self.broken_with: bytes | None = None


class ModelScopeAnswers(Answers):
    server: ModelScopeHub

    def answer(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        asked = {name: values[0] for name, values in query.items()}
        if found := _FILES.fullmatch(path):
            self._list(found["id"], asked)
        elif found := _FILE.fullmatch(path):
            self._file(found["id"], asked)
        else:
            self.send(404, b"", {})

    def _list(self, name: str, asked: Mapping[str, str]) -> None:
        repository = self._readable(name)
        if repository is None:
            return
        commit = repository.commit(asked["Revision"])
        if self.server.broken_with is not None:
            self.send(200, self.server.broken_with, {"Content-Type": "text/html"})
        elif commit is None:
            self._data({"Files": None, "IsVisual": 0, "LatestCommitter": None})
        else:
            entries = self._entries(repository, commit, asked.get("Root", ""))
            latest = {"ShortId": commit[:8], "Id": "", "Name": "somebody"} if self.server.tells_commits else None
            self._data({"Files": entries, "IsVisual": 0, "LatestCommitter": latest})

    def _entries(self, repository: Repository, commit: str, root: str) -> list[dict[str, object]]:
        files = repository.commits[commit]
        folders = sorted({folder for path in files for folder in _folders(path)})
        left_out = [folder for folder in self.server.leaves_out if not f"{root}/".startswith(f"{folder}/")]
        listed = [
            *({"Path": folder, "Name": folder, "Type": "tree", "Size": 0} for folder in folders),
            *(self._blob(repository, commit, path, files) for path in files),
        ]
        below = [entry for entry in listed if not root or str(entry["Path"]).startswith(f"{root}/")]
        return [e for e in below if not any(str(e["Path"]).startswith(f"{folder}/") for folder in left_out)]

    def _blob(self, repository: Repository, commit: str, path: str, files: Files) -> dict[str, object]:
        changed = [c for c, then in repository.commits.items() if then.get(path) == files[path]]
        return {
            "Path": path,
            "Name": path.rpartition("/")[2],
            "Type": "blob",
            "Size": len(files[path]),
            "Sha256": self.server.lies.get(path, sha256(files[path])),
            "Revision": changed[0] if changed else commit,
            "IsLFS": path.endswith(_IN_LFS),
            "CommittedDate": 1.7e9,
        }

    def _file(self, name: str, asked: Mapping[str, str]) -> None:
        repository = self._readable(name)
        if repository is None:
            return
        revision, path = asked["Revision"], asked["FilePath"]
        known = self.server.serves_commits or revision in repository.names
        commit = repository.commit(revision) if known else None
        content = repository.commits[commit].get(path) if commit else None
        if content is None:
            self.json({"Code": 10010205001, "Message": "not found", "Success": False}, 404)
        elif path.endswith(_IN_LFS):
            self.send(302, b"", {"Location": self.server.storage.link(content)})
        else:
            self.send_content(content, {})

    def _readable(self, name: str) -> Repository | None:
        repository = self.server.repositories.get(name)
        if repository is None:
            self.json({"Code": 10010205001, "Message": "not found", "Success": False}, 404)
        elif repository.token and repository.token not in self.headers.get("Cookie", ""):
            self.json({"Code": 10010101002, "Message": "not allowed", "Success": False}, 403)
        else:
            return repository
        return None

    def _data(self, data: Mapping[str, object]) -> None:
        self.json({"Code": 200, "Data": data, "Message": "success", "RequestId": "x", "Success": True})


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
