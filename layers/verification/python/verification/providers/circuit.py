"""Passing over a provider that keeps failing, for a while.

    closed ──3 failures in a row──> open ──30 s──> half open ──a failure──> open
       ^                                               │
       └───────────────────────a success───────────────┘

Each process learns by itself: a state shared through the table would cost every send a call.
"""

from ..operations.ports import Clock

FAILURES = 3  # in a row
OPEN_SECONDS = 30


class Circuit:
    """What one process knows of how its providers are doing.

    Args:
        clock: epoch milliseconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[str, int] = {}
        self._open_until: dict[str, int] = {}

    def is_open(self, name: str) -> bool:
        """Whether to ask it after the others; half open, it has its place again."""
        return self._clock() < self._open_until.get(name, 0)

    def note(self, name: str, *, failed: bool) -> None:
        """Take notice of what a provider did."""
        if not failed:
            self._failures.pop(name, None)
            self._open_until.pop(name, None)
            return
        self._failures[name] = failures = self._failures.get(name, 0) + 1
        if failures >= FAILURES:
            self._open_until[name] = self._clock() + OPEN_SECONDS * 1000
