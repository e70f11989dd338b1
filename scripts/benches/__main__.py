"""`scripts/bench`: everything in one run, its figures in build/bench.json."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from testbed import inputs
from testbed.commands import TestbedError
from testbed.host_docker import HostDocker
from testbed.inputs import Inputs

from benches import fetching, installing, rebuilding, registry, releases, report, saving, verifying
from benches.fetching import Fetching
from benches.installing import Installing
from benches.rebuilding import Rebuilding
from benches.releases import Built
from benches.running import Taken
from benches.saving import Saving
from benches.verifying import Verifying

BUILD = Path(__file__).parents[2] / "build"
RESULT = BUILD / "bench.json"
CORES = 2


@dataclass(frozen=True)
class Bench:
    """Every result of one run."""

    saving: Saving
    verifying: Verifying
    builds: tuple[Built, ...]
    installing: Installing
    fetching: Fetching
    rebuilding: Rebuilding

    def ratios(self) -> dict[str, float]:
        return {
            "verify_vs_sha256sum": round(self.verifying.duel.times_faster, 2),
            "save_vs_gzip": round(self.saving.duel.times_faster, 2),
            "gzip_size_ratio": round(self.saving.size_ratio, 4),
            "install_read_ratio": round(self.installing.read_ratio, 4),
            "registry_vs_pull_save_gzip": round(self.fetching.looked_vs_docker.times_faster, 2),
            "registry_vs_skopeo": round(self.fetching.locked_vs_skopeo.times_faster, 2),
            "registry_first_look_vs_skopeo": round(self.fetching.looked_vs_skopeo.times_faster, 2),
            "rebuild_cached_ratio": round(self.rebuilding.cached_ratio, 4),
        }

    def rss_mib(self) -> dict[str, float]:
        return {
            "build": max(taken.rss_mib for taken in self._builds()),
            "verify": max(run.rss_mib for run in (*self.verifying.duel.ours, self.verifying.launched)),
            "install": self.installing.taken.rss_mib,
        }

    def seconds(self) -> dict[str, list[float]]:
        """Of every single run: how much they differ says how far to believe the ratios."""
        return {
            **self.saving.duel.seconds("save", "gzip"),
            **self.verifying.duel.seconds("verify", "sha256sum"),
            "verify_by_launcher": [self.verifying.launched.seconds],
            "build": [built.taken.seconds for built in self.builds],
            "install_recorded": [self.installing.taken.seconds],
            **self.fetching.looked_vs_docker.seconds("look", "pull_save_gzip"),
            **self.fetching.looked_vs_skopeo.seconds("look_beside_skopeo", "skopeo_beside_look"),
            **self.fetching.locked_vs_skopeo.seconds("locked", "skopeo"),
            **self.rebuilding.duel.seconds("rebuild_cached", "build_cold"),
        }

    def _builds(self) -> Iterator[Taken]:
        rebuilt = self.rebuilding.duel
        yield from (*(built.taken for built in self.builds), *rebuilt.ours, *rebuilt.theirs)


def main(words: list[str]) -> int:
    if words:
        print("usage: scripts/bench", file=sys.stderr)
        return 2
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    os.sched_setaffinity(0, cores)
    load = os.getloadavg()[0]
    RESULT.unlink(missing_ok=True)
    try:
        bench = measure(BUILD.absolute())
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    machine = {"cores": len(cores), "load_before": round(load, 2)}
    return publish(bench, machine)


def measure(build: Path) -> Bench:
    """Leaves nothing large behind."""
    made, docker, folder = inputs.make_all(build, say), HostDocker(build), build / "bench"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        saved = measure_saving(made, docker, folder)
        installable, installed = measure_installing(made, docker, folder)
        model = releases.write_model(folder / "model")
        large, verified = measure_verifying(made, model, docker, folder)
        fetched, rebuilt = measure_fetching(made, model, build, folder)
    finally:
        shutil.rmtree(folder)
    return Bench(saved, verified, (installable, large), installed, fetched, rebuilt)


def measure_saving(made: Inputs, docker: HostDocker, folder: Path) -> Saving:
    say("recording a docker save")
    stream = saving.record(docker, made.image, folder)
    say("compressing it, and gzip in turns")
    saved = saving.compare(stream)
    stream.unlink()
    return saved


def measure_installing(made: Inputs, docker: HostDocker, folder: Path) -> tuple[Built, Installing]:
    say("building the testbed's bundle")
    built = releases.build_testbed(made, docker, folder / "testbed")
    say("installing it, every read recorded")
    return built, installing.install(built, made.node_root, folder)


def measure_verifying(made: Inputs, model: Path, docker: HostDocker, folder: Path) -> tuple[Built, Verifying]:
    say("building a bundle with a large model")
    built = releases.build_large(made, model, docker, folder / "large")
    say("verifying it, and sha256sum in turns")
    return built, verifying.compare(built)


def measure_fetching(made: Inputs, model: Path, build: Path, folder: Path) -> tuple[Fetching, Rebuilding]:
    say("pushing the image to a registry")
    with registry.holding(build, made.image, folder / "served") as served:
        say("fetching it, docker and skopeo in turns")
        fetched = fetching.compare(served, folder / "served")
        say("building with the model from a hub, from an empty cache and from a full one in turns")
        return fetched, rebuilding.compare(served, model, folder / "rebuilt")


def publish(bench: Bench, machine: dict[str, float]) -> int:
    """The exit status: 1 if a target is missed."""
    ratios, rss = bench.ratios(), bench.rss_mib()
    document = {**ratios, "rss_mib": rss, "seconds": bench.seconds(), "machine": machine}
    RESULT.write_text(json.dumps(document, indent=1) + "\n")
    figures = {**ratios, **{f"rss_mib.{what}": value for what, value in rss.items()}}
    print(*report.table(figures), sep="\n")
    return 1 if report.missed(figures) else 0


def say(line: str) -> None:
    print(f"bench: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
