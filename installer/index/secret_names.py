"""By which names a secret goes: manifest and index lie open, on the medium and on every node."""

import re

OPEN = "a secret, and here it would lie open in the bundle and on every node"
ELSEWHERE = (
    "a token for a gated model belongs into the environment of `bundle lock` and `bundle build` (HF_TOKEN, "
    "MODELSCOPE_API_TOKEN); nodes ask no hub"
)
_NAME = re.compile(r"(.*_)?TOKEN|.*API_?KEY|.*(SECRET|PASSWORD|PASSWD|PASSPHRASE).*")


def is_secret(name: str) -> bool:
    """Of a variable, or of an option without its dashes."""
    return _NAME.fullmatch(name.upper().replace("-", "_")) is not None
