"""Webhooks in the directory table, and the queue of what is on its way to them."""

import json
from collections.abc import Callable
from typing import Any

from ..aws import reaching_aws
from ..domain.events import EventType
from ..domain.webhooks import Posting, Webhook
from . import table
from .directory import write_words
from .watches import delay_seconds
from .writes import Writer

CACHE_SECONDS = 60  # a webhook that was changed is used as it was no longer than this
_CACHE_ENTRIES = 1_000


def write_webhook(webhook: Webhook, created_at: int) -> table.Item:
    """The item of a webhook; `created_at` (epoch milliseconds) is for people."""
    item = table.webhook_key(webhook.client_id, webhook.id) | {
        "schema_version": table.VERSION,
        "url": {"S": webhook.url},
        "generation": {"N": str(webhook.generation)},
        "overlap_until": {"N": str(webhook.overlap_until)},
        "disabled": {"BOOL": webhook.disabled},
        "created_at": {"N": str(created_at)},
    }
    return item | ({"types": write_words(webhook.types)} if webhook.types else {})


def read_webhook(item: table.Item) -> Webhook:
    """Read a webhook.

    Raises:
        ValueError, LookupError: its item was written by somebody else's hand.
    """
    types = item.get("types", {"L": []})["L"]
    return Webhook(
        item["sk"]["S"].removeprefix("W#"),
        item["pk"]["S"].removeprefix("W#"),
        item["url"]["S"],
        tuple(EventType(word["S"]) for word in types),
        int(item["generation"]["N"]),
        int(item["overlap_until"]["N"]),
        bool(item["disabled"]["BOOL"]),
    )


class DynamoDbWebhooks:
    """The webhooks of clients, remembered for a minute.

    Args:
        client: a low-level DynamoDB client.
        table_name: the directory table.
        clock: epoch milliseconds.
    """

    def __init__(self, client: Any, table_name: str, clock: Callable[[], int]) -> None:
        self._client = client
        self._table = table_name
        self._clock = clock
        self._known: dict[str, tuple[int, tuple[Webhook, ...]]] = {}

    def of(self, client_id: str) -> tuple[Webhook, ...]:
        now = self._clock()
        read_at, found = self._known.get(client_id, (None, ()))
        if read_at is not None and now - read_at < CACHE_SECONDS * 1000:
            return found
        found = self.read(client_id)
        if len(self._known) >= _CACHE_ENTRIES:
            self._known.clear()
        self._known[client_id] = now, found
        return found

    def read(self, client_id: str) -> tuple[Webhook, ...]:
        """Those of a client as they are now; few enough for one page.

        Raises:
            TemporarilyUnavailable: the table is out of reach.
        """
        with reaching_aws():
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": table.webhook_key(client_id, "")["pk"]},
                ConsistentRead=True,
            )
        return tuple(map(read_webhook, answer["Items"]))

    def disable(self, webhook: Webhook) -> None:
        self._known.pop(webhook.client_id, None)
        Writer(self._client, self._table).update_if(
            table.webhook_key(webhook.client_id, webhook.id),
            UpdateExpression="SET disabled = :true",
            # Not one that was put in its place meanwhile.
            ConditionExpression="#url = :url",
            ExpressionAttributeNames={"#url": "url"},
            ExpressionAttributeValues={":true": {"BOOL": True}, ":url": {"S": webhook.url}},
        )


class SqsPostings:
    """The queue of what is on its way, and the one of what nobody took.

    Args:
        client: a low-level SQS client.
        queue_url, dead_letters_url: the queues.
    """

    def __init__(self, client: Any, queue_url: str, dead_letters_url: str) -> None:
        self._client = client
        self._queue_url = queue_url
        self._dead_letters_url = dead_letters_url

    def again(self, posting: Posting, wait: int) -> None:
        with reaching_aws():
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=json.dumps(write_posting(posting)),
                DelaySeconds=delay_seconds(wait),
            )

    def bury(self, posting: Posting, outcome: str) -> None:
        with reaching_aws():
            self._client.send_message(
                QueueUrl=self._dead_letters_url,
                MessageBody=json.dumps(write_posting(posting) | {"outcome": outcome}),
            )


def write_posting(posting: Posting) -> dict[str, Any]:
    """A message of the queue; `api.webhooks` reads it."""
    return {
        "client_id": posting.client_id,
        "webhook_id": posting.webhook_id,
        "event": dict(posting.event),
        "tries": posting.tries,
        "began": posting.began,
        "due": posting.due,
    }
