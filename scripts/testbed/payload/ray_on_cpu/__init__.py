"""A vLLM platform plugin: lets vLLM's CPU platform take part in a Ray cluster of several machines."""


def register() -> str:
    """Called while vLLM's own platforms are half imported: nothing of vLLM may be imported here."""
    return f"{__name__}.platform.RayOnCpuPlatform"
