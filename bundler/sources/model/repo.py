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
    """``revision`` is the commit, or, of a hub that serves no commits, the branch or tag; ``remark`` then says so.

    ``said_by`` is the mirror that answered in the hub's place, "" where the hub itself did.
    """

    source: str
    id: str
    revision: str
    files: tuple[RepoFile, ...]
    remark: str = ""
    said_by: str = ""

    @property
    def provenance(self) -> str:
        said = f"as {self.said_by} said" if self.said_by else ""
        return ", ".join(filter(None, (f"{self.source} {self.id}@{self.revision}", said, self.remark)))
