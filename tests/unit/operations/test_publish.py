"""Publish: every write of a batch is told, or comes again; ends are looked after."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from verification.domain.events import Event, Written
from verification.domain.verification import Send, Verification
from verification.errors import TemporarilyUnavailable
from verification.operations.ports import Beside, Change, Remaining, Write
from verification.operations.publish import End, Publish

from tests.fakes.clock import SettableClock
from tests.fakes.samples import NOW, make_send, make_verification
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.verifications import InMemoryVerifications

ONE, OTHER = make_verification(), make_verification(token="r" * 26)
DUE = ONE.valid_until + 30_000


def plenty() -> int:
    return 10_000


class Bus:
    """Takes so many events."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.takes = 100

    def put(self, events: Sequence[Event], remaining: Remaining) -> int:
        taken = min(self.takes, len(events))
        self.events += events[:taken]
        return taken


class Ends:
    """Keeps whom to look after, or fails."""

    def __init__(self) -> None:
        self.watched: list[tuple[str, int, int]] = []
        self.failing: Exception | None = None

    def watch(self, verifications: Sequence[tuple[str, int, int]], now: int) -> None:
        if self.failing:
            raise self.failing
        self.watched += verifications


class Stream:
    """Publish, and what it uses."""

    def __init__(self) -> None:
        self.clock = SettableClock(NOW)
        self.verifications = InMemoryVerifications()
        self.bus, self.ends = Bus(), Ends()
        self.telemetry = RecordingTelemetry()
        self.publish = Publish(self.verifications, self.bus, self.ends, self.telemetry, self.clock)
        self.end = End(self.verifications, self.ends, self.clock)

    def add(self, *verifications: Verification) -> None:
        for one in verifications:
            self.verifications.create(one, None, [], plenty)

    def told(self) -> list[tuple[str, str]]:
        return [(e.verification.token[0], e.type.partition(".")[2]) for e in self.bus.events]


@pytest.fixture
def stream() -> Stream:
    return Stream()


def write(before: Verification | None, after: Verification | None, number: int = 1) -> Write:
    return Write(Written(str(number), NOW), Change(before, after))


def beside(token: str, *sends: Send) -> Write:
    return Write(Written("2", NOW), Beside(token, lambda verification: ((), sends)))


def test_what_a_batch_says_is_told_in_its_order_and_ends_are_looked_after(stream: Stream) -> None:
    stream.add(ONE, OTHER)
    verified = replace(ONE, code_mac=b"m", last_guess=b"m")
    batch = [
        write(None, ONE),
        write(None, OTHER),
        beside(ONE.token, make_send()),
        write(replace(ONE, code_mac=b"m"), verified),
    ]
    assert stream.publish(batch, plenty) == 4
    assert stream.told() == [("q", "started"), ("r", "started"), ("q", "sent"), ("q", "verified")]
    assert stream.ends.watched == [(one.token, NOW, DUE) for one in (ONE, OTHER)]


def test_nothing_to_tell_is_told_to_nobody(stream: Stream) -> None:
    assert stream.publish([write(ONE, replace(ONE, sends=2))], plenty) == 1
    assert stream.publish([], plenty) == 0
    assert stream.bus.events == []


def test_sends_of_a_verification_that_is_gone_are_told_to_nobody(stream: Stream) -> None:
    assert stream.publish([beside("z" * 26, make_send())], plenty) == 1
    assert stream.bus.events == []


def test_what_nobody_can_read_holds_up_nobody(stream: Stream) -> None:
    def unreadable(verification: Verification) -> tuple[list[Send], list[Send]]:
        raise KeyError("claimed")

    stream.add(ONE)
    batch = [Write(Written("1", NOW), Beside(ONE.token, unreadable)), write(None, ONE)]
    assert stream.publish(batch, plenty) == 2
    assert stream.told() == [("q", "started")]
    assert stream.telemetry.events == [("crashed", "stream_record_unreadable", KeyError)]


def test_what_the_bus_did_not_take_comes_again_with_all_that_is_behind_it(stream: Stream) -> None:
    stream.add(ONE, OTHER)
    stream.bus.takes = 1
    batch = [write(ONE, ONE), write(None, ONE), write(None, OTHER), write(OTHER, OTHER)]
    assert stream.publish(batch, plenty) == 2
    assert stream.told() == [("q", "started")]
    assert [token[0] for token, *_ in stream.ends.watched] == ["q"]


def test_a_write_whose_events_were_taken_in_part_comes_again_whole(stream: Stream) -> None:
    stream.add(ONE)
    stream.bus.takes = 1
    batch = [beside(ONE.token, make_send(), make_send(number=2))]
    assert stream.publish(batch, plenty) == 0


def test_a_queue_out_of_reach_has_the_batch_come_again(stream: Stream) -> None:
    stream.ends.failing = TemporarilyUnavailable(retry_after=1)
    with pytest.raises(TemporarilyUnavailable):
        stream.publish([write(None, ONE)], plenty)


def test_each_verification_is_read_once_in_a_batch(stream: Stream) -> None:
    stream.add(ONE)
    stream.verifications.journal.clear()
    stream.publish([beside(ONE.token, make_send()), beside(ONE.token, make_send(number=2))], plenty)
    assert stream.verifications.journal.count("read") == 1


def test_an_end_is_looked_at_when_it_is_due_and_not_before(stream: Stream) -> None:
    stream.add(ONE)
    stream.clock.now = DUE - 1
    stream.end(ONE.token, NOW, DUE)
    assert stream.ends.watched == [(ONE.token, NOW, DUE)]
    stream.clock.now = DUE
    stream.end(ONE.token, NOW, DUE)
    found = stream.verifications.read(ONE.token)
    assert found and found.verification.ended and len(stream.ends.watched) == 1
