"""A machine as a folder of files and small programs, so that a shell script looks at it instead of at ours."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from installer.facts import Facts
from installer.sight import Output, Sight
from tests.fakes.overheard import overhear

PROBE = Path(__file__).parents[2] / "bundler/probe.sh"
# What the script itself runs; no question is about these.
_TOOLS = tuple("awk cat env grep id ls mv od rm sed timeout tr true uname wc".split())
_FOLDERS = tuple("usr/local/sbin usr/local/bin usr/sbin usr/bin sbin bin".split())
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"


@dataclass(frozen=True)
class Posed:
    """``root`` is what stands for /. The script is in ``folder``, and its tools, which may be replaced."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "machine"

    @property
    def script(self) -> Path:
        return self.folder / "stick/probe.sh"

    def run(self, *arguments: str, by: Sequence[str] = ("sh",), cwd: Path | None = None) -> str:
        """What it says to the person, who sees the document where - is the only argument."""
        done = self.tried(*arguments, by=by, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout if arguments == ("-",) else done.stderr

    def tried(
        self, *arguments: str, by: Sequence[str] = ("sh",), cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (*by, os.fspath(self.script), *arguments),
            cwd=cwd or self.folder,
            env={"PATH": os.environ["PATH"], "LD_PRELOAD": "", "DOCKER_HOST": "tcp://x", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def write(self, path: str, content: bytes) -> None:
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def give_program(self, path: str, script: str) -> None:
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_program(target, script)

    def use_tool(self, name: str, program: str) -> None:
        tool = self.folder / "tools" / name
        tool.unlink(missing_ok=True)
        tool.symlink_to(program)


def pose(machine: Sight, folder: Path) -> Posed:
    """What facts ask of ``machine`` is answered as it answers, and other questions by nothing."""
    posed, told = Posed(folder), overhear(machine)
    (folder / "tools").mkdir(parents=True)
    for tool in _TOOLS:
        posed.use_tool(tool, shutil.which(tool) or f"/nowhere/{tool}")
    posed.use_tool("uname", os.fspath(folder / "uname"))
    _write_program(folder / "uname", f'[ "$1" = -n ] && exec {shutil.which("uname")} -n\nexit 1\n')
    posed.root.mkdir()
    for found, names in told.folders.items():
        for name in names:
            (posed.root / found.lstrip("/") / name).mkdir(parents=True, exist_ok=True)
    for path, content in told.files.items():
        if content is not None:
            _make_room(posed.root / path.lstrip("/"))
            posed.write(path, content)
    for place in filter(None, told.programs.values()):
        posed.give_program(place, "exit 99\n")
    _give_answers(posed, told.outputs)
    _place_script(posed)
    return posed


def as_probed(facts: Facts) -> Facts:
    """As the script's own filters leave it."""
    mounts = tuple(
        replace(mount, options=tuple(option for option in mount.options if "=" not in option))
        for mount in facts.storage.mounts
    )
    smi = tuple(replace(gpu, uuid=gpu.uuid[:8]) for gpu in facts.gpus.smi)
    processes = tuple(replace(one, gpu=one.gpu[:8], name=one.name.rpartition("/")[2]) for one in facts.gpus.processes)
    return replace(
        facts,
        storage=replace(facts.storage, mounts=mounts),
        gpus=replace(facts.gpus, smi=smi, processes=processes),
    )


def _give_answers(posed: Posed, outputs: Mapping[tuple[str, ...], Output]) -> None:
    scripts: dict[str, str] = {}
    for number, (command, output) in enumerate(outputs.items()):
        if output.code == 127:
            continue
        out, err = posed.folder / f"{number}.out", posed.folder / f"{number}.err"
        out.write_text(output.stdout)
        err.write_text(output.stderr)
        program = command[0] if command[0].startswith("/") else f"/usr/bin/{command[0]}"
        case = f"{shlex.quote(' '.join(command[1:]))}) cat {out}; cat {err} >&2; exit {output.code} ;;\n"
        scripts[program] = scripts.get(program, "") + case
    for program, cases in scripts.items():
        name = program.rpartition("/")[2]
        other = f'exec {shutil.which(name)} "$@"' if name in _TOOLS else "exit 99"
        posed.give_program(program, f'case "$*" in\n{cases}*) {other} ;;\nesac\n')


def _place_script(posed: Posed) -> None:
    """As it is, but for the two lines that say where the machine is."""
    text = PROBE.read_text("ascii")
    folders = ":".join(f"{posed.root}/{folder}" for folder in _FOLDERS)
    for old, new in (("root= #", f"root='{posed.root}' #"), (_PATH, f"PATH='{folders}:{posed.folder}/tools'\n")):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    posed.script.parent.mkdir()
    posed.script.write_text(text)


def _write_program(target: Path, script: str) -> None:
    target.write_text(f"#!/bin/sh\n{script}")
    target.chmod(0o755)


def _make_room(path: Path) -> None:
    """A name of a listing was made a folder, as long as nothing was known of it."""
    if path.is_dir():
        path.rmdir()
