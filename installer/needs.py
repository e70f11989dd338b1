"""What an install places on a node: where, how much, and whether it is started from there."""

import json
from collections.abc import Iterator

from installer.facts import Facts
from installer.index.document import File
from installer.index.space import IMAGE_GROWTH, RUNTIME_BYTES
from installer.node import Node
from installer.node.paths import BINARIES, DAEMON_JSON, OPT, STATE
from installer.preflight import Need, Situation
from installer.preflight.docker import in_docker, nodes_own_docker
from installer.preflight.gpu_driver import coming
from installer.staging import Staging, incoming

_DOCKER_ROOT = "/var/lib/docker"
_BLOCK = 512  # bytes; the unit of st_blocks, whatever the file system
_WORDS = {"model": "the model", "image": "the image as carried"}


def needs(node: Node, at: Situation, staging: Staging, wanted: tuple[File, ...]) -> Iterator[Need]:
    """``wanted`` are the files that the node does not have yet."""
    docker = docker_root(node, at.facts)
    for file in wanted:
        yield Need(staging.place_of(file), max(0, file.size - _held(node, staging, file)), _word(file))
    image = sum(file.size for file in wanted if file.kind == "image")
    yield in_docker(at, docker, image * IMAGE_GROWTH, "the image in docker")
    runtime = RUNTIME_BYTES if any(file.kind == "runtime" for file in wanted) else 0
    yield Need(OPT, runtime, "the program's Python", runs=True)
    if at.index.docker and not nodes_own_docker(at):
        programs = sum(binary.size for binary in at.index.docker.binaries)
        lacks = any(file.kind == "docker" for file in wanted)
        yield Need(BINARIES, programs if lacks else 0, "docker's programs", runs=True)
    if coming(at):
        yield Need(STATE, 0, "the driver's installer", runs=True)


def docker_root(node: Node, facts: Facts) -> str:
    """Where docker keeps images. A daemon.json that cannot be read is for the step that merges it to tell."""
    if facts.docker.root:
        return facts.docker.root
    try:
        settings = json.loads(node.read(DAEMON_JSON) or b"{}")
    except ValueError:
        return _DOCKER_ROOT
    root = settings.get("data-root") if isinstance(settings, dict) else None
    return root if isinstance(root, str) and root.startswith("/") else _DOCKER_ROOT


def _word(file: File) -> str:
    return _WORDS.get(file.kind, "what else is carried")


def _held(node: Node, staging: Staging, file: File) -> int:
    """What a run that was interrupted has taken for this file: take-in gives it back first."""
    half = incoming(node.at(staging.place_of(file)))
    return half.lstat().st_blocks * _BLOCK if half.is_file() and not half.is_symlink() else 0
