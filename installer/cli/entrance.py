"""The bundle that a command is about, and whether this very program may work on it."""

import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from installer.handover import (
    HANDOVER_VARIABLE,
    RUNTIME_VARIABLE,
    hand_over,
    is_ours,
    remove_left_by_killed_runs,
)
from installer.install import anchors_of, check_entrance, check_handover, own_runtime_digest, staged_bundle
from installer.node import Node
from installer.staging import file_digest
from installer.stop_request import StopRequest
from installer.trust.opened import Bundle, open_bundle, open_staged_bundle
from installer.trust.signatures import Anchors


def opened(node: Node, directory: Path | None, typed: Anchors) -> AbstractContextManager[Bundle]:
    """The one in ``directory``, or else what an earlier install took in."""
    anchors = anchors_of(node, typed)
    return open_bundle(directory, anchors) if directory else open_staged_bundle(staged_bundle(node), anchors)


def enter(node: Node, bundle: Bundle, stop: StopRequest) -> None:
    """Go on if this program is the bundle's own; else that one does the work, and this one ends with its exit code.

    Raises RefusedError where neither may.
    """
    came_with_medium = runtime_copy() is not None
    if not is_ours(_own_digest(), bundle):
        check_handover(node, bundle, from_medium=came_with_medium)
        sys.exit(hand_over(bundle, sys.argv[1:], stop.check))
    remove_left_by_killed_runs()
    check_entrance(node, bundle, from_medium=came_with_medium and HANDOVER_VARIABLE not in os.environ)


def runtime_copy() -> Path | None:
    """The launcher's copy of runtime.tar.gz, where a launcher started this program."""
    name = os.environ.get(RUNTIME_VARIABLE)
    return Path(name) if name else None


def _own_digest() -> str | None:
    return own_runtime_digest(sys.executable, runtime_copy(), file_digest)
