"""What each operation costs at the wire: AWS calls, counted as they leave the process."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from verification import aws
from verification.api.events import Answer, Call
from verification.aws_json import JsonClient
from verification.domain.codes import report_mac
from verification.domain.identifiers import ReportToken, parse_id, parse_report_token
from verification.domain.report import Report
from verification.domain.verification import Channel, Delivery, Details
from verification.errors import (
    IdempotencyConflict,
    LimitExceeded,
    NotFound,
    TemporarilyUnavailable,
    VerifierUnavailable,
)
from verification.operations.verify import ASK_AGAIN, VerifyCommand
from verification.storage import table
from verification.storage.directory import ClientRecord, Secret, hash_secret, write_client
from verification.wiring import Stack, clock

from tests.fakes.calls import Context, http_event
from tests.integration.commands import (
    CLIENT,
    a_delegated_number,
    a_key,
    a_number,
    code_in,
    guess_command,
    remaining,
    start_command,
    wrong,
)
from tests.integration.conftest import Place
from tests.integration.vendor import Vendor


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count requests of all clients: `dynamodb.UpdateItem`, `sqs.SendMessage` and so on."""
    calls: Counter[str] = Counter()
    ask = JsonClient.ask

    def count(request: Any, event_name: str, **_: Any) -> None:
        calls[event_name.removeprefix("before-send.")] += 1

    def count_and_ask(client: JsonClient, operation: str, body: bytes) -> Any:
        calls[f"{client.service}.{operation}"] += 1
        return ask(client, operation, body)

    events = aws.make_session().get_component("event_emitter")
    events.register("before-send", count)
    try:
        with patch.object(JsonClient, "ask", count_and_ask):
            yield calls
    finally:
        events.unregister("before-send", count)


@pytest.fixture
def warm(real_place: Place) -> Iterator[Callable[..., tuple[Stack, Counter[str]]]]:
    """Parts with their keys and settings read, and the count from then on.

    Clients take over the session's listeners when they are made, so counting begins before.
    """
    with counted() as calls:

        def make(**settings: str) -> tuple[Stack, Counter[str]]:
            stack = real_place.stack(**settings)
            stack._code_keys.newest()
            stack._identity_key()
            stack._catalogue.verifier("messente-verify")
            calls.clear()
            return stack, calls

        yield make


def begin(place: Place, stack: Stack, **changes: Any) -> tuple[str, str]:
    """A verification and its code."""
    to = a_number()
    record = stack.start()(start_command(to, **changes), remaining).record
    return str(record.verification.id), code_in(place.texts_to(to)[0])


def test_start_takes_one_transaction_one_update_one_queue_message_and_one_look_by_the_guard(
    real_place: Place, warm: Any
) -> None:
    stack, calls = warm()
    begin(real_place, stack)
    assert calls == {
        "dynamodb.BatchGetItem": 1,
        "sqs.SendMessage": 1,
        "dynamodb.TransactWriteItems": 1,
        "sns.Publish": 1,
        "dynamodb.UpdateItem": 1,
    }


@pytest.mark.parametrize(
    "settings", [{"GUARD_MODE": "off"}, {"GUARD_MODE": "block", "GUARD_ALLOW": "NL"}]
)
def test_a_guard_that_need_not_look_takes_no_call(
    real_place: Place, warm: Any, settings: dict[str, str]
) -> None:
    stack, calls = warm(**settings)
    begin(real_place, stack)
    assert "dynamodb.BatchGetItem" not in calls


def test_limits_and_a_budget_of_money_take_one_read_of_the_prices_a_minute(
    real_place: Place, warm: Any
) -> None:
    every = "ip_starts=9/1h; client_starts=9/1h; country_sends=9/1h; client_messages=9; "
    limits = f"{real_place.environ['LIMITS']}; {every}client_cost=9; stack_cost=9"
    stack, calls = warm(LIMITS=limits)
    own = replace(CLIENT, id=f"own-{a_key()}")
    for _ in range(2):
        begin(real_place, stack, client=own)
    assert calls["dynamodb.GetItem"] == 1
    assert calls["dynamodb.TransactWriteItems"] == 2


def begin_delegated(stack: Stack, vendor: Vendor, **changes: Any) -> tuple[str, str]:
    """A verification and the code that the vendor made for it."""
    to = a_delegated_number()
    record = stack.start()(start_command(to, **changes), remaining).record
    return str(record.verification.id), vendor.codes_to(to)[0]


def test_start_by_a_verifier_takes_one_update_more(warm: Any, vendor: Vendor) -> None:
    stack, calls = warm()
    begin_delegated(stack, vendor)
    assert calls == {
        "dynamodb.BatchGetItem": 1,
        "sqs.SendMessage": 1,
        "dynamodb.TransactWriteItems": 1,
        "dynamodb.UpdateItem": 2,
    }


def test_start_by_a_provider_that_is_followed_takes_one_put_more(
    real_place: Place, warm: Any
) -> None:
    stack, calls = warm(FOLLOWED_PROVIDERS="ses sns")
    begin(real_place, stack)
    assert calls == {
        "dynamodb.BatchGetItem": 1,
        "sqs.SendMessage": 1,
        "dynamodb.TransactWriteItems": 1,
        "sns.Publish": 1,
        "dynamodb.PutItem": 1,
        "dynamodb.UpdateItem": 1,
    }


def test_a_start_with_a_test_code_takes_as_many_calls_and_none_to_a_provider(
    real_place: Place, warm: Any
) -> None:
    stack, calls = warm()
    to = a_number()
    started = stack.start()(start_command(to, test_code="4711"), remaining)
    assert calls == {
        "sqs.SendMessage": 1,
        "dynamodb.TransactWriteItems": 1,
        "dynamodb.UpdateItem": 1,
    }
    assert real_place.texts_to(to) == []
    guess = guess_command(str(started.record.verification.id), "4711")
    assert stack.verify()(guess, remaining)[1].valid


def test_a_repeated_start_takes_one_transaction_and_one_read(warm: Any) -> None:
    stack, calls = warm()
    command = start_command(a_number(), idempotency_key=a_key())
    stack.start()(command, remaining)
    calls.clear()
    assert stack.start()(command, remaining).replayed
    assert calls == {
        "dynamodb.BatchGetItem": 1,
        "sqs.SendMessage": 1,
        "dynamodb.TransactWriteItems": 1,
        "dynamodb.Query": 1,
    }


def test_a_start_with_anothers_idempotency_key_takes_one_transaction(warm: Any) -> None:
    stack, calls = warm()
    command = start_command(a_number(), idempotency_key=a_key())
    stack.start()(command, remaining)
    calls.clear()
    with pytest.raises(IdempotencyConflict):
        stack.start()(replace(command, request=b"other"), remaining)
    assert calls == {
        "dynamodb.BatchGetItem": 1,
        "sqs.SendMessage": 1,
        "dynamodb.TransactWriteItems": 1,
    }


def test_a_start_over_a_limit_takes_one_transaction_and_one_read(warm: Any) -> None:
    stack, calls = warm()
    to = a_number()
    for _ in range(5):
        stack.start()(start_command(to), remaining)
    calls.clear()
    with pytest.raises(LimitExceeded):
        stack.start()(start_command(to), remaining)
    assert calls == {
        "dynamodb.BatchGetItem": 1,
        "sqs.SendMessage": 1,
        "dynamodb.TransactWriteItems": 1,
        "dynamodb.GetItem": 1,
    }


OUTCOMES = ["correct", "incorrect", "expired", "exhausted", "already_verified", "canceled"]
OUTCOMES += ["unknown", "another_client", "another_destination", "repeated", "conflict"]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_verify_takes_one_call_whatever_the_outcome(
    real_place: Place, warm: Any, outcome: str
) -> None:
    stack, calls = warm()
    verification_id, code = begin(
        real_place, stack, max_attempts=1 if outcome == "exhausted" else 5
    )
    verify = stack.verify()
    command = guess_command(verification_id, code, idempotency_key="g")
    cases: dict[str, tuple[list[VerifyCommand], VerifyCommand, Any]] = {
        "correct": ([], command, (True, None)),
        "incorrect": ([], replace(command, code=wrong(code)), (False, "incorrect")),
        "expired": ([], command, (False, "expired")),
        "exhausted": (
            [guess_command(verification_id, wrong(code))],
            command,
            (False, "exhausted"),
        ),
        "already_verified": (
            [guess_command(verification_id, code)],
            command,
            (False, "already_verified"),
        ),
        "canceled": ([], command, (False, "canceled")),
        "unknown": ([], replace(command, id=verification_id[:-2] + "zz"), NotFound),
        "another_client": ([], replace(command, client_id="other-a2345678"), NotFound),
        "another_destination": ([], replace(command, to="+31600000000"), NotFound),
        "repeated": ([command], command, (True, None)),
        "conflict": ([command], replace(command, code=wrong(code)), IdempotencyConflict),
    }
    before, changed, expected = cases[outcome]
    for earlier in before:
        verify(earlier, remaining)
    if outcome == "canceled":
        stack.delete()(CLIENT.id, verification_id, remaining)
    if outcome == "expired":
        verify = replace(verify, clock=lambda: clock() + 300_000)
    calls.clear()
    if isinstance(expected, tuple):
        verdict = verify(changed, remaining)[1]
        assert (verdict.valid, verdict.reason) == expected
    else:
        with pytest.raises(expected):
            verify(changed, remaining)
    assert calls == {"dynamodb.UpdateItem": 1}


@pytest.mark.parametrize(
    ("outcome", "updates"),
    [
        ("correct", 2),
        ("incorrect", 2),
        ("unavailable", 1),
        ("exhausted", 1),
        ("already_verified", 1),
        ("canceled", 1),
        ("repeated", 1),
        ("repeated at once", 2),
        ("asked about again", 3),
    ],
)
def test_verify_of_a_verifiers_code_takes_two_calls_one_where_it_has_no_say_three_to_ask_again(
    warm: Any, vendor: Vendor, outcome: str, updates: int
) -> None:
    stack, calls = warm()
    verification_id, code = begin_delegated(
        stack, vendor, max_attempts=1 if outcome == "exhausted" else 5
    )
    verify, to = stack.verify(), vendor.number_of(code)
    guess = wrong(code) if outcome == "incorrect" else code
    command = guess_command(verification_id, guess, idempotency_key="g")
    if outcome in ("exhausted", "already_verified"):
        earlier = wrong(code) if outcome == "exhausted" else code
        verify(guess_command(verification_id, earlier), remaining)
    if outcome == "canceled":
        stack.delete()(CLIENT.id, verification_id, remaining)
    if outcome == "repeated":
        verify(command, remaining)
    if outcome in ("repeated at once", "asked about again"):
        vendor.down.add(to)
        with pytest.raises(VerifierUnavailable):
            verify(command, remaining)
        vendor.down.remove(to)
    if outcome == "asked about again":
        verify = replace(verify, clock=lambda: clock() + ASK_AGAIN * 1000)
    calls.clear()
    asked = len(vendor.asked_about(to))
    if outcome == "unavailable":
        vendor.down.add(to)
        with pytest.raises(VerifierUnavailable):
            verify(command, remaining)
    elif outcome == "repeated at once":
        with pytest.raises(TemporarilyUnavailable):
            verify(command, remaining)
    else:
        verdict = verify(command, remaining)[1]
        valid = outcome in ("correct", "repeated", "asked about again")
        assert (verdict.valid, verdict.reason) == (valid, None if valid else outcome)
    assert calls == {"dynamodb.UpdateItem": updates}
    asks = outcome in ("correct", "incorrect", "unavailable", "asked about again")
    assert len(vendor.asked_about(to)) - asked == int(asks)


def report(stack: Stack, verification_id: str, delivery: Delivery) -> Report:
    """What `sns` would report of the first send, had it a report address."""
    parsed = parse_id(verification_id)
    assert parsed
    began = stack.lookup().one(CLIENT.id, verification_id).verification.created_at
    mac = report_mac(stack._identity_key(), verification_id, began, 1, "sns")
    return Report("sns", delivery, token=str(ReportToken(parsed, 1, began, mac)))


@pytest.mark.parametrize(
    ("delivery", "fallback", "expected"),
    [
        (Delivery.DELIVERED, (Channel.VOICE,), {"dynamodb.UpdateItem": 1}),
        (Delivery.UNDELIVERED, (), {"dynamodb.UpdateItem": 1, "dynamodb.Query": 1}),
        (
            Delivery.UNDELIVERED,
            (Channel.VOICE,),
            {"dynamodb.UpdateItem": 1, "dynamodb.Query": 1, "sqs.SendMessage": 1},
        ),
    ],
    ids=["delivered", "undelivered", "undelivered, with a channel to fall back on"],
)
def test_a_report_takes_one_update_and_of_no_delivery_one_query_more(
    real_place: Place,
    warm: Any,
    delivery: Delivery,
    fallback: tuple[Channel, ...],
    expected: dict[str, int],
) -> None:
    stack, calls = warm()
    verification_id, _ = begin(real_place, stack, fallback=fallback)
    told = report(stack, verification_id, delivery)
    calls.clear()
    stack.take_report()(told)
    assert calls == expected
    assert stack.lookup().one(CLIENT.id, verification_id).delivery_at(clock()) == delivery


def test_a_report_that_names_its_message_alone_takes_one_read_more(
    real_place: Place, warm: Any
) -> None:
    stack, calls = warm(FOLLOWED_PROVIDERS="sns")
    verification_id, _ = begin(real_place, stack)
    sent = stack.lookup().one(CLIENT.id, verification_id).sends[0]
    calls.clear()
    stack.take_report()(Report("sns", Delivery.DELIVERED, message_id=sent.taken.message_id))
    assert calls == {"dynamodb.GetItem": 1, "dynamodb.UpdateItem": 1}
    delivery = stack.lookup().one(CLIENT.id, verification_id).delivery_at(clock())
    assert delivery == Delivery.DELIVERED


def test_a_made_up_report_takes_no_call(real_place: Place, warm: Any) -> None:
    stack, calls = warm()
    verification_id, _ = begin(real_place, stack)
    good = report(stack, verification_id, Delivery.UNDELIVERED)
    token = parse_report_token(good.token or "")
    assert token
    calls.clear()
    for made_up in (
        replace(good, token="nothing"),
        replace(good, token=str(replace(token, mac=bytes(16)))),
        replace(good, token=str(replace(token, number=2))),
        replace(good, token=str(replace(token, began=token.began - 1))),
        replace(good, provider="messente"),
    ):
        stack.take_report()(made_up)
    assert calls == {}


def test_lookup_takes_one_query(real_place: Place, warm: Any) -> None:
    stack, calls = warm()
    verification_id, _ = begin(real_place, stack)
    calls.clear()
    stack.lookup().one(CLIENT.id, verification_id)
    assert calls == {"dynamodb.Query": 1}


@pytest.mark.parametrize(("detailed", "updates"), [(False, 1), (True, 2)])
def test_delete_takes_one_update_and_one_more_where_there_are_details(
    real_place: Place, warm: Any, detailed: bool, updates: int
) -> None:
    stack, calls = warm()
    details = Details(ip="192.0.2.1") if detailed else None
    verification_id, _ = begin(real_place, stack, details=details)
    calls.clear()
    stack.delete()(CLIENT.id, verification_id, remaining)
    assert calls == {"dynamodb.UpdateItem": updates}


def test_credentials_take_one_read_a_minute_and_one_write_an_hour_for_each_client(
    real_place: Place, warm: Any
) -> None:
    stack, calls = warm()
    record = ClientRecord(CLIENT, (Secret(hash_secret("s" * 43)),))
    real_place.dynamodb.put_item(
        TableName=real_place.environ["DIRECTORY_TABLE"], Item=write_client(record, "Shop", 0)
    )
    handler = stack.handler("test", {}, direct=lambda call: pytest.fail("not asked"))
    directory = handler._clients
    calls.clear()
    for _ in range(10):
        assert directory.authenticate(CLIENT.id, "s" * 43) == CLIENT
    assert calls == {"dynamodb.GetItem": 1, "dynamodb.UpdateItem": 1}
    other = stack.handler("other", {})._clients
    assert other.authenticate(CLIENT.id, "s" * 43) == CLIENT
    once = {"dynamodb.GetItem": 1, "dynamodb.UpdateItem": 1}
    assert calls == once, "the handlers of a function share what they know"


@pytest.mark.parametrize(("address", "status"), [("2001:db8::7", 200), ("192.0.2.1", 403)])
def test_a_client_with_networks_and_senders_comes_from_the_table_with_them(
    real_place: Place, warm: Any, address: str, status: int
) -> None:
    stack, calls = warm()
    near = replace(
        CLIENT, id=f"near-{a_key()}", networks=("198.51.100.7", "2001:db8::/64"), senders=("Shop",)
    )
    record = ClientRecord(near, (Secret(hash_secret("s" * 43)),))
    real_place.dynamodb.put_item(
        TableName=real_place.environ["DIRECTORY_TABLE"], Item=write_client(record, "Near", 0)
    )
    seen: list[Call] = []

    def respond(call: Call) -> Answer:
        seen.append(call)
        return Answer(200)

    handler = stack.handler("test", {"GET /v1/verifications": respond})
    event = http_event(
        "GET",
        headers={"Authorization": f"Bearer {near.id}.{'s' * 43}"},
        requestContext={"identity": {"sourceIp": address}},
    )
    calls.clear()
    assert handler(event, Context())["statusCode"] == status
    assert calls == {"dynamodb.GetItem": 1, "dynamodb.UpdateItem": 1}
    assert [call.client for call in seen] == ([near] if status == 200 else [])


def item_size(item: dict[str, Any]) -> int:
    """Bytes of an item by DynamoDB's rule: names and values; numbers 1 byte for 2 digits, and 1."""
    size = 0
    for name, attribute in item.items():
        ((kind, value),) = attribute.items()
        size += len(name.encode())
        if kind == "N":
            size += (len(value.lstrip("-")) + 1) // 2 + 1
        elif kind == "BOOL":
            size += 1
        else:
            size += len(value if isinstance(value, bytes) else value.encode())
    return size


def item_of(place: Place, verification_id: str) -> dict[str, Any]:
    """The verification's item as it stands in the table; prints its size."""
    key = table.verification_key(verification_id[1:])
    item: dict[str, Any] = place.dynamodb.get_item(TableName=place.sessions, Key=key)["Item"]
    print(f"verification item: {item_size(item)} bytes ({json.dumps(sorted(item))})")
    return item


def units_of_a_guess(place: Place, stack: Stack, command: VerifyCommand) -> list[float]:
    """The write units that each update of a right guess takes."""
    spent: list[float] = []
    client = place.dynamodb
    client.meta.events.register(
        "provide-client-params.dynamodb.UpdateItem",
        lambda params, **_: {**params, "ReturnConsumedCapacity": "TOTAL"},
    )
    client.meta.events.register(
        "after-call.dynamodb.UpdateItem",
        lambda parsed, **_: spent.append(parsed["ConsumedCapacity"]["CapacityUnits"]),
    )
    verifications = type(stack._verifications)(client, place.sessions)
    verify = replace(stack.verify(), verifications=verifications)
    assert verify(command, remaining)[1].valid
    return spent


ALL_ON_THE_ITEM = {
    "purpose": "p" * 64,
    "reference": "r" * 128,
    "locale": "pt-BR",
    "sender": "My-Shop-123",
}
BY_DROP_IN_APIS = {"flash": True, "voice": "female", "device": bytes(32)}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        ALL_ON_THE_ITEM,
        ALL_ON_THE_ITEM | {"fallback": (Channel.VOICE,)},
        ALL_ON_THE_ITEM | BY_DROP_IN_APIS,
    ],
    ids=[
        "defaults",
        "with all that stands on the item",
        "and a channel to fall back on",
        "or with what drop-in APIs add",
    ],
)
def test_at_native_defaults_the_item_is_under_1_kb_and_a_guess_takes_one_write_unit(
    real_place: Place, warm: Any, changes: dict[str, Any]
) -> None:
    stack, _ = warm()
    verification_id, code = begin(real_place, stack, idempotency_key=a_key(), **changes)
    stack.verify()(guess_command(verification_id, wrong(code)), remaining)
    assert item_size(item_of(real_place, verification_id)) <= 1024
    right = guess_command(verification_id, code)
    assert units_of_a_guess(real_place, stack, right) == [1.0]


@pytest.mark.parametrize(
    "changes", [{}, ALL_ON_THE_ITEM], ids=["defaults", "with all that stands on the item"]
)
def test_with_a_verifier_the_item_is_under_1_kb_and_a_guess_takes_two_write_units(
    real_place: Place, warm: Any, vendor: Vendor, changes: dict[str, Any]
) -> None:
    stack, _ = warm()
    verification_id, code = begin_delegated(stack, vendor, idempotency_key=a_key(), **changes)
    stack.verify()(guess_command(verification_id, wrong(code)), remaining)
    assert item_size(item_of(real_place, verification_id)) <= 1024
    right = guess_command(verification_id, code)
    assert units_of_a_guess(real_place, stack, right) == [1.0, 1.0]
