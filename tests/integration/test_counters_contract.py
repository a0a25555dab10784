"""What limits, budgets and tallies promise: in memory, on DynamoDB Local and on the emulator."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pytest
from verification.domain.guard import Allowed, Kind, Seen, Tally, Window
from verification.domain.identifiers import make_token
from verification.domain.limits import (
    Budget,
    Charge,
    Limit,
    LimitName,
    parse_all_limits,
    read_budget,
)
from verification.domain.verification import Channel, Verification
from verification.errors import BudgetSpent, LimitExceeded
from verification.operations.ports import Counters, Tallies, Verifications
from verification.storage import table
from verification.storage.counters import DynamoDbCounters
from verification.storage.prices import StoredPrices, write_prices
from verification.storage.tallies import DynamoDbTallies
from verification.storage.verifications import DynamoDbVerifications

from tests.fakes.counters import InMemoryCounters
from tests.fakes.samples import make_verification
from tests.fakes.tallies import InMemoryTallies
from tests.fakes.verifications import InMemoryVerifications
from tests.figures import Figure
from tests.integration.commands import remaining
from tests.integration.conftest import Place

NOW = 1_800_000_000_000
DAY = NOW // 86_400_000
PARALLEL = 8

ENGINES = ["memory", "dynamodb_local", "emulator"]


class Unblocking(Tallies, Protocol):
    """The tallies with what operators do there."""

    def unblock(self, word: str, until: int, now: int) -> None: ...
    def unblocked(self, now: int) -> Any: ...


@dataclass(frozen=True)
class Table:
    """What counts, on one engine."""

    verifications: Verifications
    counters: Counters
    tallies: Unblocking
    used: Callable[[str], int | None]


def in_memory() -> Table:
    verifications = InMemoryVerifications()
    return Table(
        verifications,
        InMemoryCounters(verifications),
        InMemoryTallies(),
        verifications.used.get,
    )


def on(place: Place) -> Table:
    client, name = place.dynamodb, place.sessions

    def used(key: str) -> int | None:
        item = client.get_item(TableName=name, Key=table.window_key(key)).get("Item")
        return int(item["used"]["N"]) if item else None

    return Table(
        DynamoDbVerifications(client, name),
        DynamoDbCounters(client, name),
        DynamoDbTallies(client, name),
        used,
    )


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest) -> Table:
    if request.param == "memory":
        return in_memory()
    make_place: Callable[[str], Place] = request.getfixturevalue("make_place")
    return on(make_place(request.getfixturevalue(request.param)))


@pytest.fixture(params=ENGINES[1:])
def place(request: pytest.FixtureRequest) -> Place:
    make_place: Callable[[str], Place] = request.getfixturevalue("make_place")
    return make_place(request.getfixturevalue(request.param))


def some() -> bytes:
    return secrets.token_bytes(16)


def limit(name: LimitName, written: str) -> Limit:
    return parse_all_limits(f"{name}={written}").of(name)[0]


def make(**changes: Any) -> Verification:
    return make_verification(**{"token": make_token(some())} | changes)


def count(store: Table, *charges: Charge, now: int = NOW) -> bool:
    """Start a verification with these charges; whether the limits let it."""
    try:
        assert store.verifications.create(make(now=now), None, charges, remaining) is None
    except LimitExceeded:
        return False
    return True


def used_in_all(store: Table, limit: Limit, subject: bytes, now: int = NOW) -> list[int]:
    """What the shards of a limit have counted."""
    charges = [Charge(limit, subject, 0, shard) for shard in range(limit.shards)]
    return [store.used(charge.window_key(now)) or 0 for charge in charges]


# ----------------------------------------------------------------------------------------- shards

SHARDED = limit(LimitName.CLIENT_STARTS, "500/1h")  # two shards of 250


def nearly_full(store: Table, left: int) -> bytes:
    """A subject that has started so often that `left` starts fit, half of them into each shard."""
    subject, each = some(), 250 - left // 2
    while sum(used_in_all(store, SHARDED, subject)) < 2 * each:
        count(store, Charge(SHARDED, subject, each))
    return subject


def test_of_200_starts_at_once_those_that_fit_are_let_through_and_not_one_more(
    store: Table, figure: Figure
) -> None:
    subject = nearly_full(store, left=30)

    def start(_: int) -> bool:
        return count(store, Charge(SHARDED, subject, 1))

    with ThreadPoolExecutor(PARALLEL) as pool:
        started = sum(pool.map(start, range(200)))
    assert sum(used_in_all(store, SHARDED, subject)) == 470 + started
    # A start looks at three shards by chance, so the last ones may find only full ones; later
    # ones find the room that is left.
    later = 0
    while 470 + started + later < 500:
        later += start(0)
    assert used_in_all(store, SHARDED, subject) in ([250, 250], [500, 0])
    assert not any(start(n) for n in range(5))
    figure("sharded limit", f"200 starts at once for 30 places: {started}, later {later}")


def test_a_shard_that_is_full_is_not_the_end(place: Place) -> None:
    """Three are looked at: of two shards with one full, seven starts in eight find the other."""
    store = on(place)
    subject = nearly_full(store, left=100)
    key = Charge(SHARDED, subject, 1, 0).window_key(NOW)
    place.dynamodb.update_item(
        TableName=place.sessions,
        Key=table.window_key(key),
        UpdateExpression="SET used = :full",
        ExpressionAttributeValues={":full": {"N": "250"}},
    )
    let_through = sum(count(store, Charge(SHARDED, subject, 1)) for _ in range(40))
    assert used_in_all(store, SHARDED, subject) == [250, 200 + let_through]
    assert 20 <= let_through <= 40  # of 40; under 20 once in 10**9 runs


def test_a_limit_that_is_not_sharded_beside_one_refuses_at_once(store: Table) -> None:
    alone = Charge(limit(LimitName.IP_STARTS, "1/1h"), some(), 1)
    spread = Charge(SHARDED, some(), 1)
    assert count(store, spread, alone)
    with pytest.raises(LimitExceeded) as refused:
        store.verifications.create(make(), None, [spread, alone], remaining)
    assert refused.value.limit == "ip_starts"
    assert sum(used_in_all(store, SHARDED, spread.subject)) == 1, "refused is not counted"


# ---------------------------------------------------------------------------------------- budgets


@pytest.mark.parametrize(
    ("name", "written", "price", "fit"),
    [
        ("client_messages", "3", 1, 3),
        ("stack_messages", "2", 1, 2),
        ("client_cost", "0.10", 325, 3),  # 975 of 1000
        ("stack_cost", "0.0650", 325, 2),  # to the last
    ],
)
def test_a_budget_that_is_spent_refuses_until_the_day_is_over(
    store: Table, name: str, written: str, price: int, fit: int
) -> None:
    charge = Charge(limit(LimitName(name), written), some(), price)
    assert [count(store, charge) for _ in range(fit)] == [True] * fit
    with pytest.raises(BudgetSpent) as spent:
        store.verifications.create(make(), None, [charge], remaining)
    error = spent.value
    assert (error.code, error.status, error.limit) == ("budget_spent", 429, name)
    assert error.retry_after == (DAY + 1) * 86_400 - NOW // 1000
    assert error.detail == f"The limit {name} {written}/day is used up."
    assert count(store, charge, now=(DAY + 1) * 86_400_000)


def test_of_a_limit_and_a_budget_the_longer_wait_is_told(store: Table) -> None:
    budget = Charge(limit(LimitName.CLIENT_MESSAGES, "1"), some(), 1)
    minute = Charge(limit(LimitName.IP_STARTS, "1/1m"), some(), 1)
    assert count(store, budget, minute)
    with pytest.raises(BudgetSpent):
        store.verifications.create(make(), None, [minute, budget], remaining)


def test_a_message_dearer_than_the_whole_budget_is_refused(store: Table) -> None:
    charge = Charge(limit(LimitName.CLIENT_COST, "0.0100"), some(), 101)
    with pytest.raises(BudgetSpent):
        store.verifications.create(make(), None, [charge], remaining)


@pytest.mark.parametrize("written", ["100", "1000"])
def test_a_whole_budget_is_the_sum_of_its_shards(store: Table, written: str) -> None:
    name, client = LimitName.CLIENT_MESSAGES, f"shop-{secrets.token_hex(4)}"
    budget = limit(name, written)
    for _ in range(12):
        assert count(store, Charge(budget, client.encode(), 1))
    shard = Charge(budget, client.encode(), 0, budget.shards - 1)
    whole = store.counters.whole(read_budget(shard.window_key(NOW), budget.rule, 0))
    assert whole == Budget(budget, client, DAY, 12, int(written))
    tomorrow = replace(whole, day=DAY + 1)
    assert store.counters.whole(tomorrow).used == 0


def test_what_a_bigger_budget_has_counted_is_in_the_smaller_one_of_the_same_day(
    store: Table,
) -> None:
    name, client = LimitName.CLIENT_MESSAGES, f"shop-{secrets.token_hex(4)}"
    for _ in range(12):
        assert count(store, Charge(limit(name, "5000"), client.encode(), 1))
    smaller = limit(name, "100")
    key = Charge(smaller, client.encode(), 0).window_key(NOW)
    whole = store.counters.whole(read_budget(key, smaller.rule, 0))
    assert (whole.used, whole.count) == (12, 100)


# ---------------------------------------------------------------------------------------- credits

GUESSES = limit(LimitName.DESTINATION_GUESSES, "50/24h")
SHORT = limit(LimitName.SHORT_CODE_GUESSES, "20/24h")


def reserved(store: Table, *limits: Limit, **changes: Any) -> tuple[Verification, list[str]]:
    """A verification that reserved five guesses in each, and the keys of what paid."""
    charges = [Charge(each, some(), 5) for each in limits or (GUESSES,)]
    verification = make(**changes)
    assert store.verifications.create(verification, None, charges, remaining) is None
    return verification, [charge.window_key(NOW) for charge in charges]


def give_back(store: Table, verification: Verification, keys: list[str], amount: int) -> None:
    store.counters.give_back(verification, keys, amount, remaining)


def is_credited(store: Table, verification: Verification) -> bool:
    record = store.verifications.read(verification.token)
    assert record
    return record.verification.credited


def test_guesses_are_given_back_once(store: Table) -> None:
    verification, keys = reserved(store, GUESSES, SHORT)
    assert not is_credited(store, verification)
    for _ in range(2):
        give_back(store, verification, keys, 3)
        assert [store.used(key) for key in keys] == [2, 2]
    assert is_credited(store, verification)


def test_20_that_give_back_at_once_give_back_once(store: Table) -> None:
    verification, keys = reserved(store, GUESSES, SHORT)
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(lambda _: give_back(store, verification, keys, 4), range(20)))
    assert [store.used(key) for key in keys] == [1, 1]


def test_what_is_given_back_may_be_reserved_again(store: Table) -> None:
    subject = some()
    five = Charge(limit(LimitName.DESTINATION_GUESSES, "5/24h"), subject, 5)
    verification = make()
    assert store.verifications.create(verification, None, [five], remaining) is None
    assert not count(store, replace(five, amount=1))
    give_back(store, verification, [five.window_key(NOW)], 2)
    assert not count(store, replace(five, amount=3))
    assert count(store, replace(five, amount=2))


def test_a_window_that_is_gone_gets_nothing_and_the_others_do(store: Table) -> None:
    verification, keys = reserved(store)
    gone = Charge(SHORT, some(), 5).window_key(NOW)
    give_back(store, verification, [gone, *keys], 5)
    assert [store.used(gone), store.used(keys[0])] == [None, 0]
    assert is_credited(store, verification)


def test_when_all_windows_are_gone_it_is_done(store: Table) -> None:
    verification, _ = reserved(store)
    keys = [Charge(each, some(), 5).window_key(NOW) for each in (GUESSES, SHORT)]
    give_back(store, verification, keys, 5)
    assert [store.used(key) for key in keys] == [None, None]
    assert is_credited(store, verification)


def test_a_window_never_goes_below_zero(store: Table) -> None:
    verification, keys = reserved(store)
    give_back(store, verification, keys, 6)
    assert store.used(keys[0]) == 5


def test_what_is_gone_itself_gives_nothing_back(store: Table) -> None:
    _, keys = reserved(store)
    give_back(store, make(), keys, 5)
    assert store.used(keys[0]) == 5


def test_an_older_life_of_an_id_gives_nothing_back_for_a_newer(store: Table) -> None:
    verification, keys = reserved(store)
    give_back(store, replace(verification, created_at=NOW - 1), keys, 5)
    assert store.used(keys[0]) == 5
    assert not is_credited(store, verification)


def test_a_reused_id_is_not_credited_yet(store: Table) -> None:
    verification, keys = reserved(store)
    give_back(store, verification, keys, 5)
    again = replace(
        verification,
        created_at=verification.expires_at * 1000,
        expires_at=verification.expires_at + 1000,
    )
    assert store.verifications.create(again, None, [], remaining) is None
    assert not is_credited(store, again)


def test_a_deleted_one_is_credited_too(store: Table) -> None:
    verification, keys = reserved(store)
    store.verifications.cancel(verification.id, verification.client_id)
    give_back(store, verification, keys, 5)
    assert store.used(keys[0]) == 0


# ---------------------------------------------------------------------------------------- tallies


def window(kind: Kind = Kind.COUNTRY_DAY) -> Window:
    return Window(kind, some(), DAY)


def read(store: Table, *windows: Window) -> list[Tally | None]:
    tallies, _ = store.tallies.read(windows, NOW)
    assert set(tallies) <= set(windows)
    return [tallies.get(one) for one in windows]


def test_what_nobody_has_seen_is_not_there(store: Table) -> None:
    assert read(store) == []
    assert read(store, window(), window()) == [None, None]


def test_what_is_seen_adds_up(store: Table) -> None:
    one, other = window(), window(Kind.IP_DAY)
    store.tallies.add(one, Seen(sends=2, verified=1))
    store.tallies.add(other, Seen(sends=1, countries={"EE"}))
    store.tallies.add(one, Seen(sends=3))
    store.tallies.add(other, Seen(verified=1, countries={"NL", "EE"}))
    assert read(store, one, other, window()) == [
        Tally(5, 1),
        Tally(1, 1, frozenset({"EE", "NL"})),
        None,
    ]


def test_numbers_join_their_block_and_leave_it(store: Table) -> None:
    block = window(Kind.BLOCK_DAY)
    store.tallies.add(block, Seen(sends=3, joined={0, 7, 99}))
    assert read(store, block) == [Tally(3, numbers=frozenset({0, 7, 99}))]
    store.tallies.add(block, Seen(sends=1, verified=1, joined={8}, left={7, 55}))
    assert read(store, block) == [Tally(4, 1, numbers=frozenset({0, 8, 99}))]
    store.tallies.add(block, Seen(left={0, 8, 99}))
    assert read(store, block) == [Tally(4, 1)]
    store.tallies.add(block, Seen(joined={7}))
    assert read(store, block) == [Tally(4, 1, numbers=frozenset({7}))]


def test_countries_are_cleared(store: Table) -> None:
    address = window(Kind.IP_DAY)
    store.tallies.add(address, Seen(sends=3, countries={"EE", "LV", "NL"}))
    store.tallies.add(address, Seen(verified=1, countries={"LT"}, cleared={"EE", "US"}))
    assert read(store, address) == [Tally(3, 1, frozenset({"LT", "LV", "NL"}))]
    store.tallies.add(address, Seen(cleared={"LT", "LV", "NL"}))
    assert read(store, address) == [Tally(3, 1)]


def test_many_add_at_once_and_nothing_is_lost(store: Table) -> None:
    block = window(Kind.BLOCK_DAY)

    def add(n: int) -> None:
        store.tallies.add(block, Seen(sends=1, joined={n}))

    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(add, range(50)))
    assert read(store, block) == [Tally(50, numbers=frozenset(range(50)))]


def test_a_window_of_another_kind_or_time_is_another(store: Table) -> None:
    one = window()
    store.tallies.add(one, Seen(sends=1))
    others = replace(one, kind=Kind.COUNTRY_HOUR), replace(one, index=DAY + 1)
    assert read(store, *others) == [None, None]


def test_an_unblock_ends_by_itself(store: Table) -> None:
    words = ["EE", "+3725", "192.0.2.0/24", "2001:db8::/32"]
    ends = NOW // 1000 + 60
    for word in words:
        store.tallies.unblock(word, ends, NOW)
    store.tallies.unblock("EE", ends + 1, NOW)  # longer
    for now, left in ((NOW, set(words)), (NOW + 59_999, set(words)), (NOW + 60_000, {"EE"})):
        assert store.tallies.read([window()], now)[1] == Allowed(frozenset(left))
        assert set(store.tallies.unblocked(now)) == left
    assert store.tallies.unblocked(NOW)["EE"] == ends + 1
    assert store.tallies.read([], NOW + 61_000)[1] == Allowed(frozenset())


def test_tallies_are_deleted_after_their_window(place: Place) -> None:
    one = window()
    on(place).tallies.add(one, Seen(sends=1))
    key = table.tally_key(one)
    item = place.dynamodb.get_item(TableName=place.sessions, Key=key)["Item"]
    assert int(item["expires_at"]["N"]) == one.ends + 3_600
    assert item["schema_version"] == table.VERSION


# ----------------------------------------------------------------------------------------- prices


def test_prices_are_read_from_the_table(place: Place) -> None:
    name, now = place.environ["DIRECTORY_TABLE"], [NOW]
    prices = StoredPrices(place.dynamodb, name, lambda: now[0])
    place.dynamodb.delete_item(TableName=name, Key=table.prices_key())
    assert prices(["sns"], Channel.SMS, "EE") == 0
    written = {"sns sms EE": 700, "sns sms *": 900, "messente sms EE": 325}
    place.dynamodb.put_item(TableName=name, Item=write_prices(written))
    assert prices(["sns"], Channel.SMS, "EE") == 0, "remembered for a minute"
    now[0] += 60_000
    assert prices(["sns"], Channel.SMS, "EE") == 700
    assert prices(["messente", "sns"], Channel.SMS, "EE") == 700
    assert prices(["messente", "sns"], Channel.SMS, "NL") == 900
    place.dynamodb.delete_item(TableName=name, Key=table.prices_key())
