"""What a verification is at a moment, and what a guess at it means."""

from dataclasses import replace

import pytest
from verification.domain.identifiers import VerificationId
from verification.domain.verification import (
    Channel,
    Delivery,
    Guess,
    Outcome,
    Reason,
    Record,
    Send,
    Status,
    Try,
    Verdict,
    Verification,
    concerns,
    judge_counted,
    judge_refused,
    outcome_of,
)

from tests.fakes.samples import make_send, make_try, make_verification

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


DELEGATED = replace(PENDING, verifier="v", verifier_ref="v-1", code_mac=b"nobody" * 5)
COUNTED = replace(DELEGATED, attempts=1, last_guess=WRONG, guess_key=b"first")
SETTLED = replace(COUNTED, settled_key=b"first")


@pytest.mark.parametrize(
    ("verification", "verdict"),
    [
        (COUNTED, Verdict(False, Reason.INCORRECT, unsettled=True)),
        (replace(COUNTED, settled_key=b"older"), Verdict(False, Reason.INCORRECT, unsettled=True)),
        (SETTLED, Verdict(False, Reason.INCORRECT)),
        (replace(SETTLED, code_mac=WRONG), Verdict(True)),  # as confirm() leaves it
    ],
)
def test_a_guess_at_a_verifiers_code_is_unsettled_until_the_verifier_has_judged_it(
    verification: Verification, verdict: Verdict
) -> None:
    assert judge_counted(verification) == verdict
    again = judge_refused(guess(WRONG, b"first"), verification)
    assert again == replace(verdict, repeated=True)


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


ACCEPTED, REJECTED = make_try(), make_try(Outcome.REJECTED, provider="b")
UNAVAILABLE, SILENT = make_try(Outcome.UNAVAILABLE), make_try(Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("tries", "outcome"),
    [
        ([ACCEPTED], Outcome.ACCEPTED),
        ([REJECTED, ACCEPTED], Outcome.ACCEPTED),
        ([SILENT, UNAVAILABLE, ACCEPTED], Outcome.ACCEPTED),
        ([SILENT], Outcome.UNKNOWN),
        ([SILENT, REJECTED], Outcome.UNKNOWN),  # one at least may have sent it
        ([REJECTED, SILENT], Outcome.UNKNOWN),
        ([UNAVAILABLE, SILENT], Outcome.UNKNOWN),
        ([SILENT, UNAVAILABLE], Outcome.UNKNOWN),
        ([UNAVAILABLE], Outcome.UNAVAILABLE),
        ([UNAVAILABLE, REJECTED], Outcome.UNAVAILABLE),  # one at least may take it later
        ([REJECTED, UNAVAILABLE], Outcome.UNAVAILABLE),
        ([REJECTED], Outcome.REJECTED),
        ([REJECTED, REJECTED], Outcome.REJECTED),
    ],
)
def test_accepted_outranks_silent_outranks_later_outranks_no(
    tries: list[Try], outcome: Outcome
) -> None:
    assert outcome_of(tries) == outcome


DELIVERED, UNDELIVERED = Delivery.DELIVERED, Delivery.UNDELIVERED


def heard(report: Delivery | None, one: Try = ACCEPTED) -> Try:
    return replace(one, report=report)


@pytest.mark.parametrize(
    ("tries", "taken", "delivery"),
    [
        ([REJECTED, ACCEPTED], 1, None),
        ([ACCEPTED, REJECTED], 0, None),  # a claim that was repeated
        ([ACCEPTED, replace(ACCEPTED, provider="c")], 1, None),  # the last that was accepted
        ([UNAVAILABLE, REJECTED], 1, None),  # nobody took it: the last
        ([heard(DELIVERED)], 0, DELIVERED),
        ([heard(UNDELIVERED)], 0, UNDELIVERED),
        ([heard(DELIVERED, SILENT), heard(UNDELIVERED)], 1, DELIVERED),  # any delivery counts
        ([heard(DELIVERED, SILENT), ACCEPTED], 1, DELIVERED),
        ([heard(UNDELIVERED, SILENT), ACCEPTED], 1, None),  # the one that took it says nothing
        ([heard(UNDELIVERED, SILENT)], 0, UNDELIVERED),
    ],
)
def test_a_send_is_by_whoever_took_it_last_and_any_delivery_counts(
    tries: list[Try], taken: int, delivery: Delivery | None
) -> None:
    send = make_send(*tries)
    assert send.taken is tries[taken]
    assert send.delivery == delivery


def test_the_channels_to_fall_back_on_are_those_asked_for_else_its_own() -> None:
    assert PENDING.fallback == (Channel.SMS,)
    several = replace(PENDING, channels="viber,sms,voice")
    assert several.fallback == (Channel.VIBER, Channel.SMS, Channel.VOICE)


VOICE = make_try(channel=Channel.VOICE)
VOICE_LATER = make_try(Outcome.UNAVAILABLE, channel=Channel.VOICE)
VOICE_SILENT = make_try(Outcome.UNKNOWN, channel=Channel.VOICE)


@pytest.mark.parametrize(
    ("channels", "channel", "sends", "following"),
    [
        (None, Channel.SMS, (), None),
        ("sms,voice", Channel.SMS, (), Channel.VOICE),
        ("sms,voice", Channel.SMS, (make_send(),), Channel.VOICE),
        ("sms,voice", Channel.SMS, (make_send(REJECTED, VOICE),), None),
        ("sms,voice,viber", Channel.SMS, (make_send(REJECTED, VOICE),), Channel.VIBER),
        ("sms,voice,viber", Channel.VOICE, (make_send(),), Channel.VIBER),  # just claimed
        ("sms,voice", Channel.VOICE, (make_send(),), None),
        ("sms,voice,viber", Channel.VIBER, (make_send(),), Channel.VOICE),  # asked for by hand
        # "not now" was no turn
        ("sms,voice,viber", Channel.SMS, (make_send(REJECTED, VOICE_LATER),), Channel.VOICE),
        ("sms,voice,viber", Channel.SMS, (make_send(REJECTED, VOICE_SILENT),), Channel.VIBER),
        ("sms,voice,viber", Channel.VOICE, (make_send(UNAVAILABLE),), Channel.SMS),
    ],
)
def test_the_next_channel_is_the_first_that_nobody_was_asked_for(
    channels: str | None, channel: Channel, sends: tuple[Send, ...], following: Channel | None
) -> None:
    record = Record(replace(PENDING, channels=channels, channel=channel), sends=sends)
    assert record.next_channel == following


CLAIMED = PENDING.sent_at
EVERY_STATUS = (PENDING, EXPIRED, VERIFIED, FAILED, CANCELED)


@pytest.mark.parametrize(
    ("one", "report", "deliveries"),
    [
        # pending, expired, verified, failed, canceled
        # a code that was typed back did arrive, by this send or another, whatever comes late
        (ACCEPTED, None, "accepted unknown accepted accepted accepted"),
        (ACCEPTED, DELIVERED, "delivered delivered delivered delivered delivered"),
        (ACCEPTED, UNDELIVERED, "undelivered undelivered accepted undelivered undelivered"),
        (SILENT, None, "unknown unknown accepted unknown unknown"),
        (SILENT, DELIVERED, "delivered delivered delivered delivered delivered"),
        (SILENT, UNDELIVERED, "undelivered undelivered accepted undelivered undelivered"),
        (REJECTED, None, "undelivered undelivered accepted undelivered undelivered"),
        (UNAVAILABLE, None, "queued unknown accepted unknown unknown"),
        (None, None, "queued unknown accepted unknown unknown"),  # lost, or not recorded yet
    ],
)
def test_the_delivery_of_every_outcome_report_and_status(
    one: Try | None, report: Delivery | None, deliveries: str
) -> None:
    sends = (make_send(heard(report, one), claimed=CLAIMED),) if one else ()
    found = [Record(verification, sends=sends).delivery_at(NOW) for verification in EVERY_STATUS]
    assert found == deliveries.split()


SENT = make_send(claimed=CLAIMED)
SECOND = make_send(REJECTED, number=2, claimed=CLAIMED)
LATER = make_send(UNAVAILABLE, number=2, claimed=CLAIMED)


@pytest.mark.parametrize(
    ("record", "delivery"),
    [
        (Record(replace(PENDING, sent_at=NOW), sends=(SENT,)), Delivery.QUEUED),
        (Record(replace(PENDING, sends=2), sends=(SENT,)), Delivery.QUEUED),
        (Record(replace(PENDING, sends=2), sends=(SENT, SECOND)), Delivery.ACCEPTED),
        (Record(replace(PENDING, sends=2), sends=(SENT, LATER)), Delivery.QUEUED),
        # it was typed back while a re-send was "not now": the one before has arrived
        (Record(replace(VERIFIED, sends=2), sends=(SENT, LATER)), Delivery.ACCEPTED),
        (Record(replace(VERIFIED, sends=2), sends=(SENT, SECOND)), Delivery.ACCEPTED),
    ],
)
def test_the_delivery_is_that_of_the_last_send_that_was_not_rejected(
    record: Record, delivery: Delivery
) -> None:
    assert record.delivery_at(NOW) == delivery


@pytest.mark.parametrize(
    ("take_overs", "outcomes", "doubts"),
    [
        (0, [ACCEPTED], 0),
        (0, [SILENT], 1),
        (0, [SILENT, ACCEPTED], 1),
        (0, [SILENT, SILENT], 2),
        (0, [], 1),  # the claim died, or has yet to be recorded
        (1, [], 2),
        (1, [UNAVAILABLE], 1),
        (1, [SILENT], 2),
        (1, [SILENT, SILENT], 2),  # the first of them under the claim that was taken over
    ],
)
def test_a_send_is_in_doubt_as_often_as_it_may_have_been_sent(
    take_overs: int, outcomes: list[Try], doubts: int
) -> None:
    sends = (make_send(*outcomes, claimed=CLAIMED),) if outcomes else ()
    record = Record(replace(PENDING, take_overs=take_overs), sends=sends)
    assert record.doubts == doubts


def test_the_public_id_is_the_key_id_and_the_token() -> None:
    assert str(PENDING.id) == "a" + "q" * 26
