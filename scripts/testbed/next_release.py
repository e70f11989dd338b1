"""The release after a release, as its makers build it: the same key and lock, and a program that is newer too."""

import shutil
from dataclasses import replace
from pathlib import Path

from testbed import bundles
from testbed.bundles import MANIFEST, MODEL, ROOT, Release, Wish
from testbed.host_docker import HostDocker
from testbed.inputs import Inputs

PACKAGES = ("bundler", "installer")
MARK = "# of the next release\n"  # at the end of /usr/local/sbin/vllm-airgap, where the newer program put that
CHANGED = "generation_config.json"  # the one file in which the newer model differs, by a blank line


def build(inputs: Inputs, docker: HostDocker, earlier: Release, bundle: Path, wish: Wish) -> Release:
    """Into the new folder ``bundle``, with all that belongs to it beside it."""
    folder = bundle.parent
    newer = replace(inputs, model=newer_model(inputs.model, folder / "model" / MODEL))
    product = newer_product(folder / "product")
    for path in (earlier.key, earlier.public_key, lock_of(earlier)):
        shutil.copy(path, folder)
    description = folder / MANIFEST
    description.write_text(bundles.manifest(newer, wish))
    return bundles.build_described(description, docker, bundle, folder / earlier.key.name, product)


def newer_model(model: Path, target: Path) -> Path:
    shutil.copytree(model, target)
    with (target / CHANGED).open("a") as file:
        file.write("\n")
    return target


def newer_product(target: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (target / "installer/program.sh").open("a") as program:
        program.write(MARK)
    return target


def lock_of(release: Release) -> Path:
    return (release.key.parent / MANIFEST).with_suffix(".lock")
