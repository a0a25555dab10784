"""Alarms: on metrics that exist, of things that exist."""

import json
from collections.abc import Callable

import pytest
from verification.telemetry import Telemetry

from .initialise import variables
from .loading import FUNCTIONS, STACK, TEMPLATE, of_type, references

ALARMS = of_type("AWS::CloudWatch::Alarm")

# Namespace, metric: its dimension, and the type of resource that dimension names. From AWS's
# pages "Types of metrics for Lambda functions" and "Available CloudWatch metrics for Amazon SQS".
EMITTED = {
    ("AWS/Lambda", "Errors"): ("FunctionName", "AWS::Lambda::Function"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ("QueueName", "AWS::SQS::Queue"),
}

# What our own telemetry counts, and how it comes to.
OWN: dict[str, Callable[[Telemetry], None]] = {
    "Crashes": lambda telemetry: telemetry.crashed("request_crashed", ValueError()),
    "ProvidersRefusing": lambda telemetry: telemetry.refused("messente", "101"),
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
def test_an_alarm_rings_at_the_first_event_and_is_silent_without_any(alarm: str) -> None:
    properties = ALARMS[alarm]
    assert properties["ComparisonOperator"] == "GreaterThanThreshold"
    assert properties["Threshold"] == 0
    assert properties["EvaluationPeriods"] == 1
    assert properties["Statistic"] in ("Sum", "Maximum")
    assert properties["TreatMissingData"] == "notBreaching"


@each_alarm
def test_an_alarm_tells_the_topic_if_there_is_one(alarm: str) -> None:
    assert ALARMS[alarm]["AlarmActions"] == {
        "Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]
    }
    assert ALARMS[alarm]["AlarmDescription"].endswith(".")
