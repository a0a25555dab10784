"""Time: what is answered alike takes as long, measured at the function's boundary.

The function's own handler takes API Gateway's events, of several kinds in random order. Two kinds
with the same answer are compared by Cliff's delta: how much more often a call of the first kind
takes longer than one of the second, than the other way round; 0 when neither, 1 or -1 when always.
It speaks of no duration, so it holds on any machine.

Each time twice: by the clock, on DynamoDB Local, which is all that a caller can measure but for the
network; and in processor time, with the engine's own answers given again from memory, where no
noise hides what our code and the AWS client do.
"""

import json
import math
import os
import random
import runpy
import secrets
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from statistics import median
from typing import Any

import pytest
from verification.domain.identifiers import make_token
from verification.domain.policy import Client, Profile
from verification.storage.directory import ClientRecord, Secret, hash_secret, write_client

from tests.fakes.calls import Context, http_event
from tests.figures import Figure, Scale
from tests.integration.commands import a_number, code_in, remaining, start_command, wrong
from tests.integration.conftest import Place
from tests.local import ROOT

MANY = 10  # verifications of each owner, and unknown ids
WARM_UP = 2 * MANY  # calls of each kind before those that count
# A verification that takes all the guesses of this test, and the budget for it.
MAX_ATTEMPTS = 1_000_000
WIDE = (
    "destination_sends=1000/10m; destination_guesses=900000000/24h; "
    "destination_short_code_guesses=1000/24h"
)

# Kinds that are answered alike, and must take as long.
TWINS = (
    ("wrong in the first digit", "wrong in the last digit"),
    ("wrong in the last digit", "right for another"),
    ("unknown client", "wrong secret"),
)
# Said, and held to nothing. The first two are answered alike, but the table hands over another
# client's verification before it turns out to be another's: whoever knows its 128 random bits may
# learn in many calls that it is there. The answers of the other two tell them apart anyway.
OTHERS = (
    ("another client's id", "unknown id"),
    ("wrong in the last digit", "unknown id"),
)

type Handler = Callable[[Mapping[str, Any], Context], Mapping[str, Any]]
type Make = Callable[[], Mapping[str, Any]]


class Requests:
    """What callers may send to verify, by kind; each is made anew before it is sent."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._stack = place.stack(LIMITS=WIDE)
        client, self._secret = self._client()
        other, _ = self._client()
        self._credentials = f"{client.id}.{self._secret}"
        self._id, code = self._started(client)
        others = cycle([self._started(client)[1] for _ in range(MANY)])
        foreign = cycle([self._started(other)[0] for _ in range(MANY)])
        unknown = cycle([f"a{make_token(os.urandom(16))}" for _ in range(MANY)])
        nobody = f"nobody-{secrets.token_hex(4)}"
        self.kinds: dict[str, Make] = {
            "wrong in the first digit": lambda: self._guess(wrong(code[0], _digit()) + code[1:]),
            "wrong in the last digit": lambda: self._guess(code[:-1] + wrong(code[-1], _digit())),
            "right for another": lambda: self._guess(next(others)),
            "unknown id": lambda: self._guess(code, next(unknown)),
            "another client's id": lambda: self._guess(code, next(foreign)),
            "unknown client": lambda: self._guess(code, by=f"{nobody}.{_secret()}"),
            "wrong secret": lambda: self._guess(code, by=f"{client.id}.{_secret()}"),
        }

    def _client(self) -> tuple[Client, str]:
        client, secret = Client(f"client-{secrets.token_hex(4)}", Profile("Shop")), _secret()
        item = write_client(ClientRecord(client, (Secret(hash_secret(secret)),)), "Shop", 0)
        table = self._place.environ["DIRECTORY_TABLE"]
        self._place.dynamodb.put_item(TableName=table, Item=item)
        return client, secret

    def _started(self, client: Client) -> tuple[str, str]:
        to = a_number()
        command = start_command(to, client=client, max_attempts=MAX_ATTEMPTS, validity=86_400)
        started = self._stack.start()(command, remaining).record.verification
        return str(started.id), code_in(self._place.texts_to(to)[0])

    def _guess(self, code: str, verification_id: str = "", by: str = "") -> Mapping[str, Any]:
        return http_event(
            resource="/v1/verifications/{id}/verify",
            body={"code": code},
            headers={
                "Authorization": f"Bearer {by or self._credentials}",
                "Content-Type": "application/json",
            },
            pathParameters={"id": verification_id or self._id},
        )


def _digit() -> int:
    return random.randrange(1, 10)


def _secret() -> str:
    return secrets.token_urlsafe(32)


def answer_from_memory(client: Any) -> None:
    """Let an AWS client take the engine's first answer to a request on each key for all others."""
    answers: dict[str, Any] = {}
    ask = client._pool.urlopen

    def answer(method: str, path: str, body: bytes, *headers: Any, **how: Any) -> Any:
        key = str(json.loads(body)["Key"])
        if key not in answers:
            answers[key] = ask(method, path, body, *headers, **how)
        return answers[key]

    client._pool.urlopen = answer


def measure(
    handler: Handler, kinds: Mapping[str, Make], trials: int, watch: Callable[[], int]
) -> dict[str, list[int]]:
    """Nanoseconds of each call, by kind; they come in random order, so noise falls on all alike."""
    order = [name for name in kinds for _ in range(trials)]
    random.shuffle(order)
    times: dict[str, list[int]] = {name: [] for name in kinds}
    context = Context()
    for name in order:
        event = kinds[name]()
        began = watch()
        handler(event, context)
        times[name].append(watch() - began)
    return times


def cliffs_delta(first: Sequence[int], second: Sequence[int]) -> float:
    """How much more often a value of the first is greater than one of the second, than less."""
    ordered = sorted(second)
    greater = sum(bisect_left(ordered, value) for value in first)
    less = sum(len(ordered) - bisect_right(ordered, value) for value in first)
    return (greater - less) / (len(first) * len(second))


def by_chance(trials: int) -> float:
    """How far from 0 delta gets by chance: five standard errors, once in 1.7 million runs.

    Of the Mann-Whitney U test, of which delta is another spelling. Since the kinds come in random
    order this holds whatever the machine does meanwhile.
    """
    return 5 * math.sqrt((2 * trials + 1) / (3 * trials * trials))


def said(answer: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """What an answer tells, but for how many guesses there were."""
    body = json.loads(answer["body"])
    return answer["statusCode"], {n: v for n, v in body.items() if not n.startswith("attempts")}


@pytest.mark.soak
@pytest.mark.parametrize(
    ("source", "watch", "short"),
    [("engine", time.perf_counter_ns, 500), ("memory", time.thread_time_ns, 2_000)],
    ids=["engine", "memory"],
)
def test_what_is_answered_alike_takes_as_long(
    real_place: Place,
    source: str,
    watch: Callable[[], int],
    short: int,
    figure: Figure,
    scale: Scale,
) -> None:
    kinds = Requests(real_place).kinds
    app = runpy.run_path(str(ROOT / "functions/verify/app.py"))
    handler: Handler = app["handler"]
    if source == "memory":
        answer_from_memory(app["stack"]._dynamodb)
    answers = {name: said(handler(make(), Context())) for name, make in kinds.items()}
    assert all(answers[one] == answers[other] for one, other in (*TWINS, OTHERS[0]))
    measure(handler, kinds, WARM_UP, watch)
    trials = scale(short, 10_000)
    times = measure(handler, kinds, trials, watch)
    chance = by_chance(trials)
    deltas = {pair: cliffs_delta(*(times[name] for name in pair)) for pair in (*TWINS, *OTHERS)}
    for pair, delta in deltas.items():
        medians = " and ".join(f"{median(times[name]) / 1_000_000:.2f}" for name in pair)
        figure(
            f"time, {source}, {len(kinds) * trials} calls: {pair[0]} or {pair[1]}",
            f"Cliff's delta {delta:+.4f}, by chance up to {chance:.4f}; medians {medians} ms",
        )
    assert {
        pair: delta for pair, delta in deltas.items() if pair in TWINS and abs(delta) > chance
    } == {}
