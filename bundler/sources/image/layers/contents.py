"""What the names in one layer tell: Python distributions, interpreters, and what it hides of the layers below."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bundler.tar_headers import Member
from bundler.wheels import normal_name
from installer.index.strict import Place, Value

_METADATA = re.compile(
    rb"(?:.*/)?(?:site|dist)-packages/([A-Za-z0-9][A-Za-z0-9._]*)-([A-Za-z0-9.+!_]+?)"
    rb"(?:\.dist-info/METADATA|(?:-py[0-9.]+)?\.egg-info(?:/PKG-INFO)?"
    rb"|(?:-py[0-9.]+(?:-[A-Za-z0-9_-]+)?)?\.egg(?:/EGG-INFO/PKG-INFO)?)"
)
# vLLM that runs from a folder of its source, and the link to such a folder; their names say no version.
_FROM_SOURCE = re.compile(
    rb"(?!.*-packages/)(?:.*/)?vllm\.egg-info/PKG-INFO|(?:.*/)?(?:site|dist)-packages/vllm\.egg-link"
)
_INTERPRETER = re.compile(rb"(?:.*/)?bin/python3\.[0-9]+")
# A name with a suffix of letters, or of a shared library; and all that lies in a folder of packages.
_NO_FOLDERS_NAME = re.compile(rb"(?:.*/)?(?:[^/]+\.(?:[A-Za-z_]+|so[0-9.]+)|[^/]*-packages/.*(?<!-info))")
_WHITEOUT = b".wh."
_OPAQUE = b".wh..wh..opq"
_LONGEST_PATH = 1024  # bytes; no tool makes longer ones for what is looked for


@dataclass(frozen=True, order=True)
class Distribution:
    """An installed Python package; ``name`` as PyPI compares names, ``folder`` the path of its metadata.

    ``version`` is "" where its name does not say it.
    """

    folder: str
    name: str
    version: str


@dataclass
class LayerContents:
    """Paths are without a leading slash. ``hidden`` holds paths, and with a slash at the end what is in a folder.

    What is no folder hides the folder of its name in the layers below; files whose name is no folder's are left out.
    """

    found: dict[str, Distribution] = field(default_factory=dict)  # by folder
    interpreters: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)

    def see(self, members: Iterable[Member]) -> None:
        for member in members:
            name = member.name
            if b"-info" in name or b".egg" in name:
                self._see_metadata(_plain(name))
            elif b"bin/python3." in name:
                self._see_interpreter(_plain(name))
            if _WHITEOUT in name:
                self._see_whiteout(_plain(name))
            elif not member.is_folder and not name.endswith(b"/"):
                self._see_replacement(_plain(name))

    def hides(self, path: str) -> bool:
        parts = path.split("/")
        above = ("/".join(parts[:count]) for count in range(len(parts) + 1))
        return any(part in self.hidden or f"{part}/" in self.hidden for part in above)

    @classmethod
    def read(cls, at: Place) -> "LayerContents":
        at.only("distributions", "interpreters", "hidden")
        found = (Distribution(d.text("folder"), d.text("name"), d.text("version")) for d in at.each("distributions"))
        return cls(
            found={distribution.folder: distribution for distribution in found},
            interpreters=set(at.texts("interpreters")),
            hidden=set(at.texts("hidden")),
        )

    def document(self) -> dict[str, Value]:
        return {
            "distributions": [
                {"folder": one.folder, "name": one.name, "version": one.version} for one in sorted(self.found.values())
            ],
            "interpreters": [*sorted(self.interpreters)],
            "hidden": [*sorted(self.hidden)],
        }

    def _see_metadata(self, path: bytes) -> None:
        if len(path) > _LONGEST_PATH:
            return
        folder = re.sub(rb"/METADATA|(?:/EGG-INFO)?/PKG-INFO", b"", path).decode(errors="replace")
        if match := _METADATA.fullmatch(path):
            self.found[folder] = Distribution(folder, normal_name(match[1].decode()), match[2].decode())
        elif _FROM_SOURCE.fullmatch(path):
            self.found[folder] = Distribution(folder, "vllm", "")

    def _see_interpreter(self, path: bytes) -> None:
        if len(path) <= _LONGEST_PATH and _INTERPRETER.fullmatch(path):
            self.interpreters.add(path.decode(errors="replace"))

    def _see_replacement(self, path: bytes) -> None:
        if len(path) <= _LONGEST_PATH and not _NO_FOLDERS_NAME.fullmatch(path):
            text = path.decode(errors="replace")
            if text.isprintable():
                self.hidden.add(text)

    def _see_whiteout(self, path: bytes) -> None:
        folder, slash, name = path.decode(errors="replace").rpartition("/")
        if name == _OPAQUE.decode():
            self.hidden.add(folder + slash)
        elif name.startswith(_WHITEOUT.decode()):
            self.hidden.add(folder + slash + name.removeprefix(_WHITEOUT.decode()))


def _plain(name: bytes) -> bytes:
    return name.removeprefix(b"./").lstrip(b"/")
