"""All that the sessions table keeps of one destination, whoever asked for it: for erasing it."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from ..aws import reaching_aws
from ..domain.policy import MAX_SENDS
from ..operations.ports import Remaining
from ..valueclass import valueclass
from . import table
from .writes import Writer, is_refused


@valueclass
class Erased:
    """What there was of a verification.

    Args:
        verifications: 1, or 0 where only something beside it was left.
        message_ids: by which vendors' reports found it.
    """

    verifications: int
    message_ids: int


class DynamoDbErasure:
    """Erases, without a trace in the table; every method may be repeated.

    Trusted devices stand by client, see `storage.devices`.

    Args:
        client: a low-level DynamoDB client.
        table_name: the sessions table.
    """

    def __init__(self, client: Any, table_name: str) -> None:
        self._client = client
        self._table = table_name
        self._writer = Writer(client, table_name)

    def find(self, destination_hash: bytes) -> Iterator[str]:
        """The tokens of a destination's verifications, of all clients.

        From an index, which may not have what was started a moment ago.
        """
        keys = self._query(
            IndexName=table.INDEX,
            KeyConditionExpression="destination_hash = :to",
            ExpressionAttributeValues={":to": {"B": destination_hash}},
        )
        return (key["pk"]["S"].removeprefix("V#") for key in keys)

    def erase(self, token: str, remaining: Remaining) -> Erased:
        """Erase a verification and what stands beside it: its code is not valid any more.

        Raises:
            TemporarilyUnavailable: the table is out of reach; it is still found, then.
        """
        verifications = message_ids = 0
        own = table.verification_key(token)
        # A send that is under way just now may write down its outcome once more.
        while items := [*self._partition(own, whole=True)]:
            # First, since without the rest nobody would find them.
            message_ids += sum(self._delete_message(key, token) for key in _message_keys(items))
            self._writer.transact([*map(self._delete, items)], remaining, room=0)
            verifications += any(item["sk"] == own["sk"] for item in items)
        return Erased(verifications, message_ids)

    def erase_sandbox(self, to: str) -> int:
        """Erase the sandbox's messages to a destination; how many there were."""
        erased = 0
        for key in self._partition(table.sandbox_key(to, 0, "")):
            with reaching_aws():
                self._client.delete_item(TableName=self._table, Key=key)
            erased += 1
        return erased

    def _delete(self, item: table.Item) -> dict[str, Any]:
        key = {"pk": item["pk"], "sk": item["sk"]}
        return {"Delete": {"TableName": self._table, "Key": key}}

    def _delete_message(self, key: table.Item, token: str) -> bool:
        try:
            with reaching_aws():
                self._client.delete_item(
                    TableName=self._table,
                    Key=key,
                    ConditionExpression="#token = :token",
                    ExpressionAttributeNames={"#token": "token"},
                    ExpressionAttributeValues={":token": {"S": token}},
                )
        except ClientError as error:
            if not is_refused(error):
                raise
            return False
        return True

    def _partition(self, key: table.Item, *, whole: bool = False) -> Iterator[table.Item]:
        """The items that share a partition with one; their keys, or the whole of them."""
        asked = {} if whole else {"ProjectionExpression": "pk, sk"}
        return self._query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": key["pk"]},
            ConsistentRead=True,
            **asked,
        )

    def _query(self, **query: Any) -> Iterator[table.Item]:
        page: dict[str, Any] = {}
        while True:
            with reaching_aws():
                answer = self._client.query(TableName=self._table, **query, **page)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _message_keys(items: list[table.Item]) -> Iterator[table.Item]:
    """Where a verification's messages may be kept by the ids that their vendors gave them."""
    names = [table.send_name(number) for number in range(1, MAX_SENDS.highest + 1)]
    for send in (item[name] for item in items for name in names if name in item):
        for one in table.read_value(send)["tries"]:
            if one.get("message_id"):
                yield table.message_key(one["provider"], one["message_id"])
