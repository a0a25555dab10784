"""What the stream of the sessions table brings, as Lambda hands it over."""

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest
from verification.domain.guard import Kind, Window
from verification.domain.limits import Budget, Charge, LimitName, parse_all_limits
from verification.domain.report import Report
from verification.domain.verification import Delivery, Outcome, Send, Status, Verification
from verification.operations.ports import Change, SendId, Sent
from verification.storage import table
from verification.storage.stream import read_stream

from tests.fakes.samples import make_send, make_try, make_verification

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


TAKEN = make_try(at=1, message_id="m-1")
REFUSED = make_try(provider="other", at=0, outcome=Outcome.REJECTED)


def sends(*made: Send, country: str | None = "NL") -> table.Item:
    """The item beside a verification, with these sends."""
    item = table.details_key("q" * 26) | {"reference": {"S": "r"}}
    item |= {table.send_name(send.number): table.write_send(send) for send in made}
    return item | ({"country": {"S": country}} if country else {})


def wrote(before: table.Item | None, after: table.Item | None) -> Any:
    return read_stream(record(table.details_key("q" * 26), before, after))


@pytest.mark.parametrize("country", ["NL", None])
def test_a_send_that_was_taken_says_by_whom_and_where_to(country: str | None) -> None:
    first = sends(make_send(REFUSED, TAKEN), country=country)
    assert wrote(None, first) == Sent(country, (TAKEN,))


def test_of_sends_only_what_is_new_is_told() -> None:
    again = replace(TAKEN, at=2, message_id="m-2")
    first, second = make_send(TAKEN), make_send(again, number=2)
    assert wrote(sends(first), sends(first, second)) == Sent("NL", (again,))
    more = make_send(TAKEN, again)  # the same send, made once more
    assert wrote(sends(first), sends(more)) == Sent("NL", (again,))


def test_what_was_not_taken_costs_nothing_and_is_not_told() -> None:
    assert wrote(None, sends(make_send(REFUSED))) is None
    unknown = replace(TAKEN, outcome=Outcome.UNKNOWN)
    assert wrote(None, sends(make_send(unknown))) is None


def test_what_else_is_written_beside_is_not_told() -> None:
    there = sends(make_send(TAKEN))
    report = table.write_report(SendId("q" * 26, 1, 0), Report("sns", Delivery.DELIVERED), 5)
    assert wrote(there, there | {table.report_name(1, "sns"): report}) is None
    assert wrote(None, table.details_key("q" * 26) | {"reference": {"S": "r"}}) is None
    assert wrote(there, None) is None


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
