"""Whether requests may be as long as the manifest wants them, by what the model was made for."""

from collections.abc import Iterator
from typing import Final

from bundler.findings import Finding, refused
from bundler.lint.case import Case, Rules
from installer.hardware.serving import may_exceed
from installer.index.serve_options import option_values

# Options by which vLLM takes other lengths than those of config.json, also with a key behind a dot.
_OTHERWISE = frozenset(("rope-scaling", "hf-overrides", "config-format", "hf-config-path"))


def _max_model_len(case: Case) -> Iterator[Finding]:
    """What is longer than vLLM derives from config.json, it refuses at start."""
    wanted = case.manifest.serve.max_model_len or 0
    longest = case.config.longest if case.config else 0
    if longest and wanted > longest and not may_exceed(case.manifest.cluster.env) and not _is_overridden(case):
        yield refused(
            "max-model-len",
            "serve.max_model_len",
            f"{wanted} is more than {longest}, the most that the model was made for: vllm serve would refuse it",
            f"set serve.max_model_len: {longest} or less; if the model bears more, "
            'cluster.env: {VLLM_ALLOW_LONG_MAX_MODEL_LEN: "1"}',
        )


def _is_overridden(case: Case) -> bool:
    return any(option.partition(".")[0] in _OTHERWISE for option, _ in option_values(case.manifest.serve.args))


RULES: Final[Rules] = {"max-model-len": _max_model_len}
