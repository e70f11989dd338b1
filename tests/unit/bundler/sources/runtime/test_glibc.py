"""The file that needs the newest glibc decides, and is named."""

import os
from pathlib import Path

import pytest

from bundler.elf import Elf, numbers
from bundler.sources.runtime.glibc import elf_files, host_demand, refuse_newer_glibc, with_host_glibc
from installer.errors import RefusedError
from installer.index.document import Target

ELVES = {
    "python/bin/python3": Elf("x86_64", ("libc.so.6",), "2.9"),
    "program/_rust.abi3.so": Elf("x86_64", ("libc.so.6",), "2.28"),
    "python/static": Elf("x86_64", (), ""),
}


def target(glibc: str) -> Target:
    return Target("x86_64", glibc, "rpm")


@pytest.mark.parametrize("glibc", ["2.28", "2.31"])
def test_nodes_with_that_glibc_or_a_newer_one_are_fine(glibc: str) -> None:
    refuse_newer_glibc(ELVES, target(glibc))


@pytest.mark.parametrize("glibc", ["2.9", "2.17", "2.27"])
def test_older_nodes_are_refused_by_the_file_and_its_version(glibc: str) -> None:
    with pytest.raises(
        RefusedError, match=rf"_rust\.abi3\.so needs glibc 2\.28, and target\.glibc is {glibc}"
    ) as caught:
        refuse_newer_glibc(ELVES, target(glibc))
    assert caught.value.exit_code == 6


def test_what_is_no_elf_file_needs_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import os\n")
    (tmp_path / "empty").touch()
    assert elf_files({"a.py": tmp_path / "a.py", "empty": tmp_path / "empty"}) == {}


def test_this_machines_python_needs_no_more_than_this_machine_has() -> None:
    demand, has = host_demand(), (os.confstr("CS_GNU_LIBC_VERSION") or "").split()[1]
    assert demand
    assert numbers("2.2") < numbers(demand.glibc) <= numbers(has)
    assert with_host_glibc(target("2.2")).glibc == demand.glibc
    assert with_host_glibc(target("2.99")) == target("2.99")
