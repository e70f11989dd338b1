"""Version numbers, as both sides compare them."""

from installer.hardware.releases import Release, release

__all__ = ["Release", "release"]
