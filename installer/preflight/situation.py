"""What the checks look at: a node as it is, a bundle for it, and what an install will ask of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from installer.facts import Facts
from installer.facts.distribution import Family, family_of
from installer.index.document import Index
from installer.preflight.finding import Finding

GIB = 1 << 30
# Where the bundle's own docker puts its programs; one elsewhere is the node's.
OUR_BINARIES = "/usr/local/bin"


@dataclass(frozen=True)
class Member:
    """What this node is in the cluster. Empty where the options do not say, or are wrong."""

    role: str
    node_ip: str
    head: str
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Need:
    """``size`` more bytes will lie at ``path``; where ``runs``, programs are started from there.

    What ``overlays`` is started from an overlay that docker lays above it, for which noexec below means nothing, and
    which wants to be told by readdir what each entry is.
    """

    path: str
    size: int
    what: str
    runs: bool = False
    overlays: bool = False


@dataclass(frozen=True)
class Situation:
    """Gathered once, by an install before it changes anything, or on the connected side from what a probe wrote.

    ``index`` has the site's settings in it already. ``container`` is the name of the cluster's container.
    ``options`` are what is wrong with the options, ``unwritable`` why nothing can be written where we must,
    ``older`` what older bundles left that nobody needs any more, ``foreign_containerd`` where a containerd is that
    works for others. ``peers`` is what was found between the nodes, None as long as nobody looked; ``answers_peers``
    is whether our own responder is at work on this node, and has its port. ``strangers`` are those, each by process and
    container or unit, who have a GPU open, whether they compute or not, and whom an install does not stop by itself.
    """

    facts: Facts
    index: Index
    member: Member
    needs: tuple[Need, ...] = ()
    container: str = ""
    is_root: bool = True
    options: tuple[Finding, ...] = ()
    unwritable: tuple[str, ...] = ()
    older: tuple[str, ...] = ()
    foreign_containerd: str = ""
    peers: tuple[Finding, ...] | None = None
    answers_peers: bool = False
    strangers: tuple[str, ...] = ()

    @property
    def cluster_runs(self) -> bool:
        """Our own container is up on this node: it holds ports and GPUs, and an install may stop it."""
        return any(
            found.name == self.container and found.label and found.state == "running"
            for found in self.facts.docker.containers
        )

    @property
    def family(self) -> Family:
        """By which this node's packages have their names, and are removed."""
        return family_of(self.facts.system)


Check = Callable[[Situation], Iterator[Finding]]


def release_of(version: str) -> tuple[int, ...]:
    """The numbers that ``version`` begins with, for comparing: (3, 10, 0) of 3.10.0-1160.el7."""
    numbers: list[int] = []
    for part in version.split("."):
        digits = part[: next((at for at, char in enumerate(part) if not char.isdigit()), len(part))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)
