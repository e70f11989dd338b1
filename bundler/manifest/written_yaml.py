"""The YAML that a person writes, read strictly: every scalar is text, and nothing may mean two things."""

from typing import NoReturn, Protocol

import yaml

from installer.errors import UsageError, printable
from installer.index.strict import DEEPEST, Value

LARGEST_MANIFEST = 1 << 20  # bytes


class _Mark(Protocol):
    """Where in the text something stands; yaml has two classes for it."""

    line: int


def parse_yaml(data: bytes) -> Value:
    """Maps, lists and text; nothing that two readers might take differently."""
    if len(data) > LARGEST_MANIFEST:
        raise UsageError(f"larger than {LARGEST_MANIFEST} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"not UTF-8 at byte {error.start}") from None
    try:
        _refuse_surprises(text)
        return _value(yaml.compose(text, Loader=yaml.BaseLoader))
    except yaml.YAMLError as error:
        raise UsageError(_yaml_problem(error)) from None


def _refuse_surprises(text: str) -> None:
    """Before any tree is built of it: an alias may multiply, a tag may make objects, depth may exhaust."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            _fail(event.start_mark, "anchors and aliases are not read here; write the value out")
        if getattr(event, "tag", None):
            _fail(event.start_mark, "tags are not read here; every value is text")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            _fail(event.start_mark, f"nested deeper than {DEEPEST} levels")


def _value(node: yaml.Node | None) -> Value:
    if node is None:
        return {}
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node)
    return str(node.value)


def _mapping(node: yaml.MappingNode) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            _fail(key.start_mark, "a key is not text")
        if key.value in found:
            _fail(key.start_mark, f"key {printable(key.value)[:80]!r} stands twice")
        found[key.value] = _value(value)
    return found


def _fail(mark: _Mark | None, why: str) -> NoReturn:
    raise UsageError(f"line {mark.line + 1}: {why}" if mark else why)


def _yaml_problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {printable(error.problem or 'not YAML')}"
    return printable(str(error))[:200]
