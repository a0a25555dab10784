"""Bad input gets a clear answer, and nothing is sent or stored."""

import base64
import json
from typing import Any

import pytest

from tests.e2e.talking import call_raw, start
from tests.local.stack import Stack

TO = "+31642424242"


def raw(**fields: Any) -> str:
    return json.dumps({"to": TO, **fields})


# body -> status, code, field, a part of the message
BODIES: dict[str, tuple[bytes | str, int, str, str, str]] = {
    "no JSON": ("{", 400, "invalid_json", "", "valid JSON"),
    "no object": ('["a"]', 400, "invalid_json", "", "JSON object"),
    "text": ('"a"', 400, "invalid_json", "", "JSON object"),
    "duplicate key": ('{"to": "a", "to": "b"}', 400, "invalid_json", "", "twice"),
    "deep duplicate": (
        '{"to": "a", "metadata": {"x": "1", "x": "2"}}',
        400,
        "invalid_json",
        "",
        "twice",
    ),
    "NaN": ('{"to": NaN}', 400, "invalid_json", "", "NaN"),
    "deep": ("[" * 20_000 + "]" * 10, 400, "invalid_json", "", ""),
    "1 MB": (raw(reference="x" * 1_000_000), 400, "body_too_large", "", "32768 bytes"),
    "33 KB": (raw(reference="x" * 33_000), 400, "body_too_large", "", "32768 bytes"),
    "base64": (base64.b64encode(raw().encode()), 400, "invalid_json", "", "valid JSON"),
    "huge number": ('{"to": "a", "validity": ' + "9" * 5000 + "}", 400, "invalid_json", "", ""),
    "empty": ("", 422, "invalid_fields", "to", "required"),
    "no to": ("{}", 422, "invalid_fields", "to", "required"),
    "null to": ('{"to": null}', 422, "invalid_fields", "to", "string"),
    "number to": ('{"to": 31612345678}', 422, "invalid_fields", "to", "string"),
    "NUL": ('{"to": "+3164242\\u00004242"}', 422, "invalid_fields", "to", "control"),
    "lone surrogate": ('{"to": "\\ud800"}', 422, "invalid_fields", "to", "unicode"),
    "surrogate key": ('{"to": "a", "\\ud800": 1}', 422, "invalid_fields", "body", "unicode"),
    "unknown field": (raw(too="x"), 422, "invalid_fields", "too", "not permitted"),
    "nonsense to": ('{"to": "hello"}', 422, "invalid_fields", "to", "phone number"),
    "no country": ('{"to": "0642424242"}', 422, "invalid_fields", "to", "country"),
    "short number": ('{"to": "+3164"}', 422, "invalid_fields", "to", "phone number"),
    "no such code": ('{"to": "+99912345678"}', 422, "invalid_fields", "to", ""),
    "bad address": ('{"to": "a@b"}', 422, "invalid_fields", "to", "e-mail"),
    "long address": ('{"to": "%s@example.org"}' % ("a" * 400), 422, "invalid_fields", "to", "320"),
    "wrong country": (raw(country="XX"), 422, "invalid_fields", "country", "country"),
    "small country": (raw(country="nl"), 422, "invalid_fields", "country", "pattern"),
    "wrong channel": (raw(channel="pigeon"), 422, "invalid_fields", "channel", "'sms'"),
    "other channel": (raw(channel="email"), 422, "invalid_fields", "channel", "sms or voice"),
    "length 3": (raw(code_length=3), 422, "invalid_fields", "code_length", "4"),
    "length 17": (raw(code_length=17), 422, "invalid_fields", "code_length", "16"),
    "length text": (raw(code_length="6"), 422, "invalid_fields", "code_length", "integer"),
    "length float": (raw(code_length=6.5), 422, "invalid_fields", "code_length", "integer"),
    "length true": (raw(code_length=True), 422, "invalid_fields", "code_length", "integer"),
    "validity 29": (raw(validity=29), 422, "invalid_fields", "validity", "30"),
    "validity high": (raw(validity=172_801), 422, "invalid_fields", "validity", "172800"),
    "validity 1e400": (
        raw(validity=1).replace("1}", "1e400}"),
        422,
        "invalid_fields",
        "validity",
        "",
    ),
    "attempts 0": (raw(max_attempts=0), 422, "invalid_fields", "max_attempts", "1"),
    "attempts 11": (raw(max_attempts=11), 422, "invalid_fields", "max_attempts", "10"),
    "sends 0": (raw(max_sends=0), 422, "invalid_fields", "max_sends", "1"),
    "sends 11": (raw(max_sends=11), 422, "invalid_fields", "max_sends", "10"),
    "resend early": (raw(resend_after=14), 422, "invalid_fields", "resend_after", "15"),
    "resend late": (raw(resend_after=300), 422, "invalid_fields", "resend_after", "300"),
    "no code in it": (raw(template="hello"), 422, "invalid_fields", "template", "{code}"),
    "attribute": (
        raw(template="{code} {brand.__class__}"),
        422,
        "invalid_fields",
        "template",
        "{brand}",
    ),
    "long template": (
        raw(template="{code}" + "x" * 500),
        422,
        "invalid_fields",
        "template",
        "segments",
    ),
    "locale": (raw(locale="not a locale"), 422, "invalid_fields", "locale", "pattern"),
    "sender": (raw(sender="far too long a name"), 422, "invalid_fields", "sender", "11"),
    "host": (
        raw(webotp_domain="http://x"),
        422,
        "invalid_fields",
        "webotp_domain",
        "host name",
    ),
    "hash": (raw(android_hash="short"), 422, "invalid_fields", "android_hash", "11"),
    "eleven pairs": (
        raw(metadata={str(n): "x" for n in range(11)}),
        422,
        "invalid_fields",
        "metadata",
        "10",
    ),
    "number pair": (raw(metadata={"a": 1}), 422, "invalid_fields", "metadata.a", "string"),
    "ip": (raw(ip="300.1.1.1"), 422, "invalid_fields", "ip", ""),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_bad_start_is_refused_by_name_and_changes_nothing(stack: Stack, case: str) -> None:
    body, status, code, field, message = BODIES[case]
    before = count_items(stack)
    answer = call_raw(stack, "POST", "/v1/verifications", body)
    assert (answer.status, answer.body["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    if field:
        faults = {fault["field"]: fault["message"] for fault in answer.body["errors"]}
        assert message in faults[field]
    else:
        assert message in answer.body["detail"]
    assert stack.texts_to(TO) == []
    assert count_items(stack) == before


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json; charset=utf-8", 422),
        ("application/merge-patch+json", 422),
        ("application/x-www-form-urlencoded", 400),
        ("text/plain", 400),
        ("multipart/form-data; boundary=x", 400),
    ],
)
def test_only_json_is_read(stack: Stack, content_type: str, status: int) -> None:
    answer = call_raw(
        stack, "POST", "/v1/verifications", '{"to": 1}', {"Content-Type": content_type}
    )
    assert answer.status == status
    assert answer.body["code"] == (
        "invalid_fields" if status == 422 else "unsupported_content_type"
    )


@pytest.mark.parametrize("key", ["", "x" * 129, "a b", "\u00e9"])
def test_a_bad_idempotency_key_is_refused(stack: Stack, key: str) -> None:
    headers = {"Idempotency-Key": key.encode().decode("latin-1")}
    answer = call_raw(stack, "POST", "/v1/verifications", {"to": TO}, headers)
    assert (answer.status, answer.body["code"]) == (400, "invalid_request")
    assert stack.texts_to(TO) == []


@pytest.mark.parametrize(
    "code",
    [
        "",
        "123",
        "1" * 17,
        "12345a",
        "１２３４５６",
        "-",
        "1 2 3",
        123456,
        None,
        ["123456"],
        "x" * 65,
    ],
)
def test_what_cannot_be_a_code_is_refused_and_not_counted(stack: Stack, code: Any) -> None:
    started = start(stack, "+31643434343") if code == "" else newest(stack, "+31643434343")
    path = f"/v1/verifications/{started['id']}"
    answer = stack.call("POST", f"{path}/verify", {"code": code})
    assert (answer.status, answer.body["code"]) == (422, "invalid_fields")
    assert answer.body["errors"][0]["field"].startswith("code")
    assert stack.call("GET", path).body["attempts"] == 0


@pytest.mark.parametrize(
    "bad_id", ["x", "%00", "a" * 27, "a" * 5000, "%F0%9F%99%82", "A" * 27, "a'--"]
)
@pytest.mark.parametrize(
    ("method", "suffix"), [("GET", ""), ("DELETE", ""), ("POST", "/verify"), ("POST", "/resend")]
)
def test_an_id_that_is_none_is_not_found(
    stack: Stack, bad_id: str, method: str, suffix: str
) -> None:
    body = {"code": "123456"} if suffix == "/verify" else None
    answer = stack.call(method, f"/v1/verifications/{bad_id}{suffix}", body)
    assert (answer.status, answer.body.get("code")) == (404, "verification_not_found")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "to"),
        ("?to=", "to"),
        ("?to=hello", "to"),
        ("?to=%2B31612345678&limit=0", "limit"),
        ("?to=%2B31612345678&limit=51", "limit"),
        ("?to=%2B31612345678&limit=x", "limit"),
        ("?to=%2B31612345678&cursor=x", "cursor"),
        ("?to=%2B31612345678&masked=perhaps", "masked"),
        ("?to=%2B31612345678&page=2", "page"),
    ],
)
def test_a_bad_query_is_refused_by_name(stack: Stack, query: str, field: str) -> None:
    answer = stack.call("GET", f"/v1/verifications{query}")
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, field)


WRONG_METHODS = [
    ("/v1/health", "GET", ["POST", "PUT", "PATCH", "DELETE"]),
    ("/v1/verifications", "GET, POST", ["PUT", "PATCH", "DELETE"]),
    ("/v1/verifications/{id}", "GET, DELETE", ["POST", "PUT", "PATCH"]),
    ("/v1/verifications/{id}/verify", "POST", ["GET", "PUT", "PATCH", "DELETE"]),
    ("/v1/verifications/{id}/resend", "POST", ["GET", "PUT", "PATCH", "DELETE"]),
]


@pytest.mark.parametrize(("path", "allowed", "methods"), WRONG_METHODS)
def test_a_wrong_method_is_told_the_right_ones(
    stack: Stack, path: str, allowed: str, methods: list[str]
) -> None:
    for method in methods:
        answer = stack.call(method, path.replace("{id}", "a" * 27), {})
        assert (answer.status, answer.headers["Allow"]) == (405, allowed)
        assert answer.body["code"] == "method_not_allowed"


def newest(stack: Stack, to: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.call("GET", f"/v1/verifications?to=%2B{to[1:]}").body[
        "verifications"
    ][0]
    return found


def count_items(stack: Stack) -> int:
    """But for tallies, which come later than what they tell of: of starts before this test."""
    pages = (
        stack.aws("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=stack.tables["sessions"],
            Select="COUNT",
            FilterExpression="NOT begins_with(pk, :tally)",
            ExpressionAttributeValues={":tally": {"S": "G#"}},
        )
    )
    return sum(page["Count"] for page in pages)
