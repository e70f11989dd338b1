"""The NVIDIA driver, its .run installer and nvidia-smi, and the container toolkit's nvidia-ctk."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from installer.sight import Output
from tests.fakes.changes import Changes

_LOG = "var/log/nvidia-installer.log"
_QUERY = ("--query-gpu=driver_version", "--format=csv,noheader")
_CONFIGURE = ("runtime", "configure", "--runtime=docker")


def driver_run(version: str) -> bytes:
    """A .run file as this machine's `sh` reads it."""
    return f"NVIDIA driver {version}\n".encode()


@dataclass
class FakeNvidia:
    """``fails_with`` is what the installer writes to its log before it gives up."""

    root: Path
    changes: Changes
    gpu_in_use: Callable[[], bool]
    gpus: int = 1
    fails_with: str = ""
    module: str = ""
    module_stays: bool = False

    def smi(self, arguments: tuple[str, ...]) -> Output:
        assert arguments == _QUERY, arguments
        if self._programs() != self.module:
            return Output(18, "Failed to initialize NVML: Driver/library version mismatch\n", "")
        return Output(0, f"{self.module}\n" * self.gpus, "")

    def install(self, arguments: tuple[str, ...]) -> Output:
        path, *options = arguments
        words = Path(path).read_text().split()
        assert words[:2] == ["NVIDIA", "driver"], words
        assert options[:2] == ["--silent", "--tmpdir"], options
        assert Path(options[2]).is_dir(), options
        self.changes.about_to(f"driver {words[2]}")
        problem = self.fails_with or self._obstacle()
        (self.root / _LOG).write_text(f"nvidia-installer log\n{problem}\n")
        if problem:
            return Output(1, "", f"\n{problem}\n")
        self._place(words[2])
        return Output(0, "", "")

    def reboot(self) -> None:
        self.module = self._programs()

    def configure(self, arguments: tuple[str, ...]) -> Output:
        assert arguments == _CONFIGURE, arguments
        self.changes.about_to("nvidia-ctk runtime configure")
        path = self.root / "etc/docker/daemon.json"
        settings = json.loads(path.read_bytes()) if path.exists() else {}
        runtime = {"args": [], "path": "nvidia-container-runtime"}
        settings["runtimes"] = {**settings.get("runtimes", {}), "nvidia": runtime}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings, indent=4) + "\n")
        return Output(0, "", "")

    def _obstacle(self) -> str:
        return "ERROR: An NVIDIA kernel module appears to be already loaded" if self.gpu_in_use() else ""

    def _programs(self) -> str:
        return (self.root / "usr/bin/nvidia-smi").read_text()

    def _place(self, version: str) -> None:
        program = self.root / "usr/bin/nvidia-smi"
        program.write_text(version)
        program.chmod(0o755)
        if not (self.module and self.module_stays):
            self.module = version
