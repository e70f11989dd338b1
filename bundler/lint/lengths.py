"""Whether requests may be as long as the manifest wants them, by what the model was made for."""

from collections.abc import Iterator
from typing import Final

from bundler.findings import Finding, refused
from bundler.lint.case import Case, Rules
from installer.hardware.model_shape import longest_without_windows
from installer.hardware.serving import may_exceed, narrows


def _max_model_len(case: Case) -> Iterator[Finding]:
    """What is longer than vLLM derives from config.json, it refuses at start."""
    wanted = case.manifest.serve.max_model_len or 0
    longest = _longest(case)
    if longest and wanted > longest and not may_exceed(case.manifest.serve.args, case.manifest.cluster.env):
        yield refused(
            "max-model-len",
            "serve.max_model_len",
            f"{wanted} is more than {longest}, the most that the model was made for: vllm serve would refuse it",
            f"set serve.max_model_len: {longest} or less; if the model bears more, "
            'cluster.env: {VLLM_ALLOW_LONG_MAX_MODEL_LEN: "1"}',
        )


def _longest(case: Case) -> int:
    """0 where nobody knows."""
    if case.config is None:
        return 0
    return longest_without_windows(case.config) if narrows(case.manifest.serve.args) else case.config.longest


RULES: Final[Rules] = {"max-model-len": _max_model_len}
