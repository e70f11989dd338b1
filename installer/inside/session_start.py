"""Start a session of its own, record it, and become the command in the arguments."""

import os
import sys

if os.getsid(0) != os.getpid():
    os.setsid()
with open("/run/vllm-airgap-serve.session", "w") as file:
    file.write(str(os.getpid()))
os.execvp(sys.argv[1], sys.argv[1:])
