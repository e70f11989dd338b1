"""A model found by a process of its own, as `bundle lock` does it."""

import tempfile
from pathlib import Path

from bundler.cache import Cache
from bundler.http.client import Client
from bundler.manifest import ModelSpec
from bundler.progress import unwatched
from bundler.sources.model import huggingface
from bundler.workplace import Workplace


def find() -> int:
    """How many files there are."""
    spec = ModelSpec("huggingface", "", "tiny", {}, (), "org/tiny", "main")
    with tempfile.TemporaryDirectory() as folder, Client() as client:
        work = Workplace(Cache(Path(folder)), unwatched, print, client, 2)
        return len(huggingface.find(spec, work).files)
