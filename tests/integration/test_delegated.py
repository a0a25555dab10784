"""Codes that a vendor makes and checks: what we promise of a verification is kept by us alone.

Count, ask, settle: the vendor (`vendor.py`) is the worst there may be, and counts nothing.
"""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from verification.domain.verification import Reason, Status, Verdict, Verification
from verification.errors import (
    IdempotencyConflict,
    NotFound,
    TemporarilyUnavailable,
    VerifierUnavailable,
)
from verification.operations.ports import Remaining
from verification.operations.verify import ASK_AGAIN, VerifyCommand
from verification.wiring import Stack, clock

from tests.integration.commands import (
    CLIENT,
    a_delegated_number,
    a_key,
    guess_command,
    remaining,
    resend_at_once,
    start_command,
    wrong,
)
from tests.integration.conftest import Place
from tests.integration.vendor import Vendor

PARALLEL = 32
ASK_AGAIN_MS = ASK_AGAIN * 1000

Answer = tuple[Verification, Verdict]


@dataclass(frozen=True)
class Delegated:
    """A verification whose code a vendor has made."""

    stack: Stack
    verification: Verification
    code: str

    @property
    def to(self) -> str:
        return self.verification.to or ""

    def guess(self, code: str, **changes: Any) -> VerifyCommand:
        return guess_command(str(self.verification.id), code, **changes)

    def judge(self, code: str, **changes: Any) -> Answer:
        return self.stack.verify()(self.guess(code, **changes), remaining)

    def judge_at(self, moment: int, guess: VerifyCommand) -> Answer:
        return replace(self.stack.verify(), clock=lambda: moment)(guess, remaining)

    def judge_at_once(self, guesses: Sequence[VerifyCommand]) -> list[Answer]:
        verify = self.stack.verify()
        with ThreadPoolExecutor(PARALLEL) as pool:
            return list(pool.map(lambda guess: verify(guess, remaining), guesses))

    def repeat_at_once(
        self, guess: VerifyCommand, now: Callable[[], int] = clock
    ) -> tuple[list[Answer], list[TemporarilyUnavailable]]:
        """One guess 50 times at once: the answers, and those who are to come again."""
        verify = replace(self.stack.verify(), clock=now)

        def attempt(_: int) -> Answer | TemporarilyUnavailable:
            try:
                return verify(guess, remaining)
            except TemporarilyUnavailable as error:
                return error

        with ThreadPoolExecutor(50) as pool:
            all_of_them = list(pool.map(attempt, range(50)))
        waiting = [one for one in all_of_them if isinstance(one, TemporarilyUnavailable)]
        return [one for one in all_of_them if not isinstance(one, Exception)], waiting


def started(place: Place, vendor: Vendor, **changes: Any) -> Delegated:
    stack, to = place.stack(), a_delegated_number()
    record = stack.start()(start_command(to, **changes), remaining).record
    (code,) = vendor.codes_to(to)
    return Delegated(stack, record.verification, code)


def tell(what: str, answers: Sequence[tuple[Verification, Verdict]], asked: Sequence[str]) -> None:
    """Print a race's figures (seen with `pytest -s`)."""
    verdicts = Counter("valid" if verdict.valid else str(verdict.reason) for _, verdict in answers)
    print(f"{what}: {dict(verdicts)}, the vendor was asked {len(asked)} times")


def test_the_vendors_code_is_the_one_that_counts(place: Place, vendor: Vendor) -> None:
    delegated = started(place, vendor)
    assert delegated.verification.verifier == "messente-verify"
    assert place.texts_to(delegated.to) == [], "a code of ours is not sent"
    wrong_one = delegated.judge(wrong(delegated.code))[1]
    assert (wrong_one.valid, wrong_one.reason) == (False, Reason.INCORRECT)
    after, right_one = delegated.judge(delegated.code)
    assert (right_one.valid, after.attempts) == (True, 2)
    record = delegated.stack.lookup().one(CLIENT.id, str(after.id))
    assert record.verification.status_at(clock()) == Status.VERIFIED


def test_of_200_wrong_guesses_at_once_the_vendor_is_asked_about_max_attempts(
    place: Place, vendor: Vendor
) -> None:
    delegated = started(place, vendor)
    guesses = [delegated.guess(wrong(delegated.code, n)) for n in range(1, 201)]
    answers = delegated.judge_at_once(guesses)
    asked = vendor.asked_about(delegated.to)
    tell("200 wrong guesses at once", answers, asked)
    reasons = Counter(verdict.reason for _, verdict in answers)
    assert reasons == {Reason.INCORRECT: 5, Reason.EXHAUSTED: 195}
    assert len(asked) == 5
    assert delegated.judge(delegated.code)[1].reason == Reason.EXHAUSTED
    assert len(vendor.asked_about(delegated.to)) == 5


def test_of_100_right_guesses_at_once_one_is_valid_and_the_vendor_asked_max_attempts_times_at_most(
    place: Place, vendor: Vendor
) -> None:
    delegated = started(place, vendor)
    answers = delegated.judge_at_once([delegated.guess(delegated.code)] * 100)
    asked = vendor.asked_about(delegated.to)
    tell("100 right guesses at once", answers, asked)
    verdicts = Counter((verdict.valid, verdict.reason) for _, verdict in answers)
    assert verdicts.pop((True, None)) == 1
    assert verdicts.keys() <= {(False, Reason.ALREADY_VERIFIED), (False, Reason.EXHAUSTED)}
    assert sum(verdicts.values()) == 99
    assert 1 <= len(asked) <= 5
    assert delegated.judge(delegated.code)[1].reason == Reason.ALREADY_VERIFIED


def test_of_a_race_between_right_and_wrong_at_most_one_wins_and_attempts_hold(
    place: Place, vendor: Vendor
) -> None:
    delegated = started(place, vendor)
    code = delegated.code
    guesses = [delegated.guess(code if n % 4 == 0 else wrong(code, n)) for n in range(1, 101)]
    answers = delegated.judge_at_once(guesses)
    asked = vendor.asked_about(delegated.to)
    tell("25 right and 75 wrong guesses at once", answers, asked)
    assert len(asked) <= 5
    assert sum(verdict.valid for _, verdict in answers) == (code in asked)
    record = delegated.stack.lookup().one(CLIENT.id, str(delegated.verification.id))
    status = record.verification.status_at(clock())
    assert status == (Status.VERIFIED if code in asked else Status.FAILED)


@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong"])
def test_one_guess_repeated_50_times_at_once_under_one_key_is_one_attempt_one_asking_one_answer(
    place: Place, vendor: Vendor, right: bool
) -> None:
    delegated = started(place, vendor)
    code = delegated.code if right else wrong(delegated.code)
    guess = delegated.guess(code, idempotency_key=a_key())
    answers, waiting = delegated.repeat_at_once(guess)
    asked = vendor.asked_about(delegated.to)
    tell(f"One guess 50 times at once under one key, {len(waiting)} to wait", answers, asked)
    assert asked == [code]
    assert {error.retry_after for error in waiting} <= {ASK_AGAIN}
    later, none = delegated.repeat_at_once(guess)
    assert (len(later), none) == (50, [])
    expected = (right, None if right else Reason.INCORRECT)
    assert {(verdict.valid, verdict.reason) for _, verdict in answers + later} == {expected}
    assert {verification.attempts for verification, _ in answers + later} == {1}
    assert vendor.asked_about(delegated.to) == [code]


@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong"])
def test_while_the_vendor_is_asked_whoever_repeats_the_guess_is_to_wait(
    place: Place, vendor: Vendor, right: bool
) -> None:
    delegated = started(place, vendor)
    code = delegated.code if right else wrong(delegated.code)
    guess = delegated.guess(code, idempotency_key=a_key())
    asking, enough = threading.Event(), threading.Event()

    def wait() -> None:
        asking.set()
        enough.wait(4)  # of the 5 seconds that the vendor has

    vendor.waits[delegated.to] = wait
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(delegated.stack.verify(), guess, remaining)
        assert asking.wait(10)
        answers, waiting = delegated.repeat_at_once(guess)
        enough.set()
    assert (answers, len(waiting)) == ([], 50)
    assert {error.retry_after for error in waiting} == {ASK_AGAIN}
    assert first.result()[1].valid is right
    assert delegated.judge(code, idempotency_key=guess.idempotency_key)[1].valid is right
    assert vendor.asked_about(delegated.to) == [code]


def test_of_50_repeats_at_once_after_a_lost_answer_one_asks_again(
    place: Place, vendor: Vendor
) -> None:
    delegated = started(place, vendor)
    guess = delegated.guess(delegated.code, idempotency_key=a_key())
    vendor.down.add(delegated.to)
    with pytest.raises(VerifierUnavailable):
        delegated.stack.verify()(guess, remaining)
    vendor.down.remove(delegated.to)
    answers, waiting = delegated.repeat_at_once(guess, lambda: clock() + ASK_AGAIN_MS)
    asked = vendor.asked_about(delegated.to)
    tell(f"50 repeats at once after a lost answer, {len(waiting)} to wait", answers, asked)
    assert asked == [delegated.code] * 2
    assert {(verification.attempts, verdict.valid) for verification, verdict in answers} == {
        (1, True)
    }
    assert len(answers) + len(waiting) == 50


def test_a_key_with_another_code_is_a_conflict_and_the_vendor_is_not_asked(
    place: Place, vendor: Vendor
) -> None:
    delegated = started(place, vendor)
    code = wrong(delegated.code)
    delegated.judge(code, idempotency_key="k")
    with pytest.raises(IdempotencyConflict):
        delegated.judge(delegated.code, idempotency_key="k")
    assert vendor.asked_about(delegated.to) == [code]


def test_of_50_starts_with_one_idempotency_key_the_vendor_is_started_once(
    place: Place, vendor: Vendor
) -> None:
    start, to = place.stack().start(), a_delegated_number()
    command = start_command(to, idempotency_key=a_key())
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: start(command, remaining), range(50)))
    assert len({answer.record.verification.id for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1
    made = vendor.codes_to(to)
    print(f"50 starts at once under one key: the vendor was started {len(made)} times")
    assert len(made) == 1


def test_of_20_resends_at_once_the_vendor_makes_one_more_code_and_that_one_counts(
    place: Place, vendor: Vendor
) -> None:
    delegated = started(place, vendor)
    verification_id = str(delegated.verification.id)
    outcomes = resend_at_once(place.stack(), verification_id)
    assert outcomes == {"sent": 1, "resend_too_early": 19}
    first, second = vendor.codes_to(delegated.to)
    assert delegated.judge(first)[1].reason == Reason.INCORRECT
    assert delegated.judge(second)[1].valid


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "other-a2345678"},
        {"to": "+3725000000"},
        {"purpose": "pay"},
        {"id": "a" * 27},
        {"id": "z" * 27},
    ],
    ids=["another's", "another destination", "another purpose", "unknown", "unknown key"],
)
def test_a_guess_at_what_is_not_ones_own_finds_nothing_and_asks_nobody(
    place: Place, vendor: Vendor, changes: dict[str, str]
) -> None:
    delegated = started(place, vendor, purpose="login")
    with pytest.raises(NotFound):
        delegated.stack.verify()(replace(delegated.guess(delegated.code), **changes), remaining)
    assert vendor.asked_about(delegated.to) == []
    own = delegated.judge(delegated.code, to=delegated.to, purpose="login")
    assert (own[0].attempts, own[1].valid) == (1, True)


def test_a_vendors_code_expires_on_the_millisecond_by_our_clock(
    place: Place, vendor: Vendor
) -> None:
    delegated = started(place, vendor, validity=30)
    end = delegated.verification.valid_until

    def verify_at(moment: int) -> tuple[Verification, Verdict]:
        verify = replace(delegated.stack.verify(), clock=lambda: moment)
        return verify(delegated.guess(delegated.code), remaining)

    for moment in (end, end + 1):
        assert verify_at(moment)[1].reason == Reason.EXPIRED
    assert vendor.asked_about(delegated.to) == []
    assert verify_at(end - 1)[1].valid


class Meanwhile:
    """A verifier that something happens behind the back of, between its answer and ours."""

    def __init__(self, verifier: Any, happens: Any) -> None:
        self._verifier = verifier
        self._happens = happens

    def check(
        self, ref: str, to: str, code: str, *, repeated: bool, remaining: Remaining
    ) -> Reason | None:
        reason: Reason | None = self._verifier.check(
            ref, to, code, repeated=repeated, remaining=remaining
        )
        self._happens()
        return reason


def test_what_is_deleted_while_the_vendor_is_asked_is_not_verified(
    place: Place, vendor: Vendor
) -> None:
    delegated = started(place, vendor)
    verify, delete = delegated.stack.verify(), delegated.stack.delete()
    verification_id = str(delegated.verification.id)

    def verifiers(name: str) -> Any:
        return Meanwhile(
            verify.verifiers(name), lambda: delete(CLIENT.id, verification_id, remaining)
        )

    meanwhile = replace(verify, verifiers=verifiers)
    after, verdict = meanwhile(delegated.guess(delegated.code), remaining)
    assert (verdict.valid, verdict.reason) == (False, Reason.CANCELED)
    assert after.status_at(clock()) == Status.CANCELED
    assert delegated.judge(delegated.code)[1].reason == Reason.CANCELED
    assert len(vendor.asked_about(delegated.to)) == 1


def test_a_wrong_guess_after_the_right_one_cannot_undo_it(place: Place, vendor: Vendor) -> None:
    delegated = started(place, vendor)
    verify = delegated.stack.verify()

    def verifiers(name: str) -> Any:
        return Meanwhile(verify.verifiers(name), lambda: delegated.judge(delegated.code))

    # Counted first, dismissed after the right one was confirmed.
    slow = replace(verify, verifiers=verifiers)(delegated.guess(wrong(delegated.code)), remaining)
    assert slow[1].reason == Reason.INCORRECT
    record = delegated.stack.lookup().one(CLIENT.id, str(delegated.verification.id))
    assert record.verification.status_at(clock()) == Status.VERIFIED


def test_with_the_vendor_down_the_attempt_is_spent_and_the_answer_is_no(
    place: Place, vendor: Vendor
) -> None:
    delegated = started(place, vendor)
    verification_id = str(delegated.verification.id)
    vendor.down.add(delegated.to)
    for attempts in range(1, 6):
        with pytest.raises(VerifierUnavailable) as caught:
            delegated.judge(delegated.code)
        assert (caught.value.status, caught.value.verification_id) == (502, verification_id)
        record = delegated.stack.lookup().one(CLIENT.id, verification_id)
        assert record.verification.attempts == attempts
        assert not record.verification.is_verified
    vendor.down.remove(delegated.to)
    assert delegated.judge(delegated.code)[1].reason == Reason.EXHAUSTED
    assert len(vendor.asked_about(delegated.to)) == 5


def test_the_same_guess_under_its_key_asks_again_after_a_wait_without_another_attempt(
    place: Place, vendor: Vendor
) -> None:
    delegated = started(place, vendor, max_attempts=1)
    guess = delegated.guess(delegated.code, idempotency_key="k")
    begun = clock()
    vendor.down.add(delegated.to)
    for asked in (0, 1, 2):
        last = begun + asked * ASK_AGAIN_MS
        with pytest.raises(VerifierUnavailable):
            delegated.judge_at(last, guess)
        for early in (last, last + ASK_AGAIN_MS - 1):
            with pytest.raises(TemporarilyUnavailable) as caught:
                delegated.judge_at(early, guess)
            assert caught.value.retry_after == ASK_AGAIN
        assert len(vendor.asked_about(delegated.to)) == asked + 1
    vendor.down.remove(delegated.to)
    after, verdict = delegated.judge_at(begun + 3 * ASK_AGAIN_MS, guess)
    assert (after.attempts, verdict.valid) == (1, True)
    assert len(vendor.asked_about(delegated.to)) == 4


def test_what_the_vendor_says_after_another_guess_does_not_confirm_a_repeated_one(
    place: Place, vendor: Vendor
) -> None:
    delegated = started(place, vendor)
    guess = delegated.guess(delegated.code, idempotency_key="k")
    vendor.down.add(delegated.to)
    with pytest.raises(VerifierUnavailable):
        delegated.stack.verify()(guess, remaining)
    vendor.down.remove(delegated.to)
    verify = delegated.stack.verify()

    def verifiers(name: str) -> Any:
        return Meanwhile(verify.verifiers(name), lambda: delegated.judge(wrong(delegated.code)))

    later = replace(verify, verifiers=verifiers, clock=lambda: clock() + ASK_AGAIN_MS)
    after, verdict = later(guess, remaining)
    assert (verdict.valid, verdict.reason, after.attempts) == (False, Reason.INCORRECT, 2)
    assert after.status_at(clock()) == Status.PENDING
    # Now it is one guess of several: counted and asked about like any.
    again, verdict = delegated.stack.verify()(guess, remaining)
    assert (verdict.valid, again.attempts) == (True, 3)
