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
MAPPING = MAPPINGS["TallyFromStream"]
FILTERS = [json.loads(one["Pattern"]) for one in MAPPING["FilterCriteria"]["Filters"]]
QUEUES = of_type("AWS::SQS::Queue")
NOW = 1_800_000_000_000  # epoch milliseconds


def passes(record: Mapping[str, Any]) -> bool:
    """Whether Lambda hands a record to the function: one of the filters matches."""
    return any(_matches(pattern, record) for pattern in FILTERS)


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
    handed = [passes({"eventName": e, "dynamodb": {"Keys": TALLIED[name]}}) for e in events]
    assert handed == [True, True, False]  # TTL takes away what is long over


@pytest.mark.parametrize("name", NOT_TALLIED)
def test_nothing_else_costs_an_invocation(name: str) -> None:
    """Least of all what the function itself writes: that would never end."""
    for event in ("INSERT", "MODIFY", "REMOVE"):
        assert not passes({"eventName": event, "dynamodb": {"Keys": NOT_TALLIED[name]}})


def test_the_function_takes_from_the_sessions_tables_stream() -> None:
    assert MAPPING["EventSourceArn"] == {"Fn::GetAtt": ["SessionsTable", "StreamArn"]}
    assert MAPPING["FunctionName"] == {"Ref": "TallyFunction"}
    sources = [mapping["EventSourceArn"]["Fn::GetAtt"][1] for mapping in MAPPINGS.values()]
    assert sources.count("StreamArn") == 1


def test_a_new_mapping_misses_nothing_that_the_stream_still_has() -> None:
    assert MAPPING["StartingPosition"] == "TRIM_HORIZON"


def test_a_batch_that_fails_comes_again_in_halves_and_holds_up_the_others_only_so_long() -> None:
    """The handler names the first record of a batch it could not take: all of it comes again."""
    assert MAPPING["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert MAPPING["BisectBatchOnFunctionError"] is True
    assert 10 <= MAPPING["MaximumRetryAttempts"] <= 100  # for ever, unless it says so


def test_what_fails_however_often_is_kept_and_rings() -> None:
    [queue, attribute] = MAPPING["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"]
    assert attribute == "Arn"
    assert QUEUES[queue]["MessageRetentionPeriod"] == 14 * 24 * 3600
    dimension = {"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}
    alarms = of_type("AWS::CloudWatch::Alarm").values()
    assert [alarm.get("Dimensions") for alarm in alarms].count([dimension]) == 1


def test_a_function_that_falls_behind_rings() -> None:
    dimension = {"Name": "FunctionName", "Value": {"Ref": "TallyFunction"}}
    watched = [
        alarm["MetricName"]
        for alarm in of_type("AWS::CloudWatch::Alarm").values()
        if alarm.get("Dimensions") == [dimension]
    ]
    assert sorted(watched) == ["Errors", "IteratorAge"]


def test_a_whole_batch_fits_into_the_time_of_its_consumer() -> None:
    """Each change may credit in one transaction and touch four tallies: 50 milliseconds in all."""
    timeout = FUNCTIONS["TallyFunction"]["Timeout"] * 1000
    assert MAPPING["BatchSize"] * 50 <= timeout
    assert MAPPING["MaximumBatchingWindowInSeconds"] <= 1  # the guard should not look at old news
