"""Verifications in DynamoDB: what the engines of the contract tests never answer by themselves."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber
from verification.aws import make_client
from verification.domain.identifiers import VerificationId
from verification.domain.limits import Charge, Limit
from verification.domain.report import Report
from verification.domain.verification import Channel, Delivery, Guess, Reason
from verification.errors import TemporarilyUnavailable
from verification.operations.ports import SEND_ROOM, SendId
from verification.storage import table
from verification.storage.verifications import DynamoDbVerifications

from tests.fakes.samples import make_send, make_try, make_verification

NOW = 1_800_000_000_000
SHOWN = make_verification(
    NOW,
    destination_hash=b"h" * 16,
    code_mac=b"m" * 32,
)
ITEM = table.write_verification(SHOWN)
ID = VerificationId("a", "q" * 26)
GUESS = Guess(ID, "shop", b"g" * 32, b"k" * 16, NOW)
SEND = make_send(make_try(message_id="m-1"))
REPORT = Report("sns", Delivery.DELIVERED)
CHARGE = Charge(Limit("destination_sends", "5/10m", 5, 600), b"s" * 16, 1)

WRITES: dict[str, Callable[[DynamoDbVerifications], object]] = {
    "guess": lambda t: t.guess(GUESS),
    "cancel": lambda t: t.cancel(ID, "shop"),
    "record_send": lambda t: t.record_send(SHOWN, SEND),
    "adopt": lambda t: t.adopt(SHOWN, replace(SHOWN, channel=Channel.VOICE)),
    "confirm": lambda t: t.confirm(GUESS),
    "dismiss": lambda t: t.dismiss(GUESS, Reason.INCORRECT),
    "ask_again": lambda t: t.ask_again(GUESS, NOW),
    "record_report": lambda t: t.record_report(SendId(SHOWN.token, 1, NOW), REPORT, NOW),
}
each_write = pytest.mark.parametrize("write", WRITES)


class Table:
    """The table before a stubbed DynamoDB, and how long it was waited for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        client = make_client("dynamodb", attempts=1)
        self.stub = Stubber(client)
        self.stub.activate()
        self.table = DynamoDbVerifications(client, "sessions")
        self.waits: list[float] = []
        monkeypatch.setattr("time.sleep", self.waits.append)

    def conflict(self, times: int) -> None:
        for _ in range(times):
            self.stub.add_client_error("update_item", "TransactionConflictException")

    def cancel_transaction(self, *codes: str) -> None:
        reasons = [{"Code": code} for code in codes]
        self.stub.add_client_error(
            "transact_write_items",
            "TransactionCanceledException",
            modeled_fields={"CancellationReasons": reasons},
        )


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Table:
    return Table(monkeypatch)


@each_write
@pytest.mark.parametrize("conflicts", [1, 5])
def test_a_write_that_meets_a_transaction_is_repeated(
    stubbed: Table, write: str, conflicts: int
) -> None:
    stubbed.conflict(conflicts)
    stubbed.stub.add_response("update_item", {"Attributes": ITEM})
    WRITES[write](stubbed.table)
    stubbed.stub.assert_no_pending_responses()
    assert len(stubbed.waits) == conflicts
    assert all(0 <= wait <= 0.5 for wait in stubbed.waits)


@each_write
def test_a_write_that_meets_transactions_only_gives_up(stubbed: Table, write: str) -> None:
    stubbed.conflict(6)
    with pytest.raises(TemporarilyUnavailable) as gave_up:
        WRITES[write](stubbed.table)
    assert gave_up.value.retry_after == 1
    stubbed.stub.assert_no_pending_responses()


def test_erasing_what_stands_beside_is_repeated_too(stubbed: Table) -> None:
    detailed = ITEM | {"detailed": {"BOOL": True}}
    stubbed.stub.add_response("update_item", {"Attributes": detailed})
    stubbed.conflict(1)
    stubbed.stub.add_response("update_item", {})
    canceled = stubbed.table.cancel(ID, "shop")
    assert canceled and canceled.id == ID
    stubbed.stub.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError"])
def test_a_transaction_in_the_way_of_another_is_repeated(stubbed: Table, code: str) -> None:
    stubbed.cancel_transaction(code, "None")
    stubbed.cancel_transaction("None", code)
    stubbed.stub.add_response("transact_write_items", {})
    assert stubbed.table.create(SHOWN, None, [CHARGE], lambda: 10_000) is None
    assert len(stubbed.waits) == 2


def test_a_transaction_is_not_repeated_into_the_time_of_the_send(stubbed: Table) -> None:
    stubbed.cancel_transaction("TransactionConflict", "None")
    with pytest.raises(TemporarilyUnavailable):
        stubbed.table.create(SHOWN, None, [CHARGE], lambda: SEND_ROOM - 1)
    assert stubbed.waits == []


KEYS = [table.verification_key(SHOWN.token), table.details_key(SHOWN.token)]


def asked_for(keys: list[table.Item]) -> dict[str, Any]:
    return {"sessions": {"Keys": keys, "ConsistentRead": True}}


def list_answered_in_part(stubbed: Table, times: int) -> None:
    key = {name: ITEM[name] for name in ("pk", "sk", "destination_hash", "client_time")}
    stubbed.stub.add_response("query", {"Items": [key]})
    for time in range(times):
        stubbed.stub.add_response(
            "batch_get_item",
            {"Responses": {}, "UnprocessedKeys": asked_for(KEYS[:1])},
            {"RequestItems": asked_for(KEYS[:1] if time else KEYS)},
        )


@pytest.mark.parametrize("times", [0, 1, 5])
def test_the_rest_of_a_batch_is_asked_for_again(stubbed: Table, times: int) -> None:
    list_answered_in_part(stubbed, times)
    stubbed.stub.add_response(
        "batch_get_item",
        {"Responses": {"sessions": [ITEM]}, "UnprocessedKeys": {}},
        {"RequestItems": asked_for(KEYS[:1] if times else KEYS)},
    )
    page = stubbed.table.list("shop", b"h" * 16, 20, None)
    assert [record.verification for record in page.records] == [SHOWN]
    assert len(stubbed.waits) == times
    stubbed.stub.assert_no_pending_responses()


def test_a_batch_that_is_never_answered_whole_gives_up(stubbed: Table) -> None:
    list_answered_in_part(stubbed, 6)
    with pytest.raises(TemporarilyUnavailable) as gave_up:
        stubbed.table.list("shop", b"h" * 16, 20, None)
    assert gave_up.value.retry_after == 1
    stubbed.stub.assert_no_pending_responses()
