"""A small image for fast tests: busybox and several layers, an empty one and a repeated one among them."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from testbed import debian
from testbed.host_docker import HostDocker

TAG = "testbed/small:1"
CREATED = "2026-11-21T00:00:00Z"
APPLETS = ("sh", "cat", "echo", "env", "ls", "sleep", "true", "false", "id", "mkdir", "rm")


def make(docker: HostDocker, scratch: Path) -> None:
    shutil.rmtree(scratch, ignore_errors=True)
    debian.unpack(("busybox-static",), scratch)
    note = layer({"etc/note": b"the same in two layers\n"}, {})
    layers = (
        layer({"bin/busybox": (scratch / "bin/busybox").read_bytes()}, dict.fromkeys(applets(), "busybox")),
        note,
        layer({}, {}),
        layer({"etc/gone": b"a file that a later layer removes\n"}, {}),
        note,
        layer({"etc/.wh.gone": b""}, {}),
    )
    archive = scratch / "image.tar"
    write_archive(archive, layers)
    docker.run("load", "--input", str(archive))
    shutil.rmtree(scratch)


def applets() -> Iterable[str]:
    return (f"bin/{name}" for name in APPLETS)


def layer(files: Mapping[str, bytes], links: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files.items():
            add(archive, name, content, mode=0o755 if name.startswith("bin/") else 0o644)
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return packed.getvalue()


def add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    archive.addfile(member, io.BytesIO(content))


def configuration(layers: tuple[bytes, ...]) -> dict[str, Any]:
    made = [{"created": CREATED, "created_by": f"layer {number}"} for number in range(len(layers))]
    no_layer = {"created": CREATED, "created_by": "CMD", "empty_layer": True}
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": CREATED,
        "config": {
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "NVIDIA_VISIBLE_DEVICES=all"],
            "Cmd": ["cat", "/etc/note"],
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in layers]},
        "history": [*made, no_layer],
    }


def write_archive(target: Path, layers: tuple[bytes, ...]) -> None:
    config = json.dumps(configuration(layers)).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": config_name, "RepoTags": [TAG], "Layers": names}]
    with tarfile.open(target, "w") as archive:
        add(archive, config_name, config)
        for name, one in zip(names, layers, strict=True):
            add(archive, name, one)
        add(archive, "manifest.json", json.dumps(manifest).encode())
