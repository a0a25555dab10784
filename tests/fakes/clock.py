"""Time and chance that a test decides."""

import hashlib
import itertools


class SettableClock:
    """A clock that stands still.

    Args:
        now: epoch milliseconds.
    """

    def __init__(self, now: int = 1_800_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


class CountingRandom:
    """Bytes that differ from call to call and are the same in every run."""

    def __init__(self) -> None:
        self._counter = itertools.count()  # its next() is atomic: threads never share a value

    def __call__(self, size: int) -> bytes:
        return hashlib.shake_128(next(self._counter).to_bytes(8)).digest(size)


def plenty() -> int:
    """The remaining time of a function that has just been called, in milliseconds."""
    return 10_000
