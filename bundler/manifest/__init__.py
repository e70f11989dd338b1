"""The manifest that a person writes: strict YAML in, frozen values out."""

from bundler.manifest.document import Manifest, parse_manifest, read_manifest
from bundler.manifest.parts import DownloadSpec, FileSpec, ImageSpec, ModelSpec, PackageSpec, RuntimeSpec
from bundler.manifest.written_yaml import LARGEST_MANIFEST, parse_yaml

__all__ = [
    "LARGEST_MANIFEST",
    "DownloadSpec",
    "FileSpec",
    "ImageSpec",
    "Manifest",
    "ModelSpec",
    "PackageSpec",
    "RuntimeSpec",
    "parse_manifest",
    "parse_yaml",
    "read_manifest",
]
