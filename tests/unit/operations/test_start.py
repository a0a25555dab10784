"""Start: the order of its effects, its replays, its limits, and what it refuses."""

from dataclasses import replace
from typing import Any

import pytest
from verification.api.events import Call
from verification.api.native.start import read_start
from verification.domain.codes import derive_code
from verification.domain.destination import TestDestination
from verification.domain.policy import Client, Profile
from verification.domain.verification import (
    Channel,
    Delivery,
    Details,
    Outcome,
    Record,
    Status,
    Verification,
)
from verification.errors import (
    DeliveryFailed,
    FieldFault,
    IdempotencyConflict,
    InvalidFields,
    LimitExceeded,
    ProviderRejected,
    ProviderUnavailable,
    TemporarilyUnavailable,
)
from verification.operations.ports import Terms
from verification.operations.start import StartCommand, Started
from verification.operations.verify import VerifyCommand

from tests.fakes.clock import plenty
from tests.fakes.providers import FakeMessenger, FakeVerifier
from tests.fakes.stack import CLIENT, RETENTION, FakeStack, start_command
from tests.fakes.watches import Watch

DOWN = TemporarilyUnavailable()


def start(stack: FakeStack, command: StartCommand | None = None) -> Started:
    return stack.start(command or start_command(), plenty)


def is_valid(stack: FakeStack, record: Record, code: str) -> bool:
    guess = VerifyCommand(record.verification.client_id, str(record.verification.id), code)
    return stack.verify(guess, plenty)[1].valid


def test_it_watches_before_it_stores_before_it_sends_before_it_records() -> None:
    stack = FakeStack()
    started = start(stack)
    assert stack.journal == ["watch", "create", "send", "record_send"]
    token = started.record.verification.token
    assert stack.watches.queued == [Watch(token, claimed=stack.clock(), delay=20)]
    assert stack.telemetry.events == [
        ("started", str(started.record.verification.id)),
        ("sent", 1, "fake", Outcome.ACCEPTED),
    ]


def test_the_code_that_is_sent_is_the_code_that_is_valid() -> None:
    stack = FakeStack()
    started = start(stack)
    (sent,) = stack.messenger.sent
    assert (sent.to, sent.channel, sent.sender) == ("+31612345678", Channel.SMS, None)
    assert len(sent.code) == 6
    assert is_valid(stack, started.record, sent.code)


def test_everything_that_decides_is_copied_onto_the_verification() -> None:
    stack = FakeStack()
    now = stack.clock.now
    command = start_command(
        code_length=8, validity=120, max_attempts=3, max_sends=2, resend_after=60, purpose="login"
    )
    started = start(stack, command)
    stored = stack.verifications.read(started.record.verification.token)
    assert stored == started.record
    found = started.record.verification
    assert (found.status, found.attempts, found.sends, found.auto_sends) == (
        Status.PENDING,
        0,
        1,
        0,
    )
    assert (found.kid, found.client_id, found.brand) == ("a", "shop", "Shop")
    assert (found.created_at, found.sent_at) == (now, now)
    assert found.valid_until == now + 120_000
    assert found.expires_at == now // 1000 + 120 + RETENTION
    assert found.lease_until == now + plenty() + 2_000
    assert (found.code_length, found.max_attempts, found.max_sends) == (8, 3, 2)
    assert (found.resend_after, found.max_auto_sends, found.purpose) == (60, 1, "login")
    assert (found.country, found.detailed, found.test) == ("NL", False, False)
    assert found.code_mac and found.nonce and len(found.destination_hash or b"") == 16
    assert (found.sender, found.flash, found.voice, found.device) == (None, False, None, None)


def test_how_it_is_sent_and_whom_to_trust_after_it_stand_on_the_verification_itself() -> None:
    stack = FakeStack()
    device = bytes(range(16))
    command = start_command(sender="Shop", flash=True, voice="female", device=device)
    verification = start(stack, command).record.verification
    stored = stack.verifications.read(verification.token)
    assert stored and stored.verification == verification
    assert (verification.sender, verification.flash) == ("Shop", True)
    assert (verification.voice, verification.device) == ("female", device)
    assert not verification.detailed
    # So that the answer to a guess has them, without another read.
    guess = VerifyCommand("shop", str(verification.id), stack.messenger.sent[0].code)
    guessed, verdict = stack.verify(guess, plenty)
    assert verdict.valid and guessed.device == device


@pytest.mark.parametrize(
    ("resend_after", "max_sends", "automatic"), [(None, 5, 0), (60, 5, 1), (60, 2, 1), (60, 1, 0)]
)
def test_at_most_one_send_is_automatic_and_none_over_max_sends(
    resend_after: int | None, max_sends: int, automatic: int
) -> None:
    started = start(FakeStack(), start_command(resend_after=resend_after, max_sends=max_sends))
    assert started.record.verification.max_auto_sends == automatic


@pytest.mark.parametrize(
    ("asked", "max_sends", "automatic"),
    [(0, 5, 0), (1, 5, 1), (3, 5, 3), (4, 5, 4), (5, 5, 4), (9, 10, 9), (9, 2, 1), (9, 1, 0)],
)
def test_so_many_sends_are_automatic_as_were_asked_for_and_none_over_max_sends(
    asked: int, max_sends: int, automatic: int
) -> None:
    command = start_command(resend_after=60, automatic_sends=asked, max_sends=max_sends)
    assert start(FakeStack(), command).record.verification.max_auto_sends == automatic


SENDERS = Client("shop", Profile("Shop"), senders=("Shop", "+3197010"))


@pytest.mark.parametrize("sender", [None, "Shop", "+3197010"])
def test_a_client_with_senders_sends_as_one_of_them_or_as_the_provider_does(
    sender: str | None,
) -> None:
    stack = FakeStack()
    start(stack, start_command(client=SENDERS, sender=sender))
    assert [sent.sender for sent in stack.messenger.sent] == [sender]


@pytest.mark.parametrize("test_code", [None, "123456"])
@pytest.mark.parametrize("sender", ["Bank", "shop", "3197010"])
def test_another_sender_is_refused_by_its_field_and_nothing_happens(
    sender: str, test_code: str | None
) -> None:
    stack = FakeStack()
    with pytest.raises(InvalidFields) as refused:
        start(stack, start_command(client=SENDERS, sender=sender, test_code=test_code))
    assert refused.value.faults == (FieldFault("sender", "is not one of this client's"),)
    assert stack.journal == []


def test_a_client_without_senders_sends_as_whom_it_likes() -> None:
    stack = FakeStack()
    start(stack, start_command(sender="Bank"))
    assert [sent.sender for sent in stack.messenger.sent] == ["Bank"]


def test_a_native_start_as_somebody_else_is_refused_by_the_field_that_it_named() -> None:
    stack = FakeStack()
    fields = {"to": "+31612345678", "sender": "Bank"}
    with pytest.raises(InvalidFields) as refused:
        start(stack, read_start(Call(SENDERS, fields, "", None, plenty)))
    assert [fault.field for fault in refused.value.faults] == ["sender"]
    assert stack.journal == []


@pytest.mark.parametrize(
    ("step", "journal", "sent"),
    [
        ("watch", ["watch"], 0),
        ("create", ["watch", "create"], 0),
    ],
)
def test_a_failure_before_the_send_sends_nothing(step: str, journal: list[str], sent: int) -> None:
    stack = FakeStack()
    if step == "watch":
        stack.watches.failing = DOWN
    stack.verifications.failing[step] = DOWN
    with pytest.raises(TemporarilyUnavailable):
        start(stack)
    assert stack.journal == journal
    assert len(stack.messenger.sent) == sent
    assert stack.telemetry.events == []


def test_a_send_that_cannot_be_recorded_is_still_a_send() -> None:
    stack = FakeStack()
    stack.verifications.failing["record_send"] = DOWN
    started = start(stack)
    assert started.record.delivery_at(stack.clock()) == Delivery.ACCEPTED
    warned = ("warn", "send_not_recorded", {"verification_id": str(started.record.verification.id)})
    assert warned in stack.telemetry.events


KEYED = start_command(idempotency_key="k-1", request=b"one")


def test_the_same_key_and_request_is_answered_again_and_sends_nothing() -> None:
    stack = FakeStack()
    first = start(stack, KEYED)
    stack.clock.advance(200)
    stack.code_keys.keys["b"] = b"the second code key, 32 bytes long"
    stack.code_keys.newest_kid = "b"  # a rotation in between changes nothing
    again = start(stack, KEYED)
    assert (first.replayed, again.replayed) == (False, True)
    assert again.record == first.record
    assert len(stack.messenger.sent) == 1
    assert len([event for event in stack.telemetry.events if event[0] == "started"]) == 1


def test_the_same_key_with_another_request_is_a_conflict() -> None:
    stack = FakeStack()
    start(stack, KEYED)
    with pytest.raises(IdempotencyConflict):
        start(stack, replace(KEYED, request=b"two"))
    assert len(stack.messenger.sent) == 1


def test_the_same_key_of_another_client_is_another_verification() -> None:
    stack = FakeStack()
    one = start(stack, KEYED)
    other = start(stack, replace(KEYED, client=Client("other", Profile("Other")), request=b"two"))
    assert not other.replayed
    assert one.record.verification.id != other.record.verification.id


def test_without_a_key_every_start_is_a_new_one() -> None:
    stack = FakeStack()
    one, other = start(stack).record.verification, start(stack).record.verification
    assert one.token != other.token
    assert one.code_mac != other.code_mac
    assert len(stack.messenger.sent) == 2


def test_a_key_is_free_again_once_its_verification_is_forgotten() -> None:
    stack = FakeStack()
    first = start(stack, KEYED)
    stack.clock.advance(300 + RETENTION)
    again = start(stack, replace(KEYED, request=b"two"))
    assert not again.replayed
    assert again.record.verification.id == first.record.verification.id
    old, new = stack.messenger.sent
    assert old.code != new.code  # a reused id still gives a new code


def test_our_own_put_repeated_after_a_lost_reply_is_no_replay() -> None:
    stack = FakeStack()
    create = stack.verifications.create

    def repeated(verification: Verification, *rest: object) -> Verification | None:
        create(verification, *rest)  # type: ignore[arg-type]  # passed on as they came
        return create(verification, *rest)  # type: ignore[arg-type]

    stack.verifications.create = repeated  # type: ignore[method-assign,assignment]  # lossy wire
    started = start(stack, KEYED)
    assert not started.replayed
    assert len(stack.messenger.sent) == 1


def test_an_unavailable_provider_leaves_it_queued() -> None:
    stack = FakeStack()
    stack.messenger.failing = ProviderUnavailable("fake", "timeout")
    started = start(stack)
    assert started.record.delivery_at(stack.clock()) == Delivery.QUEUED
    (send,) = started.record.sends
    (one,) = send.tries
    assert (send.outcome, one.vendor_code, one.message_id) == ("unavailable", "timeout", None)
    assert stack.verifications.read(started.record.verification.token) == started.record


def test_a_rejected_message_is_delivery_failed_also_when_it_is_asked_again() -> None:
    stack = FakeStack()
    stack.messenger.failing = ProviderRejected("fake", "bad_number")
    ids = []
    for _ in range(2):
        with pytest.raises(DeliveryFailed) as failed:
            start(stack, KEYED)
        ids.append(failed.value.verification_id or "")
    assert ids[0] == ids[1]
    record = stack.verifications.read(ids[0][1:])
    assert record and record.delivery_at(stack.clock()) == Delivery.UNDELIVERED
    assert stack.journal.count("send") == 1


def test_sends_to_a_destination_are_limited_for_all_clients_together() -> None:
    stack = FakeStack(sends="2/10m 3/24h")
    other = Client("other", Profile("Other"))
    start(stack)
    start(stack, start_command(client=other))
    with pytest.raises(LimitExceeded) as refused:
        start(stack)
    assert refused.value.detail == "The limit destination_sends 2/10m is used up."
    assert 1 <= (refused.value.retry_after or 0) <= 600
    assert len(stack.messenger.sent) == 2
    start(stack, start_command("+31687654321"))
    stack.clock.advance(refused.value.retry_after or 0)
    start(stack)
    with pytest.raises(LimitExceeded, match="3/24h"):
        start(stack)


def test_a_refused_start_uses_up_no_other_limit() -> None:
    stack = FakeStack(sends="1/10m", guesses="10/24h")
    start(stack, start_command(max_attempts=5))
    for _ in range(3):
        with pytest.raises(LimitExceeded, match="destination_sends"):
            start(stack, start_command(max_attempts=5))
    stack.clock.advance(600)
    start(stack, start_command(max_attempts=5))


def test_guesses_are_paid_for_at_start_by_client_and_destination() -> None:
    stack = FakeStack(guesses="12/24h")
    start(stack, start_command(max_attempts=10))
    with pytest.raises(LimitExceeded, match="destination_guesses 12/24h"):
        start(stack, start_command(max_attempts=3))
    start(stack, start_command(max_attempts=2))
    start(stack, start_command(max_attempts=10, client=Client("other", Profile("Other"))))
    start(stack, start_command("ann@gmail.com", max_attempts=10))


def test_short_codes_have_a_smaller_budget_of_guesses() -> None:
    stack = FakeStack(guesses="50/24h", short_code_guesses="5/24h")
    start(stack, start_command(code_length=5))
    with pytest.raises(LimitExceeded, match="destination_short_code_guesses 5/24h"):
        start(stack, start_command(code_length=4))
    start(stack, start_command(code_length=6))


def test_more_attempts_than_the_whole_budget_are_never_allowed() -> None:
    stack = FakeStack(guesses="5/24h")
    with pytest.raises(LimitExceeded, match="destination_guesses"):
        start(stack, start_command(max_attempts=6))
    start(stack, start_command(max_attempts=5))


TESTER = Client("tester", Profile("Test"), test=True)
FICTION = "+12025550100"


def with_test_destination(routes: str | None = None) -> FakeStack:
    until = FakeStack().clock.now + 1000
    test_destinations = {FICTION: TestDestination("4711", until)}
    return FakeStack(sends="1/24h", test_destinations=test_destinations, routes=routes)


def test_a_test_destination_has_its_fixed_code_and_nothing_is_sent_or_counted() -> None:
    stack = with_test_destination()
    for _ in range(3):
        started = start(stack, start_command(FICTION, client=TESTER, country="US"))
        verification = started.record.verification
        assert (verification.test, verification.code_length) == (True, 4)
        assert started.record.sends[0].taken.provider == "test"
        assert started.record.delivery_at(stack.clock()) == Delivery.ACCEPTED
        assert is_valid(stack, started.record, "4711")
    assert stack.messenger.sent == []


def test_a_test_destination_needs_no_route() -> None:
    stack = with_test_destination(routes="email=fake")
    assert start(stack, start_command(FICTION, client=TESTER)).record.verification.test


def with_test_code(code: str = "123456", **changes: Any) -> StartCommand:
    return start_command(test_code=code, **changes)


@pytest.mark.parametrize("code", ["1234", "123456", "0000", "1" * 16])
@pytest.mark.parametrize("client", [CLIENT, TESTER])
def test_a_start_with_a_test_code_sends_nothing_and_is_verified_by_it(
    code: str, client: Client
) -> None:
    stack = FakeStack()
    started = start(stack, with_test_code(code, client=client))
    verification = started.record.verification
    assert (verification.test, verification.code_length) == (True, len(code))
    assert started.record.sends[0].taken.provider == "test"
    assert started.record.delivery_at(stack.clock()) == Delivery.ACCEPTED
    assert stack.messenger.sent == []
    assert not is_valid(stack, started.record, wrong(code))
    assert is_valid(stack, started.record, code)


def wrong(code: str) -> str:
    return code[:-1] + str((int(code[-1]) + 1) % 10)


def test_a_test_code_is_verified_by_nothing_else() -> None:
    stack = FakeStack()
    verification = start(stack, with_test_code()).record.verification
    _, key = stack.code_keys.newest()
    derived = derive_code(key, str(verification.id), verification.nonce or b"", 6)
    assert not is_valid(stack, Record(verification), derived)
    ordinary = start(stack, start_command("+31687654321")).record
    assert not is_valid(stack, ordinary, "123456")


def test_a_start_with_a_test_code_costs_nobody_anything() -> None:
    stack = FakeStack(sends="1/24h", guesses="5/24h", short_code_guesses="5/24h")
    for code in ("1234", "123456", "1234"):
        start(stack, with_test_code(code, max_attempts=5))
    start(stack, start_command(max_attempts=5))
    with pytest.raises(LimitExceeded):
        start(stack, start_command(max_attempts=5))
    start(stack, with_test_code())


@pytest.mark.parametrize("routes", ["email=fake", "sms=verifier"])
def test_a_test_code_needs_no_route_and_starts_no_verifier(routes: str) -> None:
    messenger, verifier = FakeMessenger(), FakeVerifier(terms=Terms((4, 4), (60, 60)))
    stack = FakeStack(providers=[messenger, verifier], routes=routes)
    assert start(stack, with_test_code()).record.verification.test
    assert messenger.sent == [] and verifier.started == []


def test_a_start_with_a_test_code_is_replayed_like_any_other() -> None:
    stack = FakeStack()
    first = start(stack, with_test_code(idempotency_key="k"))
    again = start(stack, with_test_code(idempotency_key="k"))
    assert (again.replayed, again.record) == (True, first.record)


def test_a_test_code_outranks_that_of_a_test_destination() -> None:
    stack = with_test_destination()
    started = start(stack, with_test_code("123456", to=FICTION, client=TESTER, country="US"))
    assert not is_valid(stack, started.record, "4711")
    assert is_valid(stack, started.record, "123456")


@pytest.mark.parametrize(
    ("client", "to", "later"),
    [
        (CLIENT, FICTION, 0),  # not marked test
        (TESTER, "+12025550101", 0),  # another destination
        (TESTER, FICTION, 1),  # after its last day
    ],
)
def test_all_others_are_ordinary(client: Client, to: str, later: int) -> None:
    stack = with_test_destination()
    stack.clock.advance(later)
    started = start(stack, start_command(to, client=client))
    assert not started.record.verification.test
    (sent,) = stack.messenger.sent
    assert len(sent.code) == 6
    assert not is_valid(stack, started.record, "4711")


@pytest.mark.parametrize(
    ("details", "field"),
    [
        (Details(template="no code"), "template"),
        (Details(template="{code} {0.__class__}"), "template"),
        (Details(template="{code}" + "x" * 1990), "template"),
        (Details(template="{code}\x00"), "template"),
        (Details(webotp_domain="https://example.com"), "webotp_domain"),
        (Details(android_hash="short"), "android_hash"),
    ],
)
def test_a_message_that_cannot_be_made_is_refused_by_its_field(
    details: Details, field: str
) -> None:
    stack = FakeStack()
    with pytest.raises(InvalidFields) as refused:
        start(stack, start_command(details=details))
    assert [fault.field for fault in refused.value.faults] == [field]
    assert stack.journal == []


def test_a_subject_that_cannot_be_is_refused() -> None:
    stack = FakeStack()
    with pytest.raises(InvalidFields) as refused:
        start(stack, start_command("ann@gmail.com", details=Details(subject="{x}")))
    assert [fault.field for fault in refused.value.faults] == ["subject"]
    assert stack.journal == []


def test_a_channel_without_a_provider_is_refused() -> None:
    stack = FakeStack(routes="sms=fake; voice:EE=fake")
    with pytest.raises(InvalidFields) as refused:
        start(stack, start_command(channel=Channel.VOICE))
    (fault,) = refused.value.faults
    assert (fault.field, fault.message) == ("channel", "voice has no provider in this stack")
    assert stack.journal == []


def test_details_are_stored_beside_and_used_by_the_message() -> None:
    stack = FakeStack()
    details = Details(metadata={"order": "7"}, template="Code {code} of {brand}")
    started = start(stack, start_command(details=details, sender="Me"))
    (sent,) = stack.messenger.sent
    assert (sent.message.text, sent.sender) == (f"Code {sent.code} of Shop", "Me")
    stored = stack.verifications.read(started.record.verification.token)
    assert stored and stored.details == details and stored.verification.detailed


@pytest.mark.parametrize(("validity", "warned"), [(600, False), (601, True)])
def test_a_long_validity_is_logged(validity: int, warned: bool) -> None:
    stack = FakeStack()
    start(stack, start_command(validity=validity))
    assert (("warn", "long_validity", {"validity": validity}) in stack.telemetry.events) is warned


def test_a_replay_of_what_goes_just_then_is_unavailable() -> None:
    stack = FakeStack()
    start(stack, KEYED)
    stack.verifications.read = lambda token: None  # type: ignore[method-assign]  # a race
    with pytest.raises(TemporarilyUnavailable):
        start(stack, KEYED)
