"""Guesses from many callers at the same moment, through API Gateway and Lambda."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.e2e.talking import a_number, code_in, start, wrong
from tests.figures import Figure
from tests.local.stack import Stack

CALLERS = 16  # the emulator starts a process for each call that runs beside others


def test_of_200_guesses_by_16_callers_max_attempts_are_evaluated(
    stack: Stack, figure: Figure
) -> None:
    warm, to = start(stack, a_number()), a_number()
    started = start(stack, to)
    code = code_in(stack.texts_to(to)[0])

    def guess(verification_id: str, typed: str) -> tuple[int, str]:
        path = f"/v1/verifications/{verification_id}/verify"
        answer = stack.call("POST", path, {"code": typed})
        return answer.status, answer.body["reason"] or "valid"

    # One more at a time: processes that begin together keep two cores busy for long.
    for callers in range(1, CALLERS + 1):
        with ThreadPoolExecutor(callers) as pool:
            warmed = list(pool.map(lambda _: guess(warm["id"], "0000"), range(callers)))
        assert {status for status, _ in warmed} == {200}

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = Counter(pool.map(lambda n: guess(started["id"], wrong(code, n)), range(1, 201)))
        assert answers == {(200, "incorrect"): 5, (200, "exhausted"): 195}
        evaluated = answers[200, "incorrect"]
        figure(f"200 wrong guesses over HTTP, {CALLERS} callers", f"{evaluated} evaluated")

        again = start(stack, to)
        right = code_in(stack.texts_to(to)[1])
        answers = Counter(pool.map(lambda _: guess(again["id"], right), range(100)))
        assert answers == {(200, "valid"): 1, (200, "already_verified"): 99}
        verified = answers[200, "valid"]
        figure(f"100 right guesses over HTTP, {CALLERS} callers", f"{verified} verified")
