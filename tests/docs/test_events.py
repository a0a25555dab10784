"""events/ holds what AWS really hands to each function, and nobody real."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import pytest
from verification.api.events import is_http, route_of
from verification.api.queue import LOOK_ROOM, is_batch, make_queue_handler, read_look, read_over
from verification.api.reports.handler import make_reports_handler
from verification.api.told import show_event
from verification.api.webhooks import read_posting
from verification.catalogue import CLASSES
from verification.domain.events import told_by_change, told_by_sends
from verification.domain.guard import Kind, Tally
from verification.domain.limits import Budget, Charge
from verification.domain.report import Report
from verification.domain.reserved import is_reserved
from verification.domain.webhooks import Posting
from verification.operations.ports import Change, Remaining, Sent
from verification.storage import table
from verification.storage.stream import read_stream, read_write
from verification.telemetry import Telemetry

from tests.docs.conftest import Clients
from tests.docs.events import check_event
from tests.docs.sources import (
    IP,
    ROOT,
    Context,
    Run,
    api_events,
    check_answer,
    read,
    rows,
    template,
)
from tests.fakes.clock import plenty
from tests.fakes.functions import load
from tests.fakes.services import InMemoryServices
from tests.fakes.stack import FakeStack
from tests.template.test_stream import passes

EVENTS = {
    path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "events").glob("*.json"))
}
FUNCTIONS = sorted(api_events().keys() - {"reports", "tally", "events", "webhooks"})
# Over HTTP only: what is for browsers, and what speaks as its vendor does.
HTTP_ONLY = {"messagebird", "messente", "page", "verigator"}
# Delivery reports come from vendors over HTTP, and from AWS in these ways.
REPORT_WAYS = ("http", "sns", "eventbridge", "logs")

# Status and a part of the answer to each.
ANSWERS = {
    "start-http": (201, '"delivery": "accepted"'),
    "start-http-email": (201, '"channel": "email"'),
    "start-http-wrong-credentials": (401, "unauthorized"),
    "start-http-bad-json": (400, "invalid_json"),
    "start-http-bad-fields": (422, '"field": "colour"'),
    "verify-http": (200, '"valid": true'),
    "verify-http-not-a-code": (422, "should be 4 to 16 digits"),
    "lookup-http": (200, '"to": "+447******123"'),
    "lookup-http-list": (200, '{"verifications": [{"id": "afictionalverification'),
    "lookup-http-health": (200, '{"status": "ok"}'),
    "lookup-http-wrong-method": (405, "method_not_allowed"),
    "delete-http": (204, ""),
    "resend-http": (200, '"channel": "voice"'),
    "resend-http-no-body": (200, '"channel": "sms"'),
    "page-http": (200, "+447******123"),
    "page-http-code": (303, ""),
    "page-http-wrong-code": (303, ""),
    "page-http-call": (303, ""),
    "page-http-made-up": (404, "<h1>"),
    "messente-http-get": (200, "OK "),
    "messente-http-form": (200, "OK "),
    "messente-http-json": (200, "OK "),
    "messente-http-trusted-device": (200, "VERIFIED"),
    "messente-http-wrong-password": (200, "ERROR 101"),
    "messente-http-bad-parameters": (200, "ERROR 102"),
    "messente-http-pin": (200, "VERIFIED"),
    "messente-http-wrong-pin": (200, "INVALID"),
    "messente-http-forget-devices": (200, '{"revoked": 1}'),
    "messagebird-http": (201, '"reference": "order1042"'),
    "messagebird-http-form": (201, '"recipient": 447700900123'),
    "messagebird-http-query-and-body": (201, '"originator": "YourName"'),
    "messagebird-http-test-key": (201, '"status": "sent"'),
    "messagebird-http-wrong-key": (401, '"code": 2'),
    "messagebird-http-bad-parameters": (422, '"parameter": "tokenLength"'),
    "messagebird-http-read": (200, '"status": "sent"'),
    "messagebird-http-token": (200, '"status": "verified"'),
    "messagebird-http-empty-token": (422, '"parameter": "token"'),
    "messagebird-http-delete": (204, ""),
    "messagebird-http-message": (200, '"direction": "mt"'),
    "verigator-http-service": (201, '"fqdn": "shop.example.com"'),
    "verigator-http-java-service": (200, '"fqdn": "shop.example.com"'),
    "verigator-http-same-service": (409, '"message"'),
    "verigator-http-read-service": (200, '"name": "CoffeeShop"'),
    "verigator-http-delete-service": (202, '"id"'),
    "verigator-http-user": (201, '"id_in_service": "ann@example.com"'),
    "verigator-http-users": (200, '{"users": [{"id"'),
    "verigator-http-read-user": (200, '"id_in_service": "john.doe"'),
    "verigator-http-java-read-user": (200, '"id_in_service": "john.doe"'),
    "verigator-http-delete-user": (202, '"id"'),
    "verigator-http-auth": (200, '{"method": "sms"}'),
    "verigator-http-verify": (200, '"verified": true'),
    "verigator-http-wrong-token": (200, '"verified": false'),
    "verigator-http-wrong-credentials": (401, '"message"'),
    "verigator-http-enrol-app": (201, "otpauth://totp/CoffeeShop"),
    "verigator-http-confirm-app": (200, '"confirmed": true'),
    "verigator-http-remove-app": (204, ""),
}

# AWS, "Input format of a Lambda function for proxy integration" (REST APIs).
PROXY_FIELDS = set(
    "resource path httpMethod headers multiValueHeaders queryStringParameters "
    "multiValueQueryStringParameters pathParameters stageVariables requestContext body "
    "isBase64Encoded".split()
)
CONTEXT_FIELDS = set(
    "accountId apiId deploymentId domainName domainPrefix extendedRequestId httpMethod identity "
    "path protocol requestId requestTime requestTimeEpoch resourceId resourcePath stage".split()
)
# AWS, "Using Lambda with Amazon SQS".
RECORD_FIELDS = set(
    "messageId receiptHandle body attributes messageAttributes md5OfBody eventSource "
    "eventSourceARN awsRegion".split()
)

# AWS, "Process DynamoDB records with Lambda".
STREAM_FIELDS = set(
    "eventID eventName eventVersion eventSource awsRegion dynamodb eventSourceARN".split()
)
CHANGE_FIELDS = set(
    "ApproximateCreationDateTime Keys NewImage SequenceNumber SizeBytes StreamViewType".split()
)
STREAM = template()["Resources"]["SessionsTable"]["Properties"]["StreamSpecification"]


def of_kind(kind: str) -> list[str]:
    return [name for name in EVENTS if name.split("-")[1] == kind]


def of_function(function: str) -> list[str]:
    return [name for name in EVENTS if name.split("-")[0] == function]


def values(node: Any, name: str) -> Iterator[Any]:
    """Each value under a name, also in bodies."""
    if isinstance(node, str) and node.startswith("{"):
        try:
            node = json.loads(node)
        except ValueError:
            return  # the one with bad JSON
    if isinstance(node, str) and "=" in node:
        node = dict(parse_qsl(node))
    for key, value in node.items() if isinstance(node, dict) else ():
        if key == name and isinstance(value, dict) and value.keys() == {"S"}:  # of DynamoDB
            yield value["S"]
        elif key == name and not isinstance(value, dict | list):
            yield value
        yield from values(value, name)
    for value in node if isinstance(node, list) else ():
        yield from values(value, name)


def test_every_function_has_one_event_of_each_way_in() -> None:
    ways = {(name.split("-")[0], name.split("-")[1]) for name in EVENTS}
    every = {(function, "http") for function in FUNCTIONS}
    every |= {(function, "direct") for function in FUNCTIONS if function not in HTTP_ONLY}
    every |= {("resend", "queue"), ("tally", "stream")}
    every |= {("events", "stream"), ("events", "queue"), ("webhooks", "queue")}
    assert ways == every | {("reports", way) for way in REPORT_WAYS}


@pytest.mark.parametrize("name", of_kind("http"))
def test_an_http_event_is_shaped_as_api_gateway_shapes_it(name: str) -> None:
    event = EVENTS[name]
    assert is_http(event)
    assert event.keys() == PROXY_FIELDS
    assert event["requestContext"].keys() == CONTEXT_FIELDS
    assert event["requestContext"]["resourcePath"] == event["resource"]
    assert event["requestContext"]["httpMethod"] == event["httpMethod"]
    assert {n: v[0] for n, v in event["multiValueHeaders"].items()} == event["headers"]
    assert route_of(event) in api_events()[name.split("-")[0]]


@pytest.mark.parametrize("name", [n for n in of_kind("http") if n not in of_function("reports")])
def test_an_http_event_is_answered_as_its_name_says(name: str, run: Run) -> None:
    answer = run(name.split("-")[0], EVENTS[name])
    status, part = ANSWERS[name]
    assert answer["statusCode"] == status, answer["body"]
    assert part in answer["body"]
    check_answer(route_of(EVENTS[name]), answer)


@pytest.mark.parametrize("name", of_kind("direct"))
def test_a_direct_event_is_taken(name: str, run: Run) -> None:
    event = EVENTS[name]
    assert not is_http(event) and not is_batch(event, Context())
    assert "error" not in run(name.split("-")[0], event)


@pytest.mark.parametrize(
    ("name", "looks", "failed"),
    [
        ("resend-queue", 1, []),
        ("resend-queue-duplicate", 2, []),
        ("resend-queue-poison", 1, ["00000000-0000-4000-8000-000000000002"]),
    ],
)
def test_of_a_batch_only_poison_fails(
    name: str, looks: int, failed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Docs")
    event = EVENTS[name]
    seen = []

    def look_after(token: str, claimed: int, tries: int, remaining: Remaining) -> None:
        seen.append((token, claimed, tries))

    answer = make_queue_handler(read_look(look_after), LOOK_ROOM, Telemetry())(event, Context())
    assert seen == [("fictionalverificationtoken", 1_795_348_799_950, 0)] * looks
    assert [item["itemIdentifier"] for item in answer["batchItemFailures"]] == failed


@pytest.mark.parametrize("name", of_kind("queue"))
def test_a_batch_is_shaped_as_sqs_shapes_it(name: str) -> None:
    assert is_batch(EVENTS[name], Context())
    for record in EVENTS[name]["Records"]:
        assert record.keys() == RECORD_FIELDS
        body = record["body"].encode()
        assert record["md5OfBody"] == hashlib.md5(body, usedforsecurity=False).hexdigest()


def test_an_end_is_looked_after() -> None:
    seen: list[tuple[str, int, int]] = []
    take = read_over(lambda token, began, due: seen.append((token, began, due)))
    [record] = EVENTS["events-queue"]["Records"]
    take(record["body"], plenty)
    assert seen == [("fictionalverificationtoken", 1_795_348_800_000, 1_795_349_130_000)]


@pytest.mark.parametrize(
    ("name", "types"),
    [("events-stream-verified", ["verified"]), ("events-stream-delivered", ["delivered"])],
)
def test_a_change_is_told_as_its_name_says(name: str, types: list[str]) -> None:
    [record] = EVENTS[name]["Records"]
    write = read_write(record)
    assert write is not None
    if isinstance(write.told, Change):
        told = [*told_by_change(write.told.before, write.told.after, write.written)]
    else:
        verification = _change("events-stream-verified").after
        assert verification is not None
        told = [*told_by_sends(verification, *write.told.sends(verification), write.written)]
    assert [event.type for event in told] == [f"verification.{type_}" for type_ in types]
    for event in told:
        check_event(show_event(event))


def _change(name: str) -> Change:
    write = read_write(EVENTS[name]["Records"][0])
    assert write and isinstance(write.told, Change)
    return write.told


def test_what_the_webhooks_queue_brings_is_posted() -> None:
    class Seen:
        event_ids: ClassVar[list[str]] = []
        postings: ClassVar[list[Posting]] = []

        def event(self, event: Mapping[str, Any], remaining: Remaining) -> None:
            check_event(dict(event))
            self.event_ids.append(event["id"])

        def again(self, posting: Posting, remaining: Remaining) -> None:
            self.postings.append(posting)

    for name in of_function("webhooks"):
        read_posting(Seen())(EVENTS[name]["Records"][0]["body"], plenty)
    [posting] = Seen.postings
    assert Seen.event_ids == [posting.event["id"]] == ["fictionaleventidfictionale"]
    assert (posting.webhook_id, posting.tries) == ("w0a1b2c3d4e5", 2)
    check_event(dict(posting.event))


@pytest.mark.parametrize("name", of_function("reports"))
def test_a_report_is_read_whichever_way_it_comes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Docs")
    taken: list[Report] = []
    answer = make_reports_handler(taken.append, Telemetry())(EVENTS[name], Context())
    assert taken and all(report.provider in CLASSES for report in taken)
    assert (answer or {}).get("statusCode") == (200 if name in of_kind("http") else None)


@pytest.mark.parametrize("name", of_kind("stream"))
def test_a_stream_event_is_shaped_as_lambda_shapes_it_and_passes_the_filters(name: str) -> None:
    for record in EVENTS[name]["Records"]:
        assert record.keys() == STREAM_FIELDS
        assert record["eventSource"] == "aws:dynamodb"
        told = record["dynamodb"]
        before = {"OldImage"} if record["eventName"] == "MODIFY" else set()
        assert told.keys() == CHANGE_FIELDS | before
        assert told["StreamViewType"] == STREAM["StreamViewType"]
        for image in ("NewImage", *before):
            assert told["Keys"].items() <= told[image].items()
            assert told[image]["schema_version"] == table.VERSION
        assert passes(f"{name.split('-')[0].title()}FromStream", record)


@pytest.mark.parametrize(
    ("name", "tallied", "credited"),
    [
        ("tally-stream", Tally(sends=1), False),
        ("tally-stream-sent", None, False),
        ("tally-stream-verified", Tally(verified=1), True),
        ("tally-stream-canceled", None, True),
        ("tally-stream-budget", None, False),
    ],
)
def test_a_change_is_tallied_as_its_name_says(
    name: str, tallied: Tally | None, credited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = FakeStack()
    stack.prices.of["sns"] = 350
    used, [record] = stack.verifications.used, EVENTS[name]["Records"]
    change = read_stream(record)
    before = change.before if isinstance(change, Change) else None
    if before:
        stack.verifications.create(before, None, [], plenty)
        used[before.paid or ""] = before.max_attempts
    if isinstance(change, Budget):
        charge = Charge(change.limit, change.subject.encode(), change.used)
        used[charge.window_key(change.day * 86_400_000)] = change.used
    handler = load("tally", stack, Clients(), InMemoryServices(), monkeypatch)
    assert handler(EVENTS[name], Context()) == {"batchItemFailures": []}

    by_kind = {window.kind: tally for window, tally in stack.tallies.tallies.items()}
    assert by_kind.get(Kind.COUNTRY_DAY) == tallied
    if before:
        assert used[before.paid or ""] == (1 if credited else 5), "one guess of five was made"
    taken = [("spent", "sns", "GB", 350)] if isinstance(change, Sent) else []
    assert [event for event in stack.telemetry.events if event[0] == "spent"] == taken
    nearly = ("budget_nearly_spent", "client_messages", 80)
    assert (nearly in stack.telemetry.events) == isinstance(change, Budget)


@pytest.mark.parametrize("name", EVENTS)
def test_nobody_in_an_event_is_real(name: str) -> None:
    for field in ("to", "recipient", "phone_number", "destinationPhoneNumber"):
        for to in values(EVENTS[name], field):
            assert is_reserved(to if "@" in to else f"+{to.removeprefix('+')}")
    for field in ("sourceIp", "ip"):
        assert set(values(EVENTS[name], field)) <= {IP}


def test_the_table_of_events_names_every_file() -> None:
    named = [Path(row[0].strip("`")).stem for row in rows("docs/operations.md", "Sample events")]
    assert sorted(named) == sorted(EVENTS)
    assert "events/start-http.json" in read("README.md")
