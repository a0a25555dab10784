"""What each operation costs at the wire: AWS calls, counted as they leave the process."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from verification import aws
from verification.domain.verification import Details
from verification.errors import IdempotencyConflict, LimitExceeded, NotFound
from verification.operations.verify import VerifyCommand
from verification.storage import table
from verification.storage.directory import ClientRecord, Secret, hash_secret, write_client
from verification.wiring import Stack, clock

from tests.integration.commands import (
    CLIENT,
    a_key,
    a_number,
    code_in,
    guess_command,
    remaining,
    start_command,
    wrong,
)
from tests.integration.conftest import Place


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count requests of all clients: `dynamodb.UpdateItem`, `sqs.SendMessage` and so on."""
    calls: Counter[str] = Counter()

    def count(request: Any, event_name: str, **_: Any) -> None:
        calls[event_name.removeprefix("before-send.")] += 1

    events = aws._session().get_component("event_emitter")
    events.register("before-send", count)
    try:
        yield calls
    finally:
        events.unregister("before-send", count)


@pytest.fixture
def warm(real_place: Place) -> Iterator[Callable[[], tuple[Stack, Counter[str]]]]:
    """Parts with their keys read, and the count from then on.

    Clients take over the session's listeners when they are made, so counting begins before.
    """
    with counted() as calls:

        def make() -> tuple[Stack, Counter[str]]:
            stack = real_place.stack()
            stack._code_keys.newest()
            stack._identity_key()
            calls.clear()
            return stack, calls

        yield make


def begin(place: Place, stack: Stack, **changes: Any) -> tuple[str, str]:
    """A verification and its code."""
    to = a_number()
    record = stack.start()(start_command(to, **changes), remaining).record
    return str(record.verification.id), code_in(place.texts_to(to)[0])


def test_start_takes_one_transaction_one_update_one_queue_message(
    real_place: Place, warm: Any
) -> None:
    stack, calls = warm()
    begin(real_place, stack)
    assert calls == {
        "sqs.SendMessage": 1,
        "dynamodb.TransactWriteItems": 1,
        "sns.Publish": 1,
        "dynamodb.UpdateItem": 1,
    }


def test_a_repeated_start_takes_one_transaction_and_one_read(warm: Any) -> None:
    stack, calls = warm()
    command = start_command(a_number(), idempotency_key=a_key())
    stack.start()(command, remaining)
    calls.clear()
    assert stack.start()(command, remaining).replayed
    assert calls == {
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
    assert calls == {"sqs.SendMessage": 1, "dynamodb.TransactWriteItems": 1}


def test_a_start_over_a_limit_takes_one_transaction_and_one_read(warm: Any) -> None:
    stack, calls = warm()
    to = a_number()
    for _ in range(5):
        stack.start()(start_command(to), remaining)
    calls.clear()
    with pytest.raises(LimitExceeded):
        stack.start()(start_command(to), remaining)
    assert calls == {
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
        verify(earlier)
    if outcome == "canceled":
        stack.delete()(CLIENT.id, verification_id)
    if outcome == "expired":
        verify = replace(verify, clock=lambda: clock() + 300_000)
    calls.clear()
    if isinstance(expected, tuple):
        verdict = verify(changed)[1]
        assert (verdict.valid, verdict.reason) == expected
    else:
        with pytest.raises(expected):
            verify(changed)
    assert calls == {"dynamodb.UpdateItem": 1}


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
    stack.delete()(CLIENT.id, verification_id)
    assert calls == {"dynamodb.UpdateItem": updates}


def test_credentials_take_one_read_for_each_client_and_minute(real_place: Place, warm: Any) -> None:
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
    assert calls == {"dynamodb.GetItem": 1}


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


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"purpose": "p" * 64, "reference": "r" * 128, "locale": "pt-BR"},
    ],
    ids=["defaults", "with all that stands on the item"],
)
def test_at_native_defaults_the_item_is_under_1_kb_and_a_guess_takes_one_write_unit(
    real_place: Place, warm: Any, changes: dict[str, str]
) -> None:
    stack, _ = warm()
    verification_id, code = begin(real_place, stack, idempotency_key=a_key(), **changes)
    stack.verify()(guess_command(verification_id, wrong(code)))
    key = table.verification_key(verification_id[1:])
    item = real_place.dynamodb.get_item(TableName=real_place.sessions, Key=key)["Item"]
    print(f"verification item: {item_size(item)} bytes ({json.dumps(sorted(item))})")
    assert item_size(item) <= 1024
    spent = []
    client = real_place.dynamodb
    client.meta.events.register(
        "provide-client-params.dynamodb.UpdateItem",
        lambda params, **_: {**params, "ReturnConsumedCapacity": "TOTAL"},
    )
    client.meta.events.register(
        "after-call.dynamodb.UpdateItem",
        lambda parsed, **_: spent.append(parsed["ConsumedCapacity"]["CapacityUnits"]),
    )
    verifications = type(stack._verifications)(client, real_place.sessions)
    verify = replace(stack.verify(), verifications=verifications)
    assert verify(guess_command(verification_id, code))[1].valid
    assert spent == [1.0]
