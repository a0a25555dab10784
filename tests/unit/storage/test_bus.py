"""The event bus and the queue of ends: what goes out, and what did not."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from verification.api.queue import Over
from verification.api.told import show_event
from verification.domain.events import Event, Written, told_by_change
from verification.domain.identifiers import make_token
from verification.errors import TemporarilyUnavailable
from verification.storage.bus import EventBridgeBus, SqsEnds

from tests.docs.events import check_event
from tests.fakes.clock import plenty
from tests.fakes.samples import NOW, make_verification


class FakeAws:
    """EventBridge and SQS: take all, or fail, or refuse some."""

    def __init__(self) -> None:
        self.calls: list[Mapping[str, Any]] = []
        self.refused: set[int] = set()  # places among all entries
        self.failing: Exception | None = None

    def put_events(self, Entries: Sequence[Mapping[str, Any]]) -> Any:  # noqa: N803
        if self.failing:
            raise self.failing
        before = sum(len(call["Entries"]) for call in self.calls)
        self.calls.append({"Entries": Entries})
        faults: dict[str, str] = {"ErrorCode": "ThrottlingException"}
        answers = [
            faults if before + n in self.refused else {"EventId": "1"} for n in range(len(Entries))
        ]
        return {"FailedEntryCount": len(self.refused), "Entries": answers}

    def send_message_batch(self, **asked: Any) -> Any:
        if self.failing:
            raise self.failing
        self.calls.append(asked)
        return {"Failed": [{"Id": "0"}]} if self.refused else {"Successful": []}


def events(count: int) -> list[Event]:
    verifications = (
        make_verification(token=make_token(bytes(15) + bytes([n]))) for n in range(count)
    )
    return [e for v in verifications for e in told_by_change(None, v, Written("1", NOW))]


def bus(client: FakeAws) -> EventBridgeBus:
    return EventBridgeBus(client, "the bus", show_event)


def test_events_go_out_in_order_ten_at_a_time() -> None:
    client, told = FakeAws(), events(23)
    assert bus(client).put(told, plenty) == 23
    assert [len(call["Entries"]) for call in client.calls] == [10, 10, 3]
    entries = [entry for call in client.calls for entry in call["Entries"]]
    assert [json.loads(entry["Detail"])["id"] for entry in entries] == [one.id for one in told]
    first = entries[0]
    assert (first["EventBusName"], first["Source"]) == ("the bus", "serverless-verify")
    assert (first["DetailType"], first["Time"]) == ("verification.started", NOW / 1000)
    check_event(json.loads(first["Detail"]))


@pytest.mark.parametrize(("refused", "taken"), [({0}, 0), ({4, 7}, 4), ({12}, 12)])
def test_what_was_refused_is_said_from_the_first_on(refused: set[int], taken: int) -> None:
    client = FakeAws()
    client.refused = refused
    assert bus(client).put(events(15), plenty) == taken


def test_with_too_little_time_left_the_rest_comes_again() -> None:
    client, left = FakeAws(), iter([10_000, 4_999])
    assert bus(client).put(events(15), lambda: next(left)) == 10


def test_no_events_are_no_call() -> None:
    client = FakeAws()
    assert bus(client).put([], plenty) == 0 and not client.calls


def test_a_bus_or_a_queue_out_of_reach_is_temporarily_unavailable() -> None:
    client = FakeAws()
    client.failing = ReadTimeoutError(endpoint_url="x")
    with pytest.raises(TemporarilyUnavailable):
        bus(client).put(events(1), plenty)
    with pytest.raises(TemporarilyUnavailable):
        SqsEnds(client, "the queue").watch([("a", 1, 2)], NOW)


@pytest.mark.parametrize(("wait", "waits"), [(-1, 0), (0, 0), (1, 1), (1_001, 2), (900_001, 900)])
def test_an_end_waits_as_long_as_sqs_lets_it(wait: int, waits: int) -> None:
    client = FakeAws()
    SqsEnds(client, "the queue").watch([("q" * 26, NOW, NOW + wait)], NOW)
    [[entry]] = [call["Entries"] for call in client.calls]
    assert entry["DelaySeconds"] == waits
    over = Over.model_validate_json(entry["MessageBody"])
    assert (over.token, over.began, over.due) == ("q" * 26, NOW, NOW + wait)


def test_ends_go_ten_at_a_time_and_none_is_lost() -> None:
    client = FakeAws()
    SqsEnds(client, "the queue").watch([("q" * 26, NOW, NOW)] * 21, NOW)
    assert [len(call["Entries"]) for call in client.calls] == [10, 10, 1]
    for call in client.calls:
        assert len({entry["Id"] for entry in call["Entries"]}) == len(call["Entries"])
    client.refused = {0}
    with pytest.raises(TemporarilyUnavailable):
        SqsEnds(client, "the queue").watch([("q" * 26, NOW, NOW)], NOW)
