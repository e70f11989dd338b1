"""Where publishers keep what a manifest names by its version alone, and where they state its digest."""

from collections.abc import Mapping
from dataclasses import dataclass

_DRIVER = "https://us.download.nvidia.com/tesla/{version}/NVIDIA-Linux-x86_64-{version}.run"
_TOOLKIT = (
    "https://github.com/NVIDIA/nvidia-container-toolkit/releases/download/v{version}/nvidia-container-toolkit_{version}"
)


@dataclass(frozen=True)
class Published:
    """A file, and the list in which its publisher states its SHA-256: "" where there is none, for any version."""

    url: str
    statement: str = ""


# NVIDIA states some drivers' digests and not others'. The toolkit's list is made and released with the archives by
# hack/prepare-artifacts.sh and hack/create-release.sh of its repository. Docker has none for its static archives.
_TEMPLATES: Mapping[str, Published] = {
    "driver": Published(_DRIVER, f"{_DRIVER}.sha256sum"),
    "docker": Published("https://download.docker.com/linux/static/stable/x86_64/docker-{version}.tgz"),
    "toolkit rpm": Published(f"{_TOOLKIT}_rpm_x86_64.tar.gz", f"{_TOOLKIT}_checksums.txt"),
    "toolkit deb": Published(f"{_TOOLKIT}_deb_amd64.tar.gz", f"{_TOOLKIT}_checksums.txt"),
}


def published(what: str, version: str) -> Published:
    template = _TEMPLATES[what]
    return Published(template.url.format(version=version), template.statement.format(version=version))
