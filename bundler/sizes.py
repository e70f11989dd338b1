"""Sizes as people read them."""

import re

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


def in_units(size: int) -> str:
    power = _power(size)
    return f"{_figure(size, power)} {_UNITS[power]}"


def part_in_units(part: int, whole: int) -> str:
    """Both in the unit of the whole: 0.4/19.4 GiB."""
    power = _power(whole)
    return f"{_figure(part, power)}/{_figure(whole, power)} {_UNITS[power]}"


def parse_size(text: str) -> int | None:
    """Bytes of "500M", "1.5 GiB" or "20000"; None if it is no size. All units are powers of 1024, as we print them."""
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,3})?) ?([KMGT]?)(?:i?B)?", text.strip(), re.ASCII | re.IGNORECASE)
    return int(float(found[1]) * _STEP ** " KMGT".index(found[2].upper() or " ")) if found else None


def has_unit(size: str) -> bool:
    """Whether what ``parse_size`` takes says in what it counts; "20000" does not."""
    return size.strip()[-1:].isalpha()


def _power(size: int) -> int:
    return min(max(size.bit_length() - 1, 0) // 10, len(_UNITS) - 1)


def _figure(size: int, power: int) -> str:
    return f"{size / _STEP**power:.{1 if power else 0}f}"
