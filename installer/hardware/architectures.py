"""The architecture of a GPU by its PCI device ID, which grows with them, and the drivers that know it."""

# Before Turing only proprietary kernel modules drive a GPU, from Turing on either kind, from Blackwell on only
# open ones, which branch 570 has first for it.
TURING, BLACKWELL = 0x1E00, 0x2900
BLACKWELLS_BRANCH = 570
# Of NVIDIA's notes on branches: 580 is the last for Maxwell, Pascal and Volta, 470 that for Kepler.
_LAST_BRANCHES = ((0x1340, 470), (TURING, 580))


def last_branch(device: int) -> int | None:
    """The newest branch of the driver that drives ``device``; None where none has given it up yet."""
    return next((branch for below, branch in _LAST_BRANCHES if device < below), None)
