"""What a folder says that it is. Nothing here is a claim about trust."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from bundler.sizes import in_units
from installer.index.document import INDEX_NAME, KINDS, LARGEST_INDEX, Index, parse_index
from installer.index.settings import ServeSettings
from installer.trust.medium import open_folder, read_small


def read_index(path: Path) -> Index:
    with open_folder(path) as folder:
        return parse_index(read_small(folder, INDEX_NAME, LARGEST_INDEX))


def describe(index: Index) -> tuple[tuple[str, str], ...]:
    """Pairs of a word and a text, in the order in which a person asks."""
    cluster, serve, target = index.cluster, index.serve, index.target
    return (
        ("name", index.name),
        ("version", f"{index.version} (sequence {index.sequence})"),
        ("target", f"{target.arch}, glibc {target.glibc} or newer, {target.packages}"),
        ("driver", index.driver.version if index.driver else "not in the bundle"),
        ("docker", index.docker.version if index.docker else "not in the bundle"),
        ("toolkit", index.toolkit.version if index.toolkit else "not in the bundle"),
        ("image", f"{index.image.reference} {index.image.config}"),
        ("entrypoint", shlex.join(index.image.entrypoint) or "none"),
        ("architecture", index.image.architecture),
        ("holds", ", ".join(f"{n} {v or 'of unknown version'}" for n, v in sorted(index.image.versions.items()))),
        ("model", index.model.name),
        ("cluster", f"{cluster.nodes} x {cluster.gpus_per_node} GPUs, {cluster.backend}"),
        ("allowed", opt_ins(index)),
        ("serve", ", ".join(_serve(serve))),
        ("serve args", shlex.join(serve.args) or "none"),
        *((f"{kind} files", _files(index, kind)) for kind in KINDS if index.of_kind(kind)),
    )


def _serve(serve: ServeSettings) -> Iterator[str]:
    yield serve.name
    yield f"tp {serve.tensor_parallel_size}"
    yield f"pp {serve.pipeline_parallel_size}"
    yield f"max_model_len {serve.max_model_len or 'chosen by vLLM'}"
    yield f"gpu_memory_utilization {serve.gpu_memory_utilization}"
    yield f"port {serve.port}"


def opt_ins(index: Index) -> str:
    """What the manifest allowed by name that is refused otherwise: it may run code, or weakens the node."""
    allowed = {"model": index.model.allow, "serve": index.serve.allow}
    return "; ".join(f"{part}: {', '.join(names)}" for part, names in allowed.items() if names) or "nothing by name"


def _files(index: Index, kind: str) -> str:
    files = index.of_kind(kind)
    known_by = ", ".join(sorted({file.known_by for file in files}))
    return f"{len(files)}, {in_units(sum(file.size for file in files))}, digest known by: {known_by}"
