"""Which extra `vllm serve` options a manifest may pass, and which need to be allowed by name."""

import re
from collections.abc import Collection, Mapping

from installer.index.secret_names import ELSEWHERE, OPEN, is_secret
from installer.index.strict import Place

# Options that let a request or the model run code, read files of the node, or open it to other networks.
WEAKENING = tuple(
    """
    allow-credentials allowed-headers allowed-local-media-path allowed-methods allowed-origins
    collect-detailed-traces enable-prompt-embeds host kv-transfer-config load-format log-config-file
    logits-processor-pattern logits-processors middleware model-loader-extra-config otlp-traces-endpoint
    reasoning-parser-plugin root-path scheduler-cls tool-parser-plugin trust-remote-code
    trust-request-chat-template worker-cls worker-extension-cls
    """.split()
)
# Options that the manifest's own keys set, each with its key, and those that would carry a secret or name another file.
OURS: Mapping[str, str] = {
    "api-key": "",
    "config": "",
    "distributed-executor-backend": "cluster.backend",
    "gpu-memory-utilization": "serve.gpu_memory_utilization",
    "headless": "",
    "hf-token": "",
    "master-addr": "",
    "master-port": "cluster.port",
    "max-model-len": "serve.max_model_len",
    "model": "model",
    "nnodes": "cluster.nodes",
    "node-rank": "",
    "pipeline-parallel-size": "serve.pipeline_parallel_size",
    "port": "serve.port",
    "served-model-name": "serve.name",
    "ssl-keyfile": "",
    "tensor-parallel-size": "serve.tensor_parallel_size",
    "uds": "",
}
# The index lies open on every node, and so would a key in it.
NO_API_KEY = "there is no API key support yet"
PROXY_HINT = "put a proxy that asks for a key in front of the API, port 8000"
_SHORT = {"-tp": "tensor-parallel-size", "-pp": "pipeline-parallel-size", "-n": "nnodes", "-r": "node-rank"}


def check_serve_args(at: Place, args: tuple[str, ...], allow: tuple[str, ...]) -> None:
    for name in allow:
        if name not in WEAKENING:
            at.fail("allow", f"{name!r} is not an option that needs to be allowed")
    for arg in args:
        _check(at, arg, allow)


def _check(at: Place, arg: str, allow: tuple[str, ...]) -> None:
    option = _matching(arg, OURS)
    typed = re.split(r"[=\s]", arg, maxsplit=1)[0]  # what is behind it may be the secret
    if option == "api-key":
        at.fail("args", f"{typed}: {NO_API_KEY}", hint=PROXY_HINT)
    if arg.startswith("--") and is_secret(option or _name(arg)):
        at.fail("args", f"{typed}: {OPEN}", hint=ELSEWHERE)
    if option:
        at.fail(
            "args",
            f"{typed} cannot be passed here",
            hint=f"the manifest's {key} sets it" if (key := OURS[option]) else "leave it out; the install sets it",
        )
    option = _matching(arg, WEAKENING)
    if option and option not in allow:
        at.fail("args", f"{arg} weakens the node", hint=f"if that is wanted, say so: serve.allow: [{option}]")


def _matching(arg: str, options: Collection[str]) -> str | None:
    """The one of ``options`` that ``arg`` names, in any spelling vLLM takes.

    vLLM's parser reads ``_`` as ``-``, takes ``--option=value`` and ``--option.key``, and, as argparse
    does, any prefix of a name that is unique; a prefix counts here even when it is not.
    """
    if not arg.startswith("--"):
        known = next((name for short, name in _SHORT.items() if arg.startswith(short)), None)
        return known if known in options else None
    name = _name(arg)
    exact = name in options
    return name if exact else next((o for o in options if name and o.startswith(name)), None)


def _name(arg: str) -> str:
    return re.split(r"[=.\s]", arg[2:], maxsplit=1)[0].replace("_", "-")
