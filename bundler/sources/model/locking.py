"""From a repository to locked files: what its hub states is compared first, and only what must be read is fetched."""

from collections.abc import Mapping, Sequence

from bundler.cache import Cache, Stored
from bundler.http.credentials import Credentials
from bundler.http.transfer import transfer
from bundler.http.wanted import Wanted
from bundler.lock import LockedFile
from bundler.manifest import ModelSpec
from bundler.model_rules import Files, model_problems
from bundler.needs import Coming, needs_of_fetching
from bundler.parallel import in_parallel
from bundler.progress import Meter, Tell
from bundler.sources.model.git_blob import git_sha1
from bundler.sources.model.listing import choose, left_out
from bundler.sources.model.repo import Repo, RepoFile
from bundler.space import demand_room
from bundler.totals import with_total
from bundler.workplace import Announced, Found, Workplace
from installer.errors import DamagedError, UsageError, printable
from installer.index.components import Model

# Settings, lists of shards, allowed programs; a longer JSON is a vocabulary, in which a build looks once it has it.
_READ = (".json", ".py")
_LONGEST_READ = 32 << 20  # bytes
_NAMED = 5  # files, of those that are left out
_OTHER_BYTES = "get it from another mirror, or correct its digest in the manifest"


def announce_taken(repo: Repo, spec: ModelSpec, credentials: Credentials, work: Workplace) -> Announced:
    files = (Coming(f"model/{spec.name}/{file.path}", file.size, file.sha256, file.url) for file in choose(repo, spec))
    return Announced(lambda: lock_repo(repo, spec, credentials, work), tuple(files))


def lock_repo(repo: Repo, spec: ModelSpec, credentials: Credentials, work: Workplace) -> Found:
    """The model of ``repo``. Weights whose sha256 the hub states are left for the build to fetch."""
    files = choose(repo, spec)
    _tell_left_out(left_out(repo, spec), work.tell)
    _compare(files, spec.sha256)
    _refuse({file.path: None for file in files}, spec)
    stored = _fetch([file for file in files if _is_read(file)], spec, credentials, work)
    read = {path: work.cache.path(entry.sha256) for path, entry in stored.items()}
    _refuse({file.path: read.get(file.path) for file in files}, spec)
    return Found(Model(spec.name), tuple(_locked(repo, spec, file, stored.get(file.path)) for file in files))


def _tell_left_out(names: Sequence[str], tell: Tell) -> None:
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        tell(
            f"model: left out as the same weights again: {', '.join(names[:_NAMED])}{more} "
            "(model.include takes what it names)"
        )


def _compare(files: Sequence[RepoFile], expected: Mapping[str, str]) -> None:
    """The manifest's digests with the hub's."""
    stated = {file.path: file.sha256 for file in files}
    for name, sha256 in expected.items():
        if name not in stated:
            raise UsageError(f"model.sha256: no file {printable(name)[:200]} is taken of the model")
        if stated[name] and stated[name] != sha256:
            raise DamagedError(
                f"model: the hub has {name} with sha256 {stated[name]}, the manifest says {sha256}", hint=_OTHER_BYTES
            )


def _refuse(files: Files, spec: ModelSpec) -> None:
    for problem in model_problems(files, spec.allow):
        raise problem


def _is_read(file: RepoFile) -> bool:
    return not file.sha256 or (file.path.endswith(_READ) and file.size <= _LONGEST_READ)


def _fetch(files: Sequence[RepoFile], spec: ModelSpec, credentials: Credentials, work: Workplace) -> dict[str, Stored]:
    stored: dict[str, Stored] = {}

    def take(file: RepoFile, meter: Meter) -> None:
        sha256 = file.sha256 or spec.sha256.get(file.path, "")
        wanted = Wanted(f"model {file.path}", (file.url,), sha256, file.size, credentials)
        stored[file.path] = transfer(wanted, work.client, work.cache, meter)
        _check_blob(file, stored[file.path], work.cache)

    demand_room(needs_of_fetching((Stored(file.sha256 or file.path, file.size) for file in files), work.cache))
    with with_total(files, work.cache, work.meter) as meter:
        in_parallel(take, files, work.jobs, meter)
    return stored


def _check_blob(file: RepoFile, stored: Stored, cache: Cache) -> None:
    if stored.size != file.size:
        raise DamagedError(f"model: {file.path} came with {stored.size} bytes, the hub says {file.size}")
    if file.git_sha1 and (found := git_sha1(cache.path(stored.sha256))) != file.git_sha1:
        raise DamagedError(
            f"model: {file.path} came with git sha1 {found}, the hub says {file.git_sha1}",
            hint="a proxy or mirror changed it on the way; try again, or another endpoint",
        )


def _locked(repo: Repo, spec: ModelSpec, file: RepoFile, stored: Stored | None) -> LockedFile:
    return LockedFile(
        path=f"model/{spec.name}/{file.path}",
        kind="model",
        size=file.size,
        sha256=stored.sha256 if stored else file.sha256,
        source=repo.provenance,
        known_by=_known_by(repo, file, spec),
        url=file.url,
    )


def _known_by(repo: Repo, file: RepoFile, spec: ModelSpec) -> str:
    if file.path in spec.sha256:
        return "manifest"
    if not (file.sha256 or file.git_sha1):
        return "first use"
    return "mirror" if repo.said_by else "hub"
