"""What the tail prints of a log line: what we know, masked, and nothing else."""

import itertools
import json
from typing import Any

import pytest
from verification.cli import tail
from verification.cli.__main__ import main

from tests.fakes.operator import NOW, Operator

LINE = {
    "level": "INFO",
    "location": "x",
    "message": "verification_sent",
    "verification_id": "ajqopgr262u3fibltxjeyks5k6u",
    "client_id": "shop",
    "destination": "+316*****678",
    "provider": "sns",
    "outcome": "accepted",
    "vendor_code": "",
}


def test_a_line_has_the_fields_that_are_known() -> None:
    assert tail.read_line(json.dumps(LINE | {"body": "123456", "email": "a@b.example"}), NOW) == {
        "at": "2027-01-15T08:00:00.000Z",
        "event": "verification_sent",
        "level": "INFO",
        "verification_id": "ajqopgr262u3fibltxjeyks5k6u",
        "destination": "+316*****678",
        "client_id": "shop",
        "provider": "sns",
        "outcome": "accepted",
    }


@pytest.mark.parametrize(
    "message",
    [
        "START RequestId: 1",
        "{",
        "[]",
        "7",
        json.dumps({"_aws": {}, "Started": 1}),
        json.dumps({"message": "Your code is 123456"}),
        json.dumps({"message": {"to": "+31612345678"}}),
    ],
)
def test_what_is_none_of_our_lines_is_left_out(message: str) -> None:
    assert tail.read_line(message, NOW) is None


def test_a_destination_that_somebody_did_not_mask_is_masked_here() -> None:
    line = tail.read_line(json.dumps(LINE | {"destination": "+31612345678"}), NOW)
    assert line and line["destination"] == "+316*****678"


def test_a_long_value_is_cut_and_a_list_is_one() -> None:
    line = tail.read_line(json.dumps(LINE | {"where": ["a", "b"], "error": "e" * 999}), NOW)
    assert line and (line["where"], len(line["error"])) == ("a, b", 201)


class Logs:
    """Log groups in memory: each call is one page, and time goes on."""

    def __init__(self, *pages: list[dict[str, Any]]) -> None:
        self._pages = pages
        self.asked: list[dict[str, Any]] = []

    def filter_log_events(self, **asked: Any) -> Any:
        self.asked.append(asked)
        number = len(self.asked) - 1
        if number >= len(self._pages):
            raise KeyboardInterrupt
        more = {} if number + 1 == len(self._pages) else {"nextToken": "more"}
        return {"events": self._pages[number], **more}


def event(at: int, **changes: Any) -> dict[str, Any]:
    return {
        "timestamp": at,
        "message": json.dumps(LINE | changes),
        "logStreamName": "one",
    }


@pytest.fixture
def groups(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack with one log group."""
    pages = [{"StackResourceSummaries": [
        {"LogicalResourceId": "StartLogs", "PhysicalResourceId": "g", "ResourceType": kind}
        for kind in ("AWS::Logs::LogGroup", "AWS::Lambda::Function")
    ]}]  # fmt: skip
    operator.stacks.get_paginator = lambda name: operator.stacks  # type: ignore[attr-defined]
    operator.stacks.paginate = lambda StackName: pages  # type: ignore[attr-defined]
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def test_lines_are_in_order_and_each_is_printed_once(
    operator: Operator, groups: None, capsys: pytest.CaptureFixture[str]
) -> None:
    late, early = event(NOW + 2, send=2), event(NOW + 1, send=1)
    operator.clients["logs"] = logs = Logs([late], [early], [early, late], [])
    printed = operator.prints("tail", "--json", "--since", "10m")
    assert [json.loads(line)["send"] for line in printed.splitlines()] == [1, 2]
    assert [one["startTime"] for one in logs.asked[:4]] == [NOW - 600_000] * 4
    assert logs.asked[4]["startTime"] == NOW - tail._LATE
    assert {one["logGroupName"] for one in logs.asked} == {"g"}


def test_pages_may_be_empty_and_lines_come_after_them(operator: Operator, groups: None) -> None:
    operator.clients["logs"] = logs = Logs(*itertools.repeat([], 50), [event(NOW)])
    assert operator.prints("tail", "--once").count("verification_sent") == 1
    assert len(logs.asked) == 51


def test_a_group_is_read_for_so_long_and_no_more(
    operator: Operator, groups: None, capsys: pytest.CaptureFixture[str]
) -> None:
    class Slow(Logs):
        def filter_log_events(self, **asked: Any) -> Any:
            operator.now += 1000
            return super().filter_log_events(**asked)

    operator.clients["logs"] = logs = Slow(*itertools.repeat([], 50))
    assert main(["tail", "--once"]) == 0
    assert len(logs.asked) == tail._LONGEST_READ // 1000
    said = "Too many lines in g for once; others were left out: ask for a shorter span.\n"
    assert capsys.readouterr() == ("", said)


def test_a_read_that_was_cut_goes_on_where_it_was(
    operator: Operator, groups: None, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [[event(NOW - 300_000 + n, send=n)] for n in range(tail._PAGES + 2)]
    operator.clients["logs"] = logs = Logs(*lines)
    assert main(["tail", "--json", "--since", "10m"]) == 0
    printed = capsys.readouterr()
    assert [json.loads(line)["send"] for line in printed.out.splitlines()] == [*range(len(lines))]
    assert printed.err == "Too many lines in g for once; others follow.\n"
    # The second poll goes on with the token, from the same moment; the third begins anew.
    assert [one["startTime"] for one in logs.asked[:-1]] == [NOW - 600_000] * len(lines)
    assert "nextToken" in logs.asked[tail._PAGES] and "nextToken" not in logs.asked[-1]
    assert logs.asked[-1]["startTime"] == NOW - tail._LATE


def test_lines_that_come_while_others_are_read_are_not_missed(
    operator: Operator, groups: None
) -> None:
    class Slow(Logs):
        def filter_log_events(self, **asked: Any) -> Any:
            operator.now += 10_000
            return super().filter_log_events(**asked)

    operator.clients["logs"] = logs = Slow([], [event(NOW)])
    assert operator.prints("tail", "--since", "10m").count("\n") == 1
    assert logs.asked[2]["startTime"] == NOW - tail._LATE  # NOW, as the first read began then


def test_a_line_for_people_moves_no_cursor_and_stays_one_line(
    operator: Operator, groups: None
) -> None:
    operator.clients["logs"] = Logs([event(NOW, error="a\nb\x1b[2J")])
    printed = operator.prints("tail", "--once")
    assert printed.count("\n") == 1 and "\x1b" not in printed
    assert printed.startswith("08:00:00.000 verification_sent ajqopgr262u3fibltxjeyks5k6u +316***")


def test_a_stack_without_logs_is_none_of_ours(operator: Operator, groups: None) -> None:
    operator.stacks.paginate = lambda StackName: []  # type: ignore[attr-defined]
    assert operator.fails("tail") == "The stack serverless-verify is not one of ours."
