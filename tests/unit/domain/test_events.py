"""Events: worked out of single writes, each with one id for ever."""

from dataclasses import replace
from typing import Any

import pytest
from verification.api.told import show_event
from verification.domain.events import Event, EventType, Written, told_by_change, told_by_sends
from verification.domain.verification import Delivery, Outcome, Send, Status, Verification

from tests.fakes.samples import NOW, make_send, make_try, make_verification

MAC = b"m" * 32
WRITTEN = Written("7", NOW + 1000)
PENDING = make_verification(to="+31612345678", code_mac=MAC)
GUESSED: dict[str, Any] = {"guessed_at": NOW + 500, "attempts": 1}
VERIFIED = replace(PENDING, last_guess=MAC, **GUESSED)
FAILED = replace(PENDING, last_guess=b"w" * 32, **GUESSED | {"attempts": 5})
EXPIRED = replace(PENDING, ended=True)
CANCELED = make_verification(status=Status.CANCELED)


def types(before: Verification | None, after: Verification | None) -> list[str]:
    return [
        one.type.removeprefix("verification.") for one in told_by_change(before, after, WRITTEN)
    ]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, PENDING, ["started"]),
        (replace(PENDING, created_at=NOW - 1), PENDING, ["started"]),  # an older life of the id
        (PENDING, replace(PENDING, sends=2, sent_at=NOW + 1), []),
        (PENDING, replace(PENDING, last_guess=b"w" * 32, **GUESSED), []),
        (PENDING, VERIFIED, ["verified"]),
        (VERIFIED, replace(VERIFIED, credited=True), []),
        (VERIFIED, CANCELED, []),  # deleting what has ended tells nothing
        (replace(FAILED, attempts=4), FAILED, ["failed"]),
        (FAILED, CANCELED, []),
        (PENDING, EXPIRED, ["expired"]),
        (EXPIRED, CANCELED, []),
        (EXPIRED, replace(VERIFIED, ended=True), ["verified"]),  # a verifier said it late
        (replace(FAILED, ended=True), replace(VERIFIED, ended=True), ["verified"]),
        (PENDING, CANCELED, ["canceled"]),
        (CANCELED, replace(CANCELED, credited=True), []),
        (PENDING, None, []),  # erased
        (None, None, []),
    ],
)
def test_a_write_tells_what_it_changed(
    before: Verification | None, after: Verification | None, told: list[str]
) -> None:
    assert types(before, after) == told


def test_guesses_that_are_used_up_have_failed_once_the_verifier_said_so() -> None:
    used = replace(FAILED, verifier="acme", guess_key=b"k" * 16)
    assert types(replace(used, attempts=4), used) == []
    wrong = replace(used, settled_key=b"k" * 16)
    assert types(used, wrong) == ["failed"]
    right = replace(used, code_mac=b"w" * 32, settled_key=b"k" * 16)
    assert types(used, right) == ["verified"]
    over = replace(used, ended=True)  # it never said
    assert types(used, over) == ["failed"] and types(wrong, replace(wrong, ended=True)) == []


def one(before: Verification | None, after: Verification) -> Event:
    [event] = told_by_change(before, after, WRITTEN)
    return event


def test_an_event_has_the_time_of_what_happened() -> None:
    assert one(None, PENDING).at == NOW
    assert one(PENDING, VERIFIED).at == NOW + 500
    assert one(PENDING, EXPIRED).at == PENDING.valid_until
    assert one(PENDING, CANCELED).at == WRITTEN.at


def test_what_was_canceled_is_told_as_it_was_before() -> None:
    assert one(PENDING, CANCELED).verification.to == "+31612345678"


def test_the_same_event_has_the_same_id_and_no_other_has_it() -> None:
    again = told_by_change(PENDING, VERIFIED, Written("9", NOW + 9000))
    assert [event.id for event in again] == [one(PENDING, VERIFIED).id]
    others = [
        one(None, PENDING),
        one(PENDING, VERIFIED),
        one(PENDING, EXPIRED),
        one(PENDING, CANCELED),
        one(None, replace(PENDING, token="r" * 26)),
        one(None, replace(PENDING, created_at=NOW + 1)),
        *told_by_sends(PENDING, [], [make_send(), make_send(number=2)], WRITTEN),
    ]
    assert len({event.id for event in others}) == len(others) == 8


ACCEPTED, REJECTED = make_send(), make_send(make_try(Outcome.REJECTED))
UNKNOWN = make_send(make_try(Outcome.UNKNOWN))
QUEUED = make_send(make_try(Outcome.UNAVAILABLE))


def reported(delivery: Delivery, outcome: Outcome = Outcome.ACCEPTED) -> Send:
    return make_send(make_try(outcome, report=delivery))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([], [ACCEPTED], ["sent"]),
        ([ACCEPTED], [ACCEPTED], []),
        ([], [REJECTED], ["undelivered"]),
        ([], [UNKNOWN], []),
        ([], [QUEUED], []),
        ([QUEUED], [ACCEPTED], ["sent"]),
        ([ACCEPTED], [reported(Delivery.DELIVERED)], ["delivered"]),
        ([ACCEPTED], [reported(Delivery.UNDELIVERED)], ["undelivered"]),
        ([reported(Delivery.UNDELIVERED)], [reported(Delivery.DELIVERED)], ["delivered"]),
        ([reported(Delivery.DELIVERED)], [reported(Delivery.DELIVERED)], []),
        ([], [reported(Delivery.DELIVERED)], ["sent", "delivered"]),  # the report was there first
        ([UNKNOWN], [reported(Delivery.DELIVERED, Outcome.UNKNOWN)], ["delivered"]),
        ([ACCEPTED], [reported(Delivery.ACCEPTED)], []),
        ([ACCEPTED], [ACCEPTED, make_send(number=2)], ["sent"]),
    ],
)
def test_a_record_of_sends_tells_what_it_changed(
    before: list[Send], after: list[Send], told: list[str]
) -> None:
    events = list(told_by_sends(PENDING, before, after, WRITTEN))
    assert [one.type.removeprefix("verification.") for one in events] == told
    assert all(event.send is after[-1] for event in events)


def test_a_send_that_was_claimed_again_is_the_same_one() -> None:
    """Its report is of the number, too: what is told of it twice has one id."""
    late = reported(Delivery.DELIVERED, Outcome.UNKNOWN)
    [first] = told_by_sends(PENDING, [UNKNOWN], [late], WRITTEN)
    again = make_send(make_try(report=Delivery.DELIVERED), claimed=NOW + 5)
    [sent] = told_by_sends(PENDING, [late], [again], WRITTEN)
    assert (first.type, sent.type) == (EventType.DELIVERED, EventType.SENT)
    [_, repeated] = told_by_sends(PENDING, [], [again], WRITTEN)
    assert repeated.id == first.id


def test_events_of_one_write_have_an_order_too() -> None:
    sent, delivered = told_by_sends(PENDING, [], [reported(Delivery.DELIVERED)], WRITTEN)
    assert show_event(sent)["sequence"] < show_event(delivered)["sequence"]
    assert len(show_event(sent)["sequence"]) == 42


def test_times_of_sends_are_those_of_the_provider_or_of_the_report() -> None:
    later: dict[str, Any] = {"at": NOW + 700}
    [sent] = told_by_sends(PENDING, [], [make_send(make_try(**later))], WRITTEN)
    [delivered] = told_by_sends(PENDING, [ACCEPTED], [reported(Delivery.DELIVERED)], WRITTEN)
    assert (sent.at, delivered.at) == (NOW + 700, WRITTEN.at)
