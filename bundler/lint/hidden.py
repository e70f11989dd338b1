"""What vLLM and its libraries are known to fetch or compile by themselves once they run, which no node can.

Each row says what triggers it, and what to ship or set so that it does not happen.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from bundler.findings import Finding, refused, warned
from bundler.lint.case import Case, Rule, Rules
from bundler.lint.named_models import named_models

_FILES = "/files"  # where entries of ``files`` stand in the container
_KEPT = "/root/.cache"  # the one folder of the container that outlives it
_FLASHINFER_SAMPLES_SINCE = (0, 11, 0)
_SAMPLER = "VLLM_USE_FLASHINFER_SAMPLER"
_TRUE = frozenset(("1", "true", "yes", "on"))
_NO_REPOSITORY = frozenset(("", "auto", "vllm", "[ngram]", "ngram"))


@dataclass(frozen=True)
class Shipped:
    """An entry for ``files``."""

    name: str
    url: str
    sha256: str

    @property
    def entry(self) -> str:
        return f"{{url: {self.url}, sha256: {self.sha256}, name: {self.name}}}"


@dataclass(frozen=True)
class Hidden:
    """``triggers`` gives where in the manifest it comes from, "" if it does not.

    ``files`` are to be shipped under these names, ``env`` to be set; a row with neither is answered by ``fix`` alone.
    """

    what: str
    triggers: Callable[[Case], str]
    files: tuple[Shipped, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    fix: str = ""
    finding: Callable[[str, str, str, str], Finding] = refused


def _harmony(case: Case) -> str:
    by_config = case.config is not None and case.config.model_type == "gpt_oss"
    return "model" if by_config or re.search(r"gpt-?oss", _model_name(case), re.IGNORECASE) else ""


def _flashinfer(case: Case) -> str:
    """Where attention by it is asked for."""
    if "FLASHINFER" in case.manifest.cluster.env.get("VLLM_ATTENTION_BACKEND", "").upper():
        return "cluster.env.VLLM_ATTENTION_BACKEND"
    return "serve.args" if "FLASHINFER" in case.asked("attention-backend").upper() else ""


def _flashinfer_sampler(case: Case) -> str:
    """Asked for, or vLLM's own choice."""
    asked, vllm = case.manifest.cluster.env.get(_SAMPLER), case.image.release("vllm")
    if asked is not None:
        return f"cluster.env.{_SAMPLER}" if _is_true(asked) else ""
    return "image.ref" if vllm and vllm >= _FLASHINFER_SAMPLES_SINCE else ""


def _modelscope(case: Case) -> str:
    name = "VLLM_USE_MODELSCOPE"
    return f"cluster.env.{name}" if _is_true(case.manifest.cluster.env.get(name, "")) else ""


def _compile_caches(case: Case) -> str:
    names = ("VLLM_CACHE_ROOT", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "FLASHINFER_WORKSPACE_BASE")
    moved = (name for name in names if not _is_kept(case.manifest.cluster.env.get(name, _KEPT)))
    return next((f"cluster.env.{name}" for name in moved), "")


def _repositories(case: Case) -> str:
    named = named_models(case.manifest.serve.args)
    return "serve.args" if any(not name.startswith("/") and name not in _NO_REPOSITORY for name in named) else ""


_ENCODINGS = "https://openaipublic.blob.core.windows.net/encodings"
# The digests are those that tiktoken itself compares with (tiktoken_ext/openai_public.py).
_VOCABULARIES = tuple(
    Shipped(name, f"{_ENCODINGS}/{name}", sha256)
    for name, sha256 in (
        ("o200k_base.tiktoken", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"),
        ("cl100k_base.tiktoken", "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"),
    )
)
_JIT = "FlashInfer compiles its kernels at first use, with an nvcc that most images lack, or downloads them"
TABLE: Final[dict[str, Hidden]] = {
    "hidden-harmony": Hidden(
        "gpt-oss downloads its tiktoken vocabularies when the server starts (HarmonyError: error downloading)",
        _harmony,
        files=_VOCABULARIES,
        env={"TIKTOKEN_ENCODINGS_BASE": _FILES},
    ),
    "hidden-flashinfer": Hidden(
        _JIT,
        _flashinfer,
        fix="leave FlashInfer out, or use an image with flashinfer-cubin and flashinfer-jit-cache in it",
        finding=warned,
    ),
    "hidden-flashinfer-sampler": Hidden(_JIT, _flashinfer_sampler, env={_SAMPLER: "0"}, finding=warned),
    "hidden-modelscope": Hidden(
        "vLLM asks modelscope.cn for a model that already lies on the node", _modelscope, fix="remove the variable"
    ),
    "hidden-compile-cache": Hidden(
        f"compiled kernels outlive the container only below {_KEPT}: every start would compile again, for minutes",
        _compile_caches,
        fix=f"remove the variable, or point it below {_KEPT}",
        finding=warned,
    ),
    "hidden-repository": Hidden(
        "an option names a repository of a hub, which vLLM would download",
        _repositories,
        fix="give a path instead: /models/NAME/... if it lies in the model's folder, /files/... for an entry of files",
    ),
}


def _unanswered(name: str, case: Case) -> Iterator[Finding]:
    row = TABLE[name]
    where = row.triggers(case)
    if not where:
        return
    folder = _folder(case, row)
    there = _shipped(case)
    lacking = [file for file in row.files if f"{folder}/{file.name}" not in there]
    wanted = {key: folder if value == _FILES else value for key, value in row.env.items()}
    unset = {key: value for key, value in wanted.items() if _value(case, key) != value}
    if lacking or unset or not (row.files or row.env):
        below = f"{folder.removeprefix(_FILES)}/".removeprefix("/")
        named = [replace(file, name=below + file.name) for file in lacking]
        yield row.finding(name, where, row.what, "; ".join(_remedies(row, named, unset)))


def _folder(case: Case, row: Hidden) -> str:
    """Of the container, for the files of ``row``: where the manifest looks for them, or has put them already."""
    there = _shipped(case)
    said = [_value(case, key) for key, value in row.env.items() if value == _FILES]
    put = [path.rpartition("/")[0] for path in sorted(there) for file in row.files if path.endswith(f"/{file.name}")]
    filled = [folder for folder in said if folder in put]
    return next(iter((*filled, *put, *(folder for folder in said if _is_below(folder, _FILES)))), _FILES)


def _shipped(case: Case) -> set[str]:
    return {f"{_FILES}/{file.name}" for file in case.manifest.files}


def _value(case: Case, key: str) -> str:
    return case.manifest.cluster.env.get(key, "").rstrip("/")


def _remedies(row: Hidden, lacking: list[Shipped], unset: dict[str, str]) -> Iterator[str]:
    if lacking:
        yield "add to files: " + ", ".join(file.entry for file in lacking)
    if unset:
        yield "set cluster.env: {" + ", ".join(f'{key}: "{value}"' for key, value in unset.items()) + "}"
    if row.fix:
        yield row.fix


def _model_name(case: Case) -> str:
    return f"{case.manifest.model.repo} {case.manifest.model.name}"


def _is_true(value: str) -> bool:
    return value.lower() in _TRUE


def _is_kept(path: str) -> bool:
    return _is_below(path, _KEPT)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


_ROWS: Final[dict[str, Rule]] = {name: partial(_unanswered, name) for name in TABLE}
RULES: Final[Rules] = _ROWS
