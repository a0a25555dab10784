"""The queue: what is put there, and for how long it waits."""

import json
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from verification.api.queue import Look
from verification.errors import TemporarilyUnavailable
from verification.storage.watches import SqsWatches

TOKEN = "abcdefghijklmnopqrstuvwxyz"
CLAIMED = 1_800_000_000_123


class FakeSqs:
    """Takes messages, or fails."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.failing: Exception | None = None

    def send_message(self, **message: Any) -> None:
        if self.failing:
            raise self.failing
        self.messages.append(message)


@pytest.mark.parametrize(
    ("delay", "waits"), [(-1, 0), (0, 0), (15, 15), (900, 900), (901, 900), (172_800, 900)]
)
def test_a_message_waits_as_long_as_sqs_lets_it(delay: int, waits: int) -> None:
    sqs = FakeSqs()
    SqsWatches(sqs, "the queue").watch(TOKEN, CLAIMED, delay, tries=3)
    (message,) = sqs.messages
    assert (message["QueueUrl"], message["DelaySeconds"]) == ("the queue", waits)
    assert json.loads(message["MessageBody"]) == {
        "token": TOKEN,
        "claimed": CLAIMED,
        "tries": 3,
    }


def test_what_is_written_is_what_the_handler_reads() -> None:
    sqs = FakeSqs()
    SqsWatches(sqs, "the queue").watch(TOKEN, CLAIMED, 15)
    look = Look.model_validate_json(sqs.messages[0]["MessageBody"])
    assert (look.token, look.claimed, look.tries) == (TOKEN, CLAIMED, 0)


def test_a_queue_out_of_reach_is_temporarily_unavailable() -> None:
    sqs = FakeSqs()
    sqs.failing = ReadTimeoutError(endpoint_url="x")
    with pytest.raises(TemporarilyUnavailable):
        SqsWatches(sqs, "the queue").watch(TOKEN, CLAIMED, 15)
