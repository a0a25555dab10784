"""Codes that a vendor makes and checks: what we promise holds all the same."""

import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from verification.operations.verify import ASK_AGAIN

from tests.e2e.talking import a_number, call_raw, code_in, start, wrong
from tests.e2e.vendors import EndUserMessaging, MessageBird, MessenteVerify, Vendors, a_number_in
from tests.local.stack import Answer, Stack

CALLERS = 16  # as in test_races.py, where the same processes go on

# By place, see tests/conftest.py: the provider, and the vendor behind it.
VERIFIERS = {
    "DK": ("aws-notify", "end_user_messaging"),
    "LT": ("messagebird-verify", "messagebird"),
    "LV": ("messente-verify", "messente_verify"),
}

each_place = pytest.mark.parametrize("place", VERIFIERS)


def vendor_in(vendors: Vendors, place: str) -> EndUserMessaging | MessageBird | MessenteVerify:
    vendor: EndUserMessaging | MessageBird | MessenteVerify = getattr(vendors, VERIFIERS[place][1])
    return vendor


def guess(stack: Stack, started: dict[str, Any], code: str, key: str | None = None) -> Answer:
    path = f"/v1/verifications/{started['id']}/verify"
    headers = {"Idempotency-Key": key} if key else {}
    return call_raw(stack, "POST", path, {"code": code}, headers)


def look_up(stack: Stack, started: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = stack.call("GET", f"/v1/verifications/{started['id']}").body
    return seen


@each_place
def test_a_whole_flow_with_a_code_of_the_vendor(stack: Stack, vendors: Vendors, place: str) -> None:
    to, vendor = a_number_in(place), vendor_in(vendors, place)
    started = start(stack, to)
    assert (started["country"], started["delivery"]) == (place, "accepted")
    (text,) = vendor.texts_to(to)
    code = code_in(text)
    assert len(code) == 6

    no = guess(stack, started, wrong(code)).body
    assert (no["valid"], no["reason"], no["attempts_left"]) == (False, "incorrect", 4)
    yes = guess(stack, started, code).body
    assert (yes["valid"], yes["status"], yes["attempts"]) == (True, "verified", 2)
    again = guess(stack, started, code).body
    assert (again["valid"], again["reason"]) == (False, "already_verified")

    seen = look_up(stack, started)
    assert (seen["status"], seen["attempts"]) == ("verified", 2)
    (send,) = seen["sends"]
    (tried,) = send["tries"]
    assert (tried["provider"], tried["outcome"]) == (VERIFIERS[place][0], "accepted")


def test_delete_tells_messagebird_to_forget_it(stack: Stack, vendors: Vendors) -> None:
    to = a_number_in("LT")
    started = start(stack, to)
    (message,) = vendors.messagebird.messages_to(to)
    assert stack.call("DELETE", f"/v1/verifications/{started['id']}").status == 204
    assert message.id not in vendors.messagebird.sessions
    no = guess(stack, started, code_in(message.text)).body
    assert (no["valid"], no["reason"]) == (False, "canceled")


def test_a_delete_is_one_though_the_vendor_is_down(stack: Stack, vendors: Vendors) -> None:
    to = a_number_in("LT")
    started = start(stack, to)
    with vendors.messagebird.down():
        assert stack.call("DELETE", f"/v1/verifications/{started['id']}").status == 204
    assert look_up(stack, started)["to"] is None


def test_a_guess_that_nobody_could_check_is_spent_and_repeated_for_nothing(
    stack: Stack, vendors: Vendors
) -> None:
    spent = []
    for place in VERIFIERS:
        to, vendor, key = a_number_in(place), vendor_in(vendors, place), secrets.token_hex(8)
        started = start(stack, to)
        code = code_in(vendor.texts_to(to)[0])
        with vendor.down():
            answer = guess(stack, started, code, key)
            assert (answer.status, answer.body["code"]) == (502, "verifier_unavailable")
            seen = look_up(stack, started)
            assert (seen["status"], seen["attempts"]) == ("pending", 1)
        spent.append((started, code, key))

    # Another process may still be asking about it.
    answer = guess(stack, *spent[-1])
    assert (answer.status, answer.headers["Retry-After"]) == (503, str(ASK_AGAIN))
    time.sleep(ASK_AGAIN)
    for started, code, key in spent:
        answer = guess(stack, started, code, key)
        assert (answer.status, answer.body["valid"], answer.body["attempts"]) == (200, True, 1)


@pytest.fixture(scope="module")
def pool(stack: Stack) -> Any:
    """Callers for each of whom a process runs."""
    warm = start(stack, a_number())
    # Not all at once: sixteen processes that begin together keep two cores busy for long.
    for callers in (4, 8, 12, CALLERS):
        with ThreadPoolExecutor(callers) as some:
            list(some.map(lambda _: guess(stack, warm, "0000"), range(callers)))
    with ThreadPoolExecutor(CALLERS) as all_of_them:
        yield all_of_them


@pytest.mark.parametrize("place", ["LT", "LV"])
def test_of_many_guesses_at_once_the_vendor_is_asked_about_max_attempts(
    stack: Stack, vendors: Vendors, pool: ThreadPoolExecutor, place: str
) -> None:
    to, vendor = a_number_in(place), vendor_in(vendors, place)
    assert not isinstance(vendor, EndUserMessaging)
    started, before = start(stack, to), len(vendor.checked)
    code = code_in(vendor.texts_to(to)[0])

    def told(typed: str) -> str:
        answer = guess(stack, started, typed)
        assert answer.status == 200, answer
        return answer.body["reason"] or "valid"

    answers = Counter(pool.map(told, [wrong(code, n) for n in range(1, 61)]))
    print(f"{place}: 60 wrong guesses by {CALLERS} callers: {dict(answers)}")
    assert answers == {"incorrect": 5, "exhausted": 55}
    assert len(vendor.checked) - before == 5

    started, before = start(stack, to), len(vendor.checked)
    code = code_in(vendor.texts_to(to)[1])
    answers = Counter(pool.map(told, [code] * 60))
    print(f"{place}: 60 right guesses by {CALLERS} callers: {dict(answers)}")
    assert answers["valid"] == 1
    assert set(answers) <= {"valid", "already_verified", "exhausted"}
    assert len(vendor.checked) - before <= 5
    assert look_up(stack, started)["status"] == "verified"
