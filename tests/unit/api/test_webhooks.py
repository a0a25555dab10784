"""What the webhooks' queue brings: read whole, or refused."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError
from verification.api.queue import make_queue_handler
from verification.api.webhooks import POSTING_ROOM, at_once, read_posting
from verification.domain.webhooks import Posting
from verification.operations.ports import Remaining
from verification.storage.webhooks import write_posting

from tests.fakes.calls import Context
from tests.fakes.clock import plenty
from tests.fakes.samples import NOW
from tests.unit.logs import make_telemetry

EVENT = {
    "id": "q" * 26,
    "type": "verification.sent",
    "time": "2026-11-22T10:00:00.000Z",
    "client_id": "shop",
    "more": {"than": ["we", "look", "at"]},
}
POSTING = Posting("shop", "w1", EVENT, 3, NOW, NOW + 1)


class Seen:
    """The operation: keeps what it is told, and fails where an event says so."""

    def __init__(self) -> None:
        self.events: list[Mapping[str, Any]] = []
        self.postings: list[Posting] = []

    def event(self, event: Mapping[str, Any], remaining: Remaining) -> None:
        if event["id"] == "bad":
            raise RuntimeError
        self.events.append(event)

    def again(self, posting: Posting, remaining: Remaining) -> None:
        self.postings.append(posting)


def test_an_event_of_the_bus_goes_on_whole() -> None:
    seen = Seen()
    read_posting(seen)(json.dumps({"version": "0", "detail": EVENT}), plenty)
    assert seen.events == [EVENT] and not seen.postings


def test_what_is_written_is_what_is_read() -> None:
    seen = Seen()
    read_posting(seen)(json.dumps(write_posting(POSTING)), plenty)
    assert seen.postings == [POSTING] and not seen.events


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"detail": {}}',
        json.dumps({"detail": EVENT | {"type": "verification.other"}}),
        json.dumps({"detail": EVENT | {"client_id": 5}}),
        json.dumps(write_posting(POSTING) | {"tries": -1}),
        json.dumps(write_posting(POSTING) | {"due": "soon"}),
    ],
)
def test_what_nobody_can_read_is_refused(body: str) -> None:
    seen = Seen()
    with pytest.raises(ValidationError):
        read_posting(seen)(body, plenty)
    assert not seen.events and not seen.postings


def test_messages_of_a_batch_are_done_side_by_side_and_those_that_failed_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = Seen()
    events = [EVENT | {"id": name} for name in ("one", "bad", "two")]
    records = [
        {"messageId": event["id"], "eventSource": "aws:sqs", "body": json.dumps({"detail": event})}
        for event in events
    ]
    handler = make_queue_handler(
        read_posting(seen), POSTING_ROOM, make_telemetry(monkeypatch), at_once
    )
    answer = handler({"Records": records}, Context(remaining=(60_000,)))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert sorted(event["id"] for event in seen.events) == ["one", "two"]
