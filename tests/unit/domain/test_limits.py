"""Limits: their grammar, and their windows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.domain.limits import Charge, Limit, LimitGrammarError, parse_limits


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("5/10m", [(5, 600)]),
        ("1/1s", [(1, 1)]),
        ("5/10m 10/24h", [(5, 600), (10, 86_400)]),
        ("  3/1d \n 2/2h ", [(3, 86_400), (2, 7_200)]),
        ("999999999/99999d", [(999_999_999, 99_999 * 86_400)]),
    ],
)
def test_a_limit_is_a_count_and_a_window(text: str, limits: list[tuple[int, int]]) -> None:
    parsed = parse_limits("sends", text)
    assert [(limit.count, limit.window) for limit in parsed] == limits
    assert [limit.rule for limit in parsed] == text.split()
    assert {limit.name for limit in parsed} == {"sends"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0/10m", "'0/10m' at character 1"),
        ("5/0m", "'5/0m' at character 1"),
        ("5/10m x", "'x' at character 7"),
        ("5/10", "'5/10' at character 1"),
        ("5/10w", "'5/10w' at character 1"),
        ("-5/10m", "'-5/10m' at character 1"),
        ("5.5/10m", "'5.5/10m' at character 1"),
        ("5 / 10m", "'5' at character 1"),
        ("15/10m 5/10", "'5/10' at character 8"),
        ("5/10m 5/10m", "'5/10m' at character 7"),  # one item twice in a transaction: refused
        ("5/10m,10/24h", "'5/10m,10/24h' at character 1"),
        ("\u0665/10m", "at character 1"),
        ("1000000000/1s", "at character 1"),
        ("1/100000s", "at character 1"),
        ("", "expected one limit or more"),
        ("   ", "expected one limit or more"),
    ],
)
def test_what_is_no_limit_is_refused_and_says_where(text: str, says: str) -> None:
    with pytest.raises(LimitGrammarError) as refused:
        parse_limits("sends", text)
    assert str(refused.value).startswith("sends: ")
    assert says in str(refused.value)


def test_a_limit_is_named_as_callers_see_it() -> None:
    assert str(parse_limits("destination_sends", "5/10m")[0]) == "destination_sends 5/10m"


CHARGES = st.builds(
    lambda window, subject: Charge(Limit("x", "r", 5, window), subject, 1),
    st.integers(1, 99_999 * 86_400),
    st.binary(min_size=16, max_size=16),
)
TIMES = st.integers(1_500_000_000_000, 4_000_000_000_000)


@given(CHARGES, TIMES)
def test_now_is_always_inside_its_window(charge: Charge, now: int) -> None:
    ends = charge.window_ends(now)
    assert ends - charge.limit.window <= now / 1000 < ends
    assert 1 <= charge.retry_after(now) <= charge.limit.window


@given(CHARGES, TIMES)
def test_a_window_ends_when_it_says_and_not_before(charge: Charge, now: int) -> None:
    index, ends = charge.window_index(now), charge.window_ends(now)
    assert charge.window_index(ends * 1000 - 1) == index
    assert charge.window_index(ends * 1000) == index + 1
    assert charge.window_index(now + charge.retry_after(now) * 1000) == index + 1


def test_windows_of_different_subjects_turn_at_different_moments() -> None:
    limit = Limit("x", "5/10m", 5, 600)
    ends = {
        Charge(limit, n.to_bytes(8) + bytes(8), 1).window_ends(1_800_000_000_000) for n in (0, 1, 2)
    }
    assert len(ends) == 3


def test_a_window_is_known_by_its_index() -> None:
    charge = Charge(Limit("x", "5/10m", 5, 600), bytes(16), 1)
    assert charge.window_index(1_200_000) == 2
    assert charge.window_ends(1_200_000) == 1_800
    assert charge.retry_after(1_200_000) == 600
    assert charge.retry_after(1_799_999) == 1
    shifted = Charge(charge.limit, (60).to_bytes(8) + bytes(8), 1)
    assert shifted.window_ends(1_200_000) == 1_740
