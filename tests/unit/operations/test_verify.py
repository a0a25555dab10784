"""Verify: one guess, one answer, and nothing about what is not the client's."""

from dataclasses import replace

import pytest
from verification.domain.verification import Reason, Status, Verdict
from verification.errors import IdempotencyConflict, NotFound, TemporarilyUnavailable
from verification.operations.verify import VerifyCommand

from tests.fakes.clock import plenty
from tests.fakes.stack import RETENTION, FakeStack, start_command


class Started:
    """A stack with one verification, and the code of it."""

    def __init__(self, max_attempts: int = 3, validity: int = 300) -> None:
        self.stack = FakeStack()
        command = start_command(max_attempts=max_attempts, validity=validity, purpose="login")
        self.id = str(self.stack.start(command, plenty).record.verification.id)
        (sent,) = self.stack.messenger.sent
        self.code = sent.code
        self.wrong = "111111" if sent.code != "111111" else "222222"

    def guess(self, code: str, key: str | None = None) -> tuple[Verdict, int]:
        """The verdict, and how many attempts were counted by then."""
        verification, verdict = self.stack.verify(
            VerifyCommand("shop", self.id, code, idempotency_key=key), plenty
        )
        return verdict, verification.attempts


VALID = Verdict(True)


def no(reason: Reason) -> Verdict:
    return Verdict(False, reason)


def test_the_right_code_is_valid_once() -> None:
    started = Started()
    assert started.guess(started.code) == (VALID, 1)
    assert started.guess(started.code) == (no(Reason.ALREADY_VERIFIED), 1)
    assert started.guess(started.wrong) == (no(Reason.ALREADY_VERIFIED), 1)


def test_wrong_guesses_are_counted_until_none_is_left() -> None:
    started = Started(max_attempts=2)
    assert started.guess(started.wrong) == (no(Reason.INCORRECT), 1)
    assert started.guess(started.wrong) == (no(Reason.INCORRECT), 2)
    assert started.guess(started.code) == (no(Reason.EXHAUSTED), 2)


def test_the_last_attempt_may_be_the_right_one() -> None:
    started = Started(max_attempts=2)
    started.guess(started.wrong)
    assert started.guess(started.code) == (VALID, 2)


def test_a_code_is_valid_to_the_last_millisecond_and_not_longer() -> None:
    for late, verdict in ((-0.001, VALID), (0, no(Reason.EXPIRED))):
        started = Started(validity=60)
        started.stack.clock.advance(60 + late)
        assert started.guess(started.code)[0] == verdict


def test_for_guesses_too_it_is_gone_on_time_though_the_table_has_it() -> None:
    started = Started()
    started.stack.clock.advance(300 + RETENTION)
    with pytest.raises(NotFound):
        started.guess(started.code)


def test_a_canceled_verification_says_so() -> None:
    started = Started()
    started.stack.delete("shop", started.id, plenty)
    assert started.guess(started.code) == (no(Reason.CANCELED), 0)


def test_a_repeat_with_the_same_key_gets_the_first_answer_and_is_not_counted() -> None:
    started = Started()
    first = no(Reason.INCORRECT)
    assert started.guess(started.wrong, "k-1") == (first, 1)
    assert started.guess(started.wrong, "k-1") == (replace(first, repeated=True), 1)
    assert started.guess(started.code, "k-2") == (VALID, 2)
    started.stack.clock.advance(400)
    assert started.guess(started.code, "k-2") == (replace(VALID, repeated=True), 2)


def test_the_same_key_with_another_code_is_a_conflict_and_not_counted() -> None:
    started = Started()
    started.guess(started.wrong, "k-1")
    with pytest.raises(IdempotencyConflict):
        started.guess(started.code, "k-1")
    assert started.guess(started.code, "k-2") == (VALID, 2)


def test_without_a_key_two_equal_guesses_are_two() -> None:
    started = Started()
    assert [started.guess(started.wrong)[1] for _ in range(2)] == [1, 2]


def test_after_a_rotation_an_older_code_is_still_valid() -> None:
    started = Started()
    started.stack.code_keys.keys["b"] = b"the second code key, 32 bytes long"
    started.stack.code_keys.newest_kid = "b"
    assert started.guess(started.code) == (VALID, 1)


def test_what_is_not_the_clients_does_not_exist_and_is_not_counted() -> None:
    started = Started()
    started.stack.code_keys.keys["b"] = started.stack.code_keys.keys["a"]
    right = VerifyCommand("shop", started.id, started.code)
    for command in (
        replace(right, client_id="other"),
        replace(right, id="b" + started.id[1:]),  # another key id
        replace(right, id="z" + started.id[1:]),  # an unknown key id
        replace(right, id=started.id[:-1] + "a"),
        replace(right, id="no id"),
        replace(right, id=""),
        replace(right, to="+31687654321"),
        replace(right, purpose="payment"),
    ):
        with pytest.raises(NotFound) as refused:
            started.stack.verify(command, plenty)
        assert refused.value.detail == ""
    assert started.guess(started.code) == (VALID, 1)


def test_destination_and_purpose_may_be_named() -> None:
    started = Started()
    command = VerifyCommand("shop", started.id, started.code, "+31612345678", "login")
    assert started.stack.verify(command, plenty)[1] == VALID


def test_it_fails_closed_and_touches_the_table_once() -> None:
    started = Started()
    started.stack.journal.clear()
    started.stack.verifications.failing["guess"] = TemporarilyUnavailable()
    with pytest.raises(TemporarilyUnavailable):
        started.guess(started.code)
    assert started.stack.journal == ["guess"]


def test_every_judged_guess_is_told_and_none_that_is_not() -> None:
    started = Started()
    started.stack.telemetry.events.clear()
    started.guess(started.wrong, "k-1")
    with pytest.raises(IdempotencyConflict):
        started.guess(started.code, "k-1")
    with pytest.raises(NotFound):
        started.stack.verify(VerifyCommand("other", started.id, started.code), plenty)
    right = VerifyCommand("shop", started.id, started.code)
    verification, _ = started.stack.verify(right, plenty)
    assert verification.status_at(started.stack.clock()) == Status.VERIFIED
    assert started.stack.telemetry.events == [
        ("judged", False, Reason.INCORRECT),
        ("judged", True, None),
    ]
