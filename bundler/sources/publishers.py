"""Where publishers keep what a manifest names by its version alone."""

from collections.abc import Mapping

URLS: Mapping[str, str] = {
    "driver": "https://us.download.nvidia.com/tesla/{version}/NVIDIA-Linux-x86_64-{version}.run",
    "docker": "https://download.docker.com/linux/static/stable/x86_64/docker-{version}.tgz",
    "toolkit rpm": (
        "https://github.com/NVIDIA/nvidia-container-toolkit/releases/download/v{version}/"
        "nvidia-container-toolkit_{version}_rpm_x86_64.tar.gz"
    ),
    "toolkit deb": (
        "https://github.com/NVIDIA/nvidia-container-toolkit/releases/download/v{version}/"
        "nvidia-container-toolkit_{version}_deb_amd64.tar.gz"
    ),
}


def publisher_url(part: str, version: str) -> str:
    return URLS[part].format(version=version)
