"""Resend: the same code again, when asked and when it is time."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from verification.domain.destination import TestDestination
from verification.domain.policy import Client, Profile
from verification.domain.verification import (
    Channel,
    Delivery,
    Details,
    Outcome,
    Record,
    Status,
)
from verification.errors import (
    DeliveryFailed,
    InvalidFields,
    LimitExceeded,
    MaxSendsReached,
    NotFound,
    NotPending,
    ProviderRejected,
    ProviderUnavailable,
    ResendTooEarly,
    TemporarilyUnavailable,
)
from verification.operations.verify import VerifyCommand

from tests.fakes.clock import plenty
from tests.fakes.providers import FakeMessenger
from tests.fakes.stack import CLIENT, RETENTION, FakeStack, start_command
from tests.fakes.watches import Watch


class Started:
    """A stack with one verification."""

    def __init__(
        self,
        to: str = "+31612345678",
        max_sends: int = 5,
        sends: str = "1000/10m",
        routes: str | None = None,
    ) -> None:
        self.stack = FakeStack(sends=sends, routes=routes)
        command = start_command(to, max_sends=max_sends, max_attempts=2)
        self.record = self.stack.start(command, plenty).record
        self.token = self.record.verification.token
        self.id = str(self.record.verification.id)
        self.stack.journal.clear()

    def resend(self, channel: Channel | None = None, client: Client = CLIENT) -> Record:
        return self.stack.resend(client, self.id, channel, plenty)

    def guess(self, code: str) -> bool:
        return self.stack.verify(VerifyCommand("shop", self.id, code), plenty)[1].valid

    @property
    def codes(self) -> list[str]:
        return [sent.code for sent in self.stack.messenger.sent]


def test_the_same_code_is_sent_again_watched_claimed_sent_recorded_in_this_order() -> None:
    started = Started()
    started.stack.clock.advance(30)
    record = started.resend()
    assert started.stack.journal == ["read", "watch", "claim", "send", "record_send"]
    assert len(set(started.codes)) == 1 and len(started.codes) == 2
    assert [(send.number, send.taken.channel) for send in record.sends] == [
        (1, "sms"),
        (2, "sms"),
    ]
    assert (record.verification.sends, record.verification.auto_sends) == (2, 0)
    # The lease is the remaining time and two seconds; the look comes a second after it.
    assert started.stack.watches.queued[1:] == [
        Watch(started.token, record.verification.sent_at, delay=13)
    ]
    assert record.verification.lease_until == started.stack.clock() + 12_000


def test_it_never_gives_attempts_back() -> None:
    started = Started()
    wrong = "111111" if started.codes[0] != "111111" else "222222"
    assert not started.guess(wrong)
    started.stack.clock.advance(30)
    assert started.resend().verification.attempts == 1
    assert started.guess(started.codes[1])


@pytest.mark.parametrize(
    ("waited", "seconds"), [(0, 30), (0.001, 30), (1, 29), (29, 1), (29.999, 1)]
)
def test_too_early_says_how_long_to_wait(waited: float, seconds: int) -> None:
    started = Started()
    started.stack.clock.advance(waited)
    with pytest.raises(ResendTooEarly) as refused:
        started.resend()
    assert refused.value.retry_after == seconds
    assert started.stack.journal == ["read"]


def test_each_send_counts_against_max_sends() -> None:
    started = Started(max_sends=2)
    started.stack.clock.advance(30)
    started.resend()
    started.stack.clock.advance(30)
    with pytest.raises(MaxSendsReached, match="max_sends is 2."):
        started.resend()
    assert len(started.codes) == 2


def verified(started: Started) -> None:
    assert started.guess(started.codes[0])


def failed(started: Started) -> None:
    wrong = "111111" if started.codes[0] != "111111" else "222222"
    assert not started.guess(wrong) and not started.guess(wrong)


def expired(started: Started) -> None:
    started.stack.clock.advance(270)


def canceled(started: Started) -> None:
    started.stack.delete("shop", started.id, plenty)


ENDS = pytest.mark.parametrize("end", [verified, failed, expired, canceled])


@ENDS
def test_an_ended_verification_is_not_sent_again(end: Callable[[Started], None]) -> None:
    started = Started()
    started.stack.clock.advance(30)
    end(started)
    with pytest.raises(NotPending, match=f"The verification is {end.__name__}."):
        started.resend()
    assert len(started.codes) == 1


@pytest.mark.parametrize("end", [verified, failed, canceled])
def test_an_end_between_the_look_and_the_claim_sends_nothing(
    end: Callable[[Started], None],
) -> None:
    started = Started()
    started.stack.clock.advance(30)
    end_after_next_read(started, lambda: end(started))
    with pytest.raises(NotPending):
        started.resend()
    assert len(started.codes) == 1


def end_after_next_read(started: Started, happens: Callable[[], object]) -> None:
    """Let something happen between the next read and what follows it."""
    verifications = started.stack.verifications
    read = verifications.read

    def read_once(token: str) -> Record | None:
        record = read(token)
        verifications.read = read  # type: ignore[method-assign]  # back as it was
        happens()
        return record

    verifications.read = read_once  # type: ignore[method-assign]  # a race, made to happen


def test_of_two_at_once_one_is_too_early() -> None:
    started = Started()
    started.stack.clock.advance(30)
    end_after_next_read(started, started.resend)
    with pytest.raises(ResendTooEarly) as refused:
        started.resend()
    assert refused.value.retry_after == 30
    assert len(started.codes) == 2


def test_what_is_not_the_clients_does_not_exist() -> None:
    started = Started()
    with pytest.raises(NotFound):
        started.resend(client=replace(CLIENT, id="other"))
    for name in ("no id", "", "b" + started.id[1:]):
        with pytest.raises(NotFound):
            started.stack.resend(CLIENT, name, None, plenty)
    started.stack.clock.advance(300 + RETENTION)
    with pytest.raises(NotFound):
        started.resend()


def test_another_channel_to_the_same_destination_stays_the_channel() -> None:
    started = Started()
    started.stack.clock.advance(30)
    record = started.resend(Channel.VOICE)
    assert record.verification.channel == Channel.VOICE
    assert [sent.channel for sent in started.stack.messenger.sent] == ["sms", "voice"]
    started.stack.clock.advance(30)
    assert started.resend().sends[-1].taken.channel == Channel.VOICE


@pytest.mark.parametrize(
    ("to", "channel", "message"),
    [
        ("+31612345678", Channel.EMAIL, "does not reach this destination"),
        ("ann@gmail.com", Channel.SMS, "does not reach this destination"),
        ("+31612345678", Channel.VOICE, "has no provider in this stack"),
    ],
)
def test_a_channel_that_cannot_be_is_refused(to: str, channel: Channel, message: str) -> None:
    started = Started(to, routes="sms=fake; email=fake; voice:EE=fake")
    started.stack.clock.advance(30)
    with pytest.raises(InvalidFields) as refused:
        started.resend(channel)
    (fault,) = refused.value.faults
    assert (fault.field, fault.message) == ("channel", message)
    assert started.stack.journal == ["read"]


def test_a_resend_goes_on_by_the_channel_that_only_said_not_now() -> None:
    sms, voice = FakeMessenger("sms", [Channel.SMS]), FakeMessenger("voice", [Channel.VOICE])
    sms.failing = ProviderRejected("sms", "bad_number")
    voice.failing = ProviderUnavailable("voice", "503")
    stack = FakeStack(providers=[sms, voice])
    record = stack.start(start_command(fallback=(Channel.VOICE,)), plenty).record
    assert record.sends[0].outcome == Outcome.UNAVAILABLE
    voice.failing = None
    stack.clock.advance(30)
    sent = stack.resend(CLIENT, str(record.verification.id), None, plenty)
    assert [(one.channel, one.outcome) for one in sent.sends[-1].tries] == [
        ("sms", "rejected"),
        ("voice", "accepted"),
    ]
    assert sent.verification.channel == Channel.VOICE


def test_a_resend_that_is_not_made_does_not_hide_that_the_code_arrived() -> None:
    started = Started()
    started.stack.clock.advance(30)
    started.stack.messenger.failing = ProviderUnavailable("fake", "503")
    now = started.stack.clock
    assert started.resend().delivery_at(now()) == Delivery.QUEUED
    assert started.guess(started.codes[0])
    assert started.stack.lookup.one("shop", started.id).delivery_at(now()) == Delivery.ACCEPTED


def test_sends_count_against_the_destinations_limit() -> None:
    started = Started(sends="2/24h")
    started.stack.clock.advance(30)
    started.resend()
    started.stack.clock.advance(30)
    with pytest.raises(LimitExceeded, match="destination_sends 2/24h"):
        started.resend()
    record = started.stack.lookup.one("shop", started.id)
    assert record.verification.sends == 2 and len(started.codes) == 2


def test_a_rejected_resend_is_delivery_failed_and_an_unavailable_one_is_queued() -> None:
    started = Started()
    started.stack.clock.advance(30)
    started.stack.messenger.failing = ProviderRejected("fake", "no")
    with pytest.raises(DeliveryFailed) as refused:
        started.resend()
    assert refused.value.verification_id == started.id
    started.stack.clock.advance(30)
    started.stack.messenger.failing = ProviderUnavailable("fake", "timeout")
    record = started.resend()
    assert record.delivery_at(started.stack.clock()) == Delivery.QUEUED
    assert [send.outcome for send in record.sends] == ["accepted", "rejected", "unavailable"]


@pytest.mark.parametrize("step", ["read", "claim"])
def test_out_of_reach_sends_nothing(step: str) -> None:
    started = Started()
    started.stack.clock.advance(30)
    started.stack.verifications.failing[step] = TemporarilyUnavailable()
    with pytest.raises(TemporarilyUnavailable):
        started.resend()
    assert len(started.codes) == 1


def test_the_details_of_the_start_hold_for_later_sends() -> None:
    stack = FakeStack()
    details = Details(template="{code} for {validity_minutes}")
    record = stack.start(start_command(details=details, sender="Me"), plenty).record
    stack.clock.advance(60)
    stack.resend(CLIENT, str(record.verification.id), None, plenty)
    first, second = stack.messenger.sent
    # It says how long the code is valid from now on.
    assert (first.message.text, first.sender) == (f"{first.code} for 5", "Me")
    assert (second.message.text, second.sender) == (f"{first.code} for 4", "Me")


def test_a_reused_id_has_none_of_the_details_of_its_older_life() -> None:
    stack = FakeStack()
    command = start_command(idempotency_key="k", details=Details(template="old {code}"))
    stack.start(command, plenty)
    stack.clock.advance(300 + RETENTION)
    record = stack.start(start_command(idempotency_key="k"), plenty).record
    stack.clock.advance(30)
    again = stack.resend(CLIENT, str(record.verification.id), None, plenty)
    assert again.details == Details()
    assert "old" not in stack.messenger.sent[-1].message.text
    assert [send.number for send in again.sends] == [1, 2]


def test_a_test_destination_is_resent_without_a_message() -> None:
    fiction = "+12025550100"
    test_destinations = {fiction: TestDestination("4711", 10**15)}
    stack = FakeStack(test_destinations=test_destinations, routes="email=fake")
    tester = Client("tester", Profile("Test"), test=True)
    record = stack.start(start_command(fiction, client=tester), plenty).record
    stack.clock.advance(30)
    again = stack.resend(tester, str(record.verification.id), Channel.VOICE, plenty)
    assert [send.taken.provider for send in again.sends] == ["test", "test"]
    assert [send.outcome for send in again.sends] == [Outcome.ACCEPTED] * 2
    assert stack.messenger.sent == []
    assert again.verification.status_at(stack.clock()) == Status.PENDING


def test_what_has_a_test_code_is_resent_without_a_message_and_costs_nothing() -> None:
    stack = FakeStack(sends="1/24h", routes="email=fake")
    command = start_command(test_code="4711", resend_after=60)
    verification = stack.start(command, plenty).record.verification
    name = str(verification.id)
    stack.clock.advance(30)
    again = stack.resend(CLIENT, name, Channel.VOICE, plenty)
    assert [send.taken.provider for send in again.sends] == ["test", "test"]
    stack.clock.advance(60)  # and by itself
    stack.look_after(verification.token, again.verification.sent_at, 0, plenty)
    by_itself = stack.lookup.one("shop", name)
    assert [send.taken.provider for send in by_itself.sends] == ["test"] * 3
    assert by_itself.verification.auto_sends == 1
    assert stack.messenger.sent == []
    assert stack.verify(VerifyCommand("shop", name, "4711"), plenty)[1].valid
