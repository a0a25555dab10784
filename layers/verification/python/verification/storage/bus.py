"""The event bus, and the queue of verifications whose time will be over."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..aws import reaching_aws
from ..domain.events import Event
from ..errors import TemporarilyUnavailable
from ..operations.ports import Remaining
from .watches import delay_seconds

SOURCE = "serverless-verify"  # of the events

_AT_ONCE = 10  # entries of one call; EventBridge's and SQS's bound
_ROOM = 5_000  # milliseconds that are left when no more is told: for the queue


class EventBridgeBus:
    """An event bus of EventBridge.

    Args:
        client: a low-level EventBridge client.
        name: of the bus, or its ARN.
        show: what others get to see of an event.
    """

    def __init__(self, client: Any, name: str, show: Callable[[Event], Mapping[str, Any]]) -> None:
        self._client = client
        self._name = name
        self._show = show

    def put(self, events: Sequence[Event], remaining: Remaining) -> int:
        done = 0
        for some in _by(_AT_ONCE, events):
            if remaining() < _ROOM:
                break
            with reaching_aws():
                answer = self._client.put_events(Entries=[self._entry(event) for event in some])
            refused = [bool(entry.get("ErrorCode")) for entry in answer["Entries"]]
            if any(refused):
                return done + refused.index(True)
            done += len(some)
        return done

    def _entry(self, event: Event) -> dict[str, Any]:
        return {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": event.type,
            "Detail": json.dumps(self._show(event), separators=(",", ":")),
            "Time": event.at / 1000,
        }


class SqsEnds:
    """Messages that come to the function `events` when a verification's time is over.

    Args:
        client: a low-level SQS client.
        queue_url: the queue.
    """

    def __init__(self, client: Any, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def watch(self, verifications: Sequence[tuple[str, int, int]], now: int) -> None:
        for some in _by(_AT_ONCE, verifications):
            entries = [
                {
                    "Id": str(number),
                    "MessageBody": json.dumps({"token": token, "began": began, "due": due}),
                    "DelaySeconds": delay_seconds(due - now),
                }
                for number, (token, began, due) in enumerate(some)
            ]
            with reaching_aws():
                answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            if answer.get("Failed"):
                raise TemporarilyUnavailable(retry_after=1)


def _by[T](size: int, all_: Sequence[T]) -> Iterator[Sequence[T]]:
    return (all_[at : at + size] for at in range(0, len(all_), size))
