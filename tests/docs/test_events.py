"""events/ holds what AWS really hands to each function, and nobody real."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from verification.api.events import Answer, Call, is_http, route_of
from verification.api.handler import Handler
from verification.api.native.http import NativeApi
from verification.api.native.lookup import read_list, read_lookup
from verification.api.native.resend import read_resend
from verification.api.native.start import read_start
from verification.api.native.verify import read_verify
from verification.api.queue import is_batch, make_queue_handler
from verification.api.reports.handler import make_reports_handler
from verification.catalogue import CLASSES
from verification.domain.policy import Client, Profile
from verification.domain.report import Report
from verification.domain.reserved import is_reserved
from verification.errors import Unauthorized
from verification.operations.ports import Remaining
from verification.telemetry import Telemetry

from tests.docs.sources import ROOT, Context, api_events, read, rows

EVENTS = {
    path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "events").glob("*.json"))
}
FUNCTIONS = sorted(api_events().keys() - {"reports"})
DROP_INS = {"messagebird", "messente", "verigator"}  # over HTTP only, as their vendors' are
# Delivery reports come from vendors over HTTP, and from AWS in these ways.
REPORT_WAYS = ("http", "sns", "eventbridge", "logs")

# What is refused, and how; everything else is taken.
REFUSED = {
    "start-http-wrong-credentials": 401,
    "start-http-bad-json": 400,
    "start-http-bad-fields": 422,
    "verify-http-not-a-code": 422,
    "lookup-http-wrong-method": 405,
}
READERS: dict[str, Any] = {
    "POST /v1/verifications": read_start,
    "GET /v1/verifications": read_list,
    "GET /v1/verifications/{id}": read_lookup,
    "DELETE /v1/verifications/{id}": lambda call: None,
    "POST /v1/verifications/{id}/verify": read_verify,
    "POST /v1/verifications/{id}/resend": read_resend,
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


class Clients:
    """One client, with the id and secret that the events carry."""

    known = Client("shop-k3q7m2xa", Profile("Shop"), direct_invoke=True)

    def authenticate(self, client_id: str, secret: str) -> Client:
        if secret != "not-a-real-secret-0000000000000000000000000":
            raise Unauthorized
        return self.named(client_id)

    def trusted(self, client_id: str) -> Client:
        return self.named(client_id)

    def named(self, client_id: str) -> Client:
        if client_id != self.known.id:
            raise Unauthorized
        return self.known


def handler(function: str) -> Handler:
    """A handler that reads requests as the function does, and answers with their id."""

    def respond(reader: Any) -> Any:
        def answer(call: Call) -> Answer:
            reader(call)
            return Answer(200, {"id": call.verification_id})

        return answer

    def direct(call: Call) -> Answer:
        readers = {
            "start": read_start,
            "verify": read_verify,
            "lookup": read_lookup if call.verification_id else read_list,
            "delete": lambda call: None,
            "resend": read_resend,
        }
        answer: Answer = respond(readers[function])(call)
        return answer

    return Handler(
        function,
        NativeApi(),
        {route: respond(reader) for route, reader in READERS.items()},
        direct,
        Clients(),
        Telemetry(),
        open_routes={"GET /v1/health": lambda: Answer(200, {})},
    )


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
    for key, value in node.items() if isinstance(node, dict) else ():
        if key == name and not isinstance(value, list):
            yield value
        yield from values(value, name)
    for value in node if isinstance(node, list) else ():
        yield from values(value, name)


def test_every_function_has_one_event_of_each_way_in() -> None:
    ways = {(name.split("-")[0], name.split("-")[1]) for name in EVENTS}
    every = {(function, "http") for function in FUNCTIONS}
    every |= {(function, "direct") for function in FUNCTIONS if function not in DROP_INS}
    assert ways == every | {("resend", "queue")} | {("reports", way) for way in REPORT_WAYS}


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
def test_an_http_event_is_answered_as_its_name_says(name: str) -> None:
    answer = handler(name.split("-")[0])(EVENTS[name], Context())
    assert answer["statusCode"] == REFUSED.get(name, 200)


@pytest.mark.parametrize("name", of_kind("direct"))
def test_a_direct_event_is_taken(name: str) -> None:
    event = EVENTS[name]
    assert not is_http(event) and not is_batch(event, Context())
    assert handler(name.split("-")[0])(event, Context()) == {"id": event.get("id", "")}


@pytest.mark.parametrize(
    ("name", "looks", "failed"),
    [
        ("resend-queue", 1, []),
        ("resend-queue-duplicate", 2, []),
        ("resend-queue-poison", 1, ["00000000-0000-4000-8000-000000000002"]),
    ],
)
def test_a_batch_is_shaped_as_sqs_shapes_it_and_only_poison_fails(
    name: str, looks: int, failed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Docs")
    event = EVENTS[name]
    assert is_batch(event, Context())
    for record in event["Records"]:
        assert record.keys() == RECORD_FIELDS
        body = record["body"].encode()
        assert record["md5OfBody"] == hashlib.md5(body, usedforsecurity=False).hexdigest()
    seen = []

    def look_after(token: str, claimed: int, tries: int, remaining: Remaining) -> None:
        seen.append((token, claimed, tries))

    answer = make_queue_handler(look_after, Telemetry())(event, Context())
    assert seen == [("fictionalverificationtoken", 1_795_348_799_950, 0)] * looks
    assert [item["itemIdentifier"] for item in answer["batchItemFailures"]] == failed


@pytest.mark.parametrize("name", of_function("reports"))
def test_a_report_is_read_whichever_way_it_comes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Docs")
    taken: list[Report] = []
    answer = make_reports_handler(taken.append, Telemetry())(EVENTS[name], Context())
    assert taken and all(report.provider in CLASSES for report in taken)
    assert (answer or {}).get("statusCode") == (200 if name in of_kind("http") else None)


@pytest.mark.parametrize("name", EVENTS)
def test_nobody_in_an_event_is_real(name: str) -> None:
    assert all(is_reserved(to) for to in values(EVENTS[name], "to"))
    assert all(is_reserved(to) for to in values(EVENTS[name], "destinationPhoneNumber"))
    assert all(is_reserved(f"+{to}") for to in values(EVENTS[name], "recipient"))
    assert set(values(EVENTS[name], "sourceIp")) <= {"203.0.113.7"}  # RFC 5737


def test_the_table_of_events_names_every_file() -> None:
    named = [Path(row[0].strip("`")).stem for row in rows("docs/operations.md", "Sample events")]
    assert sorted(named) == sorted(EVENTS)
    assert "events/start-http.json" in read("README.md")
