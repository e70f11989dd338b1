"""A manifest means what it says, and nothing that two readers might take differently."""

from pathlib import Path

import pytest

from bundler.manifest import LARGEST_MANIFEST, Manifest, parse_manifest, parse_yaml
from bundler.several_errors import SeveralError
from installer.errors import UsageError
from tests.unit.bundler.making import MANIFEST

SMALLEST = 'name: tiny\nimage: {ref: "vllm:small"}\nmodel: {path: models/tiny}\n'


def parse(text: str) -> Manifest:
    return parse_manifest(text.encode(), Path("site/m.yaml"))


def test_all_but_name_image_and_model_may_be_left_out() -> None:
    manifest = parse(SMALLEST)
    assert (manifest.version, manifest.sequence) == ("1", 1)
    assert (manifest.driver, manifest.docker, manifest.toolkit) == (None, None, None)
    assert (manifest.runtime.source, manifest.cluster.backend) == ("host", "auto")
    assert (manifest.target.arch, manifest.target.glibc, manifest.target.packages) == ("x86_64", "2.17", "rpm")
    assert (manifest.model.name, manifest.serve.name) == ("tiny", "tiny")
    assert manifest.model_folder == Path("site/models/tiny")


def test_a_hub_names_repository_revision_and_model() -> None:
    model = parse(SMALLEST.replace("path: models/tiny", "source: modelscope, repo: Qwen/Qwen2.5-7B")).model
    assert (model.repo, model.revision, model.name, model.path) == ("Qwen/Qwen2.5-7B", "master", "Qwen2.5-7B", "")


def test_packages_and_files_are_lists_of_what_the_nodes_lack() -> None:
    manifest = parse(
        SMALLEST
        + "packages: [{url: gcc.rpm, purpose: the driver's modules, kernels: [3.10.0-1160.el7.x86_64]}]\n"
        + "files: [{url: 'https://h/o200k_base.tiktoken', name: tiktoken/o200k_base.tiktoken}]\n"
    )
    assert manifest.packages[0].kernels == ("3.10.0-1160.el7.x86_64",)
    assert manifest.files[0].name == "tiktoken/o200k_base.tiktoken"


@pytest.mark.parametrize("part", ["name", "image", "model"])
def test_name_image_and_model_may_not(part: str) -> None:
    text = "".join(line for line in SMALLEST.splitlines(keepends=True) if not line.startswith(part))
    with pytest.raises(UsageError, match=rf"^site/m\.yaml: {part}: missing$"):
        parse(text)


def test_every_scalar_is_text() -> None:
    assert parse_yaml(b"{a: 550.10, b: no, c: 012, d: 12:30:45, e: ~, f: 1e3, g: 2026-11-01}") == {
        "a": "550.10",
        "b": "no",
        "c": "012",
        "d": "12:30:45",
        "e": "~",
        "f": "1e3",
        "g": "2026-11-01",
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: key 'a' stands twice"),
        ("a:\n  - &x 1\n  - *x", "line 2: anchors and aliases"),
        ("a: 1\nb: *x", "line 2: anchors and aliases"),
        ("a: !!python/object/apply:os.system [id]", "line 1: tags"),
        ("a: !!str 1", "line 1: tags"),
        ("a: 1\n\tb: 2", "line 2: "),
        ("[" * 100, "line 1: nested deeper"),
        ("{a: 1}: b", "line 1: a key is not text"),
        ("a: [1", "line 1: "),
        ("--- 1\n--- 2", "line 2: "),
        ("a: \x07", "unacceptable character"),
        ("- a", "document: not a mapping"),
        ("", "model: missing"),
        ("#" * (LARGEST_MANIFEST + 1), "larger than 1048576 bytes"),
    ],
)
def test_what_two_readers_might_take_differently_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert why in str(caught.value)


def test_other_encodings_are_refused() -> None:
    for data in (SMALLEST.encode("utf-16"), "name: é".encode("latin-1")):
        with pytest.raises(UsageError, match="not UTF-8"):
            parse_manifest(data, Path("m.yaml"))


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("sequence: 7", "sequenze: 7", "sequenze: unknown key"),
        ("sequence: 7", "sequence: 0", "sequence: 0 is not between"),
        ("sequence: 7", "sequence: one", "sequence: not a whole number"),
        ("sequence: 7", "format: 2", "format: 2 is not 1"),
        ("sequence: 7", "serve: {port: 22}", "serve.port: 22 is not between"),
        ("sequence: 7", "serve: {port: 65536}", "serve.port: 65536 is not between"),
        ("sequence: 7", "serve: {port: [1]}", "serve.port: not a whole number"),
        ("sequence: 7", "serve: {port: 6379}", "serve.port: 6379 is cluster.port too"),
        ("sequence: 7", "serve: {args: [--host, 0.0.0.0]}", "serve.args: --host weakens the node"),
        ("sequence: 7", "cluster: {nodes: 0}", "cluster.nodes: 0 is not between"),
        ("sequence: 7", "cluster: {backend: mpi}", "cluster.backend: 'mpi' is not one of auto, ray, mp"),
        ("sequence: 7", "cluster: {env: {LD_PRELOAD: x}}", "cluster.env.LD_PRELOAD: set by the installer"),
        ("sequence: 7", "runtime: {source: conda}", "runtime.source: 'conda' is not one of host, standalone"),
        ("sequence: 7", "runtime: {source: host, python: '3.12'}", "runtime.python: unknown key"),
        ("sequence: 7", "runtime: {source: standalone, python: '2.7'}", "runtime.python: '2.7' is not one of 3.11"),
        ("sequence: 7", "packages: {url: x}", "packages: not a list"),
        ("sequence: 7", "packages: [{purpose: x}]", "packages[0].url: missing"),
        (
            "sequence: 7",
            "packages: [{url: a.rpm, kernels: [new]}]",
            "packages[0].kernels: 'new' is not a kernel release",
        ),
        ("sequence: 7", "files: [{url: a}]", "files[0].name: missing"),
        ("sequence: 7", "files: [{url: a, name: ../a}]", "files[0].name: a component has a sign other than"),
        ("sequence: 7", "files: [{url: a, name: x/a}, {url: b, name: X/a}]", "files: file names"),
        ("sequence: 7", "target: {arch: aarch64}", "target.arch: 'aarch64' is not one of x86_64"),
        ("name: tiny", "name: Tiny", "name: 'Tiny' is not a name"),
        ("550.10", "../550", "driver.version: '../550' is not a version"),
        ("driver.run", "ftp://x/y", "driver.url: ftp:// is not one of"),
        ("driver.run", "https://me:secret@x/y", "driver.url: holds a user name"),
        ("driver.run", "'https://x/y?token=geheim'", "driver.url: holds a query or a fragment"),
        ("driver.run", "'https://x/y#geheim'", "driver.url: holds a query or a fragment"),
        ("driver.run", "'https://[x/y'", "driver.url: not a URL"),
        ("sequence: 7", "packages: [{url: 'https://x/a.rpm?sig=geheim'}]", "packages[0].url: holds a query"),
        ("sequence: 7", "files: [{url: 'https://x/a?sig=geheim', name: a}]", "files[0].url: holds a query"),
        (
            "path: tiny-model",
            "source: huggingface, repo: a/b, endpoint: 'https://h/?token=geheim'",
            "model.endpoint: holds a query or a fragment",
        ),
        ("driver.run", "x, sha256: 12", "driver.sha256: '12' is not 64 lower-case hex digits"),
        ("vllm:small", "--privileged", "image.ref: '--privileged' is not an image reference"),
        ('"vllm:small"', '"vllm:small", source: podman', "image.source: 'podman' is not one of registry"),
        ('"vllm:small"', "x, source: docker, mirrors: [a]", "image.mirrors: unknown key"),
        ('"vllm:small"', "x, source: registry, mirrors: [a/b]", "image.mirrors: 'a/b' is not HOST"),
        ('"vllm:small"', "x, source: file", "image.path: missing"),
        ("path: tiny-model", "source: huggingface, path: x", "model.path: unknown key"),
        ("path: tiny-model", "source: huggingface, repo: a", "model.repo: 'a' is not OWNER/NAME"),
        ("path: tiny-model", "source: s3, path: x", "model.source: 's3' is not one of directory, huggingface"),
        ("tiny-model", "-v", "model.name: '-v' is not a folder name"),
        ("tiny-model", "x, allow: [all]", "model.allow: 'all' is not one of pickle, code"),
        ("tiny-model", "x, sha256: {a: b}", "model.sha256.a: 'b' is not 64 lower-case hex digits"),
        ("tiny-model", '"x\\ny"', "model.path: 'x\\\\ny' has a control character"),
    ],
)
def test_mistakes_name_their_place(old: str, new: str, where: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(MANIFEST.replace(old, new))
    assert where in str(caught.value)


def hint_on(section: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse(SMALLEST + section)
    return caught.value.hint


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("runtime: host", "write `runtime: {source: host}`"),
        ("runtime: standalone", "write `runtime: {source: standalone}`"),
        ("docker: 27.3.1", "write `docker: {version: 27.3.1}`"),
        ("cluster: {gpu: T5}", "did you mean `gpu: T4`?"),
        ("cluster: {gpu: t4}", "did you mean `gpu: T4`?"),
        ("cluster: {gpu: A10O}", "did you mean `gpu: A100`?"),
    ],
)
def test_a_mistake_that_tells_what_was_meant_is_answered_with_it(written: str, meant: str) -> None:
    assert hint_on(written) == meant


def test_an_image_that_is_named_alone_is_told_its_key() -> None:
    with pytest.raises(UsageError) as caught:
        parse("name: tiny\nimage: vllm/vllm-openai:v0.6.4\nmodel: {path: x}")
    assert caught.value.hint == "write `image: {ref: vllm/vllm-openai:v0.6.4}`"


@pytest.mark.parametrize("written", ["runtime: [host]", "runtime: conda", "driver: https://me:geheim@x", "serve: fast"])
def test_a_section_of_which_nobody_can_guess_the_form_is_compared(written: str) -> None:
    assert "bundle init" in hint_on(written)


def test_a_gpu_that_is_like_none_names_those_that_are_known() -> None:
    assert hint_on("cluster: {gpu: many}") == ""


def test_a_secret_in_a_url_is_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        parse(MANIFEST.replace("driver.run", "'https://x/y?token=geheim'"))
    assert "geheim" not in str(caught.value)
    assert caught.value.hint == "download it; `url` may be a path"


def test_a_path_may_have_any_sign() -> None:
    driver = parse(MANIFEST.replace("driver.run", "'a?b#c.run'")).driver
    assert driver is not None
    assert driver.url == "a?b#c.run"


def test_a_version_keeps_its_zeros() -> None:
    driver = parse(MANIFEST).driver
    assert driver is not None
    assert driver.version == "550.10"


SEVERAL = """\
nmae: tiny
version: [1]
target: {glibc: two, packages: deb, arhc: x}
driver: {vresion: 1, sha256: ab}
docker: 27
packages: [{purpose: x}, {url: a.rpm, kernels: x}, y]
image: {source: podman, ref: [x]}
model: {source: huggingface, revison: main, sha256: {a: b}, include: x}
files: [{url: ftp://x/y}]
cluster: {nodes: two, port: 22, env: {NCCL_IB_DISABLE: [1]}, shm_size: 1}
serve: {prot: 8000, args: [--host, x]}
"""
TOLD = {
    "nmae: unknown key",
    "name: missing",
    "version: not text",
    "target.arhc: unknown key",
    "target.glibc: 'two' is not a glibc version like 2.17",
    "driver.vresion: unknown key",
    "driver.version: missing",
    "driver.sha256: 'ab' is not 64 lower-case hex digits",
    "docker: not a mapping",
    "packages[0].url: missing",
    "packages[1].kernels: not a list",
    "packages[2]: not a mapping",
    "image.source: 'podman' is not one of registry, docker, file",
    "model.revison: unknown key",
    "model.repo: missing",
    "model.sha256.a: 'b' is not 64 lower-case hex digits",
    "model.include: not a list",
    "files[0].url: ftp:// is not one of https, http, file, nor a path",
    "files[0].name: missing",
    "cluster.nodes: not a whole number",
    "cluster.port: 22 is not between 1024 and 65535",
    "cluster.env.NCCL_IB_DISABLE: not text",
    "cluster.shm_size: '1' is not a size as docker takes it, like 10.24g",
    "serve.prot: unknown key",
    "serve.args: --host weakens the node",
}


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SeveralError) as caught:
        parse(SEVERAL)
    told = [str(error).removeprefix("site/m.yaml: ") for error in caught.value.errors]
    assert sorted(told) == sorted(TOLD)
    (unknown,) = (error for error in caught.value.errors if "driver.vresion" in str(error))
    assert unknown.hint == "known here: version, url, sha256"


def test_what_only_follows_from_a_mistake_is_not_told() -> None:
    for text in ("model: {repo: a/b, source: hugginface}", "model: {path: [x]}", "model: {source: huggingface}"):
        with pytest.raises(UsageError) as caught:
            parse(SMALLEST.replace("model: {path: models/tiny}", text))
        assert not isinstance(caught.value, SeveralError)


def test_a_serve_port_is_only_compared_where_both_are_ports() -> None:
    with pytest.raises(UsageError, match=r"^site/m\.yaml: cluster\.port: not a whole number$"):
        parse(SMALLEST + "cluster: {port: x}\nserve: {port: 6379}\n")


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("cluster: {nodes: two}", False),
        ("cluster: {gpu: T44}", False),
        ("serve: {port: 6379}", False),
        ("driver: {url: x}", True),
        ("driver: [550]", True),
    ],
)
def test_the_commented_manifest_is_named_where_it_helps(text: str, *, is_named: bool) -> None:
    with pytest.raises(UsageError) as caught:
        parse(SMALLEST + text + "\n")
    assert ("bundle init" in caught.value.hint) == is_named


@pytest.mark.parametrize(
    ("arg", "key"),
    [
        ("--tensor-parallel-size=2", "serve.tensor_parallel_size"),
        ("-tp", "serve.tensor_parallel_size"),
        ("--served_model_name", "serve.name"),
        ("--nnodes", "cluster.nodes"),
        ("--headless", ""),
    ],
)
def test_an_option_that_a_key_sets_is_answered_with_that_key(arg: str, key: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(SMALLEST + f"serve: {{args: [{arg}]}}\n")
    assert str(caught.value) == f"site/m.yaml: serve.args: {arg.partition('=')[0]} cannot be passed here"
    assert caught.value.hint == (f"the manifest's {key} sets it" if key else "leave it out; the install sets it")
