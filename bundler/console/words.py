"""How far something is, in words that fit beside each other."""

from bundler.sizes import in_units
from installer.errors import printable

_MINUTE, _HOUR = 60, 3600  # seconds
_SHORTEST = 1  # seconds, below which a speed says nothing


def begun(what: str, total: int | None, there: int) -> str:
    size = f": {in_units(total)}" if total is not None else ""
    return f"{printable(what)}{size}{f', {in_units(there)} of it there already' if there else ''}, begun"


def underway(what: str, there: int, total: int | None, speed: float) -> str:
    """``speed`` in bytes per second."""
    if total is None:
        return f"{printable(what)}: {in_units(there)}, {in_units(int(speed))}/s"
    left = f", {in_minutes((total - there) / speed)} left" if speed > 0 else ""
    return (
        f"{printable(what)}: {in_units(there)} of {in_units(total)} ({percent(there, total)}), "
        f"{in_units(int(speed))}/s{left}"
    )


def done(what: str, there: int, before: int, seconds: float) -> str:
    return f"{printable(what)}: {done_as(there, before, seconds)}"


def done_as(there: int, before: int, seconds: float) -> str:
    """How what is whole now came."""
    new = there - before
    of = f", {in_units(new)} of it" if before else ""
    speed = f" ({in_units(int(new / seconds))}/s)" if seconds >= _SHORTEST else ""
    return f"{in_units(there)}{of} in {seconds:.1f} s{speed}"


def percent(there: int, total: int) -> str:
    """100 % is for what is whole."""
    return f"{there * 100 // total if total else 100} %"


def in_minutes(seconds: float) -> str:
    whole = max(0, round(seconds))
    minutes = f"{whole % _HOUR // _MINUTE}"
    return (
        f"{whole // _HOUR}:{minutes:0>2}:{whole % _MINUTE:02}" if whole >= _HOUR else f"{minutes}:{whole % _MINUTE:02}"
    )
