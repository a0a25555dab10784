"""Many callers at the same moment: the condition decides, nobody slips past it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from verification.domain.verification import Reason
from verification.wiring import Stack

from tests.integration.commands import (
    CLIENT,
    a_key,
    a_number,
    code_in,
    guess_command,
    remaining,
    resend_at_once,
    start_command,
    wrong,
)
from tests.integration.conftest import Place

PARALLEL = 32


def started(place: Place, **changes: int) -> tuple[Stack, str, str]:
    stack, to = place.stack(), a_number()
    record = stack.start()(start_command(to, **changes), remaining).record
    return stack, str(record.verification.id), code_in(place.texts_to(to)[0])


def test_of_200_wrong_guesses_at_once_max_attempts_are_evaluated(place: Place) -> None:
    stack, verification_id, code = started(place)
    verify = stack.verify()
    commands = [guess_command(verification_id, wrong(code, n)) for n in range(1, 201)]
    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = list(pool.map(lambda command: verify(command, remaining), commands))
    reasons = Counter(verdict.reason for _, verdict in answers)
    assert reasons == {Reason.INCORRECT: 5, Reason.EXHAUSTED: 195}
    assert {verification.attempts for verification, _ in answers} == {1, 2, 3, 4, 5}
    late = verify(guess_command(verification_id, code), remaining)[1]
    assert late.reason == Reason.EXHAUSTED


def test_of_100_right_guesses_at_once_one_is_verified(place: Place) -> None:
    stack, verification_id, code = started(place)
    verify, command = stack.verify(), guess_command(verification_id, code)
    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = list(pool.map(lambda _: verify(command, remaining), range(100)))
    verdicts = Counter((verdict.valid, verdict.reason) for _, verdict in answers)
    assert verdicts == {(True, None): 1, (False, Reason.ALREADY_VERIFIED): 99}


def test_of_a_race_between_right_and_wrong_at_most_one_wins_and_attempts_hold(
    place: Place,
) -> None:
    stack, verification_id, code = started(place)
    verify = stack.verify()
    guesses = [code if n % 4 == 0 else wrong(code, n) for n in range(1, 101)]
    commands = [guess_command(verification_id, guess) for guess in guesses]
    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = list(pool.map(lambda command: verify(command, remaining), commands))
    counted = [v for v, verdict in answers if verdict.valid or verdict.reason == Reason.INCORRECT]
    assert len(counted) <= 5
    assert sum(verdict.valid for _, verdict in answers) <= 1


def test_of_50_starts_with_one_idempotency_key_one_sends(place: Place) -> None:
    start, to = place.stack().start(), a_number()
    command = start_command(to, idempotency_key=a_key())
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: start(command, remaining), range(50)))
    assert len({answer.record.verification.id for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1
    assert len(place.texts_to(to)) == 1


def test_of_20_starts_at_once_the_send_limit_lets_five_through(place: Place) -> None:
    start, to = place.stack().start(), a_number()

    def attempt(_: int) -> str:
        try:
            start(start_command(to), remaining)
        except Exception as error:
            return getattr(error, "detail", repr(error))
        return "started"

    with ThreadPoolExecutor(20) as pool:
        outcomes = Counter(pool.map(attempt, range(20)))
    limit = "The limit destination_sends 5/10m is used up."
    assert outcomes == {"started": 5, limit: 15}
    assert len(place.texts_to(to)) == 5


def test_of_20_resends_at_once_one_is_sent(place: Place) -> None:
    _, verification_id, code = started(place)
    later = place.stack()
    outcomes = resend_at_once(later, verification_id)
    assert outcomes == {"sent": 1, "resend_too_early": 19}
    record = later.lookup().one(CLIENT.id, verification_id)
    texts = place.texts_to(record.verification.to or "")
    assert [code_in(text) for text in texts] == [code, code]
