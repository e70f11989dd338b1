"""The schema of what `preflight -o json` writes, as a program of the site may rely on it."""

from installer.index.strict import Place, parse_json
from installer.preflight import CHECKS, MISFITS, PROBLEM, WARNING

FORMAT = 1


def read_document(data: bytes) -> dict[str, tuple[str, bool]]:
    """Level and whether it is ignored, by name. MalformedError for anything unknown, missing or of another type."""
    at = Place.of(parse_json(data, "preflight"), "")
    at.only("format", "bundle", "node", "findings")
    at.integer("format", FORMAT, FORMAT)
    bundle, node = at.inside("bundle"), at.inside("node")
    bundle.only("name", "version", "sequence")
    assert bundle.text("name")
    assert bundle.text("version")
    bundle.integer("sequence", 1, 2**31)
    node.only("hostname", "role", "node_ip")
    node.text("hostname")
    node.choice("role", ("head", "worker"))
    node.text("node_ip")
    return {name: (level, ignored) for name, level, ignored in map(_read_finding, at.each("findings"))}


def _read_finding(at: Place) -> tuple[str, str, bool]:
    at.only("name", "level", "what", "fix", "ignored")
    assert at.text("what")
    assert at.text("fix")
    return at.choice("name", (*MISFITS, *CHECKS)), at.choice("level", (PROBLEM, WARNING)), at.boolean("ignored")
