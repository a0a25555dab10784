"""The frame of delivery reports: over HTTP the same answer for everybody, and nothing raised."""

import base64
import functools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from verification.api.reports.handler import make_reports_handler
from verification.domain.report import Report
from verification.domain.verification import Delivery
from verification.errors import TemporarilyUnavailable

from tests.fakes.calls import Context, http_event
from tests.unit.logs import lines, make_telemetry

TOKEN = "the-token"
DELIVERED, UNDELIVERED = Delivery.DELIVERED, Delivery.UNDELIVERED
MESSENTE = {"omnimessage_id": "om-1", "channel": "sms", "status": "DELIVRD", "err": 0}
MESSAGEBIRD = {"id": "mb-1", "status": "delivery_failed", "statusErrorCode": "1"}
NOTIFICATION = {
    "Records": [
        {
            "EventSource": "aws:sns",
            "Sns": {
                "Message": json.dumps(
                    {
                        "eventType": event_type,
                        "messageId": message_id,
                        "isFinal": True,
                        "context": {"report_token": TOKEN},
                    }
                )
            },
        }
        for event_type, message_id in (("TEXT_DELIVERED", "m-1"), ("TEXT_BLOCKED", "m-2"))
    ]
}


class Reports:
    """The handler; what it took, and what it logged.

    Attributes:
        failing: raised in place of taking a report.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.taken: list[Report] = []
        self.failing: Exception | None = None
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    @functools.cached_property  # made inside the test: pytest closes the output of its setup
    def handler(self) -> Callable[[Any, Any], Any]:
        return make_reports_handler(self._take, make_telemetry(self._monkeypatch))

    def _take(self, report: Report) -> None:
        if self.failing:
            raise self.failing
        self.taken.append(report)

    def http(
        self,
        provider: str = "messente",
        body: Any = None,
        query: dict[str, str] | None = None,
        method: str = "POST",
        **more: Any,
    ) -> dict[str, Any]:
        path = {"provider": provider, "token": TOKEN}
        parameters = {"pathParameters": path, "queryStringParameters": query}
        resource = "/v1/reports/{provider}/{token}"
        event = http_event(method, resource, body, headers={}, **{**parameters, **more})
        answer: dict[str, Any] = self.handler(event, Context())
        return answer

    def logs(self) -> list[dict[str, Any]]:
        return lines(self._capsys.readouterr().out)


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Reports:
    return Reports(monkeypatch, capsys)


OK = {
    "statusCode": 200,
    "headers": {"Content-Type": "application/json", "Cache-Control": "no-store"},
    "body": '{"status": "ok"}',
    "isBase64Encoded": False,
}


@pytest.mark.parametrize(
    ("provider", "asked", "report"),
    [
        ("messente", {"body": MESSENTE}, Report("messente", DELIVERED, TOKEN, "om-1", "DELIVRD")),
        (
            "messagebird",
            {"query": MESSAGEBIRD, "method": "GET"},
            Report("messagebird", UNDELIVERED, TOKEN, "mb-1", "delivery_failed 1"),
        ),
        (
            "messagebird-verify",
            {"query": MESSAGEBIRD, "method": "GET"},
            Report("messagebird-verify", UNDELIVERED, TOKEN, "mb-1", "delivery_failed 1"),
        ),
        ("webhook", {"body": {"status": "delivered"}}, Report("webhook", DELIVERED, TOKEN)),
        # The token is that provider's own: each of several webhooks is another.
        (
            "webhook-acme",
            {"body": {"status": "undelivered", "code": "busy"}},
            Report("webhook-acme", UNDELIVERED, TOKEN, vendor_code="busy"),
        ),
    ],
)
def test_a_report_is_read_as_its_provider_writes_it(
    reports: Reports, provider: str, asked: dict[str, Any], report: Report
) -> None:
    assert reports.http(provider, **asked) == OK
    assert reports.taken == [report]


def test_a_body_in_base64_is_read_too(reports: Reports) -> None:
    body = base64.b64encode(json.dumps(MESSENTE).encode()).decode()
    assert reports.http(body=body, isBase64Encoded=True) == OK
    assert len(reports.taken) == 1


@pytest.mark.parametrize(
    ("provider", "asked"),
    [
        ("messente", {}),
        ("messente", {"body": "not json"}),
        ("messente", {"body": "[]"}),
        ("messente", {"body": {"status": "ACK"}}),  # on its way
        ("messente", {"body": "x" * 70_000}),
        ("messente", {"body": "\ud800"}),
        ("messente", {"body": "!", "isBase64Encoded": True}),
        ("messente", {"body": "\u00e9", "isBase64Encoded": True}),
        ("messagebird", {"method": "GET"}),
        ("messagebird", {"query": {"status": "sent"}, "method": "GET"}),
        ("webhook", {"body": {"status": "maybe"}}),
        ("unknown", {"body": MESSENTE}),
        ("", {"body": MESSENTE}),
        ("MESSENTE", {"body": MESSENTE}),
        ("webhooks", {"body": {"status": "delivered"}}),
        ("aws-sms", {"body": NOTIFICATION}),  # AWS does not come this way
        ("sns", {"body": MESSENTE}),
        ("messente", {"body": MESSENTE, "pathParameters": None}),
        ("messente", {"body": MESSENTE, "pathParameters": {"token": TOKEN}}),
    ],
)
def test_what_is_no_report_is_answered_the_same(
    reports: Reports, provider: str, asked: dict[str, Any]
) -> None:
    assert reports.http(provider, **asked) == OK
    assert reports.taken == []
    assert reports.logs() == []


@given(
    st.sampled_from(["messente", "messagebird", "webhook", "webhook-x"]),
    st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps),
    st.dictionaries(st.text(), st.text(), max_size=3),
    st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_comes_is_answered_the_same(
    reports: Reports, provider: str, body: str, query: dict[str, str], encoded: bool
) -> None:
    assert reports.http(provider, body, query, isBase64Encoded=encoded) == OK


def test_out_of_reach_the_vendor_is_to_say_it_again(reports: Reports) -> None:
    reports.failing = TemporarilyUnavailable(retry_after=1)
    answer = reports.http(body=MESSENTE)
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "1")
    assert json.loads(answer["body"])["code"] == "temporarily_unavailable"
    assert reports.logs() == []


def test_a_crash_is_answered_503_and_counted_without_its_words(reports: Reports) -> None:
    reports.failing = ValueError("+31612345678 and 123456")
    answer = reports.http(body=MESSENTE)
    assert answer["statusCode"] == 503
    assert "31612345678" not in answer["body"]
    line, emf = reports.logs()
    assert (line["message"], line["error"]) == ("report_crashed", "ValueError")
    assert emf["Crashed"] == [1.0]
    assert "31612345678" not in str(line)


def test_events_of_aws_are_taken_one_by_one(reports: Reports) -> None:
    assert reports.handler(NOTIFICATION, Context()) is None
    assert reports.taken == [
        Report("aws-sms", DELIVERED, TOKEN, "m-1", "TEXT_DELIVERED"),
        Report("aws-sms", UNDELIVERED, TOKEN, "m-2", "TEXT_BLOCKED"),
    ]


@pytest.mark.parametrize("qualifier", ["shop", "reports"])
def test_a_client_by_its_alias_reports_nothing(reports: Reports, qualifier: str) -> None:
    assert reports.handler(NOTIFICATION, Context(qualifier)) is None
    assert reports.taken == []


@pytest.mark.parametrize("qualifier", ["", "$LATEST", "7"])
def test_a_version_is_no_alias(reports: Reports, qualifier: str) -> None:
    reports.handler(NOTIFICATION, Context(qualifier))
    assert len(reports.taken) == 2


@pytest.mark.parametrize("event", [None, [], "x", 7, {}, {"Records": []}, {"Records": [None]}])
def test_any_other_event_reports_nothing(reports: Reports, event: Any) -> None:
    assert reports.handler(event, Context()) is None
    assert reports.taken == []


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (TemporarilyUnavailable(), TemporarilyUnavailable),
        (ValueError("+31612345678"), RuntimeError),
    ],
)
def test_an_event_of_aws_that_could_not_be_taken_comes_again_without_its_words(
    reports: Reports, error: Exception, raised: type[Exception]
) -> None:
    reports.failing = error
    with pytest.raises(raised) as caught:
        reports.handler(NOTIFICATION, Context())
    assert "+31612345678" not in str(caught.value)
