"""Verigator's API: each field and its bounds, each status by what really leads to it.

The statuses are those of the tables in the vendor's three documents; see the dialect.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from verification.api.dialects.verigator import fields, routes
from verification.api.dialects.verigator.http import VerigatorApi
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

from tests.fakes.calls import SECRET, SHOP, http_event
from tests.fakes.providers import FakeVerifier
from tests.fakes.stack import FakeStack
from tests.fakes.verigator import AT_HOME, AUTH, OTHER, SERVICE, SERVICES, TOTP, USER, FakeVerigator
from tests.unit.logs import lines, make_telemetry

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
NOWHERE = "00000000-0000-4000-8000-000000000000"
JAVA = "verigator-java-1.1"
DOCUMENTED = {200, 201, 202, 401, 403, 404, 409, 422, 500, 502, 503}

type Make = Callable[..., FakeVerigator]
type Path = tuple[str, str]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    telemetry = make_telemetry(monkeypatch)
    return lambda **settings: FakeVerigator(telemetry, FakeStack(**settings))


@pytest.fixture
def verigator(make: Make) -> FakeVerigator:
    return make()


@pytest.fixture
def path(verigator: FakeVerigator) -> Path:
    return verigator.user(verigator.service())


# -------------------------------------------------------------------- what is answered


def test_a_service_is_answered_as_documented(verigator: FakeVerigator) -> None:
    made = verigator.ask("POST", SERVICES, {"fqdn": "CoffeeShop.example", "name": "CoffeeShop"})
    assert made.status == 201
    assert made.headers["Content-Type"] == "application/json"
    assert made.body.keys() == {"id", "fqdn", "name", "ctime"}
    assert re.fullmatch(UUID, made.body["id"])
    assert re.fullmatch(TIME, made.body["ctime"])
    assert (made.body["fqdn"], made.body["name"]) == ("coffeeshop.example", "CoffeeShop")
    read = verigator.ask("GET", SERVICE, None, (made.body["id"],))
    assert (read.status, read.body) == (200, made.body)


def test_a_user_is_answered_as_documented_without_the_number(verigator: FakeVerigator) -> None:
    service = verigator.service()
    body = {"id_in_service": "john.doe@verigator.com", "phone_number": "+4401234567"}
    made = verigator.ask("POST", f"{SERVICE}/users", body, (service,))
    assert made.status == 201
    assert made.body.keys() == {"id", "id_in_service", "ctime"}
    assert re.fullmatch(UUID, made.body["id"]) and re.fullmatch(TIME, made.body["ctime"])
    assert made.body["id_in_service"] == "john.doe@verigator.com"
    for resource in (USER, f"{SERVICE}/user/{{user}}"):
        read = verigator.ask("GET", resource, None, (service, made.body["id"]))
        assert (read.status, read.body) == (200, made.body)
    listed = verigator.ask("GET", f"{SERVICE}/users", None, (service,))
    assert (listed.status, listed.body) == (200, {"users": [made.body]})


def test_an_empty_service_has_a_list_of_nobody(verigator: FakeVerigator) -> None:
    listed = verigator.ask("GET", f"{SERVICE}/users", None, (verigator.service(),))
    assert (listed.status, listed.body) == (200, {"users": []})


def test_what_is_deleted_is_answered_in_json_with_202(verigator: FakeVerigator, path: Path) -> None:
    service, user = path
    gone = verigator.ask("DELETE", USER, None, path)
    assert (gone.status, gone.body) == (202, {"id": user})
    gone = verigator.ask("DELETE", SERVICE, None, (service,))
    assert (gone.status, gone.body) == (202, {"id": service})
    for method, resource in (("GET", SERVICE), ("DELETE", SERVICE), ("GET", f"{SERVICE}/users")):
        assert verigator.ask(method, resource, None, (service,)).status == 404


@pytest.mark.parametrize("agent", [JAVA, "Verigator-Java-2.0 (x)", "verigator-java"])
def test_the_java_client_takes_200_for_what_is_made(verigator: FakeVerigator, agent: str) -> None:
    service = verigator.ask("POST", SERVICES, {"fqdn": "a.example", "name": "A"}, agent=agent)
    body = {"id_in_service": "ann", "phone_number": "+31612345678"}
    where = (service.body["id"],)
    user = verigator.ask("POST", f"{SERVICE}/users", body, where, agent=agent)
    path = (*where, user.body["id"])
    started = verigator.ask("POST", AUTH, {"method": "sms"}, path, agent=agent)
    deleted = verigator.ask("DELETE", USER, None, path, agent=agent)
    statuses = [answer.status for answer in (service, user, started, deleted)]
    assert statuses == [200, 200, 200, 202]


@pytest.mark.parametrize("agent", ["python-requests/2.18.4", "x verigator-java-1.1", ""])
def test_everybody_else_has_201_for_what_is_made(
    verigator: FakeVerigator, path: Path, agent: str
) -> None:
    body = {"fqdn": "a.example", "name": "A"}
    assert verigator.ask("POST", SERVICES, body, agent=agent).status == 201
    # Nothing is made by a start, and nobody's client minds.
    assert verigator.ask("POST", AUTH, {"method": "sms"}, path, agent=agent).status == 200


def test_a_start_says_which_method_is_used(verigator: FakeVerigator, path: Path) -> None:
    assert verigator.started(path, "sms") == "sms"
    assert verigator.started(path, "totp") == "sms"
    verigator.app(path)
    assert verigator.started(path, "totp") == "totp"
    assert verigator.started(path, "sms") == "sms"


def test_a_right_token_is_verified(verigator: FakeVerigator, path: Path) -> None:
    verigator.started(path)
    assert verigator.guess(path, verigator.code()) == {"method": "sms", "verified": True}


def refused(result: str, method: str = "sms") -> dict[str, Any]:
    flags = {name: name.upper() == result for name in ("throttled", "expired", "invalid")}
    return {"method": method, "verified": False, "status": {**flags, "result": result}}


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_a_wrong_token_is_invalid_and_after_five_all_are_throttled(
    verigator: FakeVerigator, path: Path
) -> None:
    verigator.started(path)
    code = verigator.code()
    for _ in range(5):
        assert verigator.guess(path, wrong(code)) == refused("INVALID")
    assert verigator.guess(path, code) == refused("THROTTLED")


def test_a_late_token_is_expired(verigator: FakeVerigator, path: Path) -> None:
    verigator.started(path)
    verigator.stack.clock.advance(300)
    assert verigator.guess(path, verigator.code()) == refused("EXPIRED")


def test_a_used_token_is_expired(verigator: FakeVerigator, path: Path) -> None:
    verigator.started(path)
    verigator.guess(path, verigator.code())
    assert verigator.guess(path, verigator.code()) == refused("EXPIRED")


def test_a_token_of_an_app_is_verified_and_says_so(verigator: FakeVerigator, path: Path) -> None:
    app = verigator.app(path)
    verigator.started(path, "totp")
    right = verigator.shown(app)
    bad = f"{(int(right) + 500_000) % 1_000_000:06d}"
    assert verigator.guess(path, bad) == refused("INVALID", "totp")
    assert verigator.guess(path, right) == {"method": "totp", "verified": True}


@pytest.mark.parametrize("named", [{}, {"method": None}, {"method": "sms"}, {"method": "totp"}])
def test_the_method_that_was_started_counts_whichever_is_named(
    verigator: FakeVerigator, path: Path, named: dict[str, Any]
) -> None:
    verigator.started(path)
    verified = {"method": "sms", "verified": True}
    assert verigator.guess(path, verigator.code(), **named) == verified


def test_a_token_may_be_a_number_and_have_spaces_and_hyphens(
    verigator: FakeVerigator, path: Path
) -> None:
    for write in (lambda code: f" {code[:3]} - {code[3:]}\n", int):
        verigator.started(path)
        while verigator.code().startswith("0"):  # a number has no leading zeros
            verigator.started(path)
        assert verigator.guess(path, write(verigator.code()))["verified"] is True


@pytest.mark.parametrize(
    "token",
    [
        "abc",
        "123",
        "1" * 17,
        "12345x",
        " ",
        "\u0661\u0662\u0663\u0664\u0665\u0666",
        "12.456",
        12,
        1.5,
        -1,
        10**30,
    ],
)
def test_what_cannot_be_a_token_is_wrong_and_not_counted(
    verigator: FakeVerigator, path: Path, token: Any
) -> None:
    verigator.started(path)
    for _ in range(6):
        assert verigator.guess(path, token) == refused("INVALID")
    assert verigator.guess(path, verigator.code())["verified"] is True


# ------------------------------------------------------------------------------ fields

GOOD: dict[str, dict[str, Any]] = {
    "service": {"fqdn": "new.example", "name": "New"},
    "user": {"id_in_service": "new", "phone_number": "+31612345678"},
    "start": {"method": "sms"},
    "guess": {"token": "123456"},
}
ASK: dict[str, Callable[[FakeVerigator, Path, Any], Any]] = {
    "service": lambda v, path, body: v.ask("POST", SERVICES, body),
    "user": lambda v, path, body: v.ask("POST", f"{SERVICE}/users", body, path[:1]),
    "start": lambda v, path, body: v.ask("POST", AUTH, body, path),
    "guess": lambda v, path, body: v.ask("PUT", AUTH, body, path),
}
ABSENT = object()
NO_TEXT = [None, 1, 1.5, True, [], ["x"], {}, {"x": "y"}]
TEXT = "should be a valid string"
SHORT, BLANK = "String should have at least 1 character", "should be printable, and not blank"
HOST = "should be a host name of at most 253 characters"
LONGEST = ("a" * 63 + ".") * 3 + "b" * 61  # as a host name: 253 characters
NUMBER = "should be a phone number in E.164, with country code"
METHOD = "should be 'sms' or 'totp'"

# Field: what it takes, the lowest and the highest among them; and what not, with the reason.
FIELDS: dict[tuple[str, str], tuple[list[Any], list[tuple[Any, str]]]] = {
    ("service", "fqdn"): (
        [
            "a",
            "localhost",
            "a-b.example",
            "Another.Example",
            "1.example",
            "a_b.example",
            "a.example.",
            LONGEST,
            f"{LONGEST}.",
            "http://a.example",
            "https://www.a.example:8443/b?c#d@e",
            f"https://{LONGEST}/".ljust(2_000, "x"),
        ],
        [
            (ABSENT, "Field required"),
            ("", SHORT),
            ("https://a.example/".ljust(2_001, "x"), "String should have at most 2000 characters"),
            *[(text, HOST) for text in (f"{LONGEST}b", f"http://{LONGEST}b", "a" * 2_000)],
            *[(text, HOST) for text in (" ", "a b", "a..b", ".a", "a..", ".", "a\n")],
            *[
                (text, HOST)
                for text in ("http://", "http:///a", "://a", "http://a b", "http://a\tb")
            ],
            *[(text, HOST) for text in ("http://a@b", "http://a:b@c", "http://@a", "http://[::1]")],
            *[(text, HOST) for text in ("http://[", "http://\u2100.example", "http://a\\b")],
            *[(text, HOST) for text in ("\u00e9.example", "a.example/x", "a.example:80", "a#b")],
            *[(value, TEXT) for value in NO_TEXT],
        ],
    ),
    ("service", "name"): (
        ["x", "x" * 64, "Coffee Shop: 2", "\u00e9\U0001f600", "{code} <b>"],
        [
            (ABSENT, "Field required"),
            ("", SHORT),
            ("x" * 65, "String should have at most 64 characters"),
            *[(text, BLANK) for text in (" ", "a\nb", "\x00", "a\x7f", "\u202ea", "\u2028")],
            *[(value, TEXT) for value in NO_TEXT],
        ],
    ),
    ("user", "id_in_service"): (
        ["x", "x" * 255, "\U0001f600" * 255, "john.doe@verigator.com", "a#b/c d"],
        [
            (ABSENT, "Field required"),
            ("", SHORT),
            ("x" * 256, "String should have at most 255 characters"),
            *[(text, BLANK) for text in (" ", "a\nb", "\x00")],
            *[(value, TEXT) for value in NO_TEXT],
        ],
    ),
    ("user", "phone_number"): (
        ["+3725555555", "3725555555", " +372 5555555", "+2907123", "+49" + "1" * 13, "+4401234567"],
        [
            (ABSENT, "Field required"),
            ("", SHORT),
            ("1" * 41, "String should have at most 40 characters"),
            *[(text, NUMBER) for text in ("+1", "12", "+31" + "6" * 13, "+999123456789")],
            *[(text, NUMBER) for text in ("a@b.example", "+xxxxxxxxxxx", "++3725555555", " ", "+")],
            *[(value, TEXT) for value in [*NO_TEXT, 3_725_555_555]],
        ],
    ),
    ("start", "method"): (
        ["sms", "totp"],
        [
            (ABSENT, "Field required"),
            *[(value, METHOD) for value in ["", "SMS", "voice", " sms", *NO_TEXT]],
        ],
    ),
    ("guess", "token"): (
        ["1", "1234", "1" * 16, "x" * 10_000, 0, 123456, 1.5, "\x00"],
        [
            (ABSENT, "Field required"),
            ("", SHORT),
            *[(value, TEXT) for value in (None, True, False, [], ["123456"], {}, {"x": "y"})],
        ],
    ),
    ("guess", "method"): (
        [ABSENT, None, "sms", "totp"],
        [(value, METHOD) for value in ["", "SMS", "voice", 1, True, [], {}]],
    ),
}


def body(request: str, field: str, value: Any) -> dict[str, Any]:
    given_one = {} if value is ABSENT else {field: value}
    return {name: one for name, one in GOOD[request].items() if name != field} | given_one


@pytest.mark.parametrize(
    ("sent", "fqdn"),
    [
        ("http://example.com", "example.com"),  # as the README of the Python client has it
        ("https://user.Example.com:443/path?query#fragment", "user.example.com"),
        ("Shop.Example.", "shop.example"),
    ],
)
def test_of_a_url_the_host_name_counts_and_is_taken_once(
    verigator: FakeVerigator, sent: str, fqdn: str
) -> None:
    made = verigator.ask("POST", SERVICES, {"fqdn": sent, "name": "Shop"})
    assert (made.status, made.body["fqdn"]) == (201, fqdn)
    assert verigator.ask("POST", SERVICES, {"fqdn": fqdn, "name": "Shop"}).status == 409


def test_every_field_is_in_the_table() -> None:
    models: dict[str, type[BaseModel]] = {
        "service": fields.ServiceFields,
        "user": fields.UserFields,
        "start": fields.StartFields,
        "guess": fields.GuessFields,
    }
    assert FIELDS.keys() == {
        (name, field) for name, m in models.items() for field in m.model_fields
    }


@pytest.mark.parametrize(
    ("request_", "field", "value"),
    [(*key, value) for key, (taken, _) in FIELDS.items() for value in taken],
)
def test_a_field_takes_its_lowest_and_highest_value(
    verigator: FakeVerigator, path: Path, request_: str, field: str, value: Any
) -> None:
    verigator.started(path)
    answer = ASK[request_](verigator, path, body(request_, field, value))
    assert answer.status == (201 if request_ in ("service", "user") else 200), answer


@pytest.mark.parametrize(
    ("request_", "field", "value", "fault"),
    [(*key, *pair) for key, (_, refused) in FIELDS.items() for pair in refused],
)
def test_a_field_refuses_all_else_and_says_why(
    verigator: FakeVerigator, path: Path, request_: str, field: str, value: Any, fault: str
) -> None:
    verigator.started(path)
    before = len(verigator.stack.messenger.sent)
    answer = ASK[request_](verigator, path, body(request_, field, value))
    assert answer.status == 422
    assert answer.body.keys() == {"message"}
    assert answer.body["message"].startswith(f"Some fields are not valid: {field} {fault}")
    assert len(verigator.stack.messenger.sent) == before


def test_lone_surrogates_are_refused(verigator: FakeVerigator, path: Path) -> None:
    for request, field in FIELDS:
        if (request, field) != ("guess", "token"):
            answer = ASK[request](verigator, path, body(request, field, "a\ud800"))
            assert answer.status == 422, (request, field)


def test_unknown_fields_mean_nothing(verigator: FakeVerigator, path: Path) -> None:
    more: dict[str, Any] = {"auth_id": None, "x": {"y": []}}
    for request in ("service", "user", "start", "guess"):
        assert ASK[request](verigator, path, GOOD[request] | more).status in (200, 201)


# ---------------------------------------------------------------------------- statuses

EVERYTHING = [
    ("POST", SERVICES),
    ("GET", SERVICE),
    ("DELETE", SERVICE),
    ("POST", f"{SERVICE}/users"),
    ("GET", f"{SERVICE}/users"),
    ("GET", USER),
    ("GET", f"{SERVICE}/user/{{user}}"),
    ("DELETE", USER),
    ("POST", AUTH),
    ("PUT", AUTH),
]
each_call = pytest.mark.parametrize(("method", "resource"), EVERYTHING)
BODIES = {
    f"POST {SERVICES}": GOOD["service"],
    f"POST {SERVICE}/users": GOOD["user"],
    f"POST {AUTH}": GOOD["start"],
    f"PUT {AUTH}": GOOD["guess"],
}


def test_every_call_is_in_the_table(verigator: FakeVerigator) -> None:
    api = routes.Verigator(verigator.manage, verigator.start_auth, verigator.check_auth)
    assert list(api.routes) == [" ".join(call) for call in EVERYTHING]


@each_call
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Service-Auth": ""},
        {"X-Service-Auth": SHOP.id},
        {"X-Service-Auth": f"{SHOP.id}:"},
        {"X-Service-Auth": f":{SECRET}"},
        {"X-Service-Auth": f"{SHOP.id}:wrong"},
        {"X-Service-Auth": f"nobody:{SECRET}"},
        {"X-Service-Auth": f"{SHOP.id}:{'x' * 129}"},
        {"X-Service-Auth": f"{SHOP.id}:a\ud800"},
        {"X-Service-Auth": f"SHOP:{SECRET}"},
        {"Authorization": f"Bearer {SHOP.id}.{SECRET}"},
    ],
    ids=str,
)
def test_without_credentials_there_is_401_and_nothing_else(
    verigator: FakeVerigator, method: str, resource: str, headers: dict[str, str]
) -> None:
    event = http_event(method, resource, "{ not JSON", headers)
    answer = verigator.handle(event)
    assert answer["statusCode"] == 401
    assert json.loads(answer["body"]) == {"message": "Valid credentials are needed"}


def test_a_secret_may_have_colons_and_headers_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fakes.calls.SECRET", "a:b::c")
    verigator = FakeVerigator(make_telemetry(monkeypatch))
    headers = {"x-service-AUTH": f"{SHOP.id}:a:b::c"}
    assert (
        verigator.handle(http_event("POST", SERVICES, GOOD["service"], headers))["statusCode"]
        == 201
    )


@each_call
def test_from_another_address_there_is_403(
    verigator: FakeVerigator, method: str, resource: str
) -> None:
    answer = verigator.ask(method, resource, None, (NOWHERE, NOWHERE), by=AT_HOME.id)
    assert (answer.status, answer.body) == (
        403,
        {"message": "This client may not call from this address"},
    )


OTHERS = ["others", "unknown service", "no ids", "deleted"]
MISSING = [
    (*call, who)
    for call in EVERYTHING[1:]
    for who in [*OTHERS, *(["unknown user"] if "{user}" in call[1] else [])]
]


@pytest.mark.parametrize(("method", "resource", "who"), MISSING)
def test_what_is_not_there_or_somebody_elses_is_404(
    verigator: FakeVerigator, path: Path, method: str, resource: str, who: str
) -> None:
    service, user = path
    verigator.started(path)
    where = {
        "others": path,
        "unknown user": (service, NOWHERE),
        "unknown service": (NOWHERE, user),
        "no ids": ("my-service-id", "x" * 4000),
        "deleted": path,
    }[who]
    if who == "deleted":
        verigator.services.close(SHOP.id, service)
        if (method, resource) == ("DELETE", SERVICE):
            verigator.ask(method, resource, None, where)
    by = OTHER.id if who == "others" else SHOP.id
    answer = verigator.ask(method, resource, BODIES.get(f"{method} {resource}"), where, by=by)
    assert (answer.status, answer.body) == (404, {"message": "There is no such service or user"})


def test_without_a_start_and_after_a_cancel_a_guess_is_404(
    verigator: FakeVerigator, path: Path
) -> None:
    missing = {"message": "There is no such verification"}
    for token in ("123456", "letters"):
        answer = verigator.ask("PUT", AUTH, {"token": token}, path)
        assert (answer.status, answer.body) == (404, missing)
    verigator.started(path)
    verigator.stack.verifications._items.clear()
    answer = verigator.ask("PUT", AUTH, {"token": "123456"}, path)
    assert (answer.status, answer.body) == (404, missing)


def test_what_exists_is_409_and_its_id_is_told(verigator: FakeVerigator, path: Path) -> None:
    again = [
        verigator.ask("POST", SERVICES, {"fqdn": "SHOP.example", "name": "Other"}),
        verigator.ask(
            "POST",
            f"{SERVICE}/users",
            {"id_in_service": "ann", "phone_number": "+3725555555"},
            path[:1],
        ),
    ]
    for answer, known in zip(again, path, strict=True):
        message = f"There is one of that name: {known}."
        assert (answer.status, answer.body) == (409, {"message": message})


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        '"x"',
        "fqdn=a&name=b",
        '{"fqdn": "a", "fqdn": "b"}',
        "[" * 9000,
        "\x00",
        "NaN",
        " " + "x" * 40_000,
    ],
    ids=lambda text: text[:20],
)
def test_an_unreadable_body_is_422(verigator: FakeVerigator, path: Path, text: str) -> None:
    for call in BODIES:
        method, resource = call.split()
        answer = verigator.ask(method, resource, text, path)
        assert answer.status == 422
        assert re.search("body|JSON", answer.body["message"])


@pytest.mark.parametrize("text", [None, "", "  ", "{}"])
def test_an_empty_body_lacks_fields(verigator: FakeVerigator, path: Path, text: str | None) -> None:
    for call in BODIES:
        method, resource = call.split()
        answer = verigator.ask(method, resource, text, path)
        assert answer.status == 422 and "Field required" in answer.body["message"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (None, 201),
        ("application/json", 201),
        ("Application/JSON; charset=utf-8", 201),
        ("application/x-www-form-urlencoded", 422),
        ("text/plain", 422),
    ],
)
def test_bodies_are_json_or_undeclared(
    verigator: FakeVerigator, kind: str | None, status: int
) -> None:
    headers = {"X-Service-Auth": f"{SHOP.id}:{SECRET}"} | ({"Content-Type": kind} if kind else {})
    answer = verigator.handle(http_event("POST", SERVICES, GOOD["service"], headers))
    assert answer["statusCode"] == status


def test_a_limit_that_is_used_up_is_422_with_the_time_to_wait(make: Make) -> None:
    verigator = make(sends="1/10m")
    path = verigator.user(verigator.service())
    verigator.started(path)
    answer = verigator.ask("POST", AUTH, {"method": "sms"}, path)
    assert answer.status == 422
    assert answer.body == {"message": "The limit destination_sends 1/10m is used up."}
    assert 1 <= int(answer.headers["Retry-After"]) <= 600


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ScopeMissing("It needs the scope start."), 403),
        (DestinationNotAllowed("Not to numbers of EE."), 422),
        (SuspectedFraud("country_day."), 422),
        (BudgetSpent("The limit client_messages 1/day is used up.", retry_after=9), 422),
    ],
)
def test_what_may_not_be_done_is_said_in_a_sentence(error: ServiceError, status: int) -> None:
    answer = VerigatorApi().refuse(error, "request-1")
    assert (answer.status, answer.body) == (status, {"message": error.detail})
    assert answer.headers == ({"Retry-After": "9"} if error.retry_after else {})


def test_too_many_users_are_422(
    verigator: FakeVerigator, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verigator.user(path[0], "bob")
    monkeypatch.setattr("verification.operations.services.MAX_LISTED", 1)
    answer = verigator.ask("GET", f"{SERVICE}/users", None, path[:1])
    assert answer.status == 422
    assert answer.body == {"message": "A service with more than 1 users is not listed."}


def test_a_list_fits_what_lambda_may_answer(
    verigator: FakeVerigator, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = verigator.ask("GET", f"{SERVICE}/users", None, path[:1])
    size = len(json.dumps(answer.body))
    monkeypatch.setattr(routes, "MAX_LIST_BYTES", size)
    assert verigator.ask("GET", f"{SERVICE}/users", None, path[:1]).status == 200
    monkeypatch.setattr(routes, "MAX_LIST_BYTES", size - 1)
    answer = verigator.ask("GET", f"{SERVICE}/users", None, path[:1])
    assert answer.status == 422
    assert answer.body == {"message": "The users of this service are too many to be listed."}


def test_a_stack_that_sends_no_sms_says_so(make: Make) -> None:
    verigator = make(routes="email=fake")
    path = verigator.user(verigator.service())
    answer = verigator.ask("POST", AUTH, {"method": "sms"}, path)
    assert answer.status == 422
    assert answer.body["message"].endswith("channel sms has no provider in this stack")


def test_a_message_that_nobody_takes_is_502(verigator: FakeVerigator, path: Path) -> None:
    verigator.stack.messenger.failing = ProviderRejected("fake", "21")
    answer = verigator.ask("POST", AUTH, {"method": "sms"}, path)
    assert (answer.status, answer.body) == (502, {"message": "No provider took the message."})


def test_a_message_that_waits_is_on_its_way(verigator: FakeVerigator, path: Path) -> None:
    verigator.stack.messenger.failing = ProviderUnavailable("fake", "503")
    assert verigator.started(path) == "sms"


def test_a_verifier_without_an_answer_is_502(make: Make) -> None:
    vendor = FakeVerifier()
    verigator = make(providers=[vendor])
    path = verigator.user(verigator.service())
    verigator.started(path)
    vendor.check_failing = ProviderUnavailable("verifier", "503")
    answer = verigator.ask("PUT", AUTH, {"token": "424242"}, path)
    assert answer.status == 502
    vendor.check_failing = None
    assert verigator.guess(path, "424242") == {"method": "sms", "verified": True}


@each_call
def test_a_table_out_of_reach_is_503(
    verigator: FakeVerigator, path: Path, method: str, resource: str
) -> None:
    failing = ("create_service", "service", "close", "create_user")
    verigator.services.failing = dict.fromkeys(failing, TemporarilyUnavailable(retry_after=1))
    answer = verigator.ask(method, resource, BODIES.get(f"{method} {resource}"), path)
    assert (answer.status, answer.body) == (503, {"message": "Try again in a moment"})
    assert answer.headers["Retry-After"] == "1"


@each_call
def test_a_crash_is_500_and_says_nothing(
    verigator: FakeVerigator, path: Path, method: str, resource: str
) -> None:
    failing = ("create_service", "service", "close", "create_user")
    verigator.services.failing = dict.fromkeys(failing, RuntimeError("+31612345678 and 123456"))
    answer = verigator.ask(method, resource, BODIES.get(f"{method} {resource}"), path)
    assert (answer.status, answer.body) == (500, {"message": "Something went wrong on our side"})


def test_a_method_that_is_none_of_theirs_is_405(verigator: FakeVerigator, path: Path) -> None:
    answer = verigator.ask("PATCH", USER, {}, path)
    assert (answer.status, answer.body) == (405, {"message": "This path does not take this method"})


# ----------------------------------------------------------------------------- secrets

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["fqdn", "name", "id_in_service", "phone_number", "method", "token", "code"]
)
LIKELY = st.sampled_from(["sms", "totp", "+31612345678", "shop.example", "123456", "ann", "\ud800"])
BODY = st.none() | st.text() | st.dictionaries(NAMES, LIKELY | JSON, max_size=4)
TEXT_OR_NOTHING = st.none() | st.text()
CALLS = st.sampled_from(
    [
        *EVERYTHING,
        ("POST", TOTP),
        ("POST", f"{TOTP}/confirm"),
        ("DELETE", TOTP),
        ("PATCH", USER),
        ("GET", TOTP),
    ]
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    call=CALLS,
    body=BODY,
    ids=st.tuples(*[st.sampled_from(["own", "nobody"]) | st.text()] * 2),
    auth=st.sampled_from(["own", "wrong"]) | TEXT_OR_NOTHING,
    kind=st.sampled_from(["application/json", None]) | TEXT_OR_NOTHING,
    agent=TEXT_OR_NOTHING,
    query=st.none() | st.dictionaries(st.text(), st.text(), max_size=2),
    encoded=st.booleans(),
)
def test_whatever_comes_the_answer_is_json_with_a_documented_status(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    call: tuple[str, str],
    body: Any,
    ids: tuple[str, str],
    auth: str | None,
    kind: str | None,
    agent: str | None,
    query: Mapping[str, str] | None,
    encoded: bool,
) -> None:
    verigator = FakeVerigator(make_telemetry(monkeypatch))
    path = verigator.user(verigator.service())
    app = verigator.app(path)
    verigator.started(path)
    known = {"own": dict(zip(("service", "user"), path, strict=True)), "nobody": NOWHERE}
    named = {
        name: known["own"][name] if one == "own" else known.get(one, one)  # type: ignore[index]
        for name, one in zip(("service", "user"), ids, strict=True)
    }
    credentials = {"own": (SHOP.id, SECRET), "wrong": (SHOP.id, "wrong-secret")}.get(auth or "")
    headers = {
        "X-Service-Auth": ":".join(credentials) if credentials else auth,
        "Authorization": f"Bearer {'.'.join(credentials)}" if credentials else auth,
        "Content-Type": kind,
        "User-Agent": agent,
    }
    capsys.readouterr()
    event = http_event(
        *call,
        body,
        {name: value for name, value in headers.items() if value is not None},
        pathParameters=named,
        queryStringParameters=query,
        multiValueQueryStringParameters=query and {name: [one] for name, one in query.items()},
        isBase64Encoded=encoded,
    )
    answer = verigator.handle(event)
    native = call[1].startswith(TOTP)
    allowed = DOCUMENTED | {405} | ({204, 400} if native else set())
    assert answer["statusCode"] in allowed - {500}, answer
    if answer["statusCode"] != 204:
        shown = json.loads(answer["body"])
        assert isinstance(shown, dict)
        if answer["statusCode"] >= 400 and not native:
            assert shown.keys() == {"message"}
    logged = capsys.readouterr().out
    token = body.get("token") if isinstance(body, dict) else None
    secrets = [SECRET, "wrong-secret", app.secret, verigator.code(), "31612345678"]
    for secret in [*secrets, *([token] if isinstance(token, str) and len(token) > 5 else [])]:
        assert secret not in re.sub(r'"timestamp":"[^"]*"', "", logged)


def test_no_log_of_a_whole_flow_has_a_token_a_seed_a_secret_or_a_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verigator = FakeVerigator(make_telemetry(monkeypatch), logs_all=True)
    path = verigator.user(verigator.service())
    app = verigator.app(path)
    shown = verigator.shown(app)
    verigator.started(path)
    code = verigator.code()
    verigator.guess(path, wrong(code))
    verigator.guess(path, code)
    verigator.started(path, "totp")
    verigator.guess(path, shown)
    verigator.ask("DELETE", USER, None, path)
    verigator.ask("PUT", AUTH, {"token": code}, path, secret="another-secret")
    logged = capsys.readouterr().out
    events = [line["message"] for line in lines(logged) if "message" in line]
    assert {"verification_started", "verification_judged", "verification_canceled"} <= set(events)
    logged = re.sub(r'"(timestamp|Timestamp)":("[^"]*"|\d+)', "", logged)
    for secret in (code, wrong(code), shown, app.secret, SECRET, "another-secret", "31612345678"):
        assert secret not in logged
