"""Kill the process at each step of start, of a re-send and of a guess: nothing is lost.

A child process does the operation on real engines and is killed (SIGKILL) at one step. Then the
queue's look is done as the function `resend` would do it, once the function's time is over; or the
caller repeats its guess.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from verification.domain.verification import Delivery, Reason, Status, Verdict, Verification
from verification.errors import NotFound, TemporarilyUnavailable
from verification.operations.start import LOOK_AFTER
from verification.operations.verify import ASK_AGAIN
from verification.wiring import clock

from tests.integration.commands import (
    CLIENT,
    a_delegated_number,
    a_key,
    a_number,
    code_in,
    guess_command,
    remaining,
    start_command,
    wrong,
)
from tests.integration.conftest import Place
from tests.integration.vendor import Vendor

ROOT = Path(__file__).resolve().parents[2]

# step -> messages in the end; None where there is no verification to speak of
START_STEPS = {
    "before watch": None,
    "after watch": None,
    "before create": None,
    "after create": 1,
    "before send": 1,
    "after send": 2,  # the provider has taken it, nobody has written that down
    "before record": 2,
    "after record": 1,
    "never": 1,
}
# The same with a vendor that makes the code: step -> its codes in the end
DELEGATED_STEPS = {
    "before watch": None,
    "after watch": None,
    "before create": None,
    "after create": 1,
    "before send": 1,
    "after send": 2,  # the vendor has made a code, nobody knows under which id
    "before adopt": 2,
    "after adopt": 2,  # known, but not as sent
    "before record": 2,
    "after record": 1,
    "never": 1,
}
RESEND_STEPS = {
    "before watch": 1,  # nothing was claimed: the first message only
    "after watch": 1,
    "before claim": 1,
    "after claim": 2,
    "before send": 2,
    "after send": 3,
    "before record": 3,
    "after record": 2,
    "never": 2,
}
# step -> whether who repeats the guess has to wait first; how often the vendor is asked in the end
VERIFY_STEPS = {
    "before guess": (False, 1),
    "after guess": (True, 1),
    "before check": (True, 1),
    "after check": (True, 2),
    "before settle": (True, 2),
    "after settle": (False, 1),
    "never": (False, 1),
}
# The same when the guess was killed before, after it was counted.
REPEAT_STEPS = VERIFY_STEPS | {
    "before guess": (False, 1),
    "after guess": (False, 1),
    "before ask_again": (False, 1),
    "after ask_again": (True, 1),
}


def killed(place: Place, operation: str, step: str, *subject: str) -> dict[str, Any]:
    """Run an operation in a child that is killed at a step; the look it had queued, if any."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.integration.child", operation, step, *subject],
        cwd=ROOT,
        env=os.environ | place.environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert child.returncode == (0 if step == "never" else -9), child.stderr
    looks = [line for line in child.stdout.splitlines() if line.startswith('{"token"')]
    return dict(json.loads(looks[-1])) if looks else {}


def look(place: Place, queued: dict[str, Any], after: int) -> None:
    """What the queue brings, `after` seconds from now; twice, since SQS delivers at least once."""
    stack = place.stack()
    later: Callable[[], int] = lambda: clock() + after * 1000  # noqa: E731 a clock
    look_after = stack.look_after()
    look_after = replace(look_after, clock=later, sender=replace(look_after.sender, clock=later))
    for _ in range(2):
        look_after(queued["token"], queued["claimed"], 0, remaining)


@pytest.mark.parametrize(("step", "messages"), START_STEPS.items())
def test_a_start_killed_at_any_step_ends_with_a_message_or_with_nothing(
    real_place: Place, step: str, messages: int | None
) -> None:
    to = a_number()
    queued = killed(real_place, "start", step, to)
    lookup = real_place.stack().lookup()
    token = queued.get("token", "")
    if queued:
        look(real_place, queued, after=LOOK_AFTER)
    if messages is None:
        with pytest.raises(NotFound):
            lookup.one(CLIENT.id, f"a{token}")
        assert lookup.list(CLIENT.id, to, 10, None).records == ()
        assert real_place.texts_to(to) == []
        return
    record = lookup.one(CLIENT.id, f"a{token}")
    assert record.verification.status_at(clock()) == Status.PENDING
    assert record.delivery_at(clock()) == Delivery.ACCEPTED
    texts = real_place.texts_to(to)
    assert len(texts) == messages
    assert len({code_in(text) for text in texts}) == 1, "always the same code"


@pytest.mark.parametrize(("step", "codes"), DELEGATED_STEPS.items())
def test_after_a_kill_a_verifier_makes_another_code_and_only_the_last_one_counts(
    real_place: Place, vendor: Vendor, step: str, codes: int | None
) -> None:
    to = a_delegated_number()
    queued = killed(real_place, "start", step, to)
    token = queued.get("token", "")
    if queued:
        look(real_place, queued, after=LOOK_AFTER)
    stack = real_place.stack()
    made = vendor.codes_to(to)
    if codes is None:
        assert stack.lookup().list(CLIENT.id, to, 10, None).records == ()
        assert made == []
        return
    record = stack.lookup().one(CLIENT.id, f"a{token}")
    assert record.delivery_at(clock()) == Delivery.ACCEPTED
    assert len(made) == codes
    verify = stack.verify()
    guesses = [verify(guess_command(f"a{token}", code), remaining)[1].valid for code in made]
    assert guesses == [False] * (codes - 1) + [True]


@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong"])
@pytest.mark.parametrize(
    ("killed_before", "step", "waits", "asked"),
    [(False, step, *ends) for step, ends in VERIFY_STEPS.items()]
    + [(True, step, *ends) for step, ends in REPEAT_STEPS.items()],
)
def test_a_guess_at_a_verifiers_code_killed_at_any_step_is_answered_when_it_is_repeated(
    real_place: Place,
    vendor: Vendor,
    killed_before: bool,
    step: str,
    waits: bool,
    asked: int,
    right: bool,
) -> None:
    stack, to, key = real_place.stack(), a_delegated_number(), a_key()
    verification = stack.start()(start_command(to), remaining).record.verification
    code = vendor.codes_to(to)[0]
    guess = code if right else wrong(code)
    later = 0
    if killed_before:
        killed(real_place, "verify", "after guess", str(verification.id), guess, key, "0")
        later = 2 * ASK_AGAIN
    killed(real_place, "verify", step, str(verification.id), guess, key, str(later))
    command = guess_command(str(verification.id), guess, idempotency_key=key)

    def repeat(seconds: int) -> tuple[Verification, Verdict]:
        verify = replace(stack.verify(), clock=lambda: clock() + seconds * 1000)
        return verify(command, remaining)

    if waits:
        with pytest.raises(TemporarilyUnavailable):
            repeat(later)
        later += ASK_AGAIN
    after, verdict = repeat(later)
    assert (verdict.valid, verdict.reason) == (right, None if right else Reason.INCORRECT)
    assert after.attempts == 1, "counted once"
    assert vendor.asked_about(to) == [guess] * asked


@pytest.mark.parametrize(("step", "messages"), RESEND_STEPS.items())
def test_a_resend_killed_at_any_step_sends_the_same_code_or_nothing(
    real_place: Place, step: str, messages: int
) -> None:
    to = a_number()
    token = killed(real_place, "start", "never", to)["token"]
    queued = killed(real_place, "resend", step, f"a{token}")
    if queued:
        look(real_place, queued, after=60 + 13)
    texts = real_place.texts_to(to)
    assert len(texts) == messages
    assert len({code_in(text) for text in texts}) == 1, "always the same code"
    record = real_place.stack().lookup().one(CLIENT.id, f"a{token}")
    assert record.delivery_at(clock()) == Delivery.ACCEPTED
