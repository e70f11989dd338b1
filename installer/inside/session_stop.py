"""End the recorded session: TERM, then KILL after 30 s, until none of it is left and the port is free."""

import contextlib
import os
import pathlib
import signal
import socket
import sys
import time

SESSION_FIELD = 3  # of /proc/PID/stat, counted behind the name in brackets, as proc(5) numbers them from 3
GRACE = 30  # seconds between TERM and KILL
LIMIT = 90  # seconds for all of it


def members(session: int) -> list[int]:
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[SESSION_FIELD]) == session and fields[0] != "Z":
                found.append(int(folder.name))
    return found


def port_is_free(ip: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except OSError:
            return False
    return True


def stop(session: int) -> None:
    started = time.monotonic()
    while left := members(session):
        waited = time.monotonic() - started
        if waited > LIMIT:
            sys.exit(f"processes {left} do not end")
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if waited < GRACE else signal.SIGKILL)
        time.sleep(1)


record = pathlib.Path("/run/vllm-airgap-serve.session")
if record.exists():
    stop(int(record.read_text()))
    record.unlink()
    deadline = time.monotonic() + GRACE
    while not port_is_free(sys.argv[1], int(sys.argv[2])):
        if time.monotonic() > deadline:
            sys.exit(f"port {sys.argv[2]} is still in use")
        time.sleep(1)
