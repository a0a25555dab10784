"""Lambda's Runtime API on this machine, and functions run against it by the real `awslambdaric`.

A function is one process, of a Python without site-packages: it sees its own folder, its layers
and Lambda's runtime client, nothing of this virtual environment.
"""

import json
import os
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from benchmarks.builds import Artifact
from tests.local import LocalError
from tests.local.processes import Process, spawn, tail

_NEXT = "/2018-06-01/runtime/invocation/next"
_NO_MORE = object()  # what a thread that waits for an event in vain is let go by
_LONG = 3_600  # seconds that a function has for an answer, since valgrind takes its time
_ARN = "arn:aws:lambda:eu-west-1:123456789012:function"


@dataclass(frozen=True)
class Moment:
    """When something was asked for, and what the process had used until then.

    Args:
        at: seconds, of a clock that only grows.
        cpu: seconds of processor time, of all its threads.
    """

    at: float
    cpu: float


@dataclass(frozen=True)
class Reply:
    """What a function answered an event.

    Args:
        body: what it returned.
        asked: when it asked for the event; done: when it posted the answer.
        peak: bytes of memory that it had at most until then (VmHWM).
    """

    body: Any
    asked: Moment
    done: Moment
    peak: int

    @property
    def cpu(self) -> float:
        """Seconds of processor time that the event took."""
        return self.done.cpu - self.asked.cpu

    @property
    def status(self) -> int:
        return int(self.body["statusCode"])

    @property
    def content(self) -> Any:
        """The JSON that the caller gets; None where there is none."""
        return json.loads(self.body["body"]) if self.body["body"] else None


class Function:
    """One environment of a function, begun at once; to be used in a `with`.

    Args:
        artifact: what runs.
        runtime: the folder with awslambdaric.
        variables: its environment, beside what Lambda gives every function.
        under: a command to run it under, such as valgrind's.
        first: an event that waits for it from the beginning, so that no time is lost.
    """

    def __init__(
        self,
        artifact: Artifact,
        runtime: Path,
        variables: Mapping[str, str],
        *,
        under: Sequence[str] = (),
        first: Any = None,
    ) -> None:
        self._events: queue.Queue[Any] = queue.Queue()
        self._replies: queue.Queue[tuple[Any, Moment, Moment, int] | str] = queue.Queue()
        self._asked: Moment | None = None
        self._invocation = 0
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()
        if first is not None:
            self._events.put(first)
        handle, name = tempfile.mkstemp(prefix="function-", suffix=".log")
        os.close(handle)
        self._log = Path(name)
        argv = [*under, sys._base_executable, "-S", "-s", "-m", "awslambdaric", artifact.handler]  # type: ignore[attr-defined]
        environment = self._environment(artifact, runtime) | dict(variables)
        try:
            self.began = time.monotonic()
            self.process: Process = spawn(argv, artifact.task, environment, self._log)
        except BaseException:
            self._server.shutdown()
            self._server.server_close()
            raise

    def _environment(self, artifact: Artifact, runtime: Path) -> dict[str, str]:
        """What Lambda sets, and PYTHONPATH in the order that Lambda has."""
        path = [str(folder) for folder in (artifact.opt, runtime) if folder]
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_NAME": artifact.function,
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": "group",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}",
            "LAMBDA_TASK_ROOT": str(artifact.task),
            "LANG": "en_US.UTF-8",
            "PATH": os.defpath,
            "PYTHONDONTWRITEBYTECODE": "1",  # Lambda's folders cannot be written to
            "PYTHONHASHSEED": "0",  # so that a run can be repeated
            "PYTHONPATH": os.pathsep.join(path),
            "TZ": ":UTC",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process and the server."""
        self.process.stop()
        self._events.put(_NO_MORE)
        self._server.shutdown()
        self._server.server_close()
        self._log.unlink(missing_ok=True)

    def invoke(self, event: Any) -> Reply:
        """Have it answer an event."""
        self._events.put(event)
        return self.reply()

    def reply(self) -> Reply:
        """Its next answer.

        Raises:
            LocalError: it has ended, or answered by an error of its own.
        """
        while True:
            try:
                found = self._replies.get(timeout=0.5)
            except queue.Empty:
                if not self.process.running():
                    raise self._failed("ended") from None
                continue
            if isinstance(found, str):
                raise self._failed(f"failed: {found[:2000]}")
            return Reply(*found)

    @property
    def output(self) -> str:
        """What it has logged so far."""
        return self._log.read_text(errors="replace")

    def _failed(self, how: str) -> LocalError:
        return LocalError(f"A function {how}. The end of its log:\n{tail(self.output)}")

    # What the server calls.

    def take(self) -> tuple[str, Any]:
        """Wait for the next event; the id of its invocation goes with it."""
        self._asked = self._moment()
        event = self._events.get()
        if event is _NO_MORE:
            raise ConnectionAbortedError("the function was ended")
        self._invocation += 1
        return f"00000000-0000-4000-8000-{self._invocation:012d}", event

    def give(self, body: bytes, failed: bool) -> None:
        """Keep an answer."""
        done = self._moment()
        if failed or self._asked is None:
            self._replies.put(body.decode(errors="replace"))
        else:
            self._replies.put((json.loads(body), self._asked, done, self._peak()))

    def _moment(self) -> Moment:
        return Moment(time.monotonic(), cpu_of(self.process.pid))

    def _peak(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024


def cpu_of(pid: int) -> float:
    """Seconds of processor time that a process has used, all its threads together.

    /proc/<pid>/stat counts hundredths of seconds, and schedstat the first thread alone; the clock
    of the process counts nanoseconds (clock_getcpuclockid(3), spelled as Linux does).
    """
    return time.clock_gettime((~pid << 3) | 2)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def finish_request(self, request: Any, client_address: Any) -> None:
        with suppress(ConnectionError):  # the function was ended while it waited
            super().finish_request(request, client_address)


def _handler(function: Function) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # noqa: N802 - the library's name
            if self.path != _NEXT:
                self.send_error(404)
                return
            request_id, event = function.take()
            body = json.dumps(event).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
            self.send_header("Lambda-Runtime-Deadline-Ms", str(round((time.time() + _LONG) * 1000)))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", f"{_ARN}:function")
            # Not sampled, as nearly all requests are under Lambda's own rule: of what the
            # baseline's tracer does, only this much is counted.
            root = "Root=1-6922f2c0-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0"
            self.send_header("Lambda-Runtime-Trace-Id", root)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:  # noqa: N802
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            function.give(body, failed=not self.path.endswith("/response"))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass  # a function's own log says more

    return Handler
