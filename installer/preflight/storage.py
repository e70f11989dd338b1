"""Whether what an install places has room, may be written, and may run where it lies."""

from collections import defaultdict
from collections.abc import Iterator

from installer.preflight.finding import Finding, problem, warning
from installer.preflight.situation import GIB, Situation


def writable(at: Situation) -> Iterator[Finding]:
    for reason in at.unwritable:
        yield problem("writable", reason, "make it writable, or choose another --data-dir")


def space(at: Situation) -> Iterator[Finding]:
    """Per mount, of all that lands there. Of what df does not know a person is told."""
    needed: dict[str, int] = defaultdict(int)
    free: dict[str, int | None] = {}
    for need in at.needs:
        mount = at.facts.storage.mount_of(need.path)
        place = mount.path if mount else need.path
        needed[place] += need.size
        free[place] = mount.free if mount and mount.size else None
    for path, size in sorted(needed.items()):
        room = free[path]
        if room is None and size:
            yield warning(
                "space",
                f"space of {path} was not told, {size / GIB:.1f} GiB are needed: {_what(at, path)}",
                f"df -k {path} tells it once the file server answers",
            )
        elif room is not None and size > room:
            yield problem(
                "space",
                f"{path} has {room / GIB:.1f} GiB free, {size / GIB:.1f} GiB are needed: {_what(at, path)}",
                f"make room on {path}, or put the model elsewhere with --data-dir{_may_go(at)}",
            )


def noexec(at: Situation) -> Iterator[Finding]:
    """Programs are started from there; weights and lists may lie on such a mount."""
    told = set()
    for need in at.needs:
        mount = at.facts.storage.mount_of(need.path)
        if need.runs and mount and "noexec" in mount.options and mount.path not in told:
            told.add(mount.path)
            yield problem(
                "noexec",
                f"{mount.path} is mounted noexec, and {need.what} is started from {need.path}",
                f"mount -o remount,exec {mount.path}, and the same in /etc/fstab",
            )


def _what(at: Situation, path: str) -> str:
    """The shares of one mount, the largest first."""
    shares: dict[str, int] = defaultdict(int)
    for need in at.needs:
        mount = at.facts.storage.mount_of(need.path)
        if path == (mount.path if mount else need.path):
            shares[need.what] += need.size
    largest = sorted(shares.items(), key=lambda share: -share[1])
    return ", ".join(f"{what} {size / GIB:.1f}" for what, size in largest if size)


def _may_go(at: Situation) -> str:
    return f"; older bundles left what may go now: {', '.join(at.older)}" if at.older else ""
