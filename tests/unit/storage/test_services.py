"""Services and apps in DynamoDB: what the contract tests' engines never answer by themselves."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import ANY, Stubber
from verification.aws import make_client
from verification.domain.destination import Destination
from verification.domain.services import Auth, Service, User
from verification.domain.verification import Channel
from verification.errors import AlreadyExists, TemporarilyUnavailable, UserNotFound
from verification.storage.apps import DynamoDbApps
from verification.storage.services import DynamoDbServices

from tests.fakes.clock import plenty

SERVICE = Service("service", "shop", "shop.example", "Shop", 1)
USER = User(
    "user",
    "service",
    "shop",
    "ann",
    Destination("+31612345678", "NL"),
    1,
    totp_nonce=b"n" * 16,
    totp_pending=b"p" * 16,
)
AUTH = Auth("v", Channel.SMS, 2)
SERVICE_ITEM = {
    "pk": {"S": "S#service"},
    "sk": {"S": "S"},
    "client_id": {"S": "shop"},
    "fqdn": {"S": "shop.example"},
    "name": {"S": "Shop"},
    "created_at": {"N": "1"},
}
USER_ITEM = {
    "pk": {"S": "S#service"},
    "sk": {"S": "U#user"},
    "client_id": {"S": "shop"},
    "id_in_service": {"S": "ann"},
    "to": {"S": "+31612345678"},
    "country": {"S": "NL"},
    "created_at": {"N": "1"},
}

type Act = Callable[["Table"], object]

UPDATES: dict[str, Act] = {
    "close": lambda t: t.services.close("shop", "service"),
    "set_auth": lambda t: t.services.set_auth(USER, AUTH),
    "enrol": lambda t: t.apps.enrol(USER, b"n" * 16),
    "confirm": lambda t: t.apps.confirm(USER, 1),
    "spend": lambda t: t.apps.spend(USER, 1, "owner"),
    "remove": lambda t: t.apps.remove(USER),
}
# With how many writes each has.
TRANSACTIONS: dict[str, tuple[Act, int]] = {
    "create_service": (lambda t: t.services.create_service(SERVICE, plenty), 2),
    "delete_service": (lambda t: t.services.delete_service(SERVICE, plenty), 2),
    "create_user": (lambda t: t.services.create_user(USER, plenty), 3),
    "delete_user": (lambda t: t.services.delete_user(USER, plenty), 2),
}
READS: dict[str, tuple[Act, str]] = {
    "service": (lambda t: t.services.service("service"), "get_item"),
    "user": (lambda t: t.services.user("service", "user"), "get_item"),
    "users": (lambda t: t.services.users("service", 10), "query"),
    "delete_users": (lambda t: t.services.delete_users([USER]), "batch_write_item"),
}


class Table:
    """The table before a stubbed DynamoDB, and how often it was waited for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        client = make_client("dynamodb", attempts=1)
        self.stub = Stubber(client)
        self.stub.activate()
        self.services: DynamoDbServices = DynamoDbServices(client, "directory")
        self.apps: DynamoDbApps = DynamoDbApps(client, "directory")
        self.waits: list[float] = []
        monkeypatch.setattr("time.sleep", self.waits.append)

    def cancel_transaction(self, *reasons: str | dict[str, Any]) -> None:
        written = [{"Code": one} if isinstance(one, str) else one for one in reasons]
        self.stub.add_client_error(
            "transact_write_items",
            "TransactionCanceledException",
            modeled_fields={"CancellationReasons": written},
        )


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Table:
    return Table(monkeypatch)


def failed(**item: Any) -> dict[str, Any]:
    return {"Code": "ConditionalCheckFailed", "Item": item}


@pytest.mark.parametrize("write", UPDATES)
def test_a_write_that_meets_transactions_is_repeated_and_gives_up_at_last(
    stubbed: Table, write: str
) -> None:
    stubbed.stub.add_client_error("update_item", "TransactionConflictException")
    stubbed.stub.add_response("update_item", {"Attributes": SERVICE_ITEM})
    UPDATES[write](stubbed)
    for _ in range(6):
        stubbed.stub.add_client_error("update_item", "TransactionConflictException")
    with pytest.raises(TemporarilyUnavailable):
        UPDATES[write](stubbed)
    stubbed.stub.assert_no_pending_responses()
    assert len(stubbed.waits) == 7
    assert all(0 <= wait <= 0.5 for wait in stubbed.waits)


@pytest.mark.parametrize("transaction", TRANSACTIONS)
@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError"])
def test_a_transaction_in_the_way_of_another_is_repeated(
    stubbed: Table, transaction: str, code: str
) -> None:
    act, writes = TRANSACTIONS[transaction]
    stubbed.cancel_transaction(code, *["None"] * (writes - 1))
    stubbed.cancel_transaction(*["None"] * (writes - 1), code)
    stubbed.stub.add_client_error("transact_write_items", "TransactionInProgressException")
    stubbed.stub.add_response("transact_write_items", {})
    act(stubbed)
    assert len(stubbed.waits) == 3
    stubbed.stub.assert_no_pending_responses()


def test_a_transaction_leaves_time_for_the_answer(stubbed: Table) -> None:
    stubbed.cancel_transaction("TransactionConflict", "None")
    with pytest.raises(TemporarilyUnavailable):
        stubbed.services.create_service(SERVICE, lambda: 999)
    assert stubbed.waits == []


@pytest.mark.parametrize("transaction", TRANSACTIONS)
def test_a_transaction_that_is_wrong_is_a_fault_of_ours(stubbed: Table, transaction: str) -> None:
    act, writes = TRANSACTIONS[transaction]
    stubbed.cancel_transaction("ValidationError", *["None"] * (writes - 1))
    with pytest.raises(ValueError, match="ValidationError"):
        act(stubbed)


@pytest.mark.parametrize("write", [*UPDATES, *TRANSACTIONS, *READS])
def test_a_table_out_of_reach_is_told(stubbed: Table, write: str) -> None:
    if write in UPDATES:
        act, operation = UPDATES[write], "update_item"
    elif write in TRANSACTIONS:
        act, operation = TRANSACTIONS[write][0], "transact_write_items"
    else:
        act, operation = READS[write]
    stubbed.stub.add_client_error(operation, "InternalServerError", http_status_code=500)
    with pytest.raises(TemporarilyUnavailable):
        act(stubbed)


def test_a_service_that_was_put_before_its_answer_got_lost_is_made(stubbed: Table) -> None:
    own = failed(service_id={"S": SERVICE.id})
    stubbed.stub.add_client_error("transact_write_items", "TransactionInProgressException")
    stubbed.cancel_transaction(own, failed(**SERVICE_ITEM))
    stubbed.services.create_service(SERVICE, plenty)
    another = failed(service_id={"S": "another"}, client_id={"S": SERVICE.client_id})
    stubbed.cancel_transaction(another, "None")
    with pytest.raises(AlreadyExists) as refused:
        stubbed.services.create_service(SERVICE, plenty)
    assert refused.value.detail == "There is one of that name: another."


def test_a_user_who_was_put_before_the_answer_got_lost_is_made(stubbed: Table) -> None:
    own = failed(user_id={"S": USER.id})
    stubbed.stub.add_client_error("transact_write_items", "TransactionInProgressException")
    stubbed.cancel_transaction("None", own, failed(**USER_ITEM))
    stubbed.services.create_user(USER, plenty)
    another = failed(user_id={"S": "another"}, client_id={"S": USER.client_id})
    stubbed.cancel_transaction("None", another, "None")
    with pytest.raises(AlreadyExists) as refused:
        stubbed.services.create_user(USER, plenty)
    assert refused.value.detail == "There is one of that name: another."
    # DynamoDB need not name every condition that failed: that the service is another client's, say.
    others = failed(user_id={"S": "another"}, client_id={"S": "other"})
    stubbed.cancel_transaction("None", others, "None")
    with pytest.raises(AlreadyExists) as refused:
        stubbed.services.create_user(USER, plenty)
    assert refused.value.detail == ""
    stubbed.cancel_transaction("ConditionalCheckFailed", own, "None")
    with pytest.raises(UserNotFound):
        stubbed.services.create_user(USER, plenty)


def page_of(users: int, more: bool) -> dict[str, Any]:
    key = {"pk": {"S": "S#service"}, "sk": {"S": "U#user"}}
    return {"Items": [USER_ITEM] * users} | ({"LastEvaluatedKey": key} if more else {})


@pytest.mark.parametrize(("limit", "found"), [(7, 5), (5, 5), (4, 4)])
def test_pages_of_users_are_read_until_there_are_enough(
    stubbed: Table, limit: int, found: int
) -> None:
    asked = {
        "TableName": "directory",
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :users)",
        "ExpressionAttributeValues": {":pk": {"S": "S#service"}, ":users": {"S": "U#"}},
        "ConsistentRead": True,
    }
    stubbed.stub.add_response("query", page_of(3, more=True), asked | {"Limit": limit})
    rest = {"Limit": limit - 3, "ExclusiveStartKey": page_of(0, more=True)["LastEvaluatedKey"]}
    stubbed.stub.add_response("query", page_of(found - 3, more=limit < 7), asked | rest)
    bare = replace(USER, totp_nonce=None, totp_pending=None)
    assert stubbed.services.users("service", limit) == [bare] * found
    stubbed.stub.assert_no_pending_responses()


def deletions(*sorts: str) -> dict[str, Any]:
    keys = [{"pk": {"S": "S#service"}, "sk": {"S": sort}} for sort in sorts]
    return {"directory": [{"DeleteRequest": {"Key": key}} for key in keys]}


def test_what_a_batch_left_is_deleted_and_names_go_before_users(stubbed: Table) -> None:
    users = [replace(USER, id=f"{n}", id_in_service=f"name {n}") for n in range(2)]
    names = deletions("I#name 0", "I#name 1")
    left = deletions("I#name 1")
    for asked, unprocessed in (
        (names, left),
        (left, {}),
        (deletions("U#0", "U#1"), {}),
    ):
        answer = {"UnprocessedItems": unprocessed}
        stubbed.stub.add_response("batch_write_item", answer, {"RequestItems": asked})
    stubbed.services.delete_users(users)
    assert len(stubbed.waits) == 1
    stubbed.stub.assert_no_pending_responses()


def test_a_batch_that_is_never_done_whole_gives_up(stubbed: Table) -> None:
    for _ in range(6):
        answer = {"UnprocessedItems": deletions("I#ann")}
        stubbed.stub.add_response("batch_write_item", answer, {"RequestItems": ANY})
    with pytest.raises(TemporarilyUnavailable):
        stubbed.services.delete_users([USER])
    stubbed.stub.assert_no_pending_responses()


def test_a_refusal_is_no_reason_to_repeat(stubbed: Table) -> None:
    stubbed.stub.add_client_error("update_item", "ConditionalCheckFailedException")
    assert stubbed.services.set_auth(USER, AUTH) is None
    stubbed.stub.add_client_error("update_item", "ConditionalCheckFailedException")
    assert stubbed.services.close("shop", "service") is None
    stubbed.cancel_transaction("ConditionalCheckFailed", "None")
    assert stubbed.services.delete_user(USER, plenty) is False
    assert stubbed.waits == []
