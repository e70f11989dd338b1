"""A model's repository in a hub, as the hub states it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RepoFile:
    """A file as its hub states it. ``git_sha1`` is of the blob in git, for what does not lie in LFS."""

    path: str
    size: int
    sha256: str = ""
    git_sha1: str = ""
    url: str = ""


@dataclass(frozen=True)
class Repo:
    """``revision`` is the commit, or, of a hub that serves no commits, the branch or tag; ``remark`` then says so."""

    source: str
    id: str
    revision: str
    files: tuple[RepoFile, ...]
    remark: str = ""

    @property
    def provenance(self) -> str:
        words = f"{self.source} {self.id}@{self.revision}"
        return f"{words}, {self.remark}" if self.remark else words
