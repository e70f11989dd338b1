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
# The same weights again, for other engines.
_OTHER_ENGINES = tuple(
    """
    *.h5 *.keras *.msgpack *.ot *.pdparams *.tflite *.onnx *.onnx_data *.gguf *.h5.index.json *.msgpack.index.json
    original/* onnx/* openvino/* gguf/* coreml/* metal/*
    """.split()
)
# What safetensors replaced, where a file of that format has the same role.
_REPLACED = tuple("*.bin *.pt *.pth *.ckpt *.bin.index.json".split())
# Mistral's own format, all weights again where those of transformers stand beside it.
_CONSOLIDATED = ("consolidated*.safetensors", "consolidated*.safetensors.index.json")
_BESIDE_CONSOLIDATED = ("model.safetensors", "model*.safetensors.index.json")
_SAFETENSORS = ("*.safetensors", "*.safetensors.index.json")
_NUMBER = re.compile(r"-[0-9]{5,6}-of-[0-9]{5,6}")
_Role = tuple[str, str]  # folder, and what its weights are called there, pieces and format aside


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


def left_out(repo: Repo, spec: ModelSpec) -> tuple[str, ...]:
    """Weights that were not taken because others stand for them, and not by the person's own patterns."""
    if spec.include:
        return ()
    there = [file.path for file in repo.files if not _hidden(file.path)]
    return tuple(sorted(path for path in _second_copies(there) if not _any(path, spec.exclude)))


def _by_default(there: Sequence[RepoFile]) -> Iterator[RepoFile]:
    unwanted = _second_copies([file.path for file in there])
    return (file for file in there if file.path not in unwanted and not _any(file.path, _NEVER))


def _second_copies(there: Sequence[str]) -> frozenset[str]:
    kept = _kept_roles(there)
    copies = {path for path in there if kept and _any(path, _OTHER_ENGINES)}
    copies |= {path for path in there if _any(path, _REPLACED) and _roles_of_replaced(path) & kept}
    if any(_any(path, _BESIDE_CONSOLIDATED) for path in there):
        copies |= {path for path in there if _any(path, _CONSOLIDATED)}
    return frozenset(copies) - {path for path in there if _any(path, _NEVER)}


def _kept_roles(there: Sequence[str]) -> frozenset[_Role]:
    """Of safetensors. Shards without their list are an upload that was never finished."""
    weights = (path for path in there if _any(path, _SAFETENSORS) and not _any(path, _OTHER_ENGINES))
    return frozenset(_role(path) for path in weights if not _NUMBER.search(path))


def _roles_of_replaced(path: str) -> frozenset[_Role]:
    """Under the names that safetensors have for the same: of transformers, and of Meta's and Mistral's own uploads."""
    folder, name = _role(path)
    whole = {"model"} if name.startswith("consolidated") else set()
    return frozenset((folder, each) for each in {name, name.removeprefix("pytorch_"), *whole})


def _role(path: str) -> _Role:
    folder, _, name = path.rpartition("/")
    return folder, _NUMBER.sub("", name.removesuffix(".index.json").rpartition(".")[0])


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
