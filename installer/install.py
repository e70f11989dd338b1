"""An install from first look to health: verify, decide, check, take in, make every step true."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from installer.engine import docker_silence
from installer.errors import EnvironmentProblemError, RefusedError, UsageError
from installer.health import Health, look, wait_for_api
from installer.journal import Journal
from installer.node import Node
from installer.node.paths import PROGRAM
from installer.pinned import pinned_keys, read_pinned, record_up
from installer.roles import afterwards, steps_for, try_packages
from installer.settings import Answers
from installer.staging import STAGING
from installer.step import Report, execute, preview
from installer.survey import Prepared, pinned_before, survey
from installer.take_in import take_in
from installer.trust.contents import Meter
from installer.trust.opened import Bundle
from installer.trust.signatures import Anchors


@dataclass(frozen=True)
class Voice:
    """Whom an install tells what happens."""

    step: Report
    meter: Meter
    waiting: Callable[[str], None]


def anchors_of(node: Node, keys: Anchors) -> Anchors:
    """What was typed, and what an earlier install pinned."""
    return replace(keys, pinned=pinned_keys(node))


def prepare(node: Node, bundle: Bundle, answers: Answers, runtime_copy: Path | None) -> Prepared:
    """Decide everything, or raise every problem. Changes nothing."""
    return survey(node, bundle, answers, runtime_copy).prepared()


def carry_out(node: Node, prepared: Prepared, voice: Voice) -> Health:
    """Take in, try what could be refused, then every step. Resumes where an earlier run stopped."""
    wanted = tuple(file for file in prepared.intake.files if file.path in prepared.lacking)
    with voice.meter("copying from the medium", prepared.bytes_to_copy) as advance:
        take_in(node, prepared.intake, wanted, advance)
    try_packages(prepared.plan, node)
    execute(steps_for(prepared.plan), node, Journal(node), voice.step)
    health = look(node, prepared.plan.config)
    record_up(node, prepared.plan.pinned)
    execute(afterwards(prepared.plan), node, Journal(node), voice.step)
    return health


def rehearse(node: Node, prepared: Prepared, voice: Voice) -> None:
    """Tell what an install would do."""
    preview((*steps_for(prepared.plan), *afterwards(prepared.plan)), node, voice.step)


def check_medium(node: Node, prepared: Prepared, directory: Path | None) -> None:
    """Without a medium only what an earlier run took in is there."""
    if directory is not None or not prepared.lacking:
        return
    first, silence = prepared.lacking[0], docker_silence(node)
    if silence and first.startswith("image/"):
        raise EnvironmentProblemError(
            f"{first}: not on this node, and whether docker has it cannot be told: {silence}",
            hint="systemctl start docker, then the same command again",
        )
    raise EnvironmentProblemError(
        f"{first}: not on this node ({len(prepared.lacking)} files of the bundle are not)",
        hint="vllm-airgap install BUNDLE takes them from the medium",
    )


def wait_until_served(node: Node, prepared: Prepared, voice: Voice) -> None:
    if prepared.plan.config.is_head:
        wait_for_api(node, prepared.plan.config, voice.waiting)


def check_caller(node: Node) -> None:
    if not node.is_root:
        by_path = f"; where that finds no vllm-airgap, type {PROGRAM}" if node.at(PROGRAM).exists() else ""
        raise EnvironmentProblemError(
            "not root: an install changes the system", hint=f"run the same command with sudo{by_path}"
        )


def check_waits_on_head(prepared: Prepared, *, wait: bool) -> None:
    if wait and prepared.plan.site.role == "worker":
        raise UsageError("--wait: only the head has the API to wait for")


def check_handover(node: Node, bundle: Bundle, *, from_medium: bool) -> None:
    """Only the installed program hands over; one that came with another bundle applies nothing of this one."""
    if from_medium:
        raise RefusedError(
            "the running program is not the one that this bundle lists",
            hint="run the install of this very bundle: sh BUNDLE/install",
        )
    pinned_before(node, bundle)


def check_entrance(node: Node, bundle: Bundle, *, from_medium: bool) -> None:
    """Once a node has a bundle, its own program judges the next one, not one that came with it."""
    pinned = pinned_before(node, bundle)
    if from_medium and pinned is not None and pinned.sums_digest != bundle.metadata.sums_digest:
        raise RefusedError(
            "this node has another bundle already, so the installed program must take this one",
            hint="vllm-airgap install BUNDLE",
        )


def staged_bundle(node: Node) -> Path:
    """Where an earlier install keeps the signed lists, so that it can go on without its medium."""
    pinned = read_pinned(node)
    if pinned is None:
        raise UsageError("the bundle's folder is missing", hint="vllm-airgap install BUNDLE")
    return node.at(f"{STAGING}/{pinned.sums_digest}")


def own_runtime_digest(executable: str, runtime_copy: Path | None, digest: Callable[[Path], str | None]) -> str | None:
    """Of the running program: the launcher's copy, or the folder in /opt that is named by it."""
    if runtime_copy is not None:
        return digest(runtime_copy)
    return Path(os.path.realpath(executable)).parents[2].name
