"""A bundle whose lists can be changed and signed again, as a careless or hostile builder would."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundler.signing import SigningKey, sign_sums
from installer.trust.contents import check_contents
from installer.trust.opened import Bundle, open_bundle
from installer.trust.signatures import Anchors


def ignore(count: int) -> None:
    pass


@dataclass(frozen=True)
class SignedBundle:
    folder: Path
    key: SigningKey

    @property
    def anchors(self) -> Anchors:
        return Anchors(keys=(self.key.public,))

    @property
    def sums(self) -> Path:
        return self.folder / "SHA256SUMS"

    @property
    def signature(self) -> Path:
        return self.folder / "signatures" / f"{self.key.public.key_id}.sig"

    @contextmanager
    def opened(self) -> Iterator[Bundle]:
        with open_bundle(self.folder, self.anchors) as bundle:
            yield bundle

    def check(self) -> None:
        """All that verify does."""
        with self.opened() as bundle:
            check_contents(bundle.folder, bundle.index.files, ignore)

    def look(self) -> None:
        """All that needs no contents."""
        with self.opened():
            pass

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / "bundle.json").read_bytes())
        return document

    def sign_index(self, data: bytes) -> None:
        """Make ``data`` the index, listed and signed."""
        (self.folder / "bundle.json").write_bytes(data)
        lines = self.sums.read_text().splitlines(keepends=True)
        listed = f"{hashlib.sha256(data).hexdigest()}  bundle.json\n"
        self.sign_lines("".join(listed if line.endswith("  bundle.json\n") else line for line in lines).encode())

    def sign_lines(self, sums: bytes) -> None:
        self.sums.write_bytes(sums)
        self.signature.write_bytes(sign_sums(sums, self.key))
