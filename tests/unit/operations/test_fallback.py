"""Channels to fall back on, and what providers are told at the end."""

from collections.abc import Callable

import pytest
from verification.domain.report import Report
from verification.domain.verification import Channel, Delivery, Record
from verification.errors import (
    FieldFault,
    InvalidFields,
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
    TemporarilyUnavailable,
)
from verification.operations.ports import SendId, Terms
from verification.operations.start import StartCommand
from verification.operations.verify import VerifyCommand

from tests.fakes.clock import plenty
from tests.fakes.providers import FakeMessenger, FakeVerifier
from tests.fakes.stack import FakeStack, start_command
from tests.fakes.watches import Watch

SMS, VOICE, VIBER = Channel.SMS, Channel.VOICE, Channel.VIBER


class Falling:
    """A stack with a messenger for each channel, a verification that may fall back, its queue."""

    def __init__(
        self,
        *fallback: Channel,
        resend_after: int | None = 60,
        validity: int = 600,
        max_sends: int = 5,
        takes_feedback: bool = False,
        failing: ProviderError | None = None,
    ) -> None:
        channels = {"sms": SMS, "voice": VOICE, "viber": VIBER}
        self.by = {
            name: FakeMessenger(name, [channel], takes_feedback=takes_feedback)
            for name, channel in channels.items()
        }
        self.by["sms"].failing = failing
        self.stack = FakeStack(providers=list(self.by.values()))
        command = start_command(
            fallback=fallback, resend_after=resend_after, validity=validity, max_sends=max_sends
        )
        self.name = str(self.stack.start(command, plenty).record.verification.id)
        self.pending: list[tuple[int, Watch]] = []  # what run() left, and when it is due

    @property
    def record(self) -> Record:
        return self.stack.lookup.one("shop", self.name)

    @property
    def sent(self) -> list[str]:
        """Who sent something."""
        return [name for name, messenger in self.by.items() for _ in messenger.sent]

    def look(self, seconds: float = 0) -> list[Watch]:
        """Look at the last claim after so long; returns what was queued by it."""
        self.stack.clock.advance(seconds)
        seen = self.record.verification
        self.stack.watches.queued.clear()
        self.stack.look_after(seen.token, seen.sent_at, 0, plenty)
        return list(self.stack.watches.queued)

    def run(self, seconds: int) -> None:
        """Bring every message when it is due, for so long."""
        end = self.stack.clock() + seconds * 1000
        queue = self.pending or [
            (self.stack.clock() + w.delay * 1000, w) for w in self.stack.watches.queued
        ]
        while queue and min(due for due, _ in queue) <= end:
            due, watch = min(queue, key=lambda entry: entry[0])
            queue.remove((due, watch))
            self.stack.clock.now = due
            self.stack.watches.queued.clear()
            self.stack.look_after(watch.token, watch.claimed, watch.tries, plenty)
            queue += [(due + w.delay * 1000, w) for w in self.stack.watches.queued]
        self.pending = queue
        self.stack.clock.now = end

    def report(self, delivery: Delivery, number: int = 1, provider: str = "sms") -> None:
        verification = self.record.verification
        send = SendId(verification.token, number, verification.created_at)
        self.stack.verifications.record_report(send, Report(provider, delivery), self.stack.clock())

    def fed_back(self) -> list[tuple[str, bool]]:
        return [told for messenger in self.by.values() for told in messenger.fed_back]


# Start


@pytest.mark.parametrize(
    ("fallback", "resend_after", "max_sends", "automatic"),
    [
        ((), None, 5, 0),
        ((VOICE,), None, 5, 1),
        ((VOICE, VIBER), None, 5, 2),
        ((VOICE, VIBER), 60, 5, 2),
        ((VOICE, VIBER), 60, 2, 1),
    ],
)
def test_each_other_channel_is_one_automatic_send(
    fallback: tuple[Channel, ...], resend_after: int | None, max_sends: int, automatic: int
) -> None:
    falling = Falling(*fallback, resend_after=resend_after, max_sends=max_sends)
    assert falling.record.verification.max_auto_sends == automatic
    assert falling.record.verification.fallback == (SMS, *fallback)


VERIFIER, WIDE = FakeVerifier(terms=Terms((4, 6), (60, 600), (1, 5))), FakeVerifier("wide")


@pytest.mark.parametrize(
    ("routes", "command", "fault"),
    [
        (
            "sms=fake",
            start_command(fallback=(VOICE,)),
            FieldFault("channel", "voice has no provider in this stack"),
        ),
        (
            "sms=fake; voice:EE=fake",
            start_command(fallback=(VOICE,)),
            FieldFault("channel", "voice has no provider in this stack"),
        ),
        (
            "sms=verifier",
            start_command(code_length=7),
            FieldFault("code_length", "should be 4 to 6 for the provider of this route"),
        ),
        (
            "sms=verifier",
            start_command(validity=601),
            FieldFault("validity", "should be 60 to 600 for the provider of this route"),
        ),
        (
            "sms=verifier",
            start_command(max_attempts=6),
            FieldFault("max_attempts", "should be 1 to 5 for the provider of this route"),
        ),
        (
            "sms=fake; voice=verifier",
            start_command(code_length=7, fallback=(VOICE,)),
            FieldFault("code_length", "should be 4 to 6 for the provider of this route"),
        ),
    ],
)
def test_a_channel_that_could_never_be_sent_on_is_refused(
    routes: str, command: StartCommand, fault: FieldFault
) -> None:
    stack = FakeStack(providers=[FakeMessenger(), VERIFIER], routes=routes)
    with pytest.raises(InvalidFields) as refused:
        stack.start(command, plenty)
    assert refused.value.faults == (fault,)
    assert stack.journal == []


@pytest.mark.parametrize(
    ("routes", "taken_by"),
    [
        ("sms=verifier,fake", "fake"),  # a messenger takes every code
        ("sms=verifier,wide", "wide"),  # and so does another verifier
    ],
)
def test_one_provider_that_can_is_enough(routes: str, taken_by: str) -> None:
    stack = FakeStack(providers=[FakeMessenger(), VERIFIER, WIDE], routes=routes)
    record = stack.start(start_command(code_length=8), plenty).record
    assert record.sends[0].taken.provider == taken_by


# The queue


def test_the_next_channel_has_its_turn_after_resend_after_without_success() -> None:
    falling = Falling(VOICE, VIBER)
    (watch,) = falling.look(20)
    assert watch.delay == 40
    assert falling.look(39.999)[0].delay == 1
    assert falling.sent == ["sms"]
    falling.look(0.001)
    assert falling.sent == ["sms", "voice"]
    falling.look(60)
    assert falling.sent == ["sms", "voice", "viber"]
    assert len({sent.order.code() for by in falling.by.values() for sent in by.sent}) == 1
    verification = falling.record.verification
    assert (verification.sends, verification.auto_sends) == (3, 2)
    assert verification.channel == VIBER


def test_with_no_channel_left_nothing_more_is_sent() -> None:
    falling = Falling(VOICE)
    falling.run(600)
    assert falling.sent == ["sms", "voice"]


@pytest.mark.parametrize("resend_after", [None, 300])
def test_an_undelivered_message_is_followed_by_the_next_channel_at_once(
    resend_after: int | None,
) -> None:
    falling = Falling(VOICE, resend_after=resend_after)
    assert [watch.delay for watch in falling.look(20)] == ([280] if resend_after else [])
    falling.report(Delivery.UNDELIVERED)
    falling.look(1)
    assert falling.sent == ["sms", "voice"]
    falling.report(Delivery.UNDELIVERED, 2, "voice")
    falling.look(1)
    assert falling.sent == ["sms", "voice"]


def test_a_delivered_message_waits_for_resend_after() -> None:
    falling = Falling(VOICE)
    falling.report(Delivery.DELIVERED)
    falling.look(20)
    assert falling.sent == ["sms"]
    falling.look(40)
    assert falling.sent == ["sms", "voice"]


def test_without_channels_an_undelivered_message_is_not_sent_again_by_itself() -> None:
    falling = Falling(resend_after=None)
    falling.report(Delivery.UNDELIVERED)
    assert falling.look(20) == []
    assert falling.sent == ["sms"]


LATER = ProviderUnavailable("sms", "503")


def test_a_channel_that_stays_unavailable_is_left_for_the_next_when_it_is_time() -> None:
    falling = Falling(VOICE, failing=LATER)
    falling.look(20)
    assert (falling.sent, falling.record.verification.sends) == ([], 1)
    falling.look(40)  # sixty seconds after the first time that somebody was asked
    assert falling.sent == ["voice"]
    assert [send.outcome for send in falling.record.sends] == ["unavailable", "accepted"]


def test_an_unavailable_channel_is_tried_for_as_long_as_the_code_lives() -> None:
    falling = Falling(VOICE, max_sends=2, failing=LATER)
    falling.by["voice"].failing = ProviderUnavailable("voice", "503")
    falling.run(300)
    assert (falling.sent, falling.record.verification.sends) == ([], 2)
    falling.by["voice"].failing = None
    falling.run(290)
    assert falling.sent == ["voice"]


def test_a_channel_without_a_send_left_for_it_does_not_end_the_tries_of_the_last() -> None:
    falling = Falling(VOICE, VIBER, max_sends=2, failing=LATER)
    falling.by["voice"].failing = ProviderUnavailable("voice", "503")
    falling.look(60)  # the one automatic send, by voice
    assert falling.record.verification.sends == 2
    (watch,) = falling.look(60)  # viber is next, but there is no send for it
    assert watch.tries == 1
    falling.by["voice"].failing = None
    falling.look(20)
    assert falling.sent == ["voice"]


def test_the_wait_for_the_next_channel_ends_however_often_the_first_was_tried() -> None:
    falling = Falling(VOICE, resend_after=7200, validity=14_400, failing=LATER)
    falling.run(7600)
    assert falling.sent == ["voice"]


def test_a_silent_channel_is_tried_once_more_and_then_left_for_the_next() -> None:
    falling = Falling(VOICE, failing=ProviderSilent("sms", "ReadTimeout"))
    falling.look(20)
    assert falling.record.verification.take_overs == 1
    (watch,) = falling.look(20)
    assert watch.delay == 20
    falling.look(20)
    assert falling.sent == ["voice"]


@pytest.mark.parametrize("delivery", [Delivery.DELIVERED, Delivery.UNDELIVERED])
def test_a_silent_send_that_was_reported_is_not_tried_once_more(delivery: Delivery) -> None:
    falling = Falling(failing=ProviderSilent("sms", "ReadTimeout"), resend_after=None)
    falling.by["sms"].failing = None
    falling.report(delivery)
    assert falling.look(20) == []
    assert falling.sent == []


# Feedback


def verified(falling: Falling) -> None:
    (sent, *_) = falling.by["sms"].sent
    guess = VerifyCommand("shop", falling.name, sent.code)
    assert falling.stack.verify(guess, plenty)[1].valid


def failed(falling: Falling) -> None:
    wrong = "111111" if falling.by["sms"].sent[0].code != "111111" else "222222"
    for _ in range(5):
        falling.stack.verify(VerifyCommand("shop", falling.name, wrong), plenty)


def expired(falling: Falling) -> None:
    falling.stack.clock.advance(600)


def canceled(falling: Falling) -> None:
    falling.stack.delete("shop", falling.name, plenty)


@pytest.mark.parametrize(
    ("end", "told"), [(verified, [True]), (failed, [False]), (expired, [False]), (canceled, [])]
)
def test_a_provider_that_wants_feedback_hears_how_it_ended(
    end: Callable[[Falling], None], told: list[bool]
) -> None:
    falling = Falling(takes_feedback=True, resend_after=None)
    end(falling)
    assert falling.look() == []
    assert falling.fed_back() == [("sms-1", received) for received in told]


@pytest.mark.parametrize("takes_feedback", [True, False])
def test_only_for_feedback_the_queue_waits_for_the_end(takes_feedback: bool) -> None:
    falling = Falling(takes_feedback=takes_feedback, resend_after=None)
    waits = [watch.delay for watch in falling.look(20)]
    assert waits == ([580] if takes_feedback else [])
    falling.run(580)
    assert falling.fed_back() == ([("sms-1", False)] if takes_feedback else [])


def test_feedback_is_given_for_every_message_that_was_taken() -> None:
    falling = Falling(VOICE, takes_feedback=True)
    falling.look(60)
    verified(falling)
    falling.look()
    assert falling.fed_back() == [("sms-1", True), ("voice-1", True)]


def test_feedback_that_comes_too_late_is_not_waited_for() -> None:
    falling = Falling(takes_feedback=True, resend_after=None, validity=7200)
    assert falling.look(20)[0].delay == 3280  # AWS takes it for an hour
    assert falling.look(3280) == []
    assert falling.fed_back() == []


def test_feedback_is_given_too_when_the_last_send_was_rejected() -> None:
    falling = Falling(VOICE, takes_feedback=True)
    falling.by["voice"].failing = ProviderRejected("voice", "no")
    falling.run(600)
    assert falling.fed_back() == [("sms-1", False)]


@pytest.mark.parametrize("error", [ProviderUnavailable, ProviderSilent])
def test_feedback_that_cannot_be_given_now_is_given_later(error: type[ProviderError]) -> None:
    falling = Falling(takes_feedback=True, resend_after=None)
    verified(falling)
    falling.by["sms"].failing = error("sms", "503")
    with pytest.raises(TemporarilyUnavailable):
        falling.look()
    falling.by["sms"].failing = None
    falling.look()
    assert falling.fed_back() == [("sms-1", True)]


@pytest.mark.parametrize("error", [ProviderRejected, ProviderRefused])
def test_feedback_that_is_not_taken_is_logged_and_the_others_are_told(
    error: type[ProviderError],
) -> None:
    falling = Falling(VOICE, takes_feedback=True)
    falling.look(60)
    verified(falling)
    falling.by["sms"].failing = error("sms", "ResourceNotFound")
    falling.look()
    assert falling.fed_back() == [("voice-1", True)]
    fields = {"provider": "sms", "vendor_code": "ResourceNotFound"}
    assert ("warn", "feedback_rejected", fields) in falling.stack.telemetry.events
