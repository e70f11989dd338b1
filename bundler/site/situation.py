"""What a node's own checks look at, before there is a bundle: manifest and lock, and what the probe wrote there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bundler.assemble import make_index
from bundler.lint import Case
from bundler.lock import Lock
from bundler.plan import DOCKER_ROOT, spaces
from bundler.resolve import demand_whole
from bundler.site.document import Site
from installer.facts import Facts, gather
from installer.index.document import ROLES, File, Index
from installer.preflight import Member, Need, Situation
from installer.preflight.docker import in_docker, nodes_own_docker
from installer.preflight.situation import OUR_BINARIES

CONTAINER = "vllm-airgap-node"  # the cluster's, by this name on every node


@dataclass(frozen=True)
class Probed:
    """``name`` tells the node from all others: its host name, or that and the document's where two have the same."""

    name: str
    site: Site
    at: Situation

    @property
    def facts(self) -> Facts:
        return self.at.facts


def situations(case: Case, sites: Sequence[Site]) -> tuple[Probed, ...]:
    """The head is the first of ``sites``, as in --nodes of an install. Raises UsageError without a whole lock."""
    lock = demand_whole(case.manifest, case.lock).lock
    index = make_index(case.manifest, lock, case.config, _files(lock))
    seen = [(site, gather(site.machine)) for site in sites]
    hosts = [facts.network.hostname or site.path.name for site, facts in seen]
    return tuple(
        Probed(
            name=host if hosts.count(host) == 1 else f"{host} ({site.path})",
            site=site,
            at=_situation(index, facts, "worker" if number else "head", lock),
        )
        for number, ((site, facts), host) in enumerate(zip(seen, hosts, strict=True))
    )


def _situation(index: Index, facts: Facts, role: str, lock: Lock) -> Situation:
    """An install is run by root, whoever ran the probe."""
    at = Situation(
        facts=facts,
        index=index,
        member=Member(role, "", "", ()),
        container=CONTAINER,
        foreign_containerd=_foreign_containerd(index, facts),
    )
    return replace(at, needs=tuple(_needs(at, lock)))


def _files(lock: Lock) -> Iterator[File]:
    """Without chunks, which a build alone knows, and no check asks for."""
    for file in lock.files:
        yield File(file.path, file.kind, file.size, file.sha256, (), ROLES, file.source, file.known_by)


def _needs(at: Situation, lock: Lock) -> Iterator[Need]:
    """At the default places; of what an older bundle left there nothing is known."""
    for space in spaces(lock):
        if space.place == OUR_BINARIES and nodes_own_docker(at):
            continue
        if space.place == DOCKER_ROOT:
            yield in_docker(at, at.facts.docker.root or space.place, space.size, space.what)
        else:
            yield Need(space.place, space.size, space.what, space.runs)


def _foreign_containerd(index: Index, facts: Facts) -> str:
    """One that works for no docker. In our own place only its unit would tell, which no probe looks at."""
    containerd, dockerd = facts.docker.containerd, facts.docker.dockerd
    if index.docker is None or containerd is None or (dockerd and dockerd.path != f"{OUR_BINARIES}/dockerd"):
        return ""
    return "" if containerd.path == f"{OUR_BINARIES}/containerd" else containerd.path
