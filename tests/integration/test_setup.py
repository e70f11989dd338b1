"""scripts/setup on machines that an earlier run, a move or an upgrade left in any state. No network."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Knows a package only once its lists are fresh.
APT = """\
echo "$1" >>"$LOG"
[ "$1" = update ] && touch "$LISTS"
[ -e "$LISTS" ]
"""
PYTHON = """\
[ "$1" = -c ] && exit
echo "$2" >>"$LOG"
mkdir -p "$3/bin"
echo "command = $0 -m venv $PWD/$3" >"$3/pyvenv.cfg"
printf '#!/bin/sh\\n[ "$3" = --version ] || echo "pip $3" >>"$LOG"\\n' >"$3/bin/python"
chmod +x "$3/bin/python"
"""
MADE = ["venv", "pip install"]


@dataclass
class Machine:
    """A checkout, and a Debian of which only apt and Python are there."""

    folder: Path

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    @property
    def lists(self) -> Path:
        return self.folder / "lists"

    @property
    def venv(self) -> Path:
        return self.checkout / "build/venv"

    def program(self, name: str, body: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{body}")
        path.chmod(0o755)

    def setup(self) -> tuple[int, list[str]]:
        """Exit status, and what was done. In a mount namespace: the machine's own /usr/sbin stays as it is."""
        log = self.folder / "log"
        log.write_text("")
        environment = {"PATH": f"{self.folder}/bin:/usr/bin:/bin", "LOG": str(log), "LISTS": str(self.lists)}
        inside = f"mount -t tmpfs none /usr/sbin && exec {self.checkout}/scripts/setup"
        command = ("unshare", "--mount", "sh", "-c", inside)
        done = subprocess.run(command, env=environment, check=False, capture_output=True, timeout=60)
        return done.returncode, log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path)
    (found.checkout / "scripts").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "scripts/setup", found.checkout / "scripts")
    shutil.copy(ROOT / "pyproject.toml", found.checkout)
    found.program("apt-get", APT)
    found.program("python3", PYTHON)
    found.program("dpkg-query", "shift 2\nfor package; do printf 'ii %s ' \"$package\"; done\n")
    return found


def test_what_is_there_is_left_alone(machine: Machine) -> None:
    assert machine.setup() == (0, MADE)
    assert machine.setup() == (0, [])


def test_packages_come_from_lists_that_are_good(machine: Machine) -> None:
    machine.program("dpkg-query", "")
    machine.lists.touch()
    assert machine.setup() == (0, ["install", *MADE])


def test_lists_that_are_missing_or_old_are_fetched_once(machine: Machine) -> None:
    machine.program("dpkg-query", "")
    assert machine.setup() == (0, ["install", "update", "install", *MADE])


def test_a_package_that_is_nowhere_ends_it(machine: Machine) -> None:
    machine.program("dpkg-query", "")
    machine.program("apt-get", 'echo "$1" >>"$LOG"\n[ "$1" = update ]\n')
    status, done = machine.setup()
    assert status != 0
    assert done == ["install", "update", "install"]


def test_another_pyproject_needs_no_other_environment(machine: Machine) -> None:
    machine.setup()
    with (machine.checkout / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert machine.setup() == (0, ["pip install"])


def dangle(machine: Machine) -> None:
    (machine.venv / "bin/python").unlink()
    (machine.venv / "bin/python").symlink_to("/usr/bin/python2.9")


def lose_pip(machine: Machine) -> None:
    (machine.venv / "bin/python").write_text("#!/bin/sh\nexit 1\n")


def cut_short(machine: Machine) -> None:
    """By a signal while pip was at work."""
    (machine.venv / "made-from-pyproject.toml").unlink()


def move(machine: Machine) -> None:
    config = machine.venv / "pyvenv.cfg"
    config.write_text(config.read_text().replace(str(machine.checkout), "/where/it/was"))


@pytest.mark.parametrize("harm", [dangle, lose_pip, cut_short, move])
def test_an_environment_that_does_not_work_here_is_made_again(
    machine: Machine, harm: Callable[[Machine], None]
) -> None:
    machine.setup()
    harm(machine)
    assert machine.setup() == (0, MADE)
    assert machine.setup() == (0, [])
    assert os.access(machine.venv / "bin/python", os.X_OK)
