"""What every table of verifications promises: the fake's, DynamoDB Local's and the emulator's."""

import secrets
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from verification.domain.identifiers import VerificationId, make_token
from verification.domain.limits import Charge, Limit, parse_limits
from verification.domain.report import Report
from verification.domain.verification import (
    Channel,
    Delivery,
    Details,
    Guess,
    Outcome,
    Reason,
    Record,
    Send,
    Status,
    Try,
    Verdict,
    Verification,
)
from verification.errors import InvalidFields, LimitExceeded, NotFound
from verification.operations.ports import Claim, SendId, Verifications

from tests.fakes.verifications import InMemoryVerifications
from tests.integration.commands import remaining
from tests.integration.conftest import Place

NOW = 1_800_000_000_000
MAC, WRONG_MAC, NOBODYS_MAC = bytes(range(32)), bytes(32), bytes(range(32, 64))


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
        attempts=1,
        take_overs=1,
        auto_sends=1,
        max_auto_sends=1,
        resend_after=60,
        last_guess=WRONG_MAC,
        guess_key=bytes(16),
        guessed_at=NOW,
        locale="pt-BR",
        purpose="login",
        reference="order 1",
        user="a user",
        sender="Shop",
        flash=True,
        voice="female",
        device=bytes(16),
        detailed=True,
        test=True,
        suspicions="country_day,ip_day",
        ip=bytes(range(16)),
        paid="destination_guesses#50/24h#00#1",
        credited=True,
        channels="sms,voice",
        verifier="verifier",
        verifier_ref="ref-1",
        settled_key=bytes(16),
        settled_reason=Reason.EXPIRED,
        ended=True,
    )
    assert all(getattr(full, one.name) for one in fields(full)), "one is left out here"
    details = Details(
        metadata={"cart": "é 漢 🙂"},
        ip="2001:db8::1",
        user_agent="agent",
        template="{code}",
        subject="s",
        webotp_domain="example.com",
        android_hash="a" * 11,
        return_url="https://shop.example/back",
        page_call=True,
    )
    assert verifications.create(full, details, [], remaining) is None
    assert verifications.read(full.token) == Record(full, details, ())
    bare = created(verifications, country=None)
    assert verifications.read(bare.token) == Record(bare, Details(), ())


def test_what_is_not_there_is_none(verifications: Verifications) -> None:
    assert verifications.read(make().token) is None
    assert verifications.guess(guess(make())) is None
    assert verifications.confirm(guess(make())) is None
    assert verifications.cancel(make().id, "shop") is None
    assert verifications.find_send("sns", "m") is None


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
    canceled = verifications.cancel(verification.id, "shop")
    assert canceled
    assert canceled.status == Status.CANCELED


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
    assert caught.value.limit == "sends"
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


def test_a_replay_outranks_a_limit_that_was_made_smaller_since(
    verifications: Verifications,
) -> None:
    first, subject = make(), secrets.token_bytes(16)
    assert verifications.create(first, None, [charge("9/1h", 4, subject)], remaining) is None
    smaller = charge("3/1h", 4, subject)
    assert verifications.create(first, None, [smaller], remaining) == first
    with pytest.raises(LimitExceeded):
        verifications.create(make(), None, [smaller], remaining)


def test_what_was_counted_stays_when_a_limit_is_changed(verifications: Verifications) -> None:
    subject = secrets.token_bytes(16)
    for _ in range(3):
        assert verifications.create(make(), None, [charge("5/1h", 1, subject)], remaining) is None
    with pytest.raises(LimitExceeded):
        verifications.create(make(), None, [charge("3/60m", 1, subject)], remaining)
    assert verifications.create(make(), None, [charge("4/1h", 1, subject)], remaining) is None


def test_a_guess_is_answered_with_all_that_stands_on_the_verification(
    verifications: Verifications,
) -> None:
    verification = created(
        verifications, sender="Shop", flash=True, voice="male", device=bytes(range(16))
    )
    after, verdict = judged(verifications, guess(verification))
    assert verdict.valid
    assert (after.sender, after.flash, after.voice) == ("Shop", True, "male")
    assert after.device == bytes(range(16))


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
    verification = make(
        detailed=True,
        reference="r",
        user="u",
        sender="Shop",
        flash=True,
        voice="male",
        device=bytes(16),
        ip=bytes(16),
        paid="destination_guesses#50/24h#00#1",
        suspicions="country_day",
        code_mac=NOBODYS_MAC,
        verifier="verifier",
        verifier_ref="1",
    )
    details = Details(metadata={"a": "b"}, ip="192.0.2.1")
    verifications.create(verification, details, [], remaining)
    verifications.record_send(verification, send(1, NOW + 5))
    judged(verifications, guess(verification))
    assert verifications.cancel(verification.id, "another") is None
    other_key = VerificationId("b", verification.token)
    assert verifications.cancel(other_key, "shop") is None
    canceled = verifications.cancel(verification.id, "shop")
    assert canceled
    assert verifications.cancel(verification.id, "shop") == canceled
    record = verifications.read(verification.token)
    assert record is not None
    assert record.details == Details()
    assert record.verification == canceled
    assert canceled == replace(
        verification,
        attempts=1,
        guess_key=canceled.guess_key,
        guessed_at=NOW + 1,
        status=Status.CANCELED,
        to=None,
        destination_hash=None,
        nonce=None,
        code_mac=None,
        reference=None,
        user=None,
        device=None,
        ip=None,
        paid=None,
    )
    assert [s.number for s in record.sends] == [1], "what was sent stays, for the bill"
    assert judged(verifications, guess(verification))[1].reason == Reason.CANCELED
    page = verifications.list("shop", verification.destination_hash or b"", 10, None)
    assert page.records == ()


def tried(provider: str = "sns", outcome: Outcome = Outcome.ACCEPTED, **changes: Any) -> Try:
    accepted = outcome == Outcome.ACCEPTED
    values: dict[str, Any] = {
        "message_id": "m" if accepted else None,
        "vendor_code": None if accepted else "Throttling",
    }
    return Try(provider, Channel.SMS, outcome, NOW + 3, **values | changes)


def send(number: int, claimed: int, *tries: Try) -> Send:
    tries = tries or (tried(),)
    return Send(number, claimed, tries[-1].outcome, tries)


def reported(verifications: Verifications, verification: Verification) -> list[Delivery | None]:
    """What was reported of each try of the first send."""
    record = verifications.read(verification.token)
    assert record is not None
    return [one.report for one in record.sends[0].tries]


def delivery_of(
    verifications: Verifications,
    verification: Verification,
    delivery: Delivery,
    provider: str = "sns",
    number: int = 1,
    at: int = NOW + 9,
) -> bool:
    """Report a delivery; whether it was news."""
    report = Report(provider, delivery, vendor_code="ok")
    sent = SendId(verification.token, number, verification.created_at)
    return verifications.record_report(sent, report, at)


def test_sends_are_recorded_with_every_try(verifications: Verifications) -> None:
    verification = created(verifications, sends=2)
    tries = (
        tried("a", Outcome.REJECTED, refused=True, vendor_code="25"),
        tried("b", Outcome.UNAVAILABLE),
        tried("c", Outcome.UNKNOWN),
        tried("d", delegated=True),
        tried("e", feedback=True),
    )
    first, second = send(1, NOW + 1, *tries), send(2, NOW + 2)
    verifications.record_send(verification, second)
    verifications.record_send(verification, first)
    record = verifications.read(verification.token)
    assert record == Record(verification, Details(), (first, second))


@pytest.mark.parametrize("earlier", [0, 1], ids=["of the same claim", "of an earlier claim"])
def test_a_later_outcome_replaces_an_earlier(verifications: Verifications, earlier: int) -> None:
    verification = created(verifications)
    before = send(1, NOW + 2 - earlier, tried("a", Outcome.UNAVAILABLE))
    after = send(1, NOW + 2, tried("a", Outcome.UNAVAILABLE), tried("b"))
    verifications.record_send(verification, before)
    verifications.record_send(verification, after)
    assert verifications.read(verification.token) == Record(verification, Details(), (after,))


def test_an_earlier_claim_changes_nothing_that_a_later_one_recorded(
    verifications: Verifications,
) -> None:
    verification = created(verifications)
    later = send(1, NOW + 2)
    verifications.record_send(verification, later)
    verifications.record_send(verification, send(1, NOW + 1, tried("b", Outcome.REJECTED)))
    assert verifications.read(verification.token) == Record(verification, Details(), (later,))


def test_a_verification_follows_its_send_to_a_verifier_and_back(
    verifications: Verifications,
) -> None:
    verification = created(verifications)
    delegated = replace(
        verification,
        channel=Channel.VOICE,
        code_mac=NOBODYS_MAC,
        verifier="verifier",
        verifier_ref="ref-1",
    )
    verifications.adopt(verification, delegated)
    assert verifications.read(verification.token) == Record(delegated)
    again = replace(delegated, verifier_ref="ref-2")
    verifications.adopt(delegated, again)
    assert verifications.read(verification.token) == Record(again)
    verifications.adopt(again, verification)
    assert verifications.read(verification.token) == Record(verification)


def test_after_adoption_only_the_new_code_counts(verifications: Verifications) -> None:
    verification = created(verifications, code_mac=WRONG_MAC)
    verifications.adopt(verification, replace(verification, code_mac=MAC))
    old = judged(verifications, guess(verification, WRONG_MAC))
    assert old[1] == Verdict(False, Reason.INCORRECT)
    assert judged(verifications, guess(verification, MAC))[1].valid


def test_a_guess_that_was_wrong_does_not_become_right_when_its_code_is_adopted(
    verifications: Verifications,
) -> None:
    verification = delegated(verifications)
    early = guess(verification, MAC)
    after, _ = judged(verifications, early)
    verifications.dismiss(early, Reason.EXPIRED)
    ours = replace(after, code_mac=MAC, verifier=None, verifier_ref=None)
    verifications.adopt(after, ours)
    # It is spent, and else as if it had never been: who repeats it has it judged by the new code.
    forgotten = replace(ours, last_guess=None, guess_key=None)
    assert verifications.read(verification.token) == Record(forgotten)
    assert forgotten.attempts == 1
    again, verdict = judged(verifications, early)
    assert (again.attempts, verdict) == (2, Verdict(True))


@pytest.mark.parametrize("settled", [True, False], ids=["settled", "unsettled"])
def test_while_the_code_stays_the_same_earlier_guesses_are_remembered(
    verifications: Verifications, settled: bool
) -> None:
    verification = delegated(verifications)
    early = guess(verification, WRONG_MAC)
    after, verdict = judged(verifications, early)
    if settled:
        verifications.dismiss(early, Reason.EXHAUSTED)
        after = replace(after, settled_key=early.key, settled_reason=Reason.EXHAUSTED)
        verdict = Verdict(False, Reason.EXHAUSTED)
    # A send was repeated by the same verifier, under another id of its own.
    adopted = replace(verification, channel=Channel.VOICE, verifier_ref="ref-2")
    verifications.adopt(verification, adopted)
    remembered = replace(after, channel=Channel.VOICE, verifier_ref="ref-2")
    assert verifications.read(verification.token) == Record(remembered)
    assert judged(verifications, early) == (remembered, replace(verdict, repeated=True))


@pytest.mark.parametrize("changed", ["claimed again", "verified", "canceled", "gone"])
def test_what_has_a_later_claim_or_has_ended_follows_no_more(
    verifications: Verifications, changed: str
) -> None:
    verification = make()
    if changed != "gone":
        assert verifications.create(verification, None, [], remaining) is None
    if changed == "claimed again":
        claim = Claim(1, Channel.SMS, NOW + 60_000, NOW + 70_000, take_overs=1)
        assert verifications.claim(verification, claim, [], remaining) is None
    if changed == "verified":
        assert judged(verifications, guess(verification))[1].valid
    if changed == "canceled":
        verifications.cancel(verification.id, "shop")
    before = verifications.read(verification.token)
    assert (before is None) == (changed == "gone")
    adopted = replace(
        verification, channel=Channel.VOICE, code_mac=NOBODYS_MAC, verifier="v", verifier_ref="r"
    )
    verifications.adopt(verification, adopted)
    assert verifications.read(verification.token) == before


def delegated(verifications: Verifications, **changes: Any) -> Verification:
    values = {"code_mac": NOBODYS_MAC, "verifier": "verifier", "verifier_ref": "ref-1"}
    return created(verifications, **values | changes)


def confirmed(
    verifications: Verifications, guess: Guess, *, alone: bool = False
) -> tuple[Verification, Verdict]:
    found = verifications.confirm(guess, alone=alone)
    assert found is not None
    return found


UNSETTLED = Verdict(False, Reason.INCORRECT, unsettled=True)


def test_a_guess_at_a_verifiers_code_is_counted_and_left_to_it(
    verifications: Verifications,
) -> None:
    verification = delegated(verifications)
    mine = guess(verification)
    after, verdict = judged(verifications, mine)
    assert (after.attempts, verdict) == (1, UNSETTLED)
    assert after.status_at(NOW + 2) == Status.PENDING
    assert judged(verifications, mine) == (after, replace(UNSETTLED, repeated=True))


def test_of_two_right_guesses_the_first_to_be_confirmed_is_valid(
    verifications: Verifications,
) -> None:
    verification = delegated(verifications)
    first, second = guess(verification), guess(verification)
    for one in (first, second):
        assert judged(verifications, one)[1] == UNSETTLED
    after, verdict = confirmed(verifications, second)
    assert verdict == Verdict(True)
    assert (after.attempts, after.status_at(NOW + 2)) == (2, Status.VERIFIED)
    assert verifications.read(verification.token) == Record(after)
    assert confirmed(verifications, first) == (after, Verdict(False, Reason.ALREADY_VERIFIED))
    assert judged(verifications, guess(verification))[1].reason == Reason.ALREADY_VERIFIED
    # Who repeats the one that was valid, or its confirmation, hears so again.
    assert judged(verifications, second)[1] == Verdict(True, repeated=True)
    assert confirmed(verifications, second)[1] == Verdict(True, repeated=True)


def test_a_right_guess_is_confirmed_though_others_came_after_it(
    verifications: Verifications,
) -> None:
    verification = delegated(verifications, max_attempts=2)
    right, other = guess(verification), guess(verification, WRONG_MAC)
    for one in (right, other):
        judged(verifications, one)
    assert judged(verifications, guess(verification))[1].reason == Reason.EXHAUSTED
    after, verdict = confirmed(verifications, right)
    assert (verdict.valid, after.attempts) == (True, 2)
    # And is not undone when the other one turns out to be wrong.
    verifications.dismiss(other, Reason.INCORRECT)
    assert verifications.read(verification.token) == Record(after)
    assert judged(verifications, right)[1] == Verdict(True, repeated=True)


def test_a_guess_counted_in_time_is_confirmed_after_the_end(verifications: Verifications) -> None:
    verification = delegated(verifications)
    end = verification.valid_until
    in_time = guess(verification, now=end - 1)
    judged(verifications, in_time)
    # Repeated too late, it is still the one that was counted in time.
    repeated = replace(in_time, now=end + 5)
    assert judged(verifications, repeated)[1] == replace(UNSETTLED, repeated=True)
    after, verdict = confirmed(verifications, repeated)
    assert verdict == Verdict(True)
    assert after.status_at(end + 6) == Status.VERIFIED
    late = guess(delegated(verifications), now=end)
    assert judged(verifications, late)[1].reason == Reason.EXPIRED


def test_what_was_canceled_meanwhile_is_not_confirmed(verifications: Verifications) -> None:
    verification = delegated(verifications)
    mine = guess(verification)
    judged(verifications, mine)
    canceled = verifications.cancel(verification.id, "shop")
    assert confirmed(verifications, mine) == (canceled, Verdict(False, Reason.CANCELED))
    assert canceled
    assert verifications.read(verification.token) == Record(canceled)


@pytest.mark.parametrize("changes", [{"client_id": "another"}, {"id": "of another key"}])
def test_what_is_anothers_is_not_confirmed(
    verifications: Verifications, changes: dict[str, Any]
) -> None:
    verification = delegated(verifications)
    mine = guess(verification)
    after, _ = judged(verifications, mine)
    if "id" in changes:
        changes = {"id": VerificationId("b", verification.token)}
    assert verifications.confirm(replace(mine, **changes)) is None
    assert verifications.read(verification.token) == Record(after)


def test_what_nobody_verified_in_time_ends_once(verifications: Verifications) -> None:
    verification = created(verifications)
    over = verification.valid_until
    assert not verifications.end(verification.token, NOW, over - 1)
    assert not verifications.end(verification.token, NOW - 1, over)  # an older life of the id
    assert not verifications.end("z" * 26, NOW, over)
    assert verifications.end(verification.token, NOW, over)
    assert not verifications.end(verification.token, NOW, over)
    found = verifications.read(verification.token)
    assert found and found.verification == replace(verification, ended=True)


def test_what_has_ended_otherwise_does_not_end_by_its_time(verifications: Verifications) -> None:
    verified, failed, canceled = (created(verifications, max_attempts=1) for _ in range(3))
    judged(verifications, guess(verified))
    judged(verifications, guess(failed, WRONG_MAC))
    verifications.cancel(canceled.id, "shop")
    for one in (verified, failed, canceled):
        assert not verifications.end(one.token, NOW, one.valid_until)


def test_a_last_guess_that_its_verifier_never_judged_ends_with_the_time(
    verifications: Verifications,
) -> None:
    one = created(verifications, max_attempts=1, verifier="acme", code_mac=NOBODYS_MAC)
    judged(verifications, guess(one, WRONG_MAC))
    assert verifications.end(one.token, NOW, one.valid_until)


def test_the_only_guess_there_ever_was_is_confirmed_alone(verifications: Verifications) -> None:
    verification = delegated(verifications)
    mine = guess(verification)
    judged(verifications, mine)
    after, verdict = confirmed(verifications, mine, alone=True)
    assert (verdict, after.attempts) == (Verdict(True), 1)
    assert after.status_at(NOW + 2) == Status.VERIFIED
    # Who comes with the same confirmation again hears the same, and changes nothing.
    assert confirmed(verifications, mine, alone=True) == (after, Verdict(True, repeated=True))
    assert verifications.read(verification.token) == Record(after)


@pytest.mark.parametrize("other", ["right", "wrong", "dismissed"])
def test_a_guess_is_not_confirmed_alone_after_another_was_counted(
    verifications: Verifications, other: str
) -> None:
    verification = delegated(verifications)
    mine = guess(verification)
    another = guess(verification, MAC if other == "right" else WRONG_MAC)
    judged(verifications, mine)
    after, _ = judged(verifications, another)
    if other == "dismissed":
        verifications.dismiss(another, Reason.INCORRECT)
        after = replace(after, settled_key=another.key, settled_reason=Reason.INCORRECT)
    for one in (mine, another):
        refused = (after, Verdict(False, Reason.INCORRECT))
        assert confirmed(verifications, one, alone=True) == refused
    assert verifications.read(verification.token) == Record(after)


def test_a_guess_at_a_code_that_was_replaced_is_not_confirmed_alone(
    verifications: Verifications,
) -> None:
    verification = delegated(verifications)
    mine = guess(verification)
    after, _ = judged(verifications, mine)
    verifications.adopt(after, replace(after, code_mac=WRONG_MAC, verifier=None, verifier_ref=None))
    _, verdict = confirmed(verifications, mine, alone=True)
    assert verdict == Verdict(False, Reason.INCORRECT)
    record = verifications.read(verification.token)
    assert record
    assert not record.verification.is_verified


@pytest.mark.parametrize("ended", ["verified by another", "canceled", "gone"])
def test_what_has_ended_is_not_confirmed_alone(verifications: Verifications, ended: str) -> None:
    verification = make() if ended == "gone" else delegated(verifications)
    mine, other = guess(verification), guess(verification)
    if ended == "gone":
        assert verifications.confirm(mine, alone=True) is None
        return
    judged(verifications, mine)
    if ended == "canceled":
        verifications.cancel(verification.id, "shop")
        assert confirmed(verifications, mine, alone=True)[1].reason == Reason.CANCELED
    else:
        judged(verifications, other)
        assert confirmed(verifications, other)[1].valid
        assert confirmed(verifications, mine, alone=True)[1].reason == Reason.ALREADY_VERIFIED


@pytest.mark.parametrize("reason", [Reason.INCORRECT, Reason.EXPIRED, Reason.EXHAUSTED])
def test_a_dismissed_guess_is_wrong_for_that_reason_for_whoever_repeats_it(
    verifications: Verifications, reason: Reason
) -> None:
    verification = delegated(verifications)
    mine = guess(verification, WRONG_MAC)
    after, _ = judged(verifications, mine)
    verifications.dismiss(mine, reason)
    settled = replace(after, settled_key=mine.key, settled_reason=reason)
    assert judged(verifications, mine) == (settled, Verdict(False, reason, repeated=True))
    assert judged(verifications, guess(verification))[1] == UNSETTLED, "the next is not"


def test_dismissing_settles_no_guess_but_its_own(verifications: Verifications) -> None:
    verification = delegated(verifications)
    first, second = guess(verification, WRONG_MAC), guess(verification)
    judged(verifications, first)
    after, _ = judged(verifications, second)
    verifications.dismiss(first, Reason.EXPIRED)
    verifications.dismiss(guess(make()), Reason.EXPIRED)
    assert verifications.read(verification.token) == Record(after)
    assert judged(verifications, second)[1] == replace(UNSETTLED, repeated=True)


def test_a_verifier_is_asked_again_not_sooner_than_that_and_by_one_alone(
    verifications: Verifications,
) -> None:
    verification = delegated(verifications)
    mine = guess(verification, now=NOW)
    after, _ = judged(verifications, mine)
    assert after.guessed_at == NOW
    repeated = replace(mine, now=NOW + 10_000)
    assert not verifications.ask_again(repeated, NOW - 1)
    assert verifications.read(verification.token) == Record(after)
    assert verifications.ask_again(repeated, NOW)
    claimed = replace(after, guessed_at=NOW + 10_000)
    assert verifications.read(verification.token) == Record(claimed), "no attempt more"
    assert not verifications.ask_again(repeated, NOW), "somebody did just now"
    assert judged(verifications, repeated) == (claimed, replace(UNSETTLED, repeated=True))


def test_a_verifier_is_asked_again_about_the_last_guess_alone(
    verifications: Verifications,
) -> None:
    verification = delegated(verifications)
    first, second = guess(verification), guess(verification)
    judged(verifications, first)
    after, _ = judged(verifications, second)
    late = NOW + 60_000
    for other in (first, guess(verification), guess(make())):
        assert not verifications.ask_again(replace(other, now=late), late)
    assert verifications.read(verification.token) == Record(after)
    assert verifications.ask_again(replace(second, now=late), late)


def test_a_followed_message_leads_to_its_send_in_that_life_of_its_verification(
    verifications: Verifications,
) -> None:
    token, message_id = make().token, secrets.token_hex(128)  # as long as one may be
    for number, began in ((1, NOW), (2, NOW), (2, NOW + 1)):
        sent = SendId(token, number, began)
        verifications.follow("sns", message_id, sent, NOW // 1000)
        assert verifications.find_send("sns", message_id) == sent
    assert verifications.find_send("ses", message_id) is None
    assert verifications.find_send("sns", message_id[:-1]) is None
    assert verifications.read(token) is None


@pytest.mark.parametrize("reported_first", [True, False])
def test_a_report_counts_whether_it_or_the_record_of_the_send_comes_first(
    verifications: Verifications, reported_first: bool
) -> None:
    verification = make(detailed=True)
    details = Details(ip="192.0.2.1")
    assert verifications.create(verification, details, [], remaining) is None
    if not reported_first:
        verifications.record_send(verification, send(1, NOW))
        assert reported(verifications, verification) == [None]
    assert delivery_of(verifications, verification, Delivery.DELIVERED)
    if reported_first:
        assert verifications.read(verification.token) == Record(verification, details)
        verifications.record_send(verification, send(1, NOW))
    shown = send(1, NOW, tried(report=Delivery.DELIVERED))
    assert verifications.read(verification.token) == Record(verification, details, (shown,))


def test_a_report_is_news_once_and_a_delivery_stands_against_all_later_ones(
    verifications: Verifications,
) -> None:
    verification = created(verifications)
    verifications.record_send(verification, send(1, NOW))
    told = [
        (Delivery.UNDELIVERED, True, Delivery.UNDELIVERED),
        (Delivery.UNDELIVERED, False, Delivery.UNDELIVERED),
        (Delivery.DELIVERED, True, Delivery.DELIVERED),
        (Delivery.DELIVERED, False, Delivery.DELIVERED),
        (Delivery.UNDELIVERED, False, Delivery.DELIVERED),
    ]
    for delivery, is_news, shown in told:
        assert delivery_of(verifications, verification, delivery) is is_news
        assert reported(verifications, verification) == [shown]


def test_a_report_speaks_of_one_send_by_one_provider_that_may_have_taken_it(
    verifications: Verifications,
) -> None:
    verification = created(verifications, sends=2)
    tries = (tried("a", Outcome.REJECTED), tried("b", Outcome.UNKNOWN), tried("c"), tried("d"))
    verifications.record_send(verification, send(1, NOW, *tries))
    verifications.record_send(verification, send(2, NOW, tried("c")))
    for provider in ("a", "b", "c"):
        assert delivery_of(verifications, verification, Delivery.UNDELIVERED, provider)
    assert delivery_of(verifications, verification, Delivery.DELIVERED, "c", number=2)
    undelivered = Delivery.UNDELIVERED
    assert reported(verifications, verification) == [None, undelivered, undelivered, None]
    record = verifications.read(verification.token)
    assert record is not None
    assert record.sends[1].delivery == Delivery.DELIVERED


def test_a_report_of_what_is_not_there_makes_no_verification(
    verifications: Verifications,
) -> None:
    nobodys = make()
    assert delivery_of(verifications, nobodys, Delivery.DELIVERED)
    assert verifications.read(nobodys.token) is None


@pytest.mark.parametrize("before", [Delivery.UNDELIVERED, Delivery.DELIVERED])
@pytest.mark.parametrize("after", [Delivery.UNDELIVERED, Delivery.DELIVERED])
def test_reports_on_an_older_life_of_an_id_say_nothing_of_the_new_one(
    verifications: Verifications, before: Delivery, after: Delivery
) -> None:
    first = created(verifications)
    verifications.record_send(first, send(1, NOW))
    assert delivery_of(verifications, first, before)
    gone = first.expires_at * 1000
    again = make(
        token=first.token, created_at=gone, sent_at=gone, expires_at=first.expires_at + 1000
    )
    assert verifications.create(again, None, [], remaining) is None
    verifications.record_send(again, send(1, gone))
    assert verifications.read(first.token) == Record(again, Details(), (send(1, gone),))
    assert delivery_of(verifications, again, after, at=gone + 9)
    assert reported(verifications, again) == [after]
    # One on the older life that comes still later hides nothing of it.
    for late in (before, Delivery.UNDELIVERED, Delivery.DELIVERED):
        assert not delivery_of(verifications, first, late, at=gone + 10)
    assert reported(verifications, again) == [after]
    assert not delivery_of(verifications, again, after, at=gone + 11), "it is no news again"


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


def with_page(verifications: Verifications, **changes: Any) -> Verification:
    verification = make(detailed=True, **changes)
    details = Details(return_url="https://shop.example/back")
    assert verifications.create(verification, details, [], remaining) is None
    return verification


def test_a_result_is_used_once_and_by_a_repeat_of_the_same_request(
    verifications: Verifications,
) -> None:
    verification = with_page(verifications)
    first, other = secrets.token_bytes(16), secrets.token_bytes(16)
    assert verifications.use_result(verification, first)
    assert verifications.use_result(verification, first)
    assert not verifications.use_result(verification, other)
    assert verifications.use_result(with_page(verifications), other)


def test_of_tries_on_a_page_one_is_let_through_in_a_while(verifications: Verifications) -> None:
    verification = with_page(verifications)
    assert verifications.try_from_page(verification, NOW + 30_000, NOW)
    assert not verifications.try_from_page(verification, NOW + 59_999, NOW + 29_999)
    assert verifications.try_from_page(verification, NOW + 60_000, NOW + 30_000)
    record = verifications.read(verification.token)
    assert record and (record.verification, record.page_tried_at) == (verification, NOW + 60_000)


def test_nobody_tries_on_a_page_that_is_not_there(verifications: Verifications) -> None:
    assert not verifications.try_from_page(make(), NOW, NOW)
    sent = created(verifications)
    verifications.record_send(sent, send(1, NOW + 5))
    assert not verifications.try_from_page(sent, NOW, NOW)
    canceled = with_page(verifications)
    verifications.cancel(canceled.id, "shop")
    assert not verifications.try_from_page(canceled, NOW, NOW)
    gone = with_page(verifications)
    later = {"created_at": gone.expires_at * 1000, "expires_at": gone.expires_at + 1000}
    with_page(verifications, token=gone.token, **later)
    assert not verifications.try_from_page(gone, NOW, NOW)


def test_there_is_no_result_without_a_page(verifications: Verifications) -> None:
    key = secrets.token_bytes(16)
    assert not verifications.use_result(make(), key)
    sent = created(verifications)
    verifications.record_send(sent, send(1, NOW + 5))
    assert not verifications.use_result(sent, key)
    canceled = with_page(verifications)
    verifications.cancel(canceled.id, "shop")
    assert not verifications.use_result(canceled, key)


def test_a_result_used_in_an_older_life_of_an_id_is_not_used_in_the_new_one(
    verifications: Verifications,
) -> None:
    first = with_page(verifications)
    assert verifications.use_result(first, secrets.token_bytes(16))
    gone = first.expires_at * 1000
    later = {"created_at": gone, "expires_at": first.expires_at + 1000}
    again = with_page(verifications, token=first.token, **later)
    assert not verifications.use_result(first, secrets.token_bytes(16))
    assert verifications.use_result(again, secrets.token_bytes(16))


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
