"""bundle.json: one right document, and every way of being wrong."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from installer.errors import MalformedError
from installer.index.document import CHUNK, parse_index, render_index
from tests.unit.installer.index.documents import X, document, encoded, file

Path = tuple[str | int, ...]


def fields(value: object, path: Path = ()) -> Iterator[Path]:
    """The path of every value in ``value``."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from fields(item, (*path, key))


def changed(path: Path, value: object) -> dict[str, Any]:
    result = document()
    at: Any = result
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return result


def without(path: Path) -> dict[str, Any]:
    result = document()
    at: Any = result
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    return result


WRONG: tuple[Any, ...] = (None, True, 2**63, -1, 1.5, [], {}, [[]], {"x": {}}, "", "x" * 4097, "a\nb")
FIELDS = tuple(fields(document()))
# What a document may do without: three parts (with their files), a limit, an environment, extra options.
OPTIONAL = {("serve", "max_model_len"), ("cluster", "env")}
DEFAULTED = {"nodes", "gpus_per_node", "port", "shm_size", "tensor_parallel_size", "pipeline_parallel_size", "args"}
DEFAULTED |= {"allow", "gpu_memory_utilization", "arch", "glibc", "packages"}


def test_what_is_written_reads_the_same() -> None:
    index = parse_index(encoded(document()))
    assert parse_index(render_index(index)) == index
    assert render_index(parse_index(render_index(index))) == render_index(index)


def test_the_right_document_says_what_it_says() -> None:
    index = parse_index(encoded(document()))
    assert (index.name, index.sequence, index.cluster.backend) == ("tiny", 7, "ray")
    assert index.only("launcher").path == "install"
    assert index.model.allow == ("pickle",)
    assert len(index.for_role("worker")) == 7


@pytest.mark.parametrize("path", FIELDS, ids=lambda path: ".".join(map(str, path)))
def test_a_field_of_the_wrong_type_is_malformed(path: Path) -> None:
    original: Any = document()
    for key in path:
        original = original[key]
    for value in WRONG:
        if type(value) is type(original) and not value and (isinstance(value, list | dict) or is_free(path)):
            continue
        with pytest.raises(MalformedError):
            parse_index(encoded(changed(path, value)))


def is_free(path: Path) -> bool:
    """Whether a text may be empty: what is handed on to the server, or only shown."""
    return {"env", "args", "versions", "entrypoint"} & set(path[:-1]) != set()


def test_a_text_of_a_mebibyte_is_malformed() -> None:
    with pytest.raises(MalformedError, match="longer than"):
        parse_index(encoded(changed(("version",), "x" * (1 << 20))))


@pytest.mark.parametrize("path", FIELDS, ids=lambda path: ".".join(map(str, path)))
def test_a_missing_field_is_malformed(path: Path) -> None:
    if path in OPTIONAL or path[-1] in DEFAULTED or isinstance(path[-1], int) or "env" in path or "versions" in path:
        return
    with pytest.raises(MalformedError):
        parse_index(encoded(without(path)))


PLACES: tuple[Path, ...] = (
    (),
    ("target",),
    ("cluster",),
    ("serve",),
    ("driver",),
    ("docker",),
    ("docker", "binaries", 0),
    ("toolkit",),
    ("toolkit", "packages", 0),
    ("image",),
    ("model",),
    ("files", 0),
)


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)) or "top")
def test_an_unknown_field_is_malformed(path: Path) -> None:
    with pytest.raises(MalformedError, match=r"surprise: unknown key"):
        parse_index(encoded(changed((*path, "surprise"), 1)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("architecture", "arm64"),
        ("architecture", ""),
        ("architecture", None),
        ("entrypoint", "vllm serve"),
        ("entrypoint", [1]),
        ("entrypoint", ["a\nb"]),
        ("entrypoint", None),
        ("created", "2026-11-20"),
        ("created", "2026-11-20T10:11:12"),
        ("created", 1),
    ],
)
def test_what_an_image_runs_and_on_which_machines_is_read_strictly(field: str, value: object) -> None:
    with pytest.raises(MalformedError, match=f"image.{field}"):
        parse_index(encoded(changed(("image", field), value)))


@pytest.mark.parametrize(
    ("created", "seconds"),
    [("", 0), ("1970-01-02T00:00:00Z", 86400), ("2026-13-40T00:00:00Z", 0), ("1969-01-01T00:00:00Z", 0)],
)
def test_when_an_image_was_made(created: str, seconds: float) -> None:
    assert parse_index(encoded(changed(("image", "created"), created))).image.made_at == seconds


@pytest.mark.parametrize("value", [0, 2, "1", True, None, 1.0])
def test_another_format_is_malformed(value: object) -> None:
    with pytest.raises(MalformedError):
        parse_index(encoded(changed(("format",), value)))


def test_a_newer_format_says_what_reads_it() -> None:
    with pytest.raises(MalformedError, match="format: 2 is not 1") as caught:
        parse_index(encoded({**document(), "format": 2, "unheard_of": 1}))
    assert "the vllm-airgap that made this bundle" in caught.value.hint


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../../x",
        "..",
        "/etc/passwd",
        "",
        ".",
        "./a",
        "a//b",
        "a/",
        "a\\b",
        "x.",
        "CON",
        "nul.txt",
        "-rf",
        "$(id)",
    ],
)
def test_a_bad_file_name_is_malformed(path: str) -> None:
    wrong = document()
    wrong["files"] = sorted([*wrong["files"], file(path, "model")], key=lambda one: str(one["path"]))
    with pytest.raises(MalformedError):
        parse_index(encoded(wrong))


def with_files(*files: dict[str, Any]) -> bytes:
    return encoded({**document(), "files": sorted(files, key=lambda one: str(one["path"]))})


@pytest.mark.parametrize("kind", ["launcher", "runtime", "image", "model", "driver", "docker", "toolkit"])
def test_what_a_role_needs_must_be_there(kind: str) -> None:
    files = document()["files"]
    with pytest.raises(MalformedError, match=kind):
        parse_index(with_files(*(one for one in files if one["kind"] != kind)))
    for one in files:
        if one["kind"] == kind and kind in {"launcher", "runtime", "image", "model"}:
            one["roles"] = ["head"]
            with pytest.raises(MalformedError, match=f"none of kind {kind} for role worker"):
                parse_index(with_files(*files))


def test_two_drivers_are_malformed() -> None:
    with pytest.raises(MalformedError, match="more than one of kind driver"):
        parse_index(with_files(*document()["files"], file("driver/other.run", "driver")))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("model/other/x", "model"),
        ("x", "image"),
        ("image/x", "model"),
        ("model/tiny/../x", "model"),
        ("toolkitx", "toolkit"),
    ],
)
def test_a_file_stands_where_its_kind_says(path: str, kind: str) -> None:
    with pytest.raises(MalformedError):
        parse_index(with_files(*document()["files"], file(path, kind)))


def test_files_in_another_order_are_malformed() -> None:
    wrong = document()
    wrong["files"].reverse()
    with pytest.raises(MalformedError, match="not in ascending order"):
        parse_index(encoded(wrong))


@pytest.mark.parametrize(
    ("size", "chunks"),
    [
        (0, [X]),
        (1, []),
        (1, [X, X]),
        (CHUNK, [X, X]),
        (CHUNK + 1, [X]),
        (2**43, [X]),
        (2**53, [X]),
        (2 * CHUNK + 1, [X, X]),
    ],
)
def test_chunks_that_do_not_fit_the_size_are_malformed(size: int, chunks: list[str]) -> None:
    wrong = document()
    wrong["files"][2] |= {"size": size, "chunks": chunks}
    with pytest.raises(MalformedError):
        parse_index(encoded(wrong))


def test_the_only_chunk_is_the_file() -> None:
    wrong = document()
    wrong["files"][2]["chunks"] = ["0" * 64]
    with pytest.raises(MalformedError, match="the only chunk differs"):
        parse_index(encoded(wrong))


@pytest.mark.parametrize("digest", [X.upper(), X[:63], X + "0", X[:16], "md5:" + X[:32], X[:-1] + "g", X + "\n"])
def test_a_digest_has_64_lower_case_digits(digest: str) -> None:
    for key in ("sha256", "chunks"):
        wrong = copy.deepcopy(document())
        wrong["files"][2][key] = digest if key == "sha256" else [digest]
        with pytest.raises(MalformedError):
            parse_index(encoded(wrong))


@pytest.mark.parametrize("roles", [[], ["worker", "head"], ["head", "head"], ["boss"], ["head,worker"]])
def test_roles_are_a_choice_in_order(roles: list[str]) -> None:
    wrong = document()
    wrong["files"][2]["roles"] = roles
    with pytest.raises(MalformedError):
        parse_index(encoded(wrong))


def test_no_index_is_read_as_one() -> None:
    for data in (b"[]", b'"x"', b"1", b"{}", b"null", b""):
        with pytest.raises(MalformedError):
            parse_index(data)
