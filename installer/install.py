"""An install from first look to health: verify, decide, check, take in, make every step true."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from installer.engine import docker_silence, present_engine
from installer.errors import EnvironmentProblemError, MalformedError, RefusedError, UsageError
from installer.health import Health, look, wait_for_api
from installer.journal import Journal
from installer.node import Node
from installer.node.paths import PROGRAM
from installer.pinned import Pinned, check_policy, pinned_keys, read_pinned, record_up
from installer.preflight import Problem, Situation, misfits, problems
from installer.roles import Plan, afterwards, steps_for
from installer.settings import SITE_JSON, Answers, Site, decide_site, node_config, parse_site
from installer.staging import STAGING, Staging
from installer.step import Report, execute, preview
from installer.steps.older_bundles import RemoveOlderBundles
from installer.take_in import TakeIn, lacking, take_in
from installer.trust.contents import Meter
from installer.trust.opened import Bundle
from installer.trust.signatures import EXPLICIT, Anchors


@dataclass(frozen=True)
class Prepared:
    """All that is decided before the first change."""

    plan: Plan
    intake: TakeIn
    lacking: tuple[str, ...]
    bytes_to_copy: int


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
    """Decide everything and find every problem. Changes nothing."""
    index, sums_digest = bundle.index, bundle.metadata.sums_digest
    before = pinned_before(node, bundle)
    local = node.addresses()
    site = decide_site(answers, index, _remembered(node), local)
    staging = Staging(sums_digest, f"{site.data_dir}/{index.model.name}")
    config = node_config(site, index, local, files_dir=staging.extra_files if index.of_kind("file") else "")
    intake = TakeIn(bundle, index.for_role(site.role), staging, runtime_copy)
    wanted = lacking(node, intake)
    engine = present_engine(node)
    pinned = Pinned(index.name, index.sequence, sums_digest, _anchored_by(bundle, before)).after(before)
    _refuse_on_problems(Situation(node, index, staging, engine, wanted, _older(node, bundle, pinned, before)))
    plan = Plan(
        index=index,
        pinned=pinned,
        keys=bundle.signers.keys,
        staging=staging,
        engine=engine,
        site=site,
        config=config,
    )
    return Prepared(plan, intake, tuple(file.path for file in wanted), sum(file.size for file in wanted))


def pinned_before(node: Node, bundle: Bundle) -> Pinned | None:
    """What this node has installed, if this bundle may follow it. Raises RefusedError.

    A record that is damaged or gone stops everybody but who vouches for the key anew.
    """
    try:
        before = read_pinned(node)
    except EnvironmentProblemError:
        if bundle.signers.anchored_by not in EXPLICIT:
            raise
        return None
    check_policy(before, bundle.index, bundle.metadata.sums_digest)
    return before


def carry_out(node: Node, prepared: Prepared, voice: Voice) -> Health:
    """Take in, then every step. Resumes where an earlier run stopped."""
    wanted = tuple(file for file in prepared.intake.files if file.path in prepared.lacking)
    with voice.meter("copying from the medium", prepared.bytes_to_copy) as advance:
        take_in(node, prepared.intake, wanted, advance)
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
        raise EnvironmentProblemError(
            "not root: an install changes the system",
            hint=f"run the same command with sudo; where that finds no vllm-airgap, type {PROGRAM}",
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


def _older(node: Node, bundle: Bundle, pinned: Pinned, before: Pinned | None) -> tuple[str, ...]:
    """What a person may remove right now. Of a bundle that never came up the program may be at work."""
    if before is None or not (before.was_up or before.sums_digest == pinned.sums_digest):
        return ()
    return RemoveOlderBundles(pinned, bundle.index.only("runtime").sha256).left(node)


def _anchored_by(bundle: Bundle, before: Pinned | None) -> str:
    """How the key came to be trusted at first: an install that relies on the pinned key does not hide that."""
    how = bundle.signers.anchored_by
    return before.anchored_by if before is not None and how == "pinned key" else how


def _remembered(node: Node) -> Site | None:
    data = node.read(SITE_JSON)
    try:
        return None if data is None else parse_site(data)
    except MalformedError as error:
        raise EnvironmentProblemError(
            f"{SITE_JSON}: {error}", hint="look at it; once removed, an install with all options writes it anew"
        ) from None


def _refuse_on_problems(situation: Situation) -> None:
    if found := misfits(situation):
        raise RefusedError(f"this bundle is not for this node, nothing was changed:{_listed(found)}")
    if found := problems(situation):
        raise EnvironmentProblemError(f"this node is not ready, nothing was changed:{_listed(found)}")


def _listed(found: tuple[Problem, ...]) -> str:
    return "".join(f"\n  {problem.name}: {problem.what}\n    fix: {problem.fix}" for problem in found)


def own_runtime_digest(executable: str, runtime_copy: Path | None, digest: Callable[[Path], str | None]) -> str | None:
    """Of the running program: the launcher's copy, or the folder in /opt that is named by it."""
    if runtime_copy is not None:
        return digest(runtime_copy)
    return Path(os.path.realpath(executable)).parents[2].name
