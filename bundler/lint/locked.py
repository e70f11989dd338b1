"""Whether lock and manifest still belong together."""

from collections.abc import Iterator
from typing import Final

from bundler.findings import Finding, warned
from bundler.lint.case import Case, Rules
from bundler.resolve import stale_parts


def _lock_stale(case: Case) -> Iterator[Finding]:
    """Of parts that were locked once; what never was is what `bundle lock` is for."""
    lock = case.lock
    if lock and (changed := [name for name in stale_parts(case.manifest, lock) if name in lock.parts]):
        yield warned(
            "lock-stale",
            "lock",
            f"{', '.join(changed)} will be resolved anew, the manifest has changed",
            f"`bundle lock {case.manifest.path}` does so now",
        )


def _sequence_behind(case: Case) -> Iterator[Finding]:
    sequence, lock = case.manifest.sequence, case.lock
    if lock is None:
        return
    for release, done in ((lock.signed, "signed"), (lock.unsigned, "built")):
        if release and sequence < release.sequence:
            yield warned(
                "sequence-behind",
                "sequence",
                f"{sequence} is lower than {release.sequence}, the last one {done}",
                f"set `sequence: {release.sequence + 1}`",
            )


RULES: Final[Rules] = {"lock-stale": _lock_stale, "sequence-behind": _sequence_behind}
