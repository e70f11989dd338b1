"""Other programs: what they see, what they are fed, and how they ended."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType

from installer.sight import Output

# Children see this and nothing of the caller's: a DOCKER_HOST, LD_PRELOAD or http_proxy there has no effect.
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
    "HOME": "/root",
}
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as a shell says it
_A_WHILE = 0.5  # seconds of one wait
_LAST_WORDS = 2  # seconds for what was killed to end


def execute(command: tuple[str, ...], stdin: Iterable[bytes] | None, timeout: float) -> Output:
    """Children get a session of their own: Ctrl-C asks us to stop at a step's end, not them to die in it."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    except FileNotFoundError:
        return Output(_NOT_FOUND, "", f"{command[0]}: not found")
    except OSError as error:
        return Output(_NOT_EXECUTABLE, "", f"{command[0]}: {error.strerror}")
    try:
        return _converse(process, stdin, timeout)
    finally:
        _close(process)


def run_here(command: tuple[str, ...], environment: Mapping[str, str]) -> int:
    """Run a command in this terminal; its exit code, as a shell says it. Raises OSError where it cannot run."""
    return _shell_code(subprocess.run(command, env=environment, check=False).returncode)


def run_in_our_place(command: tuple[str, ...], environment: Mapping[str, str], keeping: tuple[int, ...] = ()) -> int:
    """As `run_here`, and signals that ask us to stop ask it: Ctrl-C reaches both, one to us alone would not.

    The descriptors ``keeping`` stay open in it.
    """
    with _signals_kept() as came, subprocess.Popen(command, env=environment, pass_fds=keeping) as process:
        came.pass_on_to(process)
        return _shell_code(_end_of(process))


def _end_of(process: subprocess.Popen[bytes]) -> int:
    """By short waits: into one that lasts, a signal may fall asleep that comes just before it."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_A_WHILE)


def _shell_code(code: int) -> int:
    return code if code >= 0 else 128 - code


class _Signals:
    """Those that came, for a process that may not be there yet."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None

    def hear(self, number: int, _frame: FrameType | None) -> None:
        self._numbers.append(number)
        self._pass_on()

    def pass_on_to(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._pass_on()

    def _pass_on(self) -> None:
        """Each once, also where another one comes meanwhile."""
        with suppress(IndexError):
            while self._process is not None:
                self._process.send_signal(self._numbers.pop(0))


@contextmanager
def _signals_kept() -> Iterator[_Signals]:
    """From the program's own handlers, which have them back afterwards. What is ignored stays so, as under nohup."""
    signals = _Signals()
    before = {number: signal.getsignal(number) for number in _STOPPING}
    heard = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    for number in heard:
        signal.signal(number, signals.hear)
    try:
        yield signals
    finally:
        for number in heard:
            signal.signal(number, before[number])


def become(command: tuple[str, ...]) -> None:
    """Replace this process."""
    os.execvpe(command[0], command, _ENVIRONMENT)  # noqa: S606  # no shell is wanted here


def beside(work: Callable[[], None]) -> None:
    """The kernel kills the child with us, however we end, and also after `become` (PR_SET_PDEATHSIG, prctl(2))."""
    sys.stdout.flush()
    parent = os.getpid()
    if os.fork():
        return
    try:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:
            work()
    except Exception:  # noqa: BLE001  # nothing of the parent's may run a second time in here
        traceback.print_exc()
    finally:
        os._exit(0)


def find_program(name: str) -> str | None:
    """Where it is on the PATH that children get."""
    return shutil.which(name, path=_ENVIRONMENT["PATH"])


def _converse(process: subprocess.Popen[bytes], stdin: Iterable[bytes] | None, timeout: float) -> Output:
    if stdin is not None:
        _feed(process, stdin)
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        return _late(process, timeout)
    return Output(process.returncode, stdout.decode(errors="replace"), stderr.decode(errors="replace"))


def _late(process: subprocess.Popen[bytes], timeout: float) -> Output:
    """What was printed until then. In state D (a lost GPU, a network file system) a child outlives SIGKILL."""
    stdout: bytes | None
    stderr: bytes | None
    try:
        stdout, stderr = process.communicate(timeout=_LAST_WORDS)
    except subprocess.TimeoutExpired as still:
        stdout, stderr = still.stdout, still.stderr
        process.poll()
    said = (stderr or b"").decode(errors="replace")
    return Output(
        -signal.SIGKILL, (stdout or b"").decode(errors="replace"), f"{said}\nno answer in {timeout:g} s", late=True
    )


def _close(process: subprocess.Popen[bytes]) -> None:
    """Without waiting for its end, which Popen's own `with` does."""
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _feed(process: subprocess.Popen[bytes], pieces: Iterable[bytes]) -> None:
    if process.stdin is None:
        raise AssertionError
    try:
        for piece in pieces:
            process.stdin.write(piece)
    except BrokenPipeError:
        pass  # the command ended early; its exit code and message say why
    except BaseException:
        _end(process)  # what was fed is not what should be loaded
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LAST_WORDS)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """With its children: they hold its output open, and go on working."""
    os.killpg(process.pid, signal.SIGKILL)
