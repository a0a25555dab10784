"""Sending: what a provider gets, fall-back of providers and channels, whose code counts."""

import re

import pytest
from verification.domain.codes import report_mac
from verification.domain.identifiers import parse_report_token
from verification.domain.verification import Channel, Delivery, Outcome, Record
from verification.errors import (
    DeliveryFailed,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
    TemporarilyUnavailable,
)
from verification.operations.ports import SendId
from verification.operations.sending import MAX_TRIES
from verification.operations.start import StartCommand

from tests.fakes.clock import plenty
from tests.fakes.keys import identity_key
from tests.fakes.providers import FakeMessenger, FakeVerifier
from tests.fakes.stack import CLIENT, FakeStack, start_command

SMS, VOICE, VIBER = Channel.SMS, Channel.VOICE, Channel.VIBER


def stack_of(*names: str, routes: str | None = None) -> tuple[FakeStack, list[FakeMessenger]]:
    messengers = [FakeMessenger(name) for name in names]
    return FakeStack(providers=messengers, routes=routes), messengers


def asked(record: Record, number: int = 1) -> list[tuple[str, str, str]]:
    return [(t.channel, t.provider, t.outcome) for t in record.sends[number - 1].tries]


def test_a_provider_gets_all_that_it_may_need_to_know() -> None:
    stack = FakeStack()
    command = start_command(sender="Shop", flash=True, voice="male")
    record = stack.start(command, plenty).record
    name, began = str(record.verification.id), record.verification.created_at
    (first,) = (sent.order for sent in stack.messenger.sent)
    assert (first.key, first.to, first.country) == (f"{name}-1-{began}", "+31612345678", "NL")
    assert re.fullmatch("[A-Za-z0-9-]{1,64}", first.key)  # as vendors take them
    assert (first.channel, first.sender, first.locale) == (SMS, "Shop", "nl")
    assert (first.flash, first.voice) == (True, "male")
    assert (first.validity, first.code_length, first.max_attempts) == (300, 6, 5)
    code = first.code()
    assert code in first.render(SMS).text and len(code) == 6
    assert first.template(SMS, "%token").text == first.render(SMS).text.replace(code, "%token")
    assert first.remaining() == plenty()
    stack.clock.advance(60.5)
    stack.resend(CLIENT, name, VOICE, plenty)
    second = stack.messenger.sent[1].order
    assert (second.key, second.channel) == (f"{name}-2-{began}", VOICE)
    assert second.validity == 240  # rounded up
    assert second.code() == code
    assert (second.sender, second.flash, second.voice) == ("Shop", True, "male")


def test_what_nobody_asked_for_a_provider_is_not_told() -> None:
    stack = FakeStack()
    stack.start(start_command(), plenty)
    (order,) = (sent.order for sent in stack.messenger.sent)
    assert (order.sender, order.flash, order.voice) == (None, False, None)


def test_the_key_is_the_same_when_the_same_send_is_tried_again() -> None:
    stack = FakeStack()
    stack.messenger.failing = ProviderUnavailable("fake", "503")
    record = stack.start(start_command(), plenty).record
    stack.messenger.failing = None
    stack.clock.advance(20)
    stack.look_after(record.verification.token, record.verification.sent_at, 0, plenty)
    key = f"{record.verification.id}-1-{record.verification.created_at}"
    assert [sent.order.key for sent in stack.messenger.sent] == [key]


def test_a_report_token_is_for_one_send_by_one_provider() -> None:
    stack = FakeStack()
    record = stack.start(start_command(), plenty).record
    (order,) = (sent.order for sent in stack.messenger.sent)
    token = parse_report_token(order.report_token("fake"))
    found = record.verification
    assert token and (token.id, token.number) == (found.id, 1)
    assert token.began == found.created_at
    assert token.mac == report_mac(identity_key(), str(found.id), found.created_at, 1, "fake")
    assert order.report_token("other") != order.report_token("fake")


NO = ProviderRejected("one", "bad_number")
LATER = ProviderUnavailable("one", "503")
SILENT = ProviderSilent("one", "ReadTimeout")


def test_a_send_keeps_what_every_provider_said() -> None:
    stack, (one, two, _) = stack_of("one", "two", "three")
    one.failing, two.failing = SILENT, ProviderRefused("two", "401")
    record = stack.start(start_command(), plenty).record
    assert asked(record) == [
        ("sms", "one", "unknown"),
        ("sms", "two", "rejected"),
        ("sms", "three", "accepted"),
    ]
    assert [one.refused for one in record.sends[0].tries] == [False, True, False]
    assert record.sends[0].outcome == Outcome.ACCEPTED
    assert stack.verifications.read(record.verification.token) == record
    assert stack.telemetry.events[1:] == [
        ("sent", 1, "one", Outcome.UNKNOWN),
        ("sent", 1, "two", Outcome.REJECTED),
        ("sent", 1, "three", Outcome.ACCEPTED),
    ]


FALLING = start_command(fallback=(VOICE, VIBER))


def test_when_all_of_a_channel_say_no_the_next_channel_is_tried_at_once() -> None:
    stack, (one, two, _) = stack_of("one", "two", "v", routes="sms=one,two; voice=v; viber=v")
    one.failing, two.failing = NO, ProviderRefused("two", "401")
    record = stack.start(FALLING, plenty).record
    assert asked(record) == [
        ("sms", "one", "rejected"),
        ("sms", "two", "rejected"),
        ("voice", "v", "accepted"),
    ]
    # It is one send, and the verification goes on by voice.
    assert (record.verification.sends, record.verification.auto_sends) == (1, 0)
    assert record.verification.channel == VOICE
    assert stack.journal == ["watch", "create", "adopt", "record_send"]
    assert stack.verifications.read(record.verification.token) == record


@pytest.mark.parametrize("error", [LATER, SILENT])
def test_when_one_of_a_channel_may_take_it_the_next_channel_waits(
    error: ProviderUnavailable | ProviderSilent,
) -> None:
    stack, (one, two, voice) = stack_of("one", "two", "v", routes="sms=one,two; voice=v; viber=v")
    one.failing, two.failing = error, ProviderRejected("two", "bad_number")
    record = stack.start(FALLING, plenty).record
    assert [channel for channel, _, _ in asked(record)] == ["sms", "sms"]
    assert voice.sent == []


def test_when_all_channels_say_no_it_is_delivery_failed() -> None:
    stack, (one,) = stack_of("one")
    one.failing = NO
    with pytest.raises(DeliveryFailed) as failed:
        stack.start(FALLING, plenty)
    record = stack.lookup.one("shop", failed.value.verification_id or "")
    assert [channel for channel, _, _ in asked(record)] == ["sms", "voice", "viber"]
    assert "adopt" not in stack.journal


def test_a_send_that_fell_back_is_tried_again_by_the_channel_that_may_take_it() -> None:
    stack, (one, voice) = stack_of("one", "v", routes="sms=one; voice=v")
    one.failing, voice.failing = NO, ProviderUnavailable("v", "503")
    record = stack.start(start_command(fallback=(VOICE,)), plenty).record
    assert record.sends[0].outcome == Outcome.UNAVAILABLE
    voice.failing = None
    look(stack, record.verification.token)
    assert [sent.channel for sent in voice.sent] == [VOICE]
    found = stack.verifications.read(record.verification.token)
    assert found and found.verification.channel == VOICE
    assert asked(found)[-1] == ("voice", "v", "accepted")


def test_tries_of_one_send_add_up_over_its_claims_and_are_told_once() -> None:
    stack, (one, two) = stack_of("one", "two")
    one.failing, two.failing = LATER, ProviderUnavailable("two", "503")
    record = stack.start(start_command(validity=3600), plenty).record
    token = record.verification.token
    look(stack, token)
    found = stack.verifications.read(token)
    # Those that failed it before have their turn in the same order: all did.
    assert found and [provider for _, provider, _ in asked(found)] == ["one", "two", "one", "two"]
    assert len([event for event in stack.telemetry.events if event[0] == "sent"]) == 4
    one.failing = None
    look(stack, token)
    found = stack.verifications.read(token)
    assert found and asked(found)[4:] == [("sms", "one", "accepted")]
    assert found.sends[0].outcome == Outcome.ACCEPTED
    assert len(one.sent) == 1 and two.sent == []


def look(stack: FakeStack, token: str, seconds: float = 20) -> None:
    """Look at the last claim after some seconds."""
    stack.clock.advance(seconds)
    record = stack.verifications.read(token)
    assert record
    stack.look_after(token, record.verification.sent_at, 0, plenty)


@pytest.mark.parametrize("error", [NO, ProviderRefused("one", "401")])
def test_what_may_have_been_sent_stays_unknown_when_all_say_no_later(
    error: ProviderRejected,
) -> None:
    stack, (one,) = stack_of("one")
    one.failing = SILENT
    token = stack.start(start_command(), plenty).record.verification.token
    one.failing = error
    look(stack, token)
    found = stack.verifications.read(token)
    assert found and [outcome for _, _, outcome in asked(found)] == ["unknown", "rejected"]
    assert found.sends[0].outcome == Outcome.UNKNOWN
    assert found.delivery_at(stack.clock()) == Delivery.UNKNOWN


def test_a_provider_that_failed_a_send_before_is_asked_after_the_others() -> None:
    stack, (one, two) = stack_of("one", "two")
    one.failing = LATER
    times = iter([10_000, 10_000, 7_999])  # for the lease, and for the first provider alone
    record = stack.start(start_command(), lambda: next(times)).record
    assert [provider for _, provider, _ in asked(record)] == ["one", "none"]
    one.failing = None
    look(stack, record.verification.token)
    assert (len(one.sent), len(two.sent)) == (0, 1)


def test_the_tries_that_are_kept_are_bounded_and_the_last_ones_stay() -> None:
    stack, (one,) = stack_of("one")
    one.failing = LATER
    token = stack.start(start_command(validity=3600), plenty).record.verification.token
    for _ in range(MAX_TRIES + 5):
        look(stack, token)
    found = stack.verifications.read(token)
    assert found and len(found.sends[0].tries) == MAX_TRIES
    assert found.sends[0].tries[-1].at == stack.clock()


@pytest.mark.parametrize("command", [start_command(), start_command(fallback=(VOICE,))])
def test_a_first_send_as_asked_for_changes_nothing_on_the_verification(
    command: StartCommand,
) -> None:
    stack = FakeStack()
    stack.start(command, plenty)
    assert "adopt" not in stack.journal


def test_a_verifier_that_took_it_is_adopted_before_the_send_is_recorded() -> None:
    verifier = FakeVerifier()
    stack = FakeStack(providers=[verifier])
    record = stack.start(start_command(), plenty).record
    assert stack.journal == ["watch", "create", "adopt", "record_send"]
    found = record.verification
    assert (found.verifier, found.verifier_ref) == ("verifier", "verifier-1")
    assert stack.verifications.read(found.token) == record
    (order,) = verifier.started
    assert (order.code_length, order.validity, order.max_attempts) == (6, 300, 5)


def test_a_verifiers_try_that_was_not_taken_adopts_nothing() -> None:
    verifier, messenger = FakeVerifier(), FakeMessenger()
    stack = FakeStack(providers=[verifier, messenger])
    verifier.failing = ProviderUnavailable("verifier", "503")
    found = stack.start(start_command(), plenty).record.verification
    assert (found.verifier, found.verifier_ref) == (None, None)
    assert "adopt" not in stack.journal


def test_only_providers_whose_reports_say_nothing_else_are_followed() -> None:
    for name, send in (("followed", True), ("other", False)):
        stack, (messenger,) = stack_of(name)
        started = stack.start(start_command(), plenty).record.verification
        found = stack.verifications.find_send(name, f"{name}-1")
        assert found == (SendId(started.token, 1, started.created_at) if send else None)


@pytest.mark.parametrize("step", ["adopt", "follow", "record_send"])
def test_a_send_that_cannot_be_written_down_is_still_a_send(step: str) -> None:
    verifier = FakeVerifier("followed")
    stack = FakeStack(providers=[verifier])
    stack.verifications.failing[step] = TemporarilyUnavailable()
    record = stack.start(start_command(), plenty).record
    name = str(record.verification.id)
    assert ("warn", "send_not_recorded", {"verification_id": name}) in stack.telemetry.events
    del stack.verifications.failing[step]
    look(stack, record.verification.token)
    stored = stack.verifications.read(record.verification.token)
    assert stored and stored.last_send and stored.verification.verifier_ref == "followed-2"
