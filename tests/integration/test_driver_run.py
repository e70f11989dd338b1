"""The testbed's driver .run fails in the ways of the real one, when a node tells it to; made alone, in seconds.

It runs on a copy of this machine's root that goes with the last process in it.
"""

import subprocess
from pathlib import Path

import pytest
from testbed import driver

from installer.hardware.driver_log import errors_in, remedy_for

ON_A_COPY = """
set -eu
at=$1 root=$1/root
mount -t tmpfs tmpfs "$at"
mkdir "$at/upper" "$at/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$at/upper,workdir=$at/work" overlay "$root"
mount --bind /proc "$root/proc"
mount --bind /dev "$root/dev"
mkdir -p "$root/etc/testbed"
cp "$2" "$root/root/driver.run"
printf '%s\\n' "$3" >"$root/etc/testbed/driver-fails"
shift 3
code=0
chroot "$root" sh /root/driver.run --silent --tmpdir /root "$@" || code=$?
cat "$root/var/log/nvidia-installer.log"
find "$root/usr/bin/nvidia-smi" "$root/etc/modprobe.d" -name '*nvidia*' 2>/dev/null || true
exit "$code"
"""


@pytest.fixture(scope="module")
def driver_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("driver") / f"{driver.NAME}.run"
    driver.make(target)
    return target


def install(driver_run: Path, folder: Path, failing: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = ("unshare", "--mount", "sh", "-c", ON_A_COPY, "sh", str(folder), str(driver_run), failing, *options)
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_installs_where_nothing_is_in_its_way(driver_run: Path, tmp_path: Path) -> None:
    done = install(driver_run, tmp_path, "", "--no-opengl-files")
    assert (done.returncode, errors_in(done.stdout)) == (0, ())
    assert "/usr/bin/nvidia-smi\n" in done.stdout


@pytest.mark.parametrize(
    ("failing", "remedy"),
    [
        ("nouveau", "nouveau is loaded"),
        ("headers", "install kernel-devel"),
        ("compiler", "install gcc and make"),
        ("in-use", "something uses the GPU"),
    ],
)
def test_it_fails_as_the_real_one_and_its_log_is_understood(
    driver_run: Path, tmp_path: Path, failing: str, remedy: str
) -> None:
    done = install(driver_run, tmp_path, failing)
    assert done.returncode == 1
    assert (remedy_for(done.stdout) or "").startswith(remedy)
    assert "Installation has failed" in done.stdout
    assert "Installation has failed" not in " ".join(errors_in(done.stdout))
    assert "/usr/bin/nvidia-smi\n" not in done.stdout


def test_nouveau_leaves_the_files_that_block_it(driver_run: Path, tmp_path: Path) -> None:
    assert "nvidia-installer-disable-nouveau.conf" in install(driver_run, tmp_path, "nouveau").stdout


def test_branch_550_installs_beside_a_driver_in_use_when_told(driver_run: Path, tmp_path: Path) -> None:
    options = ("--allow-installation-with-running-driver", "--skip-module-load")
    assert install(driver_run, tmp_path, "in-use", *options).returncode == 0
