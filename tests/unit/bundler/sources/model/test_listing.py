"""Of a repository what serving needs is taken, by default or by the patterns of the manifest."""

import pytest

from bundler.manifest import ModelSpec
from bundler.sources.model.listing import choose, left_out
from bundler.sources.model.repo import Repo, RepoFile
from installer.errors import RefusedError, UsageError

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
NEEDED = (
    "LICENSE",
    "README.md",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "merges.txt",
    *SHARDS,
    "model.safetensors.index.json",
    "modeling_x.py",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
)
SECOND_COPIES = (
    "pytorch_model-00001-of-00001.bin",
    "pytorch_model.bin.index.json",
    "consolidated.00.pth",
    "flax_model.msgpack",
    "tf_model.h5",
    "q4.gguf",
    "original/tokenizer.model",
    "original/model.safetensors",
    "onnx/model.onnx",
    "metal/model.bin",
)
FOR_PEOPLE = (".gitattributes", ".eval/results.json", "logo.png", "figures/a b.svg", "runs/1/x", "training_args.bin")


def repo(*paths: str) -> Repo:
    return Repo("huggingface", "org/m", "0" * 40, tuple(RepoFile(path, 1) for path in paths))


def taken(repo: Repo, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
    return [file.path for file in choose(repo, spec(include, exclude))]


def spec(include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> ModelSpec:
    return ModelSpec("huggingface", "", "m", {}, (), include=include, exclude=exclude)


def test_by_default_the_weights_are_taken_once_and_all_that_is_loaded_beside_them() -> None:
    assert taken(repo(*SECOND_COPIES, *NEEDED, *FOR_PEOPLE)) == sorted(NEEDED)


@pytest.mark.parametrize("weights", [("pytorch_model.bin",), ("x.gguf",), ("pytorch_model.bin", *SHARDS)])
def test_without_whole_safetensors_the_other_formats_stay(weights: tuple[str, ...]) -> None:
    """Shards without an index are an upload that was never finished."""
    assert taken(repo("config.json", *weights, "training_args.bin")) == sorted(("config.json", *weights))


def test_a_single_file_needs_no_index() -> None:
    assert taken(repo("model.safetensors", "pytorch_model.bin")) == ["model.safetensors"]


MISTRAL = ("consolidated.safetensors", "params.json", "tekken.json")


def test_mistrals_own_weights_are_a_second_copy() -> None:
    assert taken(repo(*MISTRAL, *SHARDS, "model.safetensors.index.json")) == [
        *SHARDS,
        "model.safetensors.index.json",
        *MISTRAL[1:],
    ]
    assert taken(repo(*MISTRAL, "model.safetensors")) == ["model.safetensors", *MISTRAL[1:]]
    shards = ("consolidated-00001-of-00002.safetensors", "consolidated.safetensors.index.json")
    assert taken(repo(*shards, "model.safetensors")) == ["model.safetensors"]


@pytest.mark.parametrize(
    "other",
    ["colbert_linear.pt", "sparse_linear.pt", "2_Dense/pytorch_model.bin", "adapter_model.bin", "spk_embed.pth"],
)
def test_what_no_safetensors_file_stands_for_is_no_second_copy(other: str) -> None:
    assert taken(repo("config.json", "model.safetensors", other)) == sorted(("config.json", "model.safetensors", other))


@pytest.mark.parametrize(
    ("kept", "copy"),
    [
        ("2_Dense/model.safetensors", "2_Dense/pytorch_model.bin"),
        ("adapter_model.safetensors", "adapter_model.bin"),
        ("model.safetensors", "pytorch_model-00001-of-00002.bin"),
        ("model.safetensors", "consolidated.00.pth"),
        ("model.safetensors", "model.pt"),
        ("colbert_linear.safetensors", "colbert_linear.pt"),
    ],
)
def test_a_file_of_the_same_role_in_the_same_folder_is_one(kept: str, copy: str) -> None:
    assert taken(repo(kept, copy)) == [kept]


def test_what_was_left_out_as_a_second_copy_can_be_told() -> None:
    there = repo(*SECOND_COPIES, *NEEDED, *FOR_PEOPLE)
    assert left_out(there, spec()) == tuple(sorted(SECOND_COPIES))
    assert left_out(there, spec(include=("*",))) == ()
    assert left_out(there, spec(exclude=("*.bin",))) == tuple(
        sorted(name for name in SECOND_COPIES if not name.endswith(".bin"))
    )
    assert left_out(repo(*MISTRAL, "model.safetensors"), spec()) == (MISTRAL[0],)


def test_mistrals_own_weights_stay_where_they_are_the_only_ones() -> None:
    assert taken(repo(*MISTRAL)) == [*MISTRAL]
    assert taken(repo(*MISTRAL, *SHARDS)) == sorted((*MISTRAL, *SHARDS))


def test_include_replaces_the_default_choice() -> None:
    there = repo(*NEEDED, *SECOND_COPIES, *FOR_PEOPLE)
    assert taken(there, ("*.gguf", "original/")) == [
        "original/model.safetensors",
        "original/tokenizer.model",
        "q4.gguf",
    ]


def test_exclude_takes_away_from_either_choice() -> None:
    there = repo("config.json", "a/config.json", "x.py", "model.safetensors")
    assert taken(there, exclude=("*.py", "a/*")) == ["config.json", "model.safetensors"]
    assert taken(there, ("*.json", "*.py"), ("a/",)) == ["config.json", "x.py"]


def test_patterns_tell_upper_case_from_lower() -> None:
    assert taken(repo("A.json", "a.json"), ("a*",)) == ["a.json"]


def test_dot_files_stay_behind_even_when_asked_for() -> None:
    assert taken(repo("a.json", ".a.json", "b/.c/d.json"), ("*",)) == ["a.json"]


def test_an_include_that_fits_nothing_is_a_mistake() -> None:
    with pytest.raises(UsageError, match=r"no file of the repository is '\*\.safetensor'"):
        taken(repo("model.safetensors"), ("*.safetensor",))


def test_nothing_left_to_take_is_said() -> None:
    with pytest.raises(UsageError, match="nothing of the 1 files of org/m is left"):
        taken(repo("model.safetensors"), exclude=("*",))
    with pytest.raises(UsageError, match="nothing of the 0 files"):
        taken(repo())


@pytest.mark.parametrize(
    "path", ["a b.json", "../x.json", "/etc/x.json", "a//b.json", "con.json", "x\n.json", "-x.json"]
)
def test_a_name_that_no_bundle_may_hold_names_the_rule_and_the_way_out(path: str) -> None:
    with pytest.raises(RefusedError, match="component") as caught:
        taken(repo("config.json", path), ("*",))
    assert str(caught.value).isprintable()
    assert "model.exclude" in caught.value.hint


def test_names_equal_in_lower_case_are_refused() -> None:
    with pytest.raises(RefusedError, match="equal in lower case"):
        taken(repo("config.json", "Config.json"))


def test_where_a_file_is_from_names_hub_repository_and_commit() -> None:
    assert Repo("huggingface", "org/m", "abc", ()).provenance == "huggingface org/m@abc"
    assert Repo("modelscope", "org/m", "v1", (), "no commits").provenance == "modelscope org/m@v1, no commits"
