import sys
from pathlib import Path

import pytest

from bundler.sources.runtime.libraries import GLIBC, needed_libraries, read_ldd
from installer.errors import EnvironmentProblemError

# What ldd says of several files.
OUTPUT = """\
/usr/local/bin/python3.12:
\tlinux-vdso.so.1 (0x00007f27c7bec000)
\tlibpython3.12.so.1.0 => /usr/local/lib/libpython3.12.so.1.0 (0x00007f27c7600000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f27c741e000)
\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f27c733e000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f27c7bee000)
/usr/local/lib/python3.12/lib-dynload/_ssl.cpython-312-x86_64-linux-gnu.so:
\tlibssl.so.3 => /opt/a folder/libssl.so.3 (0x00007f7c56000000)
\tlibcrypto.so.3 => /opt/a folder/libcrypto.so.3 (0x00007f7c55a00000)
\tlibpthread.so.0 => /lib/x86_64-linux-gnu/libpthread.so.0 (0x00007f7c559fb000)
/usr/local/lib/python3.12/lib-dynload/_heapq.cpython-312-x86_64-linux-gnu.so:
\tstatically linked
"""
MISSING = "\tlibffi.so.8 => not found\n"


def test_everything_but_glibc_is_found_by_the_name_it_is_asked_for() -> None:
    assert read_ldd(OUTPUT) == {
        "libpython3.12.so.1.0": Path("/usr/local/lib/libpython3.12.so.1.0"),
        "libssl.so.3": Path("/opt/a folder/libssl.so.3"),
        "libcrypto.so.3": Path("/opt/a folder/libcrypto.so.3"),
    }


def test_a_library_that_is_missing_here_would_be_missing_on_a_node() -> None:
    with pytest.raises(EnvironmentProblemError, match=r"libffi\.so\.8"):
        read_ldd(OUTPUT + MISSING)


@pytest.mark.parametrize("name", ["libc.so.6", "ld-linux-x86-64.so.2", "libnss_files.so.2", "libdl.so.2"])
def test_glibc_is_the_nodes(name: str) -> None:
    assert GLIBC.fullmatch(name)


@pytest.mark.parametrize("name", ["libcrypt.so.1", "libcrypto.so.3", "libm.so.6.backup", "libnsl.so.2"])
def test_other_names_are_not_glibcs(name: str) -> None:
    assert not GLIBC.fullmatch(name)


def test_only_programs_are_asked_what_they_need(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys\n")
    files = {"script.py": script, "python3": Path(sys.executable).resolve()}
    needed = needed_libraries(files)
    assert all(path.is_file() for path in needed.values())


def test_what_is_packed_anyway_is_not_packed_twice() -> None:
    program = Path(sys.executable).resolve()
    needed = needed_libraries({"python3": program})
    assert needed_libraries({"python3": program, **needed}) == {}
