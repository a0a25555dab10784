"""What limits and budgets have counted; see `operations.tally`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..domain.limits import MAX_SHARDS, Budget, Charge
from ..domain.verification import Verification
from ..operations.ports import Remaining
from . import table
from .writes import CONDITION_FAILED, Writer, do_whole

_DAY = 86_400_000  # milliseconds
_ROOM = 3_000  # milliseconds left for what comes after a credit


class DynamoDbCounters:
    """The windows of limits.

    Args:
        client: a low-level DynamoDB client.
        table_name: the sessions table.
    """

    def __init__(self, client: Any, table_name: str) -> None:
        self._client = client
        self._table = table_name
        self._writer = Writer(client, table_name)

    def give_back(
        self, verification: Verification, keys: Sequence[str], amount: int, remaining: Remaining
    ) -> None:
        keys = list(keys)
        while True:
            mark = self._mark(verification)
            credits = [self._credit(key, amount) for key in keys]
            reasons = self._writer.transact([mark, *credits], remaining, room=_ROOM)
            codes = [reason.get("Code") for reason in reasons]
            if not codes or codes[0] == CONDITION_FAILED:
                return  # done, now or before
            # Windows end, and TTL takes them away.
            keys = [k for k, code in zip(keys, codes[1:], strict=True) if code != CONDITION_FAILED]

    def _mark(self, verification: Verification) -> Mapping[str, Any]:
        return {
            "Update": {
                "TableName": self._table,
                "Key": table.verification_key(verification.token),
                "UpdateExpression": "SET credited = :true",
                "ConditionExpression": "created_at = :created AND attribute_not_exists(credited)",
                "ExpressionAttributeValues": {
                    ":true": {"BOOL": True},
                    ":created": {"N": str(verification.created_at)},
                },
            }
        }

    def _credit(self, key: str, amount: int) -> Mapping[str, Any]:
        return {
            "Update": {
                "TableName": self._table,
                "Key": table.window_key(key),
                "UpdateExpression": "ADD used :back",
                "ConditionExpression": "used >= :amount",
                "ExpressionAttributeValues": {
                    ":back": {"N": str(-amount)},
                    ":amount": {"N": str(amount)},
                },
            }
        }

    def whole(self, budget: Budget) -> Budget:
        limit, subject = budget.limit, budget.subject.encode()
        # Also those that it has no more, since it was made smaller today.
        charges = [Charge(limit, subject, 0, shard) for shard in range(MAX_SHARDS)]
        keys = [table.limit_key(charge, budget.day * _DAY) for charge in charges]
        used: list[int] = []

        def read(asked: Mapping[str, Any]) -> Any:
            answer = self._client.batch_get_item(RequestItems=asked)
            items = answer["Responses"].get(self._table, [])
            used.extend(int(item["used"]["N"]) for item in items)
            return answer.get("UnprocessedKeys")

        do_whole({self._table: {"Keys": keys}}, read)
        return replace(budget, used=sum(used), count=limit.count)
