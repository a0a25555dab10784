"""What the stream of the sessions table brings, as Lambda hands it over."""

from base64 import b64encode
from typing import Any

import pytest
from verification.domain.guard import Kind, Window
from verification.domain.limits import Budget, Charge, LimitName, parse_all_limits
from verification.domain.verification import Status, Verification
from verification.operations.ports import Change
from verification.storage import table
from verification.storage.stream import read_stream

from tests.fakes.samples import make_verification

PENDING = make_verification(
    to="+31612345678",
    destination_hash=bytes(range(16)),
    nonce=bytes(16),
    code_mac=b"\xff" * 32,
    ip=b"i" * 16,
    paid="destination_guesses#50/24h#00#1",
    flash=True,
)
VERIFIED = make_verification(
    to="+31612345678", code_mac=b"\xff" * 32, last_guess=b"\xff" * 32, attempts=1
)


def image(item: table.Item) -> dict[str, Any]:
    """An item as Lambda's events have it: binary values in base64."""
    return {
        name: {"B": b64encode(value["B"]).decode()} if "B" in value else value
        for name, value in item.items()
    }


def record(
    keys: table.Item, before: table.Item | None = None, after: table.Item | None = None
) -> dict[str, Any]:
    told: dict[str, Any] = {"Keys": keys, "SequenceNumber": "1"}
    told |= {"OldImage": image(before)} if before else {}
    told |= {"NewImage": image(after)} if after else {}
    return {"eventName": "MODIFY", "dynamodb": told}


def change(before: Verification | None, after: Verification | None) -> dict[str, Any]:
    return record(
        table.verification_key("q" * 26),
        table.write_verification(before) if before else None,
        table.write_verification(after) if after else None,
    )


@pytest.mark.parametrize("before", [None, PENDING])
@pytest.mark.parametrize("after", [None, PENDING, VERIFIED])
def test_a_change_has_the_verification_before_and_after(
    before: Verification | None, after: Verification | None
) -> None:
    assert read_stream(change(before, after)) == Change(before, after)


def test_a_deleted_one_is_read_without_what_was_erased() -> None:
    erased = make_verification(status=Status.CANCELED)
    found = read_stream(change(PENDING, erased))
    assert isinstance(found, Change)
    assert found.after == erased
    assert found.before and found.before.to == "+31612345678"


@pytest.mark.parametrize("name", ["client_messages", "stack_messages", "client_cost", "stack_cost"])
def test_a_budgets_item_says_how_much_is_used_of_its_part(name: str) -> None:
    limit = parse_all_limits(f"{name}=1000").rules[name][0]
    charge = Charge(limit, b"shop-k3q7m2xa", 1, min(3, limit.shards - 1))
    keys = table.limit_key(charge, 20_000 * 86_400_000)
    item = keys | {"used": {"N": "7"}, "rule": {"S": "1000/day"}}
    found = read_stream(record(keys, None, item))
    assert found == Budget(limit, "shop-k3q7m2xa", 20_000, 7, charge.part)


@pytest.mark.parametrize(
    "keys",
    [
        table.details_key("q" * 26),
        table.tally_key(Window(Kind.IP_DAY, bytes(16), 1)),
        table.allowed_key(),
        table.message_key("sns", "1"),
        table.sandbox_key("+31612345678", 1, "1"),
        table.device_key("shop", bytes(16), bytes(16)),
    ],
)
def test_what_speaks_of_something_else_is_nothing(keys: table.Item) -> None:
    assert read_stream(record(keys, None, keys)) is None


def test_a_budgets_item_that_ttl_took_is_nothing() -> None:
    limit = parse_all_limits("stack_messages=9").of(LimitName.STACK_MESSAGES)[0]
    keys = table.limit_key(Charge(limit, b"stack", 1), 0)
    assert read_stream(record(keys, keys | {"used": {"N": "7"}}, None)) is None


IP_STARTS = parse_all_limits("ip_starts=5/1h").of(LimitName.IP_STARTS)[0]
NO_BUDGET = table.limit_key(Charge(IP_STARTS, bytes(16), 1), 0)
WHOLE = change(None, PENDING)


def without(name: str) -> dict[str, Any]:
    """A change whose verification lacks an attribute."""
    told = WHOLE["dynamodb"]
    cut = {key: value for key, value in told["NewImage"].items() if key != name}
    return {"dynamodb": told | {"NewImage": cut}}


def with_attribute(name: str, value: Any) -> dict[str, Any]:
    told = WHOLE["dynamodb"]
    return {"dynamodb": told | {"NewImage": told["NewImage"] | {name: value}}}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"dynamodb": {}},
        {"dynamodb": {"Keys": {"pk": {"S": "V#1"}}}},
        {"dynamodb": {"Keys": {"pk": {"S": "V#1"}, "sk": {}}}},
        {"dynamodb": {"Keys": {}}},
        without("status"),
        with_attribute("status", {"S": "lost"}),
        with_attribute("attempts", {"N": "many"}),
        with_attribute("nonce", {"B": "not base64!"}),
        with_attribute("brand", {}),
        record(NO_BUDGET, None, NO_BUDGET | {"used": {"N": "1"}, "rule": {"S": "5/1h"}}),
        record(NO_BUDGET, None, NO_BUDGET),
    ],
)
def test_what_is_none_of_ours_cannot_be_read(wrong: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        read_stream(wrong)
