"""Logs and metrics: what happened, never to whom in full, never a code or a key."""

import os
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from verification.domain.destination import Destination
from verification.domain.guard import Suspicion
from verification.domain.identifiers import VerificationId
from verification.domain.limits import Budget, Limit
from verification.domain.report import Report
from verification.domain.verification import Channel, Delivery, Outcome, Reason, Verdict
from verification.errors import (
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from verification.telemetry import Telemetry, mask

from tests.fakes.samples import make_send, make_try, make_verification
from tests.unit.logs import lines, make_telemetry

NUMBER, ADDRESS = "+31612345678", "ann.lee@example.com"
VERIFICATION = make_verification(
    0,
    created_at=0,
    valid_until=1,
    expires_at=1,
    sent_at=0,
    lease_until=0,
    to=NUMBER,
    destination_hash=b"destination-hash",
    nonce=b"the-nonce-itself",
    code_mac=b"the-mac-itself",
    country="NL",
    reference="their reference",
)
EMAIL = replace(VERIFICATION, to=ADDRESS, country=None, channel=Channel.EMAIL)
ID = "a" + "q" * 26
TAKEN = make_try(channel=Channel.VOICE, at=0, message_id="m-1")
NOT_TAKEN = replace(TAKEN, outcome=Outcome.UNAVAILABLE, message_id=None, vendor_code="Throttling")
REFUSED = replace(NOT_TAKEN, provider="messente", outcome=Outcome.REJECTED, refused=True)
SEND = make_send(TAKEN, number=2)
NO_SEND = make_send(NOT_TAKEN, number=2)


@pytest.mark.parametrize(
    ("destination", "masked"),
    [
        (NUMBER, "+316*****678"),
        ("+12025550100", "+120*****100"),
        ("+3725555555", "****"),  # of so few digits the ends would tell too much
        ("+12345678", "****"),
        ("+", "****"),
        ("", "****"),
        ("+123456789012345", "+123*********345"),
        (ADDRESS, "a***@example.com"),
        ("al@b.test", "a***@b.test"),
        ("a@b.test", "***@b.test"),  # the first letter would be all of it
        ("@b.test", "***@b.test"),
    ],
)
def test_a_masked_destination_shows_its_ends(destination: str, masked: str) -> None:
    assert mask(destination) == masked


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_a_masked_number_never_shows_it_whole(number: str) -> None:
    assert mask(number) != number
    shown = sum(character.isdigit() for character in mask(number))
    assert shown <= 6 and len(number) - 1 - shown >= 5


class Log:
    """What was printed, its log lines and its metrics apart."""

    def __init__(self, printed: str) -> None:
        everything = lines(printed)
        self.lines = [line for line in everything if "_aws" not in line]
        self.metrics = [line for line in everything if "_aws" in line]


def test_each_line_carries_the_correlation_id(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry = make_telemetry(monkeypatch)
    for correlation_id in ("one", "two"):
        telemetry.begin(correlation_id)
        telemetry.warn("something", count=1)
    logged = Log(capsys.readouterr().out).lines
    assert [(line["message"], line["level"], line["correlation_id"]) for line in logged] == [
        ("something", "WARNING", "one"),
        ("something", "WARNING", "two"),
    ]


def report(telemetry: Telemetry, name: str) -> None:
    {
        "started": lambda: telemetry.started(VERIFICATION),
        "started by e-mail": lambda: telemetry.started(EMAIL),
        "accepted": lambda: telemetry.sent(VERIFICATION, SEND),
        "not accepted": lambda: telemetry.sent(VERIFICATION, NO_SEND),
        "verified": lambda: telemetry.judged(VERIFICATION, Verdict(True)),
        "failed": lambda: telemetry.judged(VERIFICATION, Verdict(False, Reason.INCORRECT)),
        "canceled": lambda: telemetry.canceled(VerificationId("a", "q" * 26)),
        "verifier failed": lambda: telemetry.verifier_failed(
            VERIFICATION, ProviderSilent("messente-verify", "209")
        ),
    }[name]()


@pytest.mark.parametrize(
    ("event", "metric", "dimensions"),
    [
        ("accepted", "Accepted", {"channel": "voice", "country": "NL", "provider": "sns"}),
        ("not accepted", "NotAccepted", {"channel": "voice", "country": "NL", "provider": "sns"}),
        ("failed", "Failed", {"channel": "sms", "reason": "incorrect"}),
        ("verifier failed", "VerifierFailed", {"provider": "messente-verify"}),
    ],
)
def test_each_event_is_counted_under_its_dimensions(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    event: str,
    metric: str,
    dimensions: dict[str, str],
) -> None:
    report(make_telemetry(monkeypatch), event)
    (emf,) = Log(capsys.readouterr().out).metrics
    (directive,) = emf["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "ServerlessVerify"
    assert [each["Name"] for each in directive["Metrics"]] == [metric]
    assert emf[metric] == [1.0]
    (names,) = directive["Dimensions"]
    # Powertools adds the service.
    service = os.environ["POWERTOOLS_SERVICE_NAME"]
    assert {name: emf[name] for name in names} == dimensions | {"service": service}


@pytest.mark.parametrize(
    ("event", "values", "place"),
    [
        ("started", {"Started": 1, "Verified": 0}, {"channel": "sms", "country": "NL"}),
        (
            "started by e-mail",
            {"Started": 1, "Verified": 0},
            {"channel": "email", "country": "none"},
        ),
        ("verified", {"Verified": 1}, {"channel": "sms", "country": "NL"}),
    ],
)
def test_starts_and_successes_are_counted_by_place_and_in_all_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    event: str,
    values: dict[str, int],
    place: dict[str, str],
) -> None:
    report(make_telemetry(monkeypatch), event)
    (emf,) = Log(capsys.readouterr().out).metrics
    (directive,) = emf["_aws"]["CloudWatchMetrics"]
    assert {each["Name"]: emf[each["Name"]] for each in directive["Metrics"]} == {
        name: [float(value)] for name, value in values.items()
    }
    assert directive["Dimensions"] == [[*place, "service"], ["service"]]
    assert {name: emf[name] for name in place} == place
    assert emf["service"] == os.environ["POWERTOOLS_SERVICE_NAME"]


@pytest.mark.parametrize(
    ("event", "message", "fields"),
    [
        ("started", "verification_started", {"destination": "+316*****678"}),
        ("started by e-mail", "verification_started", {"destination": "a***@example.com"}),
        (
            "accepted",
            "verification_sent",
            {"send": 2, "channel": "voice", "provider": "sns", "outcome": "accepted"},
        ),
        (
            "not accepted",
            "verification_sent",
            {"outcome": "unavailable", "vendor_code": "Throttling"},
        ),
        ("verified", "verification_judged", {"reason": "valid", "client_id": "shop"}),
        ("failed", "verification_judged", {"reason": "incorrect", "attempts": 0}),
        ("canceled", "verification_canceled", {}),
        (
            "verifier failed",
            "verifier_failed",
            {"provider": "messente-verify", "vendor_code": "209"},
        ),
    ],
)
def test_each_event_is_one_line_with_its_fields(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    event: str,
    message: str,
    fields: dict[str, Any],
) -> None:
    report(make_telemetry(monkeypatch), event)
    (line,) = Log(capsys.readouterr().out).lines
    assert (line["message"], line["level"], line["verification_id"]) == (message, "INFO", ID)
    assert {name: line[name] for name in fields} == fields


def counted(log: Log) -> list[tuple[str, dict[str, str]]]:
    """The metrics in order, each with its dimensions."""
    found = []
    for emf in log.metrics:
        (directive,) = emf["_aws"]["CloudWatchMetrics"]
        (names,), (metric,) = directive["Dimensions"], directive["Metrics"]
        found.append((metric["Name"], {name: emf[name] for name in names if name != "service"}))
    return found


def test_each_provider_that_was_asked_is_a_line_and_a_count_and_a_refusal_one_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_telemetry(monkeypatch).sent(VERIFICATION, make_send(REFUSED, TAKEN, number=2))
    log = Log(capsys.readouterr().out)
    assert [
        (line["message"], line["level"], line["provider"], line.get("outcome"))
        for line in log.lines
    ] == [
        ("verification_sent", "INFO", "messente", "rejected"),
        ("provider_refused", "WARNING", "messente", None),
        ("verification_sent", "INFO", "sns", "accepted"),
    ]
    assert [line.get("vendor_code") for line in log.lines] == ["Throttling", "Throttling", ""]
    place = {"channel": "voice", "country": "NL"}
    assert counted(log) == [
        ("NotAccepted", {**place, "provider": "messente"}),
        ("ProviderRefused", {}),  # without dimensions: one alarm for all providers
        ("Accepted", {**place, "provider": "sns"}),
    ]


@pytest.mark.parametrize(
    ("error", "refused"),
    [(ProviderRefused, 1), (ProviderRejected, 0), (ProviderUnavailable, 0), (ProviderSilent, 0)],
)
def test_a_verifier_that_refuses_us_is_counted_as_refusing_too(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: type[ProviderError],
    refused: int,
) -> None:
    make_telemetry(monkeypatch).verifier_failed(VERIFICATION, error("v", "401"))
    names = [name for name, _ in counted(Log(capsys.readouterr().out))]
    assert names == ["VerifierFailed", "ProviderRefused"][: 1 + refused]


@pytest.mark.parametrize(
    ("delivery", "metric"),
    [(Delivery.DELIVERED, "Delivered"), (Delivery.UNDELIVERED, "Undelivered")],
)
def test_a_report_is_a_line_and_a_count_and_its_token_is_not_logged(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    delivery: Delivery,
    metric: str,
) -> None:
    reported = Report("messente", delivery, "the token", "m-1", "7")
    make_telemetry(monkeypatch).reported("q" * 26, reported)
    printed = capsys.readouterr().out
    log = Log(printed)
    (line,) = log.lines
    assert [line[name] for name in ("message", "verification_token", "provider", "delivery")] == [
        "delivery_reported",
        "q" * 26,
        "messente",
        delivery,
    ]
    assert line["vendor_code"] == "7"
    assert counted(log) == [(metric, {"provider": "messente"})]
    assert "the token" not in printed


@pytest.mark.parametrize("country", ["NL", None])
def test_a_trusted_device_is_a_line_and_a_count_without_its_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], country: str | None
) -> None:
    make_telemetry(monkeypatch).trusted("shop", Destination(NUMBER, country))
    log = Log(capsys.readouterr().out)
    (line,) = log.lines
    assert (line["message"], line["client_id"]) == ("device_trusted", "shop")
    assert line["destination"] == "+316*****678"
    assert counted(log) == [("Trusted", {"country": country or "none"})]


@pytest.mark.parametrize(("blocked", "outcome"), [(True, "blocked"), (False, "let_through")])
def test_what_looks_like_fraud_is_a_line_a_count_for_each_reason_and_one_for_the_alarm(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    blocked: bool,
    outcome: str,
) -> None:
    found = (Suspicion.COUNTRY_DAY, Suspicion.NUMBER_RUN)
    make_telemetry(monkeypatch).suspected(VERIFICATION, found, blocked=blocked)
    log = Log(capsys.readouterr().out)
    (line,) = log.lines
    assert (line["message"], line["verification_id"]) == ("fraud_suspected", ID)
    assert (line["reason"], line["outcome"]) == ("country_day,number_run", outcome)
    assert line["destination"] == "+316*****678"
    assert counted(log) == [
        ("Suspected", {"reason": "country_day", "country": "NL", "outcome": outcome}),
        ("Suspected", {"reason": "number_run", "country": "NL", "outcome": outcome}),
        ("Suspected", {}),
    ]


def test_a_limit_that_refuses_is_counted_by_its_name_and_a_budget_is_all_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry = make_telemetry(monkeypatch)
    telemetry.limited("client_starts")
    log = Log(capsys.readouterr().out)
    assert (counted(log), log.lines) == ([("Limited", {"limit": "client_starts"})], [])
    telemetry.limited("stack_cost")
    log = Log(capsys.readouterr().out)
    assert counted(log) == [("Limited", {"limit": "stack_cost"}), ("BudgetUsed", {})]
    assert log.metrics[1]["BudgetUsed"] == [100.0]


@pytest.mark.parametrize("country", ["NL", None])
def test_what_a_message_costs_is_a_figure_in_the_currency_of_the_prices(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], country: str | None
) -> None:
    make_telemetry(monkeypatch).spent("sns", country, 325)
    log = Log(capsys.readouterr().out)
    assert counted(log) == [("Cost", {"country": country or "none", "provider": "sns"})]
    assert log.metrics[0]["Cost"] == [0.0325] and log.lines == []


def test_a_budget_that_is_nearly_spent_is_a_warning_and_a_figure_for_the_alarm(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    budget = Budget(Limit("client_cost", "5/day", 50_000, 86_400), "shop", 20_000, 42_500, 50_000)
    make_telemetry(monkeypatch).budget_nearly_spent(budget)
    log = Log(capsys.readouterr().out)
    (line,), (metric,) = log.lines, log.metrics
    assert (line["message"], line["level"]) == ("budget_nearly_spent", "WARNING")
    assert (line["limit"], line["client_id"], line["percent"]) == ("client_cost", "shop", 85)
    assert metric["BudgetUsed"] == [85.0]
    assert counted(log) == [("BudgetUsed", {})]


def test_a_repeated_guess_is_logged_and_not_counted_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry = make_telemetry(monkeypatch)
    for verdict in (Verdict(True, repeated=True), Verdict(False, Reason.INCORRECT, repeated=True)):
        telemetry.judged(VERIFICATION, verdict)
    log = Log(capsys.readouterr().out)
    assert [line["repeated"] for line in log.lines] == [True, True]
    assert log.metrics == []


def test_nothing_printed_holds_a_whole_destination_or_what_codes_are_made_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry = make_telemetry(monkeypatch)
    for verification in (VERIFICATION, EMAIL, replace(EMAIL, to=None)):
        telemetry.started(verification)
        telemetry.sent(verification, SEND)
        telemetry.judged(verification, Verdict(True))
        telemetry.judged(verification, Verdict(False, Reason.EXHAUSTED))
    printed = "".join(capsys.readouterr())
    for secret in (NUMBER, NUMBER[1:], ADDRESS, "ann.lee", "nonce", "mac", "hash", "their ref"):
        assert secret not in printed


def test_a_crash_is_logged_by_type_and_place_without_its_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry = make_telemetry(monkeypatch)
    try:
        try:
            raise KeyError(ADDRESS)
        except KeyError as inner:
            raise ValueError(NUMBER) from inner
    except ValueError as error:
        telemetry.crashed("request_crashed", error)
    printed = capsys.readouterr().out
    log = Log(printed)
    (line,), (counted,) = log.lines, log.metrics
    assert counted["Crashed"] == [1.0]
    assert (line["message"], line["level"], line["error"]) == (
        "request_crashed",
        "ERROR",
        "ValueError",
    )
    (where,) = line["where"]
    assert "test_telemetry.py" in where and where.endswith("without_its_words")
    assert NUMBER not in printed and ADDRESS not in printed


def test_a_crash_of_aws_says_which_call_and_which_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ClientError({"Error": {"Code": "AccessDenied", "Message": NUMBER}}, "Publish")
    make_telemetry(monkeypatch).crashed("x", error)
    printed = capsys.readouterr().out
    (line,) = Log(printed).lines
    assert line["error"] == "ClientError Publish AccessDenied"
    assert NUMBER not in printed


def test_an_answer_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_telemetry(monkeypatch).answered("start", "shop", 429, "limit_exceeded")
    (line,) = Log(capsys.readouterr().out).lines
    assert line["message"] == "request_answered"
    assert [line[name] for name in ("operation", "client_id", "status", "code")] == [
        "start",
        "shop",
        429,
        "limit_exceeded",
    ]
