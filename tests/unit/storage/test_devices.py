"""Trusted devices in DynamoDB: what is asked of it, and what its answers mean."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from verification.errors import TemporarilyUnavailable
from verification.storage.devices import DynamoDbDevices

HASH, DEVICE = b"destination-hash", b"the-device's-own"
NOW = 1_800_000_000_000
PK, SK = {"S": f"T#shop#{HASH.hex()}"}, {"S": f"T#{DEVICE.hex()}"}


class FakeDynamoDb:
    """A client that notes what it is asked, and answers in turn."""

    def __init__(self, *answers: Any) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._answers = list(answers)

    def __getattr__(self, operation: str) -> Any:
        def ask(**arguments: Any) -> Any:
            self.asked.append((operation, arguments))
            answer = self._answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return ask


def devices(*answers: Any) -> tuple[FakeDynamoDb, DynamoDbDevices]:
    client = FakeDynamoDb(*answers)
    return client, DynamoDbDevices(client, "sessions")


def test_a_device_is_one_item_that_ttl_deletes() -> None:
    client, table = devices({})
    table.trust("shop", HASH, DEVICE, "NL", NOW, NOW // 1000 + 60)
    item = {
        "pk": PK,
        "sk": SK,
        "schema_version": {"N": "4"},
        "country": {"S": "NL"},
        "trusted_at": {"N": "1800000000000"},
        "expires_at": {"N": "1800000060"},
    }
    assert client.asked == [("put_item", {"TableName": "sessions", "Item": item})]


@pytest.mark.parametrize(
    ("answer", "country"),
    [
        ({}, None),
        ({"Item": {"country": {"S": "NL"}, "expires_at": {"N": "1800000001"}}}, "NL"),
        ({"Item": {"country": {"S": "NL"}, "expires_at": {"N": "1800000000"}}}, None),
    ],
    ids=["never", "now", "no longer"],
)
def test_it_is_read_as_it_stands_just_now_and_late_deletion_changes_nothing(
    answer: Any, country: str | None
) -> None:
    client, table = devices(answer)
    assert table.country("shop", HASH, DEVICE, NOW) == country
    key = {"pk": PK, "sk": SK}
    assert client.asked == [
        ("get_item", {"TableName": "sessions", "Key": key, "ConsistentRead": True})
    ]


def test_all_of_one_client_and_destination_are_forgotten_page_by_page() -> None:
    keys = [{"pk": PK, "sk": {"S": f"T#{n}"}} for n in range(3)]
    client, table = devices(
        {"Items": keys[:2], "LastEvaluatedKey": keys[1]}, {}, {}, {"Items": keys[2:]}, {}
    )
    assert table.forget("shop", HASH) == 3
    deleted = [asked["Key"] for name, asked in client.asked if name == "delete_item"]
    pages = [asked for name, asked in client.asked if name == "query"]
    assert deleted == keys
    assert [page.get("ExclusiveStartKey") for page in pages] == [None, keys[1]]
    assert {page["ExpressionAttributeValues"][":pk"]["S"] for page in pages} == {PK["S"]}
    assert all(page["ConsistentRead"] for page in pages)


THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "GetItem")
SILENT = ReadTimeoutError(endpoint_url="https://example.org")
REFUSED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "GetItem")


@pytest.mark.parametrize(
    ("error", "expected"),
    [(THROTTLED, TemporarilyUnavailable), (SILENT, TemporarilyUnavailable), (REFUSED, ClientError)],
)
def test_a_table_out_of_reach_is_temporary_and_a_refusal_a_fault_of_ours(
    error: Exception, expected: type[Exception]
) -> None:
    for method, arguments in (
        ("trust", ("shop", HASH, DEVICE, "NL", NOW, 1)),
        ("country", ("shop", HASH, DEVICE, NOW)),
        ("forget", ("shop", HASH)),
    ):
        with pytest.raises(expected):
            getattr(devices(error)[1], method)(*arguments)
