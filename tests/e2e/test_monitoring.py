"""Alarms and the dashboard as they are deployed.

The emulator draws no graph and works out no expression, but it deploys them and lets alarms ring.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import monitoring
from tests.e2e.leaks import logged_by
from tests.e2e.talking import a_number, operate, start
from tests.local.deploy import STACK_NAME, outputs
from tests.local.emulator import REGION
from tests.local.stack import Stack

SOURCE = monitoring.read()
WAIT = 30  # seconds for an alarm to ring


def deployed_alarms(stack: Stack) -> dict[str, dict[str, Any]]:
    """The alarms of the stack by their logical ids."""
    cloudformation = stack.aws("cloudformation")
    resources = cloudformation.describe_stack_resources(StackName=STACK_NAME)
    names = {
        one["PhysicalResourceId"]: one["LogicalResourceId"]
        for one in resources["StackResources"]
        if one["ResourceType"] == "AWS::CloudWatch::Alarm"
    }
    alarms = stack.aws("cloudwatch").describe_alarms(AlarmNames=[*names])
    return {names[one["AlarmName"]]: one for one in alarms["MetricAlarms"]}


def test_the_dashboard_that_is_deployed_can_be_read_and_is_of_its_region(stack: Stack) -> None:
    name = outputs(stack.endpoint_url)["DashboardName"]
    assert name == f"{STACK_NAME}-{REGION}"
    body = stack.aws("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]
    alarms, *graphs = json.loads(body)["widgets"]
    assert {graph["properties"]["region"] for graph in graphs} == {REGION}
    assert [graph["properties"]["title"] for graph in graphs] == [
        graph["title"] for graph in SOURCE["dashboard"]
    ]
    # All is filled in, but for what CloudWatch fills in itself.
    assert {*re.findall(r"\$\{[^}]*\}", body)} <= {
        f"${{PROP('Dim.{name}')}}"
        for name in ("channel", "country", "limit", "outcome", "provider", "reason")
    }
    there = {one["AlarmArn"] for one in deployed_alarms(stack).values()}
    assert {*alarms["properties"]["alarms"]} == there


def test_an_alarm_is_of_the_function_that_is_deployed(stack: Stack) -> None:
    alarms = deployed_alarms(stack)
    functions = {one.lower(): f"{one}Errors" for one in SOURCE["functions"]}
    for folder, name in (stack.functions | stack.other_functions).items():
        dimensions = alarms[functions[folder]]["Dimensions"]
        assert dimensions == [{"Name": "FunctionName", "Value": name.rpartition(":")[2]}]


def test_what_a_message_cost_is_counted_off_the_hot_path(stack: Stack, tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text("sns,sms,*,0.05\n")
    operate(stack, "prices", "put", str(prices))
    stack.end_processes(stack.other_functions["tally"])  # what they remember of prices
    country = start(stack, a_number())["country"]
    end = time.monotonic() + WAIT
    while not (found := [one for one in costs(stack) if one["country"] == country]):
        assert time.monotonic() < end, "no cost is told"
        time.sleep(0.2)
    assert found[-1]["Cost"] == [0.05] and found[-1]["provider"] == "sns"
    [directive] = found[-1]["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["country", "provider", "service"]]


def costs(stack: Stack) -> Iterator[dict[str, Any]]:
    """What tally has told of costs."""
    for line in logged_by(stack, "tally"):
        if '"Cost"' in line:
            yield json.loads(line)


def test_an_alarm_rings_when_its_metric_says_so(stack: Stack) -> None:
    cloudwatch = stack.aws("cloudwatch")
    alarm = deployed_alarms(stack)["ProvidersRefusing"]
    assert alarm["StateValue"] != "ALARM"
    cloudwatch.put_metric_data(
        Namespace=alarm["Namespace"],
        MetricData=[
            {
                "MetricName": alarm["MetricName"],
                "Dimensions": alarm["Dimensions"],
                "Value": 1,
                "Unit": "Count",
            }
        ],
    )
    end = time.monotonic() + WAIT
    while deployed_alarms(stack)["ProvidersRefusing"]["StateValue"] != "ALARM":
        assert time.monotonic() < end, "the alarm is silent"
        time.sleep(0.2)
