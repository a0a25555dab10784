"""Events: what became of verifications, as others are told it (docs/events.md).

    started ─> sent ─> delivered | undelivered     for each send
            └> verified | failed | expired | canceled     one of them, last

Each is worked out of one write to the table, so the same write always gives the same events with
the same ids, and who is told twice can tell.
"""

import hashlib
from collections.abc import Iterator, Sequence
from enum import StrEnum

from ..valueclass import valueclass
from .codes import HASH_BYTES, encode
from .identifiers import make_token
from .verification import Delivery, Outcome, Send, Status, Verification, is_same

VERSION = 1  # of what an event looks like to others


class EventType(StrEnum):
    """What happened."""

    STARTED = "verification.started"
    SENT = "verification.sent"  # a provider took it: accepted is not delivered
    DELIVERED = "verification.delivered"
    UNDELIVERED = "verification.undelivered"
    VERIFIED = "verification.verified"
    FAILED = "verification.failed"  # its guesses are used up
    EXPIRED = "verification.expired"
    CANCELED = "verification.canceled"


@valueclass
class Written:
    """Which write says it.

    Args:
        number: the stream's, digits; it grows with every write to one verification.
        at: epoch milliseconds, to the second.
    """

    number: str
    at: int


@valueclass
class Event:
    """One thing that happened to a verification.

    Args:
        id: the same whenever this event is told.
        at: epoch milliseconds.
        send: of sent, delivered and undelivered: which.
        place: among those that the same write tells.
    """

    type: EventType
    id: str
    at: int
    written: Written
    verification: Verification
    send: Send | None = None
    place: int = 0


def told_by_change(
    before: Verification | None, after: Verification | None, written: Written
) -> Iterator[Event]:
    """The events that a write to a verification tells; none when all of it was erased."""
    if after is None:
        return
    if before is None or not is_same(before, after):
        yield _event(EventType.STARTED, after.created_at, written, after)
        return
    end, ended = _end(after), _end(before)
    # A verifier may say late that a guess was right which was made in time.
    is_late = end == EventType.VERIFIED and ended in (EventType.EXPIRED, EventType.FAILED)
    if end is None or (ended and not is_late):
        return
    at = {
        EventType.EXPIRED: after.valid_until,
        EventType.CANCELED: written.at,
    }.get(end, after.guessed_at or written.at)
    # Canceling erases what it was about; the item before the write still says it.
    yield _event(end, at, written, before if end == EventType.CANCELED else after)


def told_by_sends(
    verification: Verification, before: Sequence[Send], after: Sequence[Send], written: Written
) -> Iterator[Event]:
    """The events that a write to what was recorded of the sends tells.

    Args:
        verification: whose they are, as it is by now.
        before, after: what was recorded of its sends.
    """
    known = {send.number: send for send in before}
    told = (
        (send, *news) for send in after for news in _news(send, known.get(send.number), written.at)
    )
    for place, (send, type_, at) in enumerate(told):
        yield _event(type_, at, written, verification, send, place)


def _news(send: Send, was: Send | None, now: int) -> Iterator[tuple[EventType, int]]:
    """What is new of a send, and when that was."""
    answered = send.tries[-1].at
    if was is None or was.outcome != send.outcome:
        if send.outcome == Outcome.ACCEPTED:
            yield EventType.SENT, answered
        elif send.outcome == Outcome.REJECTED:
            yield EventType.UNDELIVERED, answered
    if was is None or was.delivery != send.delivery:
        if send.delivery == Delivery.DELIVERED:
            yield EventType.DELIVERED, now
        elif send.delivery == Delivery.UNDELIVERED:
            yield EventType.UNDELIVERED, now


def _end(verification: Verification) -> EventType | None:
    """How it ended, as far as the table says; its time alone is no end until that is written."""
    if verification.status == Status.CANCELED:
        return EventType.CANCELED
    if verification.is_verified:
        return EventType.VERIFIED
    if verification.attempts >= verification.max_attempts and (
        # The last guess may still be right: a verifier has yet to say.
        not verification.verifier
        or verification.settled_key == verification.guess_key
        or verification.ended
    ):
        return EventType.FAILED
    return EventType.EXPIRED if verification.ended else None


def _event(
    type_: EventType,
    at: int,
    written: Written,
    verification: Verification,
    send: Send | None = None,
    place: int = 0,
) -> Event:
    which = (send.number,) if send else ()
    named = encode("event", verification.token, verification.created_at, type_, *which)
    event_id = make_token(hashlib.sha256(named).digest()[:HASH_BYTES])
    return Event(type_, event_id, at, written, verification, send, place)
