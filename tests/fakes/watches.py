"""A queue in memory."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Watch:
    """A message of the queue; see `Watches.watch`."""

    token: str
    claimed: int
    delay: int
    tries: int = 0


class RecordingWatches:
    """The queue; a test takes what was `queued` and hands it on when it likes.

    Args:
        journal: what is done here is noted there, to be compared in order.

    Attributes:
        failing: raised in place of queueing.
    """

    def __init__(self, journal: list[str] | None = None) -> None:
        self.queued: list[Watch] = []
        self.failing: Exception | None = None
        self.journal = journal if journal is not None else []

    def watch(self, token: str, claimed: int, delay: int, tries: int = 0) -> None:
        self.journal.append("watch")
        if self.failing:
            raise self.failing
        self.queued.append(Watch(token, claimed, delay, tries))
