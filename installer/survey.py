"""A node looked at for one bundle: all that preflight finds, and what an install would do. Changes nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from installer.container import CONTAINER
from installer.driver.holders import strangers
from installer.driver.look import LastLook
from installer.driver.services import SERVICES
from installer.engine import own_dockerd, unused_containerd
from installer.errors import AirgapError, EnvironmentProblemError, MalformedError, RefusedError, UsageError
from installer.facts import Facts, gather
from installer.index.document import File, Index
from installer.index.settings import PEER_PORT
from installer.needs import needs
from installer.node import Node
from installer.node.paths import BINARIES, ETC, MODELS, OPT, STATE, UNITS
from installer.peers.doors import fitting
from installer.peers.findings import look_between
from installer.peers.identity import identity_of
from installer.peers.probe import ask_identity
from installer.pinned import Pinned, check_policy, read_pinned
from installer.preflight import MISFITS, Finding, Member, Report, Situation, findings_of
from installer.preflight.finding import problem
from installer.preflight.gpu_driver import bundled_driver
from installer.roles import Plan
from installer.settings import (
    SITE_JSON,
    Answers,
    NodeConfig,
    Site,
    apply_overrides,
    decide_site,
    node_config,
    parse_site,
    wrong_options,
)
from installer.staging import Staging
from installer.steps.older_bundles import RemoveOlderBundles
from installer.take_in import TakeIn, lacking
from installer.trust.opened import Bundle
from installer.trust.signatures import EXPLICIT


@dataclass(frozen=True)
class Prepared:
    """All that is decided before the first change."""

    plan: Plan
    intake: TakeIn
    lacking: tuple[str, ...]
    bytes_to_copy: int


@dataclass(frozen=True)
class Survey:
    """``wrong`` are the options that are, and then nothing is ``decided``."""

    report: Report
    wrong: tuple[UsageError, ...]
    decided: Prepared | None

    def prepared(self) -> Prepared:
        """What an install may now carry out. Raises what stands in the way, all of it and what helps."""
        if self.decided is not None and not self.report.problems:
            return self.decided
        if len(self.report.problems) == len(self.wrong) == 1:
            raise self.wrong[0]
        kind = self._kind()
        grave = (found for found in self.report.problems if kind is not RefusedError or found.name in MISFITS)
        listed = "".join(f"\n  {found.name}: {found.what}\n    fix: {found.fix}" for found in grave)
        raise kind(f"{_WHAT[kind]}, nothing was changed:{listed}")

    def check(self) -> Prepared:
        """The same for whom the report was shown already."""
        if self.decided is not None and not self.report.problems:
            return self.decided
        kind = self._kind()
        names = dict.fromkeys(found.name for found in self.report.problems)
        raise kind(f"{_WHAT[kind]}; what keeps it from an install: {', '.join(names)}")

    def _kind(self) -> type[AirgapError]:
        """That a bundle is for other nodes comes first: whatever is typed or mended here would not help."""
        if any(found.name in MISFITS for found in self.report.problems):
            return RefusedError
        return UsageError if self.wrong else EnvironmentProblemError


_WHAT: dict[type[AirgapError], str] = {
    RefusedError: "this bundle is not for this node",
    UsageError: "the options are wrong",
    EnvironmentProblemError: "this node is not ready",
}


def survey(
    node: Node, bundle: Bundle, answers: Answers, runtime_copy: Path | None, ignored: Sequence[str] = ()
) -> Survey:
    """Decide everything and find every problem, those of the options beside those of the node."""
    index = bundle.index
    before, remembered, local = pinned_before(node, bundle), _remembered(node), node.addresses()
    pinned = Pinned(index.name, index.sequence, bundle.metadata.sums_digest, _anchored_by(bundle, before)).after(before)
    wrong = tuple(wrong_options(answers, index, remembered, local))
    site = _guess(answers, remembered) if wrong else decide_site(answers, index, remembered, local)
    staging = Staging(bundle.metadata.sums_digest, f"{site.data_dir}/{index.model.name}")
    intake = TakeIn(bundle, index.for_role(site.role), staging, runtime_copy)
    wanted = lacking(node, intake)
    seen = Situation(
        facts=gather(node),
        index=index if wrong else _with_settings(index, site),
        member=Member(site.role, site.node_ip, site.head, site.nodes),
        container=CONTAINER,
        is_root=node.is_root,
        options=tuple(_as_finding(error) for error in wrong),
        unwritable=tuple(_unwritable(node, staging)),
        older=_older(node, bundle, pinned, before),
        foreign_containerd=_foreign_containerd(node, index),
        strangers=tuple(map(str, strangers(node, SERVICES))),
    )
    situation = replace(seen, needs=tuple(needs(node, seen, staging, wanted)))
    if wrong:
        return Survey(_report(situation, frozenset(ignored)), wrong, None)
    plan = Plan(
        index=index,
        pinned=pinned,
        keys=bundle.signers.keys,
        staging=staging,
        own_dockerd=own_dockerd(node),
        site=site,
        config=node_config(
            site,
            index,
            local,
            files_dir=staging.extra_files if index.of_kind("file") else "",
            sums_digest=bundle.metadata.sums_digest,
        ),
        driver=bundled_driver(situation),
        look=_look(node, seen.facts),
    )
    report = _report(_with_peers(node, situation, plan.config), frozenset(ignored))
    return Survey(report, (), _prepared(plan, intake, wanted))


def configure(node: Node, bundle: Bundle, answers: Answers) -> NodeConfig:
    """What this node will be, by its options alone; the list of nodes tells the role too. Raises UsageError."""
    local, before = node.addresses(), _remembered(node)
    if not (answers.role or answers.nodes or before):
        raise UsageError(
            "--listen: --nodes is missing: they alone are answered",
            hint="--nodes IP,IP,... lists all nodes, head first; this one finds itself among them",
        )
    if not answers.role and answers.nodes:
        answers = replace(answers, role="head" if answers.nodes[0] in {found.ip for found in local} else "worker")
    site = decide_site(answers, bundle.index, before, local)
    return node_config(site, bundle.index, local, sums_digest=bundle.metadata.sums_digest)


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


def _prepared(plan: Plan, intake: TakeIn, wanted: tuple[File, ...]) -> Prepared:
    return Prepared(plan, intake, tuple(file.path for file in wanted), sum(file.size for file in wanted))


def _look(node: Node, facts: Facts) -> LastLook:
    look = LastLook()
    look.keep(node, facts.driver, facts.gpus)
    return look


def _with_peers(node: Node, at: Situation, config: NodeConfig) -> Situation:
    own = identity_of(config, at.facts.network, at.facts.gpus, node.date())
    is_taken = any(listener.port == PEER_PORT for listener in at.facts.network.listeners)
    return replace(
        at,
        peers=look_between(node, own, config.peers, config.cluster.nodes, lambda: fitting(node, config)),
        answers_peers=is_taken and ask_identity(node, own.ip, own.ip).identity is not None,
    )


def _guess(answers: Answers, before: Site | None) -> Site:
    """Enough to look at the node, until the options are mended."""
    role = answers.role or (before.role if before else "head")
    return Site(role, "", "", (), before.data_dir if before else MODELS, {})


def _with_settings(index: Index, site: Site) -> Index:
    cluster, serve = apply_overrides(index, site.overrides)
    return replace(index, cluster=cluster, serve=serve)


def _as_finding(error: UsageError) -> Finding:
    return problem("options", str(error), error.hint or "vllm-airgap install --help")


def _unwritable(node: Node, staging: Staging) -> Iterator[str]:
    """Only root can tell."""
    if node.is_root:
        places = (ETC, STATE, OPT, BINARIES, UNITS, staging.model_dir)
        yield from dict.fromkeys(reason for path in places if (reason := node.write_problem(path)))


def _foreign_containerd(node: Node, index: Index) -> str:
    return "" if index.docker is None else unused_containerd(node) or ""


def _report(at: Situation, ignored: frozenset[str]) -> Report:
    return Report(
        bundle=at.index.name,
        version=at.index.version,
        sequence=at.index.sequence,
        hostname=at.facts.network.hostname,
        role=at.member.role,
        node_ip=at.member.node_ip,
        findings=findings_of(at),
        ignored=ignored,
    )


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
