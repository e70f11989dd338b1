"""A model's config.json on this machine."""

from pathlib import Path

from installer.hardware.model_shape import LONGEST_CONFIG, read_shape
from installer.index.model_shape import ModelShape


def read_config(path: Path | None) -> ModelShape | None:
    """None where there is none, or none that can be read: the model's own rules say so."""
    if path is None or not path.is_file() or path.stat().st_size > LONGEST_CONFIG:
        return None
    return read_shape(path.read_bytes())
