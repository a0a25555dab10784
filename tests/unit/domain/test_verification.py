"""What a verification is at a moment, and what a guess at it means."""

from dataclasses import replace

import pytest
from verification.domain.identifiers import VerificationId
from verification.domain.verification import (
    Channel,
    Delivery,
    Guess,
    Reason,
    Record,
    Send,
    SendOutcome,
    Status,
    Verdict,
    Verification,
    concerns,
    judge_counted,
    judge_refused,
)

from tests.fakes.samples import make_verification

NOW = 1_800_000_000_000
RIGHT, WRONG = b"right" * 6, b"wrong" * 6

PENDING = make_verification(
    NOW,
    created_at=NOW - 1000,
    valid_until=NOW + 1000,
    expires_at=NOW // 1000 + 3600,
    max_attempts=3,
    sent_at=NOW - 1000,
    lease_until=NOW,
    to="+31612345678",
    destination_hash=b"h" * 16,
    nonce=b"n" * 16,
    code_mac=RIGHT,
    purpose="login",
)
VERIFIED = replace(PENDING, attempts=1, last_guess=RIGHT, guess_key=b"first")
FAILED = replace(PENDING, attempts=3, last_guess=WRONG, guess_key=b"first")
EXPIRED = replace(PENDING, valid_until=NOW)
CANCELED = replace(
    VERIFIED, status=Status.CANCELED, to=None, destination_hash=None, code_mac=None, last_guess=None
)


@pytest.mark.parametrize(
    ("verification", "status"),
    [
        (PENDING, Status.PENDING),
        (replace(PENDING, attempts=2, last_guess=WRONG), Status.PENDING),
        (VERIFIED, Status.VERIFIED),
        (replace(VERIFIED, attempts=3), Status.VERIFIED),  # the last attempt was right
        (replace(VERIFIED, valid_until=NOW - 1), Status.VERIFIED),
        (FAILED, Status.FAILED),
        (replace(FAILED, attempts=4), Status.FAILED),
        (replace(FAILED, valid_until=NOW - 1), Status.FAILED),
        (EXPIRED, Status.EXPIRED),  # at its very end it is over
        (replace(EXPIRED, valid_until=NOW + 1), Status.PENDING),
        (CANCELED, Status.CANCELED),
        (replace(PENDING, code_mac=None, last_guess=None), Status.PENDING),
        (replace(CANCELED, attempts=9, valid_until=0), Status.CANCELED),
    ],
)
def test_the_status_follows_from_the_item_and_the_moment(
    verification: Verification, status: Status
) -> None:
    assert verification.status_at(NOW) == status


def test_attempts_left_are_those_not_made() -> None:
    assert [PENDING.attempts_left, VERIFIED.attempts_left, FAILED.attempts_left] == [3, 2, 0]


def test_a_counted_guess_is_judged_by_the_item_it_left() -> None:
    assert judge_counted(VERIFIED) == Verdict(True)
    assert judge_counted(FAILED) == Verdict(False, Reason.INCORRECT)


def guess(
    mac: bytes = RIGHT,
    key: bytes = b"other",
    client_id: str = "shop",
    kid: str = "a",
    destination_hash: bytes | None = None,
    purpose: str | None = None,
) -> Guess:
    name = VerificationId(kid, "q" * 26)
    return Guess(name, client_id, mac, key, NOW, destination_hash, purpose)


@pytest.mark.parametrize(
    ("asked", "theirs"),
    [
        (guess(), True),
        (guess(destination_hash=b"h" * 16, purpose="login"), True),
        (guess(client_id="other"), False),
        (guess(kid="b"), False),
        (guess(destination_hash=b"x" * 16), False),
        (guess(purpose="payment"), False),
    ],
)
def test_a_guess_concerns_what_it_names(asked: Guess, theirs: bool) -> None:
    assert concerns(asked, PENDING) is theirs


@pytest.mark.parametrize(
    ("asked", "theirs"),
    [
        (guess(destination_hash=b"h" * 16), True),  # it was, and nobody can tell any more
        (guess(client_id="other"), False),
        (guess(purpose="payment"), False),
    ],
)
def test_a_deleted_verification_matches_any_destination(asked: Guess, theirs: bool) -> None:
    assert concerns(asked, CANCELED) is theirs


@pytest.mark.parametrize(("late", "theirs"), [(-1, False), (0, False), (1, True)])
def test_a_guess_concerns_nothing_that_should_be_deleted_by_now(late: int, theirs: bool) -> None:
    assert concerns(guess(), replace(PENDING, expires_at=NOW // 1000 + late)) is theirs


CANCELED_VERDICT = Verdict(False, Reason.CANCELED)


@pytest.mark.parametrize(
    ("asked", "verification", "verdict"),
    [
        # canceled first, whatever else holds
        (guess(), CANCELED, CANCELED_VERDICT),
        (guess(key=b"first"), CANCELED, CANCELED_VERDICT),
        (guess(), replace(CANCELED, attempts=3, valid_until=NOW - 1), CANCELED_VERDICT),
        # then a repeat of the same request: the first answer again
        (guess(key=b"first"), VERIFIED, Verdict(True, repeated=True)),
        (guess(WRONG, b"first"), FAILED, Verdict(False, Reason.INCORRECT, repeated=True)),
        (
            guess(key=b"first"),
            replace(VERIFIED, attempts=3, valid_until=NOW - 1),
            Verdict(True, repeated=True),
        ),
        # the same key with another code
        (guess(WRONG, b"first"), VERIFIED, Verdict(False, conflict=True)),
        (guess(RIGHT, b"first"), FAILED, Verdict(False, conflict=True)),
        # then already verified, exhausted, expired
        (guess(), VERIFIED, Verdict(False, Reason.ALREADY_VERIFIED)),
        (guess(WRONG), VERIFIED, Verdict(False, Reason.ALREADY_VERIFIED)),
        (
            guess(),
            replace(VERIFIED, attempts=3, valid_until=NOW - 1),
            Verdict(False, Reason.ALREADY_VERIFIED),
        ),
        (guess(), FAILED, Verdict(False, Reason.EXHAUSTED)),
        (guess(), replace(FAILED, valid_until=NOW - 1), Verdict(False, Reason.EXHAUSTED)),
        (guess(), EXPIRED, Verdict(False, Reason.EXPIRED)),
    ],
)
def test_why_a_guess_was_refused(
    asked: Guess, verification: Verification, verdict: Verdict
) -> None:
    assert judge_refused(asked, verification) == verdict


def test_a_refusal_without_a_reason_is_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="no known reason"):
        judge_refused(guess(), PENDING)


def send(number: int, outcome: SendOutcome) -> Send:
    return Send(number, Channel.SMS, "sns", outcome, NOW, PENDING.sent_at)


ACCEPTED = send(1, SendOutcome.ACCEPTED)


@pytest.mark.parametrize(
    ("record", "delivery"),
    [
        (Record(PENDING), Delivery.QUEUED),
        (Record(EXPIRED), Delivery.UNKNOWN),
        (Record(VERIFIED), Delivery.UNKNOWN),
        (Record(PENDING, sends=(ACCEPTED,)), Delivery.ACCEPTED),
        (Record(EXPIRED, sends=(ACCEPTED,)), Delivery.ACCEPTED),
        (Record(PENDING, sends=(send(1, SendOutcome.REJECTED),)), Delivery.UNDELIVERED),
        (Record(PENDING, sends=(send(1, SendOutcome.UNAVAILABLE),)), Delivery.QUEUED),
        (Record(EXPIRED, sends=(send(1, SendOutcome.UNAVAILABLE),)), Delivery.UNKNOWN),
        (Record(PENDING, sends=(send(1, SendOutcome.UNKNOWN),)), Delivery.UNKNOWN),
        # only what became of the last claim counts
        (Record(replace(PENDING, sent_at=NOW), sends=(ACCEPTED,)), Delivery.QUEUED),
        (Record(replace(PENDING, sends=2), sends=(ACCEPTED,)), Delivery.QUEUED),
        (
            Record(replace(PENDING, sends=2), sends=(ACCEPTED, send(2, SendOutcome.REJECTED))),
            Delivery.UNDELIVERED,
        ),
    ],
)
def test_the_delivery_is_that_of_the_last_send(record: Record, delivery: Delivery) -> None:
    assert record.delivery_at(NOW) == delivery


def test_the_public_id_is_the_key_id_and_the_token() -> None:
    assert str(PENDING.id) == "a" + "q" * 26
