"""Batches of the stream: taken whole, unreadable records left out, nothing raised."""

import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from verification.api.stream import BatchFailedError, make_stream_handler, tally_all
from verification.domain.limits import Budget, parse_all_limits
from verification.errors import TemporarilyUnavailable
from verification.operations.ports import Change, Remaining, Sent

from tests.fakes.calls import Context
from tests.fakes.samples import make_verification
from tests.unit.logs import lines, make_telemetry

SECRETS = "+31612345678 and 123456"
LIMIT = parse_all_limits("stack_messages=9").rules["stack_messages"][0]
BUDGET = Budget(LIMIT, "stack", 1, 8, 9)
CHANGE = Change(None, make_verification(to="+31612345678"))


class Tallies:
    """The operation: keeps what it is told, and may fail, or take some changes only."""

    def __init__(self) -> None:
        self.told: list[tuple[list[Change | Sent], list[Budget]]] = []
        self.failing: Exception | None = None
        self.takes = 100

    def __call__(
        self, changes: Sequence[Change | Sent], budgets: Sequence[Budget], remaining: Remaining
    ) -> int:
        assert remaining() == 10_000
        if self.failing:
            raise self.failing
        self.told.append((list(changes), list(budgets)))
        return min(self.takes, len(changes))


def batch(*says: Any) -> dict[str, Any]:
    """Records that the reader below reads as these."""
    return {
        "Records": [
            {"dynamodb": {"SequenceNumber": str(n)}, "says": one} for n, one in enumerate(says, 7)
        ]
    }


def read(record: Mapping[str, Any]) -> Change | Budget | None:
    says: Any = record["says"]
    if isinstance(says, Exception):
        raise says
    assert says is None or isinstance(says, Change | Budget)
    return says


@pytest.fixture
def tallies() -> Tallies:
    return Tallies()


def handle(tallies: Tallies, monkeypatch: pytest.MonkeyPatch, event: dict[str, Any]) -> list[str]:
    """The numbers of the records that are to come again."""
    handler = make_stream_handler(tally_all(tallies), read, make_telemetry(monkeypatch))
    answer = handler(event, Context())
    assert list(answer) == ["batchItemFailures"]
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_changes_and_budgets_are_told_in_order_and_all_else_is_left_out(
    tallies: Tallies, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Change(CHANGE.after, None)
    assert handle(tallies, monkeypatch, batch(CHANGE, None, BUDGET, other)) == []
    assert tallies.told == [([CHANGE, other], [BUDGET])]


@pytest.mark.parametrize("error", [KeyError(SECRETS), TypeError(SECRETS), ValueError(SECRETS)])
def test_a_record_that_cannot_be_read_holds_nobody_up_and_is_logged_without_its_words(
    tallies: Tallies,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    assert handle(tallies, monkeypatch, batch(CHANGE, error, BUDGET)) == []
    assert tallies.told == [([CHANGE], [BUDGET])]
    output = capsys.readouterr().out
    [line] = [line for line in lines(output) if "message" in line]
    assert (line["message"], line["error"]) == ("stream_record_unreadable", type(error).__name__)
    assert not any(word in output for word in SECRETS.split(" and "))


def test_a_batch_that_was_out_of_reach_comes_again_as_a_whole(
    tallies: Tallies, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tallies.failing = TemporarilyUnavailable(SECRETS)
    assert handle(tallies, monkeypatch, batch(CHANGE, CHANGE, BUDGET)) == ["7"]
    output = capsys.readouterr().out
    assert [line["message"] for line in lines(output)] == ["stream_batch_postponed"]
    assert not any(word in output for word in SECRETS.split(" and "))


@pytest.mark.parametrize("error", [ValueError(SECRETS), RuntimeError(SECRETS)])
def test_a_batch_that_fails_by_our_fault_is_raised_without_its_words_so_that_it_is_halved(
    tallies: Tallies,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    tallies.failing = error
    with pytest.raises(BatchFailedError) as raised:
        handle(tallies, monkeypatch, batch(CHANGE, CHANGE, BUDGET))
    output = capsys.readouterr().out
    logged = lines(output)
    assert [line["message"] for line in logged if "message" in line] == ["stream_batch_failed"]
    assert any("Crashed" in line for line in logged)
    told = output + "".join(traceback.format_exception(raised.value))
    assert not any(word in told for word in SECRETS.split(" and "))


@pytest.mark.parametrize(
    ("takes", "again"), [(0, ["8"]), (1, ["10"]), (2, ["11"]), (3, []), (100, [])]
)
def test_the_first_change_that_was_not_taken_comes_again_with_all_behind_it(
    tallies: Tallies, monkeypatch: pytest.MonkeyPatch, takes: int, again: list[str]
) -> None:
    tallies.takes = takes
    event = batch(BUDGET, CHANGE, ValueError(SECRETS), CHANGE, CHANGE, None)
    assert handle(tallies, monkeypatch, event) == again


def test_a_batch_of_nothing_to_tally_is_done(
    tallies: Tallies, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert handle(tallies, monkeypatch, batch(None, ValueError(SECRETS))) == []
