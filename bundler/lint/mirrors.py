"""Where a mirror says in a publisher's name what something is, and nobody compares that with the publisher."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from bundler.findings import Finding, raised, warned
from bundler.lint.case import Case, Rules
from bundler.model_rules.files import are_weights
from bundler.resolve import stale_parts
from bundler.sources.model import huggingface, modelscope
from installer.errors import UsageError

_MODEL = "mirror-names-the-model"
_KNOW_BETTER = (
    "give the digests that you know from elsewhere, of all weights at least: model.sha256: {FILE: DIGEST}; or take "
    "the model from the hub itself"
)
_MIRRORS: Mapping[str, Callable[[str], str]] = {
    "huggingface": lambda said: huggingface.mirror(huggingface.choose_endpoint(said)),
    "modelscope": lambda said: modelscope.mirror(modelscope.choose_endpoint(said)),
}


def _mirror_names_the_image(case: Case) -> Iterator[Finding]:
    """What a tag means is the word of whoever is asked first; what a digest means is checked."""
    spec = case.manifest.image
    if spec.mirrors and "@" not in spec.ref:
        yield warned(
            "mirror-names-the-image",
            "image.ref",
            f"{', '.join(spec.mirrors)} will say which image the tag means, and nobody compares it with the registry",
            "add the digest that the publisher names: NAME:TAG@sha256:DIGEST",
        )


def _mirror_names_the_model(case: Case) -> Iterator[Finding]:
    """Nor does a commit in the manifest help: which files it has, the mirror says."""
    try:
        mirror = _mirror(case)
    except UsageError as problem:
        yield raised(_MODEL, "model.endpoint", problem, "write https://HOST")
        return
    if mirror:
        yield warned(
            _MODEL,
            "model.endpoint" if case.manifest.model.endpoint else "model.repo",
            f"{mirror} will say which files the model has and what their digests are, and nobody compares that with "
            "the hub",
            _KNOW_BETTER,
        )


def _mirror(case: Case) -> str:
    """The one that was asked or, before a lock, will be; "" where digests of the manifest cover the weights."""
    spec = case.manifest.model
    if spec.source not in _MIRRORS:
        return ""
    if case.lock and "model" not in stale_parts(case.manifest, case.lock):
        files = case.lock.parts["model"].files
        said = (file for file in files if file.known_by == "mirror" and _matters(file.path))
        return next((urlsplit(file.url).netloc for file in said), "")
    return "" if any(map(are_weights, spec.sha256)) else _MIRRORS[spec.source](spec.endpoint)


def _matters(name: str) -> bool:
    """Whoever chose these chose what the model says, or what runs on the nodes."""
    return are_weights(name) or name.endswith(".py")


RULES: Final[Rules] = {
    "mirror-names-the-image": _mirror_names_the_image,
    _MODEL: _mirror_names_the_model,
}
