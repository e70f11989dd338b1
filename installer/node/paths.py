"""Where things lie on a node, below its root."""

ETC = "/etc/vllm-airgap"
STATE = "/var/lib/vllm-airgap"
OPT = "/opt/vllm-airgap"
LOG = "/var/log/vllm-airgap"
PROGRAM = "/usr/local/sbin/vllm-airgap"
BINARIES = "/usr/local/bin"
UNITS = "/etc/systemd/system"
DAEMON_JSON = "/etc/docker/daemon.json"
MODELS = f"{STATE}/models"
LOCK = "/run/vllm-airgap.lock"
# Where a program may be unpacked and run for one command, if the usual temporary folder will not do.
TEMPORARY = ("/var/tmp", "/run")  # noqa: S108  # each use makes a private folder in it
