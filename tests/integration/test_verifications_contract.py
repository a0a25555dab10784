"""What every table of verifications promises: the fake's, DynamoDB Local's and the emulator's."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from verification.domain.identifiers import VerificationId, make_token
from verification.domain.limits import Charge, Limit, parse_limits
from verification.domain.verification import (
    Channel,
    Details,
    Guess,
    Reason,
    Record,
    Send,
    SendOutcome,
    Status,
    Verdict,
    Verification,
)
from verification.errors import InvalidFields, LimitExceeded, NotFound
from verification.operations.ports import Claim, Verifications

from tests.fakes.verifications import InMemoryVerifications
from tests.integration.commands import remaining
from tests.integration.conftest import Place

NOW = 1_800_000_000_000
MAC, WRONG_MAC = bytes(range(32)), bytes(32)


@pytest.fixture(params=["memory", "dynamodb_local", "emulator"])
def verifications(request: pytest.FixtureRequest) -> Verifications:
    if request.param == "memory":
        return InMemoryVerifications()
    make_place: Callable[[str], Place] = request.getfixturevalue("make_place")
    return make_place(request.getfixturevalue(request.param)).stack()._verifications


def make(**changes: Any) -> Verification:
    values: dict[str, Any] = {
        "token": make_token(secrets.token_bytes(16)),
        "kid": "a",
        "client_id": "shop",
        "status": Status.PENDING,
        "channel": Channel.SMS,
        "created_at": NOW,
        "valid_until": NOW + 300_000,
        "expires_at": NOW // 1000 + 86_700,
        "code_length": 6,
        "max_attempts": 3,
        "max_sends": 5,
        "sends": 1,
        "sent_at": NOW,
        "lease_until": NOW + 12_000,
        "brand": "Shop",
        "to": "+31612345678",
        "destination_hash": secrets.token_bytes(16),
        "nonce": secrets.token_bytes(16),
        "code_mac": MAC,
        "request_mac": bytes(16),
        "country": "NL",
    }
    return Verification(**values | changes)


def created(verifications: Verifications, **changes: Any) -> Verification:
    verification = make(**changes)
    assert verifications.create(verification, None, [], remaining) is None
    return verification


def guess(verification: Verification, mac: bytes = MAC, **changes: Any) -> Guess:
    values: dict[str, Any] = {"key": secrets.token_bytes(16), "now": NOW + 1}
    return Guess(verification.id, verification.client_id, mac, **values | changes)


def judged(verifications: Verifications, guess: Guess) -> tuple[Verification, Verdict]:
    found = verifications.guess(guess)
    assert found is not None
    return found


def charge(limit: str, amount: int = 1, subject: bytes = b"s" * 16, name: str = "sends") -> Charge:
    return Charge(parse_limits(name, limit)[0], subject, amount)


def test_what_is_created_is_read_back_whole(verifications: Verifications) -> None:
    full = make(
        resend_after=60,
        max_auto_sends=1,
        locale="pt-BR",
        purpose="login",
        reference="order 1",
        detailed=True,
        test=True,
    )
    details = Details(
        metadata={"cart": "é 漢 🙂"},
        ip="2001:db8::1",
        user_agent="agent",
        template="{code}",
        sender="Shop",
        subject="s",
        webotp_domain="example.com",
        android_hash="a" * 11,
    )
    assert verifications.create(full, details, [], remaining) is None
    assert verifications.read(full.token) == Record(full, details, ())
    bare = created(verifications, country=None)
    assert verifications.read(bare.token) == Record(bare, Details(), ())


def test_what_is_not_there_is_none(verifications: Verifications) -> None:
    assert verifications.read(make().token) is None
    assert verifications.guess(guess(make())) is None
    assert verifications.cancel(make().id, "shop") is False


def test_a_token_is_taken_once_and_the_first_is_answered(verifications: Verifications) -> None:
    first = created(verifications)
    second = make(token=first.token, brand="Other")
    assert verifications.create(second, None, [charge("1/1h", 1)], remaining) == first
    assert verifications.read(first.token) == Record(first)
    # The refused one was not counted.
    assert verifications.create(make(), None, [charge("1/1h", 1)], remaining) is None


def test_a_token_is_free_again_when_its_item_should_be_gone(verifications: Verifications) -> None:
    first = created(verifications, detailed=True)
    verifications.record_send(first, send(1, NOW + 5))
    gone = first.expires_at * 1000
    again = make(token=first.token, created_at=gone, expires_at=first.expires_at + 1000)
    assert verifications.create(again, None, [], remaining) is None
    assert verifications.read(first.token) == Record(again, Details(), ())


def test_what_should_be_gone_is_no_replay_when_a_limit_is_used_up(
    verifications: Verifications,
) -> None:
    first = created(verifications)
    gone = first.expires_at * 1000
    spent = charge("1/1h", subject=secrets.token_bytes(16))
    assert verifications.create(make(created_at=gone), None, [spent], remaining) is None
    again = make(token=first.token, created_at=gone, expires_at=first.expires_at + 1000)
    with pytest.raises(LimitExceeded):
        verifications.create(again, None, [spent], remaining)


def test_cancel_does_not_mind_that_ttl_took_the_details_first(
    verifications: Verifications,
) -> None:
    verification = created(verifications, detailed=True)
    assert verifications.cancel(verification.id, "shop") is True


@pytest.mark.parametrize("keep", ["replay", "limit"])
def test_a_replay_outranks_a_limit(verifications: Verifications, keep: str) -> None:
    spent = charge("1/1h", subject=secrets.token_bytes(16))
    first = make()
    assert verifications.create(first, None, [spent], remaining) is None
    if keep == "replay":
        assert verifications.create(first, None, [spent], remaining) == first
    else:
        with pytest.raises(LimitExceeded):
            verifications.create(make(), None, [spent], remaining)


def test_a_limit_takes_its_count_and_no_more_and_names_itself(
    verifications: Verifications,
) -> None:
    limit = Limit("sends", "10/1h", 10, 3600)
    subject = secrets.token_bytes(16)
    for amount in (4, 4, 2):
        verifications.create(make(), None, [Charge(limit, subject, amount)], remaining)
    refused = make()
    with pytest.raises(LimitExceeded) as caught:
        verifications.create(refused, None, [Charge(limit, subject, 1)], remaining)
    assert caught.value.detail == "The limit sends 10/1h is used up."
    assert caught.value.retry_after == Charge(limit, subject, 1).retry_after(NOW)
    assert verifications.read(refused.token) is None, "refused means not stored"
    # Others, and the next window, are not touched.
    assert verifications.create(make(), None, [Charge(limit, bytes(16), 10)], remaining) is None
    later = make(created_at=NOW + 3_600_000)
    assert verifications.create(later, None, [Charge(limit, subject, 10)], remaining) is None


def test_of_several_limits_the_longest_wait_is_told_and_none_is_counted(
    verifications: Verifications,
) -> None:
    subject = secrets.token_bytes(16)
    minute, day = charge("2/1m", 1, subject), charge("1/24h", 1, subject)
    assert verifications.create(make(), None, [day], remaining) is None
    with pytest.raises(LimitExceeded) as caught:
        verifications.create(make(), None, [minute, day], remaining)
    assert caught.value.retry_after == day.retry_after(NOW)
    for _ in range(2):
        assert verifications.create(make(), None, [minute], remaining) is None


def test_an_amount_over_the_whole_limit_is_refused_at_once(verifications: Verifications) -> None:
    with pytest.raises(LimitExceeded):
        verifications.create(make(), None, [charge("3/1h", 4, secrets.token_bytes(16))], remaining)


def test_a_right_guess_verifies_once(verifications: Verifications) -> None:
    verification = created(verifications)
    after, verdict = judged(verifications, guess(verification))
    assert verdict == Verdict(True)
    assert (after.attempts, after.status_at(NOW)) == (1, Status.VERIFIED)
    assert judged(verifications, guess(verification))[1].reason == Reason.ALREADY_VERIFIED
    record = verifications.read(verification.token)
    assert record is not None
    assert record.verification == after


def test_wrong_guesses_are_counted_to_the_last(verifications: Verifications) -> None:
    verification = created(verifications)
    for attempts in (1, 2, 3):
        after, verdict = judged(verifications, guess(verification, WRONG_MAC))
        assert (after.attempts, verdict.reason) == (attempts, Reason.INCORRECT)
    after, verdict = judged(verifications, guess(verification))
    assert (after.attempts, verdict.reason) == (3, Reason.EXHAUSTED)


@pytest.mark.parametrize("mac", [MAC, WRONG_MAC])
def test_a_repeated_request_gets_the_first_answer_and_is_not_counted(
    verifications: Verifications, mac: bytes
) -> None:
    verification = created(verifications)
    again = guess(verification, mac)
    first, verdict = judged(verifications, again)
    assert judged(verifications, again) == (first, replace(verdict, repeated=True))
    assert first.attempts == 1


def test_a_repeated_request_with_another_code_is_a_conflict(verifications: Verifications) -> None:
    verification = created(verifications)
    first = guess(verification, WRONG_MAC)
    judged(verifications, first)
    after, verdict = judged(verifications, replace(first, mac=MAC))
    assert (verdict.valid, verdict.conflict, after.attempts) == (False, True, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "another"},
        {"id": VerificationId("b", "a" * 26)},
        {"destination_hash": bytes(16)},
        {"purpose": "pay"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_guess_that_does_not_concern_it_finds_nothing_and_is_not_counted(
    verifications: Verifications, changes: dict[str, Any]
) -> None:
    verification = created(verifications, purpose="login")
    if "id" in changes:
        changes = {"id": VerificationId("b", verification.token)}
    assert verifications.guess(replace(guess(verification), **changes)) is None
    right = guess(verification, destination_hash=verification.destination_hash, purpose="login")
    assert judged(verifications, right)[0].attempts == 1


def test_canceled_stops_the_code_and_erases_the_person(verifications: Verifications) -> None:
    verification = make(detailed=True, reference="r")
    details = Details(metadata={"a": "b"}, ip="192.0.2.1")
    verifications.create(verification, details, [], remaining)
    verifications.record_send(verification, send(1, NOW + 5))
    assert verifications.cancel(verification.id, "another") is False
    for _ in range(2):
        assert verifications.cancel(verification.id, "shop") is True
    record = verifications.read(verification.token)
    assert record is not None
    assert record.details == Details()
    assert record.verification == replace(
        verification,
        status=Status.CANCELED,
        to=None,
        destination_hash=None,
        nonce=None,
        code_mac=None,
        reference=None,
    )
    assert [s.number for s in record.sends] == [1], "what was sent stays, for the bill"
    assert judged(verifications, guess(verification))[1].reason == Reason.CANCELED
    page = verifications.list("shop", verification.destination_hash or b"", 10, None)
    assert page.records == ()


def send(number: int, at: int, outcome: SendOutcome = SendOutcome.ACCEPTED) -> Send:
    accepted = outcome == SendOutcome.ACCEPTED
    return Send(
        number,
        Channel.SMS,
        "sns",
        outcome,
        at,
        claimed=at,
        message_id="m" if accepted else None,
        vendor_code=None if accepted else "Throttling",
    )


def test_sends_are_recorded_and_a_later_outcome_replaces_an_earlier(
    verifications: Verifications,
) -> None:
    verification = created(verifications)
    verifications.record_send(verification, send(1, NOW + 1, SendOutcome.UNAVAILABLE))
    verifications.record_send(verification, send(1, NOW + 2))
    record = verifications.read(verification.token)
    assert record == Record(verification, Details(), (send(1, NOW + 2),))


def test_a_claim_is_taken_once(verifications: Verifications) -> None:
    verification = created(verifications)
    claim = Claim(2, Channel.VOICE, NOW + 60_000, NOW + 70_000, automatic=True, take_overs=1)
    assert verifications.claim(verification, claim, [], remaining) is None
    claimed = replace(
        verification,
        sends=2,
        channel=Channel.VOICE,
        sent_at=NOW + 60_000,
        lease_until=NOW + 70_000,
        auto_sends=1,
        take_overs=1,
    )
    assert verifications.read(verification.token) == Record(claimed)
    assert verifications.claim(verification, claim, [], remaining) == claimed


@pytest.mark.parametrize("ended", ["verified", "failed", "expired", "canceled"])
def test_what_has_ended_is_not_claimed(verifications: Verifications, ended: str) -> None:
    verification = created(verifications, max_attempts=1)
    if ended in ("verified", "failed"):
        judged(verifications, guess(verification, MAC if ended == "verified" else WRONG_MAC))
    if ended == "canceled":
        verifications.cancel(verification.id, "shop")
    at = verification.valid_until if ended == "expired" else NOW + 60_000
    claim = Claim(2, Channel.SMS, at, at + 10_000)
    found = verifications.claim(verification, claim, [], remaining)
    assert found is not None
    assert (found.sends, found.status_at(at)) == (1, Status(ended))


def test_a_claim_over_a_limit_changes_nothing(verifications: Verifications) -> None:
    verification = created(verifications)
    spent = charge("1/1h", 1, secrets.token_bytes(16))
    assert verifications.create(make(), None, [spent], remaining) is None
    claim = Claim(2, Channel.SMS, NOW + 1, NOW + 10)
    with pytest.raises(LimitExceeded):
        verifications.claim(verification, claim, [spent], remaining)
    assert verifications.read(verification.token) == Record(verification)


def test_what_is_gone_is_not_claimed(verifications: Verifications) -> None:
    with pytest.raises(NotFound):
        verifications.claim(make(), Claim(2, Channel.SMS, NOW, NOW), [], remaining)


def test_a_destinations_verifications_come_newest_first_in_pages(
    verifications: Verifications,
) -> None:
    to = secrets.token_bytes(16)
    mine = [
        created(verifications, destination_hash=to, created_at=NOW + n, detailed=False)
        for n in range(7)
    ]
    created(verifications, destination_hash=to, client_id="shop-2")
    created(verifications, destination_hash=secrets.token_bytes(16))
    seen, cursor = [], None
    for _ in range(4):
        page = verifications.list("shop", to, 3, cursor)
        seen += [record.verification for record in page.records]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == mine[::-1]
    assert cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "1-", f"1-{'a' * 27}", "1 OR 1", "\x00"])
def test_a_foreign_cursor_is_refused(verifications: Verifications, cursor: str) -> None:
    with pytest.raises(InvalidFields):
        verifications.list("shop", bytes(16), 3, cursor)
