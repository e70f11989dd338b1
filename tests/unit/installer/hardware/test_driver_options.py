import pytest

from installer.facts.gpus import PciGpu
from installer.hardware.driver_options import branch_of, installer_options, over_running

V100, T4, H200, B200 = "1db4", "1eb8", "2335", "2901"


def options(version: str, *devices: str) -> tuple[str, ...]:
    gpus = tuple(PciGpu(f"0000:00:{number:02x}.0", device, "") for number, device in enumerate(devices))
    return installer_options(version, gpus, dkms=False, desktop=True)


@pytest.mark.parametrize(
    ("version", "devices", "kind"),
    [
        ("550.127.08", (T4, T4), ()),
        ("580.65.06", (H200,), ()),
        ("580.65.06", (V100,), ("--kernel-module-type=proprietary",)),
        ("550.127.08", (V100,), ()),
        ("570.124.06", (B200, B200), ("--kernel-module-type=open",)),
        ("550.127.08", (B200,), ("--kernel-module-build-directory=kernel-open",)),
        ("470.256.02", (B200,), ()),
        ("580.65.06", (V100, B200), ()),
        ("580.65.06", (V100, T4), ()),
        ("580.65.06", (H200, B200), ()),
        ("580.65.06", (), ()),
    ],
)
def test_the_kind_of_module_is_told_where_only_one_will_do(
    version: str, devices: tuple[str, ...], kind: tuple[str, ...]
) -> None:
    assert options(version, *devices) == ("--silent", *kind)


def test_a_server_gets_no_opengl() -> None:
    assert installer_options("550.127.08", (), dkms=False, desktop=False) == ("--silent", "--no-opengl-files")


def test_dkms_is_used_where_it_is_there() -> None:
    assert "--dkms" in installer_options("550.127.08", (), dkms=True, desktop=True)


def test_only_branches_from_550_on_install_beside_a_running_driver() -> None:
    assert over_running("535.183.06") == ()
    assert over_running("550.54.14") == ("--allow-installation-with-running-driver", "--skip-module-load")


@pytest.mark.parametrize(("version", "branch"), [("550.127.08", 550), ("", 0), ("unknown", 0)])
def test_the_branch_is_the_first_number(version: str, branch: int) -> None:
    assert branch_of(version) == branch
