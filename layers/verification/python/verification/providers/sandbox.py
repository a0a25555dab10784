"""A provider that sends nothing: messages stay in the table, for an operator to read.

Only in a stack with the parameter `SandboxEnabled`. Whoever may read the table reads the codes;
`verifyctl sandbox` prints them.
"""

import uuid
from collections.abc import Callable
from typing import Any

from ..aws import reaching_aws
from ..domain.verification import Channel
from ..errors import ProviderUnavailable, TemporarilyUnavailable
from ..operations.ports import Order
from ..storage import table

KEEP_SECONDS = 3_600


class SandboxMessenger:
    """The sandbox.

    Args:
        client: a low-level DynamoDB client.
        table_name: the sessions table.
        clock: epoch milliseconds.
    """

    name = "sandbox"
    channels = frozenset(Channel) - {Channel.TOTP}  # of which nothing travels

    def __init__(self, client: Any, table_name: str, clock: Callable[[], int]) -> None:
        self._client = client
        self._table = table_name
        self._clock = clock

    def send(self, order: Order) -> str:
        """Keep a message; see `Messenger.send`."""
        now, message_id = self._clock(), str(uuid.uuid4())
        item = table.sandbox_key(order.to, now, message_id) | {
            "schema_version": table.VERSION,
            "channel": {"S": order.channel},
            "text": {"S": order.render(order.channel).text},
            "expires_at": {"N": str(now // 1000 + KEEP_SECONDS)},
        }
        try:
            with reaching_aws():
                self._client.put_item(TableName=self._table, Item=item)
        except TemporarilyUnavailable as error:
            raise ProviderUnavailable(self.name, "TableUnavailable") from error
        return message_id
