"""Alarms: that they are there, that somebody hears them, and which ring."""

from collections.abc import Iterator
from typing import Any

from .examined import Examined, Finding, problem

_AT_ONCE = 100  # alarms that DescribeAlarms takes by name
_TELL = "deploy with AlarmTopicArn, the ARN of an SNS topic that somebody reads"


def _alarms(examined: Examined) -> Iterator[tuple[str, Any]]:
    """Each alarm of the stack by its name in the template; None where it is gone."""
    names = {one.physical: one.name for one in examined.resources("AWS::CloudWatch::Alarm")}
    client = examined.aws("cloudwatch")
    found: dict[str, Any] = {}
    every = list(names)
    for begin in range(0, len(every), _AT_ONCE):
        some = every[begin : begin + _AT_ONCE]
        answer = client.describe_alarms(AlarmNames=some, MaxRecords=_AT_ONCE)
        found |= {one["AlarmName"]: one for one in answer["MetricAlarms"]}
    return ((name, found.get(physical)) for physical, name in names.items())


def check_alarms(examined: Examined) -> Iterator[Finding]:
    alarms = list(_alarms(examined))
    if missing := [name for name, alarm in alarms if alarm is None]:
        yield problem(
            f"Alarms are missing: {', '.join(missing)}.",
            "somebody deleted them: change a parameter, or delete and deploy, to make them again",
        )
    there = [(name, alarm) for name, alarm in alarms if alarm]
    if off := [name for name, alarm in there if not alarm["ActionsEnabled"]]:
        yield problem(
            f"Alarms are switched off: {', '.join(off)}.", "`aws cloudwatch enable-alarm-actions`"
        )
    silent = [name for name, alarm in there if not alarm["AlarmActions"]]
    if len(silent) == len(there):
        yield problem("No alarm tells anybody.", _TELL)
    elif silent:
        yield problem(f"Alarms tell nobody: {', '.join(silent)}.", _TELL)


def check_ringing(examined: Examined) -> Iterator[Finding]:
    for name, alarm in _alarms(examined):
        if alarm and alarm["StateValue"] == "ALARM":
            yield problem(f"The alarm {name} rings.", "see docs/operations.md#alarms")


def check_topic(examined: Examined) -> Iterator[Finding]:
    topic = examined.parameters.get("AlarmTopicArn")
    if not topic:
        return  # check_alarms says it
    pages = examined.aws("sns").get_paginator("list_subscriptions_by_topic")
    subscribed = [one for page in pages.paginate(TopicArn=topic) for one in page["Subscriptions"]]
    confirmed = [one for one in subscribed if one["SubscriptionArn"].startswith("arn:")]
    if not confirmed:
        yield problem(
            "Nobody is subscribed to the topic of the alarms, or nobody has confirmed it.",
            f"`aws sns subscribe --protocol email --notification-endpoint … --topic-arn {topic}`",
        )
