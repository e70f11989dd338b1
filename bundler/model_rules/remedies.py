"""What to do about files of a model: a hub's are chosen by the manifest, those of a folder lie in a person's hands."""

from collections.abc import Mapping
from typing import Final

NOT_COMPLETE: Final = "the download is not complete, or model.exclude leaves it out"
LEAVE_OUT: Final = "if it is not needed, leave it out by model.exclude"
LEAVE_OUT_OR_ALLOW: Final = "if nothing needs it, leave it out by model.exclude; else: model.allow: [pickle]"
_IN_A_FOLDER: Mapping[str, str] = {
    NOT_COMPLETE: "the download is not complete",
    LEAVE_OUT: "if it is not needed, remove it from the folder",
    LEAVE_OUT_OR_ALLOW: "if nothing needs it, remove it from the folder; else: model.allow: [pickle]",
}


def in_a_folder(remedy: str) -> str:
    """The same where the model is no hub's: `model.exclude` is unknown there."""
    return _IN_A_FOLDER.get(remedy, remedy)
