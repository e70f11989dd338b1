"""Who may start an image, whom its own libraries or CUDA's promises have to help, and who cannot: real variables."""

import re
from pathlib import Path

import pytest

from installer.hardware.drivers import usual_requirement
from installer.hardware.gpus import brands_of
from installer.hardware.requirements import (
    CANNOT,
    FORWARD,
    NATIVE,
    Demands,
    Offer,
    Verdict,
    cuda_of,
    demands_of,
    judge,
    judge_idle,
)
from installer.index.gpus import GPUS

RECORDED = Path(__file__).parents[3] / "recorded"
# CUDA_VERSION to a driver that has it natively, and a driver of each other branch that the image lets pass.
ROWS = {
    "12.4.1": ("550.54.14", ("470.223.02", "525.147.05", "535.183.06")),
    "12.8.1": ("570.124.06", ("470.223.02", "535.183.06", "550.127.08", "560.35.05", "565.57.01")),
    "12.9.1": ("575.57.08", ("535.183.06", "550.127.08", "560.35.05", "565.57.01", "570.124.06")),
    "13.0.2": ("580.65.06", ("535.183.06", "550.127.08", "565.57.01", "570.124.06", "575.57.08")),
}
BETWEEN = ("510.108.03", "530.41.03", "545.23.08", "555.58.02")  # branches that no image lets pass
PASSING = [(cuda, driver) for cuda, (_, others) in ROWS.items() for driver in others]
REFUSED = [(cuda, driver) for cuda in ROWS for driver in BETWEEN if not (cuda == "12.4.1" and driver == "555.58.02")]


def recorded(cuda: str) -> str:
    return (RECORDED / "require" / f"{cuda}.txt").read_text().strip()


def demands(cuda: str, vllm: str = "") -> Demands:
    return Demands({"NVIDIA_REQUIRE_CUDA": recorded(cuda)}, cuda, vllm)


def offer(driver: str, gpu: str, toolkit: str = "1.17.8") -> Offer:
    return Offer(driver, GPUS[gpu].brands, GPUS[gpu].capability, toolkit=toolkit)


def verdict(cuda: str, driver: str, gpu: str) -> Verdict:
    return judge(demands(cuda), offer(driver, gpu))


@pytest.mark.parametrize("cuda", ROWS)
def test_the_usual_requirement_is_that_of_published_images(cuda: str) -> None:
    assert usual_requirement(cuda) == recorded(cuda)


def test_of_a_cuda_that_is_not_known_nothing_is_usual() -> None:
    assert usual_requirement("") == ""
    assert usual_requirement("12.6.2") == "cuda>=12.6"


@pytest.mark.parametrize("cuda", ROWS)
@pytest.mark.parametrize("gpu", ["T4", "H200", "RTX-40", "RTX-A6000"])
def test_the_driver_that_comes_with_the_cuda_runs_it_natively(cuda: str, gpu: str) -> None:
    native, _ = ROWS[cuda]
    for driver in (native, "595.45.04", "999.1"):
        assert verdict(cuda, driver, gpu).kind == NATIVE


@pytest.mark.parametrize(("cuda", "driver"), PASSING)
@pytest.mark.parametrize("gpu", ["T4", "L20", "H100", "RTX-A6000", "Quadro-RTX"])
def test_every_branch_that_an_image_lets_pass_is_forward_compatible(cuda: str, driver: str, gpu: str) -> None:
    found = verdict(cuda, driver, gpu)
    assert found.kind == FORWARD
    is_of_cuda_12 = int(driver[:3]) >= 525
    assert found.by_minor_version == (is_of_cuda_12 and cuda.startswith("12."))


@pytest.mark.parametrize(("cuda", "driver"), REFUSED)
def test_branches_between_them_are_refused(cuda: str, driver: str) -> None:
    found = verdict(cuda, driver, "H100")
    assert found.kind == CANNOT
    assert f"NVIDIA_REQUIRE_CUDA asks for cuda>={cuda[:4]} or driver branch" in found.reason


@pytest.mark.parametrize(("cuda", "driver"), [row for row in PASSING if row[0] != "12.4.1"])
def test_geforce_is_let_pass_by_its_branch_only_up_to_12_4(cuda: str, driver: str) -> None:
    found = verdict(cuda, driver, "RTX-40")
    assert found.kind == CANNOT
    assert found.reason.partition(";")[0].endswith(" for other brands")


def test_the_l20_runbook_passes_though_its_driver_is_older_than_the_images_cuda() -> None:
    found = verdict("12.4.1", "535.183.06", "L20")
    assert found == Verdict(
        FORWARD,
        "driver 535.183.06 (CUDA 12.2) is older than CUDA 12.4 of the image, of driver 550.54.14: CUDA 12's "
        "compatibility between minor versions makes it run, or the image's cuda-compat",
        by_minor_version=True,
    )


def test_the_t4_runbook_runs_natively() -> None:
    found = verdict("12.4.1", "550.127.08", "T4")
    assert found == Verdict(NATIVE, "driver 550.127.08 (CUDA 12.4) has what the image asks for")


def test_a_t4_with_a_newer_image_is_forward_compatible() -> None:
    assert verdict("12.9.1", "550.127.08", "T4").kind == FORWARD


def test_a_geforce_with_an_older_driver_cannot_run_a_newer_image() -> None:
    found = verdict("12.8.1", "535.183.06", "RTX-40")
    assert found.kind == CANNOT
    assert found.reason == (
        "driver 535.183.06 (CUDA 12.2) on a card of brand geforce, and the image's NVIDIA_REQUIRE_CUDA asks for "
        "cuda>=12.8 or driver branch 470, 535, 550, 560, 565 for other brands; CUDA 12's compatibility between minor "
        "versions would make it run with NVIDIA_DISABLE_REQUIRE=1 in cluster.env"
    )


def test_a_geforce_that_its_branch_lets_pass_must_leave_cuda_compat_alone() -> None:
    found = verdict("12.4.1", "535.183.06", "RTX-40")
    assert found.kind == FORWARD
    assert found.by_minor_version
    assert "cuda-compat-mode" in found.needs[0]


def test_the_recorded_host_runs_every_image_natively() -> None:
    smi = (RECORDED / "h200" / "nvidia-smi.txt").read_text()
    _, product, driver = (re.split(r", ", (RECORDED / "h200" / "query.csv").read_text().splitlines()[1]))[1:4]
    says = re.search(r"CUDA Version: ([\d.]+)", smi)
    assert says
    host = Offer(driver, brands_of(product, "NVIDIA"), (9, 0), says[1])
    assert cuda_of(host) == cuda_of(Offer(driver)) == "13.0"
    assert {judge(demands(cuda), host).kind for cuda in ROWS} == {NATIVE}


def test_across_major_versions_only_cuda_compat_helps_and_geforce_has_none() -> None:
    anything = Demands({"NVIDIA_REQUIRE_CUDA": "cuda>=13.0 driver>=535"}, "13.0.2")
    found = judge(anything, offer("570.124.06", "H100"))
    assert found.kind == FORWARD
    assert not found.by_minor_version
    assert found.reason.endswith(": only the image's cuda-compat makes it run")
    found = judge(anything, offer("570.124.06", "RTX-40"))
    assert found.kind == CANNOT
    assert found.reason.endswith("which GeForce cards cannot use")


@pytest.mark.parametrize(
    ("toolkit", "vllm", "need"),
    [
        ("1.17.3", "0.14.1", None),
        ("1.17.4", "0.14.1", "toolkit 1.17.4 leaves"),
        ("1.17.6", "0.14.1", "toolkit 1.17.6 leaves"),
        ("1.17.8", "0.14.1", None),
        ("1.20.0", "0.14.1", None),
        ("", "0.14.1", "1.17.7 and newer"),
        ("", "0.16.0", None),
        ("1.17.4", "0.17.1", "VLLM_ENABLE_CUDA_COMPATIBILITY"),
        ("1.17.8", "0.25.1", "VLLM_ENABLE_CUDA_COMPATIBILITY"),
    ],
)
def test_what_makes_cuda_compat_work_depends_on_toolkit_and_vllm(toolkit: str, vllm: str, need: str | None) -> None:
    found = judge(demands("13.0.2", vllm), offer("575.57.08", "H100", toolkit))
    assert found.kind == FORWARD
    assert len(found.needs) == (need is not None)
    assert need is None or need in found.needs[0]


@pytest.mark.parametrize(
    ("toolkit", "vllm", "lack"),
    [
        ("1.17.8", "0.14.1", ""),
        ("", "0.14.1", ""),
        ("1.17.4", "0.14.1", "toolkit 1.17.4 leaves the image's cuda-compat out: install 1.17.8 or newer"),
        ("1.17.4", "0.16.0", ""),
        ("1.17.8", "0.20.0", ""),
        ("", "0.20.0", ""),
        ("1.17.4", "0.20.0", 'set cluster.env VLLM_ENABLE_CUDA_COMPATIBILITY: "1"'),
    ],
)
def test_across_major_versions_an_image_fails_whose_cuda_compat_nothing_turns_on(
    toolkit: str, vllm: str, lack: str
) -> None:
    assert judge(demands("13.0.2", vllm), offer("550.127.08", "H100", toolkit)).lack == lack
    assert judge(demands("12.9.1", vllm), offer("550.127.08", "H100", toolkit)).lack == ""


@pytest.mark.parametrize(
    ("value", "is_told"), [("1", True), ("true", True), ("True ", True), ("0", False), ("", False)]
)
def test_what_was_turned_on_is_not_asked_for_again(value: str, *, is_told: bool) -> None:
    requires, versions = {"NVIDIA_REQUIRE_CUDA": recorded("13.0.2")}, {"cuda": "13.0.2", "vllm": "0.20.0"}
    asked = demands_of(requires, versions, {"VLLM_ENABLE_CUDA_COMPATIBILITY": value})
    found = judge(asked, offer("550.127.08", "H100", "1.17.4"))
    assert found.kind == FORWARD
    assert (found.lack == "", found.needs == ()) == (is_told, is_told)


def test_an_idle_card_is_asked_by_the_toolkit_alone() -> None:
    """535 is let pass on it, and CUDA would need more than that."""
    image = Demands({"NVIDIA_REQUIRE_CUDA": "cuda>=13.0 driver>=535"}, "13.0.2")
    assert judge(image, offer("570.124.06", "RTX-40")).kind == CANNOT
    assert judge_idle(image, offer("570.124.06", "RTX-40")).kind == NATIVE
    assert judge_idle(demands("12.8.1"), offer("550.127.08", "RTX-40")).kind == CANNOT


def test_a_workstation_card_has_to_be_tried() -> None:
    found = judge(demands("13.0.2"), Offer("575.57.08", ("nvidiartx",), (8, 9), toolkit="1.17.8"))
    assert "selected RTX cards" in found.needs[0]


def test_of_a_card_that_is_not_known_whatever_is_asked_is_taken_to_hold() -> None:
    found = judge(demands("13.0.2"), Offer("575.57.08", toolkit="1.17.8"))
    assert found.kind == FORWARD
    assert found.needs == ("the card must be a datacenter GPU",)


def test_the_worst_of_the_brands_that_a_card_may_report_decides() -> None:
    grid = Offer("535.183.06", ("tesla", "grid"), (8, 6))
    assert judge(demands("12.9.1"), grid).kind == FORWARD
    assert "of brand grid" in judge(demands("12.4.1"), grid).reason


def test_several_variables_must_all_hold() -> None:
    both = Demands({"NVIDIA_REQUIRE_CUDA": recorded("12.4.1"), "NVIDIA_REQUIRE_ARCH": "arch>=8.0"}, "12.4.1")
    found = judge(both, offer("550.127.08", "T4"))
    assert found.kind == CANNOT
    assert "NVIDIA_REQUIRE_ARCH asks for arch>=8.0" in found.reason
    assert judge(both, offer("550.127.08", "L20")).kind == NATIVE


def test_what_a_card_is_too_old_for_no_compatibility_helps() -> None:
    both = Demands({"NVIDIA_REQUIRE_CUDA": recorded("12.4.1"), "NVIDIA_REQUIRE_ARCH": "arch>=8.0"}, "12.4.1")
    found = judge(both, offer("535.183.06", "T4"))
    assert found.reason.endswith("NVIDIA_REQUIRE_ARCH asks for arch>=8.0")
    assert not found.by_minor_version


@pytest.mark.parametrize(("gpu", "count"), [("RTX-40", 1), ("L20", 0)])
def test_who_switches_the_gate_off_hears_what_else_a_card_needs(gpu: str, count: int) -> None:
    found = judge(Demands({}, "12.4.1"), offer("535.183.06", gpu))
    assert (found.kind, found.by_minor_version) == (CANNOT, True)
    assert found.reason.endswith("would make it run with NVIDIA_DISABLE_REQUIRE=1 in cluster.env")
    assert len([need for need in found.needs if "cuda-compat-mode" in need]) == count


def test_of_an_image_that_tells_no_cuda_only_its_branches_are_known() -> None:
    found = judge(Demands({"NVIDIA_REQUIRE_CUDA": "driver>=470,driver<536"}), offer("535.183.06", "H100"))
    assert found == Verdict(FORWARD, "driver 535.183.06 (CUDA 12.2) is let pass by its branch alone")


def test_what_is_not_understood_is_refused_as_the_toolkit_does() -> None:
    found = judge(Demands({"NVIDIA_REQUIRE_X": "moon=full"}), offer("550.127.08", "T4"))
    assert found == Verdict(
        CANNOT, "the container toolkit does not understand moon=full in the image's NVIDIA_REQUIRE_X"
    )


def test_an_image_that_asks_for_nothing_runs() -> None:
    assert judge(Demands({}), offer("390.157", "T4")).kind == NATIVE
    assert judge(Demands({"NVIDIA_REQUIRE_JETPACK_HOST_MOUNTS": "moon=full"}), offer("390.157", "T4")).kind == NATIVE


def test_an_image_with_a_cuda_version_alone_asks_for_that() -> None:
    old = Demands({}, "12.4.1")
    assert judge(old, offer("550.127.08", "T4")).kind == NATIVE
    found = judge(old, offer("535.183.06", "T4"))
    assert found.kind == CANNOT
    assert "CUDA_VERSION asks for cuda>=12.4" in found.reason


def test_nobody_asks_where_the_manifest_says_so() -> None:
    requires = {"NVIDIA_REQUIRE_CUDA": recorded("12.8.1"), "NVIDIA_REQUIRE_X": "moon=full"}
    unasked = demands_of(requires, {"cuda": "12.8.1", "vllm": "0.9.2"}, {"NVIDIA_DISABLE_REQUIRE": "true"})
    assert judge(unasked, offer("545.23.08", "RTX-40")).kind == FORWARD
    assert judge(unasked, offer("570.124.06", "RTX-40")).kind == NATIVE
    assert judge(unasked, offer("470.223.02", "RTX-40")).kind == CANNOT


def test_the_manifests_own_values_go_before_the_images() -> None:
    asked = demands_of({"NVIDIA_REQUIRE_CUDA": "cuda>=99"}, {}, {"NVIDIA_REQUIRE_CUDA": "cuda>=12.0", "OTHER": "1"})
    assert asked == Demands({"NVIDIA_REQUIRE_CUDA": "cuda>=12.0"})


def test_what_nvidia_smi_says_goes_before_the_table() -> None:
    """So does the toolkit: it asks the driver."""
    assert judge(demands("13.0.2"), Offer("550.127.08", ("geforce",), cuda="13.0")).kind == NATIVE


def test_a_driver_that_is_older_than_all_that_is_known() -> None:
    found = verdict("12.4.1", "390.157", "T4")
    assert found.kind == CANNOT
    assert found.reason.startswith("driver 390.157 (a CUDA older than 11.4)")
