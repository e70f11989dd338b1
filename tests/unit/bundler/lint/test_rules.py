"""Our manifests pass every rule, and for every rule a copy with one value changed is found by that rule's name."""

from dataclasses import replace
from pathlib import Path

import pytest

from bundler.cache import Cache
from bundler.lint import RULES, before_build
from bundler.lint.unchecked import unchecked
from bundler.packages.facts import Relation
from tests.fakes.package_files import Made
from tests.unit.bundler.lint.scenes import MANIFESTS, Change, changed_manifest, look, look_unlocked, named, only

NAMES = [path.stem for path in MANIFESTS]
T4, L20, A10, L40S = "qwen2.5-32b-t4", "qwen2.5-32b-l20", "qwen2.5-14b-a10", "qwen2.5-32b-l40s"
# What field experience has to say of them as they are.
WARNED = {
    T4: ["gptq-exclamation-marks", "driver-headers"],
    L20: ["driver-cuda", "driver-headers"],
    A10: ["driver-headers"],
    L40S: ["driver-headers"],
}
BROKEN_SHARD = b'{"weight_map": {"a": "model-00001-of-00002.safetensors"}}'
AUTO_MAP = {"auto_map": {"AutoModel": "modeling.Model"}}
T4_MODEL = "source: modelscope\n  repo: Qwen/Qwen2.5-32B-Instruct-GPTQ-Int4"
T4_ENV = 'env: {NCCL_IB_DISABLE: "1", RAY_memory_monitor_refresh_ms: "0"}'
KERNEL = Relation("kernel-devel-uname-r", "=", "3.10.0-1160.el7.x86_64")
PACKAGE = "packages: [{url: 'https://mirror/k.rpm', kernels: [3.10.0-1160.el7.x86_64]}]\ndriver:"


def text(old: str, new: str) -> Change:
    return Change(text=(old, new))


def packages(*made: Made) -> Change:
    return Change(packages=made)


def serve(args: str) -> Change:
    return text("args: [--dtype, half]", f"args: [{args}]")


def env(pair: str) -> Change:
    return text(T4_ENV, f"env: {{{pair}}}")


EXPERTS = {"num_experts": 60, "moe_intermediate_size": 768, "head_dim": 128}
FP8_EXPERTS = {**EXPERTS, "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}
GPTQ_EXPERTS = {**EXPERTS, "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}}
W4A16 = {
    "quant_method": "compressed-tensors",
    "format": "pack-quantized",
    "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int", "group_size": 128}}},
}
# Rule, severity, manifest, and the one value that is another.
TABLE: list[tuple[str, str, str, Change]] = [
    ("parallel-sizes", "error", T4, text("nodes: 2", "nodes: 4")),
    ("attention-heads", "error", A10, Change(config={"num_attention_heads": 42, "head_dim": 128})),
    ("kv-heads", "error", A10, Change(config={"num_key_value_heads": 6})),
    ("vocabulary", "error", T4, text("tensor_parallel_size: 2", "tensor_parallel_size: 5")),
    ("pipeline-layers", "error", L20, Change(config={"num_hidden_layers": 1})),
    ("quantized-split", "error", L20, Change(config={"intermediate_size": 27648 + 128})),
    ("quantized-split", "error", A10, Change(config=FP8_EXPERTS)),
    ("quantized-split", "warning", T4, Change(config={**GPTQ_EXPERTS, "moe_intermediate_size": 1408})),
    ("max-model-len", "error", T4, Change(config={"max_position_embeddings": 2048})),
    ("image-floats", "warning", T4, text("vllm-openai:v0.6.4.post1", "vllm-openai:latest")),
    ("missing-file", "error", T4, text('"550.127.08"', '"550.127.08", url: driver.run')),
    ("model-folder", "error", T4, text(f"{T4_MODEL}\n  revision: master", "path: models/none")),
    ("model-pickle", "error", T4, Change(model={"model.bin": b"pickle"})),
    ("model-code", "error", T4, Change(model={"modeling.py": b"import os"})),
    ("model-code-missing", "error", T4, Change(text=(T4_MODEL, f"{T4_MODEL}\n  allow: [code]"), config=AUTO_MAP)),
    ("model-json", "error", T4, Change(model={"tokenizer_config.json": b"<html>"})),
    ("model-shards", "error", T4, Change(model={"model.safetensors.index.json": BROKEN_SHARD})),
    ("model-safetensors", "error", T4, Change(model={"model.safetensors": b"version https://git-lfs"})),
    ("model-weights", "error", T4, Change(model={"model.safetensors": None})),
    ("model-config", "error", T4, Change(model={"config.json": None})),
    ("model-tokenizer", "error", T4, Change(model={"tokenizer.json": None})),
    ("package-format", "error", T4, Change(text=("packages: rpm", "packages: deb"), packages=(Made("gcc"),))),
    ("package-arch", "error", T4, Change(packages=(Made("gcc", arch="aarch64"),))),
    ("package-glibc", "error", T4, packages(Made("gcc", needs=(Relation("libc.so.6(GLIBC_2.34)(64bit)"),)))),
    ("package-kernel", "error", T4, packages(Made("kernel-devel", provides=(KERNEL,)))),
    ("package-twice", "error", T4, packages(Made("gcc"), Made("gcc", version="2.0-1"))),
    ("package-needs", "warning", T4, packages(Made("gcc", needs=(Relation("cpp"),)))),
    ("package-version", "error", T4, packages(Made("gcc", needs=(Relation("cpp", "=", "2.0-1"),)), Made("cpp"))),
    ("package-conflict", "error", T4, packages(Made("gcc", conflicts=(Relation("cpp"),)), Made("cpp"))),
    ("package-glibc", "error", T4, Change(toolkit=(Made("tools", needs=(Relation("libc.so.6(GLIBC_2.38)(64bit)"),)),))),
    ("package-needs", "warning", T4, Change(toolkit=(Made("tools", needs=(Relation("elsewhere"),)),))),
    (
        "package-conflict",
        "error",
        T4,
        Change(toolkit=(Made("tools", conflicts=(Relation("nvidia-docker2"),)),), packages=(Made("nvidia-docker2"),)),
    ),
    ("named-file", "error", T4, serve("--chat-template, /files/chat.jinja")),
    ("load-format", "error", T4, serve("--config-format, mistral")),
    ("image-architecture", "error", T4, Change(architecture="arm64")),
    (
        "mirror-names-the-image",
        "warning",
        T4,
        text("post1, source: registry", "post1, source: registry, mirrors: [mirror.lan]"),
    ),
    ("mirror-names-the-model", "warning", T4, Change(mirror="mirror.lan")),
    ("no-vllm", "error", T4, Change(versions={"vllm": None})),
    ("vllm-version", "warning", T4, Change(versions={"vllm": ""})),
    ("vllm-version", "warning", T4, Change(versions={"vllm": "0.5.0"})),
    ("mp-across-nodes", "error", T4, text("backend: auto", "backend: mp")),
    ("mp-across-nodes", "error", L40S, Change(versions={"vllm": "0.17.1"}, text=("backend: auto", "backend: mp"))),
    ("mp-across-nodes", "warning", L40S, Change(versions={"vllm": "0.16.0"}, text=("backend: auto", "backend: mp"))),
    ("ray-missing", "error", L40S, Change(versions={"python": "3.9"}, text=("backend: auto", "backend: ray"))),
    ("ray-version", "error", A10, Change(versions={"ray": "2.44.1"})),
    ("driver-cuda", "error", T4, text("550.127.08", "545.23.08")),
    ("driver-cuda", "warning", A10, text("570.124.06", "550.127.08")),
    ("gpu-too-old", "error", L40S, text("gpu: L40S", "gpu: V100")),
    ("quantization-gpu", "error", T4, serve("--quantization, gptq_marlin")),
    ("quantization-gpu", "error", T4, Change(config={"quantization_config": W4A16})),
    ("quantization-removed", "error", L40S, text("serve:\n", "serve:\n  args: [-q, gptq_marlin_24]\n")),
    ("gptq-exclamation-marks", "warning", T4, serve("--quantization, gptq")),
    ("bfloat16-gpu", "error", T4, serve("--dtype, bfloat16")),
    ("bfloat16-gpu", "error", T4, Change(config={"torch_dtype": "bfloat16"}, text=("[--dtype, half]", "[]"))),
    ("toolkit-cves", "warning", T4, text('toolkit: {version: "1.17.8"}', 'toolkit: {version: "1.17.3"}')),
    ("docker-too-old", "error", T4, text("27.4.0", "20.10.5")),
    ("plain-http", "warning", T4, text('"27.4.0"', '"27.4.0", url: "http://mirror/docker.tgz"')),
    ("driver-kernel", "error", A10, text("driver:", PACKAGE)),
    ("driver-headers", "warning", T4, packages(Made("kernel-devel", provides=(KERNEL,)))),
    ("gpu-too-new", "error", T4, text("gpu: T4", "gpu: B200")),
    ("fabric-manager", "error", T4, packages(Made("nvidia-fabricmanager", version="550.127.05-1"))),
    ("runtime-glibc", "error", T4, text('glibc: "2.17"', 'glibc: "2.12"')),
    ("hidden-harmony", "error", L40S, text("Qwen/Qwen2.5-32B-Instruct", "openai/gpt-oss-120b")),
    ("hidden-flashinfer", "warning", L40S, text("env:\n", "env:\n    VLLM_ATTENTION_BACKEND: FLASHINFER\n")),
    ("hidden-flashinfer-sampler", "warning", L40S, text('_SAMPLER: "0"', '_SAMPLER: "1"')),
    ("hidden-modelscope", "error", T4, env('VLLM_USE_MODELSCOPE: "True"')),
    ("hidden-compile-cache", "warning", T4, env("VLLM_CACHE_ROOT: /tmp/vllm")),
    ("hidden-repository", "error", T4, serve("--tokenizer, Qwen/Qwen2.5-32B-Instruct")),
    ("lock-stale", "warning", T4, Change(stale="docker")),
    ("sequence-behind", "warning", T4, Change(signed=7)),
]
IDS = [f"{rule}-{severity}-{number}" for number, (rule, severity, _, _) in enumerate(TABLE)]


@pytest.mark.parametrize("name", NAMES)
def test_our_manifests_pass(name: str, tmp_path: Path) -> None:
    assert named(look(tmp_path, name, Change())) == [(rule, "warning") for rule in WARNED[name]]


@pytest.mark.parametrize("name", NAMES)
def test_our_manifests_pass_before_anything_is_locked(name: str, tmp_path: Path) -> None:
    assert [rule for rule, severity in named(look_unlocked(tmp_path, name, Change())) if severity == "error"] == []


def test_what_the_toolkit_needs_may_be_among_the_packages(tmp_path: Path) -> None:
    tools = Made("libnvidia-container-tools", needs=(Relation("libcap-ng", ">=", "0.7"),))
    change = Change(toolkit=(tools,), packages=(Made("libcap-ng", "0.7.5-4.el7"),))
    assert named(look(tmp_path, A10, change)) == [("driver-headers", "warning")]


def test_there_is_a_manifest_for_each_kind_of_cluster() -> None:
    assert sorted(NAMES) == sorted(WARNED)


@pytest.mark.parametrize(("rule", "severity", "name", "change"), TABLE, ids=IDS)
def test_one_value_that_is_another_is_found(
    rule: str, severity: str, name: str, change: Change, tmp_path: Path
) -> None:
    assert (rule, severity) in named(look(tmp_path, name, change))


def test_every_rule_is_shown_to_find_something() -> None:
    assert [rule for rule in RULES if rule not in {row[0] for row in TABLE}] == []
    assert [row[0] for row in TABLE if row[0] not in RULES] == []


@pytest.mark.parametrize(("rule", "severity", "name", "change"), TABLE, ids=IDS)
def test_a_finding_bears_the_name_of_its_rule_and_a_remedy(
    rule: str, severity: str, name: str, change: Change, tmp_path: Path
) -> None:
    for finding in RULES[rule](look(tmp_path, name, change)):
        assert finding.rule == rule
        assert finding.where
        assert finding.fix, finding
        assert (finding.severity == "error") == (finding.exit_code in {2, 6})


def test_a_mirror_may_carry_what_a_digest_names(tmp_path: Path) -> None:
    ref = "vllm/vllm-openai:v0.6.4.post1"
    pinned = text(f"{ref}, source: registry", f"{ref}@sha256:{'a' * 64}, source: registry, mirrors: [mirror.lan]")
    assert only(look(tmp_path, T4, pinned), "mirror-names-the-image") == []


@pytest.mark.parametrize(
    ("ref", "found", "said"),
    [
        ("vllm/vllm-openai:v0.6.4.post1", "0.6.4.post1+cu124", ""),
        ("vllm/vllm-openai:v0.6.4.post1-cu124", "0.6.4.post1", ""),
        ("registry.local/own:v9.9.9", "0.6.4.post1", ""),
        ("vllm/vllm-openai:v0.6.4.post1", "0.6.4", "0.6.4.post1, and vLLM 0.6.4 is in the image"),
        (f"m.lan/vllm/vllm-openai:v0.6.4@sha256:{'a' * 64}", "0.5.0", "0.6.4, and vLLM 0.5.0 is in the image"),
    ],
)
def test_the_version_of_a_tag_is_held_against_the_one_that_was_found(
    ref: str, found: str, said: str, tmp_path: Path
) -> None:
    change = Change(text=("vllm/vllm-openai:v0.6.4.post1", ref), versions={"vllm": found})
    words = [finding.what for finding in only(look(tmp_path, T4, change), "vllm-version")]
    assert words == ([f"the tag says vLLM {said}"] if said else [])


SHORT = {"max_position_embeddings": 2048}
WINDOWS = {"architectures": ["MistralForCausalLM"], "max_position_embeddings": 4096, "sliding_window": 2048}


@pytest.mark.parametrize(
    ("config", "change", "is_found"),
    [
        (SHORT, Change(), True),
        ({"max_position_embeddings": 4096}, Change(), False),
        ({}, Change(), False),
        ({**SHORT, "rope_scaling": {"rope_type": "yarn", "factor": 2.0}}, Change(), False),
        ({**SHORT, "rope_scaling": {"rope_type": "linear", "factor": 1.5}}, Change(), True),
        (SHORT, env('VLLM_ALLOW_LONG_MAX_MODEL_LEN: "1"'), False),
        (SHORT, env('VLLM_ALLOW_LONG_MAX_MODEL_LEN: "true"'), False),
        (SHORT, serve('--rope-scaling, \'{"rope_type": "dynamic", "factor": 2.0}\''), False),
        (SHORT, serve("--hf-overrides.max_position_embeddings, '8192'"), False),
        (SHORT, text("max_model_len: 4096", "max_model_len: 2048"), False),
        (SHORT, serve("--config-format, hf"), True),
        (WINDOWS, serve("--disable-sliding-window"), True),
        (WINDOWS, Change(), False),
    ],
)
def test_a_length_is_held_against_the_model_as_vllm_does(
    config: dict[str, object], change: Change, *, is_found: bool, tmp_path: Path
) -> None:
    found = only(look(tmp_path, T4, replace(change, config=config)), "max-model-len")
    assert bool(found) == is_found
    assert all(finding.fix.startswith("set serve.max_model_len: ") for finding in found)


def test_experts_that_stay_whole_are_not_cut(tmp_path: Path) -> None:
    """768 / 4 = 192 = 1.5 x 128."""
    whole = Change(text=("[--dtype, bfloat16]", "[--enable-expert-parallel]"), config=FP8_EXPERTS)
    assert "768 / 4" in only(look(tmp_path / "cut", A10, Change(config=FP8_EXPERTS)), "quantized-split")[0].what
    assert only(look(tmp_path / "whole", A10, whole), "quantized-split") == []


@pytest.mark.parametrize(
    ("ref", "is_found"),
    [
        ("vllm/vllm-openai:latest", True),
        ("vllm/vllm-openai:nightly", True),
        ("mirror.lan:5000/vllm/vllm-openai", True),
        ("mirror.lan:5000/vllm/vllm-openai:v0.6.4", False),
        (f"vllm/vllm-openai:latest@sha256:{'a' * 64}", False),
    ],
)
def test_a_tag_that_means_another_image_next_week_is_said(ref: str, *, is_found: bool, tmp_path: Path) -> None:
    case = look_unlocked(tmp_path, T4, text("vllm/vllm-openai:v0.6.4.post1", ref))
    assert bool(only(case, "image-floats")) == is_found


def test_what_could_not_be_looked_at_is_told(tmp_path: Path) -> None:
    own = look_unlocked(tmp_path, T4, text("vllm/vllm-openai:v0.6.4.post1", "registry.local/own:1"))
    image, model = unchecked(own)
    assert image.startswith("the image: registry.local/own:1 does not tell")
    assert "GPU" in image
    assert model.startswith("the model: ")
    assert list(unchecked(look(tmp_path, T4, Change()))) == []


def test_a_tag_is_not_taken_for_a_look_into_the_image(tmp_path: Path) -> None:
    guess, known = (made(tmp_path, A10, Change()).backend for made in (look_unlocked, look))
    assert guess
    assert known
    assert known.words.endswith(")")
    assert "tag" not in known.words
    assert guess.words == f"{known.words[:-1]}, judged by the tag)"


def test_vocabularies_that_are_shipped_and_named_satisfy_harmony(tmp_path: Path) -> None:
    files = [f"{{url: 'https://m/{name}', name: {name}.tiktoken}}" for name in ("o200k_base", "cl100k_base")]
    shipped = Change(text=("cluster:", f"files: [{', '.join(files)}]\ncluster:"), config={"model_type": "gpt_oss"})
    (finding,) = only(look(tmp_path, T4, shipped), "hidden-harmony")
    assert finding.fix == 'set cluster.env: {TIKTOKEN_ENCODINGS_BASE: "/files"}'
    named = replace(shipped, text=(T4_ENV, f"{T4_ENV[:-1]}, TIKTOKEN_ENCODINGS_BASE: /files}}"))
    (finding,) = only(look(tmp_path, T4, named), "hidden-harmony")
    assert finding.fix == (
        "add to files: {url: https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken, "
        "sha256: 446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d, name: o200k_base.tiktoken}, "
        "{url: https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken, "
        "sha256: 223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7, name: cl100k_base.tiktoken}"
    )


def test_what_a_rule_needs_and_nobody_knows_yet_is_no_finding(tmp_path: Path) -> None:
    case = look_unlocked(tmp_path, T4, text("vllm/vllm-openai:v0.6.4.post1", "registry.local/own:1"))
    assert case.backend is None
    assert named(case) == [("driver-headers", "warning")]


def test_a_tag_of_the_official_image_tells_before_anything_is_pulled(tmp_path: Path) -> None:
    case = look_unlocked(tmp_path, A10, text("570.124.06", "525.60.13"))
    (finding,) = only(case, "driver-cuda")
    assert finding.severity == "error"
    assert "570.26" in finding.fix


@pytest.mark.parametrize(("name", "backend"), [(T4, "ray"), (L20, "ray"), (A10, "ray"), (L40S, "mp")])
def test_the_backend_follows_from_the_image(name: str, backend: str, tmp_path: Path) -> None:
    for case in (look(tmp_path, name, Change()), look_unlocked(tmp_path, name, Change())):
        assert case.backend is not None
        assert case.backend.name == backend


def test_before_a_lock_the_name_of_the_repository_tells_the_quantization(tmp_path: Path) -> None:
    (guess,) = only(look_unlocked(tmp_path, T4, Change()), "gptq-exclamation-marks")
    (known,) = only(look(tmp_path, T4, Change()), "gptq-exclamation-marks")
    assert guess.severity == "warning"
    assert guess.text.endswith("(judged by the name Qwen/Qwen2.5-32B-Instruct-GPTQ-Int4)")
    assert "judged" not in known.text
    assert guess == known  # so that a command that says the one does not say the other, too


@pytest.mark.parametrize(
    ("repo", "image", "rules"),
    [
        ("Qwen/Qwen2.5-32B-Instruct-GPTQ-Int8", "v0.6.4.post1", []),
        ("Qwen/Qwen2.5-32B-Instruct", "v0.6.4.post1", []),
        ("Qwen/Degptqed-7B", "v0.6.4.post1", []),
        ("Qwen/Qwen2.5-32B-Instruct-AWQ", "v0.6.4.post1", []),
        ("TheBloke/Llama-2-7B_gptq", "v0.6.4.post1", ["gptq-exclamation-marks"]),
        ("Qwen/Qwen2.5-32B-Instruct-GPTQ-Int4", "v0.18.0", []),
    ],
)
def test_a_name_tells_no_more_than_it_says(repo: str, image: str, rules: list[str], tmp_path: Path) -> None:
    change = text("Qwen/Qwen2.5-32B-Instruct-GPTQ-Int4", repo)
    manifest = changed_manifest(tmp_path, T4, change)
    manifest = replace(manifest, image=replace(manifest.image, ref=f"vllm/vllm-openai:{image}"))
    case = before_build(manifest, None, Cache(tmp_path / "cache"))
    assert [rule for rule, _ in named(case) if rule.startswith(("gptq", "quant"))] == rules


def test_a_name_alone_is_no_reason_to_refuse(tmp_path: Path) -> None:
    change = text("Qwen/Qwen2.5-32B-Instruct-GPTQ-Int4", "Qwen/Qwen2.5-32B-Instruct-AWQ")
    manifest = changed_manifest(tmp_path, T4, change)
    manifest = replace(manifest, cluster=replace(manifest.cluster, gpu="V100"))
    (finding,) = only(before_build(manifest, None, Cache(tmp_path / "cache")), "quantization-gpu")
    assert finding.severity == "warning"
    assert finding.text.endswith("(judged by the name Qwen/Qwen2.5-32B-Instruct-AWQ)")


def test_what_config_json_says_goes_before_the_name(tmp_path: Path) -> None:
    plain = Change(config={"quantization_config": {}})
    assert only(look(tmp_path, T4, plain), "gptq-exclamation-marks") == []
