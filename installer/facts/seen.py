"""Looks at a machine that never fail: what cannot be seen there is empty."""

from installer.sight import Output, Sight

_SHORT = 5  # seconds; what takes longer hangs


def text_of(sight: Sight, path: str) -> str:
    """A file's text, "" also where it may not be read or the kernel has an error for it."""
    try:
        return (sight.read(path) or b"").decode(errors="replace")
    except OSError:
        return ""


def is_file(sight: Sight, path: str) -> bool:
    try:
        return sight.read(path) is not None
    except OSError:
        return False


def names_in(sight: Sight, folder: str) -> tuple[str, ...]:
    try:
        return sight.names(folder)
    except OSError:
        return ()


def answer(sight: Sight, *command: str, timeout: float = _SHORT) -> Output:
    """How a command ended that must not keep us waiting."""
    return sight.ask(*command, timeout=timeout)


def said_by(sight: Sight, *command: str) -> str:
    """What a command printed, or "" where it failed."""
    output = answer(sight, *command)
    return output.stdout if output.succeeded else ""


def active_units(sight: Sight, *units: str) -> frozenset[str]:
    """Those of ``units`` that run. `systemctl is-active` prints a line for each, also in systemd 219."""
    states = answer(sight, "systemctl", "is-active", *units).stdout.split()
    return frozenset(unit for unit, state in zip(units, states, strict=False) if state == "active")
