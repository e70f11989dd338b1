"""Packages of a bundle that go in together, shown to the package manager as the node's own checked copies."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from installer.index.document import File
from installer.node import Node
from installer.package_tools import TOOLS
from installer.staging import Staging, open_staged


@dataclass(frozen=True)
class Transaction:
    """All of ``files`` go in or none; then ``beside``, of which other versions stay. Empty where nothing is missing."""

    files: tuple[File, ...] = ()
    beside: tuple[File, ...] = ()


@contextmanager
def opened(node: Node, staging: Staging, transaction: Transaction) -> Iterator[tuple[list[str], list[str]]]:
    """The paths of both, each hashed again. Raises DamagedError."""
    with ExitStack() as copies:
        for file in (*transaction.files, *transaction.beside):
            copies.enter_context(open_staged(node, staging, file))
        yield _paths(node, staging, transaction.files), _paths(node, staging, transaction.beside)


def try_together(node: Node, staging: Staging, package_format: str, transactions: Iterable[Transaction]) -> None:
    """Raise RefusedError for what would be refused of them, one after the other. Changes nothing.

    They are tried as one: what a later one needs may come with an earlier one.
    """
    every = tuple(transactions)
    files = tuple(file for each in every for file in each.files)
    beside = tuple(file for each in every for file in each.beside)
    if not (files or beside):
        return
    with opened(node, staging, Transaction(files, beside)) as paths:
        TOOLS[package_format].try_out(node, *paths)


def _paths(node: Node, staging: Staging, files: tuple[File, ...]) -> list[str]:
    return [str(node.at(staging.place_of(file))) for file in files]
