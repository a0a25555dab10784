"""Erasing from DynamoDB: page by page, and what it says when DynamoDB does not answer."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from verification.errors import TemporarilyUnavailable
from verification.storage import table
from verification.storage.erasure import DynamoDbErasure

from tests.fakes.samples import make_send, make_try

HASH = b"destination-hash"
TOKEN = "q" * 26
SENT = table.details_key(TOKEN) | {"send_1": table.write_send(make_send(make_try(message_id="m")))}


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


def test_all_pages_of_the_index_are_read() -> None:
    first, second = (table.verification_key(letter * 26) for letter in "ab")
    client = FakeDynamoDb({"Items": [first], "LastEvaluatedKey": first}, {"Items": [second]})
    assert [*DynamoDbErasure(client, "sessions").find(HASH)] == ["a" * 26, "b" * 26]
    (_, one), (_, other) = client.asked
    assert one["IndexName"] == "by_destination" and "ExclusiveStartKey" not in one
    assert other == one | {"ExclusiveStartKey": first}


def test_all_pages_of_the_sandbox_are_erased() -> None:
    keys = [table.sandbox_key("+31612345678", now, "id") for now in (1, 2, 3)]
    pages: list[dict[str, Any]] = [{"Items": keys[:2], "LastEvaluatedKey": keys[1]}]
    client = FakeDynamoDb(*pages, {}, {}, {"Items": keys[2:]}, {})
    assert DynamoDbErasure(client, "sessions").erase_sandbox("+31612345678") == 3
    deleted = [asked["Key"] for name, asked in client.asked if name == "delete_item"]
    assert deleted == keys
    assert {asked["TableName"] for _, asked in client.asked} == {"sessions"}


@pytest.mark.parametrize("answered", [0, 1, 2])
def test_what_is_out_of_reach_is_said_to_be(answered: int) -> None:
    lost = ReadTimeoutError(endpoint_url="http://x")
    client = FakeDynamoDb(*[{"Items": [SENT]}, {}][:answered], lost)
    with pytest.raises(TemporarilyUnavailable):
        DynamoDbErasure(client, "sessions").erase(TOKEN, lambda: 1000)
    names = ["query", "delete_item", "transact_write_items"]
    assert [name for name, _ in client.asked] == names[: answered + 1]


def test_another_error_is_a_fault_of_ours() -> None:
    error = ClientError({"Error": {"Code": "ValidationException", "Message": "no"}}, "DeleteItem")
    client = FakeDynamoDb({"Items": [SENT]}, error)
    with pytest.raises(ClientError):
        DynamoDbErasure(client, "sessions").erase(TOKEN, lambda: 1000)
