"""docs/security.md: what limits and the guard are said to stop is what their numbers come to."""

import re

import pytest
from verification.domain import guard, policy
from verification.domain.limits import Limit, parse_limits

from tests.docs.sources import read, rows, template

DOCUMENT = "docs/security.md"


def limits(parameter: str) -> tuple[Limit, ...]:
    """The limits of a parameter's default."""
    return parse_limits(parameter, template()["Parameters"][parameter]["Default"])


def text() -> str:
    """The document on one line, so that a sentence may break anywhere."""
    return " ".join(read(DOCUMENT).split())


def test_an_address_locks_out_as_many_people_as_it_says() -> None:
    (hour, day), (_, sends) = limits("IpLimits"), limits("SendLimits")
    assert (hour.window, day.window, sends.window) == (3_600, 86_400, 86_400)
    assert f"one address gets {hour.count} an hour and {day.count} a day" in text()
    people = hour.count // sends.count, day.count // sends.count
    assert "locks out {} people an hour and {} a day, at ten starts each".format(*people) in text()
    assert sends.count == 10
    assert policy.MAX_SENDS.default == 5 and "five times as many: a start has five sends" in text()


def test_the_guard_stops_an_address_where_it_says() -> None:
    assert guard._LEAST_BY_IP + 1 == 11 and "at the eleventh message of a day" in text()
    said = (guard._LEAST_BY_COUNTRY, guard._LEAST_BY_IP, guard._RUN - 1, guard._SHARE)
    assert said == (20, 10, 4, 5)
    assert "some twenty messages to a country, ten for an address, or four in a row" in text()
    assert "some 20 messages, or a fifth of those that were answered" in text()


def test_a_lock_out_ends_as_it_says() -> None:
    ten_minutes, day = limits("SendLimits")
    assert f"{ten_minutes.count} messages do it for up to ten minutes, {day.count} for up" in text()
    table = rows(DOCUMENT, "A malicious lock-out")
    for row, limit in zip(table, (ten_minutes, day), strict=False):
        assert row[0] == f"{limit.count} messages (`SendLimits` `{limit.rule}`)"
    assert [ten_minutes.window, day.window] == [10 * 60, 24 * 3_600]
    assert [row[2] for row in table[:2]] == ["10 minutes", "24 hours"]
    hours = {limit.window // 3_600 for limit in limits("IpLimits")}
    assert {*map(int, re.findall(r"\d+", table[3][2]))} == hours == {1, 24}


def test_short_codes_are_locked_out_by_as_many_starts_as_it_says() -> None:
    (short,) = limits("ShortCodeGuessLimits")
    assert policy.MAX_ATTEMPTS.default and short.count // policy.MAX_ATTEMPTS.default == 4
    assert "of codes under six digits, four starts" in text()


@pytest.mark.parametrize(
    ("parameter", "window", "said"),
    [
        ("ClientLimits", 60, "{} starts a minute"),
        ("PrefixLimits", 3_600, "prefix ({} an hour to 10,000 numbers)"),
        ("IpLimits", 3_600, "{} an hour and 500 a day for an `ip`"),
    ],
)
def test_a_limit_that_is_named_is_the_default(parameter: str, window: int, said: str) -> None:
    first = limits(parameter)[0]
    assert first.window == window
    assert said.format(f"{first.count:,}") in text()


def test_what_nothing_is_sent_to_is_the_default() -> None:
    kinds = template()["Parameters"]["RefusedNumberKinds"]["Default"].split()
    (row,) = (row for row in rows(DOCUMENT, "SMS pumping") if row[0].startswith("kinds"))
    assert row[1] == ", ".join(f"`{kind}`" for kind in kinds) + " are refused"
    for parameter in ("Countries", "ClientMessages", "StackMessages", "ClientCost", "StackCost"):
        assert template()["Parameters"][parameter]["Default"] == ""
    assert template()["Parameters"]["GuardMode"]["Default"] == "monitor"
