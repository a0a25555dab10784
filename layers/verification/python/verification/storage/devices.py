"""Trusted devices in DynamoDB; see `operations.devices`."""

from typing import Any

from ..aws import reaching_aws
from . import table


class DynamoDbDevices:
    """The table of trusted devices: those of one client and destination stand together.

    Args:
        client: a low-level DynamoDB client.
        table_name: the sessions table.
    """

    def __init__(self, client: Any, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def trust(
        self,
        client_id: str,
        destination_hash: bytes,
        device: bytes,
        country: str,
        now: int,
        expires_at: int,
    ) -> None:
        item = table.device_key(client_id, destination_hash, device) | {
            "schema_version": table.VERSION,
            "country": {"S": country},
            "trusted_at": {"N": str(now)},
            "expires_at": {"N": str(expires_at)},
        }
        with reaching_aws():
            self._client.put_item(TableName=self._table, Item=item)

    def country(
        self, client_id: str, destination_hash: bytes, device: bytes, now: int
    ) -> str | None:
        with reaching_aws():
            answer = self._client.get_item(
                TableName=self._table,
                Key=table.device_key(client_id, destination_hash, device),
                ConsistentRead=True,  # what was revoked a moment ago is
            )
        item = answer.get("Item")
        # TTL deletes hours or days late.
        if not item or int(item["expires_at"]["N"]) <= now // 1000:
            return None
        return str(item["country"]["S"])

    def forget(self, client_id: str, destination_hash: bytes) -> int:
        pk = table.device_key(client_id, destination_hash)["pk"]
        page: dict[str, Any] = {}
        forgotten = 0
        while True:
            with reaching_aws():
                answer = self._client.query(
                    TableName=self._table,
                    KeyConditionExpression="pk = :pk",
                    ExpressionAttributeValues={":pk": pk},
                    ProjectionExpression="pk, sk",
                    ConsistentRead=True,
                    **page,
                )
                for key in answer["Items"]:
                    self._client.delete_item(TableName=self._table, Key=key)
            forgotten += len(answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return forgotten
            page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
