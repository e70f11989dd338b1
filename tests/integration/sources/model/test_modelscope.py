"""A model from ModelScope, against a hub on loopback that speaks its REST API."""

import json
from dataclasses import replace

import pytest

from bundler.http.credentials import NOBODY
from bundler.manifest import ModelSpec
from bundler.sources.model import modelscope as source
from bundler.workplace import Workplace
from installer.errors import DamagedError, RefusedError, UnreachableError, UsageError
from installer.index.components import Model
from tests.fakes.loopback_hub import Repository, Storage, sha256
from tests.fakes.modelscope import ModelScopeHub
from tests.fakes.tiny_model import model_files, shard, weights
from tests.integration.sources.model.taking import fetched, names, said_by

SPEC = ModelSpec("modelscope", "", "tiny", {}, (), "org/tiny", "master")
TAKEN = sorted(name for name in model_files() if not name.startswith("."))
SHARDS = [shard(1, 2), shard(2, 2)]
UNPINNED = "the hub serves no commits: the sha256 of each file is what pins it"


def test_a_model_is_locked_by_commit_and_digest(
    modelscope: ModelScopeHub, repository: Repository, work: Workplace
) -> None:
    found = source.find(SPEC, work)
    commit = repository.names["master"]
    assert found.component == Model("tiny")
    assert names(found) == TAKEN
    for name, file in zip(TAKEN, found.files, strict=True):
        assert file.sha256 == sha256(model_files()[name])
        assert file.url == f"{modelscope.url}/api/v1/models/org/tiny/repo?Revision={commit}&FilePath={name}"
        assert (file.source, file.known_by) == (
            f"modelscope org/tiny@{commit}, as {said_by(modelscope.url)} said",
            "mirror",
        )


def test_locking_fetches_settings_and_no_weights(modelscope: ModelScopeHub, storage: Storage, work: Workplace) -> None:
    found = source.find(SPEC, work)
    cached = [name for name, file in zip(TAKEN, found.files, strict=True) if file.sha256 in work.cache]
    assert cached == [name for name in TAKEN if name.endswith(".json")]
    assert storage.asked == []


def test_a_build_gets_the_very_bytes(modelscope: ModelScopeHub, work: Workplace) -> None:
    found = source.find(SPEC, work)
    files = model_files()
    assert fetched(found, source.credentials(modelscope.url), work) == {name: files[name] for name in TAKEN}


def test_a_branch_that_moves_on_does_not_move_the_lock(
    modelscope: ModelScopeHub, repository: Repository, work: Workplace
) -> None:
    repository.push("master", model_files() | {"merges.txt": b"only this changed\n"})
    found = source.find(SPEC, work)
    repository.push("master", model_files() | {shard(1, 2): weights("other", 100_000)})
    files = model_files() | {"merges.txt": b"only this changed\n"}
    assert fetched(found, source.credentials(modelscope.url), work) == {name: files[name] for name in TAKEN}


@pytest.mark.parametrize("attribute", ["serves_commits", "tells_commits"])
def test_where_commits_are_not_served_the_digests_are_the_pin_and_the_lock_says_so(
    modelscope: ModelScopeHub, repository: Repository, work: Workplace, attribute: str
) -> None:
    setattr(modelscope, attribute, False)
    found = source.find(SPEC, work)
    assert {file.source for file in found.files} == {
        f"modelscope org/tiny@master, as {said_by(modelscope.url)} said, {UNPINNED}"
    }
    assert all("Revision=master&" in file.url for file in found.files)
    repository.push("master", model_files() | {shard(1, 2): weights("other", 100_000)})
    with pytest.raises(DamagedError, match="expected"):
        fetched(found, source.credentials(modelscope.url), work)


def test_a_tag_or_commit_may_be_asked_for(modelscope: ModelScopeHub, repository: Repository, work: Workplace) -> None:
    old = repository.push("v1.0", model_files() | {"merges.txt": b"old\n"})
    by_tag = source.find(replace(SPEC, revision="v1.0"), work)
    assert by_tag.files[0].source == f"modelscope org/tiny@{old}, as {said_by(modelscope.url)} said"
    assert source.find(replace(SPEC, revision=old), work).files == by_tag.files


def test_folders_that_a_listing_leaves_out_are_asked_for(
    modelscope: ModelScopeHub, repository: Repository, work: Workplace
) -> None:
    more = {"a/x.json": b"{}", "a/b/y.json": b"[]", "c/z.json": b"7"}
    repository.push("master", model_files() | more)
    modelscope.leaves_out = ("a", "a/b", "c")
    files = model_files() | more
    found = source.find(SPEC, work)
    assert fetched(found, source.credentials(modelscope.url), work) == {
        name: files[name] for name in sorted({*TAKEN, *more})
    }


def test_a_folder_that_stays_empty_is_asked_for_once(
    modelscope: ModelScopeHub, repository: Repository, work: Workplace
) -> None:
    repository.push("master", model_files() | {"a/.keep": b""})
    modelscope.leaves_out = ("a", "a")
    assert names(source.find(SPEC, work)) == TAKEN
    assert len([path for path in modelscope.paths() if "Root=" in path]) == 1


def test_digests_of_the_manifest_are_compared_before_anything_is_fetched(
    modelscope: ModelScopeHub, work: Workplace
) -> None:
    modelscope.serves_commits = modelscope.tells_commits = False
    spec = replace(SPEC, sha256={"vocab.json": "0" * 64})
    with pytest.raises(DamagedError, match=r"the hub has vocab\.json with sha256"):
        source.find(spec, work)
    assert [path for path in modelscope.paths() if "/repo?" in path] == []


def test_a_file_that_is_not_what_the_hub_states_is_refused(modelscope: ModelScopeHub, work: Workplace) -> None:
    modelscope.lies["vocab.json"] = "0" * 64
    with pytest.raises(DamagedError, match="expected 0000"):
        source.find(SPEC, work)


def test_what_allowed_code_imports_is_looked_for_before_the_weights_are_fetched(
    modelscope: ModelScopeHub, repository: Repository, storage: Storage, work: Workplace
) -> None:
    code = {"config.json": b'{"auto_map": {"AutoModel": "m.X"}}', "m.py": b"from .helper import h"}
    repository.push("master", model_files() | code)
    with pytest.raises(RefusedError, match=r"m\.py imports helper\.py, which is not in the model"):
        source.find(replace(SPEC, allow=("code",)), work)
    assert storage.asked == []


def test_a_digest_that_the_hub_leaves_out_is_of_first_use(modelscope: ModelScopeHub, work: Workplace) -> None:
    modelscope.lies["vocab.json"] = ""
    known = {file.path: file.known_by for file in source.find(SPEC, work).files}
    assert known["model/tiny/vocab.json"] == "first use"
    assert known["model/tiny/config.json"] == "mirror"


def test_a_line_that_breaks_off_is_gone_on_with(modelscope: ModelScopeHub, storage: Storage, work: Workplace) -> None:
    modelscope.breaks, modelscope.cut, storage.cut = 2, 100, 30_000
    files = model_files()
    found = source.find(SPEC, work)
    assert fetched(found, source.credentials(modelscope.url), work) == {name: files[name] for name in TAKEN}


def test_an_unknown_revision_is_a_mistake_in_the_manifest(modelscope: ModelScopeHub, work: Workplace) -> None:
    """The hub answers 200 with no list at all."""
    with pytest.raises(UsageError, match=r"model\.revision: org/tiny has no v9"):
        source.find(replace(SPEC, revision="v9"), work)


def test_an_unknown_repository_is_a_mistake_in_the_manifest(modelscope: ModelScopeHub, work: Workplace) -> None:
    with pytest.raises(UsageError, match=r"has no org/other"):
        source.find(replace(SPEC, repo="org/other"), work)


def test_a_private_model_says_what_to_do(
    modelscope: ModelScopeHub, repository: Repository, work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.token = "ms-secret"
    with pytest.raises(RefusedError, match="it is private, or asks for your consent") as caught:
        source.find(SPEC, work)
    assert "MODELSCOPE_API_TOKEN" in caught.value.hint
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "ms-secret")
    assert names(source.find(SPEC, work)) == TAKEN


@pytest.mark.parametrize(
    "body",
    [
        b"<html>please log in</html>",
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"Data": 7}',
        b'{"Data": {"Files": {}}}',
        b'{"Data": {"Files": [7]}}',
        b'{"Data": {"Files": [{"Type": "blob"}]}}',
        b'{"Data": {"Files": [{"Type": "link", "Path": "x"}]}}',
        b'{"Data": {"Files": [{"Type": "blob", "Path": "x", "Size": "1", "Sha256": ""}]}}',
        b'{"Data": {"Files": [{"Type": "blob", "Path": "x", "Size": 1, "Sha256": "zz"}]}}',
        b'{"Data": {"Files": [{"Type": "blob", "Path": "x\\u001b", "Size": 1}]}}',
        b'{"Data": {"Files": [], "LatestCommitter": 7}}',
    ],
)
def test_an_answer_that_is_no_listing_is_10_and_says_where(
    modelscope: ModelScopeHub, work: Workplace, body: bytes
) -> None:
    modelscope.broken_with = body
    with pytest.raises(UnreachableError) as caught:
        source.find(SPEC, work)
    assert str(caught.value).isprintable()
    assert f"{modelscope.url}: org/tiny" in str(caught.value)


def test_more_than_we_know_of_in_an_answer_is_fine(modelscope: ModelScopeHub, work: Workplace) -> None:
    entry = {"Type": "blob", "Path": "config.json", "Size": 1, "Sha256": "0" * 64, "New": [1.5, -7, None, {"a": 1}]}
    modelscope.broken_with = json.dumps({"Data": {"Files": [entry], "Total": -1}, "Later": 1e300}).encode()
    listed = source.ModelScope("org/tiny", modelscope.url, work.client, NOBODY).list_files("master")
    assert list(listed.files) == ["config.json"]
    assert listed.commit == ""
