"""What no rule could look at yet, so that no finding is not taken for no problem."""

from collections.abc import Iterator

from bundler.lint.case import Case
from bundler.resolve import stale_parts, wanted_parts


def unchecked(case: Case) -> Iterator[str]:
    """Each as what is not known, and what hangs on it."""
    if not case.image.known_by:
        yield (
            f"the image: {case.manifest.image.ref} does not tell its version, on which driver, GPU, quantization and "
            "backend are judged; after `bundle lock` they are"
        )
    if case.model is None and case.model_problem is None:
        yield "the model: its files are not listed; after `bundle lock` they are"
    elif case.model and _lacks_content(case):
        yield "the model: not all its files are here, so their content is judged after `bundle build`"
    if "packages" in _unlocked(case):
        yield "the packages: they are not here; after `bundle lock` they are"


def _lacks_content(case: Case) -> bool:
    """Of what rules read, which `bundle lock` fetches."""
    return any(path is None for name, path in (case.model or {}).items() if name.endswith(".json"))


def _unlocked(case: Case) -> set[str]:
    return set(stale_parts(case.manifest, case.lock) if case.lock else wanted_parts(case.manifest))
