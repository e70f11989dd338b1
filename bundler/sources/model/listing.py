"""What of a model's repository is taken: all that serving needs, once, and nothing that is only for looking at."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from bundler.manifest import ModelSpec
from bundler.sources.model.repo import Repo, RepoFile
from installer.errors import MalformedError, RefusedError, UsageError, printable
from installer.index.names import check_names, name_problem

# For people and for training; a server never loads them.
_NEVER = tuple(
    """
    *.png *.jpg *.jpeg *.gif *.svg *.webp *.mp4 *.mov *.pdf *.ipynb
    runs/* *.tfevents.* training_args.bin optimizer.pt scheduler.pt rng_state*.pth
    """.split()
)
# The same weights again, for other engines or in the formats that safetensors replaced.
_SECOND_COPIES = tuple(
    """
    *.bin *.pt *.pth *.ckpt *.h5 *.keras *.msgpack *.ot *.pdparams *.tflite *.onnx *.onnx_data *.gguf
    *.bin.index.json *.h5.index.json *.msgpack.index.json
    original/* onnx/* openvino/* gguf/* coreml/* metal/*
    """.split()
)
# Mistral's own format, all weights again where those of transformers stand beside it.
_CONSOLIDATED = ("consolidated*.safetensors", "consolidated*.safetensors.index.json")
_BESIDE_CONSOLIDATED = ("model.safetensors", "model*.safetensors.index.json")
_SHARD = re.compile(r"-[0-9]{5}-of-[0-9]{5}\.safetensors")


def choose(repo: Repo, spec: ModelSpec) -> tuple[RepoFile, ...]:
    """The files to take, by path. ``include`` replaces our choice, ``exclude`` takes away from either."""
    there = [file for file in repo.files if not _hidden(file.path)]
    wanted = _included(there, spec.include) if spec.include else _by_default(there)
    taken = sorted((file for file in wanted if not _any(file.path, spec.exclude)), key=lambda file: file.path)
    if not taken:
        raise UsageError(
            f"model: nothing of the {len(repo.files)} files of {repo.id} is left to take",
            hint="see model.include and model.exclude in the manifest",
        )
    _check_names([file.path for file in taken])
    return tuple(taken)


def _by_default(there: Sequence[RepoFile]) -> Iterator[RepoFile]:
    unwanted = (*_NEVER, *_SECOND_COPIES) if _has_all_safetensors(there) else _NEVER
    if any(_any(file.path, _BESIDE_CONSOLIDATED) for file in there):
        unwanted = (*unwanted, *_CONSOLIDATED)
    return (file for file in there if not _any(file.path, unwanted))


def _has_all_safetensors(there: Sequence[RepoFile]) -> bool:
    """Shards without their index are an upload that was never finished."""
    names = [file.path for file in there if not _any(file.path, _SECOND_COPIES)]
    weights = [name for name in names if name.endswith(".safetensors")]
    indexed = any(name.endswith(".safetensors.index.json") for name in names)
    return indexed or any(not _SHARD.search(name) for name in weights)


def _included(there: Sequence[RepoFile], patterns: Sequence[str]) -> Iterator[RepoFile]:
    for pattern in patterns:
        if not any(_any(file.path, (pattern,)) for file in there):
            raise UsageError(
                f"model.include: no file of the repository is {printable(pattern)[:200]!r}",
                hint="patterns are compared with the whole path, and * goes over / too: *.json, original/*",
            )
    return (file for file in there if _any(file.path, patterns))


def _any(path: str, patterns: Sequence[str]) -> bool:
    """A pattern that ends in / is a folder."""
    return any(fnmatchcase(path, f"{pattern}*" if pattern.endswith("/") else pattern) for pattern in patterns)


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/") if part not in {".", ".."})


def _check_names(paths: Sequence[str]) -> None:
    for path in paths:
        if problem := name_problem(path):
            raise RefusedError(
                f"model: {printable(path)[:200]!r}: {problem}",
                hint="if it is not needed, leave it out by model.exclude",
            )
    try:
        check_names(paths)
    except MalformedError as error:
        raise RefusedError(f"model: {error}", hint="leave out one of the two by model.exclude") from error
