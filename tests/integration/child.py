"""A process that starts, re-sends or verifies and kills itself at one step.

`python -m tests.integration.child start STEP DESTINATION`, `resend STEP ID` or
`verify STEP ID CODE KEY SECONDS` (from now), with a function's environment. STEP is `before` or
`after`, then the name of a port's method (`record` and `settle` for those in WORDS); or `never`.
Prints each look that was queued before the end.
"""

import json
import os
import signal
import sys
from dataclasses import replace
from typing import Any

from verification.wiring import Stack, clock

from tests.integration.commands import CLIENT, guess_command, remaining, start_command

WORDS = {"record_send": "record", "confirm": "settle", "dismiss": "settle"}


class Killing:
    """A port that passes calls on and kills the process before or after one of them."""

    def __init__(self, port: Any, step: str) -> None:
        self._port = port
        self._step = step

    def __getattr__(self, name: str) -> Any:
        method, word = getattr(self._port, name), WORDS.get(name, name)

        def call(*arguments: Any, **options: Any) -> Any:
            if self._step == f"before {word}":
                os.kill(os.getpid(), signal.SIGKILL)
            result = method(*arguments, **options)
            if word == "watch":
                print(json.dumps({"token": arguments[0], "claimed": arguments[1]}), flush=True)
            if self._step == f"after {word}":
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call


def send(operation: str, step: str, subject: str) -> None:
    stack = Stack()
    parts: Any = stack.start() if operation == "start" else stack.resend()
    verifications = Killing(parts.verifications, step)
    parts = replace(
        parts,
        verifications=verifications,
        watches=Killing(parts.watches, step),
        sender=replace(
            parts.sender,
            verifications=verifications,
            route=Killing(parts.sender.route, step),
        ),
    )
    if operation == "start":
        parts(start_command(subject), remaining)
    else:
        # A minute later, so that it is not too early.
        replace(parts, clock=lambda: clock() + 60_000)(CLIENT, subject, None, remaining)


def verify(step: str, verification_id: str, code: str, key: str, seconds: str) -> None:
    parts: Any = Stack().verify()
    killing = replace(
        parts,
        verifications=Killing(parts.verifications, step),
        verifiers=lambda name: Killing(parts.verifiers(name), step),
        clock=lambda: clock() + int(seconds) * 1000,
    )
    killing(guess_command(verification_id, code, idempotency_key=key), remaining)


def main(operation: str, step: str, *subject: str) -> None:
    if operation == "verify":
        verify(step, *subject)
    else:
        send(operation, step, *subject)


if __name__ == "__main__":
    main(*sys.argv[1:])
