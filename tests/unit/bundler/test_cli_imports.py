"""`verify` imports little: on a small bundle the start is what a person waits for."""

import subprocess
import sys

_PROGRAM = """\
import sys
from bundler.cli import run
code = run(["verify", "--help"])
print(code, sorted({"requests", "docker", "yaml", "isal"} & set(sys.modules)))
"""


def test_verify_imports_nothing_that_fetches() -> None:
    done = subprocess.run((sys.executable, "-c", _PROGRAM), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
