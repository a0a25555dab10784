"""Start a program in the background, wait until it serves, and stop exactly that one later."""

import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.local import LocalError


@dataclass(frozen=True)
class Process:
    """A program started here, known by its id and its start: the system gives an id out again."""

    pid: int
    started: str
    # Kept for the parent alone: Python must collect its child, and warns of one it forgot.
    child: subprocess.Popen[bytes] | None = field(default=None, compare=False, repr=False)

    def running(self) -> bool:
        """Whether this very program still runs."""
        if self.child and self.child.poll() is not None:
            return False
        return start_of(self.pid) == self.started

    def stop(self, patience: float = 10.0) -> None:
        """Ask it to end, wait `patience` seconds, then end it and its children by force."""
        if self.running():
            os.kill(self.pid, signal.SIGTERM)
            give_up = time.monotonic() + patience
            while self.running() and time.monotonic() < give_up:
                time.sleep(0.05)
            if self.running():
                os.killpg(self.pid, signal.SIGKILL)
        if self.child:
            self.child.wait()


def spawn(argv: Sequence[str | Path], cwd: Path, env: Mapping[str, str], log: Path) -> Process:
    """Start a program in its own session, so that Ctrl-C reaches us and not it."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Process(child.pid, start_of(child.pid) or "ended at once", child)


def start_of(pid: int) -> str | None:
    """When a process began, in the system's own spelling; None when there is none by that id."""
    if Path("/proc/self/stat").exists():  # Linux: exact, where `ps` follows the clock's corrections
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        state, *rest = stat.rpartition(")")[2].split()
        return None if state == "Z" else rest[18]
    ps = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
    return ps.stdout.strip() or None


def wait_until(ready: Callable[[], bool], process: Process, name: str, log: Path) -> None:
    """Wait at most 30 seconds until `ready`; LocalError with the end of the log when it fails."""
    give_up = time.monotonic() + 30
    while not ready():
        ended = not process.running()
        if ended or time.monotonic() > give_up:
            what = "ended by itself" if ended else "did not answer within 30 seconds"
            said = tail(log.read_text(errors="replace"))
            raise LocalError(f"{name} {what}. The end of {log}:\n{said}")
        time.sleep(0.05)


def run(argv: Sequence[str | Path], doing: str, env: Mapping[str, str] | None = None) -> str:
    """What a command printed, run to its end; LocalError with its last lines when it fails."""
    done = subprocess.run(
        argv,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise LocalError(f"{doing} failed. Its last lines:\n{tail(done.stdout)}")
    return done.stdout


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time through; the others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def tail(text: str, lines: int = 20) -> str:
    """The last lines of a text that are not empty, indented."""
    return "\n".join("  " + line for line in [s for s in text.splitlines() if s.strip()][-lines:])


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether a port of 127.0.0.1 can be listened on."""
    with socket.socket() as probe:
        # As a server does: the rests of closed connections do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
