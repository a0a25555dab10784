"""What starts and sends count against: which limits, whose, how much."""

from dataclasses import replace
from typing import Any

import pytest
from verification.domain.codes import hash_destination
from verification.domain.limits import (
    BUDGETS,
    Charge,
    LimitName,
    Limits,
    parse_all_limits,
    read_budget,
)
from verification.domain.policy import Client, Profile
from verification.domain.verification import OWN_APP, Channel, Verification
from verification.errors import TemporarilyUnavailable
from verification.operations.charging import paid_by

from tests.fakes.keys import identity_key
from tests.fakes.providers import FakeMessenger
from tests.fakes.samples import NOW, make_verification
from tests.fakes.stack import CLIENT, FakeStack

ALL = (
    "ip_starts=20/1h; client_starts=30/1s; country_sends=40/1h, EE=50/1h; prefix_sends=60/1h; "
    "client_messages=70; stack_messages=80; client_cost=9; stack_cost=10"
)
ESTONIAN = "+37255501050"
STARTS = {"ip_starts", "client_starts"}
GUESSES = {"destination_guesses", "destination_short_code_guesses"}


def make(to: str = "+31612345678", country: str | None = "NL", **changes: Any) -> Verification:
    hashed = hash_destination(identity_key(), to)
    values = {"to": to, "country": country, "destination_hash": hashed, "ip": b"i" * 16}
    return make_verification(**values | changes)


def names(charges: list[Charge]) -> set[str]:
    return {charge.limit.name for charge in charges}


def of(charges: list[Charge], name: str) -> list[Charge]:
    return [charge for charge in charges if charge.limit.name == name]


@pytest.fixture
def stack() -> FakeStack:
    made = FakeStack(limits=ALL)
    made.prices.of["fake"] = 325
    return made


# --------------------------------------------------------------------------------------- which


def test_a_start_counts_as_a_start_a_send_and_the_guesses_it_reserves(stack: FakeStack) -> None:
    charges = stack.charging.start(CLIENT, make())
    assert names(charges) == set(LimitName) - {"destination_short_code_guesses"}
    amounts = {charge.limit.name: charge.amount for charge in charges}
    assert amounts.pop("destination_guesses") == 5
    assert amounts.pop("client_cost") == amounts.pop("stack_cost") == 325
    assert set(amounts.values()) == {1}


def test_without_limits_nothing_is_counted() -> None:
    charging = replace(FakeStack().charging, limits=Limits())
    assert charging.start(CLIENT, make()) == []
    assert charging.send(CLIENT.profile, make(), Channel.SMS) == []


def test_every_window_of_a_limit_is_counted() -> None:
    stack = FakeStack(sends="5/10m 10/24h", guesses="50/24h 60/7d")
    charges = stack.charging.start(CLIENT, make())
    assert [str(charge.limit) for charge in charges] == [
        "destination_sends 5/10m",
        "destination_sends 10/24h",
        "destination_guesses 50/24h",
        "destination_guesses 60/7d",
    ]


@pytest.mark.parametrize(
    ("changes", "without"),
    [
        ({"test": True}, set(LimitName)),
        ({"ip": None}, {"ip_starts", "destination_short_code_guesses"}),
        ({"code_length": 5}, set()),
        ({"code_length": 4}, set()),
        ({"code_length": 6}, {"destination_short_code_guesses"}),
        # an app sends nothing
        ({"verifier": OWN_APP}, set(LimitName) - STARTS - {"destination_guesses"}),
        ({"verifier": "messente-verify"}, {"destination_short_code_guesses"}),
        (
            {"to": "ann@example.com", "country": None, "channel": Channel.EMAIL},
            {"country_sends", "prefix_sends", "destination_short_code_guesses"},
        ),
    ],
)
def test_a_start_counts_against_what_concerns_it(
    stack: FakeStack, changes: dict[str, Any], without: set[str]
) -> None:
    charges = stack.charging.start(CLIENT, make(**changes))
    assert names(charges) == set(LimitName) - without


def test_a_send_counts_as_a_send_alone(stack: FakeStack) -> None:
    charges = stack.charging.send(CLIENT.profile, make(), Channel.SMS)
    assert names(charges) == set(LimitName) - STARTS - GUESSES
    assert stack.charging.send(CLIENT.profile, make(test=True), Channel.SMS) == []


def test_a_deleted_one_is_sent_to_nobody_and_counts_nothing(stack: FakeStack) -> None:
    deleted = replace(make(), to=None, destination_hash=None)
    assert stack.charging.send(CLIENT.profile, deleted, Channel.SMS) == []
    assert stack.charging.guesses(CLIENT.profile, deleted) == []


@pytest.mark.parametrize(("code_length", "amounts"), [(6, [4]), (5, [4, 4])])
def test_all_guesses_are_reserved(stack: FakeStack, code_length: int, amounts: list[int]) -> None:
    charges = stack.charging.guesses(CLIENT.profile, make(code_length=code_length, max_attempts=4))
    assert [charge.amount for charge in charges] == amounts


# --------------------------------------------------------------------------------------- whose


def keys(stack: FakeStack, client: Client = CLIENT, **changes: Any) -> dict[str, str]:
    """Which item counts each limit, for a start by a client."""
    charges = stack.charging.start(client, make(client_id=client.id, **changes))
    return {charge.limit.name: charge.window_key(NOW) for charge in charges}


OTHER = Client("other", Profile("Other"))


def test_what_two_clients_share_counts_together_and_what_is_theirs_does_not(
    stack: FakeStack,
) -> None:
    one, other = keys(stack), keys(stack, OTHER)
    assert {name for name in one if one[name] == other[name]} == {
        "destination_sends",
        "ip_starts",
        "country_sends",
        "prefix_sends",
        "stack_messages",
        "stack_cost",
    }


def test_a_client_that_counts_alone_shares_the_stacks_budgets_alone(stack: FakeStack) -> None:
    alone = Client("alone", Profile("Alone", counts_alone=True))
    one, own = keys(stack), keys(stack, alone)
    assert {name for name in one if one[name] == own[name]} == {"stack_messages", "stack_cost"}
    lonely = replace(alone, id="lonely")
    both = keys(stack, lonely)
    assert {name for name in own if own[name] == both[name]} == {"stack_messages", "stack_cost"}
    assert own == keys(stack, alone), "and always on the same"


@pytest.mark.parametrize(
    ("changes", "differ"),
    [
        ({"ip": b"j" * 16}, {"ip_starts"}),
        # The next number of the same ten thousand, and one of another.
        ({"to": "+31612340000"}, {"destination_sends", "destination_guesses"}),
        (
            {"to": "+31612350000"},
            {"destination_sends", "destination_guesses", "prefix_sends"},
        ),
        ({"country": None}, {"country_sends"}),
        ({"country": "BE"}, {"country_sends"}),
    ],
)
def test_each_destination_address_country_and_prefix_counts_by_itself(
    stack: FakeStack, changes: dict[str, Any], differ: set[str]
) -> None:
    one, other = keys(stack), keys(stack, **changes)
    assert {name for name in one if one[name] != other[name]} == differ


def test_sends_to_an_address_count_whichever_channel_they_go_by(stack: FakeStack) -> None:
    by = [stack.charging.send(CLIENT.profile, make(), c) for c in (Channel.SMS, Channel.VOICE)]
    assert by[0] == by[1]


def test_what_is_counted_shows_nobodys_number(stack: FakeStack) -> None:
    for charge in stack.charging.start(CLIENT, make()):
        key = charge.window_key(NOW)
        assert "612345678" not in key and b"612345678".hex() not in key
        if charge.limit.name not in (*BUDGETS, LimitName.CLIENT_STARTS):
            assert len(charge.subject) == 16


def test_a_budget_says_whose_it_is(stack: FakeStack) -> None:
    for charge in stack.charging.start(CLIENT, make()):
        if charge.limit.name in BUDGETS:
            whose = "stack" if charge.limit.name.startswith("stack") else "shop"
            assert read_budget(charge.window_key(NOW), charge.limit.rule, 1).subject == whose


# ------------------------------------------------------------------------------ a client's own


def own(text: str) -> Client:
    return replace(CLIENT, profile=Profile("Shop", limits=parse_all_limits(text)))


def rules(charges: list[Charge], name: str) -> list[str]:
    return [charge.limit.rule for charge in of(charges, name)]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("destination_sends", "destination_sends=1/1m 2/1h", ["1/1m", "2/1h"]),
        ("destination_guesses", "destination_guesses=9/1h", ["9/1h"]),
        ("ip_starts", "ip_starts=1/1m", ["1/1m"]),
        ("client_starts", "client_starts=1/1m", ["1/1m"]),
        ("country_sends", "country_sends=1/1m", ["1/1m"]),
        ("country_sends", "country_sends=NL=1/1m", ["1/1m"]),
        ("country_sends", "country_sends=EE=1/1m", ["40/1h"]),
        ("prefix_sends", "prefix_sends=1/1m", ["1/1m"]),
        ("client_messages", "client_messages=7", ["7/day"]),
        ("client_cost", "client_cost=0.50", ["0.50/day"]),
        # what is everybody's is nobody's to change
        ("stack_messages", "stack_messages=9999999", ["80/day"]),
        ("stack_cost", "stack_cost=9999999", ["10/day"]),
    ],
)
def test_a_client_has_limits_of_its_own(
    stack: FakeStack, name: str, text: str, found: list[str]
) -> None:
    charges = stack.charging.start(own(text), make())
    assert rules(charges, name) == found
    others = set(LimitName) - {name, "destination_short_code_guesses"}
    usual = stack.charging.start(CLIENT, make())
    for other in others:
        assert of(charges, other) == of(usual, other)


@pytest.mark.parametrize("name", ["country_sends", "prefix_sends"])
def test_a_clients_own_limit_of_what_is_spread_counts_alone(stack: FakeStack, name: str) -> None:
    """Another count has other shards than those that the others count on."""
    client = own(f"{name}=1/1h")
    one, other = keys(stack), keys(stack, client)
    assert {name for name in one if one[name] != other[name]} == {name}
    assert other == keys(stack, client)
    third = keys(stack, replace(client, id="third"))
    assert third[name] != other[name]


@pytest.mark.parametrize(
    ("to", "country", "rule"),
    [(ESTONIAN, "EE", "50/1h"), ("+31612345678", "NL", "40/1h"), ("+88212345", None, "40/1h")],
)
def test_a_country_may_have_limits_of_its_own(
    stack: FakeStack, to: str, country: str | None, rule: str
) -> None:
    charges = stack.charging.send(CLIENT.profile, make(to, country), Channel.SMS)
    assert rules(charges, "country_sends") == [rule]


def test_a_clients_limit_for_everywhere_holds_where_the_stack_has_one_for_a_country_too(
    stack: FakeStack,
) -> None:
    charges = stack.charging.start(own("country_sends=1/1h"), make(ESTONIAN, "EE"))
    assert rules(charges, "country_sends") == ["1/1h"]


# --------------------------------------------------------------------------------------- money


def test_a_message_costs_what_the_dearest_provider_takes_that_may_be_asked() -> None:
    cheap, dear, other = (FakeMessenger(name) for name in ("cheap", "dear", "other"))
    stack = FakeStack(
        limits="client_cost=9; stack_cost=10",
        providers=(cheap, dear, other),
        routes="sms=cheap; sms:EE=cheap,dear; voice=other",
    )
    stack.prices.of |= {"cheap": 100, "dear": 900, "other": 5000}
    for to, country, channel, price in (
        ("+31612345678", "NL", Channel.SMS, 100),
        (ESTONIAN, "EE", Channel.SMS, 900),
        (ESTONIAN, "EE", Channel.VOICE, 5000),
    ):
        charges = stack.charging.send(CLIENT.profile, make(to, country), channel)
        assert [c.amount for c in charges if c.limit.name in ("client_cost", "stack_cost")] == [
            price,
            price,
        ]
    assert stack.prices.asked[1] == (("cheap", "dear"), Channel.SMS, "EE")


@pytest.mark.parametrize(
    ("channels", "channel", "price"),
    [
        (None, Channel.SMS, 900),
        (None, Channel.VOICE, 90),  # asked for, and nothing else follows
        ("sms,voice", Channel.SMS, 900),
        ("voice,sms", Channel.VOICE, 900),  # the other channel, when nobody takes the call
    ],
)
def test_a_send_costs_the_dearest_channel_that_it_may_go_on_to(
    channels: str | None, channel: Channel, price: int
) -> None:
    sms, voice = FakeMessenger("text", [Channel.SMS]), FakeMessenger("call", [Channel.VOICE])
    stack = FakeStack(limits="client_cost=9", providers=(sms, voice))
    stack.prices.of |= {"text": 900, "call": 90}
    charges = stack.charging.send(CLIENT.profile, make(channels=channels), channel)
    assert [charge.amount for charge in of(charges, "client_cost")] == [price]


def test_what_costs_nothing_is_not_counted_as_money(stack: FakeStack) -> None:
    stack.prices.of.clear()
    charges = stack.charging.send(CLIENT.profile, make(), Channel.SMS)
    assert not names(charges) & {"client_cost", "stack_cost"}
    assert {"client_messages", "stack_messages"} <= names(charges)


def test_without_a_budget_of_money_nobody_looks_at_prices() -> None:
    stack = FakeStack(limits="client_messages=5")
    stack.prices.failing = TemporarilyUnavailable()
    stack.charging.send(CLIENT.profile, make(), Channel.SMS)
    assert stack.prices.asked == []


def test_with_one_a_message_of_an_unknown_price_is_not_sent(stack: FakeStack) -> None:
    stack.prices.failing = TemporarilyUnavailable()
    with pytest.raises(TemporarilyUnavailable):
        stack.charging.start(CLIENT, make())


# ------------------------------------------------------------------------------------ who paid


def test_a_verification_says_which_windows_paid_for_its_guesses() -> None:
    stack = FakeStack(guesses="50/24h 60/7d", short_code_guesses="20/24h", limits=ALL)
    charges = stack.charging.start(CLIENT, make(code_length=4))
    paid = paid_by(charges, NOW)
    reserved = stack.charging.guesses(CLIENT.profile, make(code_length=4))
    assert paid == " ".join(charge.window_key(NOW) for charge in reserved)
    assert paid.count(" ") == 2


def test_where_no_guesses_were_reserved_nobody_paid(stack: FakeStack) -> None:
    assert paid_by(stack.charging.send(CLIENT.profile, make(), Channel.SMS), NOW) is None
    assert paid_by([], NOW) is None
