"""Alarms: on metrics that exist, of things that exist."""

import json
from collections.abc import Callable

import pytest
from verification.domain.guard import Suspicion
from verification.domain.limits import Budget, LimitName, parse_budget
from verification.operations import tally
from verification.telemetry import Telemetry

from tests.fakes.samples import make_verification

from .initialise import variables
from .loading import FUNCTIONS, STACK, TEMPLATE, of_type, references

ALARMS = of_type("AWS::CloudWatch::Alarm")

# Namespace, metric: its dimension, and the type of resource that dimension names. From AWS's
# pages "Types of metrics for Lambda functions" and "Available CloudWatch metrics for Amazon SQS".
EMITTED = {
    ("AWS/Lambda", "Errors"): ("FunctionName", "AWS::Lambda::Function"),
    ("AWS/Lambda", "IteratorAge"): ("FunctionName", "AWS::Lambda::Function"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ("QueueName", "AWS::SQS::Queue"),
}

[DAY] = parse_budget(LimitName.CLIENT_MESSAGES, "100")

# What our own telemetry counts, and how it comes to.
OWN: dict[str, Callable[[Telemetry], None]] = {
    "Crashes": lambda telemetry: telemetry.crashed("request_crashed", ValueError()),
    "ProvidersRefusing": lambda telemetry: telemetry.refused("messente", "101"),
    "BudgetNearlySpent": lambda telemetry: telemetry.budget_nearly_spent(
        Budget(DAY, "shop", 0, 80, 100)
    ),
    "FraudSuspected": lambda telemetry: telemetry.suspected(
        make_verification(), (Suspicion.COUNTRY_DAY, Suspicion.IP_DAY), blocked=True
    ),
}

# These ring later than at the first event.
LATER = {
    "BudgetNearlySpent": ("GreaterThanOrEqualToThreshold", tally._ALARM_AT),  # per cent
    "FraudSuspected": ("GreaterThanThreshold", 20),  # starts
    "TallyBehind": ("GreaterThanThreshold", 60_000),  # milliseconds
}

each_alarm = pytest.mark.parametrize("alarm", ALARMS)


@pytest.mark.parametrize("alarm", sorted(ALARMS.keys() - OWN.keys()))
def test_an_alarm_watches_a_metric_that_aws_emits_for_a_resource_of_the_stack(alarm: str) -> None:
    properties = ALARMS[alarm]
    name, kind = EMITTED[properties["Namespace"], properties["MetricName"]]
    [dimension] = properties["Dimensions"]
    [resource] = references(dimension)
    assert STACK["Resources"][resource]["Type"] == kind
    if kind == "AWS::SQS::Queue":  # its Ref is the URL
        assert dimension == {"Name": name, "Value": {"Fn::GetAtt": [resource, "QueueName"]}}
    else:
        assert dimension == {"Name": name, "Value": {"Ref": resource}}


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_alarm_of_our_own_watches_what_any_function_counts(
    function: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable, value in variables(function).items():
        monkeypatch.setenv(variable, value)
    OWN[name](Telemetry())
    *_, line = capsys.readouterr().out.splitlines()
    emitted = json.loads(line)
    [directive] = emitted["_aws"]["CloudWatchMetrics"]
    [dimensions] = directive["Dimensions"]

    alarm = ALARMS[name]
    assert alarm["Namespace"] == {"Ref": "MetricsNamespace"}
    assert directive["Namespace"] == TEMPLATE["Parameters"]["MetricsNamespace"]["Default"]
    assert [metric["Name"] for metric in directive["Metrics"]] == [alarm["MetricName"]]
    assert alarm["Dimensions"] == [{"Name": n, "Value": emitted[n]} for n in dimensions]


@each_alarm
def test_an_alarm_rings_when_it_should_and_is_silent_without_any_event(alarm: str) -> None:
    properties = ALARMS[alarm]
    rings = properties["ComparisonOperator"], properties["Threshold"]
    assert rings == LATER.get(alarm, ("GreaterThanThreshold", 0))
    assert properties["EvaluationPeriods"] == 1
    assert properties["Statistic"] in ("Sum", "Maximum")
    assert properties["TreatMissingData"] == "notBreaching"


@each_alarm
def test_an_alarm_tells_the_topic_if_there_is_one(alarm: str) -> None:
    assert ALARMS[alarm]["AlarmActions"] == {
        "Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]
    }
    assert ALARMS[alarm]["AlarmDescription"].endswith(".")
