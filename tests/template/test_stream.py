"""The stream of the sessions table: tally takes what it tallies, and nothing is lost."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from verification.domain.guard import Kind, Window
from verification.domain.limits import BUDGETS, Charge, Limit, LimitName
from verification.storage import table

from .loading import FUNCTIONS, of_type

MAPPINGS = of_type("AWS::Lambda::EventSourceMapping")
STREAMS = {n: one for n, one in MAPPINGS.items() if n.endswith("FromStream")}
CONSUMERS = {name: name.replace("FromStream", "Function") for name in STREAMS}
QUEUES = of_type("AWS::SQS::Queue")
TALLY, EVENTS = "TallyFromStream", "EventsFromStream"
NOW = 1_800_000_000_000  # epoch milliseconds


each_stream = pytest.mark.parametrize("mapping", STREAMS.values(), ids=STREAMS)


def passes(mapping: str, record: Mapping[str, Any]) -> bool:
    """Whether Lambda hands a record to the function: one of the filters matches."""
    filters = STREAMS[mapping]["FilterCriteria"]["Filters"]
    return any(_matches(json.loads(one["Pattern"]), record) for one in filters)


def _matches(pattern: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    """By "Filter rule syntax" of AWS Lambda's guide: all fields, each with one of its values."""
    for name, wanted in pattern.items():
        if name not in part:
            return False
        if isinstance(wanted, dict):
            if not _matches(wanted, part[name]):
                return False
        elif not any(_fits(rule, part[name]) for rule in wanted):
            return False
    return True


def _fits(rule: str | Mapping[str, str], value: str) -> bool:
    return value == rule if isinstance(rule, str) else value.startswith(rule["prefix"])


def limit_key(name: LimitName) -> table.Item:
    return table.limit_key(Charge(Limit(name, "5/1d", 5, 86_400), bytes(16), 1), NOW)


TALLIED: dict[str, table.Item] = {
    "verification": table.verification_key("token"),
    "sends": table.details_key("token"),  # and what else is beside it
    **{name: limit_key(name) for name in BUDGETS},
}
# All else that stands in the table.
NOT_TALLIED: dict[str, table.Item] = {
    **{name: limit_key(name) for name in LimitName if name not in BUDGETS},
    "tally": table.tally_key(Window(Kind.IP_DAY, bytes(16), 1)),
    "allowed": table.allowed_key(),
    "message": table.message_key("sns", "1"),
    "sandbox": table.sandbox_key("+31612345678", NOW, "1"),
    "device": table.device_key("shop", bytes(16), bytes(16)),
}


@pytest.mark.parametrize("name", TALLIED)
def test_what_is_tallied_is_handed_over_when_it_is_written(name: str) -> None:
    events = ("INSERT", "MODIFY", "REMOVE")
    handed = [passes(TALLY, {"eventName": e, "dynamodb": {"Keys": TALLIED[name]}}) for e in events]
    assert handed == [True, True, False]  # TTL takes away what is long over


@pytest.mark.parametrize("name", NOT_TALLIED)
def test_nothing_else_costs_an_invocation(name: str) -> None:
    """Least of all what the function itself writes: that would never end."""
    for event in ("INSERT", "MODIFY", "REMOVE"):
        assert not passes(TALLY, {"eventName": event, "dynamodb": {"Keys": NOT_TALLIED[name]}})


@pytest.mark.parametrize("name", TALLIED | NOT_TALLIED)
def test_verifications_and_what_is_recorded_of_their_sends_are_told_and_nothing_else(
    name: str,
) -> None:
    keys = (TALLIED | NOT_TALLIED)[name]
    events = ("INSERT", "MODIFY", "REMOVE")
    handed = [passes(EVENTS, {"eventName": e, "dynamodb": {"Keys": keys}}) for e in events]
    assert handed == ([True, True, False] if name in ("verification", "sends") else [False] * 3)


@pytest.mark.parametrize("name", STREAMS)
def test_the_functions_take_from_the_sessions_tables_stream(name: str) -> None:
    assert STREAMS[name]["EventSourceArn"] == {"Fn::GetAtt": ["SessionsTable", "StreamArn"]}
    assert STREAMS[name]["FunctionName"] == {"Ref": CONSUMERS[name]}


def test_a_stream_has_no_more_than_the_two_readers_that_dynamodb_advises() -> None:
    """More would be throttled; see "Reading and processing a stream" of DynamoDB's guide."""
    assert STREAMS.keys() == {TALLY, EVENTS}


def test_events_cost_nothing_unless_they_are_wanted() -> None:
    assert STREAMS[EVENTS]["Enabled"] == {"Fn::If": ["HasEvents", True, False]}
    assert MAPPINGS["EventsFromQueue"]["Enabled"] == {"Fn::If": ["HasEvents", True, False]}
    assert MAPPINGS["WebhooksFromQueue"]["Enabled"] == {"Fn::If": ["HasWebhooks", True, False]}
    rules = of_type("AWS::Events::Rule")
    assert rules["WebhooksFromBus"]["State"] == {"Fn::If": ["HasWebhooks", "ENABLED", "DISABLED"]}


@each_stream
def test_a_new_mapping_misses_nothing_that_the_stream_still_has(mapping: dict[str, Any]) -> None:
    assert mapping["StartingPosition"] == "TRIM_HORIZON"


@each_stream
def test_a_batch_that_fails_comes_again_in_halves_and_holds_up_the_others_only_so_long(
    mapping: dict[str, Any],
) -> None:
    """The handler names the first record of a batch it could not take: all of it comes again."""
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert 10 <= mapping["MaximumRetryAttempts"] <= 100  # for ever, unless it says so


@each_stream
def test_what_fails_however_often_is_kept_and_rings(mapping: dict[str, Any]) -> None:
    [queue, attribute] = mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"]
    assert attribute == "Arn"
    assert QUEUES[queue]["MessageRetentionPeriod"] == 14 * 24 * 3600
    dimension = {"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}
    alarms = of_type("AWS::CloudWatch::Alarm").values()
    assert [alarm.get("Dimensions") for alarm in alarms].count([dimension]) == 1


@pytest.mark.parametrize("function", CONSUMERS.values())
def test_a_function_that_falls_behind_rings(function: str) -> None:
    dimension = {"Name": "FunctionName", "Value": {"Ref": function}}
    watched = [
        alarm["MetricName"]
        for alarm in of_type("AWS::CloudWatch::Alarm").values()
        if alarm.get("Dimensions") == [dimension]
    ]
    assert sorted(watched) == ["Errors", "IteratorAge"]


@pytest.mark.parametrize("name", STREAMS)
def test_a_whole_batch_fits_into_the_time_of_its_consumer(name: str) -> None:
    """Each change may credit in one transaction and touch four tallies: 50 milliseconds in all."""
    timeout = FUNCTIONS[CONSUMERS[name]]["Timeout"] * 1000
    assert STREAMS[name]["BatchSize"] * 50 <= timeout
    assert STREAMS[name]["MaximumBatchingWindowInSeconds"] <= 1  # no old news
