"""Many callers at the same moment: the condition decides, nobody slips past it."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
from verification.domain.pages import PageResult
from verification.domain.policy import Profile
from verification.domain.verification import Details, Reason, Status
from verification.wiring import Stack

from tests.figures import Figure, Scale
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


def begin(place: Place, stack: Stack) -> tuple[str, str]:
    """A verification and its code."""
    to = a_number()
    record = stack.start()(start_command(to), remaining).record
    return str(record.verification.id), code_in(place.texts_to(to)[0])


def started(place: Place) -> tuple[Stack, str, str]:
    stack = place.stack()
    return stack, *begin(place, stack)


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


@pytest.mark.soak
def test_of_200_guesses_at_once_at_each_of_many_verifications_5_count_and_one_wins(
    real_place: Place, figure: Figure, scale: Scale
) -> None:
    stack, many = real_place.stack(), scale(50, 500)
    verify, lookup = stack.verify(), stack.lookup()
    ends: Counter[Status] = Counter()
    evaluated: Counter[int] = Counter()
    with ThreadPoolExecutor(PARALLEL) as pool:
        for n in range(many):
            verification_id, code = begin(real_place, stack)
            rights = 0 if n % 5 == 0 else 50  # one guess in four, but for every fifth verification
            typed = [code] * rights + [wrong(code, k) for k in range(1, 201 - rights)]
            random.shuffle(typed)
            commands = [guess_command(verification_id, guess) for guess in typed]
            answers = pool.map(lambda command: verify(command, remaining)[1], commands)
            verdicts = list(zip(typed, answers, strict=True))
            counted = [(t, v) for t, v in verdicts if v.valid or v.reason == Reason.INCORRECT]
            assert all(verdict.valid == (guess == code) for guess, verdict in counted)
            record = lookup.one(CLIENT.id, verification_id)
            assert record.verification.attempts == len(counted) <= 5
            verified = sum(verdict.valid for _, verdict in counted)
            assert verified <= 1
            end = record.verification.status_at(record.verification.created_at)
            assert end == (Status.VERIFIED if verified else Status.FAILED)
            assert verified or len(counted) == 5
            assert rights or not verified
            ends[end] += 1
            evaluated[len(counted)] += 1
    figure(
        f"200 guesses at once at each of {many} verifications, {PARALLEL} threads",
        f"at most {max(evaluated)} evaluated each, {ends[Status.VERIFIED]} verified once, "
        f"{ends[Status.FAILED]} used up by wrong ones",
    )


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


def page_of(place: Place, stack: Stack) -> tuple[str, str, str]:
    """A verification with a page: its id, the page's token, and its code."""
    to, profile = a_number(), Profile("Shop", return_urls=("https://shop.example",))
    command = start_command(
        to,
        client=replace(CLIENT, profile=profile),
        details=Details(return_url="https://shop.example/back"),
    )
    started = stack.start()(command, remaining)
    return str(started.record.verification.id), started.page or "", code_in(place.texts_to(to)[0])


def test_of_100_uses_of_a_result_at_once_one_is_confirmed(place: Place, figure: Figure) -> None:
    stack = place.stack()
    verification_id, token, code = page_of(place, stack)
    page = stack.hosted_page()
    guessed = page.guess(page.open(token), code, "form", remaining)
    assert guessed.return_url
    result = guessed.return_url.rpartition("=")[2]
    lookup = stack.lookup()
    record = lookup.one(CLIENT.id, verification_id)
    with ThreadPoolExecutor(PARALLEL) as pool:
        results = Counter(pool.map(lambda _: lookup.use(record, result, None), range(100)))
    assert results == {PageResult.CONFIRMED: 1, PageResult.USED: 99}
    figure("one result of a page used 100 times at once", "1 confirmed, 99 used")


def test_one_form_sent_100_times_at_once_is_one_guess(place: Place) -> None:
    stack = place.stack()
    verification_id, token, code = page_of(place, stack)
    page = stack.hosted_page()
    opened = page.open(token)
    with ThreadPoolExecutor(PARALLEL) as pool:
        guess = partial(page.guess, opened, wrong(code), "a form", remaining)
        guessed = list(pool.map(lambda _: guess(), range(100)))
    assert {one.reason for one in guessed} == {Reason.INCORRECT}
    record = stack.lookup().one(CLIENT.id, verification_id)
    assert record.verification.attempts == 1
    with ThreadPoolExecutor(PARALLEL) as pool:
        right = partial(page.guess, opened, code, "a form", remaining)
        urls = {one.return_url for one in pool.map(lambda _: right(), range(100))}
    assert len(urls) == 1 and None not in urls
