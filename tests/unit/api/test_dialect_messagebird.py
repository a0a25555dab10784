"""MessageBird's parameters: each with its default and its bounds, as JSON and as a form."""

from typing import Any

import pytest
from verification.api.dialects.messagebird.requests import Parameters
from verification.domain.spoken import LANGUAGES

from tests.fakes.messagebird import SENDER, Bird, Reply, key_of
from tests.unit.logs import make_telemetry

NUMBER = "31612345678"
BY_EMAIL = {"type": "email", "recipient": "ann@example.com"}
BY_VOICE = {"type": "tts"}

# What is started when nothing but the recipient is given.
DEFAULTS: dict[str, Any] = {
    "to": "+31612345678",
    "channel": "sms",
    "flash": False,
    "sender": None,
    "reference": None,
    "text": "Your code is: *",
    "subject": None,
    "validity": 30,
    "code_length": 6,
    "max_attempts": 1,
    "max_sends": 1,
    "max_auto_sends": 0,
    "resend_after": None,
    "voice": None,
    "locale": "en-gb",
    "test": False,
}
BY = {
    "sms": ({}, {}),
    "email": (
        BY_EMAIL,
        {"to": "ann@example.com", "channel": "email", "subject": "Your OTP token"},
    ),
    "tts": (BY_VOICE, {"channel": "voice", "text": "Your code is: *. Your code is: *"}),
}


@pytest.fixture
def bird(monkeypatch: pytest.MonkeyPatch) -> Bird:
    return Bird(make_telemetry(monkeypatch))


def started(bird: Bird, reply: Reply) -> dict[str, Any]:
    """What became of a call: the verification, and the message that was sent."""
    assert reply.status == 201, reply
    record = bird.stack.lookup.one("shop", reply.body["id"])
    (sent,) = bird.stack.messenger.sent
    one, code = record.verification, bird.token()
    text = sent.message.text.replace(code, "*").replace(", ".join(code), "*")
    names = set(DEFAULTS) - {"text", "subject", "validity"}
    seen = {name: getattr(one, name) for name in names}
    assert (sent.order.sender, sent.order.flash, sent.order.voice, sent.order.locale) == tuple(
        seen[name] for name in ("sender", "flash", "voice", "locale")
    )
    assert len(code) == one.code_length
    return seen | {
        "text": text,
        "subject": sent.message.subject,
        "validity": (one.valid_until - one.created_at) // 1000,
    }


def post(bird: Bird, fields: dict[str, Any], way: str) -> Reply:
    return bird.ask("POST", "/verify", fields, form=way == "form")


each_way = pytest.mark.parametrize("way", ["json", "form"])

# By parameter: the way it is sent, its value, and what that changes.
ACCEPTED: list[tuple[str, str, Any, dict[str, Any]]] = [
    ("recipient", "sms", NUMBER, {}),
    ("recipient", "sms", int(NUMBER), {}),
    ("recipient", "sms", f"+{NUMBER}", {}),
    ("recipient", "sms", f" {NUMBER}", {}),  # a + that was not escaped in a form
    ("recipient", "sms", "12025550100", {"to": "+12025550100"}),
    ("recipient", "tts", "12025550100", {"to": "+12025550100"}),
    ("recipient", "email", "Ann@Example.com", {}),
    ("recipient", "email", "Ann Other <ann@example.com>", {}),
    ("originator", "sms", "A", {"sender": "A"}),
    ("originator", "sms", "Code", {"sender": "Code"}),
    ("originator", "sms", "MyBrand2026", {"sender": "MyBrand2026"}),
    ("originator", "sms", "31201234567", {"sender": "+31201234567"}),
    ("originator", "sms", 31201234567, {"sender": "+31201234567"}),
    ("originator", "sms", "+31201234567", {"sender": "+31201234567"}),
    ("originator", "sms", "1", {"sender": "+1"}),
    ("originator", "sms", "1" * 15, {"sender": "+" + "1" * 15}),
    ("originator", "tts", "31201234567", {"sender": "+31201234567"}),
    ("originator", "tts", "Shop", {"sender": "Shop"}),
    ("originator", "email", "shop@example.org", {"sender": "shop@example.org"}),
    ("originator", "email", "The Shop <shop@example.org>", {"sender": "shop@example.org"}),
    ("originator", "email", "+shop@example.org", {"sender": "+shop@example.org"}),
    ("originator", "sms", "", {}),
    ("reference", "sms", "a", {"reference": "a"}),
    ("reference", "sms", "Z9" * 64, {"reference": "Z9" * 64}),
    ("reference", "sms", 7, {"reference": "7"}),
    ("reference", "sms", "", {}),
    ("type", "sms", "sms", {}),
    ("type", "sms", "SMS", {}),
    ("type", "sms", "flash", {"flash": True}),
    ("type", "sms", "tts", BY["tts"][1]),
    ("type", "email", "email", {}),
    ("type", "sms", "", {}),
    ("template", "sms", "%token", {"text": "*"}),
    ("template", "sms", "%token or %token", {"text": "* or *"}),
    ("template", "sms", "a {b} 100% {code}: %token", {"text": "a {b} 100% {code}: *"}),
    ("template", "sms", "two\nlines %token", {"text": "two\nlines *"}),
    ("template", "sms", "€ Ω 你 %token", {"text": "€ Ω 你 *"}),
    ("template", "sms", "x" * (459 - 6) + "%token", {"text": "x" * (459 - 6) + "*"}),
    ("template", "tts", "Code %token!", {"text": "Code *! Code *!"}),
    ("template", "email", "x" * (2_000 - 6) + "%token", {"text": "x" * (2_000 - 6) + "*"}),
    ("template", "sms", "", {}),
    *(("datacoding", "sms", one, {}) for one in ("plain", "unicode", "auto", "AUTO", "")),
    ("timeout", "sms", 30, {}),
    ("timeout", "sms", 31, {"validity": 31}),
    ("timeout", "sms", "30", {}),
    ("timeout", "sms", 172_801, {"validity": 172_801}),
    ("timeout", "sms", "", {}),
    ("tokenLength", "sms", 6, {}),
    ("tokenLength", "sms", 10, {"code_length": 10}),
    ("tokenLength", "sms", "10", {"code_length": 10}),
    ("tokenLength", "sms", "", {}),
    ("maxAttempts", "sms", 1, {}),
    ("maxAttempts", "sms", 10, {"max_attempts": 10}),
    ("maxAttempts", "sms", "10", {"max_attempts": 10}),
    ("maxAttempts", "sms", "", {}),
    ("voice", "tts", "male", {"voice": "male"}),
    ("voice", "tts", "female", {"voice": "female"}),
    ("voice", "tts", "MALE", {"voice": "male"}),  # as the Java client spells it
    ("voice", "tts", "", {}),
    ("voice", "sms", "female", {}),  # as the client for C# says with everything
    *(("language", "tts", one, {"locale": one}) for one in LANGUAGES),
    ("language", "sms", "nl-nl", {"locale": "nl-nl"}),
    ("language", "tts", "NL_NL", {"locale": "nl-nl"}),
    ("language", "tts", "EN_GB_WLS", {"locale": "en-gb-wls"}),
    ("language", "tts", "", {}),
    ("subject", "email", "x", {"subject": "x"}),
    ("subject", "email", "x" * 150, {"subject": "x" * 150}),
    ("subject", "email", "{brand} {", {"subject": "{brand} {"}),
    ("subject", "email", "", {}),
    ("subject", "sms", "x" * 150, {}),  # for e-mail only
    ("reportUrl", "sms", "https://shop.example.org/reports?a=b#c", {}),
    ("reportUrl", "sms", "http://[::1]:8080", {}),
    ("reportUrl", "sms", "https://shop.example.org/" + "x" * 1_975, {}),
    ("reportUrl", "sms", "", {}),
]


@each_way
@pytest.mark.parametrize(("parameter", "by", "value", "changes"), ACCEPTED)
def test_a_parameter_changes_what_it_is_for_and_nothing_else(
    bird: Bird, way: str, parameter: str, by: str, value: Any, changes: dict[str, Any]
) -> None:
    base, usual = BY[by]
    reply = post(bird, {"recipient": NUMBER} | base | {parameter: value}, way)
    assert started(bird, reply) == DEFAULTS | usual | changes


def test_a_subject_is_kept_for_email_alone(bird: Bird) -> None:
    reply = bird.create(subject="x")
    assert bird.stack.lookup.one("shop", reply.body["id"]).details.subject is None


@pytest.mark.parametrize("by", BY)
@each_way
def test_what_is_absent_has_its_default(bird: Bird, way: str, by: str) -> None:
    base, usual = BY[by]
    assert started(bird, post(bird, {"recipient": NUMBER} | base, way)) == DEFAULTS | usual


OPTIONAL = sorted({parameter for parameter, *_ in ACCEPTED} - {"recipient"})


def test_null_is_as_good_as_absent(bird: Bird) -> None:
    nothing = dict.fromkeys(OPTIONAL)
    assert started(bird, post(bird, {"recipient": NUMBER, **nothing}, "json")) == DEFAULTS


REFUSED: list[tuple[str, str, Any, int]] = [
    ("recipient", "sms", "", 9),
    ("recipient", "email", "", 9),
    ("recipient", "sms", " ", 10),
    ("recipient", "sms", "12", 10),
    ("recipient", "sms", 12, 10),
    ("recipient", "sms", "0612345678", 10),
    ("recipient", "sms", "0031612345678", 10),
    ("recipient", "sms", "nobody", 10),
    ("recipient", "sms", NUMBER * 3, 10),
    ("recipient", "sms", f"{NUMBER},{NUMBER}", 10),
    ("recipient", "sms", f"{NUMBER}\n", 10),
    ("recipient", "sms", "ann@example.com", 10),
    ("recipient", "tts", "ann@example.com", 10),
    ("recipient", "email", NUMBER, 10),
    ("recipient", "email", "ann@", 10),
    ("recipient", "email", "ann@example.com, bob@example.com", 10),
    ("recipient", "email", "a" * 320 + "@example.com", 10),
    ("originator", "sms", "TwelveLetter", 10),
    ("originator", "sms", "My Brand", 10),
    ("originator", "sms", "é", 10),
    ("originator", "sms", "1" * 16, 10),
    ("originator", "sms", "+", 10),
    ("originator", "sms", "Shop\n", 10),
    ("originator", "sms", "shop@example.org", 10),
    ("originator", "email", "sh\u00f6p@example.org", 10),
    ("originator", "email", "shop@example\u2028.org", 10),
    ("originator", "tts", "shop@example.org", 10),
    ("originator", "email", "Code", 10),
    ("originator", "email", NUMBER, 10),
    ("originator", "email", "shop@example.org\nBcc: eve@example.com", 10),
    ("originator", "email", "a" * 320 + "@example.com", 10),
    ("reference", "sms", "a" * 129, 10),
    ("reference", "sms", "a-b", 10),
    ("reference", "sms", "a b", 10),
    ("reference", "sms", "é", 10),
    ("reference", "sms", "a\n", 10),
    ("type", "sms", "fax", 10),
    ("type", "email", "mail", 10),
    ("type", "sms", "sms\n", 10),
    ("template", "sms", "x", 10),
    ("template", "sms", "%Token", 10),
    ("template", "sms", "{code}", 10),
    ("template", "sms", "\x00%token", 10),
    ("template", "sms", "x" * (459 - 5) + "%token", 10),
    ("template", "email", "x" * (2_000 - 5) + "%token", 10),
    ("datacoding", "sms", "morse", 10),
    *(
        (name, "sms", value, 10)
        for name, below, above in (
            ("timeout", 29, 172_802),
            ("tokenLength", 5, 11),
            ("maxAttempts", 0, 11),
        )
        for value in (below, above, str(below), "x", "6.0", "+6", "6 ", "٦", -1, 10**30)
    ),
    ("voice", "tts", "robot", 10),
    ("language", "tts", "xx-yy", 10),
    ("language", "tts", "en", 10),
    ("subject", "email", "x" * 151, 10),
    ("subject", "sms", "x" * 151, 10),
    ("subject", "email", " ", 10),
    ("subject", "email", "x\nBcc: eve@example.com", 10),
    ("reportUrl", "sms", "https://shop.example.org/" + "x" * 1_976, 10),
    ("reportUrl", "sms", "ftp://shop.example.org", 10),
    ("reportUrl", "sms", "https://", 10),
    ("reportUrl", "sms", "https://[::1", 10),
    ("reportUrl", "sms", "https://shop.example.org/a b", 10),
    ("reportUrl", "sms", "shop", 10),
]


@each_way
@pytest.mark.parametrize(("parameter", "by", "value", "code"), REFUSED)
def test_what_is_wrong_is_named_and_nothing_is_sent(
    bird: Bird, way: str, parameter: str, by: str, value: Any, code: int
) -> None:
    reply = post(bird, {"recipient": NUMBER} | BY[by][0] | {parameter: value}, way)
    assert (reply.status, reply.errors) == (422, [(code, parameter)])
    if code == 9:
        assert reply.descriptions == [f"{parameter} is required"]
    else:
        assert reply.descriptions[0].startswith(f"{parameter} is invalid (")
    assert bird.stack.messenger.sent == []
    assert bird.stack.journal == []


NAMES = ["recipient", "originator", "reference", "type", "template", "datacoding", "timeout"]
NAMES += ["tokenLength", "maxAttempts", "voice", "language", "subject", "reportUrl"]


@pytest.mark.parametrize("parameter", NAMES)
@pytest.mark.parametrize("value", [True, False, 1.5, ["x"], [], {"x": "x"}, {}])
def test_what_is_neither_a_text_nor_a_whole_number_is_refused(
    bird: Bird, parameter: str, value: Any
) -> None:
    reply = post(bird, {"recipient": NUMBER, parameter: value}, "json")
    assert (reply.status, reply.errors) == (422, [(10, parameter)])
    wanted = "should be a text or a whole number"
    assert reply.descriptions == [f"{parameter} is invalid ({wanted})"]


@pytest.mark.parametrize("parameter", NAMES)
def test_half_a_character_is_refused(bird: Bird, parameter: str) -> None:
    fields = {"originator": "shop@example.org", **BY_EMAIL, parameter: "%token\ud800"}
    reply = post(bird, fields, "json")
    assert (reply.status, reply.errors) == (422, [(10, parameter)])


def test_every_parameter_is_in_both_tables() -> None:
    assert {parameter for parameter, *_ in ACCEPTED} == set(NAMES)
    assert {parameter for parameter, *_ in REFUSED} == set(NAMES)


@pytest.mark.parametrize("body", [None, "", {}, {"recipient": None}])
def test_a_recipient_there_must_be(bird: Bird, body: Any) -> None:
    reply = bird.ask("POST", "/verify", body)
    assert (reply.status, reply.errors) == (422, [(9, "recipient")])


@each_way
def test_all_that_is_wrong_stands_in_one_answer(bird: Bird, way: str) -> None:
    wrong = {"originator": "TwelveLetter", "reference": "a-b", "template": "x", "timeout": 29}
    wrong |= {"tokenLength": 5, "maxAttempts": 0, "datacoding": "x", "voice": "x", "language": "x"}
    wrong |= {"reportUrl": "x"}
    reply = post(bird, wrong, way)
    assert reply.status == 422
    assert sorted(reply.errors) == sorted([(9, "recipient"), *((10, name) for name in wrong)])


def test_of_a_wrong_type_no_other_parameter_is_to_blame(bird: Bird) -> None:
    wrong = {"type": "mail", "recipient": "ann@example.com", "originator": "shop@example.org"}
    assert post(bird, wrong, "json").errors == [(10, "type")]


@each_way
@pytest.mark.parametrize(
    ("spelling", "value", "changes"),
    [
        ("dataCoding", "unicode", {}),  # as the Go client spells it
        ("reportURL", "https://shop.example.org", {}),
        ("tokenlength", 8, {"code_length": 8}),
        ("MAXATTEMPTS", 3, {"max_attempts": 3}),
        ("Timeout", 60, {"validity": 60}),
    ],
)
def test_a_parameter_is_known_in_any_case(
    bird: Bird, way: str, spelling: str, value: Any, changes: dict[str, Any]
) -> None:
    reply = post(bird, {"recipient": NUMBER, spelling: value}, way)
    assert started(bird, reply) == DEFAULTS | changes


@each_way
def test_two_spellings_may_say_the_same_and_nothing_else(bird: Bird, way: str) -> None:
    twice = {"recipient": NUMBER, "datacoding": "auto", "dataCoding": "auto", "DATACODING": ""}
    assert post(bird, twice, way).status == 201
    reply = post(bird, twice | {"dataCoding": "plain"}, way)
    assert (reply.status, reply.errors) == (422, [(10, "datacoding")])


@each_way
def test_what_is_unknown_is_ignored(bird: Bird, way: str) -> None:
    more = {"returnToken": "true", "tokenLenght": 99, "access_key": "x", "": "x", "é": "x"}
    reply = post(bird, {"recipient": NUMBER} | more, way)
    assert started(bird, reply) == DEFAULTS
    assert bird.token() not in str(reply)


def test_the_java_client_is_understood(bird: Bird) -> None:
    fields = {"recipient": NUMBER, "type": "tts", "datacoding": "plain", "timeout": 60}
    reply = bird.create(**fields, tokenLength=8, voice="FEMALE", language="ES_MX")
    changes = {"validity": 60, "code_length": 8, "voice": "female", "locale": "es-mx"}
    assert started(bird, reply) == DEFAULTS | BY["tts"][1] | changes


def test_the_php_client_is_understood(bird: Bird) -> None:
    """It has the recipient in the body, and the options in the query."""
    body = {"recipient": int(NUMBER), "reference": None}
    query = {"originator": "YourBrand", "timeout": "60", "reference": "a1"}
    changes = {"sender": "YourBrand", "validity": 60, "reference": "a1"}
    reply = bird.ask("POST", "/verify", body, query=query)
    assert started(bird, reply) == DEFAULTS | changes


def test_the_client_for_csharp_is_understood(bird: Bird) -> None:
    """It sends back all of the object that it is about to get."""
    nothing = dict.fromkeys(("id", "href", "status", "createdDatetime", "Token", "template"))
    fields = {"messages": {"href": None}, "datacoding": "plain", "type": "sms", "timeout": 30}
    reply = bird.create(
        recipient=int(NUMBER), tokenLength=6, voice="female", language="en-gb", **fields, **nothing
    )
    assert started(bird, reply) == DEFAULTS


def test_the_body_counts_where_the_query_says_something_else(bird: Bird) -> None:
    reply = bird.ask("POST", "/verify", {"recipient": NUMBER}, query={"recipient": "12025550100"})
    assert started(bird, reply) == DEFAULTS


@pytest.mark.parametrize(
    ("originator", "allowed"),
    [("Shop", True), ("31612345678", True), ("+31612345678", True), (None, True), ("Code", False)],
)
def test_a_client_with_senders_has_no_others(
    bird: Bird, originator: str | None, allowed: bool
) -> None:
    fields = {"recipient": NUMBER, "originator": originator, "timeout": 29}
    reply = bird.ask("POST", "/verify", fields, key=key_of(SENDER))
    others = [] if allowed else [(10, "originator")]
    assert reply.errors == [*others, (10, "timeout")]


@pytest.mark.parametrize("sender", ["shop@example.org", "Ann <shop@example.org>"])
def test_of_an_address_with_a_name_the_address_must_be_the_clients(bird: Bird, sender: str) -> None:
    fields = BY_EMAIL | {"originator": sender}
    assert bird.ask("POST", "/verify", fields, key=key_of(SENDER)).status == 201
    fields |= {"originator": sender.replace("shop", "other")}
    assert bird.ask("POST", "/verify", fields, key=key_of(SENDER)).errors == [(10, "originator")]


def test_a_parameter_is_blamed_once() -> None:
    parameters = Parameters({"timeout": True})
    assert parameters.number("timeout", default=30, lowest=30, highest=60) == 30
    assert [fault.field for fault in parameters.faults] == ["timeout"]
