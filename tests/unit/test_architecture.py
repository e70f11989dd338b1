"""Who may import whom. Read from the source, so that nothing needs to run."""

import ast
from collections.abc import Iterator
from pathlib import Path

import bundler
import installer

ROOT = Path(__file__).parents[2]
# Where each third-party package is at home.
HOMES = {
    "click": ("bundler.cli", "installer.cli"),
    "tqdm": ("bundler.console", "installer.console"),
    "requests": ("bundler.http",),
    "urllib3": ("bundler.http",),
    "docker": ("bundler.sources.image.docker",),
    "yaml": ("bundler.manifest",),
    "cryptography": ("bundler.signing", "installer.trust"),
    "huggingface_hub": ("bundler.sources.model.huggingface_api",),
    "httpx2": ("bundler.sources.model.huggingface_api",),
    "isal": ("bundler.sources.image.layers",),
    "elftools": ("bundler.elf",),
    "pbs_installer": ("bundler.sources.runtime.standalone",),
    "rpmfile": ("bundler.packages.rpm",),
    "zstandard": ("bundler.packages.deb",),
}
SHARED = (
    "installer.index",
    "installer.trust",
    "installer.errors",
    "installer.__version__",
    "installer.sight",
    "installer.facts",
    "installer.hardware",
    "installer.preflight",
)
OF_THE_MACHINE = ("ctypes", "fcntl", "http", "multiprocessing", "socket", "subprocess", "time")
NO_STEP_IMPORTS = ("installer.steps", "installer.roles", "installer.cli")


def within(module: str, homes: tuple[str, ...]) -> bool:
    return any(module == home or module.startswith(f"{home}.") for home in homes)


def modules() -> Iterator[tuple[str, ast.Module]]:
    for package in ("bundler", "installer"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield name, ast.parse(path.read_bytes())


def imports() -> Iterator[tuple[str, str]]:
    """(importing module, imported module), wherever in the file; for ``from a import b`` both a and a.b."""
    for module, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from ((module, alias.name) for alias in node.names)
            if isinstance(node, ast.ImportFrom):
                assert not node.level, f"{module}: relative import"
                yield module, str(node.module)
                yield from ((module, f"{node.module}.{alias.name}") for alias in node.names)


IMPORTS = tuple(imports())


def test_the_imported_packages_are_ours() -> None:
    for package in (bundler, installer):
        assert Path(str(package.__file__)).parent.parent == ROOT


def test_third_party_packages_stay_at_home() -> None:
    assert [(by, what) for by, what in IMPORTS if not within(by, HOMES.get(what.partition(".")[0], (by,)))] == []


def test_the_connected_side_uses_only_what_is_shared() -> None:
    ours = [(by, what) for by, what in IMPORTS if within(by, ("bundler",)) and what.startswith("installer.")]
    assert len(ours) > 50
    assert [(by, what) for by, what in ours if not within(what, SHARED)] == []


def test_the_offline_side_never_imports_the_connected_one() -> None:
    assert [by for by, what in IMPORTS if within(by, ("installer",)) and within(what, ("bundler",))] == []


def test_what_is_shared_needs_nothing_else_of_the_offline_side() -> None:
    inner = [(by, what) for by, what in IMPORTS if within(by, SHARED) and what.startswith("installer.")]
    assert [(by, what) for by, what in inner if not within(what, SHARED)] == []


def test_a_step_imports_no_other_step_no_role_and_no_cli() -> None:
    steps = [(by, what) for by, what in IMPORTS if by.startswith("installer.steps.")]
    assert [(by, what) for by, what in steps if within(what, NO_STEP_IMPORTS)] == []


def test_no_command_is_a_shell_string() -> None:
    calls = [(name, node) for name, tree in modules() for node in ast.walk(tree) if isinstance(node, ast.keyword)]
    assert [name for name, keyword in calls if keyword.arg == "shell"] == []


def test_only_the_nodes_own_package_knows_processes_sockets_and_the_clock() -> None:
    """What is in installer.inside runs in the container."""
    homes = ("installer.node", "installer.inside")
    offline = [(by, what) for by, what in IMPORTS if within(by, ("installer",)) and within(what, OF_THE_MACHINE)]
    assert len(offline) > 5
    assert [(by, what) for by, what in offline if not within(by, homes)] == []


def test_only_the_nodes_own_package_opens_an_absolute_path() -> None:
    """Elsewhere such a path is a word that `Node.at` puts below the node's root."""
    openers = ("Path", "open")
    calls = [
        (name, call)
        for name, tree in modules()
        if within(name, ("installer",)) and not within(name, ("installer.node", "installer.inside"))
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name | ast.Attribute)
    ]
    words = [(name, ast.unparse(call.func), ast.unparse(word)) for name, call in calls for word in call.args[:1]]
    opened = [(name, word) for name, function, word in words if function in openers and word.startswith(("'/", "f'/"))]
    assert opened == []


def test_node_is_the_one_door_to_processes() -> None:
    """But for the command that another program of ours carries out in the same terminal."""
    users = {by for by, what in IMPORTS if what == "installer.node.processes" and not within(by, ("installer.node",))}
    assert users == {"installer.handover"}
