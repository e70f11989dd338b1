"""Builds debs from a control file and a tree of files."""

from pathlib import Path

from testbed.commands import run
from testbed.rpms import MADE_AT


def build(control: str, tree: Path, folder: Path, **scripts: str) -> Path:
    """Into ``folder``, under the name that Debian gives it. ``scripts`` go beside the control file."""
    about = tree / "DEBIAN"
    about.mkdir()
    (about / "control").write_text(control)
    for name, text in scripts.items():
        (about / name).write_text(text)
        (about / name).chmod(0o755 if text.startswith("#!") else 0o644)
    said = run("dpkg-deb", "--root-owner-group", "--build", str(tree), str(folder), env={"SOURCE_DATE_EPOCH": MADE_AT})
    return Path(said.rpartition(" in '")[2].rstrip("'.\n"))
