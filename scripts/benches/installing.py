"""A real install on a worker node, with every read of the medium recorded."""

from dataclasses import dataclass
from pathlib import Path

from testbed.commands import TestbedError
from testbed.nodes import ENVIRONMENT, MEDIUM, Node
from testbed.site import Site

from benches.releases import Built
from benches.running import Taken, take
from benches.strace_log import SOURCE, bytes_read
from bundler.inspect import read_index

_PREFIX = "bench"
_ROLE = "worker"
_NOT_LISTED = ("SHA256SUMS", "bundle.json", "signatures")


@dataclass(frozen=True)
class Installing:
    taken: Taken
    read: int
    needed: int

    @property
    def read_ratio(self) -> float:
        return self.read / self.needed


def install(release: Built, node_root: Path, folder: Path) -> Installing:
    log = folder / "strace.log"
    with Site(folder.parent, _PREFIX, ("head", _ROLE)) as site:
        node = site.nodes[_ROLE]
        node.create(node_root)
        node.boot()
        medium, key = node.carry(release.bundle), node.carry(release.public_key)
        everyone = ",".join(each.address for each in site.nodes.values())
        command = (f"{medium}/install", "--role", _ROLE, "--nodes", everyone, "--trusted-key", str(key), "--yes")
        taken = take(*_recording(log, node, command), env=ENVIRONMENT)
    with log.open(errors="replace") as lines:
        done = Installing(taken, bytes_read(lines, str(MEDIUM / release.bundle.name)), needed_bytes(release.bundle))
    log.unlink()
    if done.read < done.needed:
        raise TestbedError(f"the record of the install is not whole: {done.read} of {done.needed} bytes were read")
    return done


def needed_bytes(bundle: Path) -> int:
    """Of the files that this role takes in, and of those that vouch for them."""
    vouching = (path for name in _NOT_LISTED for path in (bundle / name, *(bundle / name).rglob("*")))
    listed = sum(file.size for file in read_index(bundle).for_role(_ROLE))
    return listed + sum(path.stat().st_size for path in vouching if path.is_file())


def _recording(log: Path, node: Node, command: tuple[str, ...]) -> tuple[str, ...]:
    """From the host, so that nothing of it is on the node; launcher, program and all their children."""
    calls = ",".join(SOURCE)
    return ("strace", "-f", "-y", "-s", "0", "-e", f"trace={calls}", "-o", str(log), *node.entering(*command))
