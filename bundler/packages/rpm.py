"""The header of an rpm file: names, versions and relations, checked against the file's own sums."""

import hashlib
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, cast

import rpmfile
from rpmfile.errors import RPMError

from bundler.packages.facts import PackageFacts, Relation, cut, read_head, refuse_no_package
from bundler.packages.rpm_size import check_headers
from installer.errors import RefusedError

_Single = int | bytes
_Value = _Single | list[_Single] | tuple[_Single, ...]
_Headers = Mapping[str, _Value]
MAGIC = b"\xed\xab\xee\xdb"
_PIECE = 1 << 20  # bytes
_LESS, _GREATER, _EQUAL = 1 << 1, 1 << 2, 1 << 3  # RPMSENSE_*
_MISSING_IS_FINE = 1 << 19  # RPMSENSE_MISSINGOK: what is called Recommends today
_SHA256 = 8  # PGPHASHALGO_SHA256
_PROBLEMS = (RPMError, AssertionError, struct.error, ValueError, IndexError, TypeError, KeyError, MemoryError)


def read_rpm(path: Path, name: str) -> PackageFacts:
    """RefusedError for what is no binary rpm, DamagedError for a part of one."""
    with path.open("rb") as file:
        if (head := read_head(file, 64)[:4]) != MAGIC:
            raise refuse_no_package(name, head, "rpm or deb")
        try:
            check_headers(file)
            with rpmfile.open(fileobj=file) as opened:
                headers, (start, end) = cast("_Headers", opened.headers), cast("tuple[int, int]", opened.header_range)
            facts = _facts(headers)
        except _PROBLEMS as error:
            raise cut(name, str(error) or type(error).__name__) from error
        if "sourcerpm" not in headers:
            raise RefusedError(f"{name}: a source package, which nothing can be installed from")
        _check_sums(file, headers, start, end, name)
        return facts


def _facts(headers: _Headers) -> PackageFacts:
    epoch = _number(headers.get("serial", 0))
    version = f"{_text(headers['version'])}-{_text(headers['release'])}"
    return PackageFacts(
        format="rpm",
        name=_text(headers["name"]),
        version=f"{epoch}:{version}" if epoch else version,
        arch=_text(headers["arch"]),
        provides=tuple(relation for relation, _ in _relations(headers, "provides", "provide")),
        needs=tuple(
            (relation,)
            for relation, flags in _relations(headers, "requirename", "require")
            if not flags & _MISSING_IS_FINE
        ),
        conflicts=tuple(relation for relation, _ in _relations(headers, "conflictname", "conflict")),
        obsoletes=tuple(relation for relation, _ in _relations(headers, "obsoletes", "obsolete")),
        files=frozenset(_files(headers)),
    )


def _relations(headers: _Headers, names: str, kind: str) -> Iterator[tuple[Relation, int]]:
    if names not in headers:
        return
    rows = zip(
        _several(headers[names]),
        _several(headers[f"{kind}flags"]),
        _several(headers[f"{kind}version"]),
        strict=True,
    )
    for name, flags, version in rows:
        signs = (("<", _LESS), (">", _GREATER), ("=", _EQUAL))
        operator = "".join(sign for sign, flag in signs if _number(flags) & flag)
        yield Relation(_text(name), operator, _text(version) if operator else ""), _number(flags)


def _files(headers: _Headers) -> Iterator[str]:
    if "basenames" not in headers:
        return
    folders = _several(headers["dirnames"])
    for base, number in zip(_several(headers["basenames"]), _several(headers["dirindexes"]), strict=True):
        yield _text(folders[_number(number)]) + _text(base)


def _several(value: _Value) -> tuple[_Single, ...]:
    """One number or text stands alone in a header."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _text(value: _Value) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"{str(value)[:80]} where text belongs")
    return value.decode("utf-8", "replace")


def _number(value: _Value) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{str(value)[:80]} where a number belongs")
    return value


def _check_sums(file: BinaryIO, headers: _Headers, start: int, end: int, name: str) -> None:
    """By the MD5 of header and payload, which rpm wrote until version 6, and the payload's SHA-256, since 4.14."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    file.seek(start)
    md5.update(file.read(end - start))
    while piece := file.read(_PIECE):
        md5.update(piece)
        sha256.update(piece)
    by_sha256 = _several(headers.get("payloaddigest", b""))[0] if headers.get("payloaddigestalgo") == _SHA256 else b""
    sums = ((headers.get("sigmd5"), md5.digest()), (by_sha256, sha256.hexdigest().encode()))
    wanted = [(expected, found) for expected, found in sums if expected]
    if any(expected != found for expected, found in wanted):
        raise cut(name, "its content is not what its header says")
    if not wanted:
        raise RefusedError(f"{name}: has no checksum of its own", hint="name its digest with `sha256` in the manifest")
