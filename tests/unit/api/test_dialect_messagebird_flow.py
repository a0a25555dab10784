"""MessageBird's Verify from end to end, on a stack in memory: objects, tokens, keys, errors."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from verification.api.dialects.messagebird.errors import refuse
from verification.domain.policy import Client, Profile
from verification.domain.report import Report
from verification.domain.verification import Channel, Delivery, Details
from verification.errors import (
    AddressNotAllowed,
    DeliveryFailed,
    DestinationNotAllowed,
    FieldFault,
    InternalError,
    InvalidFields,
    LimitExceeded,
    MethodNotAllowed,
    NotFound,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
    ScopeMissing,
    ServiceError,
    SuspectedFraud,
    TemporarilyUnavailable,
    Unauthorized,
    VerifierUnavailable,
)

from tests.fakes.calls import BATCH, SECRET, SHOP
from tests.fakes.clock import plenty
from tests.fakes.messagebird import (
    HOST,
    INSIDER,
    TEST_CODE,
    TESTER,
    URL,
    Bird,
    Reply,
    key_of,
)
from tests.fakes.providers import FakeVerifier
from tests.fakes.stack import FakeStack, start_command
from tests.integration.commands import wrong
from tests.unit.errors import SERVICE_ERRORS
from tests.unit.logs import make_telemetry

VECTORS = Path(__file__).parents[2] / "providers/vectors/messagebird"
DOCUMENT = json.loads((VECTORS / "verify.json").read_text())
REST = json.loads((VECTORS / "rest.json").read_text())

INVALID = "The token is invalid."
PROCESSED = "The token has already been processed."
EXPIRED = "The token has expired."
UNKNOWN = "a" + "q" * 26
TEST_KEY = key_of(TESTER, "test")


@pytest.fixture
def make_bird(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bird]:
    def make(stack: FakeStack | None = None, **settings: Any) -> Bird:
        return Bird(make_telemetry(monkeypatch), stack, **settings)

    return make


@pytest.fixture
def bird(make_bird: Callable[..., Bird]) -> Bird:
    return make_bird()


def refused(reply: Reply, status: int, code: int, parameter: str | None) -> str:
    """The description of the one error in an answer."""
    assert (reply.status, reply.errors) == (status, [(code, parameter)]), reply
    return reply.descriptions[0]


# ----------------------------------------------------------------------------- the Verify object


def test_the_object_has_the_fields_of_the_document_in_its_order(bird: Bird) -> None:
    reply = bird.create(originator=31612345678)
    example = DOCUMENT["document_object"]["body"]
    assert reply.status == 201
    assert list(reply.body) == list(example)
    assert list(reply.body["messages"]) == list(example["messages"])
    assert {name: type(value) for name, value in reply.body.items()} == {
        name: type(value) for name, value in example.items()
    }
    name = reply.body["id"]
    assert re.fullmatch("[a-z0-9]{27}", name)
    assert reply.body == {
        "id": name,
        "href": f"{URL}/verify/{name}",
        "recipient": 31612345678,
        "originator": 31612345678,
        "type": "sms",
        "reference": None,
        "messages": {"id": name, "href": f"{URL}/messages/{name}"},
        "status": "sent",
        "createdDatetime": "2027-01-15T08:00:00+00:00",
        "validUntilDatetime": "2027-01-15T08:00:30+00:00",
    }


@pytest.mark.parametrize(
    ("fields", "shown", "path"),
    [
        ({}, {"type": "sms", "originator": "Code"}, "/messages/"),
        ({"type": "flash"}, {"type": "flash"}, "/messages/"),
        ({"type": "tts"}, {"type": "tts"}, "/voicemessages/"),
        (
            {"type": "email", "recipient": "Ann@Example.com"},
            {"type": "email", "recipient": "ann@example.com", "originator": "Code"},
            "/verify/messages/email/",
        ),
        (
            {"type": "email", "recipient": "a@b.nl", "originator": "Shop <shop@example.org>"},
            {"originator": "shop@example.org"},
            "/verify/messages/email/",
        ),
        ({"originator": "Shop"}, {"originator": "Shop"}, "/messages/"),
        ({"originator": "+31201234567"}, {"originator": 31201234567}, "/messages/"),
        ({"reference": "order7"}, {"reference": "order7"}, "/messages/"),
        ({"timeout": 172_801}, {"validUntilDatetime": "2027-01-17T08:00:01+00:00"}, "/messages/"),
    ],
)
def test_the_object_shows_what_was_asked_for(
    bird: Bird, fields: dict[str, Any], shown: dict[str, Any], path: str
) -> None:
    made = bird.create(**fields)
    assert {name: made.body[name] for name in shown} == shown
    name = made.body["id"]
    assert made.body["messages"] == {"id": name, "href": f"{URL}{path}{name}"}
    assert bird.read(name).body == made.body
    seen = bird.ask("GET", f"{path}{name}")
    assert (seen.status, seen.body["id"]) == (200, name)


def test_times_are_cut_to_the_second(bird: Bird) -> None:
    bird.stack.clock.now += 999
    assert bird.create().body["createdDatetime"] == "2027-01-15T08:00:00+00:00"


@pytest.mark.parametrize(
    ("public_url", "context", "url"),
    [
        (None, {"domainName": HOST, "path": "/prod/verify"}, URL),
        (None, {"domainName": HOST, "path": "/verify"}, f"https://{HOST}"),
        ("https://sms.example.org/mb", {"domainName": HOST}, "https://sms.example.org/mb"),
    ],
)
def test_addresses_lead_to_where_the_caller_found_it(
    make_bird: Callable[..., Bird], public_url: str | None, context: dict[str, Any], url: str
) -> None:
    bird = make_bird(public_url=public_url)
    context = {"identity": {"sourceIp": "192.0.2.1"}, **context}
    made = bird.ask("POST", "/verify", {"recipient": "31612345678"}, requestContext=context).body
    assert made["href"] == f"{url}/verify/{made['id']}"
    assert made["messages"]["href"] == f"{url}/messages/{made['id']}"


# ------------------------------------------------------------------------------------- the token


def test_the_right_token_verifies_once(bird: Bird) -> None:
    name, token = bird.created(maxAttempts=2)
    made = bird.read(name).body
    verified = bird.check(name, token)
    assert (verified.status, verified.body) == (200, made | {"status": "verified"})
    assert bird.read(name).body["status"] == "verified"
    assert refused(bird.check(name, token), 422, 10, "token") == PROCESSED
    assert bird.read(name).body["status"] == "verified"


def test_a_token_is_checked_without_a_read(bird: Bird) -> None:
    name, token = bird.created()
    bird.stack.journal.clear()
    assert bird.check(name, token).status == 200
    assert bird.stack.journal == ["guess"]


def test_a_token_may_have_spaces_and_hyphens_in_it(bird: Bird) -> None:
    name, token = bird.created()
    assert bird.check(name, f" {token[:3]}-{token[3:]} ").status == 200


def test_after_the_last_wrong_token_it_failed(bird: Bird) -> None:
    name, token = bird.created(maxAttempts=2)
    for status in ("sent", "failed"):
        assert refused(bird.check(name, wrong(token)), 422, 10, "token") == INVALID
        assert bird.read(name).body["status"] == status
    assert refused(bird.check(name, token), 422, 10, "token") == PROCESSED


def test_by_default_one_wrong_token_is_the_last(bird: Bird) -> None:
    name, token = bird.created()
    assert refused(bird.check(name, wrong(token)), 422, 10, "token") == INVALID
    assert bird.read(name).body["status"] == "failed"


def test_a_token_expires(bird: Bird) -> None:
    name, token = bird.created()
    bird.stack.clock.advance(29.999)
    assert bird.read(name).body["status"] == "sent"
    bird.stack.clock.advance(0.001)
    assert bird.read(name).body["status"] == "expired"
    assert refused(bird.check(name, token), 422, 10, "token") == EXPIRED


# What cannot be a code.
NO_CODES = ["", " ", "abc", "123", "1" * 17, "12345x", "٦٦٦٦٦٦", "123456\x00", "1.5", "+123456"]


@pytest.mark.parametrize("token", NO_CODES)
def test_what_cannot_be_a_token_is_wrong_and_costs_no_attempt(bird: Bird, token: str) -> None:
    name, right = bird.created()
    assert refused(bird.check(name, token), 422, 10, "token") == INVALID
    assert bird.read(name).body["status"] == "sent"
    assert bird.check(name, right).status == 200


@pytest.mark.parametrize("name", ["Token", "TOKEN", " token"])
def test_a_token_by_another_spelling_is_no_mere_read(bird: Bird, name: str) -> None:
    made, token = bird.created()
    for typed, status in (("", 422), (token, 200)):
        assert bird.ask("GET", f"/verify/{made}", query={name: typed}).status == status
    assert bird.read(made).body["status"] == "verified"


def test_a_token_given_twice_is_no_token(bird: Bird) -> None:
    name, token = bird.created()
    query, several = {"token": token}, {"token": [token, "1"]}
    reply = bird.ask("GET", f"/verify/{name}", query=query, multiValueQueryStringParameters=several)
    refused(reply, 422, 21, None)
    assert bird.check(name, token).status == 200


def test_only_the_number_that_was_asked_for_is_verified_where_a_verifier_makes_the_token(
    make_bird: Callable[..., Bird],
) -> None:
    verifier = FakeVerifier()
    bird = make_bird(FakeStack(providers=[verifier]))
    name = bird.create(maxAttempts=3).body["id"]
    (order,) = verifier.started
    assert order.template(Channel.SMS, "%token").text == "Your code is: %token"
    assert refused(bird.check(name, "111111"), 422, 10, "token") == INVALID
    verifier.check_failing = ProviderSilent("verifier", "timeout")
    refused(bird.check(name, verifier.code), 502, 99, None)
    verifier.check_failing = None
    assert bird.check(name, verifier.code).body["status"] == "verified"


# ---------------------------------------------------------------------------------------- deleting


def test_what_is_deleted_is_shown_without_its_recipient(bird: Bird) -> None:
    name, token = bird.created(reference="order7", originator="Shop")
    made = bird.read(name).body
    for _ in range(2):
        removed = bird.ask("DELETE", f"/verify/{name}", "{}")  # as the Python client does
        assert (removed.status, removed.body) == (204, None)
    gone = {"status": "deleted", "recipient": None, "reference": None}
    assert bird.read(name).body == made | gone
    assert refused(bird.check(name, token), 422, 10, "token") == INVALID


def test_a_verified_one_can_be_deleted(bird: Bird) -> None:
    name, token = bird.created()
    bird.check(name, token)
    assert bird.remove(name).status == 204
    assert bird.read(name).body["status"] == "deleted"


def test_a_deleted_one_by_email_is_still_one_by_email(bird: Bird) -> None:
    name = bird.create(type="email", recipient="ann@example.com").body["id"]
    bird.remove(name)
    gone = bird.read(name).body
    assert (gone["type"], gone["recipient"]) == ("email", None)
    assert bird.ask("GET", f"/verify/messages/email/{name}").status == 200


# ---------------------------------------------------------------------------------------- messages


def test_the_message_has_the_fields_of_the_vendors_and_not_the_token(bird: Bird) -> None:
    name, token = bird.created(template="%token: {x}", originator="Shop", reference="r7")
    bird.stack.clock.advance(5)
    reply = bird.ask("GET", f"/messages/{name}")
    assert reply.status == 200
    assert sorted(reply.body) == sorted(REST["sms_create_201_live"]["body"])
    assert reply.body == {
        "id": name,
        "href": f"{URL}/messages/{name}",
        "direction": "mt",
        "type": "sms",
        "originator": "Shop",
        "body": "%token: {x}",
        "reference": "r7",
        "validity": 30,
        "gateway": None,
        "typeDetails": {},
        "datacoding": "plain",
        "mclass": 1,
        "scheduledDatetime": None,
        "createdDatetime": "2027-01-15T08:00:00+00:00",
        "recipients": {
            "totalCount": 1,
            "totalSentCount": 1,
            "totalDeliveredCount": 0,
            "totalDeliveryFailedCount": 0,
            "items": [
                {
                    "recipient": 31612345678,
                    "status": "sent",
                    "statusDatetime": "2027-01-15T08:00:00+00:00",
                }
            ],
        },
    }
    assert token not in json.dumps(reply.body)


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"type": "flash"}, {"type": "flash", "mclass": 0, "body": "Your code is: %token"}),
        ({"template": "%token: 你"}, {"datacoding": "unicode", "body": "%token: 你"}),
        ({"timeout": 60}, {"validity": 60}),
        ({"originator": "+31201234567"}, {"originator": 31201234567}),
    ],
)
def test_a_message_shows_what_was_asked_for(
    bird: Bird, fields: dict[str, Any], shown: dict[str, Any]
) -> None:
    name, _ = bird.created(**fields)
    message = bird.ask("GET", f"/messages/{name}").body
    assert {field: message[field] for field in shown} == shown


def test_the_call_has_the_fields_of_the_vendors_and_not_the_token(bird: Bird) -> None:
    name, token = bird.created(type="tts", voice="male", language="nl-nl", originator=31201234567)
    reply = bird.ask("GET", f"/voicemessages/{name}")
    usual = {"originator", "machineTimeout"}  # of the d.ts, not in the capture
    assert set(reply.body) == set(REST["voice_create"]["body"]) | usual
    assert {field: reply.body[field] for field in ("body", "voice", "language", "originator")} == {
        "body": "Your code is: %token. Your code is: %token",
        "voice": "male",
        "language": "nl-nl",
        "originator": 31201234567,
    }
    assert token not in json.dumps(reply.body)
    assert reply.body["recipients"]["items"][0]["status"] == "calling"


def test_the_mail_has_an_id_and_a_status(bird: Bird) -> None:
    name = bird.create(type="email", recipient="ann@example.com").body["id"]
    reply = bird.ask("GET", f"/verify/messages/email/{name}")
    assert (reply.status, reply.body) == (200, {"id": name, "status": "sent"})


PATHS = {"sms": "/messages/", "tts": "/voicemessages/", "email": "/verify/messages/email/"}
RECIPIENTS = {"email": "ann@example.com"}
STATUSES = {
    Delivery.QUEUED: ("scheduled", "calling"),
    Delivery.ACCEPTED: ("sent", "calling"),
    Delivery.UNKNOWN: ("sent", "calling"),
    Delivery.DELIVERED: ("delivered", "answered"),
    Delivery.UNDELIVERED: ("delivery_failed", "failed"),
}
COUNTS = ("totalSentCount", "totalDeliveredCount", "totalDeliveryFailedCount")


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("delivery", STATUSES)
def test_a_message_says_how_far_it_came(bird: Bird, kind: str, delivery: Delivery) -> None:
    recipient = RECIPIENTS.get(kind, "31612345678")
    if delivery == Delivery.QUEUED:
        bird.stack.messenger.failing = ProviderUnavailable("fake", "503")
    if delivery == Delivery.UNKNOWN:
        bird.stack.messenger.failing = ProviderSilent("fake", "timeout")
    name = bird.create(type=kind, recipient=recipient).body["id"]
    if delivery in (Delivery.DELIVERED, Delivery.UNDELIVERED):
        (sent,) = bird.stack.messenger.sent
        told = Report("fake", delivery, token=sent.order.report_token("fake"))
        bird.stack.take_report(told)
    message = bird.ask("GET", f"{PATHS[kind]}{name}").body
    status = STATUSES[delivery][kind == "tts"]
    if kind == "email":
        assert message["status"] == status
        return
    recipients = message["recipients"]
    assert recipients["items"][0]["status"] == status
    sent_now = delivery in (Delivery.ACCEPTED, Delivery.UNKNOWN)
    assert [recipients[count] for count in COUNTS] == [
        sent_now,
        delivery == Delivery.DELIVERED,
        delivery == Delivery.UNDELIVERED,
    ]


def test_of_a_deleted_message_the_text_and_the_recipient_are_gone(bird: Bird) -> None:
    for kind in ("sms", "tts"):
        name, _ = bird.created(type=kind)
        bird.remove(name)
        message = bird.ask("GET", f"{PATHS[kind]}{name}").body
        assert message["body"] is None
        assert message["recipients"]["items"][0]["recipient"] is None


@pytest.mark.parametrize("kind", PATHS)
def test_a_message_of_another_kind_is_not_there(bird: Bird, kind: str) -> None:
    name = bird.create(type=kind, recipient=RECIPIENTS.get(kind, "31612345678")).body["id"]
    for other, path in PATHS.items():
        reply = bird.ask("GET", f"{path}{name}")
        if other == kind:
            assert reply.status == 200
        else:
            text = "Entity not found" if other == "email" else "message not found"
            assert refused(reply, 404, 20, None) == text


# ------------------------------------------------------------------- what is not there, and others'


@pytest.mark.parametrize("name", [UNKNOWN, "4e213b01155d1e35a9d9571v00162985", "", "é", "x" * 999])
def test_what_is_not_there_is_not_found(bird: Bird, name: str) -> None:
    missing = "Verify object could not be found"
    assert refused(bird.read(name), 404, 20, None) == missing
    assert refused(bird.check(name, "123456"), 404, 20, None) == missing
    assert refused(bird.remove(name), 404, 20, None) == missing
    for kind, path in PATHS.items():
        missing = refused(bird.ask("GET", f"{path}{name}"), 404, 20, None)
        assert missing == ("Entity not found" if kind == "email" else "message not found")


def test_what_is_anothers_is_not_found(bird: Bird) -> None:
    name, token = bird.created()
    other = key_of(BATCH)
    refused(bird.read(name, other), 404, 20, None)
    refused(bird.check(name, token, other), 404, 20, None)
    refused(bird.remove(name, other), 404, 20, None)
    refused(bird.ask("GET", f"/messages/{name}", key=other), 404, 20, None)
    assert bird.check(name, token).status == 200


@pytest.mark.parametrize(
    ("channel", "to", "kind"),
    [
        (Channel.SMS, "+31612345678", "sms"),
        (Channel.WHATSAPP, "+31612345678", "sms"),
        (Channel.VIBER, "+31612345678", "sms"),
        (Channel.TOTP, "+31612345678", "sms"),
        (Channel.VOICE, "+31612345678", "tts"),
        (Channel.EMAIL, "ann@example.com", "email"),
    ],
)
@pytest.mark.parametrize("template", [None, "{brand}: {code}, {{x}}"])
def test_what_was_started_by_another_of_our_apis_can_be_looked_at(
    bird: Bird, channel: Channel, to: str, kind: str, template: str | None
) -> None:
    client = Client(SHOP.id, Profile("Shop"))
    command = start_command(to, channel=channel, client=client)
    if template:
        command = replace(command, details=Details(template=template))
    record = bird.stack.start(command, plenty).record
    name = str(record.verification.id)
    seen = bird.read(name).body
    assert (seen["type"], seen["status"]) == (kind, "sent")
    message = bird.ask("GET", f"{PATHS[kind]}{name}")
    assert message.status == 200
    if kind != "email":
        assert "%token" in message.body["body"]
        assert bird.token() not in message.body["body"]
        if template:
            assert "Shop: %token, {x}" in message.body["body"]
    assert bird.check(name, bird.token()).status == 200


# -------------------------------------------------------------------------------------------- keys


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "AccessKey",
        "AccessKey ",
        f"AccessKey {SHOP.id}.{SECRET}",
        f"AccessKey live_{SHOP.id}.wrong",
        f"AccessKey live_{SHOP.id}.",
        f"AccessKey live_{SHOP.id}",
        f"AccessKey live_nobody.{SECRET}",
        f"AccessKey LIVE_{SHOP.id}.{SECRET}",
        f"AccessKey live_{SHOP.id}.{SECRET} ",
        f"AccessKey live_{'a' * 65}.{SECRET}",
        f"AccessKey live_{SHOP.id}.{'x' * 129}",
        f"AccessKey test_{SHOP.id}.{SECRET}",  # not a client for tests
        f"AccessKey test_{TESTER.id}.wrong",
        f"AccessKey live_test_{TESTER.id}.{SECRET}",
        f"AccessKey test_test_{TESTER.id}.{SECRET}",
        f"Bearer live_{SHOP.id}.{SECRET}",
        f"live_{SHOP.id}.{SECRET}",
        "AccessKey test_gshuPaZoeEG6ovbc8M79w0QyM",
        "AccessKey é_é.é",
    ],
)
def test_a_wrong_key_opens_nothing_and_is_told_so(bird: Bird, authorization: str | None) -> None:
    name, token = bird.created()
    sent = list(bird.stack.journal)
    headers = {} if authorization is None else {"Authorization": authorization}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/verify", {"body": {"recipient": "31612345678"}}),
        ("POST", "/verify", {"body": "{"}),  # credentials come first
        ("GET", f"/verify/{name}", {}),
        ("GET", f"/verify/{name}", {"query": {"token": token}}),
        ("GET", f"/verify/{name}", {"query": {"access_key": key_of()}}),
        ("DELETE", f"/verify/{name}", {}),
        ("GET", f"/messages/{name}", {}),
        ("GET", f"/voicemessages/{name}", {}),
        ("GET", f"/verify/messages/email/{name}", {}),
    ]
    for method, path, more in calls:
        reply = bird.ask(method, path, headers=headers, **more)
        assert reply.body == REST["access_key_401"]["body"]
        assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "AccessKey")
    assert bird.stack.journal == sent
    assert bird.check(name, token).status == 200


@pytest.mark.parametrize("scheme", ["AccessKey", "accesskey", "ACCESSKEY", "AccessKey  "])
@pytest.mark.parametrize("header", ["Authorization", "authorization"])
def test_the_scheme_and_the_header_are_known_in_any_case(
    bird: Bird, scheme: str, header: str
) -> None:
    headers = {header: f"{scheme} {key_of()}"}
    assert bird.ask("POST", "/verify", '{"recipient": 31612345678}', headers=headers).status == 201


def test_from_an_address_that_is_not_the_clients_nothing_is_allowed(bird: Bird) -> None:
    reply = bird.ask("POST", "/verify", {"recipient": "31612345678"}, key=key_of(INSIDER))
    assert refused(reply, 401, 2, None) == "Request not allowed (from this address)"
    assert bird.stack.journal == []
    context = {"identity": {"sourceIp": "203.0.113.7"}, "domainName": HOST}
    fields = {"recipient": "31612345678"}
    reply = bird.ask("POST", "/verify", fields, key=key_of(INSIDER), requestContext=context)
    assert reply.status == 201


# --------------------------------------------------------------------------------- keys for tests


def create_test(bird: Bird, **fields: Any) -> str:
    reply = bird.ask("POST", "/verify", {"recipient": "31612345678"} | fields, key=TEST_KEY)
    assert (reply.status, reply.body["status"]) == (201, "sent")
    name: str = reply.body["id"]
    return name


@pytest.mark.parametrize("kind", PATHS)
def test_with_a_key_for_tests_nothing_is_sent_to_anybody(bird: Bird, kind: str) -> None:
    name = create_test(bird, type=kind, recipient=RECIPIENTS.get(kind, "12025550100"))
    assert bird.stack.messenger.sent == []
    assert bird.check(name, TEST_CODE, TEST_KEY).body["status"] == "verified"
    assert bird.ask("GET", f"{PATHS[kind]}{name}", key=TEST_KEY).status == 200


def test_with_a_key_for_tests_the_test_code_alone_verifies(bird: Bird) -> None:
    name = create_test(bird, tokenLength=10, maxAttempts=3)
    assert refused(bird.check(name, wrong(TEST_CODE), TEST_KEY), 422, 10, "token") == INVALID
    assert bird.read(name, TEST_KEY).body["status"] == "sent"
    assert bird.check(name, TEST_CODE, TEST_KEY).status == 200
    assert refused(bird.check(name, TEST_CODE, TEST_KEY), 422, 10, "token") == PROCESSED


def test_with_a_live_key_the_test_code_verifies_nothing(bird: Bird) -> None:
    live = key_of(TESTER)
    reply = bird.ask("POST", "/verify", {"recipient": "31612345678"}, key=live)
    assert len(bird.stack.messenger.sent) == 1
    assert bird.token() != TEST_CODE
    refused(bird.check(reply.body["id"], TEST_CODE, live), 422, 10, "token")


def test_what_either_key_starts_the_other_never_sees(bird: Bird) -> None:
    live = key_of(TESTER)
    ours = bird.ask("POST", "/verify", {"recipient": "31612345678"}, key=live).body["id"]
    for name, other in ((create_test(bird), live), (ours, TEST_KEY)):
        refused(bird.read(name, other), 404, 20, None)
        refused(bird.check(name, TEST_CODE, other), 404, 20, None)
        refused(bird.remove(name, other), 404, 20, None)
        refused(bird.ask("GET", f"/messages/{name}", key=other), 404, 20, None)
    tested = bird.stack.verifications.read(create_test(bird)[1:])
    assert tested and tested.verification.client_id == "test_tester"
    # Nor does the same client by the native API.
    with pytest.raises(NotFound):
        bird.stack.lookup.one(TESTER.id, str(tested.verification.id))


def test_without_a_test_code_there_are_no_keys_for_tests(make_bird: Callable[..., Bird]) -> None:
    bird = make_bird(test_code=None)
    reply = bird.ask("POST", "/verify", {"recipient": "31612345678"}, key=TEST_KEY)
    assert refused(reply, 401, 2, "access_key")
    assert bird.stack.journal == []
    assert bird.ask("POST", "/verify", {"recipient": 31612345678}, key=key_of(TESTER)).status == 201


def test_tests_count_against_no_limit(make_bird: Callable[..., Bird]) -> None:
    bird = make_bird(FakeStack(sends="1/10m", guesses="5/24h"))
    for _ in range(3):
        create_test(bird, maxAttempts=10)


# ----------------------------------------------------------------------------------------- errors

# What is not here is 422 with code 21: the caller can do something about it.
MEANINGS: dict[type[ServiceError], tuple[int, int, str | None]] = {
    AddressNotAllowed: (401, 2, None),
    DeliveryFailed: (422, 21, None),
    DestinationNotAllowed: (422, 10, "recipient"),
    InternalError: (500, 99, None),
    LimitExceeded: (422, 10, "recipient"),
    MethodNotAllowed: (405, 21, None),
    NotFound: (404, 20, None),
    ScopeMissing: (401, 2, None),
    SuspectedFraud: (422, 10, "recipient"),
    TemporarilyUnavailable: (503, 99, None),
    Unauthorized: (401, 2, "access_key"),
    VerifierUnavailable: (502, 99, None),
}


@pytest.mark.parametrize("kind", SERVICE_ERRORS)
def test_every_error_is_one_of_the_vendors(kind: type[ServiceError]) -> None:
    for error in (kind(), kind("What it says.")):
        answer = refuse(error)
        assert isinstance(answer.body, dict)
        [entry] = answer.body["errors"]
        assert list(entry) == ["code", "description", "parameter"]
        known = (answer.status, entry["code"], entry["parameter"])
        assert known == MEANINGS.get(kind, (422, 21, None))
        assert entry["description"]
        if entry["code"] in (20, 21, 99) and error.detail and kind is not VerifierUnavailable:
            assert entry["description"] == "What it says."


def test_errors_say_when_and_how_else_to_ask() -> None:
    assert refuse(TemporarilyUnavailable(retry_after=7)).headers == {"Retry-After": "7"}
    assert refuse(MethodNotAllowed(allow="GET, DELETE")).headers == {"Allow": "GET, DELETE"}


@pytest.mark.parametrize(
    ("field", "parameter"),
    [
        ("to", "recipient"),
        ("sender", "originator"),
        ("channel", "type"),
        ("validity", "timeout"),
        ("code_length", "tokenLength"),
        ("max_attempts", "maxAttempts"),
        ("template", "template"),
        ("subject", "subject"),
    ],
)
def test_what_the_operations_refuse_has_the_vendors_name(field: str, parameter: str) -> None:
    answer = refuse(InvalidFields(faults=[FieldFault(field, "is wrong")]))
    assert answer.body == {
        "errors": [
            {
                "code": 10,
                "description": f"{parameter} is invalid (is wrong)",
                "parameter": parameter,
            }
        ]
    }


def test_a_method_that_is_not_taken_is_405(bird: Bird) -> None:
    refused(bird.ask("PATCH", "/verify"), 405, 21, None)


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize("body", ["{", "[]", "null", '{"a": 1, "a": 2}', "a=1&a=2", "x" * 40_000])
def test_a_body_that_cannot_be_read_is_a_bad_request(bird: Bird, body: str, form: bool) -> None:
    refused(bird.ask("POST", "/verify", body, form=form), 422, 21, None)
    assert bird.stack.journal == []


def test_a_body_without_a_type_is_read_as_what_it_looks_like(bird: Bird) -> None:
    headers = {"Authorization": f"AccessKey {key_of()}"}
    for body in ('{"recipient": "31612345678"}', "recipient=31612345678&timeout=60"):
        typed = headers | ({} if body.startswith("{") else {"Content-Type": "text/plain"})
        assert bird.ask("POST", "/verify", body, headers=typed).status == 201


def test_limits_are_no_429(make_bird: Callable[..., Bird]) -> None:
    bird = make_bird(FakeStack(sends="1/10m"))
    bird.created()
    reply = bird.create()
    assert "limit" in refused(reply, 422, 10, "recipient")
    assert len(bird.stack.messenger.sent) == 1


def test_a_budget_that_is_spent_is_nobodys_fault(make_bird: Callable[..., Bird]) -> None:
    bird = make_bird(FakeStack(limits="stack_messages=1"))
    bird.created()
    assert "stack_messages 1/day" in refused(bird.create(), 422, 21, None)
    assert len(bird.stack.messenger.sent) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"countries": frozenset({"EE"})}, "Not to numbers of NL."),
        ({"refused_kinds": frozenset({"mobile"})}, "Not to numbers of the kind mobile."),
    ],
)
def test_to_whom_nothing_is_sent_is_the_recipients_fault(
    make_bird: Callable[..., Bird], options: dict[str, Any], says: str
) -> None:
    bird = make_bird(FakeStack(**options))
    assert says in refused(bird.create(), 422, 10, "recipient")
    assert bird.stack.journal == []


def test_a_channel_without_a_provider_is_the_types_fault(make_bird: Callable[..., Bird]) -> None:
    bird = make_bird(FakeStack(routes="sms=fake"))
    assert "no provider" in refused(bird.create(type="tts"), 422, 10, "type")


def test_what_no_provider_takes_is_a_bad_request(bird: Bird) -> None:
    bird.stack.messenger.failing = ProviderRejected("fake", "7")
    refused(bird.create(), 422, 21, None)


def test_what_no_provider_can_take_now_is_sent_later(bird: Bird) -> None:
    bird.stack.messenger.failing = ProviderUnavailable("fake", "503")
    reply = bird.create()
    assert (reply.status, reply.body["status"]) == (201, "sent")


@pytest.mark.parametrize(
    ("crash", "status"), [(TemporarilyUnavailable(), 503), (KeyError("31612345678"), 500)]
)
def test_what_is_our_fault_says_so_and_nothing_more(
    bird: Bird, crash: Exception, status: int
) -> None:
    name, token = bird.created()
    for method in ("create", "guess", "read", "cancel"):
        bird.stack.verifications.failing[method] = crash
    for reply in (bird.create(), bird.read(name), bird.check(name, token), bird.remove(name)):
        refused(reply, status, 99, None)
        assert "31612345678" not in str(reply)


# -------------------------------------------------------------------------------------------- fuzz

_ANY: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=40),
    st.lists(st.text(max_size=5), max_size=3),
)
_KNOWN = st.sampled_from(
    ["recipient", "originator", "reference", "type", "template", "datacoding", "timeout", "token"]
    + ["tokenLength", "maxAttempts", "voice", "language", "subject", "reportUrl", "Recipient"]
)
_LIKELY = st.sampled_from(
    ["31612345678", "+12025550100", "ann@example.com", "sms", "tts", "email", "%token", "30", 6, ""]
)
_FIELDS = st.dictionaries(_KNOWN | st.text(max_size=8), _LIKELY | _ANY, max_size=8)
_QUERY = st.dictionaries(_KNOWN | st.text(max_size=8), st.text(max_size=20), max_size=3)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example empties it
)
@given(
    body=_FIELDS | st.text(max_size=60),
    query=_QUERY,
    form=st.booleans(),
    path=st.sampled_from(["", "/{made}", "/" + UNKNOWN, "/é"]),
)
def test_whatever_is_asked_gets_an_answer_that_clients_can_read(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    body: Any,
    query: dict[str, str],
    form: bool,
    path: str,
) -> None:
    bird = Bird(make_telemetry(monkeypatch))
    if form and isinstance(body, dict):
        body = {name: str(value) for name, value in body.items()}
    made, token = bird.created(recipient="12025550100", tokenLength=10)
    replies = [bird.ask("POST", "/verify", body, query=query, form=form)]
    if path:
        whole = f"/verify{path.format(made=made)}"
        replies.append(bird.ask("GET", whole, query=query))
        replies.append(bird.ask("DELETE", whole, body, query=query))
    for reply in replies:
        assert reply.status in (200, 201, 204, 401, 404, 405, 422)
        if reply.status in (200, 201):
            assert list(reply.body) == list(DOCUMENT["document_object"]["body"])
        elif reply.status == 204:
            assert reply.body is None
        else:
            assert reply.body["errors"]
            for error in reply.body["errors"]:
                assert list(error) == ["code", "description", "parameter"]
                assert isinstance(error["code"], int) and isinstance(error["description"], str)
                assert isinstance(error["parameter"], str | None)
    written = capsys.readouterr().out
    assert written.count("request_answered") == 1 + len(replies)
    assert token not in written and SECRET not in written


# -------------------------------------------------------------------------------------------- logs


def test_no_log_of_a_whole_flow_holds_a_token_a_key_or_a_number(
    make_bird: Callable[..., Bird], capsys: pytest.CaptureFixture[str]
) -> None:
    test_code = "2468101214161820"  # as the token, too long to stand in a time by chance
    bird = make_bird(test_code=test_code)
    name, token = bird.created(maxAttempts=3, reference="order7", tokenLength=10)
    bird.check(name, wrong(token))
    bird.check(name, "")
    bird.check(name, token)
    bird.check(name, token)
    bird.read(name)
    bird.ask("GET", f"/messages/{name}")
    tested = create_test(bird)
    bird.check(tested, test_code, TEST_KEY)
    bird.remove(name)
    bird.create(recipient="x31612345678", originator="x" * 12)
    bird.ask("POST", "/verify", "{31612345678", key="live_shop.wrong")
    bird.ask("POST", "/verify", "{31612345678")
    written = capsys.readouterr().out
    assert '"message":"verification_judged"' in written
    for secret in (token, wrong(token), test_code, SECRET, "wrong", "31612345678", "order7"):
        assert secret not in written
