"""A model from Hugging Face: the real huggingface_hub against a hub on loopback that speaks its API."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.lock import LockedFile
from bundler.manifest import ModelSpec
from bundler.sources.model import huggingface
from bundler.workplace import Found, Workplace
from installer.errors import AirgapError, DamagedError, RefusedError, UnreachableError, UsageError
from installer.index.components import Model
from tests.fakes.huggingface import Hub
from tests.fakes.loopback_hub import Repository, Storage, sha256
from tests.fakes.tiny_model import model_files, shard, weights
from tests.integration.sources.model.taking import fetched, names, said_by

ROOT = Path(__file__).parents[4]
SPEC = ModelSpec("huggingface", "", "tiny", {}, (), "org/tiny", "main")
TAKEN = sorted(name for name in model_files() if not name.startswith("."))
QUESTION = "/api/models/org/tiny/revision/main?blobs=true"
SHARDS = [shard(1, 2), shard(2, 2)]
TOKEN = "hf_SecretSecretSecret"


def by_name(found: Found) -> dict[str, LockedFile]:
    return dict(zip(names(found), found.files, strict=True))


def with_digests(**sha256s: str) -> ModelSpec:
    return replace(SPEC, sha256={name.replace("__", "."): value for name, value in sha256s.items()})


def test_a_model_is_locked_by_commit_and_digest(hub: Hub, repository: Repository, work: Workplace) -> None:
    found = huggingface.find(SPEC, work)
    commit = repository.names["main"]
    assert found.component == Model("tiny")
    assert names(found) == TAKEN
    for name, file in by_name(found).items():
        assert file.sha256 == sha256(model_files()[name])
        assert file.size == len(model_files()[name])
        assert file.url == f"{hub.url}/org/tiny/resolve/{commit}/{name}"
        assert file.source == f"huggingface org/tiny@{commit}, as {said_by(hub.url)} said"
        assert (file.known_by, file.kind) == ("mirror", "model")


def test_locking_fetches_what_must_be_read_and_no_weights(hub: Hub, storage: Storage, work: Workplace) -> None:
    found = huggingface.find(SPEC, work)
    missing = [name for name, file in by_name(found).items() if file.sha256 not in work.cache]
    assert missing == SHARDS
    assert storage.asked == []


def test_one_question_tells_how_much_will_come(hub: Hub, work: Workplace) -> None:
    announced = huggingface.announce_model(SPEC, work)
    assert hub.paths() == [QUESTION]
    files = model_files()
    assert {file.path: file.size for file in announced.files} == {
        f"model/tiny/{name}": len(files[name]) for name in TAKEN
    }
    assert announced.take() == huggingface.find(SPEC, work)


def test_a_build_gets_the_very_bytes(hub: Hub, work: Workplace) -> None:
    found = huggingface.find(SPEC, work)
    files = model_files()
    assert fetched(found, huggingface.credentials(hub.url), work) == {name: files[name] for name in TAKEN}


def test_one_question_tells_all_of_the_repository(hub: Hub, work: Workplace) -> None:
    huggingface.find(SPEC, work)
    assert [path for path in hub.paths() if "/resolve/" not in path] == [QUESTION]


def test_a_branch_that_moves_on_does_not_move_the_lock(hub: Hub, repository: Repository, work: Workplace) -> None:
    first = repository.names["main"]
    found = huggingface.find(SPEC, work)
    repository.push("main", model_files() | {shard(1, 2): weights("other", 100_000)})
    files = model_files()
    assert fetched(found, huggingface.credentials(hub.url), work) == {name: files[name] for name in TAKEN}
    assert all(first in path for path in hub.paths() if "/resolve/" in path)


@pytest.mark.parametrize("revision", ["v1.0", "refs/pr/7", "feature/x"])
def test_a_tag_or_branch_becomes_its_commit(hub: Hub, repository: Repository, work: Workplace, revision: str) -> None:
    old = repository.push(revision, model_files() | {"merges.txt": b"old\n"})
    repository.push("main", model_files())
    found = huggingface.find(replace(SPEC, revision=revision), work)
    assert found.files[0].source == f"huggingface org/tiny@{old}, as {said_by(hub.url)} said"
    assert by_name(found)["merges.txt"].sha256 == sha256(b"old\n")
    assert huggingface.find(replace(SPEC, revision=old), work).files == found.files


def test_a_file_that_is_no_longer_served_as_it_was_locked_is_refused(
    hub: Hub, repository: Repository, work: Workplace
) -> None:
    found = huggingface.find(SPEC, work)
    commit = repository.names["main"]
    repository.commits[commit] = {**model_files(), shard(2, 2): weights("changed", 100_000)}
    with pytest.raises(DamagedError, match=r"expected"):
        fetched(found, huggingface.credentials(hub.url), work)


def test_a_small_file_with_another_git_sha1_is_refused(hub: Hub, work: Workplace) -> None:
    hub.lies["vocab.json"] = "0" * 40
    with pytest.raises(DamagedError, match=rf"vocab\.json came with git sha1 [0-9a-f]{{40}}, the hub says {'0' * 40}"):
        huggingface.find(SPEC, work)


def test_digests_of_the_manifest_are_compared_before_anything_is_fetched(hub: Hub, work: Workplace) -> None:
    name = shard(1, 2)
    spec = replace(SPEC, sha256={name: "0" * 64})
    with pytest.raises(DamagedError, match=f"the hub has {name} with sha256 .*, the manifest says {'0' * 64}"):
        huggingface.find(spec, work)
    assert [path for path in hub.paths() if "/resolve/" in path] == []


def test_digests_of_the_manifest_are_compared_with_the_bytes_of_small_files(hub: Hub, work: Workplace) -> None:
    with pytest.raises(DamagedError, match="expected"):
        huggingface.find(with_digests(vocab__json="0" * 64), work)


def test_a_digest_that_the_manifest_knew_is_known_by_it(hub: Hub, work: Workplace) -> None:
    files = model_files()
    known = {name: sha256(files[name]) for name in ("vocab.json", shard(1, 2))}
    found = huggingface.find(replace(SPEC, sha256=known), work)
    assert {name for name, file in by_name(found).items() if file.known_by == "manifest"} == set(known)


def test_a_small_file_of_which_a_mirror_tells_no_blob_is_of_first_use(hub: Hub, work: Workplace) -> None:
    hub.lies["vocab.json"] = ""
    known = {name: file.known_by for name, file in by_name(huggingface.find(SPEC, work)).items()}
    assert known["vocab.json"] == "first use"
    assert known["config.json"] == "mirror"


def test_a_digest_for_a_file_that_is_not_taken_is_a_mistake(hub: Hub, work: Workplace) -> None:
    with pytest.raises(UsageError, match=r"model\.sha256: no file gone\.json"):
        huggingface.find(with_digests(gone__json="0" * 64), work)


def test_weights_that_are_left_out_as_a_second_copy_are_told(
    hub: Hub, repository: Repository, work: Workplace, told: list[str]
) -> None:
    huggingface.find(SPEC, work)
    assert told == []
    repository.push("main", model_files() | {f"{name}.gguf": b"GGUF" for name in "abcdefg"})
    huggingface.find(SPEC, work)
    (line,) = told
    assert line == (
        "model: left out as the same weights again: a.gguf, b.gguf, c.gguf, d.gguf, e.gguf and 2 more "
        "(model.include takes what it names)"
    )


def test_names_that_urls_must_escape_are_fetched(hub: Hub, repository: Repository, work: Workplace) -> None:
    odd = {"a+b@c=d~e%20.json": b"{}", "sub/x.json": b"[]"}
    repository.push("main", model_files() | odd)
    found = huggingface.find(SPEC, work)
    got = fetched(found, huggingface.credentials(hub.url), work)
    assert {name: got[name] for name in odd} == odd


def test_what_is_wrong_with_a_model_is_said_before_its_weights_are_fetched(
    hub: Hub, repository: Repository, storage: Storage, work: Workplace
) -> None:
    files = model_files()
    wrong: Mapping[str, dict[str, bytes]] = {
        r"x\.py: a program": files | {"x.py": b"import os"},
        "auto_map": files | {"config.json": b'{"auto_map": {"AutoModel": "x.X"}}'},
        "can run code when it is loaded": {k: v for k, v in files.items() if "safetensors" not in k} | {"a.bin": b"x"},
        f"one of 2, 1 of which the folder lacks: {shard(2, 2)}": {
            name: content for name, content in files.items() if name != shard(2, 2)
        },
        r"no config\.json": {name: content for name, content in files.items() if name != "config.json"},
        "no tokenizer": {n: c for n, c in files.items() if n not in {"tokenizer.json", "vocab.json"}},
    }
    for words, there in wrong.items():
        repository.push("main", there)
        with pytest.raises(RefusedError, match=words):
            huggingface.find(SPEC, work)
    assert storage.asked == []


def test_code_that_is_allowed_must_be_there(hub: Hub, repository: Repository, work: Workplace) -> None:
    config = b'{"auto_map": {"AutoModel": "modeling_x.X"}}'
    allowing = replace(SPEC, allow=("code",))
    repository.push("main", model_files() | {"config.json": config})
    with pytest.raises(RefusedError, match=r"modeling_x\.py is not in the model"):
        huggingface.find(allowing, work)
    repository.push("main", model_files() | {"config.json": config, "modeling_x.py": b"class X: ..."})
    assert "modeling_x.py" in names(huggingface.find(allowing, work))


def test_a_line_that_breaks_off_costs_only_what_was_on_it(
    hub: Hub, storage: Storage, repository: Repository, work: Workplace
) -> None:
    hub.cut, storage.cut, hub.breaks = 100, 30_000, 2
    files = model_files()
    found = huggingface.find(SPEC, work)
    assert fetched(found, huggingface.credentials(hub.url), work) == {name: files[name] for name in TAKEN}
    ranges = [request.headers.get("Range") for request in storage.asked]
    assert [text for text in ranges if text] != []


def test_an_unknown_revision_is_a_mistake_in_the_manifest(hub: Hub, work: Workplace) -> None:
    with pytest.raises(UsageError, match=r"model\.revision: org/tiny has no v9"):
        huggingface.find(replace(SPEC, revision="v9"), work)


def test_an_unknown_repository_may_be_a_private_one(hub: Hub, work: Workplace) -> None:
    with pytest.raises(RefusedError, match="it is private, or there is no such repository") as caught:
        huggingface.find(replace(SPEC, repo="org/other"), work)
    assert "HF_TOKEN" in caught.value.hint


def test_an_endpoint_that_is_no_hub_is_said(hub: Hub, work: Workplace) -> None:
    with pytest.raises(UsageError, match=f"model.repo: {hub.url}/elsewhere has no org/tiny"):
        huggingface.find(replace(SPEC, endpoint=f"{hub.url}/elsewhere"), work)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>please log in</html>",
        b"",
        b"[]",
        b"{}",
        b'{"id": "x", "siblings": 7}',
        b'{"id": "x", "siblings": [{}]}',
        b'{"id": "x"}',
        b'{"id": "x", "sha": "main", "siblings": []}',
        json.dumps({"id": "x", "sha": "0" * 40, "siblings": [{"rfilename": "config.json"}]}).encode(),
        json.dumps({"id": "x", "sha": "0" * 40, "siblings": [{"rfilename": 7, "size": 1}]}).encode(),
        json.dumps({"id": "x", "sha": "0" * 40, "siblings": [{"rfilename": "c", "size": -1}]}).encode(),
        json.dumps({"id": "x", "sha": "0" * 40, "siblings": [{"rfilename": "c", "size": 1, "blobId": "z"}]}).encode(),
        json.dumps({"id": "x", "sha": "0" * 40, "siblings": [{"rfilename": "\x1b", "size": 1}]}).encode(),
    ],
)
def test_an_answer_that_is_no_listing_is_10(hub: Hub, work: Workplace, body: bytes) -> None:
    hub.broken_with = body
    with pytest.raises(UnreachableError) as caught:
        huggingface.find(SPEC, work)
    assert str(caught.value).isprintable()
    assert hub.url in str(caught.value)


def test_a_commit_that_was_asked_for_is_the_one_that_must_come(hub: Hub, work: Workplace) -> None:
    hub.broken_with = json.dumps({"id": "x", "sha": "0" * 40, "siblings": []}).encode()
    asked = hub.repositories["org/tiny"].names["main"]
    with pytest.raises(UnreachableError, match=f"was asked for {asked} and answered with {'0' * 40}"):
        huggingface.find(replace(SPEC, revision=asked), work)


def test_a_hub_that_is_away_is_10(hub: Hub, work: Workplace) -> None:
    hub.shutdown()
    hub.server_close()
    with pytest.raises(UnreachableError, match=re.escape(hub.url)):
        huggingface.find(SPEC, work)


def test_offline_mode_is_respected(hub: Hub, work: Workplace) -> None:
    code = "import tests.integration.sources.model.alone as alone; alone.find()"
    done = run_alone(code, hub, {"HF_HUB_OFFLINE": "1"})
    assert "UsageError: model: HF_HUB_OFFLINE is set" in done.stderr
    assert hub.asked == []


def run_alone(code: str, hub: Hub, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """In a process of its own: huggingface_hub reads most of the environment when it is imported."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", "HF_ENDPOINT": hub.url}
    command = (sys.executable, "-W", "error", "-c", code)
    return subprocess.run(command, env={**env, **environment}, capture_output=True, text=True, check=False, timeout=60)


def test_the_library_asks_nothing_else_and_writes_nothing(hub: Hub, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    code = "import tests.integration.sources.model.alone as alone; print(alone.find())"
    done = run_alone(code, hub, {"HOME": str(home), "TMPDIR": str(tmp_path), "AI_AGENT": "x"})
    assert done.stdout == f"{len(TAKEN)}\n", done.stderr
    assert [path for path in hub.paths() if "/resolve/" not in path] == [QUESTION]
    assert {request.headers["User-Agent"] for request in hub.asked} == {"vllm-airgap"}
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize("place", ["HF_TOKEN", "HF_TOKEN_PATH", "login"])
def test_a_token_is_taken_from_where_people_keep_it(
    hub: Hub, repository: Repository, tmp_path: Path, place: str
) -> None:
    repository.token = TOKEN
    kept = tmp_path / ("home/.cache/huggingface/token" if place == "login" else "kept")
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(f"{TOKEN}\n")
    said = {"HF_TOKEN": {"HF_TOKEN": TOKEN}, "HF_TOKEN_PATH": {"HF_TOKEN_PATH": str(kept)}, "login": {}}[place]
    code = "import tests.integration.sources.model.alone as alone; print(alone.find())"
    done = run_alone(code, hub, {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path), **said})
    assert done.stdout == f"{len(TAKEN)}\n", done.stderr


def refusal(work: Workplace, endpoint: str = "") -> AirgapError:
    with pytest.raises(RefusedError) as caught:
        huggingface.find(replace(SPEC, endpoint=endpoint), work)
    return caught.value


def test_a_gated_model_says_what_to_do(
    hub: Hub, repository: Repository, work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated.add("org/tiny")
    repository.token = TOKEN
    for token in ("", "hf_AnotherAnother"):
        monkeypatch.setenv("HF_TOKEN", token)
        error = refusal(work)
        assert "org/tiny is gated" in str(error)
        assert f"{hub.url}/org/tiny" in error.hint
        assert "HF_TOKEN" in error.hint
    assert [path for path in hub.paths() if "/resolve/" in path] == []
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert names(huggingface.find(SPEC, work)) == TAKEN


def test_an_endpoint_of_the_manifest_alone_gets_no_token(
    hub: Hub, repository: Repository, work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A manifest may come from somebody else, who would collect tokens so."""
    repository.token = TOKEN
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "HF_ENDPOINT" in refusal(work, hub.url).hint
    assert not any(TOKEN in str(request.headers) for request in hub.asked)
