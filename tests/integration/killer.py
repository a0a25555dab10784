"""A process that runs a function again and again, each time until it is killed at one boundary.

A boundary stands before each line of ours that runs, from the handler to the end: of our package
and of the function's app.py. Where a line is repeated, its first two rounds count, anew after each
write to AWS. The last boundary is the end, before the answer has left.

`python -m tests.integration.killer FUNCTION`, with a function's environment. It reads an order a
line and answers each with a line. Each run is in a fork of its own, as the first call after INIT;
it is ended by SIGKILL, so nothing is cleaned up. SQS holds nothing back: tests move the clock.
"""

import gc
import json
import os
import runpy
import signal
import sys
from collections import Counter
from collections.abc import Callable
from types import CodeType
from typing import Any

import verification
from botocore.httpsession import URLLib3Session
from urllib3 import HTTPConnectionPool
from verification import aws, wiring
from verification.storage import watches

from tests.fakes.calls import Context

APPS = os.path.join(os.path.dirname(__file__), *("..", "..", "functions"))
OURS = (os.path.dirname(verification.__file__), os.path.realpath(APPS))
WRITES = ("SendMessage", "TransactWriteItems", "Publish", "UpdateItem", "PutItem", "DeleteItem")
ROUNDS = 2
TOOL = sys.monitoring.DEBUGGER_ID

type Boundary = tuple[str, int, int, int]
"""File and line (0: the end), how many writes to AWS were done before, and the round since."""


class Watcher:
    """Sees each boundary that is passed, and each write to AWS that was done.

    Attributes:
        passed: what is called at each boundary.
        writes: the writes so far.
    """

    def __init__(self) -> None:
        self.passed: Callable[[Boundary], object] = lambda boundary: None
        self.writes: list[str] = []
        self._rounds: Counter[tuple[str, int, int]] = Counter()
        # Clients take over the session's listeners when they are made: before all of them.
        aws.make_session().get_component("event_emitter").register("after-call", self._called)
        # Ours: where none of our lines stands between what AWS did and the note of it.
        self._urlopen = HTTPConnectionPool.urlopen
        HTTPConnectionPool.urlopen = (  # type: ignore[method-assign]
            lambda *asked, **how: self._noted(*asked, **how)
        )
        sys.monitoring.use_tool_id(TOOL, "killer")
        sys.monitoring.register_callback(TOOL, sys.monitoring.events.LINE, self._line)
        sys.monitoring.set_events(TOOL, sys.monitoring.events.LINE)

    def run(self, handler: Callable[[Any, Any], Any], event: Any) -> None:
        self.writes.clear()
        self._rounds.clear()
        handler(event, Context())
        self.passed(("the end", 0, len(self.writes), 1))

    def _called(self, event_name: str, **_: Any) -> None:
        self._note(event_name.rpartition(".")[2])

    def _noted(self, *asked: Any, **how: Any) -> Any:
        answer = self._urlopen(*asked, **how)
        if asked[4:]:  # pool, method, path, body, headers
            self._note(asked[4].get("X-Amz-Target", "").rpartition(".")[2])
        return answer

    def _note(self, call: str) -> None:
        if call in WRITES:
            self.writes.append(call)

    def _line(self, code: CodeType, line: int) -> Any:
        if not code.co_filename.startswith(OURS):
            return sys.monitoring.DISABLE  # none of ours, for good
        where = (code.co_filename, line, len(self.writes))
        self._rounds[where] += 1
        if self._rounds[where] <= ROUNDS:
            self.passed((*where, self._rounds[where]))
        return None


class Killer:
    """Runs one function.

    Args:
        folder: the function's.
    """

    def __init__(self, folder: str) -> None:
        self._app = os.path.join(APPS, folder, "app.py")
        self._watcher = Watcher()
        self._real_clock, self._later = wiring.clock, 0
        wiring.clock = lambda: self._real_clock() + self._later * 1000
        watches.MAX_DELAY = 0

    def _initialise(self) -> None:
        self._handler = runpy.run_path(self._app)["handler"]

    def warm(self, event: Any, later: int) -> None:
        """Have everything imported by one run, and begin anew with INIT.

        Args:
            later: seconds by which the function's clock is ahead.
        """
        self._initialise()
        self._later = later
        self._watcher.run(self._handler, event)
        self._initialise()
        for one in gc.get_objects():
            # Or the forks would all talk over one connection.
            if isinstance(one, URLLib3Session):
                one.close()
            elif isinstance(one, HTTPConnectionPool) and one.pool:  # closed itself, it is no more
                for connection in filter(None, one.pool.queue):
                    connection.close()
        gc.freeze()

    def trace(self, event: Any, later: int) -> dict[str, Any]:
        """Run to the end; the boundaries that were passed, and the writes."""
        answers, answer = os.pipe()
        if not os.fork():
            passed: list[Boundary] = []
            self._watcher.passed = passed.append
            self._later = later
            self._watcher.run(self._handler, event)
            with os.fdopen(answer, "w") as traced:
                json.dump({"boundaries": passed, "writes": self._watcher.writes}, traced)
            os._exit(0)
        os.close(answer)
        with os.fdopen(answers) as traced:
            found: dict[str, Any] = json.load(traced)
        os.wait()
        return found

    def kill(self, event: Any, later: int, at: list[Any]) -> bool:
        """Run until a boundary; whether it was reached."""
        last = tuple(at)
        if not os.fork():
            self._watcher.passed = lambda one: _die() if one == last else None
            self._later = later
            try:
                self._watcher.run(self._handler, event)
            finally:
                os._exit(1)
        _, status = os.wait()
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the function's log goes elsewhere
    killer = Killer(folder)
    for line in sys.stdin:
        order, options = json.loads(line)
        print(json.dumps(getattr(killer, order)(**options)), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
