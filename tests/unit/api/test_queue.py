"""The queue: message by message, and the bad ones alone go back."""

import json
from typing import Any

import pytest
from verification.api.queue import LOOK_ROOM, is_batch, make_queue_handler, read_look
from verification.errors import TemporarilyUnavailable
from verification.operations.ports import SEND_ROOM, Remaining

from tests.fakes.calls import Context
from tests.unit.logs import lines, make_telemetry

TOKEN = "abcdefghijklmnopqrstuvwxyz"


class Looks:
    """The operation: keeps what it is asked to look at, and fails for some tokens."""

    def __init__(self) -> None:
        self.done: list[tuple[str, int, int]] = []
        self.failing: dict[str, Exception] = {}

    def __call__(self, token: str, claimed: int, tries: int, remaining: Remaining) -> None:
        if token in self.failing:
            raise self.failing[token]
        assert remaining() > 0
        self.done.append((token, claimed, tries))


def batch(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": f"m{n}", "body": body, "eventSource": "aws:sqs"}
            for n, body in enumerate(bodies)
        ]
    }


def body(token: str = TOKEN, claimed: Any = 1, tries: Any = 0, **more: Any) -> str:
    return json.dumps({"token": token, "claimed": claimed, "tries": tries} | more)


@pytest.fixture
def looks() -> Looks:
    return Looks()


def handle(
    looks: Looks,
    monkeypatch: pytest.MonkeyPatch,
    event: dict[str, Any],
    remaining: tuple[int, ...] = (60_000,),
) -> list[str]:
    handler = make_queue_handler(read_look(looks), LOOK_ROOM, make_telemetry(monkeypatch))
    answer = handler(event, Context(remaining=remaining))
    assert list(answer) == ["batchItemFailures"]
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_every_message_is_looked_at(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    assert handle(looks, monkeypatch, batch(body(), body(claimed=3, tries=2))) == []
    assert looks.done == [(TOKEN, 1, 0), (TOKEN, 3, 2)]


@pytest.mark.parametrize(
    "poison",
    [
        "",
        "not JSON",
        "[]",
        "null",
        "{}",
        body("short"),
        body(TOKEN.upper()),
        body(TOKEN + "a"),
        body(TOKEN + "\n"),
        body(claimed=-1),
        body(claimed="1"),
        body(claimed=1.0),
        body(tries=-1),
        body(more=1),
        json.dumps({"token": TOKEN, "claimed": 1}),
        json.dumps({"token": TOKEN, "send": 1, "tries": 0}),
    ],
)
def test_one_poison_among_good_goes_back_alone(
    looks: Looks, monkeypatch: pytest.MonkeyPatch, poison: str
) -> None:
    assert handle(looks, monkeypatch, batch(body(), poison, body(claimed=2))) == ["m1"]
    assert looks.done == [(TOKEN, 1, 0), (TOKEN, 2, 0)]


@pytest.mark.parametrize(
    "error", [TemporarilyUnavailable(), LookupError("+31612345678 123456"), RecursionError()]
)
def test_a_look_that_fails_goes_back_alone_and_its_words_are_not_logged(
    looks: Looks,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    bad = "z" * 26
    looks.failing[bad] = error
    assert handle(looks, monkeypatch, batch(body(), body(bad), body())) == ["m1"]
    output = capsys.readouterr().out
    logged, counted = lines(output)
    assert counted["Crashed"] == [1.0]
    assert (logged["message"], logged["error"]) == ("queue_message_failed", type(error).__name__)
    assert "31612345678" not in output and "123456" not in output


def test_when_time_runs_out_the_rest_goes_back_and_is_no_crash(
    looks: Looks, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Asked before each message, and once by each look.
    remaining = (LOOK_ROOM, LOOK_ROOM, LOOK_ROOM - 1, 5_000)
    assert handle(looks, monkeypatch, batch(body(), body(), body()), remaining) == ["m1", "m2"]
    assert looks.done == [(TOKEN, 1, 0)]
    logged = [(line["message"], line["level"]) for line in lines(capsys.readouterr().out)]
    assert logged == [("queue_message_postponed", "WARNING")] * 2


def test_a_look_that_is_begun_has_the_room_of_a_send() -> None:
    assert LOOK_ROOM > SEND_ROOM


OTHERS: list[Any] = [
    {},
    {"httpMethod": "GET"},
    None,
    [],
    "Records",
    {"Records": {}},
    {"Records": [None]},
    {"Records": [{"messageId": "m0", "body": body()}]},
    {"Records": [{"messageId": "m0", "body": body(), "eventSource": "aws:sns"}]},
    {"Records": [*batch(body())["Records"], {"eventSource": "aws:kinesis"}]},
]


def test_a_batch_is_told_from_other_events() -> None:
    assert is_batch(batch(body()), Context())
    assert [event for event in OTHERS if is_batch(event, Context())] == []


@pytest.mark.parametrize(
    ("qualifier", "batched"), [("", True), ("$LATEST", True), ("7", True), ("shop", False)]
)
def test_through_the_alias_of_a_client_nothing_is_a_batch(qualifier: str, batched: bool) -> None:
    assert is_batch(batch(body()), Context(qualifier)) is batched


def test_an_empty_batch_is_fine(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    assert handle(looks, monkeypatch, batch()) == []
