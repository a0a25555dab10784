"""Webhooks as they are stored, and on their way."""

import json
from typing import Any

import pytest
from verification.domain.events import EventType
from verification.domain.webhooks import Posting, Webhook
from verification.storage.webhooks import (
    CACHE_SECONDS,
    DynamoDbWebhooks,
    SqsPostings,
    read_webhook,
    write_webhook,
)

from tests.fakes.clock import SettableClock
from tests.fakes.operator import FakeDynamoDb
from tests.fakes.samples import NOW

FULL = Webhook(
    "w1", "shop", "https://shop.example/", (EventType.SENT, EventType.FAILED), 3, NOW, disabled=True
)
PLAIN = Webhook("w2", "shop", "https://shop.example/2")


@pytest.mark.parametrize("webhook", [FULL, PLAIN])
def test_a_webhook_is_read_as_it_was_written(webhook: Webhook) -> None:
    assert read_webhook(write_webhook(webhook, NOW)) == webhook


def test_webhooks_are_remembered_for_a_minute() -> None:
    dynamodb, clock = FakeDynamoDb(), SettableClock(NOW)
    webhooks = DynamoDbWebhooks(dynamodb, "directory", clock)
    dynamodb.put(write_webhook(PLAIN, NOW), write_webhook(Webhook("w3", "other", "x"), NOW))
    assert webhooks.of("shop") == (PLAIN,)
    dynamodb.put(write_webhook(FULL, NOW))
    clock.advance(CACHE_SECONDS - 1)
    assert webhooks.of("shop") == (PLAIN,)
    clock.advance(1)
    assert webhooks.of("shop") == (FULL, PLAIN) and webhooks.of("nobody") == ()


def test_one_is_switched_off_if_it_is_still_the_same() -> None:
    dynamodb, clock = FakeDynamoDb(), SettableClock(NOW)
    webhooks = DynamoDbWebhooks(dynamodb, "directory", clock)
    dynamodb.put(write_webhook(PLAIN, NOW))
    webhooks.disable(Webhook("w2", "shop", "https://shop.example/before"))
    assert webhooks.of("shop") == (PLAIN,)
    webhooks.disable(PLAIN)
    assert [webhook.disabled for webhook in webhooks.of("shop")] == [True]  # and forgotten


class FakeSqs:
    """Takes messages."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def send_message(self, **message: Any) -> None:
        self.messages.append(message)


@pytest.mark.parametrize(("wait", "waits"), [(0, 0), (1, 1), (6_001, 7), (7_200_000, 900)])
def test_a_posting_waits_as_long_as_sqs_lets_it(wait: int, waits: int) -> None:
    sqs = FakeSqs()
    SqsPostings(sqs, "queue", "dead").again(Posting("shop", "w1", {"id": "1"}, 2, NOW, NOW), wait)
    [message] = sqs.messages
    assert (message["QueueUrl"], message["DelaySeconds"]) == ("queue", waits)


def test_what_is_given_up_says_why() -> None:
    sqs = FakeSqs()
    SqsPostings(sqs, "queue", "dead").bury(Posting("shop", "w1", {"id": "1"}, 18, NOW), "http_500")
    [message] = sqs.messages
    assert message["QueueUrl"] == "dead"
    assert json.loads(message["MessageBody"]) == {
        "client_id": "shop",
        "webhook_id": "w1",
        "event": {"id": "1"},
        "tries": 18,
        "began": NOW,
        "due": 0,
        "outcome": "http_500",
    }
