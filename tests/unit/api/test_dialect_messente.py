"""Messente Number Verification: each parameter, each answer, as the vendor's document has them."""

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from verification.api.body import MAX_BODY_BYTES
from verification.api.dialects.messente.http import MessenteApi
from verification.api.dialects.messente.pin import PinFields, show_verdict
from verification.api.dialects.messente.start import MAX_ATTEMPTS, StartFields
from verification.domain.destination import TestDestination
from verification.domain.verification import Reason, Verdict, Verification
from verification.errors import (
    BudgetSpent,
    DestinationNotAllowed,
    ProviderRejected,
    ProviderUnavailable,
    ScopeMissing,
    ServiceError,
    SuspectedFraud,
    TemporarilyUnavailable,
)
from verification.operations.ports import Terms
from verification.operations.verify import VerifyCommand

from tests.fakes.calls import SECRET, SHOP, http_event
from tests.fakes.clock import plenty
from tests.fakes.messente import FENCED, KNOWN, NUMBER, TESTER, WAYS, WORDY, Messente
from tests.fakes.providers import FakeVerifier
from tests.fakes.stack import FakeStack, start_command
from tests.unit.logs import make_telemetry

Make = Callable[..., Messente]
HOME, ABROAD, NOWHERE = "192.0.2.1", "198.51.100.1", "10.0.0.1"
COOKIE = "0123456789abcdef"
WRONG, BAD_SENDER, NO_PIN, FAILED = "ERROR 102", "ERROR 111", "ERROR 109", "FAILED 209"
OK = "OK"


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes the function on a stack in memory."""

    def make(**stack: Any) -> Messente:
        made = Messente(FakeStack(**stack), make_telemetry, monkeypatch)
        made.stack.countries |= {HOME: "NL", ABROAD: "US"}
        return made

    return make


@pytest.fixture
def api(make: Make) -> Messente:
    return make()


def stored(api: Messente, verification_id: str) -> Verification:
    record = api.stack.verifications.read(verification_id[1:])
    assert record
    return record.verification


# ------------------------------------------------------------------ every parameter of a start

# What a browser may send of itself, and a caller pass on: nothing of it is wrong.
ANYTHING = ["x", "x" * 5_000, "with spaces and é", "\x07\t\n", "<script>", "漢" * 500]

# Absent (None), empty, lowest, highest, below, above, wrong; texts, sent in each way.
START: dict[str, list[tuple[str | None, str]]] = {
    "to": [
        (None, WRONG),
        ("", WRONG),
        ("6834002", OK),  # Niue's are among the shortest
        ("491512345678901", OK),  # E.164: at most 15 digits
        ("683400", WRONG),
        ("999999999999", WRONG),  # no such country
        ("+31612345678", OK),
        (" 31612345678", OK),  # a + that was not escaped
        ("31 (6) 12-34.56/78", OK),
        ("3161", WRONG),
        ("3161234567890123", WRONG),
        ("++31612345678", WRONG),
        ("316x12345678", WRONG),
        ("0612345678", WRONG),
        ("nobody", WRONG),
        ("ann@example.com", WRONG),
        ("31612345678,31612345679", WRONG),
    ],
    "template": [
        (None, OK),
        ("", OK),
        ("<PIN>", OK),
        ("é 漢 {code} {x <PIN>, again <PIN>\nand more", OK),
        ("x" * 455 + "<PIN>", OK),  # with the PIN three text messages of 153 characters each
        ("x" * 456 + "<PIN>", WRONG),
        ("é" * 455 + "<PIN>", OK),
        ("漢" * 197 + "<PIN>", OK),  # of 67 characters each
        ("漢" * 198 + "<PIN>", WRONG),
        ("<PIN>" + "x" * 2_000, WRONG),
        ("no code", NO_PIN),
        ("<pin>", NO_PIN),
        ("<PIN", NO_PIN),
        ("\x07 <PIN>", WRONG),
        ("\x07", NO_PIN),
    ],
    "pin_length": [
        (None, OK),
        ("", OK),
        ("4", OK),
        ("16", OK),
        ("3", WRONG),
        ("17", WRONG),
        ("-4", WRONG),
        ("4.0", WRONG),
        ("four", WRONG),
        (" 4", WRONG),
        ("4_0", WRONG),
        ("\u0664", WRONG),
        ("9" * 5_000, WRONG),
    ],
    "from": [
        (None, OK),
        ("", OK),
        ("A", OK),
        ("Shop-123456", OK),
        ("1" * 15, OK),
        ("+3197010", OK),
        (" 3197010", OK),
        ("Shop-1234567", BAD_SENDER),
        ("1" * 16, BAD_SENDER),
        ("My Shop", BAD_SENDER),
        ("Shöp", BAD_SENDER),
        ("shop@example.com", BAD_SENDER),
        ("Shop\n", BAD_SENDER),
    ],
    "max_tries": [
        (None, OK),
        ("", OK),
        ("1", OK),
        ("10", OK),
        ("0", WRONG),
        ("11", WRONG),
        ("two", WRONG),
    ],
    "retry_delay": [
        (None, OK),
        ("", OK),
        ("1", OK),
        ("1800", OK),
        ("0", WRONG),
        ("1801", WRONG),
        ("soon", WRONG),
    ],
    "validity": [
        (None, OK),
        ("", OK),
        ("1", OK),
        ("1800", OK),
        ("0", WRONG),
        ("1801", WRONG),
        ("long", WRONG),
    ],
    "ip": [
        (None, OK),
        ("", OK),
        (HOME, OK),
        ("2001:db8::1", OK),
        ("fe80::1%eth0", OK),
        ("1.2.3", OK),
        ("anything " * 100, OK),
    ],
    "browser": [(None, OK), ("", OK), *((value, OK) for value in ANYTHING)],
    "cookie": [(None, OK), ("", OK), *((value, OK) for value in ANYTHING)],
    "anything_else": [(None, OK), ("", OK), ("x" * 5_000, OK)],
}
NO_TEXTS: list[Any] = [True, False, 1.5, 4.0, [], ["x"], {}, {"x": 1}]
NUMBERS = {"to": 31612345678, "pin_length": 4, "from": 3197010, "max_tries": 1, "retry_delay": 1}
NUMBERS |= {"validity": 1, "browser": 1, "cookie": 10**20, "ip": 1}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("name", "value", "answer"),
    [(name, value, answer) for name, values in START.items() for value, answer in values],
)
def test_each_parameter_of_a_start_has_its_bounds(
    api: Messente, way: str, name: str, value: str | None, answer: str
) -> None:
    said = api.start(way, **{name: value})
    assert said.split()[0] == OK if answer == OK else said == answer
    assert len(api.stack.messenger.sent) == (answer == OK)
    assert bool(api.stack.watches.queued) == (answer == OK)


def names(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_every_parameter_is_in_its_table() -> None:
    assert names(StartFields) | {"anything_else"} == START.keys()
    assert names(PinFields) | {"anything_else"} == PIN.keys()


@pytest.mark.parametrize("value", NO_TEXTS, ids=json.dumps)
@pytest.mark.parametrize("name", [name for name in START if name != "anything_else"])
def test_json_that_is_no_text_and_no_whole_number_is_wrong(
    api: Messente, name: str, value: Any
) -> None:
    assert api.start("json", **{name: value}) == WRONG
    assert api.stack.messenger.sent == []


@pytest.mark.parametrize("name", NUMBERS)
def test_json_may_have_numbers_where_a_query_has_digits(api: Messente, name: str) -> None:
    assert api.start("json", **{name: NUMBERS[name]}).startswith("OK ")


@pytest.mark.parametrize("name", [name for name in START if name != "to"])
def test_null_is_absent(api: Messente, name: str) -> None:
    fields = {"username": SHOP.id, "password": SECRET, "to": NUMBER, name: None}
    assert api.post("/verify/start", json.dumps(fields), "json").startswith("OK ")


@pytest.mark.parametrize("value", NO_TEXTS, ids=json.dumps)
def test_names_nobody_knows_mean_nothing(api: Messente, value: Any) -> None:
    assert api.start("json", pin_lenght=value, sender=value, code_length=99).startswith("OK ")
    verification_id, _ = api.begin(sender="Shop", code_length="9", fallback="voice")
    started = stored(api, verification_id)
    assert (started.sender, started.code_length) == (None, 4)


def test_a_start_has_the_documented_defaults(api: Messente) -> None:
    verification_id, pin = api.begin()
    started = stored(api, verification_id)
    (sent,) = api.stack.messenger.sent
    assert sent.message.text == f"Your Verification PIN code is {pin}"
    assert (sent.to, sent.channel, sent.sender) == (f"+{NUMBER}", "sms", None)
    assert (len(pin), started.code_length) == (4, 4)
    assert (started.max_sends, started.max_auto_sends, started.resend_after) == (2, 1, 30)
    assert started.valid_until - started.created_at == 300_000
    assert started.max_attempts == 5
    assert (started.device, started.fallback) == (None, ("sms",))


def test_a_start_does_what_its_parameters_say(api: Messente) -> None:
    verification_id, pin = api.begin(
        template="{code} <PIN> {{x}} <PIN>",
        pin_length="16",
        max_tries="10",
        retry_delay="60",
        validity="1800",
        ip="2001:DB8:0::1",
        browser="A browser",
        cookie=COOKIE,
        **{"from": "3197010"},
    )
    record = api.stack.verifications.read(verification_id[1:])
    assert record
    started, details = record.verification, record.details
    (sent,) = api.stack.messenger.sent
    assert sent.message.text == f"{{code}} {pin} {{{{x}}}} {pin}"
    assert (sent.sender, len(pin)) == ("+3197010", 16)
    assert (started.max_sends, started.max_auto_sends, started.resend_after) == (10, 9, 60)
    assert started.valid_until - started.created_at == 1_800_000
    assert (details.ip, details.user_agent) == ("2001:db8::1", "A browser")
    assert len(started.device or b"") == 16


def test_of_a_browser_that_says_much_the_first_512_characters_are_kept(api: Messente) -> None:
    verification_id, _ = api.begin(browser="\x07\nA " + "x" * 600)
    record = api.stack.verifications.read(verification_id[1:])
    assert record
    assert record.details.user_agent == "A " + "x" * 510


def test_one_try_is_never_repeated(api: Messente) -> None:
    started = stored(api, api.begin(max_tries="1", retry_delay="60")[0])
    assert (started.max_sends, started.max_auto_sends, started.resend_after) == (1, 0, None)


# --------------------------------------------------------------- several tries, by themselves


def run(api: Messente, seconds: int) -> list[int]:
    """Bring the queue's messages when they are due; after how many seconds each send was made."""
    stack = api.stack
    begin, times = stack.clock.now, [0] * len(stack.messenger.sent)
    waiting = [(begin + watch.delay * 1000, watch) for watch in stack.watches.queued]
    while waiting and min(due for due, _ in waiting) <= begin + seconds * 1000:
        due, watch = waiting.pop(min(range(len(waiting)), key=lambda n: waiting[n][0]))
        stack.clock.now = max(due, stack.clock.now)
        stack.watches.queued.clear()
        stack.look_after(watch.token, watch.claimed, watch.tries, plenty)
        waiting += [(due + one.delay * 1000, one) for one in stack.watches.queued]
        times += [(stack.clock.now - begin) // 1000] * (len(stack.messenger.sent) - len(times))
    stack.watches.queued[:] = [watch for _, watch in waiting]
    return times


@pytest.mark.parametrize(
    ("max_tries", "retry_delay", "validity", "times"),
    [
        ("1", "60", "300", [0]),
        ("2", "60", "300", [0, 60]),
        ("4", "60", "300", [0, 60, 120, 180]),
        ("10", "100", "300", [0, 100, 200]),  # until it expires
        ("2", "300", "300", [0]),
        ("3", "1", "300", [0, 20, 33]),  # as soon as the queue looks
        ("2", "1800", "1800", [0]),
        ("2", "1000", "1800", [0, 1000]),  # longer than one message can wait
    ],
)
def test_the_pin_is_sent_again_so_often_and_so_far_apart(
    api: Messente, max_tries: str, retry_delay: str, validity: str, times: list[int]
) -> None:
    api.start(max_tries=max_tries, retry_delay=retry_delay, validity=validity)
    assert run(api, 3_600) == times
    assert len({sent.code for sent in api.stack.messenger.sent}) == 1


def test_the_pin_is_not_sent_again_once_it_was_typed(api: Messente) -> None:
    verification_id, pin = api.begin(max_tries="10", retry_delay="60")
    assert run(api, 100) == [0, 60]
    assert api.pin(verification_id=verification_id, pin=pin) == "VERIFIED"
    assert len(run(api, 3_600)) == 2


def test_sends_by_themselves_count_against_the_limits_of_a_destination(make: Make) -> None:
    api = make(sends="3/10m")
    api.start(max_tries="10", retry_delay="30")
    run(api, 299)
    assert len(api.stack.messenger.sent) == 3


# -------------------------------------------------------------------- every parameter of a PIN

PIN: dict[str, list[tuple[str | None, str]]] = {
    "verification_id": [
        (None, WRONG),
        ("", WRONG),
        ("x", "ERROR 110"),
        ("a" * 27, "ERROR 110"),
        ("a" * 5_000, "ERROR 110"),
        ("é", "ERROR 110"),
        ("V#a", "ERROR 110"),
    ],
    "pin": [
        (None, WRONG),
        ("", WRONG),
        ("0000", "INVALID"),
        ("0" * 16, "INVALID"),
        ("123", "INVALID"),
        ("0" * 17, "INVALID"),
        ("12a4", "INVALID"),
        ("----", "INVALID"),
        ("\u0661\u0662\u0663\u0664", "INVALID"),
        ("1" * 5_000, "INVALID"),
    ],
    "ip": [(None, "VERIFIED"), ("", "VERIFIED"), (HOME, "VERIFIED"), ("1.2.3", "VERIFIED")],
    "browser": [(None, "VERIFIED"), ("", "VERIFIED"), *((value, "VERIFIED") for value in ANYTHING)],
    "cookie": [(None, "VERIFIED"), ("", "VERIFIED"), *((value, "VERIFIED") for value in ANYTHING)],
    "anything_else": [("x" * 5_000, "VERIFIED")],
}
COUNTED = {"0000", "0" * 16}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("name", "value", "answer"),
    [(name, value, answer) for name, values in PIN.items() for value, answer in values],
)
def test_each_parameter_of_a_pin_has_its_bounds_and_what_is_wrong_is_not_counted(
    api: Messente, way: str, name: str, value: str | None, answer: str
) -> None:
    verification_id, pin = api.begin()
    fields = {"verification_id": verification_id, "pin": pin, name: value}
    assert api.pin(way, **fields) == answer
    counted = answer == "VERIFIED" or value in COUNTED
    assert stored(api, verification_id).attempts == counted


@pytest.mark.parametrize("value", NO_TEXTS, ids=json.dumps)
@pytest.mark.parametrize("name", [name for name in PIN if name != "anything_else"])
def test_json_of_a_pin_that_is_no_text_and_no_whole_number_is_wrong(
    api: Messente, name: str, value: Any
) -> None:
    verification_id, pin = api.begin()
    fields = {"verification_id": verification_id, "pin": pin, name: value}
    assert api.pin("json", **fields) == WRONG
    assert stored(api, verification_id).attempts == 0


def test_a_pin_may_be_a_number_of_json_and_have_spaces_and_hyphens(api: Messente) -> None:
    verification_id, pin = api.begin(pin_length="8")
    number = int(pin)
    if len(str(number)) == 8:
        assert api.pin("json", verification_id=verification_id, pin=number) == "VERIFIED"
    verification_id, pin = api.begin(pin_length="8")
    typed = f" {pin[:3]} {pin[3:6]}-{pin[6:]} "
    assert api.pin(verification_id=verification_id, pin=typed) == "VERIFIED"


# ------------------------------------------------- credentials, and what is where in a request


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", ["/verify/start", "/verify/pin"])
@pytest.mark.parametrize(
    "credentials",
    [
        {"username": None},
        {"password": None},
        {"username": None, "password": None},
        {"username": ""},
        {"password": ""},
        {"username": "nobody"},
        {"username": "Shop"},
        {"username": " shop"},
        {"username": "x" * 5_000},
        {"password": SECRET + "x"},
        {"password": SECRET.upper()},
        {"password": "x" * 5_000},
        {"password": f"{SECRET}\n"},
        {"password": "é"},
    ],
    ids=str,
)
def test_without_the_right_credentials_nothing_else_is_looked_at(
    api: Messente, way: str, path: str, credentials: dict[str, str | None]
) -> None:
    right = {"to": NUMBER, "verification_id": "a" * 27, "pin": "1234"}
    for fields in (right, {"to": "x", "pin_length": "x", "cookie": "x" * 1000}, {}):
        assert api.call(path, fields | credentials, way) == "ERROR 101"
    assert api.stack.journal == []


@pytest.mark.parametrize("value", [*NO_TEXTS, 7, "\ud800", "a\x00b"], ids=repr)
@pytest.mark.parametrize("name", ["username", "password"])
def test_credentials_are_visible_text(api: Messente, name: str, value: Any) -> None:
    assert api.start("json", **{name: value}) == "ERROR 101"


def test_credentials_may_be_in_the_query_and_the_rest_in_the_body(api: Messente) -> None:
    who = [("username", SHOP.id), ("password", SECRET)]
    body = json.dumps({"to": NUMBER, "pin_length": 6})
    assert api.post("/verify/start", body, "json", who).startswith("OK ")
    assert len(api.stack.messenger.sent[0].code) == 6


def test_what_two_clients_of_the_vendor_send_twice_is_taken(api: Messente) -> None:
    fields = [("username", SHOP.id), ("password", SECRET), ("to", NUMBER)]
    assert api.ask("/verify/start", fields + fields[:2], "POST").startswith("OK ")
    assert api.post("/verify/start", urlencode(fields), "form", fields).startswith("OK ")


@pytest.mark.parametrize("name", ["to", "pin_length", "from", "cookie", "anything"])
def test_with_two_values_a_parameter_is_wrong_wherever_they_stand(api: Messente, name: str) -> None:
    fields = [("username", SHOP.id), ("password", SECRET), ("to", NUMBER)]
    one, other = (name, "31612345678"), (name, "31612345679")
    assert api.ask("/verify/start", [*fields, one, other]) == WRONG
    assert api.ask("/verify/start", [*fields, other, one]) == WRONG
    assert api.post("/verify/start", json.dumps(dict([other])), "json", [*fields, one]) == WRONG
    assert api.post("/verify/start", urlencode([*fields, one, other]), "form") == WRONG
    assert api.stack.journal == []


@pytest.mark.parametrize("name", ["username", "password"])
@pytest.mark.parametrize("other", ["", "nobody", "wrong"])
def test_credentials_with_two_values_open_nothing(api: Messente, name: str, other: str) -> None:
    right = {"username": SHOP.id, "password": SECRET, "to": NUMBER}
    queries = [[*right.items(), (name, other)], [(name, other), *right.items()]]
    answers = {api.ask("/verify/start", query) for query in queries}
    answers.add(api.post("/verify/start", json.dumps({name: other}), "json", right.items()))
    answers.add(api.post("/verify/start", json.dumps(right), "json", [(name, other)]))
    assert answers <= {"ERROR 101", WRONG}
    assert api.stack.journal == []


BODIES = ['{"to": "3', "[]", "null", '"x"', "{" * 50_000, '{"to": NaN}', '{"a": 1, "a": 1}']


@pytest.mark.parametrize("body", [*BODIES, "x" * (MAX_BODY_BYTES + 1)], ids=lambda body: body[:9])
def test_a_body_that_cannot_be_read_is_wrong_but_for_wrong_credentials(
    api: Messente, body: str
) -> None:
    who = [("username", SHOP.id), ("password", SECRET), ("to", NUMBER)]
    assert api.post("/verify/start", body, "json", who) == WRONG
    assert api.post("/verify/start", body, "json") == WRONG  # they may stand in it
    assert api.post("/verify/start", body, "json", [("username", "x"), *who[1:]]) == "ERROR 101"
    assert api.stack.journal == []


def test_a_body_in_base64_is_read_and_a_wrong_one_refused(api: Messente) -> None:
    who = [("username", SHOP.id), ("password", SECRET)]
    for body, answer in (("dG89MzE2MTIzNDU2Nzg=", OK), ("%", WRONG)):
        said = api.post("/verify/start", body, "form", who, isBase64Encoded=True)
        assert said.split()[0] == OK if answer == OK else said == answer


def test_another_method_is_wrong(api: Messente) -> None:
    assert api.ask("/verify/start", [("username", SHOP.id)], "PUT") == WRONG


def test_there_are_no_direct_invokes(api: Messente) -> None:
    payloads: list[Any] = [{"client": "shop", "to": "+31612345678"}, [], None]
    for payload in payloads:
        assert api.raw(payload)["error"]["code"] == "invalid_request"


# ------------------------------------------------------- each answer, reached by what it is for


def test_103_for_a_client_that_may_not_call_from_there(api: Messente) -> None:
    assert api.by(FENCED).start() == "ERROR 103"
    assert api.by(FENCED).pin() == "ERROR 103", "before anything else"
    assert api.by(FENCED).start(password="wrong") == "ERROR 101"
    inside = {"requestContext": {"identity": {"sourceIp": "198.51.100.7"}}}
    query = [("username", FENCED.id), ("password", SECRET), ("to", NUMBER)]
    assert api.ask("/verify/start", query, **inside).startswith("OK ")
    spoofed = {"headers": {"X-Forwarded-For": "198.51.100.7"}}
    assert api.ask("/verify/start", query, **spoofed) == "ERROR 103"


def test_111_for_a_sender_that_is_not_the_clients(api: Messente) -> None:
    for sender in ("Bank", "shop", "3197011"):
        assert api.by(KNOWN).start(**{"from": sender}) == BAD_SENDER
    for sender in ("Shop", "3197010", "+3197010", ""):
        assert api.by(KNOWN).start(**{"from": sender}).startswith("OK ")


def test_of_several_faults_the_lowest_number_is_named(api: Messente) -> None:
    wrong = {"from": "not a sender!", "template": "no code"}
    assert api.start(**wrong) == NO_PIN
    assert api.start(**wrong, to="x") == WRONG
    assert api.start(**wrong, validity="0") == WRONG
    assert api.start(**{"from": "Shop\n", "validity": "0"}) == WRONG


def test_the_right_pin_is_verified_once(api: Messente) -> None:
    verification_id, pin = api.begin()
    assert api.pin(verification_id=verification_id, pin=pin) == "VERIFIED"
    for guess in (pin, "0000"):
        assert api.pin(verification_id=verification_id, pin=guess) == "EXPIRED"


def test_expired_from_the_millisecond_on(api: Messente) -> None:
    verification_id, pin = api.begin(validity="10")
    api.stack.clock.advance(10)
    assert api.pin(verification_id=verification_id, pin="0000") == "EXPIRED"
    assert api.pin(verification_id=verification_id, pin=pin) == "EXPIRED"
    verification_id, pin = api.begin(validity="10")
    api.stack.clock.advance(9.999)
    assert api.pin(verification_id=verification_id, pin=pin) == "VERIFIED"


def test_throttled_after_five_guesses_and_expired_no_more(api: Messente) -> None:
    verification_id, pin = api.begin()
    guesses = [api.pin(verification_id=verification_id, pin="0000") for _ in range(5)]
    assert guesses == ["INVALID"] * 5
    assert api.pin(verification_id=verification_id, pin=pin) == "THROTTLED"
    api.stack.clock.advance(301)
    assert api.pin(verification_id=verification_id, pin=pin) == "THROTTLED"


def test_110_for_what_is_canceled_unknown_or_anothers(api: Messente) -> None:
    verification_id, pin = api.begin()
    assert api.by(TESTER).pin(verification_id=verification_id, pin=pin) == "ERROR 110"
    assert api.pin(verification_id=f"b{verification_id[1:]}", pin=pin) == "ERROR 110"
    assert stored(api, verification_id).attempts == 0
    api.stack.delete(SHOP.id, verification_id, plenty)
    assert api.pin(verification_id=verification_id, pin=pin) == "ERROR 110"


@pytest.mark.parametrize(
    "fail",
    [
        lambda stack: stack.verifications.failing.update(create=TemporarilyUnavailable()),
        lambda stack: stack.verifications.failing.update(create=RuntimeError("crash")),
        lambda stack: setattr(stack.watches, "failing", TemporarilyUnavailable()),
        lambda stack: setattr(stack.messenger, "failing", ProviderRejected("fake", "no")),
        lambda stack: stack.devices.failing.update(country=TemporarilyUnavailable()),
    ],
    ids=["throttled table", "crash", "queue", "provider says no", "devices"],
)
def test_209_when_the_fault_is_ours_or_our_providers(
    api: Messente, fail: Callable[[FakeStack], None]
) -> None:
    fail(api.stack)
    assert api.start(ip=HOME, cookie=COOKIE) == FAILED


def test_a_provider_that_is_away_for_a_moment_is_asked_again_later(api: Messente) -> None:
    api.stack.messenger.failing = ProviderUnavailable("fake", "timeout")
    assert api.start(max_tries="1").startswith("OK ")
    api.stack.messenger.failing = None
    run(api, 100)
    assert len(api.stack.messenger.sent) == 1


@pytest.mark.parametrize(
    "limits", [{"sends": "1/10m"}, {"guesses": "5/24h"}, {"short_code_guesses": "5/24h"}]
)
def test_209_when_a_limit_is_used_up(make: Make, limits: dict[str, str]) -> None:
    api = make(**limits)
    assert api.start().startswith("OK ")
    assert api.start() == FAILED
    assert api.start(to="31612345679").startswith("OK ")


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (ScopeMissing(), "ERROR 101"),
        (DestinationNotAllowed(), WRONG),
        (SuspectedFraud(), WRONG),  # not the word for "try again"
        (BudgetSpent(retry_after=9, limit="client_messages"), FAILED),
    ],
)
def test_what_may_not_be_done_has_a_word(error: ServiceError, word: str) -> None:
    answer = MessenteApi().refuse(error, "request-1")
    assert (answer.status, answer.body) == (200, word)


def test_102_for_whom_nothing_is_sent_to(make: Make) -> None:
    assert make(countries=frozenset({"EE"})).start() == WRONG
    assert make(countries=frozenset({"NL"})).start().startswith("OK ")
    assert make(refused_kinds=frozenset({"mobile"})).start() == WRONG


def test_209_when_the_budget_of_the_day_is_spent(make: Make) -> None:
    api = make(limits="client_messages=1")
    assert api.start().startswith("OK ")
    assert api.start(to="31612345679") == FAILED


def test_209_where_nobody_can_send(make: Make) -> None:
    api = make(routes="sms:EE=fake")
    assert api.start() == FAILED
    assert api.start(to="3725555555").startswith("OK ")


def test_209_for_what_no_parameter_can_help(make: Make) -> None:
    assert make().by(WORDY).start() == FAILED
    verifier = FakeVerifier(terms=Terms((4, 16), (1, 1_800), (1, MAX_ATTEMPTS - 1)))
    assert make(providers=[verifier]).start() == FAILED
    verifier.terms = Terms((6, 6), (1, 1_800))
    assert make(providers=[verifier]).start() == WRONG
    assert make(providers=[verifier]).start(pin_length="6").startswith("OK ")


def test_209_when_a_guess_could_not_be_judged(make: Make) -> None:
    verifier = FakeVerifier()
    verifier.check_failing = ProviderUnavailable("verifier", "timeout")
    api = make(providers=[verifier])
    verification_id = api.start().removeprefix("OK ")
    assert api.pin(verification_id=verification_id, pin="424242") == FAILED
    verifier.check_failing = None
    assert api.pin(verification_id=verification_id, pin="4242") == "INVALID"
    assert api.pin(verification_id=verification_id, pin="424242") == "VERIFIED"
    api.stack.verifications.failing["guess"] = TemporarilyUnavailable()
    assert api.pin(verification_id=verification_id, pin="424242") == FAILED


# ----------------------------------------------------------------- one core with the native API


def test_what_one_api_started_the_other_can_verify_look_up_and_send_again(api: Messente) -> None:
    stack = api.stack
    native = stack.start(start_command(), plenty).record.verification
    code = stack.messenger.sent[-1].code
    assert api.pin(verification_id=str(native.id), pin=code) == "VERIFIED"

    verification_id, pin = api.begin(max_tries="3")
    assert stack.lookup.one(SHOP.id, verification_id).verification.to == f"+{NUMBER}"
    stack.clock.advance(30)
    stack.resend(SHOP, verification_id, None, plenty)
    assert stack.messenger.sent[-1].code == pin
    _, verdict = stack.verify(VerifyCommand(SHOP.id, verification_id, pin), plenty)
    assert verdict.valid
    assert api.pin(verification_id=verification_id, pin=pin) == "EXPIRED"


def test_a_test_destination_has_its_fixed_code_and_can_be_trusted(make: Make) -> None:
    test = TestDestination("123456", 2**50)
    api = make(test_destinations={"+12025550100": test}).by(TESTER)
    device = {"ip": HOME, "cookie": COOKIE}
    verification_id = api.start(to="12025550100", **device).removeprefix("OK ")
    assert api.pin(verification_id=verification_id, pin="123456", **device) == "VERIFIED"
    assert api.start(to="12025550100", **device) == "VERIFIED"
    assert api.stack.messenger.sent == []


# --------------------------------------------------------------------------- trusted devices


def trust(api: Messente, **device: str) -> None:
    verification_id, pin = api.begin(**device)
    assert api.pin(verification_id=verification_id, pin=pin, **device) == "VERIFIED"


def test_a_trusted_device_is_verified_and_nothing_is_sent_or_stored(
    api: Messente, capsys: pytest.CaptureFixture[str]
) -> None:
    trust(api, ip=HOME, cookie=COOKIE)
    api.stack.journal.clear()
    capsys.readouterr()
    assert api.start(ip=HOME, cookie=COOKIE) == "VERIFIED"
    assert api.stack.journal == []
    logged = capsys.readouterr().out
    assert "device_trusted" in logged and '"Trusted"' in logged
    assert COOKIE not in logged and NUMBER not in logged


@pytest.mark.parametrize(
    "device",
    [
        {"ip": ABROAD, "cookie": COOKIE},
        {"ip": NOWHERE, "cookie": COOKIE},
        {"ip": "1.2.3", "cookie": COOKIE},
        {"cookie": COOKIE},
        {"ip": HOME},
        {"ip": HOME, "cookie": COOKIE[:15]},
        {"ip": HOME, "cookie": f"{COOKIE}0"},
        {"ip": HOME, "cookie": COOKIE, "to": "31612345679"},
    ],
    ids=str,
)
def test_any_other_device_needs_a_pin(api: Messente, device: dict[str, str]) -> None:
    trust(api, ip=HOME, cookie=COOKIE)
    assert api.start(**device).startswith("OK ")
    assert len(api.stack.messenger.sent) == 2


def test_a_device_is_trusted_by_one_client_alone(api: Messente) -> None:
    trust(api, ip=HOME, cookie=COOKIE)
    assert api.by(TESTER).start(ip=HOME, cookie=COOKIE).startswith("OK ")
    assert api.start(ip=HOME, cookie=COOKIE) == "VERIFIED"


def test_a_wrong_pin_is_invalid_with_a_trusted_cookie_too(api: Messente) -> None:
    trust(api, ip=HOME, cookie=COOKIE)
    verification_id, _ = api.begin(cookie=COOKIE)
    device = {"ip": HOME, "cookie": COOKIE}
    assert api.pin(verification_id=verification_id, pin="0000", **device) == "INVALID"


def test_a_right_pin_is_verified_though_the_device_cannot_be_trusted(api: Messente) -> None:
    api.stack.devices.failing["trust"] = TemporarilyUnavailable()
    trust(api, ip=HOME, cookie=COOKIE)
    assert api.start(ip=HOME, cookie=COOKIE).startswith("OK ")


def revoke(api: Messente, to: str | None, secret: str = SECRET, **more: str) -> tuple[int, Any]:
    query = {name: value for name, value in {"to": to, **more}.items() if value is not None}
    headers = {"Authorization": f"Bearer {SHOP.id}.{secret}"}
    event = http_event("DELETE", "/v1/devices", None, headers, queryStringParameters=query)
    answer = api.raw(event)
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.parametrize("to", [f"+{NUMBER}", f" {NUMBER}"])
def test_the_native_api_revokes_the_devices_of_a_number(api: Messente, to: str) -> None:
    trust(api, ip=HOME, cookie=COOKIE)
    assert revoke(api, "+31612345679") == (200, {"revoked": 0})
    assert revoke(api, to) == (200, {"revoked": 1})
    assert revoke(api, to) == (200, {"revoked": 0})
    assert api.start(ip=HOME, cookie=COOKIE).startswith("OK ")


def test_a_number_of_a_country_can_be_revoked_in_its_own_spelling(api: Messente) -> None:
    trust(api, ip=HOME, cookie=COOKIE)
    assert revoke(api, "0612345678", country="NL") == (200, {"revoked": 1})


def test_revoking_speaks_the_native_language(api: Messente) -> None:
    assert revoke(api, f"+{NUMBER}", secret="wrong")[0] == 401
    for to, more in ((None, {}), ("x", {}), (f"+{NUMBER}", {"cookie": COOKIE})):
        status, body = revoke(api, to, **more)
        assert (status, body["code"]) == (422, "invalid_fields")
    assert api.raw(http_event("GET", "/v1/devices"))["statusCode"] == 405


# --------------------------------------------------------------------------------- anything

WORDS = {"VERIFIED", "INVALID", "EXPIRED", "THROTTLED", FAILED, "ERROR 101", WRONG, "ERROR 103"}
WORDS |= {NO_PIN, "ERROR 110", BAD_SENDER}
NAMES = sorted({*START, *PIN, "username", "password"})
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=40),
    st.sampled_from([SHOP.id, SECRET, NUMBER, "<PIN>", COOKIE, HOME, "", "4", "1234", "Shop"]),
)
JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
FIELDS = st.dictionaries(st.sampled_from(NAMES) | TEXTS, JSON_VALUES, max_size=8)
QUERY = st.lists(st.tuples(st.sampled_from(NAMES) | TEXTS, TEXTS), max_size=8)
CREDENTIALS = st.sampled_from([[], [("username", SHOP.id), ("password", SECRET)]])
RAW = st.one_of(FIELDS.map(json.dumps), TEXTS, st.none())


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.sampled_from(["/verify/start", "/verify/pin"]),
    method=st.sampled_from(["GET", "POST"]),
    who=CREDENTIALS,
    query=QUERY,
    body=RAW,
    kind=st.sampled_from([None, "application/json", "application/x-www-form-urlencoded", "x"]),
    started=st.booleans(),
)
def test_whatever_is_sent_is_answered_by_a_word_and_no_secret_is_logged(
    make: Make,
    capsys: pytest.CaptureFixture[str],
    path: str,
    method: str,
    who: list[tuple[str, str]],
    query: Iterable[tuple[str, str]],
    body: str | None,
    kind: str | None,
    started: bool,
) -> None:
    api = make()
    pairs = [*who, *query]
    if started:
        verification_id, pin = api.begin(ip=HOME, cookie=COOKIE)
        pairs += [("verification_id", verification_id), ("pin", pin)]
    headers = {"content-type": kind} if kind else {}
    said = api.ask(path, pairs, method, body=body, headers=headers)
    assert said in WORDS or (path == "/verify/start" and said.startswith("OK "))
    if not who and not body and SECRET not in dict(query).values():
        assert said == "ERROR 101"
    logged = capsys.readouterr()
    assert logged.err == ""
    assert SECRET not in logged.out and COOKIE not in logged.out and NUMBER not in logged.out
    assert "request_crashed" not in logged.out
    lines = [json.loads(line) for line in logged.out.splitlines()]
    assert lines
    for sent in api.stack.messenger.sent:
        values = [str(value) for line in lines for value in line.values()]
        assert sent.code not in values


def test_every_reason_has_a_word() -> None:
    assert {show_verdict(Verdict(False, reason)) for reason in Reason} <= WORDS - {"VERIFIED"}
