"""The queue's looks: lost sends are finished, automatic ones made once, duplicates do nothing."""

import pytest
from verification.domain.verification import Delivery, Record, SendOutcome
from verification.errors import (
    NotFound,
    ProviderRejected,
    ProviderUnavailable,
    TemporarilyUnavailable,
)
from verification.operations.verify import VerifyCommand

from tests.fakes.clock import plenty
from tests.fakes.stack import FakeStack, start_command
from tests.fakes.watches import Watch


class Watched:
    """A stack with one verification, and its queue."""

    def __init__(
        self,
        *,
        lost: bool = False,
        unavailable: bool = False,
        resend_after: int | None = None,
        max_sends: int = 5,
        validity: int = 300,
        sends: str = "1000/10m",
    ) -> None:
        self.stack = FakeStack(sends=sends)
        if lost:  # the process dies between the transaction and the send
            self.stack.messenger.failing = KeyboardInterrupt()  # type: ignore[assignment]
        elif unavailable:
            self.stack.messenger.failing = ProviderUnavailable("fake", "timeout")
        command = start_command(resend_after=resend_after, max_sends=max_sends, validity=validity)
        try:
            self.stack.start(command, plenty)
        except KeyboardInterrupt:
            self.stack.messenger.failing = None
        (first,) = self.stack.watches.queued
        self.token = first.token

    def look(self, send: int = 1, tries: int = 0) -> list[Watch]:
        """Look at a send; returns what was queued by it."""
        self.stack.watches.queued.clear()
        self.stack.look_after(self.token, send, tries, plenty)
        return list(self.stack.watches.queued)

    def run(self, seconds: int) -> None:
        """Bring every message when it is due, for so long, each of them twice."""
        queue = [(self.stack.clock() + w.delay * 1000, w) for w in self.stack.watches.queued]
        end = self.stack.clock() + seconds * 1000
        while queue and min(due for due, _ in queue) <= end:
            due, watch = min(queue, key=lambda entry: entry[0])
            queue.remove((due, watch))
            self.stack.clock.now = due
            for _ in range(2):
                self.stack.watches.queued.clear()
                self.stack.look_after(watch.token, watch.send, watch.tries, plenty)
                queue += [(due + w.delay * 1000, w) for w in self.stack.watches.queued]
            queue = sorted(set(queue), key=lambda entry: entry[0])
        self.stack.clock.now = end

    @property
    def record(self) -> Record:
        record = self.stack.verifications.read(self.token)
        assert record
        return record

    @property
    def codes(self) -> list[str]:
        return [sent.code for sent in self.stack.messenger.sent]


def test_a_send_that_was_accepted_is_left_alone() -> None:
    watched = Watched()
    watched.stack.clock.advance(15)
    assert watched.look() == []
    assert len(watched.codes) == 1


def test_a_lost_send_is_taken_over_only_after_its_lease() -> None:
    watched = Watched(lost=True)
    lease = watched.record.verification.lease_until - watched.stack.clock()
    assert lease == 12_000
    assert watched.look() == [Watch(watched.token, send=1, delay=13)]
    watched.stack.clock.advance(11.999)
    assert watched.look(tries=2) == [Watch(watched.token, send=1, delay=1, tries=2)]
    assert watched.codes == []
    watched.stack.clock.advance(0.001)
    assert watched.look() == []
    (send,) = watched.record.sends
    assert (send.number, send.outcome) == (1, SendOutcome.ACCEPTED)
    assert watched.record.verification.sends == 1
    assert len(watched.codes) == 1


def test_the_same_message_again_sends_nothing_again() -> None:
    watched = Watched(lost=True)
    watched.stack.clock.advance(15)
    for _ in range(5):
        watched.look()
    assert len(watched.codes) == 1


def test_of_two_that_saw_the_same_lost_send_one_takes_it_over() -> None:
    watched = Watched(lost=True)
    watched.stack.clock.advance(15)
    stale = watched.record
    watched.look()
    watched.stack.verifications.read = lambda token: stale  # type: ignore[method-assign]  # a race
    assert watched.look() == []
    assert len(watched.codes) == 1


def test_an_unavailable_provider_is_asked_again_ever_more_rarely() -> None:
    watched = Watched(unavailable=True, validity=3600)
    assert [watched.look(tries=tries)[0].delay for tries in range(7)] == [
        15,
        30,
        60,
        120,
        240,
        300,
        300,
    ]
    assert watched.look(tries=3) == [Watch(watched.token, send=1, delay=120, tries=4)]
    watched.stack.messenger.failing = None
    assert watched.look(tries=4) == []
    assert len(watched.codes) == 1
    assert watched.record.verification.sends == 1
    assert watched.record.delivery_at(watched.stack.clock()) == Delivery.ACCEPTED


def test_many_tries_are_no_trouble() -> None:
    assert Watched(unavailable=True).look(tries=10_000)[0].delay == 300


def test_a_rejected_send_ends_it() -> None:
    watched = Watched(unavailable=True)
    watched.stack.messenger.failing = ProviderRejected("fake", "no")
    assert watched.look() == []
    assert watched.record.delivery_at(watched.stack.clock()) == Delivery.UNDELIVERED
    watched.stack.messenger.failing = None
    assert watched.look() == []
    assert watched.codes == []


def test_a_message_for_another_send_or_for_nothing_does_nothing() -> None:
    watched = Watched(unavailable=True)
    watched.stack.messenger.failing = None
    for send in (0, 2, 3):
        assert watched.look(send) == []
    watched.stack.look_after("z" * 26, 1, 0, plenty)
    assert watched.codes == []


@pytest.mark.parametrize("end", ["verified", "expired", "canceled"])
def test_what_has_ended_is_not_sent(end: str) -> None:
    watched = Watched(resend_after=60)
    name = str(watched.record.verification.id)
    watched.stack.clock.advance(60)
    if end == "verified":
        watched.stack.verify(VerifyCommand("shop", name, watched.codes[0]))
    elif end == "expired":
        watched.stack.clock.advance(240)
    else:
        watched.stack.delete("shop", name)
    assert watched.look() == []
    assert len(watched.codes) == 1


def test_an_automatic_send_waits_for_its_time() -> None:
    watched = Watched(resend_after=60)
    watched.stack.clock.advance(15)
    assert watched.look() == [Watch(watched.token, send=1, delay=45)]
    watched.stack.clock.advance(44.999)
    assert watched.look() == [Watch(watched.token, send=1, delay=1)]
    assert len(watched.codes) == 1
    watched.stack.clock.advance(0.001)
    assert watched.look() == [Watch(watched.token, send=2, delay=13)]
    assert len(watched.codes) == 2 and len(set(watched.codes)) == 1
    verification = watched.record.verification
    assert (verification.sends, verification.auto_sends) == (2, 1)


@pytest.mark.parametrize(
    ("resend_after", "max_sends", "sent"), [(None, 5, 1), (60, 5, 2), (60, 2, 2), (60, 1, 1)]
)
def test_it_is_sent_by_itself_once_and_never_over_max_sends(
    resend_after: int | None, max_sends: int, sent: int
) -> None:
    watched = Watched(resend_after=resend_after, max_sends=max_sends, validity=600)
    watched.run(1200)
    assert len(watched.codes) == sent


def test_a_lost_first_send_is_finished_and_its_automatic_one_still_comes() -> None:
    watched = Watched(lost=True, resend_after=60, validity=600)
    watched.run(1200)
    assert len(watched.codes) == 2
    assert [send.number for send in watched.record.sends] == [1, 2]


def test_providers_that_come_back_get_the_message_once() -> None:
    watched = Watched(unavailable=True, validity=600)
    watched.run(100)
    watched.stack.messenger.failing = None
    watched.run(500)
    assert len(watched.codes) == 1


def test_an_automatic_send_over_a_limit_is_logged_and_not_made() -> None:
    watched = Watched(resend_after=60, sends="1/24h")
    watched.stack.clock.advance(60)
    watched.look()
    name = str(watched.record.verification.id)
    warned = ("warn", "automatic_send_over_limit", {"verification_id": name})
    assert warned in watched.stack.telemetry.events
    assert len(watched.codes) == 1 and watched.record.verification.sends == 1


def test_an_automatic_send_is_claimed_before_it_is_made() -> None:
    watched = Watched(resend_after=60)
    watched.stack.clock.advance(60)
    watched.stack.journal.clear()
    watched.look()
    assert watched.stack.journal == ["read", "watch", "claim", "send", "record_send"]


@pytest.mark.parametrize("step", ["read", "claim"])
def test_a_table_out_of_reach_brings_the_message_back(step: str) -> None:
    watched = Watched(lost=True)
    watched.stack.clock.advance(15)
    watched.stack.verifications.failing[step] = TemporarilyUnavailable()
    with pytest.raises(TemporarilyUnavailable):
        watched.look()
    assert watched.codes == []
    del watched.stack.verifications.failing[step]
    watched.look()
    assert len(watched.codes) == 1


def test_of_two_that_saw_an_automatic_send_due_one_makes_it() -> None:
    watched = Watched(resend_after=60)
    watched.stack.clock.advance(60)
    stale = watched.record
    watched.look()
    watched.stack.verifications.read = lambda token: stale  # type: ignore[method-assign]  # a race
    watched.look()
    assert len(watched.codes) == 2


def test_an_automatic_send_of_what_is_gone_by_then_is_not_made() -> None:
    watched = Watched(resend_after=60)
    watched.stack.clock.advance(60)
    watched.stack.verifications.failing["claim"] = NotFound()
    watched.look()
    assert len(watched.codes) == 1


def test_a_code_whose_key_was_dropped_too_early_cannot_be_sent() -> None:
    watched = Watched(lost=True)
    watched.stack.clock.advance(15)
    watched.stack.code_keys.keys.clear()
    with pytest.raises(LookupError, match="key id a"):
        watched.look()
    assert watched.codes == []
