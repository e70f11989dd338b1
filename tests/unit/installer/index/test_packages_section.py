"""The section `packages` of bundle.json names its files, each once, below packages/."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from installer.errors import MalformedError
from installer.index.components import ExtraPackage, Packages
from installer.index.document import parse_index, render_index
from tests.unit.installer.index.documents import document, file

GCC = "packages/gcc-4.8.5-44.el7.x86_64.rpm"
DEVEL = "packages/kernel-devel-3.10.0-1160.el7.x86_64.rpm"
KERNEL = "3.10.0-1160.el7.x86_64"


def with_packages() -> dict[str, Any]:
    made = document()
    made["packages"] = {
        "packages": [
            {"path": DEVEL, "name": "kernel-devel", "version": KERNEL, "purpose": "driver", "kernels": [KERNEL]},
            {"path": GCC, "name": "gcc", "version": "2:4.8.5-44.el7.x86_64", "purpose": "", "kernels": []},
        ]
    }
    made["files"] = sorted([*made["files"], file(GCC, "package"), file(DEVEL, "package")], key=lambda f: str(f["path"]))
    return made


def parse(made: dict[str, Any]) -> Packages | None:
    return parse_index(json.dumps(made).encode()).packages


def test_it_survives_being_written() -> None:
    index = parse_index(json.dumps(with_packages()).encode())
    assert parse_index(render_index(index)) == index
    assert index.packages
    assert index.packages.packages[0] == ExtraPackage(DEVEL, "kernel-devel", KERNEL, "driver", (KERNEL,))


def test_a_bundle_needs_none() -> None:
    assert parse(document()) is None


def change(**changed: object) -> Callable[[dict[str, Any]], None]:
    return lambda made: made["packages"]["packages"][0].update(changed)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made.pop("packages"),
        lambda made: made["packages"].update(more=1),
        lambda made: made["packages"]["packages"].pop(),
        lambda made: made["packages"]["packages"].append(made["packages"]["packages"][0]),
        lambda made: made["packages"].update(packages=[]),
        change(path=GCC),
        change(name="-rf"),
        change(name="a b"),
        change(version="--eval"),
        change(version="1.0;x"),
        change(kernels=["$(id)"]),
        change(kernels="3.10"),
        change(purpose=1),
    ],
)
def test_what_contradicts_itself_is_malformed(spoil: Callable[[dict[str, Any]], object]) -> None:
    made = with_packages()
    spoil(made)
    with pytest.raises(MalformedError):
        parse(made)


def test_a_package_elsewhere_is_malformed() -> None:
    made = json.loads(json.dumps(with_packages()).replace("packages/gcc", "package/gcc"))
    with pytest.raises(MalformedError, match="is not below packages/"):
        parse(made)
