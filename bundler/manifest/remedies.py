"""What a person may have meant by a mistake in a manifest, where the mistake itself tells."""

import re
from collections.abc import Mapping

from installer.hardware.gpu_spellings import meant_name
from installer.index.strict import Value

_VERSION = r"[0-9][0-9A-Za-z.-]{0,79}"
# Sections that people write as one word: the key that the word belongs to, and what it must look like to be shown.
_FIRST_KEYS: Mapping[str, tuple[str, str]] = {
    "runtime": ("source", "host|standalone"),
    "driver": ("version", _VERSION),
    "docker": ("version", _VERSION),
    "toolkit": ("version", _VERSION),
    "image": ("ref", r"[A-Za-z0-9][A-Za-z0-9._/-]{0,119}(:[A-Za-z0-9._-]{1,79})?"),
}


def remedy(values: Mapping[str, Value], place: str) -> str:
    """``place`` is the path of what is wrong in ``values``; "" where nobody can guess."""
    if place == "cluster.gpu":
        return _of_gpu(values.get("cluster"))
    written = values.get(place)
    key, form = _FIRST_KEYS.get(place, ("", ""))
    if key and isinstance(written, str) and re.fullmatch(form, written):
        return f"write `{place}: {{{key}: {written}}}`"
    return ""


def _of_gpu(cluster: Value) -> str:
    written = cluster.get("gpu") if isinstance(cluster, dict) else None
    meant = meant_name(written) if isinstance(written, str) else ""
    return f"did you mean `gpu: {meant}`?" if meant else ""
