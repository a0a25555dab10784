"""What the fraud guard has seen, in memory, with the promises of `storage.tallies` kept.

The same contract tests run against this and against DynamoDB.
"""

import threading
from collections.abc import Collection, Mapping

from verification.domain.guard import Allowed, Seen, Tally, Window


class InMemoryTallies:
    """The tallies of one stack.

    Attributes:
        tallies: what was seen, by window; a test may put there what it likes.
        failing: raised in place of reading and adding.
        reads: how often they were read.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, int] = {}  # epoch seconds, by what is let through
        self.tallies: dict[Window, Tally] = {}
        self.failing: Exception | None = None
        self.reads = 0

    def read(self, windows: Collection[Window], now: int) -> tuple[Mapping[Window, Tally], Allowed]:
        self.reads += 1
        self._begin()
        found = {window: self.tallies[window] for window in windows if window in self.tallies}
        return found, Allowed(frozenset(self.unblocked(now)))

    def add(self, window: Window, seen: Seen) -> None:
        self._begin()
        with self._lock:
            old = self.tallies.get(window, Tally())
            self.tallies[window] = Tally(
                old.sends + seen.sends,
                old.verified + seen.verified,
                (old.countries | seen.countries) - seen.cleared,
                (old.numbers | seen.joined) - seen.left,
            )

    def unblock(self, word: str, until: int, now: int) -> None:
        self._until = {**self.unblocked(now), word: until}

    def unblocked(self, now: int) -> Mapping[str, int]:
        return {word: until for word, until in self._until.items() if until > now // 1000}

    def _begin(self) -> None:
        if self.failing:
            raise self.failing
