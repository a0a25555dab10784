"""The metrics that there are: those our own code writes, and those AWS says that it does."""

import io
import json
from contextlib import redirect_stdout
from functools import cache
from typing import Any

import pytest
from verification.domain.report import Report
from verification.domain.verification import Delivery
from verification.errors import ProviderRefused, ProviderUnavailable, VerifierUnavailable
from verification.operations.devices import Visitor
from verification.operations.verify import VerifyCommand
from verification.telemetry import Telemetry

from tests.fakes import stack as fakes
from tests.fakes.calls import Context, FakeClients, http_event
from tests.fakes.clock import plenty
from tests.fakes.functions import load
from tests.fakes.providers import FakeMessenger, FakeVerifier
from tests.fakes.services import InMemoryServices
from tests.fakes.stack import CLIENT, FakeStack, start_command
from tests.fakes.webhooks import EVENT, Receivers
from tests.local import ROOT

from .initialise import variables

type Emitted = frozenset[tuple[str, str, frozenset[str]]]
"""Namespace, metric, names of the dimensions."""

_ALONE = frozenset[str]()
_BY_FUNCTION = frozenset({"FunctionName"})
_BY_TABLE, _BY_OPERATION = frozenset({"TableName"}), frozenset({"TableName", "Operation"})
_BY_API, _BY_STAGE = frozenset({"ApiName"}), frozenset({"ApiName", "Stage"})

# By the pages of AWS. Lambda: "Types of metrics for Lambda functions"; without a dimension they are
# of all functions of the account and region. SQS: "Available CloudWatch metrics for Amazon SQS".
# API Gateway: "Amazon API Gateway dimensions and metrics"; those by method need detailed metrics.
# DynamoDB: "DynamoDB Metrics and dimensions".
_OF_AWS: dict[str, dict[str, tuple[frozenset[str], ...]]] = {
    "AWS/Lambda": {
        "Duration": (_ALONE, _BY_FUNCTION),
        "Errors": (_ALONE, _BY_FUNCTION),
        "IteratorAge": (_BY_FUNCTION,),
        "Throttles": (_ALONE, _BY_FUNCTION),
    },
    "AWS/SQS": {
        "ApproximateAgeOfOldestMessage": (frozenset({"QueueName"}),),
        "ApproximateNumberOfMessagesVisible": (frozenset({"QueueName"}),),
    },
    "AWS/ApiGateway": {
        "5XXError": (_BY_API, _BY_STAGE),
        "Count": (_BY_API, _BY_STAGE),
        "Latency": (_BY_API, _BY_STAGE),
    },
    "AWS/DynamoDB": {
        "ReadThrottleEvents": (_BY_TABLE, _BY_TABLE | {"GlobalSecondaryIndexName"}),
        "ThrottledRequests": (_BY_OPERATION,),  # not by table alone
        "WriteThrottleEvents": (_BY_TABLE, _BY_TABLE | {"GlobalSecondaryIndexName"}),
    },
}

OF_AWS: Emitted = frozenset(
    (namespace, metric, names)
    for namespace, metrics in _OF_AWS.items()
    for metric, sets in metrics.items()
    for names in sets
)


@cache
def of_ours() -> Emitted:
    """What the operations and the functions write while people use a stack, and things go wrong."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        for name, value in variables("StartFunction").items():
            patch.setenv(name, value)
        patch.setattr(fakes, "RecordingTelemetry", Telemetry)
        _verify_and_report()
        _be_trusted()
        _pump()
        _ask_a_verifier_that_is_down()
        _spend_a_budget(patch)
        _post_to_webhooks()
        _crash(patch)
    found = (json.loads(line).get("_aws") for line in printed.getvalue().splitlines())
    return frozenset(
        (directive["Namespace"], metric["Name"], frozenset(names))
        for written in found
        if written
        for directive in written["CloudWatchMetrics"]
        for metric in directive["Metrics"]
        for names in directive["Dimensions"]
    )


def _verify_and_report() -> None:
    refusing, working = FakeMessenger("refusing"), FakeMessenger("working")
    refusing.failing = ProviderRefused("refusing", "101")
    stack = FakeStack(providers=[refusing, working])
    stack.prices.of["working"] = 500
    started = stack.start(start_command(), plenty).record.verification
    (sent,) = working.sent
    for delivery in (Delivery.UNDELIVERED, Delivery.DELIVERED):
        stack.take_report(Report("working", delivery, sent.order.report_token("working")))
    wrong = "111111" if sent.code != "111111" else "222222"
    for code in (wrong, sent.code):
        stack.verify(VerifyCommand(CLIENT.id, str(started.id), code), plenty)
    stack.take_stream()


def _be_trusted() -> None:
    stack, visitor = FakeStack(), Visitor("192.0.2.1", "0123456789abcdef")
    stack.countries["192.0.2.1"] = "NL"
    started = stack.start_unless_trusted(start_command(), visitor, plenty)
    assert started
    name = str(started.record.verification.id)
    command = VerifyCommand(CLIENT.id, name, stack.messenger.sent[0].code)
    stack.verify_and_trust(command, visitor, plenty)
    assert stack.start_unless_trusted(start_command(), visitor, plenty) is None


def _pump() -> None:
    stack = FakeStack()
    for number in range(25):
        stack.start(start_command(f"+3161234{number * 100:04}"), plenty)
        stack.take_stream()


def _ask_a_verifier_that_is_down() -> None:
    verifier = FakeVerifier(check_failing=ProviderUnavailable("verifier", "503"))
    stack = FakeStack(providers=[verifier])
    started = stack.start(start_command(), plenty).record.verification
    with pytest.raises(VerifierUnavailable):
        stack.verify(VerifyCommand(CLIENT.id, str(started.id), "424242"), plenty)


def _spend_a_budget(patch: pytest.MonkeyPatch) -> None:
    stack = FakeStack(limits="client_messages=1")
    start = load("start", stack, FakeClients(), InMemoryServices(), patch)
    answers: list[Any] = [
        start(http_event(body={"to": f"+3161234567{n}"}), Context()) for n in range(2)
    ]
    assert [answer["statusCode"] for answer in answers] == [201, 429]


def _post_to_webhooks() -> None:
    receivers = Receivers(Telemetry())
    receivers.answers = [500, 204]
    for _ in range(2):
        receivers.deliver.event(EVENT, plenty)


def _crash(patch: pytest.MonkeyPatch) -> None:
    poison = json.loads((ROOT / "events/resend-queue-poison.json").read_text())
    resend = load("resend", FakeStack(), FakeClients(), InMemoryServices(), patch)
    resend(poison, Context())
