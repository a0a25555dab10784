"""MessageBird's Verify, against a real HTTP server."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from verification.domain.messages import Message, render
from verification.domain.verification import Channel, Reason
from verification.errors import (
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from verification.operations.ports import Terms, Verifier
from verification.providers.messagebird_verify import MessageBirdVerifier, Settings

from .orders import CODE, CONTENT, PLENTY, make_order

FOLDER = Path(__file__).parent / "vectors/messagebird"
VECTORS = json.loads((FOLDER / "verify.json").read_text())
REST_VECTORS = json.loads((FOLDER / "rest.json").read_text())
KEY = "live_s3cret"
REPORTS_URL = "https://verify.example"
REF = "4e213b01155d1e35a9d9571v00162985"
PATH = f"/verify/{REF}"
TO = "+31612345678"
SMS, VOICE, EMAIL = Channel.SMS, Channel.VOICE, Channel.EMAIL


def template(channel: Channel, placeholder: str) -> Message:
    return render(channel, CODE, replace(CONTENT, placeholder=placeholder))


SUBJECT = "Your Shop verification code"
TEXTS = {channel: template(channel, "%token").text for channel in (SMS, VOICE, EMAIL)}

# Everything that goes out for the sample order, by the defaults.
COMMON: Mapping[str, Any] = {
    "recipient": "31612345678",
    "reference": "aqqqqqqqqqqqqqqqqqqqqqqqqqq1",
    "timeout": 300,
    "tokenLength": 6,
    "maxAttempts": 5,
}
DEFAULTS: Mapping[Channel, Mapping[str, Any]] = {
    SMS: {
        **COMMON,
        "type": "sms",
        "originator": "Code",
        "template": TEXTS[SMS],
        "datacoding": "auto",
    },
    VOICE: {
        **COMMON,
        "type": "tts",
        "template": TEXTS[VOICE],
        "voice": "female",
        "language": "nl-nl",
    },
    EMAIL: {
        **COMMON,
        "type": "email",
        "recipient": "ann@example.com",
        "originator": "code@shop.example",
        "template": TEXTS[EMAIL],
        "subject": SUBJECT,
    },
}
WHOM: Mapping[Channel, Mapping[str, Any]] = {
    SMS: {},
    VOICE: {},
    EMAIL: {"to": "ann@example.com", "country": None},
}


def settings_of(**settings: Any) -> Settings:
    return Settings.model_validate({"access_key": KEY, **settings})


def make_verifier(
    httpserver: HTTPServer, reports_url: str | None = None, **settings: Any
) -> MessageBirdVerifier:
    values = {"base_url": httpserver.url_for("/"), "email_originator": "code@shop.example"}
    return MessageBirdVerifier(settings_of(**values | settings), reports_url)


def started(
    httpserver: HTTPServer,
    channel: Channel,
    order: Mapping[str, Any] | None = None,
    reports_url: str | None = None,
    **settings: Any,
) -> Any:
    """The JSON that goes out for the sample order with these changes."""
    answer = {"id": REF, "status": "sent"}
    httpserver.expect_oneshot_request("/verify", method="POST").respond_with_json(answer, 201)
    changed = make_order(
        **{"channel": channel, "template": template, **WHOM[channel], **(order or {})}
    )
    assert make_verifier(httpserver, reports_url, **settings).start(changed) == REF
    [(request, _)] = httpserver.log
    return request.get_json()


def state(status: Any, ref: Any = REF) -> dict[str, Any]:
    return {**VECTORS["document_object"]["body"], "id": ref, "status": status}


def answer_check(httpserver: HTTPServer, body: Any, status: int = 200) -> None:
    """What is answered to a guess of CODE."""
    httpserver.expect_oneshot_request(
        PATH, method="GET", query_string={"token": CODE}
    ).respond_with_json(body, status)


def answer_read(httpserver: HTTPServer, body: Any, status: int = 200) -> None:
    """What is answered to a look at the object."""
    httpserver.expect_oneshot_request(PATH, method="GET", query_string=b"").respond_with_json(
        body, status
    )


def answer_vector(httpserver: HTTPServer, name: str) -> None:
    answer_check(httpserver, VECTORS[name]["body"], VECTORS[name]["http"])


def check(httpserver: HTTPServer, repeated: bool = False, ref: str = REF) -> Reason | None:
    verifier = make_verifier(httpserver)
    return verifier.check(ref, TO, CODE, repeated=repeated, remaining=lambda: PLENTY)


def asked(httpserver: HTTPServer) -> list[tuple[str, str, bytes]]:
    return [(r.method, r.path, r.query_string) for r, _ in httpserver.log]


NO_TEXTS: list[Any] = [None, 7, True, [], {}]
BAD_REFS = ["", ".", "..", "../messages", "a/b", "a?token=1", "a#b", "a%2e", "a b", "é", "a\n"]
BAD_REFS += ["a-b", "a_b", "x" * 257]
READ = ("GET", PATH, b"")
CHECK = ("GET", PATH, b"token=123456")


def test_it_is_a_verifier_with_the_vendors_terms(httpserver: HTTPServer) -> None:
    verifier = make_verifier(httpserver)
    assert isinstance(verifier, Verifier)
    assert verifier.name == "messagebird-verify"
    assert verifier.channels == frozenset({SMS, VOICE, EMAIL})
    assert verifier.terms == Terms(
        code_length=(6, 10), validity=(30, 172_801), max_attempts=(1, 10)
    )


@pytest.mark.parametrize("channel", DEFAULTS)
def test_a_start_is_posted_as_json_with_the_access_key_in_a_header_alone(
    httpserver: HTTPServer, channel: Channel
) -> None:
    assert started(httpserver, channel) == DEFAULTS[channel]
    [(request, _)] = httpserver.log
    assert (request.method, request.path, request.query_string) == ("POST", "/verify", b"")
    assert request.headers["Authorization"] == f"AccessKey {KEY}"
    assert request.headers["Content-Type"] == "application/json"
    assert KEY.encode() not in request.get_data()
    assert "%token" in request.get_json()["template"]


# Every parameter of the document's table: what we give it, by which setting or part of the order.
PARAMETERS: list[tuple[Channel, str, dict[str, Any], dict[str, Any], Any]] = [
    (SMS, "recipient", {}, {"to": "+12025550100"}, "12025550100"),
    (VOICE, "recipient", {}, {"to": "+12025550100"}, "12025550100"),
    (EMAIL, "recipient", {}, {"to": "+ann@example.com"}, "+ann@example.com"),
    (SMS, "originator", {"originator": "Shop"}, {}, "Shop"),
    (SMS, "originator", {"originator": "+31201234567"}, {}, "31201234567"),
    (SMS, "originator", {"originator": "Shop"}, {"sender": "Other"}, "Other"),
    (SMS, "originator", {}, {"sender": "+12025550100"}, "12025550100"),
    (VOICE, "originator", {"originator": "Shop"}, {}, None),
    (VOICE, "originator", {"voice_originator": "+31201234567"}, {}, "31201234567"),
    (VOICE, "originator", {}, {"sender": "Shop"}, None),
    (VOICE, "originator", {}, {"sender": "+12025550100"}, "12025550100"),
    (EMAIL, "originator", {"email_originator": "a@b.example"}, {}, "a@b.example"),
    (EMAIL, "originator", {}, {"sender": "c@d.example"}, "c@d.example"),
    (EMAIL, "originator", {"email_originator": None}, {"sender": "c@d.example"}, "c@d.example"),
    (EMAIL, "originator", {}, {"sender": "Shop"}, "code@shop.example"),
    (SMS, "reference", {}, {"key": "b" * 61 + "-12"}, "b" * 61 + "12"),
    (SMS, "type", {"type": "flash"}, {}, "flash"),
    (SMS, "type", {"type": "sms"}, {"flash": True}, "flash"),
    (VOICE, "type", {}, {"flash": True}, "tts"),
    (VOICE, "type", {"type": "flash"}, {}, "tts"),
    (EMAIL, "type", {"type": "flash"}, {}, "email"),
    (SMS, "template", {}, {"template": lambda c, at: Message(f"{c} {at}")}, "sms %token"),
    (VOICE, "template", {}, {"template": lambda c, at: Message(f"{c} {at}")}, "voice %token"),
    (EMAIL, "template", {}, {"template": lambda c, at: Message(at, SUBJECT)}, "%token"),
    (EMAIL, "subject", {}, {"template": lambda c, at: Message(TEXTS[c], "Code")}, "Code"),
    (EMAIL, "subject", {}, {"template": lambda c, at: Message(TEXTS[c])}, None),
    # one with the code in it is left to the vendor, who fills in the template alone
    (EMAIL, "subject", {}, {"template": lambda c, at: Message(TEXTS[c], f"Code: {at}")}, None),
    (SMS, "datacoding", {"datacoding": "plain"}, {}, "plain"),
    (SMS, "datacoding", {"datacoding": "unicode"}, {}, "unicode"),
    (SMS, "timeout", {}, {"validity": 1}, 30),
    (SMS, "timeout", {}, {"validity": 30}, 30),
    (SMS, "timeout", {}, {"validity": 31}, 31),
    (SMS, "timeout", {}, {"validity": 172_801}, 172_801),
    (SMS, "timeout", {}, {"validity": 172_802}, 172_801),
    (SMS, "tokenLength", {}, {"code_length": 10}, 10),
    (SMS, "maxAttempts", {}, {"max_attempts": 1}, 1),
    (SMS, "maxAttempts", {}, {"max_attempts": 10}, 10),
    (VOICE, "voice", {"voice": "male"}, {}, "male"),
    (VOICE, "voice", {"voice": "male"}, {"voice": "female"}, "female"),
    (VOICE, "voice", {}, {"voice": "male"}, "male"),
    (SMS, "voice", {}, {"voice": "male"}, None),
    (VOICE, "language", {}, {"locale": "zh-Hant", "country": "HK"}, "zh-hk"),
    (VOICE, "language", {}, {"country": None}, "en-gb"),
    # not in the document's table, but in its clients
    (SMS, "reportUrl", {}, {}, None),
    (SMS, "returnToken", {}, {}, None),
]


@pytest.mark.parametrize(("channel", "parameter", "settings", "order", "value"), PARAMETERS)
def test_each_parameter_has_its_value_and_changes_no_other(
    httpserver: HTTPServer,
    channel: Channel,
    parameter: str,
    settings: dict[str, Any],
    order: dict[str, Any],
    value: Any,
) -> None:
    expected = {**DEFAULTS[channel], parameter: value}
    assert started(httpserver, channel, order, **settings) == {
        name: one for name, one in expected.items() if one is not None
    }


@pytest.mark.parametrize("channel", DEFAULTS)
def test_reports_are_asked_for_at_an_address_that_only_this_send_has(
    httpserver: HTTPServer, channel: Channel
) -> None:
    name = "messagebird-verify"
    assert started(httpserver, channel, reports_url=REPORTS_URL) == {
        **DEFAULTS[channel],
        "reportUrl": f"https://verify.example/v1/reports/{name}/token-for-{name}",
    }


def test_an_email_from_nobody_is_refused_before_it_is_asked_for(httpserver: HTTPServer) -> None:
    order = make_order(channel=EMAIL, to="ann@example.com")
    with pytest.raises(ProviderRefused) as caught:
        make_verifier(httpserver, email_originator=None).start(order)
    assert caught.value.vendor_code == "email_originator_missing"
    assert httpserver.log == []


@pytest.mark.parametrize(
    "vector", ["document_object", "document_created", "create_sms", "email_object_live_masked"]
)
def test_the_id_of_a_published_answer_is_the_reference(httpserver: HTTPServer, vector: str) -> None:
    body = VECTORS[vector]["body"]
    httpserver.expect_request("/verify").respond_with_json(body, 201)
    assert make_verifier(httpserver).start(make_order()) == body["id"]


@pytest.mark.parametrize(
    ("ref", "status", "vendor_code"),
    [
        *((ref, "sent", "no_verify_id") for ref in NO_TEXTS),
        *((ref, "sent", "no_verify_id") for ref in BAD_REFS),
        *((REF, status, "not_sent") for status in ("expired", "failed", "verified", "deleted")),
        *((REF, status, "not_sent") for status in (None, "", "SENT", 7, ["sent"])),
    ],
)
def test_a_success_that_is_no_sent_verify_object_may_have_been_sent(
    httpserver: HTTPServer, ref: Any, status: Any, vendor_code: str
) -> None:
    httpserver.expect_request("/verify").respond_with_json(state(status, ref), 201)
    with pytest.raises(ProviderSilent) as caught:
        make_verifier(httpserver).start(make_order())
    assert caught.value.vendor_code == vendor_code


# Each code as in test_messagebird.py, of which this takes the reading.
ERRORS: list[tuple[int, int, str | None, type[ProviderError], str]] = [
    (401, 2, "access_key", ProviderRefused, "2"),
    (422, 9, "recipient", ProviderRejected, "9 recipient"),
    (422, 10, "recipient", ProviderRejected, "10 recipient"),
    (422, 10, "originator", ProviderRefused, "10 originator"),
    (422, 10, "template", ProviderRefused, "10 template"),
    (422, 10, "maxAttempts", ProviderRefused, "10 maxAttempts"),
    (404, 20, None, ProviderRefused, "20"),
    (400, 21, None, ProviderRefused, "21"),
    (422, 25, None, ProviderRefused, "25"),
    (404, 98, None, ProviderRefused, "98"),
    (500, 99, None, ProviderSilent, "99"),
    (503, 100, None, ProviderUnavailable, "100"),
    (429, 777, None, ProviderUnavailable, "777"),
]


@pytest.mark.parametrize(("status", "code", "parameter", "kind", "vendor_code"), ERRORS)
def test_each_error_code_of_a_start_has_its_meaning(
    httpserver: HTTPServer,
    status: int,
    code: int,
    parameter: str | None,
    kind: type[ProviderError],
    vendor_code: str,
) -> None:
    body = {"errors": [{"code": code, "description": "No", "parameter": parameter}]}
    httpserver.expect_request("/verify").respond_with_json(body, status)
    with pytest.raises(ProviderError) as caught:
        make_verifier(httpserver).start(make_order())
    assert (type(caught.value), caught.value.vendor_code) == (kind, vendor_code)
    assert caught.value.provider == "messagebird-verify"


def test_a_right_guess_is_the_published_verified_object(httpserver: HTTPServer) -> None:
    vector = VECTORS["verified"]["body"]
    path = f"/verify/{vector['id']}"
    httpserver.expect_request(path, query_string={"token": CODE}).respond_with_json(vector)
    assert check(httpserver, ref=vector["id"]) is None
    [(request, _)] = httpserver.log
    assert (request.method, request.path, request.query_string) == ("GET", path, b"token=123456")
    assert request.headers["Authorization"] == f"AccessKey {KEY}"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("verified", None),
        ("sent", Reason.INCORRECT),
        ("expired", Reason.EXPIRED),
        ("failed", Reason.EXHAUSTED),
        ("deleted", Reason.EXPIRED),
    ],
)
def test_a_guess_is_right_by_the_objects_status_alone(
    httpserver: HTTPServer, status: str, reason: Reason | None
) -> None:
    answer_check(httpserver, state(status))
    assert check(httpserver) is reason
    assert asked(httpserver) == [CHECK]


@pytest.mark.parametrize("vector", ["document_created", "document_object"])
def test_an_answer_of_200_that_says_sent_is_not_a_yes(httpserver: HTTPServer, vector: str) -> None:
    answer_check(httpserver, VECTORS[vector]["body"])
    assert check(httpserver) is Reason.INCORRECT


def test_an_empty_token_is_not_a_yes(httpserver: HTTPServer) -> None:
    body = VECTORS["email_object_live_masked"]["body"]  # what MessageBird said to one
    httpserver.expect_request(f"/verify/{body['id']}").respond_with_json(body)
    verifier = make_verifier(httpserver)
    said = verifier.check(body["id"], TO, "", repeated=False, remaining=lambda: PLENTY)
    assert said is Reason.INCORRECT
    assert asked(httpserver) == [("GET", f"/verify/{body['id']}", b"token=")]


@pytest.mark.parametrize(
    ("vector", "reason"),
    [
        ("wrong_token", Reason.INCORRECT),
        ("expired", Reason.EXPIRED),
        ("unknown_verify_404", Reason.EXPIRED),
        ("delete_unknown_python_fixture", Reason.EXPIRED),
    ],
)
def test_a_published_no_has_its_reason(httpserver: HTTPServer, vector: str, reason: Reason) -> None:
    answer_vector(httpserver, vector)
    assert check(httpserver) is reason
    assert asked(httpserver) == [CHECK]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("verified", Reason.ALREADY_VERIFIED),
        ("failed", Reason.EXHAUSTED),
        ("expired", Reason.EXPIRED),
        ("deleted", Reason.EXPIRED),
        ("sent", Reason.INCORRECT),
    ],
)
def test_where_another_guess_was_the_last_the_object_says_which_kind_it_was(
    httpserver: HTTPServer, status: str, reason: Reason
) -> None:
    answer_vector(httpserver, "already_used")
    answer_read(httpserver, state(status))
    assert check(httpserver) is reason
    assert asked(httpserver) == [CHECK, READ]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
@pytest.mark.parametrize("parameter", [None, "token", "id"])
def test_a_wrong_token_is_error_10_whatever_its_status_parameter_and_words(
    httpserver: HTTPServer, status: int, parameter: str | None
) -> None:
    fault = {"code": 10, "description": "verified", "parameter": parameter}
    answer_check(httpserver, {"errors": [fault]}, status)
    assert check(httpserver) is Reason.INCORRECT


@pytest.mark.parametrize("description", [None, 7, [], {}, "", "The token is valid.", "verified"])
def test_no_words_make_a_guess_right(httpserver: HTTPServer, description: Any) -> None:
    answer_check(httpserver, {"errors": [{"code": 10, "description": description}]}, 422)
    assert check(httpserver) is Reason.INCORRECT


def test_error_10_beside_a_verified_object_is_not_a_yes(httpserver: HTTPServer) -> None:
    answer_check(httpserver, {**state("verified"), "errors": [{"code": 10}]})
    assert check(httpserver) is Reason.INCORRECT


@pytest.mark.parametrize(
    ("status", "body", "kind", "vendor_code"),
    [
        (401, REST_VECTORS["sms_create_401_live"]["body"], ProviderRefused, "2"),
        (401, {"errors": [{"code": 10}, {"code": 2}]}, ProviderRefused, "10"),
        (404, {"errors": [{"code": 98}]}, ProviderRefused, "98"),
        (404, {"errors": []}, ProviderRefused, "http_404"),
        (404, {"errors": [{"code": 20}, {"code": 98}]}, ProviderRefused, "20"),
        (400, {"errors": [{"code": 20}]}, ProviderRefused, "20"),
        (422, {"errors": [{"code": 9, "parameter": "token"}]}, ProviderRefused, "9 token"),
        (422, {"errors": [{"code": 25}]}, ProviderRefused, "25"),
        (422, {}, ProviderRefused, "http_422"),
        (429, {}, ProviderUnavailable, "http_429"),
        (500, {"errors": [{"code": 99}]}, ProviderSilent, "99"),
        (500, {"errors": []}, ProviderSilent, "http_500"),
        (503, {}, ProviderUnavailable, "http_503"),
        (302, {}, ProviderRefused, "http_302"),
        (200, {}, ProviderSilent, "not_the_verify_object"),
        (200, state("verified", "another0000"), ProviderSilent, "not_the_verify_object"),
        (200, state("verified", None), ProviderSilent, "not_the_verify_object"),
        (200, state("verified", [REF]), ProviderSilent, "not_the_verify_object"),
        (200, state("VERIFIED"), ProviderSilent, "not_the_verify_object"),
        (200, state(True), ProviderSilent, "not_the_verify_object"),
        (200, state(["verified"]), ProviderSilent, "not_the_verify_object"),
        (200, state(None), ProviderSilent, "not_the_verify_object"),
        (200, state("gone"), ProviderSilent, "not_the_verify_object"),
    ],
)
@pytest.mark.parametrize("repeated", [False, True])
def test_any_other_answer_to_a_guess_is_neither_yes_nor_no(
    httpserver: HTTPServer,
    repeated: bool,
    status: int,
    body: Any,
    kind: type[ProviderError],
    vendor_code: str,
) -> None:
    (answer_read if repeated else answer_check)(httpserver, body, status)
    with pytest.raises(ProviderError) as caught:
        check(httpserver, repeated)
    assert (type(caught.value), caught.value.vendor_code) == (kind, vendor_code)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("verified", None),
        ("expired", Reason.EXPIRED),
        ("failed", Reason.EXHAUSTED),
        ("deleted", Reason.EXPIRED),
    ],
)
def test_a_guess_whose_answer_got_lost_is_answered_from_the_object(
    httpserver: HTTPServer, status: str, reason: Reason | None
) -> None:
    answer_read(httpserver, state(status))
    assert check(httpserver, repeated=True) is reason
    assert asked(httpserver) == [READ]


def test_a_lost_guess_at_an_object_that_is_gone_has_expired(httpserver: HTTPServer) -> None:
    vector = VECTORS["unknown_verify_404"]
    answer_read(httpserver, vector["body"], vector["http"])
    assert check(httpserver, repeated=True) is Reason.EXPIRED


@pytest.mark.parametrize(
    ("vector", "reason"), [("verified", None), ("wrong_token", Reason.INCORRECT)]
)
def test_a_lost_guess_at_an_open_object_is_asked_again(
    httpserver: HTTPServer, vector: str, reason: Reason | None
) -> None:
    answer_read(httpserver, state("sent"))
    one = VECTORS[vector]
    answer_check(httpserver, {**one["body"], "id": REF}, one["http"])
    assert check(httpserver, repeated=True) is reason
    assert asked(httpserver) == [READ, CHECK]


@pytest.mark.parametrize("ref", BAD_REFS)
def test_a_reference_that_could_change_the_address_is_never_asked_about(
    httpserver: HTTPServer, ref: str
) -> None:
    verifier = make_verifier(httpserver)
    with pytest.raises(ProviderRefused, match="not_a_verify_id"):
        verifier.check(ref, TO, CODE, repeated=False, remaining=lambda: PLENTY)
    with pytest.raises(ProviderRefused, match="not_a_verify_id"):
        verifier.check(ref, TO, CODE, repeated=True, remaining=lambda: PLENTY)
    with pytest.raises(ProviderRefused, match="not_a_verify_id"):
        verifier.cancel(ref, lambda: PLENTY)
    assert httpserver.log == []


def test_to_cancel_deletes_the_object(httpserver: HTTPServer) -> None:
    httpserver.expect_oneshot_request(PATH, method="DELETE").respond_with_data(status=204)
    make_verifier(httpserver).cancel(REF, lambda: PLENTY)
    [(request, _)] = httpserver.log
    assert (request.method, request.path, request.get_data()) == ("DELETE", PATH, b"")
    assert request.headers["Authorization"] == f"AccessKey {KEY}"


@pytest.mark.parametrize("vector", ["unknown_verify_404", "delete_unknown_python_fixture"])
def test_to_cancel_what_is_gone_is_fine(httpserver: HTTPServer, vector: str) -> None:
    one = VECTORS[vector]
    httpserver.expect_oneshot_request(PATH, method="DELETE").respond_with_json(
        one["body"], one["http"]
    )
    make_verifier(httpserver).cancel(REF, lambda: PLENTY)
    assert asked(httpserver) == [("DELETE", PATH, b"")]


@pytest.mark.parametrize(
    ("status", "body", "kind", "vendor_code"),
    [
        (401, {"errors": [{"code": 2}]}, ProviderRefused, "2"),
        (404, {"errors": [{"code": 98}]}, ProviderRefused, "98"),
        (404, {}, ProviderRefused, "http_404"),
        (405, {"errors": []}, ProviderRefused, "http_405"),
        (429, {}, ProviderUnavailable, "http_429"),
        (500, {"errors": [{"code": 99}]}, ProviderSilent, "99"),
    ],
)
def test_to_cancel_and_hear_anything_else_is_an_error(
    httpserver: HTTPServer, status: int, body: Any, kind: type[ProviderError], vendor_code: str
) -> None:
    httpserver.expect_request(PATH, method="DELETE").respond_with_json(body, status)
    with pytest.raises(ProviderError) as caught:
        make_verifier(httpserver).cancel(REF, lambda: PLENTY)
    assert (type(caught.value), caught.value.vendor_code) == (kind, vendor_code)


def test_without_time_nothing_is_asked(httpserver: HTTPServer) -> None:
    verifier = make_verifier(httpserver)
    with pytest.raises(ProviderUnavailable):
        verifier.check(REF, TO, CODE, repeated=False, remaining=lambda: 0)
    with pytest.raises(ProviderUnavailable):
        verifier.cancel(REF, lambda: 0)
    assert httpserver.log == []


def test_nothing_secret_is_shown_by_settings_or_verifier(httpserver: HTTPServer) -> None:
    verifier = make_verifier(httpserver)
    shown = f"{settings_of()!r} {settings_of()} {verifier!r} {vars(verifier)!r}"
    assert KEY not in shown


def test_the_defaults_are_the_vendors_address_and_what_carries_every_language() -> None:
    assert settings_of().model_dump(exclude={"access_key"}) == {
        "base_url": "https://rest.messagebird.com",
        "originator": "Code",
        "voice_originator": None,
        "email_originator": None,
        "type": "sms",
        "datacoding": "auto",
        "voice": "female",
    }


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("email_originator", "shop.example"),
        ("email_originator", "a@b\n"),
        ("email_originator", "a@b@c"),
        ("email_originator", "a@" + "b" * 253),
        ("type", "tts"),
        ("type", "email"),
        ("gateway", 1),
        ("repeat", 1),
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(setting: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        settings_of(**{setting: value})
    assert [error["loc"] for error in caught.value.errors()] == [(setting,)]
    assert KEY not in str(caught.value)
