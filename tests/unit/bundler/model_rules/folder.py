"""A folder as rules get it, and what they say of it."""

from pathlib import Path

from bundler.model_rules.files import Rule


def said_by(rule: Rule, folder: Path, *allow: str) -> list[str]:
    files = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return [str(problem) for problem in rule(files, allow)]
