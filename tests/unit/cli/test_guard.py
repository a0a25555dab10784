"""What the guard lets through for a while."""

import pytest
from verification.storage import table

from tests.fakes.operator import NOW, Operator


def until(operator: Operator) -> dict[str, int]:
    item = operator.dynamodb.items["G#allowed", "G"]
    words = {name: value for name, value in item.items() if name.startswith("word ")}
    return {name.removeprefix("word "): int(value["N"]) for name, value in words.items()}


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("+3725", "+3725"),
        ("EE", "EE"),
    ],
)
def test_a_place_is_let_through_for_a_day_unless_said_otherwise(
    operator: Operator, word: str, known: str
) -> None:
    done = operator.runs("unblock", word)
    assert done == {"unblocked": known, "until": "2027-01-16T08:00:00.000Z"}
    assert until(operator) == {known: NOW // 1000 + 86_400}
    assert operator.dynamodb.table_names == {"sessions"}


def test_alone_it_lists_what_is_let_through_now(operator: Operator) -> None:
    assert operator.runs("unblock") == []
    operator.runs("unblock", "EE", "--for", "30d")
    operator.runs("unblock", "+3725", "--for", "90s")
    assert operator.runs("unblock") == [
        {"unblocked": "+3725", "until": "2027-01-15T08:01:30.000Z"},
        {"unblocked": "EE", "until": "2027-02-14T08:00:00.000Z"},
    ]
    operator.now += 90_000
    assert [one["unblocked"] for one in operator.runs("unblock")] == ["EE"]
    assert operator.runs("unblock", "EE", "--for", "0s") == {"ended": "EE"}
    assert operator.runs("unblock") == []


def test_a_table_may_be_named(operator: Operator) -> None:
    operator.runs("unblock", "EE", "--table", "mine")
    assert operator.dynamodb.table_names == {"mine"}
    assert [*operator.dynamodb.items] == [("G#allowed", "G")]
    assert table.allowed_key()["pk"] == {"S": "G#allowed"}


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["ee"], "'ee' is no network such as"),
        (["UK"], "'UK' is not a country such as EE"),
        (["+372 5"], "'+372 5' is no network such as"),
        (["192.0.2.1/24"], "'192.0.2.1/24' is no network such as"),
        (["verify.example"], "'verify.example' is no network such as"),
        (["EE", "--for", "31d"], "at most 30d"),
        (["EE", "--for", "1"], "write a time such as"),
        (["EE", "--for", "-1h"], "expected one argument"),
    ],
)
def test_a_wrong_word_is_named_before_anything_is_asked(
    operator: Operator, argv: list[str], says: str
) -> None:
    assert says in operator.refused("unblock", *argv)
    assert operator.dynamodb.table_names == set()


def test_a_time_alone_says_nothing(operator: Operator) -> None:
    assert "Say what to let through" in operator.fails("unblock", "--for", "1h")
    assert operator.dynamodb.items == {}
