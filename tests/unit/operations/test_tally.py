"""What the table's stream tells: guesses credited back, once; tallies for the guard; budgets."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from verification.domain.guard import Kind, Mode, Seen, Suspicion, Tally, Window
from verification.domain.limits import Budget, Charge, LimitName, parse_all_limits
from verification.domain.verification import OWN_APP, Channel, Details, Status
from verification.errors import LimitExceeded, SuspectedFraud, TemporarilyUnavailable
from verification.operations.ports import Change
from verification.operations.screening import sighted
from verification.operations.verify import VerifyCommand

from tests.fakes.clock import plenty
from tests.fakes.keys import identity_key
from tests.fakes.samples import NOW, make_verification
from tests.fakes.stack import CLIENT, FakeStack, start_command

NUMBER = "+31612345678"


class Told:
    """A stack whose stream is taken after each step, and one verification of five guesses."""

    def __init__(self, guesses: str = "50/24h", **command: Any) -> None:
        self.stack = FakeStack(guesses=guesses, short_code_guesses=guesses)
        command = {"idempotency_key": "key-1"} | command
        self.verification = self.stack.start(start_command(**command), plenty).record.verification
        self.stack.take_stream()

    def guess(self, code: str) -> None:
        command = VerifyCommand(CLIENT.id, str(self.verification.id), code)
        self.stack.verify(command, plenty)
        self.stack.take_stream()

    @property
    def code(self) -> str:
        return self.stack.messenger.sent[0].code

    @property
    def wrong(self) -> str:
        return "1111" if self.code != "1111" else "2222"

    def cancel(self) -> None:
        self.stack.delete(CLIENT.id, str(self.verification.id), plenty)
        self.stack.take_stream()

    @property
    def reserved(self) -> list[int]:
        """What the budgets of guesses have counted."""
        used = self.stack.verifications.used
        return [n for key, n in used.items() if "guesses" in key]

    def tally(self, kind: Kind) -> Tally:
        windows = sighted(self.verification).windows(identity_key())
        return self.stack.tallies.tallies.get(windows[kind], Tally())


# --------------------------------------------------------------------------------------- credits


def test_guesses_that_were_never_made_come_back_when_it_is_verified() -> None:
    told = Told()
    told.guess(told.wrong)
    told.guess(told.wrong)
    assert told.reserved == [5]
    told.guess(told.code)
    assert told.reserved == [3], "three were made"


def test_guesses_that_were_never_made_come_back_when_it_is_canceled() -> None:
    told = Told()
    told.guess(told.wrong)
    told.cancel()
    assert told.reserved == [1]


def test_every_window_that_paid_is_credited() -> None:
    told = Told("50/24h 60/7d", code_length=4)
    assert told.reserved == [5, 5, 5, 5]
    told.cancel()
    assert told.reserved == [0, 0, 0, 0]


@pytest.mark.parametrize("then", ["canceled", "guessed again", "the same batch again"])
def test_guesses_come_back_once(then: str) -> None:
    told = Told()
    told.guess(told.wrong)
    command = VerifyCommand(CLIENT.id, str(told.verification.id), told.code)
    told.stack.verify(command, plenty)
    batch = list(told.stack.verifications.changes)
    told.stack.take_stream()
    assert told.reserved == [2]
    if then == "canceled":
        told.cancel()
    elif then == "guessed again":
        told.guess(told.code)
    else:
        told.stack.tally(batch, [], plenty)
    told.stack.take_stream()
    assert told.reserved == [2]


def test_verified_and_canceled_in_one_batch_is_credited_once() -> None:
    told = Told()
    told.stack.verify(VerifyCommand(CLIENT.id, str(told.verification.id), told.code), plenty)
    told.cancel()
    assert told.reserved == [1]


def test_what_is_taken_late_is_credited_all_the_same() -> None:
    told = Told()
    told.stack.delete(CLIENT.id, str(told.verification.id), plenty)
    told.stack.clock.advance(10**6)
    told.stack.take_stream()
    assert told.reserved == [0]


def test_an_expired_or_failed_one_is_not_credited() -> None:
    told = Told()
    told.guess(told.wrong)
    told.stack.clock.advance(301)
    told.guess(told.code)
    assert told.reserved == [5]
    failed = Told(max_attempts=2)
    for _ in range(3):
        failed.guess(failed.wrong)
    assert failed.reserved == [2]


def test_deleted_after_it_expired_it_is_credited() -> None:
    told = Told()
    told.stack.clock.advance(301)
    told.cancel()
    assert told.reserved == [0]


def test_all_guesses_made_leave_nothing_to_credit() -> None:
    told = Told(max_attempts=1)
    told.guess(told.code)
    assert told.reserved == [1]
    record = told.stack.verifications.read(told.verification.token)
    assert record and not record.verification.credited


def test_what_was_credited_may_be_used_again() -> None:
    told = Told("5/24h")
    command = start_command()
    with pytest.raises(LimitExceeded):
        told.stack.start(command, plenty)
    told.guess(told.code)
    told.stack.start(start_command(max_attempts=4), plenty)
    with pytest.raises(LimitExceeded):
        told.stack.start(start_command(max_attempts=1), plenty)


def test_three_guesses_and_a_new_code_over_and_over_end_with_the_budget() -> None:
    stack, guesses = FakeStack(guesses="50/24h"), 0
    with pytest.raises(LimitExceeded) as refused:
        for _ in range(50):
            record = stack.start(start_command(max_attempts=3), plenty).record
            for _ in range(3):
                command = VerifyCommand(CLIENT.id, str(record.verification.id), "0000000")
                stack.verify(command, plenty)
                guesses += 1
            stack.delete(CLIENT.id, str(record.verification.id), plenty)
            stack.take_stream()
    assert guesses == 48
    assert refused.value.limit == LimitName.DESTINATION_GUESSES


def test_a_reused_id_pays_and_is_credited_by_itself() -> None:
    told = Told(max_attempts=5)
    told.guess(told.code)
    assert told.reserved == [1]
    told.stack.clock.now = told.verification.expires_at * 1000
    again = told.stack.start(start_command(idempotency_key="key-1"), plenty).record.verification
    assert (again.token, again.credited) == (told.verification.token, False)
    told.stack.take_stream()
    assert told.reserved == [6]
    told.cancel()
    assert told.reserved == [1]


def test_what_came_of_an_older_life_is_not_credited_to_the_new_one() -> None:
    told = Told()
    told.stack.verify(VerifyCommand(CLIENT.id, str(told.verification.id), told.code), plenty)
    late = list(told.stack.verifications.changes)
    told.stack.clock.now = told.verification.expires_at * 1000
    told.stack.start(start_command(idempotency_key="key-1"), plenty)
    told.stack.tally(late, [], plenty)
    assert told.reserved == [10]


def test_the_item_before_an_older_life_pays_for_nothing() -> None:
    """A reused id that is deleted at once: the image before it is of another verification."""
    stack = FakeStack()
    older = make_verification(NOW - 10**8, paid="older windows")
    stack.counters.failing = AssertionError("credited")
    canceled = make_verification(status=Status.CANCELED, attempts=1)
    stack.tally([Change(older, canceled)], [], plenty)
    assert stack.telemetry.events == []


def test_what_was_credited_is_not_even_tried_again() -> None:
    stack = FakeStack()
    credited = make_verification(status=Status.CANCELED, paid="a window", credited=True)
    stack.counters.failing = AssertionError("credited")
    stack.tally([Change(replace(credited, credited=False), credited)], [], plenty)
    assert stack.telemetry.events == []


def test_a_deletion_by_ttl_tells_nothing() -> None:
    stack = FakeStack()
    stack.counters.failing = AssertionError("credited")
    stack.tally([Change(make_verification(paid="x", to=NUMBER), None)], [], plenty)
    assert stack.tallies.tallies == {}
    assert stack.telemetry.events == []


# ------------------------------------------------------------------ what cannot be taken just now


def three_deleted() -> tuple[FakeStack, list[Change]]:
    """A stack whose stream has told of three starts; and that they were then deleted."""
    stack = FakeStack()
    records = [stack.start(start_command(f"+3161234567{n}"), plenty).record for n in range(3)]
    stack.take_stream()
    for record in records:
        stack.delete(CLIENT.id, str(record.verification.id), plenty)
    return stack, list(stack.verifications.changes)


def left(stack: FakeStack) -> list[int]:
    """What the budgets of guesses have counted, of each destination."""
    return [n for key, n in stack.verifications.used.items() if "guesses" in key]


def fail_after(
    stack: FakeStack, credits: int, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let so many credits be made, and no more."""
    give_back = stack.counters.give_back

    def counted(*arguments: Any) -> None:
        nonlocal credits
        if not credits:
            raise error
        credits -= 1
        give_back(*arguments)

    monkeypatch.setattr(stack.counters, "give_back", counted)


@pytest.mark.parametrize("credits", [0, 1, 2])
def test_a_table_out_of_reach_ends_the_batch_there_and_the_rest_comes_again(
    credits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, batch = three_deleted()
    with monkeypatch.context() as patched:
        fail_after(stack, credits, TemporarilyUnavailable(), patched)
        assert stack.tally(batch, [], plenty) == credits
    assert left(stack) == [0] * credits + [5] * (3 - credits)
    assert stack.telemetry.events[-1] == ("warn", "credit_postponed", {})
    assert stack.tally(batch[credits:], [], plenty) == 3 - credits
    assert left(stack) == [0, 0, 0]


def test_a_credit_that_can_never_be_made_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, batch = three_deleted()
    fail_after(stack, 1, ValueError("a transaction was refused"), monkeypatch)
    assert stack.tally(batch, [], plenty) == 3
    assert stack.telemetry.events[-2:] == [("crashed", "credit_failed", ValueError)] * 2


def test_what_there_is_no_time_for_comes_again() -> None:
    stack, batch = three_deleted()
    clock = iter([5_001, 5_000, 4_999])
    assert stack.tally(batch, [], lambda: next(clock)) == 2
    assert left(stack) == [0, 0, 5]


def test_what_comes_again_is_not_tallied_yet() -> None:
    stack = FakeStack()
    for n in range(3):
        stack.start(start_command(f"+3161234567{n}"), plenty)
    batch = list(stack.verifications.changes)
    clock = iter([10_000, 0])
    assert stack.tally(batch, [], lambda: next(clock)) == 1
    assert {tally.sends for tally in stack.tallies.tallies.values()} == {1}
    assert stack.tally(batch[1:], [], plenty) == 2
    assert {tally.sends for tally in stack.tallies.tallies.values()} == {3}


def test_tallies_out_of_reach_bring_the_batch_again() -> None:
    stack, batch = three_deleted()
    stack.tallies.failing = TemporarilyUnavailable()
    stack.start(start_command(), plenty)
    with pytest.raises(TemporarilyUnavailable):
        stack.tally(stack.verifications.changes, [], plenty)
    assert left(stack)[:3] == [0, 0, 0], "a credit is exact, however often it comes"


# ----------------------------------------------------------------------------------------- costs


def spent(stack: FakeStack) -> list[tuple[object, ...]]:
    return [event[1:] for event in stack.telemetry.events if event[0] == "spent"]


def test_each_message_that_was_taken_costs_what_its_provider_asks() -> None:
    stack = FakeStack()
    stack.prices.of["fake"] = 350
    started = stack.start(start_command(), plenty).record.verification
    stack.take_stream()
    assert spent(stack) == [("fake", "NL", 350)]
    assert stack.prices.asked[-1] == (("fake",), Channel.SMS, "NL")
    stack.clock.advance(60)
    stack.resend(CLIENT, str(started.id), None, plenty)
    stack.take_stream()
    assert spent(stack) == [("fake", "NL", 350)] * 2


def test_what_has_no_price_is_not_told() -> None:
    stack = FakeStack()
    stack.start(start_command(), plenty)
    stack.take_stream()
    assert stack.prices.asked and spent(stack) == []


def test_a_batch_without_prices_comes_again_and_nothing_of_it_is_tallied() -> None:
    stack = FakeStack()
    stack.prices.failing = TemporarilyUnavailable()
    stack.start(start_command(), plenty)
    with pytest.raises(TemporarilyUnavailable):
        stack.take_stream()
    assert stack.tallies.tallies == {} and spent(stack) == []


def test_what_comes_again_costs_nothing_yet() -> None:
    stack, batch = three_deleted()
    stack.prices.of["fake"] = 350
    stack.verifications.sent.clear()
    stack.start(start_command("+31612345111"), plenty)
    [sent] = stack.verifications.sent
    no_time = iter([10_000, 10_000, 0])
    assert stack.tally([*batch[:2], sent, *batch[2:]], [], lambda: next(no_time)) == 2
    assert spent(stack) == []


# --------------------------------------------------------------------------------------- tallies


def test_a_send_is_tallied_where_it_counts() -> None:
    told = Told(details=Details(ip="192.0.2.1"))
    assert told.tally(Kind.COUNTRY_DAY) == Tally(1)
    assert told.tally(Kind.COUNTRY_HOUR) == Tally(1)
    assert told.tally(Kind.IP_DAY) == Tally(1, countries=frozenset({"NL"}))
    assert told.tally(Kind.BLOCK_DAY) == Tally(1, numbers=frozenset({78}))
    assert len(told.stack.tallies.tallies) == 4


def test_every_send_is_tallied_and_all_verify_somebody_when_one_does() -> None:
    told = Told()
    for sends in (2, 3):
        told.stack.clock.advance(30)
        told.stack.resend(CLIENT, str(told.verification.id), None, plenty)
        told.stack.take_stream()
        assert told.tally(Kind.COUNTRY_DAY) == Tally(sends)
    told.guess(told.wrong)
    assert told.tally(Kind.COUNTRY_DAY) == Tally(3)
    assert told.tally(Kind.BLOCK_DAY) == Tally(3, 0, numbers=frozenset({78}))
    told.guess(told.code)
    assert told.tally(Kind.COUNTRY_DAY) == Tally(3, 3)
    assert told.tally(Kind.BLOCK_DAY) == Tally(3, 3)
    told.guess(told.code)
    told.cancel()
    assert told.tally(Kind.COUNTRY_DAY) == Tally(3, 3)


def test_a_send_counts_where_its_verification_started() -> None:
    told = Told(validity=3600)
    told.stack.clock.advance(3599)
    told.guess(told.code)
    assert told.tally(Kind.COUNTRY_HOUR) == Tally(1, 1)
    assert len(told.stack.tallies.tallies) == 3


def test_a_batch_is_one_write_for_each_window(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, writes = FakeStack(), []
    add = stack.tallies.add

    def counting(window: Window, seen: Seen) -> None:
        writes.append(window.kind)
        add(window, seen)

    monkeypatch.setattr(stack.tallies, "add", counting)
    for n in range(10):
        stack.start(start_command(f"+3161234560{n}"), plenty)
    stack.take_stream()
    assert sorted(writes) == [Kind.BLOCK_DAY, Kind.COUNTRY_DAY, Kind.COUNTRY_HOUR]
    assert [tally.sends for tally in stack.tallies.tallies.values()] == [10, 10, 10]


@pytest.mark.parametrize(
    ("verified", "numbers"),
    [([], {78}), ([0], set()), ([1], set()), ([0, 1], set())],
)
def test_a_number_leaves_its_block_when_it_is_verified(
    verified: Sequence[int], numbers: set[int]
) -> None:
    stack = FakeStack()
    records = [stack.start(start_command(), plenty).record for _ in range(2)]
    codes = [sent.code for sent in stack.messenger.sent]
    for n in verified:
        name = str(records[n].verification.id)
        stack.verify(VerifyCommand(CLIENT.id, name, codes[n]), plenty)
    stack.take_stream()
    window = sighted(records[0].verification).windows(identity_key())[Kind.BLOCK_DAY]
    assert stack.tallies.tallies[window].numbers == numbers


def test_a_number_that_is_sent_to_after_it_was_verified_is_in_its_block_again() -> None:
    told = Told()
    told.stack.verify(VerifyCommand(CLIENT.id, str(told.verification.id), told.code), plenty)
    told.stack.start(start_command(), plenty)  # in one batch with it
    told.stack.take_stream()
    assert told.tally(Kind.BLOCK_DAY) == Tally(2, 1, numbers=frozenset({78}))


@pytest.mark.parametrize("changes", [{"test": True}, {"verifier": OWN_APP}])
def test_what_was_not_sent_is_not_tallied(changes: dict[str, Any]) -> None:
    stack = FakeStack()
    unsent = make_verification(to=NUMBER, country="NL", **changes)
    stack.tally([Change(None, unsent)], [], plenty)
    assert stack.tallies.tallies == {}


def test_what_was_deleted_before_the_stream_came_by_is_tallied_from_the_image_before() -> None:
    stack = FakeStack()
    before = make_verification(to=NUMBER, country="NL")
    sent = replace(before, sends=2)
    erased = replace(sent, status=Status.CANCELED, to=None, destination_hash=None)
    stack.tally([Change(None, before), Change(before, sent), Change(sent, erased)], [], plenty)
    window = sighted(before).windows(identity_key())[Kind.COUNTRY_DAY]
    assert stack.tallies.tallies[window] == Tally(2)


def test_a_country_leaves_its_address_when_somebody_there_is_verified() -> None:
    stack, numbers = FakeStack(), {"NL": NUMBER, "EE": "+37255501050", "US": "+12025550100"}
    ip = Details(ip="192.0.2.1")
    records = {
        country: stack.start(start_command(to, country=country, details=ip), plenty).record
        for country, to in numbers.items()
    }
    stack.take_stream()
    window = sighted(records["NL"].verification).windows(identity_key())[Kind.IP_DAY]
    assert stack.tallies.tallies[window] == Tally(3, countries=frozenset(numbers))
    for sent, (country, record) in zip(
        list(stack.messenger.sent), list(records.items())[:2], strict=False
    ):
        name = str(record.verification.id)
        stack.verify(VerifyCommand(CLIENT.id, name, sent.code), plenty)
        stack.take_stream()
        assert country not in stack.tallies.tallies[window].countries
    assert stack.tallies.tallies[window] == Tally(3, 2, countries=frozenset({"US"}))
    stack.start(start_command(details=ip), plenty)
    stack.take_stream()
    assert stack.tallies.tallies[window].countries == {"NL", "US"}


def test_an_email_is_tallied_by_its_address_alone() -> None:
    told = Told(to="ann@example.com", details=Details(ip="192.0.2.1"))
    assert told.stack.tallies.tallies == {
        sighted(told.verification).windows(identity_key())[Kind.IP_DAY]: Tally(1)
    }


def test_no_news_are_no_write() -> None:
    told = Told()
    before = dict(told.stack.tallies.tallies)
    seen = told.verification
    told.stack.tally([Change(seen, replace(seen, lease_until=1))], [], plenty)
    assert told.stack.tallies.tallies == before


def test_a_reused_id_is_tallied_as_a_new_one() -> None:
    stack = FakeStack()
    older = make_verification(NOW - 10**8, to=NUMBER, country="NL", sends=5)
    stack.tally([Change(older, make_verification(to=NUMBER, country="NL"))], [], plenty)
    assert {tally.sends for tally in stack.tallies.tallies.values()} == {1}


def test_from_the_stream_to_the_guard() -> None:
    """20 sends that verify nobody, and the 21st is refused; the stream is what tells."""
    stack = FakeStack(guard=Mode.BLOCK)
    numbers = [f"+316{n:02d}345678" for n in range(21)]
    for number in numbers[:20]:
        stack.start(start_command(number), plenty)
        stack.take_stream()
    with pytest.raises(SuspectedFraud):
        stack.start(start_command(numbers[20]), plenty)
    found = (Suspicion.COUNTRY_DAY, Suspicion.COUNTRY_HOUR)
    assert stack.telemetry.events[-1] == ("suspected", found, True)


# --------------------------------------------------------------------------------------- budgets


def budget(stack: FakeStack, limits: str, used: int) -> Budget:
    """A budget that has used so much of what it may, in all."""
    [(limit,)] = parse_all_limits(limits).rules.values()
    key = Charge(limit, CLIENT.id.encode(), 0).window_key(20_000 * 86_400_000)
    stack.verifications.used[key] = used
    return Budget(limit, CLIENT.id, 20_000, used // limit.shards, limit.part(0))


@pytest.mark.parametrize("used", [0, 1, 79])
def test_a_budget_with_more_than_a_fifth_left_is_not_worth_a_word(used: int) -> None:
    stack = FakeStack()
    stack.counters.failing = AssertionError("read for nothing")
    stack.tally([], [budget(stack, "client_messages=100", used)], plenty)
    assert stack.telemetry.events == []


@pytest.mark.parametrize("used", [80, 81, 100])
def test_a_budget_of_which_80_per_cent_are_spent_is_told(used: int) -> None:
    stack = FakeStack()
    stack.tally([], [budget(stack, "client_messages=100", used)], plenty)
    assert stack.telemetry.events == [("budget_nearly_spent", "client_messages", used)]


def test_of_several_records_of_a_budget_in_a_batch_one_is_looked_at() -> None:
    stack = FakeStack()
    one = budget(stack, "client_messages=100", 85)
    other = replace(one, subject="another")
    stack.verifications.used[Charge(one.limit, b"another", 0).window_key(one.day * 86_400_000)] = 90
    seen = [replace(one, used=n) for n in (83, 84, 85)]
    stack.tally([], [*seen, replace(other, used=90)], plenty)
    assert stack.telemetry.events == [
        ("budget_nearly_spent", "client_messages", 85),
        ("budget_nearly_spent", "client_messages", 90),
    ]


def test_the_fullest_shard_in_a_batch_tells_not_the_last() -> None:
    stack = FakeStack()
    fullest = replace(budget(stack, "client_messages=1000", 820), used=210)
    stack.tally([], [fullest, replace(fullest, used=190)], plenty)
    assert stack.telemetry.events == [("budget_nearly_spent", "client_messages", 82)]


def test_a_shard_that_is_nearly_full_is_not_yet_a_budget_that_is() -> None:
    stack = FakeStack()
    whole = budget(stack, "client_messages=1000", 700)
    nearly = replace(whole, used=200)
    assert nearly.percent == 80
    stack.tally([], [nearly], plenty)
    assert stack.telemetry.events == []
    stack.tally([], [replace(budget(stack, "client_messages=1000", 800), used=200)], plenty)
    assert stack.telemetry.events == [("budget_nearly_spent", "client_messages", 80)]
