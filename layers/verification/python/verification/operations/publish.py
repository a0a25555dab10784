"""Publish: what the table's stream tells goes to the event bus. Nothing of it on the hot path.

The stream brings each write once or more often, those of one verification in order; so each event
goes out at least once, with the same id each time. What ends by its time alone writes nothing: a
message looks after it then and writes that down, and the stream tells that, too.
"""

from collections.abc import Sequence

from ..domain.events import Event, EventType, told_by_change, told_by_sends
from ..domain.verification import Verification
from ..valueclass import valueclass
from .ports import Change, Clock, Ends, EventBus, Remaining, Telemetry, Verifications, Write

# Seconds after its time: a guess made in time may be judged this late.
_GRACE = 30


@valueclass
class Publish:
    """Takes batches of the stream."""

    verifications: Verifications
    bus: EventBus
    ends: Ends
    telemetry: Telemetry
    clock: Clock

    def __call__(self, writes: Sequence[Write], remaining: Remaining) -> int:
        """Tell what a batch of the stream says.

        Returns:
            How many of the writes were told; from the next one on they have to come again.

        Raises:
            TemporarilyUnavailable: table, bus or queue are out of reach; the batch comes again.
        """
        read: dict[str, Verification | None] = {}
        told = [
            (place, event)
            for place, write in enumerate(writes)
            for event in self._readable(write, read)
        ]
        taken = self.bus.put([event for _, event in told], remaining)
        done = told[taken][0] if taken < len(told) else len(writes)
        began = [e.verification for p, e in told if p < done and e.type == EventType.STARTED]
        self.ends.watch([(v.token, v.created_at, _due(v)) for v in began], self.clock())
        return done

    def _readable(self, write: Write, read: dict[str, Verification | None]) -> list[Event]:
        """What a write tells; nothing where nobody can read it: it must not hold up the others."""
        try:
            return self._events(write, read)
        except (LookupError, TypeError, ValueError) as error:
            self.telemetry.crashed("stream_record_unreadable", error)
            return []

    def _events(self, write: Write, read: dict[str, Verification | None]) -> list[Event]:
        if isinstance(write.told, Change):
            return list(told_by_change(write.told.before, write.told.after, write.written))
        token = write.told.token
        if token not in read:
            record = self.verifications.read(token)
            read[token] = record.verification if record else None
        verification = read[token]
        if verification is None:
            return []
        before, after = write.told.sends(verification)
        return list(told_by_sends(verification, before, after, write.written))


@valueclass
class End:
    """Looks after verifications whose time is over."""

    verifications: Verifications
    ends: Ends
    clock: Clock

    def __call__(self, token: str, began: int, due: int) -> None:
        """Write down that a verification ended by its time, unless it ended before.

        Args:
            began: its `created_at`.
            due: when to look, in epoch milliseconds: SQS may bring it sooner.

        Raises:
            TemporarilyUnavailable: the table or the queue are out of reach.
        """
        now = self.clock()
        if now < due:
            self.ends.watch([(token, began, due)], now)
        else:
            self.verifications.end(token, began, now)


def _due(verification: Verification) -> int:
    return verification.valid_until + _GRACE * 1000
