"""What the benchmarks reckon: units by AWS's rules, targets, and the comparison with before."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from benchmarks import callgrind, calls, money, report, targets
from benchmarks.started import Started
from benchmarks.wire import Said
from tests.local import LocalError

PUT = {"Put": {"TableName": "t", "Item": {"pk": {"S": "a"}, "text": {"S": "x" * 1100}}}}


def counts(ours: float) -> dict[str, Any]:
    """Instructions, ours as many to a baseline's hundred."""
    one = {
        "ours": {"cold": ours, "warm": ours},
        "naive": {"cold": 100, "warm": 100},
        "naive-sam": {"cold": 200},
    }
    return {"start": one, "verify": deepcopy(one)}


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({}, 0),
        ({"ab": {"S": "é"}}, 4),
        ({"n": {"N": "1795348800000"}}, 1 + 5),  # zeros at the end take no room
        ({"n": {"N": "0"}}, 1 + 2),
        ({"b": {"B": b"1234"}}, 1 + 4),
        ({"b": {"B": "MTIzNA=="}}, 1 + 4),  # the same on the wire
        ({"b": {"BOOL": True}}, 1 + 1),
        ({"m": {"M": {"a": {"S": "bc"}}}}, 1 + 3 + 1 + 1 + 2),
        ({"l": {"L": [{"S": "bc"}]}}, 1 + 3 + 1 + 2),
    ],
)
def test_items_are_as_large_as_dynamodb_says(item: dict[str, Any], size: int) -> None:
    assert calls.size_of(item) == size


def test_a_transaction_takes_two_units_for_each_begun_kilobyte() -> None:
    nobody: Any = None
    asked = {"TransactItems": [PUT]}
    call = Said("dynamodb", "TransactWriteItems", 200, asked, {})
    assert calls.capacity(nobody, call)["write_units"] == 4


def test_a_failed_condition_takes_what_the_write_would() -> None:
    nobody: Any = None
    answer = {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}
    call = Said("dynamodb", "UpdateItem", 400, {}, answer)
    assert calls.capacity(nobody, call) == {"write_units": 1}
    call = Said("dynamodb", "UpdateItem", 400, {}, answer | {"Item": PUT["Put"]["Item"]})
    assert calls.capacity(nobody, call) == {"write_units": 2}


def test_an_item_of_a_batch_that_is_not_there_takes_half_a_unit() -> None:
    nobody: Any = None
    asked = {"RequestItems": {"t": {"Keys": [{"pk": {"S": "a"}}, {"pk": {"S": "b"}}]}}}
    answer = {"Responses": {"t": [{"pk": {"S": "a"}, "text": {"S": "x" * 5000}}]}}
    call = Said("dynamodb", "BatchGetItem", 200, asked, answer)
    assert calls.capacity(nobody, call) == {"read_units": 1.5}


def test_a_target_that_is_missed_is_said() -> None:
    met = [row.met for row in targets.rows({"callgrind": counts(59)})]
    assert True in met and False not in met
    missed = [row.met for row in targets.rows({"callgrind": counts(71)})]
    assert missed.count(False) == 4


@pytest.mark.parametrize(("ours", "worse"), [(50, False), (52, False), (53, True), (40, False)])
def test_ratios_are_compared_with_those_committed(
    ours: float, worse: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = tmp_path / "results.json"
    committed.write_text(json.dumps({"callgrind": counts(50)}))
    monkeypatch.setattr(report, "RESULTS", committed)
    said, found = report.compare({"callgrind": counts(ours)})
    assert found is worse
    assert len(said) == 4
    assert ("WORSE" in said[0]) is worse
    assert ("better" in said[0]) is (ours == 40)


def test_what_is_paid_for_has_a_price_a_date_and_a_source() -> None:
    prices = money.load()
    priced = [one for one in prices.values() if isinstance(one, dict) and "per" in one]
    assert len(priced) >= 10
    assert all(one["price"] > 0 and one["source"] for one in priced)
    assert prices["as_of"] and prices["region"] and prices["assumed"]["said"]


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """The texts of both pages, as they become: of copies."""
    for name in ("PAGE", "README"):
        copy = tmp_path / name
        copy.write_text(getattr(report, name).read_text())
        monkeypatch.setattr(report, name, copy)
    return lambda: [page.read_text() for page in (report.PAGE, report.README)]


def test_the_pages_take_their_tables(
    pages: Callable[[], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results.json"
    results.write_text(json.dumps({"callgrind": counts(50), "machine": report.machine()}))
    monkeypatch.setattr(report, "RESULTS", results)
    report.write_pages()
    once = pages()
    assert all("| start: instructions, warm |" in text for text in once)
    report.write_pages()
    assert pages() == once


def test_the_pages_show_what_is_committed(pages: Callable[[], list[str]]) -> None:
    before = pages()
    report.write_pages()
    assert pages() == before


def test_instructions_of_one_more_request_are_those_of_more_less_those_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(_: Any, variant: str, function: str, started: list[Started]) -> int:
        one = {"ours": 500, "naive": 1000, "naive-sam": 2000}[variant]
        return one + (len(started) - 1) * 7

    def start_some(_: Any, variant: str, count: int) -> list[Started]:
        return [Started(f"{variant}{n}", "", "") for n in range(count)]

    nothing: Any = None
    monkeypatch.setattr(callgrind, "run", run)
    monkeypatch.setattr(callgrind, "start_some", start_some)
    monkeypatch.setattr(callgrind, "find", lambda: None)
    found = callgrind.measure(nothing, lambda _: None)
    assert found["verify"]["ours"] == {"cold": 500, "warm": 7}
    assert found["start"]["naive"] == {"cold": 1000, "warm": 7}
    assert found["start"]["naive-sam"] == {"cold": 2000}
    assert [row.met for row in targets.rows({"callgrind": found})].count(False) == 2


def test_without_valgrind_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LocalError, match="valgrind is not installed.*ONLY="):
        callgrind.find()
