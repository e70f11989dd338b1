"""A situation in which an install would succeed: tests change one thing and look at what is found."""

from dataclasses import replace
from typing import Any

from installer.facts import Facts
from installer.index.components import ExtraPackage, Packages
from installer.index.document import Index
from installer.preflight import Finding, Member, Situation, findings_of
from tests.fakes.facts import GOOD_NODE

NODES = ("10.0.0.1", "10.0.0.2")
HEAD = Member("head", NODES[0], NODES[0], NODES)
WORKER = Member("worker", NODES[0], NODES[1], ("10.0.0.2", "10.0.0.1"))


def good_situation(index: Index, facts: Facts = GOOD_NODE) -> Situation:
    return Situation(facts, index, HEAD, container="vllm-airgap-node")


def with_facts(at: Situation, part: str, **changes: Any) -> Situation:  # noqa: ANN401  # of any part
    """``part`` names one of Facts: system, network ..."""
    changed = replace(getattr(at.facts, part), **changes)
    return replace(at, facts=replace(at.facts, **{part: changed}))


def with_index(at: Situation, **changes: Any) -> Situation:  # noqa: ANN401
    return replace(at, index=replace(at.index, **changes))


def with_cluster(at: Situation, **changes: Any) -> Situation:  # noqa: ANN401
    return with_index(at, cluster=replace(at.index.cluster, **changes))


def with_serve(at: Situation, **changes: Any) -> Situation:  # noqa: ANN401
    return with_index(at, serve=replace(at.index.serve, **changes))


def alone(at: Situation) -> Situation:
    """The one node of its cluster."""
    return with_serve(with_cluster(at, nodes=1), tensor_parallel_size=1)


def bringing(at: Situation, *names: str, version: str = "1-1.x86_64", kernels: tuple[str, ...] = ()) -> Situation:
    """The bundle has packages of these names."""
    packages = (ExtraPackage(f"packages/{name}.rpm", name, version, "a test", kernels) for name in names)
    return with_index(at, packages=Packages(tuple(packages)))


def only(at: Situation) -> Finding:
    """The one thing that is found, which has a remedy."""
    (found,) = findings_of(at)
    assert found.fix
    return found


def told(at: Situation) -> tuple[str, str, str]:
    """Of the one thing that is found: its name, level and words."""
    found = only(at)
    return found.name, found.level, found.what


def is_quiet(at: Situation) -> bool:
    return findings_of(at) == ()
