"""The targets, and the figures beside them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Target:
    figure: str
    bound: Literal["at least", "at most"]
    limit: float

    def is_met(self, value: float) -> bool:
        return value >= self.limit if self.bound == "at least" else value <= self.limit


TARGETS = (
    Target("verify_vs_sha256sum", "at least", 8),
    Target("save_vs_gzip", "at least", 12),
    Target("gzip_size_ratio", "at most", 1.2),
    Target("install_read_ratio", "at most", 1.05),
    Target("registry_vs_pull_save_gzip", "at least", 30),
    Target("registry_vs_skopeo", "at least", 1.2),
    Target("rebuild_cached_ratio", "at most", 0.25),
    Target("rss_mib.build", "at most", 200),
    Target("rss_mib.verify", "at most", 200),
    Target("rss_mib.install", "at most", 200),
)


def missed(figures: Mapping[str, float]) -> tuple[Target, ...]:
    return tuple(target for target in TARGETS if not target.is_met(figures[target.figure]))


def table(figures: Mapping[str, float]) -> Iterator[str]:
    """Those with a target, then what is only told."""
    for target in TARGETS:
        value = figures[target.figure]
        verdict = "ok" if target.is_met(value) else "MISSED"
        yield f"{_shown(target.figure, value)}   {target.bound:8} {target.limit:<6g} {verdict}"
    targets = {target.figure for target in TARGETS}
    yield from (_shown(figure, value) for figure, value in figures.items() if figure not in targets)


def _shown(figure: str, value: float) -> str:
    return f"{figure:30} {value:9.3f}"
