"""Whether everything that is named is there: files of this machine, the model's parts, files for the container."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from bundler.findings import Finding, mistaken, raised
from bundler.lint.case import Case, Rule, Rules
from bundler.lint.downloads import downloads
from bundler.model_rules import RULES as MODEL_RULES
from bundler.model_rules.remedies import in_a_folder

_INSIDE = re.compile(r"/files/([A-Za-z0-9_][A-Za-z0-9._+=@~%/-]*)")  # where FileSpec.name stands in the container


def _missing_file(case: Case) -> Iterator[Finding]:
    """Of what the manifest takes from this machine."""
    for where, path in _local_paths(case):
        if not (case.manifest.folder / path).is_file():
            start = "" if path.startswith("/") else "; it starts at the manifest's folder"
            yield mistaken("missing-file", where, f"{path}: no such file", f"correct the path{start}")


def _local_paths(case: Case) -> Iterator[tuple[str, str]]:
    manifest = case.manifest
    for download in downloads(manifest):
        if download.url and not download.url.startswith(("https://", "http://")):
            yield f"{download.part}.url", download.url.removeprefix("file://")
    if manifest.image.source == "file":
        yield "image.path", manifest.image.path


def _model_folder(case: Case) -> Iterator[Finding]:
    if case.model_problem:
        yield raised("model-folder", "model.path", case.model_problem, "name the folder that has the model's files")


def _of_the_model(name: str, case: Case) -> Iterator[Finding]:
    for problem in MODEL_RULES[name](case.model or {}, case.manifest.model.allow) if case.model else ():
        finding = raised(name, "model", problem, "get the model's files again, all of one revision")
        yield replace(finding, fix=in_a_folder(finding.fix)) if case.manifest.model.source == "directory" else finding


def _named_file(case: Case) -> Iterator[Finding]:
    """A path below /files, in serve.args or cluster.env, that no entry of ``files`` fills."""
    names = {file.name for file in case.manifest.files}
    said = [("serve.args", arg) for arg in case.manifest.serve.args]
    said += [(f"cluster.env.{name}", value) for name, value in case.manifest.cluster.env.items()]
    for where, text in said:
        for name in _INSIDE.findall(text):
            path = name.rstrip("/")
            if path not in names and not any(known.startswith(f"{path}/") for known in names):
                yield mistaken(
                    "named-file",
                    where,
                    f"/files/{path} is named, but no entry of files is called {path}",
                    f"add it: files: [{{url: ..., name: {path}}}]",
                )


_MODEL: Final[dict[str, Rule]] = {name: partial(_of_the_model, name) for name in MODEL_RULES}
RULES: Final[Rules] = {
    "missing-file": _missing_file,
    "model-folder": _model_folder,
    **_MODEL,
    "named-file": _named_file,
}
