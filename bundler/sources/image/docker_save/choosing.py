"""Which image of a save is meant: the only one, or the one of a name."""

from collections.abc import Callable, Iterable, Sequence

from bundler.sources.image.docker_save.documents import SavedImage
from bundler.sources.image.registry.reference import Reference, parse_reference
from installer.errors import DamagedError, RefusedError, UsageError, printable

Choose = Callable[[Sequence[SavedImage]], SavedImage]
_SHOWN = 4  # tags; more are counted


def only_image(images: Sequence[SavedImage]) -> SavedImage:
    """For who asked for one by its ID, whatever it is called."""
    if len(images) != 1:
        raise DamagedError("docker save: manifest.json does not describe one image")
    return images[0]


def image_called(name: str) -> Choose:
    """One image without a tag may be what ``name`` means; RefusedError where the tags are others."""
    wanted = parse_reference(name)

    def choose(images: Sequence[SavedImage]) -> SavedImage:
        if len(images) == 1 and not images[0].tags:
            return images[0]
        for image in images:
            if any(_means(tag, wanted) for tag in image.tags):
                return image
        raise _other_names(images, name)

    return choose


def _means(tag: str, wanted: Reference) -> bool:
    """As docker reads both. A save keeps no digest: what only that names is compared by the repository."""
    try:
        found = parse_reference(tag)
    except UsageError:  # no docker made this one
        return False
    return (found.host, found.repository) == (wanted.host, wanted.repository) and wanted.tag in {"", found.tag}


def _other_names(images: Sequence[SavedImage], name: str) -> RefusedError:
    tags = [tag for image in images for tag in image.tags]
    right = f"`docker save {name} -o FILE` makes the right archive"
    if not tags:
        return RefusedError(f"holds {len(images)} images, none of them called {name}", hint=right)
    return RefusedError(
        f"holds {_in_words(tags)}, and image.ref is {name}",
        hint=f"{right}; if this one is meant, write its name as `image.ref`",
    )


def _in_words(tags: Sequence[str]) -> str:
    shown: Iterable[str] = (printable(tag)[:200] for tag in tags[:_SHOWN])
    more = f" and {len(tags) - _SHOWN} more" if len(tags) > _SHOWN else ""
    return ", ".join(shown) + more
