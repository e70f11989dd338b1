"""Whether the packages of a bundle go together: with each other, with the target, with the kernels they are for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bundler.elf import numbers
from bundler.findings import Finding, mistaken, refused, warned
from bundler.packages.base_system import base_provides, needed_glibc
from bundler.packages.facts import PackageFacts, Relation, overlap
from bundler.packages.kernel_headers import headers_for
from installer.index.document import Target

Rule = Callable[["Sequence[Bundled]", Target], Iterator[Finding]]
_ARCHITECTURES = {"rpm": {"x86_64": ("x86_64", "noarch")}, "deb": {"x86_64": ("amd64", "all")}}


@dataclass(frozen=True)
class Bundled:
    """A package at ``where`` in the bundle; no ``kernels`` means every node."""

    where: str
    facts: PackageFacts
    kernels: tuple[str, ...] = ()


def package_findings(packages: Sequence[Bundled], target: Target) -> tuple[Finding, ...]:
    """All that is wrong."""
    return tuple(finding for rule in RULES.values() for finding in rule(packages, target))


def _node_sets(packages: Sequence[Bundled]) -> Iterator[tuple[Bundled, ...]]:
    """What a node of each kernel gets."""
    kernels = sorted({kernel for package in packages for kernel in package.kernels})
    if not kernels:
        yield tuple(packages)
    for kernel in kernels:
        yield tuple(package for package in packages if not package.kernels or kernel in package.kernels)


def _other_versions(packages: Sequence[Bundled]) -> Iterator[Finding]:
    """What is needed and there, but not in a version that does."""
    for package, alternatives, others in _unmet(packages):
        if others:
            yield refused(
                "package-version",
                package.where,
                f"needs {_in_words(alternatives)}, and the bundle has {_named(others)}",
                "take the packages that go with the toolkit, or another `toolkit.version`"
                if _of_toolkit(package, *others)
                else "take these packages from one release of the distribution",
            )


def _missing(packages: Sequence[Bundled]) -> Iterator[Finding]:
    for package, alternatives, others in _unmet(packages):
        if not others:
            yield warned(
                "package-needs",
                package.where,
                f"needs {_in_words(alternatives)}, which no package of the bundle provides; the node must have it",
                "add that package to `packages`, or make sure that every node has it",
            )


def _conflicts(packages: Sequence[Bundled]) -> Iterator[Finding]:
    for package in packages:
        for other in packages:
            if other.facts.name != package.facts.name and (reason := _conflict(package.facts, other.facts)):
                fix = "leave one of the two out of `packages`"
                if _of_toolkit(package, other):
                    fix = "leave the other one out of `packages`, or take another `toolkit.version`"
                yield refused("package-conflict", package.where, f"{reason}, and {other.where} is that", fix)


def _format(package: Bundled, target: Target) -> Iterator[Finding]:
    if package.facts.format != target.packages:
        yield refused(
            "package-format",
            package.where,
            f"is a {package.facts.format}, and target.packages is {target.packages}",
            f"take the {target.packages} of it, or change target.packages",
        )


def _architecture(package: Bundled, target: Target) -> Iterator[Finding]:
    wanted = _ARCHITECTURES[package.facts.format][target.arch]
    if package.facts.arch not in wanted:
        yield refused(
            "package-arch",
            package.where,
            f"is for {package.facts.arch}, and the nodes are {target.arch}",
            f"take the one for {' or '.join(wanted)}",
        )


def _glibc(package: Bundled, target: Target) -> Iterator[Finding]:
    needed = needed_glibc(package.facts)
    if needed and numbers(needed) > numbers(target.glibc):
        yield refused(
            "package-glibc",
            package.where,
            f"needs glibc {needed}, and the nodes may have no more than {target.glibc}",
            f"take {_older(package)}, or raise target.glibc if all nodes have it",
        )


def _kernel(package: Bundled, _target: Target) -> Iterator[Finding]:
    release = headers_for(package.facts)
    if release and package.kernels != (release,):
        yield mistaken(
            "package-kernel",
            package.where,
            f"has the headers of kernel {release}, and its `kernels` are {', '.join(package.kernels) or 'left out'}",
            f'write `kernels: ["{release}"]`: on a node with another kernel the driver could not be built',
        )


def _twice(packages: Sequence[Bundled]) -> Iterator[Finding]:
    seen: dict[str, Bundled] = {}
    for package in packages:
        other = seen.setdefault(package.facts.name, package)
        if other is not package:
            yield mistaken(
                "package-twice",
                package.where,
                f"{package.facts.name} is in the bundle twice for the same nodes: {_named((other, package))}",
                "leave one out of `packages`, or give each its own `kernels`",
            )


def _alone(rule: Callable[[Bundled, Target], Iterator[Finding]]) -> Rule:
    return lambda packages, target: (finding for package in packages for finding in rule(package, target))


def _together(rule: Callable[[Sequence[Bundled]], Iterator[Finding]]) -> Rule:
    """Each finding once, of however many kernels' nodes it is true."""
    return lambda packages, _target: iter(dict.fromkeys(f for of_node in _node_sets(packages) for f in rule(of_node)))


RULES: Final[Mapping[str, Rule]] = {
    "package-format": _alone(_format),
    "package-arch": _alone(_architecture),
    "package-glibc": _alone(_glibc),
    "package-kernel": _alone(_kernel),
    "package-twice": _together(_twice),
    "package-needs": _together(_missing),
    "package-version": _together(_other_versions),
    "package-conflict": _together(_conflicts),
}


def _unmet(packages: Sequence[Bundled]) -> Iterator[tuple[Bundled, tuple[Relation, ...], list[Bundled]]]:
    """Package, what it needs, and which packages have that name in another version."""
    for package in packages:
        for alternatives in package.facts.needs:
            if not _is_met(alternatives, package, packages):
                named = {relation.name for relation in alternatives}
                yield package, alternatives, [other for other in packages if named & _names(other.facts)]


def _is_met(alternatives: tuple[Relation, ...], package: Bundled, packages: Sequence[Bundled]) -> bool:
    if any(base_provides(package.facts.format, wanted) for wanted in alternatives):
        return True
    return any(other.facts.provides_any(alternatives) for other in packages)


def _names(package: PackageFacts) -> set[str]:
    return {given.name for given in package.provides}


def _conflict(package: PackageFacts, other: PackageFacts) -> str:
    """Why ``package`` does not go in together with ``other``, or ""."""
    for unwanted in package.conflicts:
        if other.provides_any((unwanted,)):
            return f"conflicts with {unwanted}"
    itself = Relation(other.name, "=", other.version)
    for replaced in package.obsoletes:
        if replaced.name == other.name and overlap(package.format, itself, replaced):
            return f"replaces {replaced}"
    return ""


def _of_toolkit(*packages: Bundled) -> bool:
    return any(package.where.startswith("toolkit/") for package in packages)


def _older(package: Bundled) -> str:
    return "an older `toolkit.version`" if _of_toolkit(package) else "the package of the nodes' own release"


def _named(packages: Iterable[Bundled]) -> str:
    return " and ".join(dict.fromkeys(f"{package.facts.name} {package.facts.version}" for package in packages))


def _in_words(alternatives: tuple[Relation, ...]) -> str:
    return " or ".join(map(str, alternatives))
