"""What vLLM and its libraries are known to fetch or compile by themselves once they run, which no node can.

Each row says what triggers it, and what to ship or set so that it does not happen.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from bundler.findings import Finding, refused, warned
from bundler.lint.case import Case, Rule, Rules
from installer.index.serve_options import option_values

_FILES = "/files"  # where entries of ``files`` stand in the container
_KEPT = "/root/.cache"  # the one folder of the container that outlives it
_FLASHINFER_SAMPLES_SINCE = (0, 11, 0)
_SAMPLER = "VLLM_USE_FLASHINFER_SAMPLER"
_TRUE = frozenset(("1", "true", "yes", "on"))
# Options whose value vLLM takes for a repository of a hub unless it is a path.
_NAMES_OF_REPOSITORIES = ("tokenizer", "hf-config-path", "speculative-model", "draft-model", "generation-config")
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
    asked = (value for name, value in option_values(case.manifest.serve.args) if name in _NAMES_OF_REPOSITORIES)
    return "serve.args" if any(not value.startswith("/") and value not in _NO_REPOSITORY for value in asked) else ""


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
    shipped = {file.name.rpartition("/")[2] for file in case.manifest.files}
    lacking = [file for file in row.files if file.name not in shipped]
    unset = {key: value for key, value in row.env.items() if not _is_answered(case, key, value)}
    if lacking or unset or not (row.files or row.env):
        yield row.finding(name, where, row.what, "; ".join(_remedies(row, lacking, unset)))


def _is_answered(case: Case, key: str, value: str) -> bool:
    found = case.manifest.cluster.env.get(key, "")
    return found.startswith(_FILES) if value == _FILES else found == value


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
    return path == _KEPT or path.startswith(f"{_KEPT}/")


_ROWS: Final[dict[str, Rule]] = {name: partial(_unanswered, name) for name in TABLE}
RULES: Final[Rules] = _ROWS
