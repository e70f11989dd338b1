"""Start a session of its own, record it, and become the command in the arguments."""

import os
import sys

RECORD = "/run/vllm-airgap-serve.session"

if os.getsid(0) != os.getpid():
    os.setsid()
with open(f"{RECORD}.new", "w") as file:
    file.write(str(os.getpid()))
os.replace(f"{RECORD}.new", RECORD)
os.execvp(sys.argv[1], sys.argv[1:])
