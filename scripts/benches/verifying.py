"""Our check of a whole bundle, against `sha256sum -c` of the same bytes."""

import sys
from dataclasses import dataclass
from pathlib import Path

from benches.releases import Built
from benches.running import Duel, Taken, duel, take, warm

_ROUNDS = 3


@dataclass(frozen=True)
class Verifying:
    duel: Duel
    launched: Taken  # the same by the bundle's own program, which unpacks itself first


def compare(release: Built) -> Verifying:
    bundle, key = str(release.bundle), str(release.public_key)
    program = str(Path(sys.executable).with_name("bundle"))

    def ours() -> Taken:
        warm(release.bundle)
        return take(program, "verify", bundle, "--trusted-key", key)

    def theirs() -> Taken:
        warm(release.bundle)
        return take("sha256sum", "--check", "--quiet", "SHA256SUMS", cwd=release.bundle)

    done = duel(ours, theirs, _ROUNDS)
    return Verifying(done, take(f"{bundle}/install", "verify", "--trusted-key", key))
