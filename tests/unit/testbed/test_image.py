"""The recipe of the vLLM image says what to do where pip does not find its torch."""

from pathlib import Path

import pytest
from testbed import commands
from testbed.image import TORCH, pip_install


def test_a_pip_that_finds_no_torch_for_cpu_says_which_variable_helps(tmp_path: Path) -> None:
    pip = tmp_path / "pip"
    pip.write_text('#!/bin/sh\necho "ERROR: No matching distribution found for $*" >&2\nexit 1\n')
    pip.chmod(0o755)
    with pytest.raises(commands.TestbedError) as caught:
        pip_install(pip, tmp_path / "packages")
    assert f"torch=={TORCH}+cpu" in str(caught.value)  # so that a torch with CUDA is never fetched
    assert "No matching distribution found" in str(caught.value)
    assert "TESTBED_TORCH_INDEX_URL" in str(caught.value)
