"""How a layer is compressed: by its first bytes, and that docker on an old node cannot load zstd."""

from typing import Final

from installer.errors import RefusedError

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"


def refused_zstd(layer: str) -> RefusedError:
    return RefusedError(
        f"{layer} is compressed with zstd, which docker before 23 cannot load",
        hint="name an image with gzip layers: `docker buildx build --output type=registry,compression=gzip,"
        "force-compression=true`, or `skopeo copy --dest-compress-format gzip`, make one",
    )
