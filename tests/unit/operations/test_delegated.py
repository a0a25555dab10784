"""Delegated verifications: a provider's code, and our count, owner, validity and single success."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from verification.domain.verification import Channel, Reason, Status, Verdict
from verification.errors import (
    IdempotencyConflict,
    NotFound,
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
    TemporarilyUnavailable,
    VerifierUnavailable,
)
from verification.operations.ports import Order
from verification.operations.verify import ASK_AGAIN, VerifyCommand

from tests.fakes.clock import plenty
from tests.fakes.providers import FakeMessenger, FakeVerifier
from tests.fakes.stack import CLIENT, FakeStack, start_command

WRONG = "111111"
VALID = Verdict(True)
INCORRECT = Verdict(False, Reason.INCORRECT)
DOWN = ProviderUnavailable("verifier", "503")


class Delegated:
    """A stack with one verification whose code a verifier has made."""

    def __init__(self, max_attempts: int = 3) -> None:
        self.verifier = FakeVerifier()
        self.messenger = FakeMessenger(channels=[Channel.VOICE])
        self.stack = FakeStack(providers=[self.verifier, self.messenger], routes=ROUTES)
        command = start_command(max_attempts=max_attempts, validity=600, purpose="login")
        self.record = self.stack.start(command, plenty).record
        self.id = str(self.record.verification.id)
        self.code = self.verifier.code
        self.stack.journal.clear()
        self.stack.telemetry.events.clear()

    def guess(self, code: str, key: str | None = None) -> tuple[Verdict, int]:
        """The verdict, and how many attempts were counted by then."""
        command = VerifyCommand("shop", self.id, code, idempotency_key=key)
        verification, verdict = self.stack.verify(command, plenty)
        return verdict, verification.attempts

    @property
    def asked(self) -> list[tuple[str, bool]]:
        """The codes that the verifier was asked about, and whether they were repeated."""
        return [(code, repeated) for _, code, repeated in self.verifier.asked]

    @property
    def status(self) -> Status:
        return self.stack.lookup.one("shop", self.id).verification.status_at(self.stack.clock())

    @property
    def our_code(self) -> str:
        """The code that we would have sent."""
        return self.verifier.started[0].code()


ROUTES = "sms=verifier; voice=fake"


def no(reason: Reason) -> Verdict:
    return Verdict(False, reason)


def test_a_guess_is_counted_then_asked_about_then_settled() -> None:
    delegated = Delegated()
    assert delegated.guess(WRONG) == (INCORRECT, 1)
    assert delegated.stack.journal == ["guess", "dismiss"]
    assert delegated.guess(delegated.code) == (VALID, 2)
    assert delegated.stack.journal == ["guess", "dismiss", "guess", "confirm"]
    assert delegated.verifier.asked == [
        ("verifier-1", WRONG, False),
        ("verifier-1", delegated.code, False),
    ]
    assert delegated.status == Status.VERIFIED
    assert delegated.stack.telemetry.events == [
        ("judged", False, Reason.INCORRECT),
        ("judged", True, None),
    ]


def test_our_own_code_is_never_right() -> None:
    delegated = Delegated()
    assert delegated.our_code != delegated.code
    assert delegated.guess(delegated.our_code) == (INCORRECT, 1)
    assert delegated.asked == [(delegated.our_code, False)]


def test_there_is_one_success() -> None:
    delegated = Delegated()
    assert delegated.guess(delegated.code) == (VALID, 1)
    assert delegated.guess(delegated.code) == (no(Reason.ALREADY_VERIFIED), 1)
    assert delegated.guess(WRONG) == (no(Reason.ALREADY_VERIFIED), 1)
    assert len(delegated.asked) == 1


def test_of_two_right_ones_at_once_one_is_valid() -> None:
    delegated = Delegated()
    check = delegated.verifier.check
    inner: list[Verdict] = []

    def check_while_another_comes(*args: object, **named: object) -> Reason | None:
        delegated.verifier.check = check  # type: ignore[method-assign]  # back as it was
        inner.append(delegated.guess(delegated.code)[0])
        return check(*args, **named)  # type: ignore[arg-type]  # passed on as they came

    delegated.verifier.check = check_while_another_comes  # type: ignore[method-assign]  # a race
    outer, attempts = delegated.guess(delegated.code)
    assert (inner, outer, attempts) == ([VALID], no(Reason.ALREADY_VERIFIED), 2)


def test_nobody_is_asked_once_the_attempts_are_used_up() -> None:
    delegated = Delegated(max_attempts=2)
    assert [delegated.guess(WRONG)[0] for _ in range(2)] == [INCORRECT] * 2
    assert delegated.guess(delegated.code) == (no(Reason.EXHAUSTED), 2)
    assert delegated.status == Status.FAILED
    assert len(delegated.asked) == 2


def test_the_last_attempt_may_be_the_right_one() -> None:
    delegated = Delegated(max_attempts=1)
    assert delegated.guess(delegated.code) == (VALID, 1)


def expire(delegated: Delegated) -> None:
    delegated.stack.clock.advance(600)


def cancel(delegated: Delegated) -> None:
    delegated.stack.delete("shop", delegated.id, plenty)


@pytest.mark.parametrize(("end", "reason"), [(expire, Reason.EXPIRED), (cancel, Reason.CANCELED)])
def test_nobody_is_asked_once_it_has_ended(
    end: Callable[[Delegated], None], reason: Reason
) -> None:
    delegated = Delegated()
    end(delegated)
    assert delegated.guess(delegated.code) == (no(reason), 0)
    assert delegated.asked == []


def test_nobody_is_asked_about_what_is_not_the_clients() -> None:
    delegated = Delegated()
    right = VerifyCommand("shop", delegated.id, delegated.code)
    for command in (
        replace(right, client_id="other"),
        replace(right, to="+31687654321"),
        replace(right, purpose="payment"),
    ):
        with pytest.raises(NotFound):
            delegated.stack.verify(command, plenty)
    assert delegated.asked == []


def test_a_code_canceled_while_the_verifier_is_asked_is_not_valid() -> None:
    delegated = Delegated()
    check = delegated.verifier.check

    def check_and_cancel(*args: object, **named: object) -> Reason | None:
        cancel(delegated)
        return check(*args, **named)  # type: ignore[arg-type]  # passed on as they came

    delegated.verifier.check = check_and_cancel  # type: ignore[method-assign]  # a race
    assert delegated.guess(delegated.code)[0] == no(Reason.CANCELED)


@pytest.mark.parametrize("error", [ProviderRejected, ProviderRefused, ProviderSilent])
def test_a_verifier_without_an_answer_costs_the_attempt(error: type[ProviderError]) -> None:
    delegated = Delegated(max_attempts=1)
    delegated.verifier.check_failing = error("verifier", "why")
    with pytest.raises(VerifierUnavailable) as failed:
        delegated.guess(delegated.code)
    assert (failed.value.status, failed.value.verification_id) == (502, delegated.id)
    assert "why" not in failed.value.detail
    assert delegated.stack.journal == ["guess"]
    assert delegated.stack.telemetry.events == [("verifier_failed", "verifier", "why")]
    delegated.verifier.check_failing = None
    assert delegated.guess(delegated.code) == (no(Reason.EXHAUSTED), 1)


def test_a_verifier_that_the_stack_has_no_more_is_unavailable_too() -> None:
    delegated = Delegated()
    del delegated.stack.providers.all["verifier"]
    with pytest.raises(VerifierUnavailable):
        delegated.guess(delegated.code)
    assert delegated.stack.telemetry.events == [("verifier_failed", "verifier", "no_verifier")]


@pytest.mark.parametrize(("right", "verdict"), [(True, VALID), (False, INCORRECT)])
def test_a_repeat_after_no_answer_asks_again_without_counting(
    right: bool, verdict: Verdict
) -> None:
    delegated = Delegated(max_attempts=1)
    code = delegated.code if right else WRONG
    delegated.verifier.check_failing = DOWN
    for _ in range(2):
        with pytest.raises(VerifierUnavailable):
            delegated.guess(code, "k-1")
        delegated.stack.clock.advance(ASK_AGAIN)
    delegated.verifier.check_failing = None
    assert delegated.guess(code, "k-1") == (verdict, 1)
    assert delegated.asked == [(code, False), (code, True), (code, True)]
    # Now it is settled: nobody is asked any more.
    assert delegated.guess(code, "k-1") == (replace(verdict, repeated=True), 1)
    assert len(delegated.asked) == 3


@pytest.mark.parametrize("right", [True, False])
def test_a_repeat_after_a_settled_answer_asks_nobody(right: bool) -> None:
    delegated = Delegated()
    code = delegated.code if right else WRONG
    first, attempts = delegated.guess(code, "k-1")
    assert delegated.guess(code, "k-1") == (replace(first, repeated=True), attempts)
    assert len(delegated.asked) == 1


def test_the_same_key_with_another_code_is_a_conflict_and_asks_nobody() -> None:
    delegated = Delegated()
    delegated.verifier.check_failing = DOWN
    with pytest.raises(VerifierUnavailable):
        delegated.guess(WRONG, "k-1")
    with pytest.raises(IdempotencyConflict):
        delegated.guess(delegated.code, "k-1")
    assert delegated.asked == [(WRONG, False)]


@pytest.mark.parametrize(("step", "right"), [("confirm", True), ("dismiss", False)])
def test_an_answer_that_cannot_be_settled_is_asked_for_again(step: str, right: bool) -> None:
    delegated = Delegated()
    code = delegated.code if right else WRONG
    delegated.stack.verifications.failing[step] = TemporarilyUnavailable()
    with pytest.raises(TemporarilyUnavailable):
        delegated.guess(code, "k-1")
    del delegated.stack.verifications.failing[step]
    delegated.stack.clock.advance(ASK_AGAIN)
    assert delegated.guess(code, "k-1") == (VALID if right else INCORRECT, 1)
    assert delegated.asked == [(code, False), (code, True)]


@pytest.mark.parametrize("waited", [0, ASK_AGAIN - 0.001])
def test_a_verifier_is_asked_about_the_same_guess_after_a_while_only(waited: float) -> None:
    delegated = Delegated()
    delegated.verifier.check_failing = DOWN
    for _ in range(2):  # the first time, and a while later
        with pytest.raises(VerifierUnavailable):
            delegated.guess(delegated.code, "k-1")
        delegated.stack.clock.advance(ASK_AGAIN)
    delegated.verifier.check_failing = None
    with pytest.raises(VerifierUnavailable):
        delegated.verifier.check_failing = DOWN
        delegated.guess(delegated.code, "k-1")
    delegated.verifier.check_failing = None
    delegated.stack.clock.advance(waited)
    with pytest.raises(TemporarilyUnavailable) as early:
        delegated.guess(delegated.code, "k-1")
    assert (early.value.status, early.value.retry_after) == (503, ASK_AGAIN)
    assert len(delegated.asked) == 3
    delegated.stack.clock.advance(ASK_AGAIN - waited)
    assert delegated.guess(delegated.code, "k-1") == (VALID, 1)
    assert len(delegated.asked) == 4


def ask_while(delegated: Delegated, happens: Callable[[], object]) -> None:
    """Have something happen while the verifier is asked the next time."""
    check = delegated.verifier.check

    def check_meanwhile(*args: object, **named: object) -> Reason | None:
        delegated.verifier.check = check  # type: ignore[method-assign]  # back as it was
        happens()
        return check(*args, **named)  # type: ignore[arg-type]  # passed on as they came

    delegated.verifier.check = check_meanwhile  # type: ignore[method-assign]  # a race


def test_of_many_repeats_at_once_one_asks() -> None:
    delegated = Delegated()
    delegated.verifier.check_failing = DOWN
    with pytest.raises(VerifierUnavailable):
        delegated.guess(delegated.code, "k-1")
    delegated.verifier.check_failing = None
    delegated.stack.clock.advance(ASK_AGAIN)

    def repeat() -> None:
        with pytest.raises(TemporarilyUnavailable):
            delegated.guess(delegated.code, "k-1")

    ask_while(delegated, repeat)
    assert delegated.guess(delegated.code, "k-1") == (VALID, 1)
    assert len(delegated.asked) == 2


def test_a_repeat_with_other_guesses_around_is_not_said_to_be_alone() -> None:
    delegated = Delegated()
    delegated.guess(WRONG)
    delegated.verifier.check_failing = DOWN
    with pytest.raises(VerifierUnavailable):
        delegated.guess(delegated.code, "k-1")
    delegated.verifier.check_failing = None
    delegated.stack.clock.advance(ASK_AGAIN)
    assert delegated.guess(delegated.code, "k-1") == (VALID, 2)
    assert [repeated for _, repeated in delegated.asked] == [False] * 3


def test_a_wrong_repeat_is_not_confirmed_by_what_another_guess_has_brought_about() -> None:
    delegated = Delegated()
    delegated.verifier.check_failing = DOWN
    with pytest.raises(VerifierUnavailable):
        delegated.guess(WRONG, "k-1")
    delegated.stack.clock.advance(ASK_AGAIN)

    def guess_right_and_hear_nothing() -> None:
        with pytest.raises(VerifierUnavailable):
            delegated.guess(delegated.code, "k-2")
        delegated.verifier.check_failing = None
        delegated.verifier.code = WRONG  # "it has ended well", whichever guess is meant

    ask_while(delegated, guess_right_and_hear_nothing)
    assert delegated.guess(WRONG, "k-1") == (INCORRECT, 2)
    assert delegated.status == Status.PENDING


@pytest.mark.parametrize("reason", [Reason.INCORRECT, Reason.EXPIRED, Reason.EXHAUSTED])
def test_a_repeat_hears_the_verifiers_own_reason_again(reason: Reason) -> None:
    delegated = Delegated()
    delegated.verifier.reason = reason
    assert delegated.guess(WRONG, "k-1") == (no(reason), 1)
    assert delegated.guess(WRONG, "k-1") == (replace(no(reason), repeated=True), 1)
    assert len(delegated.asked) == 1


def resend(delegated: Delegated, channel: Channel) -> None:
    delegated.stack.clock.advance(30)
    delegated.stack.resend(CLIENT, delegated.id, channel, plenty)


def test_a_send_by_a_messenger_after_a_verifier_makes_our_code_the_one() -> None:
    delegated = Delegated()
    resend(delegated, Channel.VOICE)
    (sent,) = delegated.messenger.sent
    assert sent.order.code() == delegated.our_code
    assert delegated.guess(delegated.code) == (INCORRECT, 1)
    assert delegated.guess(delegated.our_code) == (VALID, 2)
    assert delegated.asked == []


def test_a_send_by_a_verifier_after_a_messenger_makes_its_code_the_one() -> None:
    delegated = Delegated()
    resend(delegated, Channel.VOICE)
    resend(delegated, Channel.SMS)
    assert delegated.guess(delegated.our_code) == (INCORRECT, 1)
    assert delegated.guess(delegated.code) == (VALID, 2)
    assert [ref for ref, _, _ in delegated.verifier.asked] == ["verifier-2"] * 2


def test_a_guess_that_was_wrong_never_becomes_right_by_itself() -> None:
    delegated = Delegated()
    assert delegated.guess(delegated.our_code, "k-1") == (INCORRECT, 1)
    resend(delegated, Channel.VOICE)
    assert delegated.status == Status.PENDING
    # It is a guess like every other now, and counts as one.
    assert delegated.guess(delegated.our_code, "k-1") == (VALID, 2)


def test_a_resend_by_the_same_provider_forgets_no_guess() -> None:
    delegated = Delegated()
    resend(delegated, Channel.VOICE)
    assert delegated.guess(WRONG, "k-1") == (INCORRECT, 1)
    resend(delegated, Channel.VOICE)
    assert delegated.guess(WRONG, "k-1") == (replace(INCORRECT, repeated=True), 1)


def test_a_send_that_nobody_took_leaves_the_code_as_it_was() -> None:
    delegated = Delegated()
    delegated.messenger.failing = ProviderUnavailable("fake", "503")
    resend(delegated, Channel.VOICE)
    assert delegated.guess(delegated.code) == (VALID, 1)


def test_a_late_send_does_not_undo_a_success() -> None:
    delegated = Delegated()
    delegated.stack.clock.advance(30)
    send = delegated.messenger.send

    def send_while_it_is_verified(order: Order) -> str:
        assert delegated.guess(delegated.code) == (VALID, 1)
        return send(order)

    delegated.messenger.send = send_while_it_is_verified  # type: ignore[method-assign]  # a race
    delegated.stack.resend(CLIENT, delegated.id, Channel.VOICE, plenty)
    assert delegated.status == Status.VERIFIED
    assert delegated.guess(delegated.our_code) == (no(Reason.ALREADY_VERIFIED), 1)


def test_a_delete_tells_the_verifier() -> None:
    delegated = Delegated()
    cancel(delegated)
    assert delegated.verifier.canceled == ["verifier-1"]
    assert delegated.status == Status.CANCELED


def test_a_delete_that_the_verifier_does_not_hear_is_one_all_the_same() -> None:
    delegated = Delegated()
    delegated.verifier.check_failing = DOWN
    cancel(delegated)
    assert delegated.status == Status.CANCELED
    assert delegated.stack.telemetry.events == [
        ("canceled", delegated.id),
        ("verifier_failed", "verifier", "503"),
    ]


def test_a_delete_of_what_was_never_a_verifiers_tells_nobody() -> None:
    delegated = Delegated()
    resend(delegated, Channel.VOICE)
    cancel(delegated)
    assert delegated.verifier.canceled == []
