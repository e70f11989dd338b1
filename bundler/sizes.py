"""Sizes as people read them."""

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


def in_units(size: int) -> str:
    power = min(max(size.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    return f"{size / _STEP**power:.{1 if power else 0}f} {_UNITS[power]}"
