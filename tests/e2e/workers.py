"""What the processes of the functions hold, as the system tells it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Worker:
    """A process of a function.

    Args:
        memory: resident, in bytes.
        files: open ones, sockets among them.
    """

    pid: int
    function: str
    memory: int
    files: int
    sockets: int


def workers(endpoint_url: str) -> list[Worker]:
    """The processes that the emulator there runs functions in; none where there is no /proc."""
    return [worker for pid in _pids() if (worker := _read(pid, endpoint_url))]


def _pids() -> Iterator[int]:
    if _PROC.exists():
        yield from (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal())


def _read(pid: int, endpoint_url: str) -> Worker | None:
    """A worker; None when it is another process, of another user, or over by now."""
    process = _PROC / str(pid)
    try:
        environ = (process / "environ").read_text(errors="replace")
        variables = dict(line.partition("=")[::2] for line in environ.split("\0"))
        name = variables.get("AWS_LAMBDA_FUNCTION_NAME")
        if not name or variables.get("AWS_ENDPOINT_URL") != endpoint_url:
            return None
        open_files = [os.readlink(file) for file in (process / "fd").iterdir()]
        pages = int((process / "statm").read_text().split()[1])
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return None
    sockets = sum(file.startswith("socket:") for file in open_files)
    return Worker(pid, name, pages * _PAGE, len(open_files), sockets)
