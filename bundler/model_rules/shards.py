"""Weights in pieces are whole: each piece is there, and holds what the list of them says."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from bundler.model_rules.files import SHARD_LIST, Files, at_hand, beside, longer_than
from bundler.model_rules.remedies import NOT_COMPLETE
from bundler.model_rules.safetensors import tensor_names
from installer.errors import AirgapError, RefusedError, printable

_NUMBERED = re.compile(r"(?P<before>.*)-(?P<number>[0-9]{5,6})-of-(?P<of>[0-9]{5,6})(?P<ending>\.[a-z]+)")
_ENDINGS = (".safetensors", ".gguf", ".bin", ".pt", ".pth")
_AGAIN = "download both again, of one revision"


def missing_shards(files: Files, _allow: tuple[str, ...]) -> Iterator[AirgapError]:
    said: set[str] = set()
    for name, path in at_hand(files, SHARD_LIST):
        if longer_than(name, path) or (document := _parsed(path)) is None:
            continue  # said by broken_json
        weight_map = document.get("weight_map") if isinstance(document, dict) else None
        if not isinstance(weight_map, dict):
            yield RefusedError(f"model: {name}: no weight_map in it", hint="download it again")
            continue
        for shard, tensors in _by_shard(weight_map).items():
            place = beside(name, shard)
            if place not in files:
                said.add(place)
                yield RefusedError(
                    f"model: {name} names {printable(shard)[:200]!r}, which is not in the folder", hint=NOT_COMPLETE
                )
            elif shard.endswith(".safetensors") and (absent := _absent(tensors, files[place])):
                yield RefusedError(
                    f"model: {name} says that {printable(absent)[:200]!r} is in {printable(shard)}, and it is not",
                    hint=_AGAIN,
                )
    yield from _missing_numbers(files, said)


def _parsed(path: Path) -> object:
    """None of what is no JSON."""
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None


def _by_shard(weight_map: Mapping[str, object]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for tensor, shard in weight_map.items():
        found[str(shard)].append(tensor)
    return dict(sorted(found.items()))


def _absent(tensors: list[str], shard: Path | None) -> str:
    """The first that a shard lacks, as far as one can look into it; "" if none."""
    if shard is None:
        return ""
    try:
        there = tensor_names(shard)
    except (ValueError, RecursionError):
        return ""  # said by broken_weights
    return next((tensor for tensor in sorted(tensors) if tensor not in there), "")


def _missing_numbers(files: Files, said: set[str]) -> Iterator[AirgapError]:
    """A file that calls itself one of many needs the others, listed or not."""
    sets: dict[tuple[str, str, str], dict[int, str]] = defaultdict(dict)
    for name in sorted(files):
        match = _NUMBERED.fullmatch(name)
        if match and match["ending"] in _ENDINGS:
            sets[match["before"], match["of"], match["ending"]][int(match["number"])] = name
    for (before, of, ending), found in sets.items():
        first = 0 if 0 in found else 1
        numbers = (number for number in range(first, first + int(of)) if number not in found)
        missing = [name for name in (f"{before}-{number:05}-of-{of}{ending}" for number in numbers) if name not in said]
        if missing:
            yield RefusedError(
                f"model: {next(iter(found.values()))} is one of {int(of)}, {len(missing)} of which the folder lacks: "
                f"{missing[0]}{' ...' if len(missing) > 1 else ''}",
                hint=NOT_COMPLETE,
            )
