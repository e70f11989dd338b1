"""The media types of what an image consists of, in the words of OCI and in those of docker."""

from typing import Final

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
OCI_PLAIN_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
OCI_GZIP_LAYER: Final = f"{OCI_PLAIN_LAYER}+gzip"
OCI_ZSTD_LAYER: Final = f"{OCI_PLAIN_LAYER}+zstd"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
DOCKER_PLAIN_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_GZIP_LAYER: Final = f"{DOCKER_PLAIN_LAYER}.gzip"
DOCKER_ZSTD_LAYER: Final = f"{DOCKER_PLAIN_LAYER}.zstd"
