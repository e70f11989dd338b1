"""Offline side of vllm-airgap, and owner of the bundle format."""

__version__ = "0.1.0"
