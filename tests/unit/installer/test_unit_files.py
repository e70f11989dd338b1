"""Rules for the unit files that no compiler knows, each once broken by somebody."""

import configparser
from importlib.resources import files

import pytest

from installer.node.paths import BINARIES, PROGRAM

CLUSTER = ("vllm-airgap-node.service", "vllm-airgap-serve.service")
RESUME = "vllm-airgap-resume.service"
ALL = (*CLUSTER, RESUME, "containerd.service", "docker.service")


def sections(unit: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[method-assign,assignment]  # names are case-sensitive
    parser.read_string(files("installer.units").joinpath(unit).read_text())
    return {name: dict(parser[name]) for name in parser.sections()}


@pytest.mark.parametrize("unit", CLUSTER)
def test_a_restarted_docker_leaves_no_unit_dead(unit: str) -> None:
    dependencies = sections(unit)["Unit"]
    assert not {"BindsTo", "Requires", "PartOf"} & dependencies.keys()
    assert {"Wants", "After"} <= dependencies.keys()


@pytest.mark.parametrize("unit", CLUSTER)
def test_a_unit_restarts_for_ever_also_with_systemd_219(unit: str) -> None:
    service = sections(unit)["Service"]
    assert (service["Restart"], service["StartLimitInterval"]) == ("always", "0")
    assert "StartLimitIntervalSec" not in service


@pytest.mark.parametrize("unit", CLUSTER)
def test_start_and_stop_go_through_the_program(unit: str) -> None:
    service = sections(unit)["Service"]
    assert service["ExecStart"].split()[0] == service["ExecStop"].split()[0] == PROGRAM


def test_the_install_that_goes_on_after_a_reboot_waits_for_nothing_that_it_starts_itself() -> None:
    """A unit that is ordered after or before one that it starts waits for itself."""
    unit = sections(RESUME)
    assert not set(CLUSTER) & set(unit["Unit"]["After"].split())
    assert not {"Before", "Requires", "BindsTo", "PartOf"} & unit["Unit"].keys()
    assert (unit["Service"]["Type"], unit["Service"]["ExecStart"]) == ("oneshot", f"{PROGRAM} resume")
    assert "Restart" not in unit["Service"]


def test_the_install_that_goes_on_comes_after_the_mounts_that_may_hold_the_model() -> None:
    assert "remote-fs.target" in sections(RESUME)["Unit"]["After"].split()


@pytest.mark.parametrize("unit", ALL)
def test_a_unit_holds_no_specifier_that_systemd_would_replace(unit: str) -> None:
    assert "%" not in files("installer.units").joinpath(unit).read_text()


@pytest.mark.parametrize("unit", ALL)
def test_a_unit_starts_at_boot(unit: str) -> None:
    assert sections(unit)["Install"] == {"WantedBy": "multi-user.target"}


@pytest.mark.parametrize("unit", ["containerd.service", "docker.service"])
def test_docker_runs_from_where_we_put_it_and_finds_its_helpers_there(unit: str) -> None:
    service = sections(unit)["Service"]
    assert service["ExecStart"].startswith(f"{BINARIES}/")
    assert BINARIES in service["Environment"].removeprefix("PATH=").split(":")
    assert service["KillMode"] == "process"
