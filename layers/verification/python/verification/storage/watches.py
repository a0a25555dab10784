"""The queue that looks after verifications."""

import json
from typing import Any

from ..aws import reaching_aws

MAX_DELAY = 900  # seconds; SQS takes no more


def delay_seconds(milliseconds: int) -> int:
    """As SQS takes a wait: in whole seconds, not before its time, no longer than it can."""
    return min(MAX_DELAY, max(0, -(-milliseconds // 1000)))


class SqsWatches:
    """Messages that come back after a while, to the function `resend`.

    Args:
        client: a low-level SQS client.
        queue_url: the queue.
    """

    def __init__(self, client: Any, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def watch(self, token: str, claimed: int, delay: int, tries: int = 0) -> None:
        """Queue a look at a claim.

        Raises:
            TemporarilyUnavailable: SQS is throttled or out of reach.
        """
        with reaching_aws():
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=json.dumps({"token": token, "claimed": claimed, "tries": tries}),
                DelaySeconds=delay_seconds(delay * 1000),
            )
