"""What was changed on this node, and what was there before: for people, `status` and `uninstall`."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from installer.node import Node
from installer.node.paths import STATE

JOURNAL = f"{STATE}/journal.jsonl"
FORMER = f"{STATE}/former"


@dataclass(frozen=True)
class Journal:
    """Lines of JSON, each on disk before the change that it announces. Order is by line, not by clock."""

    node: Node

    @contextmanager
    def recording(self, title: str, reason: str) -> Iterator[None]:
        self._append({"step": title, "event": "begin", "reason": reason})
        yield
        self._append({"step": title, "event": "end"})

    def will_replace(self, path: str) -> None:
        """Keep what is at ``path`` before we put something of ours there."""
        former = self.node.read(path)
        if former is None:
            self._append({"event": "replace", "path": path, "former": None})
            return
        digest = hashlib.sha256(former).hexdigest()
        self.node.make_private_folder(FORMER)
        self.node.place(f"{FORMER}/{digest}", former, 0o600)
        self._append({"event": "replace", "path": path, "former": digest})

    def _append(self, line: dict[str, str | None]) -> None:
        self.node.make_private_folder(STATE)
        self.node.append(JOURNAL, json.dumps(line).encode() + b"\n")
