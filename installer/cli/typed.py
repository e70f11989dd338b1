"""What a person can type on this node to run this program: by its name once it is installed, before that by a launcher.

Hints and fixes name it as it will be. Here, and nowhere else, they are made to fit a node that has no such program.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import click

from installer.node import Node
from installer.node.paths import PROGRAM
from installer.peers.findings import LISTEN_THERE
from installer.survey import Survey

# The launcher's and our names for the path by which it was started, and for what was typed behind --bundle.
LAUNCHER_VARIABLE = "VLLM_AIRGAP_LAUNCHER"
BUNDLE_VARIABLE = "VLLM_AIRGAP_BUNDLE"
# The node's place, whom it believes, what may be ignored. How one run was to go (--dry-run) holds for that run alone.
CARRIED = frozenset("role node_ip head nodes data_dir overrides ignored keys fingerprints first_use".split())
# Of these, what holds on the other nodes too, while they listen.
_ELSEWHERE = CARRIED - {"role", "node_ip", "head", "ignored"}
_ANCHORS = {"--trusted-key", "--fingerprint", "--trust-on-first-use"}
HELP = ["-h", "--help"]  # click remembers with each command what it was asked for first
ITSELF = "install"  # the command that a launcher needs no word for
_NAMED = re.compile(
    r"(?<![\w/.-])vllm-airgap (?:(?P<command>install|preflight|verify)(?: BUNDLE)?(?: --help)?|--help)(?![\w-])"
    r"(?=(?P<said>(?: --[a-z-]+ \S+)*))"
)


@dataclass(frozen=True)
class Typed:
    """``arguments`` begin with the command. ``launcher`` and ``bundle`` are "" where no launcher told them."""

    arguments: Sequence[str]
    launcher: str = ""
    bundle: str = ""
    commands: Mapping[str, click.Command] = field(default_factory=dict)

    def fitting(self, hint: str, node: Node) -> str:
        """``hint``, in words that work on ``node`` as it is now."""
        told = hint.replace(LISTEN_THERE, self._listening_there())
        return told if node.at(PROGRAM).exists() else _NAMED.sub(self._by_launcher, told)

    def fitted(self, seen: Survey, node: Node) -> Survey:
        """The same with the fix of each finding."""
        findings = tuple(replace(found, fix=self.fitting(found.fix, node)) for found in seen.report.findings)
        return replace(seen, report=replace(seen.report, findings=findings))

    def _listening_there(self) -> str:
        """On the other nodes, of which nothing is known but that they are not installed: with what was typed here."""
        words = self._carried("preflight", "", _ELSEWHERE)
        if "--nodes" not in words or _ANCHORS.isdisjoint(words):
            return LISTEN_THERE
        return shlex.join((*self._started(), "preflight", "--listen", *words))

    def _started(self) -> tuple[str, ...]:
        place = ("--bundle", self.bundle) if self.bundle else ()
        return ("sh", self.launcher, *place) if self.launcher else ("sh", "install", "--bundle", "FOLDER")

    def _by_launcher(self, named: re.Match[str]) -> str:
        command, wants_help = named["command"] or ITSELF, "--help" in named[0]
        place = ("--bundle", self.bundle) if self.bundle else ()
        if not self.launcher and not wants_help:
            place = ("--bundle", "FOLDER")
        words = ("sh", self.launcher or "install", *place, *((command,) if command != ITSELF else ()))
        return shlex.join((*words, "--help") if wants_help else (*words, *self._carried(command, named["said"])))

    def _carried(self, command: str, said: str, names: frozenset[str] = CARRIED) -> tuple[str, ...]:
        """The options typed now that ``command`` takes too: until the program is installed nothing remembers them.

        Without those that the hint has ``said`` anew.
        """
        typed, wanted = self.commands.get(self.arguments[0] if self.arguments else ""), self.commands.get(command)
        if typed is None or wanted is None:
            return ()
        taken = names.intersection(parameter.name for parameter in wanted.params)
        try:
            values, _, _ = typed.make_parser(click.Context(typed, help_option_names=HELP)).parse_args(
                list(self.arguments[1:])
            )
        except click.UsageError:
            return ()
        carried = (found for found in typed.params if found.name in taken and found.name in values)
        return tuple(word for found in carried for word in _words(found.opts[-1], values[str(found.name)], said))


def _words(option: str, value: object, said: str) -> tuple[str, ...]:
    """As click's parser keeps it: a flag has True, what may come again a list."""
    if value is True:
        return (option,)
    values = map(str, value if isinstance(value, list) else [value])
    return tuple(word for each in values if _begin(option, each) not in said for word in (option, each))


def _begin(option: str, value: str) -> str:
    """Of settings the key tells one from the others."""
    key, is_pair, _ = value.partition("=")
    return f" {option} {key}=" if option == "--set" and is_pair else f" {option} "
