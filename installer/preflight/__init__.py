"""Whether an install can succeed: small checks, all reported at once, before anything is changed."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from installer.engine import Engine, unused_containerd
from installer.index.document import File, Index
from installer.index.space import IMAGE_GROWTH, RUNTIME_BYTES
from installer.node import Node
from installer.node.paths import BINARIES, DAEMON_JSON, ETC, OPT, STATE, UNITS
from installer.staging import Staging, incoming

_DOCKER_ROOT = "/var/lib/docker"
_BLOCK = 512  # bytes; the unit of st_blocks, whatever the file system
_GIB = 1 << 30


@dataclass(frozen=True)
class Problem:
    """Why an install would fail, and what a person can do about it."""

    name: str
    what: str
    fix: str


@dataclass(frozen=True)
class Situation:
    """What the checks look at. ``older`` names what older bundles left that nobody needs any more."""

    node: Node
    index: Index
    staging: Staging
    engine: Engine | None
    lacking: tuple[File, ...]
    older: tuple[str, ...] = ()


def misfits(situation: Situation) -> tuple[Problem, ...]:
    """Why this bundle is for other nodes: nothing that could be changed on this one would help."""
    return tuple(problem for check in _MISFITS for problem in check(situation))


def problems(situation: Situation) -> tuple[Problem, ...]:
    return tuple(problem for check in _CHECKS for problem in check(situation))


def _machine(at: Situation) -> Iterator[Problem]:
    if at.node.machine != at.index.target.arch:
        yield Problem(
            "machine",
            f"this node is {at.node.machine}, the bundle is for {at.index.target.arch}",
            "take the bundle built for this machine",
        )


def _libc(at: Situation) -> Iterator[Problem]:
    found, least = at.node.c_library, at.index.target.glibc
    if not found or _numbers(found.split()[-1]) < _numbers(least):
        yield Problem(
            "libc",
            f"this node has {found or 'no glibc'}, the bundle needs glibc {least} or newer",
            "take a bundle that was built on this node's distribution, or on an older one",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _packages(at: Situation) -> Iterator[Problem]:
    """A node with both kinds, or with none, is for another check."""
    if at.index.toolkit is not None and at.node.finds("rpm") is None and at.node.finds("dpkg") is not None:
        yield Problem(
            "packages",
            f"this node has deb packages, the bundle brings {at.index.target.packages} ones",
            "install the NVIDIA container toolkit from deb packages, and take a bundle without `toolkit:`",
        )


def _systemd(at: Situation) -> Iterator[Problem]:
    if not at.node.at("/run/systemd/system").is_dir():
        yield Problem("systemd", "systemd does not run this node", "install on the node itself, not in a container")
    for mark in ("/.dockerenv", "/run/.containerenv"):
        if at.node.at(mark).exists():
            yield Problem("container", f"this is a container ({mark} is there)", "install on the node itself")


def _programs(at: Situation) -> Iterator[Problem]:
    needed = ["systemctl", "ip", "iptables"]
    if at.index.toolkit or at.index.packages:
        needed += ["rpm"] if at.index.target.packages == "rpm" else ["apt-get", "dpkg"]
    needed += [] if at.index.toolkit else ["nvidia-ctk"]
    needed += [] if at.index.driver else ["nvidia-smi"]
    for program in needed:
        if at.node.finds(program) is None:
            yield Problem("programs", f"{program} is not on this node", f"install the package that has {program}")


def _docker(at: Situation) -> Iterator[Problem]:
    if at.engine is not None and not at.engine.is_usable:
        version = ".".join(str(part) for part in at.engine.version)
        yield Problem(
            "docker-version",
            f"{at.engine.dockerd} is docker {version}, older than 20.10.10, where newer images cannot start threads",
            "remove that docker, then run the same command again: the bundle brings its own",
        )
    if at.engine is None and at.index.docker is None and at.node.finds("dockerd") is None:
        yield Problem("docker", "there is no docker, and the bundle has none", "build the bundle with `docker:`")


def _containerd(at: Situation) -> Iterator[Problem]:
    if at.engine is None and at.index.docker is not None and (found := unused_containerd(at.node)):
        yield Problem(
            "containerd",
            f"{found} is this node's own containerd, whose place the bundle's docker would take",
            "install a docker that uses it, or remove it, then run the same command again",
        )


def _writable(at: Situation) -> Iterator[Problem]:
    for path in (ETC, STATE, OPT, BINARIES, UNITS, at.staging.model_dir):
        if reason := at.node.write_problem(path):
            yield Problem("writable", reason, "make it writable, or choose another --data-dir")


def _space(at: Situation) -> Iterator[Problem]:
    needed: dict[str, int] = defaultdict(int)
    free: dict[str, int] = {}
    for path, size in _space_needed(at):
        mount, available = at.node.free_bytes(path)
        needed[mount] += size
        free[mount] = available
    for mount, size in sorted(needed.items()):
        if size > free[mount]:
            yield Problem(
                "space",
                f"{mount} has {free[mount] / _GIB:.1f} GiB free, {size / _GIB:.1f} GiB are needed",
                f"make room on {mount}, or put the model elsewhere with --data-dir{_may_go(at)}",
            )


def _may_go(at: Situation) -> str:
    return f"; older bundles left what may go now: {', '.join(at.older)}" if at.older else ""


def _space_needed(at: Situation) -> Iterator[tuple[str, int]]:
    for file in at.lacking:
        yield at.staging.place_of(file), max(0, file.size - _held(at, file))
        if file.kind == "image":
            yield docker_root(at.node), file.size * IMAGE_GROWTH
        if file.kind == "runtime":
            yield OPT, RUNTIME_BYTES
        if file.kind == "docker" and at.index.docker is not None:
            yield BINARIES, sum(binary.size for binary in at.index.docker.binaries)


def _held(at: Situation, file: File) -> int:
    """What a run that was interrupted has taken for this file: take-in gives it back first."""
    half = incoming(at.node.at(at.staging.place_of(file)))
    return half.lstat().st_blocks * _BLOCK if half.is_file() and not half.is_symlink() else 0


def docker_root(node: Node) -> str:
    """Where docker keeps images. A daemon.json that cannot be read is for the step that merges it to tell."""
    try:
        settings = json.loads(node.read(DAEMON_JSON) or b"{}")
    except ValueError:
        return _DOCKER_ROOT
    root = settings.get("data-root") if isinstance(settings, dict) else None
    return root if isinstance(root, str) and root.startswith("/") else _DOCKER_ROOT


_Check = Callable[[Situation], Iterator[Problem]]
_MISFITS: tuple[_Check, ...] = (_machine, _libc, _packages)
_CHECKS: tuple[_Check, ...] = (_systemd, _programs, _docker, _containerd, _writable, _space)
