"""One recorded stream of `docker save`, compressed by us and by gzip."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from testbed.host_docker import HostDocker

from benches.running import Duel, Taken, duel, take, warm

_ROUNDS = 2  # gzip takes a minute and a half


@dataclass(frozen=True)
class Saving:
    duel: Duel
    size_ratio: float


def record(docker: HostDocker, image: str, folder: Path) -> Path:
    stream = folder / "save.tar"
    with docker:
        docker.run("save", "--output", str(stream), image)
    return stream


def compare(stream: Path) -> Saving:
    """Against what everybody types: gzip at its own level."""
    packed, cache = stream.with_name(f"{stream.name}.gz"), stream.with_name("cut")

    def ours() -> Taken:
        shutil.rmtree(cache, ignore_errors=True)
        warm(stream)
        return take(sys.executable, "-m", "benches.cutting", str(stream), str(cache))

    def theirs() -> Taken:
        packed.unlink(missing_ok=True)
        warm(stream)
        return take("gzip", "--keep", str(stream))

    done = duel(ours, theirs, _ROUNDS)
    ratio = int(done.ours[0].said) / packed.stat().st_size
    shutil.rmtree(cache)
    packed.unlink()
    return Saving(done, ratio)
