"""Limits: their grammar, their windows and shards, and budgets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.domain.limits import (
    BUDGETS,
    COSTS,
    MAX_RULES,
    Budget,
    Charge,
    Limit,
    LimitGrammarError,
    LimitName,
    Limits,
    parse_all_limits,
    parse_limits,
    read_budget,
    read_money,
)

DAY = 86_400_000  # milliseconds


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
        # one item twice in a transaction: refused
        ("5/10m 5/10m", "'5/10m' at character 7 is the second for its window"),
        ("5/10m 9/1h 50/60m", "'50/60m' at character 12 is the second for its window"),
        ("5/10m,10/24h", "'5/10m,10/24h' at character 1"),
        ("\u0665/10m", "at character 1"),
        ("1000000000/1s", "at character 1"),
        ("1/100000s", "at character 1"),
        ("", "expected 1 to 8 limits"),
        ("   ", "expected 1 to 8 limits"),
        (" ".join(f"1/{seconds}s" for seconds in range(1, 10)), "expected 1 to 8 limits"),
    ],
)
def test_what_is_no_limit_is_refused_and_says_where(text: str, says: str) -> None:
    with pytest.raises(LimitGrammarError) as refused:
        parse_limits("sends", text)
    assert str(refused.value).startswith("sends: ")
    assert says in str(refused.value)


def test_a_name_has_so_many_limits_that_a_start_fits_into_one_transaction() -> None:
    most = " ".join(f"5/{n}h" for n in range(1, MAX_RULES + 1))
    assert len(parse_limits("sends", most)) == MAX_RULES
    with pytest.raises(LimitGrammarError, match="^sends: expected 1 to 8 limits"):
        parse_limits("sends", f"{most} 5/1m")
    rules = {name: 1 if name in BUDGETS else MAX_RULES for name in LimitName}
    assert sum(rules.values()) + 2 <= 100, "with the verification and its details"


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


# ----------------------------------------------------------------------------- all of a stack


def counts(limits: Limits) -> dict[str, list[tuple[int, int]]]:
    """How many there may be, in how many seconds, by the rules' keys."""
    return {
        key: [(limit.count, limit.window) for limit in rules] for key, rules in limits.rules.items()
    }


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", {}),
        (" ; ;", {}),
        ("ip_starts=", {}),
        ("ip_starts", {}),
        ("ip_starts=20/1h", {"ip_starts": [(20, 3600)]}),
        (
            " destination_sends = 5/10m  10/24h ;client_starts=1/1s; ",
            {"destination_sends": [(5, 600), (10, 86_400)], "client_starts": [(1, 1)]},
        ),
        ("country_sends=100/1h", {"country_sends": [(100, 3600)]}),
        ("country_sends=EE=100/1h 9/1m", {"country_sends:EE": [(100, 3600), (9, 60)]}),
        (
            "country_sends=100/1h, EE = 5000/1h,NL=1/1d",
            {
                "country_sends": [(100, 3600)],
                "country_sends:EE": [(5000, 3600)],
                "country_sends:NL": [(1, 86_400)],
            },
        ),
        ("client_messages=1000", {"client_messages": [(1000, 86_400)]}),
        ("stack_messages=9999999", {"stack_messages": [(9_999_999, 86_400)]}),
        ("client_cost=99.50", {"client_cost": [(995_000, 86_400)]}),
        ("stack_cost=0.0001", {"stack_cost": [(1, 86_400)]}),
        ("stack_cost=250", {"stack_cost": [(2_500_000, 86_400)]}),
    ],
)
def test_all_limits_stand_in_one_text(text: str, read: dict[str, list[tuple[int, int]]]) -> None:
    assert counts(parse_all_limits(text)) == read


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sends=5/10m", "'sends' is none of destination_sends, destination_guesses, "),
        ("5/10m", "'5/10m' is none of destination_sends"),
        ("=5/10m", "'' is none of"),
        ("IP_STARTS=5/10m", "'IP_STARTS' is none of"),
        ("country_sends:EE=5/10m", "'country_sends:EE' is none of"),
        ("ip_starts=5/10m; ip_starts=6/1h", "'ip_starts' is there twice"),
        ("country_sends=EE=5/1h, EE=6/1h", "'country_sends:EE' is there twice"),
        ("ip_starts=5/10m, 6/1h", "ip_starts"),
        ("ip_starts=5/10m 6/600s", "ip_starts: '6/600s' at character 7 is the second for its"),
        ("ip_starts=5/10m x", "ip_starts: 'x' at character 7 is not a limit such as 5/10m"),
        ("ip_starts=EE=5/10m", "ip_starts: 'EE=5/10m' is not a limit such as 5/10m"),
        ("ip_starts=5/10m=6", "ip_starts: '5/10m=6' is not a limit such as 5/10m"),
        ("destination_guesses=50/24h 4/1h", "destination_guesses: '4/1h' never has the 5 guesses"),
        ("destination_short_code_guesses=4/24h", "'4/24h' never has the 5 guesses that a start"),
        ("client_cost=EE=5", "client_cost: 'EE=5' is not a limit"),
        ("country_sends=ee=5/1h", "country_sends: 'ee=5/1h' is not a limit such as 5/10m"),
        ("country_sends=EST=5/1h", "country_sends: 'EST=5/1h' is not a limit"),
        ("country_sends==5/1h", "country_sends: '=5/1h' is not a limit"),
        ("country_sends=5/1h,", "country_sends: expected 1 to 8 limits"),
        ("country_sends=EE=", "country_sends: expected 1 to 8 limits"),
        ("client_messages=0", "client_messages: '0' is not a number of messages"),
        ("client_messages=5.5", "client_messages: '5.5' is not a number of messages"),
        ("client_messages=5/1h", "client_messages: '5/1h' is not a number of messages"),
        ("stack_messages=-5", "stack_messages: '-5' is not a number of messages"),
        ("stack_messages=10000000", "stack_messages: '10000000' is not a number of messages"),
        ("stack_messages=\u0665", "is not a number of messages"),
        ("client_cost=0.00", "client_cost: '0.00' is not an amount of money such as 99.50"),
        ("client_cost=1.23456", "client_cost: '1.23456' is not an amount of money"),
        ("client_cost=1,50", "client_cost: '1,50' is not an amount of money such as 99.50"),
        ("client_cost=.5", "client_cost: '.5' is not an amount of money"),
        ("client_cost=5.", "client_cost: '5.' is not an amount of money"),
        ("stack_cost=1e3", "stack_cost: '1e3' is not an amount of money"),
        ("stack_cost=12 EUR", "stack_cost: '12 EUR' is not an amount of money"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, says: str) -> None:
    with pytest.raises(LimitGrammarError) as refused:
        parse_all_limits(text)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("1", 10_000),
        ("0.0325", 325),
        ("0.5", 5_000),
        ("12.05", 120_500),
        ("9999999.9999", 10**11 - 1),
    ],
)
def test_money_is_counted_in_hundredths_of_a_cent(text: str, units: int) -> None:
    assert read_money(text) == units


@pytest.mark.parametrize("text", ["", "-1", "1.23456", "10000000", "1 000", "1,5", "\u0661", "1e2"])
def test_what_is_no_money_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no amount of money such as 0.0325"):
        read_money(text)


def test_a_country_has_its_own_limits_or_those_of_all() -> None:
    limits = parse_all_limits("country_sends=100/1h, EE=5/1h 9/1d")
    for place, found in (("EE", [5, 9]), ("NL", [100]), (None, [100]), ("", [100])):
        assert [one.count for one in limits.of(LimitName.COUNTRY_SENDS, place)] == found
    assert limits.of(LimitName.IP_STARTS) == ()
    assert parse_all_limits("country_sends=EE=5/1h").of(LimitName.COUNTRY_SENDS, "NL") == ()


def test_a_clients_own_limits_go_before_the_stacks_of_the_same_names() -> None:
    stack = parse_all_limits("ip_starts=20/1h 50/24h; client_starts=9/1s; country_sends=8/1h")
    own = parse_all_limits("ip_starts=1/1h; client_messages=5; country_sends=EE=7/1h")
    assert counts(stack.under(own)) == {
        "ip_starts": [(1, 3600)],
        "client_starts": [(9, 1)],
        "country_sends": [(8, 3600)],
        "country_sends:EE": [(7, 3600)],
        "client_messages": [(5, 86_400)],
    }
    assert stack.under(Limits()) == stack
    assert Limits().under(own) == own


def test_a_clients_limit_for_all_countries_is_one_for_those_that_have_their_own() -> None:
    stack = parse_all_limits("country_sends=8/1h, EE=9/1h; ip_starts=1/1h")
    own = parse_all_limits("country_sends=NL=6/1h, 7/1h")
    assert counts(stack.under(own)) == {
        "ip_starts": [(1, 3600)],
        "country_sends": [(7, 3600)],
        "country_sends:NL": [(6, 3600)],
    }


def test_limits_know_their_places_and_their_names() -> None:
    limits = parse_all_limits("country_sends=EE=8/1h, NL=9/1h; ip_starts=1/1h")
    assert limits.places == {"EE", "NL"}
    assert limits.has(LimitName.COUNTRY_SENDS) and limits.has(LimitName.IP_STARTS)
    assert not limits.has(LimitName.PREFIX_SENDS)
    assert Limits().places == frozenset()


# ------------------------------------------------------------------------------------- shards

SHARED = (
    LimitName.CLIENT_STARTS,
    LimitName.COUNTRY_SENDS,
    LimitName.PREFIX_SENDS,
    LimitName.CLIENT_MESSAGES,
    LimitName.STACK_MESSAGES,
)


def limit(name: LimitName, count: int) -> Limit:
    return Limit(name, "r", count, 3600)


@pytest.mark.parametrize("name", LimitName)
@pytest.mark.parametrize("count", [1, 249, 250, 499, 500, 501, 16_000, 16_001, 999_999_999])
def test_the_parts_of_a_limit_add_up_to_its_count(name: LimitName, count: int) -> None:
    one = limit(name, count)
    parts = [one.part(shard) for shard in range(one.shards)]
    assert sum(parts) == count
    assert max(parts) - min(parts) <= 1
    assert all(parts)


@pytest.mark.parametrize("name", SHARED)
@pytest.mark.parametrize(
    ("count", "shards"), [(1, 1), (499, 1), (500, 2), (749, 2), (750, 3), (16_000, 64), (10**9, 64)]
)
def test_what_many_count_on_is_spread_so_that_no_shard_is_small(
    name: LimitName, count: int, shards: int
) -> None:
    assert limit(name, count).shards == shards


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize(
    ("count", "shards"), [(1, 1), (249_999, 1), (250_000, 2), (8_000_000, 64), (10**11, 64)]
)
def test_money_is_spread_by_the_messages_that_it_buys(
    name: LimitName, count: int, shards: int
) -> None:
    assert limit(name, count).shards == shards


@pytest.mark.parametrize("name", sorted(set(LimitName) - {*SHARED, *COSTS}))
def test_what_one_destination_or_address_counts_on_is_exact(name: LimitName) -> None:
    assert limit(name, 10**9).shards == 1


def test_each_shard_has_an_item_of_its_own_and_the_first_has_no_number() -> None:
    spread, subject = limit(LimitName.CLIENT_STARTS, 1000), b"shop"
    keys = [Charge(spread, subject, 1, shard).window_key(0) for shard in range(4)]
    first = f"client_starts#3600#{subject.hex()}#{Charge(spread, subject, 1).window_index(0)}"
    assert keys == [first, f"{first}#1", f"{first}#2", f"{first}#3"]


def test_what_was_counted_stays_when_the_count_is_changed() -> None:
    """Else whoever lowers a limit in an attack would begin anew."""
    keys = {
        Charge(parse_limits("ip_starts", rule)[0], bytes(16), 1).window_key(0)
        for rule in ("5/1h", "500/1h", "7/60m")
    }
    assert len(keys) == 1
    money = {
        Charge(budgets(LimitName.STACK_COST, text), b"stack", 1).window_key(0)
        for text in ("1", "1.00", "99.50", "5000")
    }
    assert len(money) == 1


def test_what_a_shard_may_count_is_its_part() -> None:
    uneven = limit(LimitName.CLIENT_STARTS, 1001)
    assert [Charge(uneven, b"shop", 1, shard).part for shard in range(4)] == [251, 250, 250, 250]


@given(CHARGES, TIMES, TIMES)
def test_two_moments_share_an_item_when_they_share_a_window(
    charge: Charge, one: int, other: int
) -> None:
    same = charge.window_index(one) == charge.window_index(other)
    assert (charge.window_key(one) == charge.window_key(other)) is same


# ------------------------------------------------------------------------------------ budgets


def budgets(name: LimitName, written: str) -> Limit:
    return parse_all_limits(f"{name}={written}").of(name)[0]


@pytest.mark.parametrize("name", BUDGETS)
@pytest.mark.parametrize("subject", ["shop-k3q7m2xa", "stack"])
def test_a_budget_is_of_a_day_in_utc_whoever_spends_it(name: LimitName, subject: str) -> None:
    charge = Charge(budgets(name, "100"), subject.encode(), 1)
    begins = 20_000 * DAY
    for now, day, left in (
        (begins, 20_000, 86_400),
        (begins + DAY - 1, 20_000, 1),
        (begins - 1, 19_999, 1),
        (begins + DAY, 20_001, 86_400),
    ):
        assert (charge.window_index(now), charge.retry_after(now)) == (day, left)


@pytest.mark.parametrize("name", BUDGETS)
@pytest.mark.parametrize("written", ["1", "100", "1000", "99999"])
@pytest.mark.parametrize("subject", ["shop-k3q7m2xa", "stack"])
def test_a_budget_is_read_back_from_the_key_of_each_of_its_items(
    name: LimitName, written: str, subject: str
) -> None:
    one = budgets(name, written)
    for shard in range(one.shards):
        charge = Charge(one, subject.encode(), 1, shard)
        found = read_budget(charge.window_key(20_000 * DAY + 5), one.rule, 3)
        assert found == Budget(one, subject, 20_000, 3, charge.part)


def test_an_amount_of_money_is_read_back_as_it_was_written() -> None:
    one = budgets(LimitName.CLIENT_COST, "99.50")
    assert one.rule == "99.50/day"
    key = Charge(one, b"shop", 1, 3).window_key(0)
    assert read_budget(key, one.rule, 1).limit == one


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("ip_starts#600#00#0", "5/10m"),
        ("client_messages", "100/day"),
        ("client_messages#86400#73686f70", "100/day"),
        ("client_messages#86400#73686f70#20000", "x/day"),
        ("client_messages#86400#73686f70#20000", ""),
        ("client_messages#86400#not hex#20000", "100/day"),
        ("client_messages#86400#73686f70#today", "100/day"),
        ("client_messages#86400#73686f70#20000#x", "1000/day"),
        ("", "100/day"),
    ],
)
def test_what_is_no_budget_cannot_be_read_as_one(key: str, rule: str) -> None:
    with pytest.raises(ValueError, match="."):
        read_budget(key, rule, 1)


@pytest.mark.parametrize(
    ("used", "count", "percent"),
    [(0, 5, 0), (79, 100, 79), (799, 1000, 79), (80, 100, 80), (3, 2, 150)],
)
def test_a_budget_knows_how_much_of_it_is_spent(used: int, count: int, percent: int) -> None:
    assert Budget(limit(LimitName.STACK_COST, 10), "stack", 1, used, count).percent == percent
