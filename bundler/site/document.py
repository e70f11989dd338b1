"""What probe.sh wrote, back from a site on a stick: read strictly, within bounds, into a machine that answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from bundler.site.recorded import Command, Recorded
from installer.errors import MalformedError, UsageError, printable
from installer.index.strict import Place, Value, parse_json
from installer.sight import Output

FORMAT: Final = 1
LARGEST: Final = 4 << 20  # bytes of a whole document
LONGEST: Final = 256 << 10  # bytes of one answer; the probe cuts there
_LONGEST_LINE: Final = 4 << 10  # characters; patterns of the parsers would take minutes over a line of megabytes
_LONGEST_WORD: Final = 4 << 10  # bytes of a name, and of an argument
_MOST: Final = 20_000  # entries; and names in a folder
_KILLED: Final = -9  # as a node's own commands end that take too long
_AGAIN: Final = "bundle probe > probe.sh, and let it run on that node again"


class SitePlace(Place):
    """A place in what a probe wrote. Its texts hold any byte, as the character of that number."""

    error = UsageError

    def data(self, key: str, longest: int) -> bytes:
        """Bytes, of which there may be any."""
        value = self._value(key)
        if not isinstance(value, str):
            self.fail(key, "not text")
        return self._bytes(key, value, longest)

    def words(self, key: str) -> tuple[str, ...]:
        """A list of names or arguments, as this side's own listings have them."""
        value = self._value(key)
        if not isinstance(value, list) or len(value) > _MOST:
            self.fail(key, f"not a list of {_MOST} at most")
        return tuple(self._name(key, item) for item in value)

    def word(self, key: str) -> str:
        return self._name(key, self._value(key))

    def _name(self, key: str, value: Value) -> str:
        if not isinstance(value, str):
            self.fail(key, "not text")
        return self._bytes(key, value, _LONGEST_WORD).decode(errors="surrogateescape")

    def _bytes(self, key: str, value: str, longest: int) -> bytes:
        if len(value) > longest:
            self.fail(key, f"longer than {longest} bytes")
        if any(len(line) > _LONGEST_LINE for line in value.split("\n")):
            self.fail(key, f"has a line of more than {_LONGEST_LINE} characters")
        try:
            return value.encode("latin-1")
        except UnicodeEncodeError:
            self.fail(key, "has a character that is no byte")


@dataclass(frozen=True)
class Site:
    """One node's answers. ``cut`` names the questions whose answer was too long to be written down as a whole."""

    path: Path
    machine: Recorded
    by_root: bool
    cut: tuple[str, ...]


def read_site(path: Path) -> Site:
    """Raise UsageError where this is nothing that a probe wrote."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="name what probe.sh wrote on a node") from error
    if len(data) > LARGEST:
        raise UsageError(f"{path}: larger than {LARGEST} bytes, so nothing that a probe wrote", hint=_AGAIN)
    try:
        return parse_site(data, path)
    except (MalformedError, UsageError) as error:
        raise UsageError(str(error), hint=_AGAIN) from error


def parse_site(data: bytes, path: Path) -> Site:
    at = SitePlace.of(parse_json(data, path.name), path.name)
    at.only("format", "root", "seen")
    at.integer("format", FORMAT, FORMAT)
    by_root = at.boolean("root")
    seen = _Seen()
    for number, entry in enumerate(at.each("seen")):
        if number >= _MOST:
            at.fail("seen", f"more than {_MOST} entries")
        seen.take(entry)
    machine = Recorded(path.name, seen.outputs, seen.files, seen.folders, seen.programs)
    return Site(path, machine, by_root, tuple(seen.cut))


class _Seen:
    """What was read of the entries so far: a question stands there once."""

    def __init__(self) -> None:
        self.outputs: dict[Command, Output] = {}
        self.files: dict[str, bytes | OSError | None] = {}
        self.folders: dict[str, tuple[str, ...]] = {}
        self.programs: dict[str, str | None] = {}
        self.cut: list[str] = []

    def take(self, at: SitePlace) -> None:
        for key, reader in (
            ("ask", self._ask),
            ("read", self._read),
            ("names", self._names),
            ("finds", self._finds),
        ):
            if at.has(key):
                reader(at)
                return
        at.fail("ask", "missing, and so are read, names and finds")

    def _ask(self, at: SitePlace) -> None:
        at.only("ask", "code", "late", "out", "err")
        command = at.words("ask")
        if not command or command in self.outputs:
            self._twice(at, "ask")
        code, out = at.integer("code", 0, 255), self._answer(at, "out", " ".join(command)).decode(errors="replace")
        err = at.data("err", LONGEST).decode(errors="replace")
        if at.has("late"):
            code, err = _KILLED, f"{err}\nno answer in {at.integer('late', 1, 3600)} s"
        self.outputs[command] = Output(code, out, err, late=at.has("late"))

    def _read(self, at: SitePlace) -> None:
        at.only("read", "text", "absent", "unreadable")
        path = at.word("read")
        if path in self.files:
            self._twice(at, "read")
        if at.has("text"):
            self.files[path] = self._answer(at, "text", path)
        elif at.has("unreadable") and at.boolean("unreadable"):
            self.files[path] = PermissionError(path)
        elif at.boolean("absent"):
            self.files[path] = None

    def _names(self, at: SitePlace) -> None:
        at.only("names", "are")
        folder = at.word("names")
        if folder in self.folders:
            self._twice(at, "names")
        self.folders[folder] = tuple(sorted(at.words("are")))

    def _finds(self, at: SitePlace) -> None:
        at.only("finds", "at")
        program = at.word("finds")
        if program in self.programs:
            self._twice(at, "finds")
        self.programs[program] = at.word("at") or None

    def _answer(self, at: SitePlace, key: str, question: str) -> bytes:
        data = at.data(key, LONGEST)
        if len(data) == LONGEST:
            self.cut.append(printable(question)[:80])
        return data

    def _twice(self, at: SitePlace, key: str) -> NoReturn:
        at.fail(key, "empty, or there twice")
