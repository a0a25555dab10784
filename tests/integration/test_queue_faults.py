"""A queue that brings looks twice, at once, in any order, and late: no message twice, none lost.

SQS promises to bring each message at least once, and no order. The looks are those that start and
re-send queued, in a real queue that holds nothing back; the clock is moved instead. Delays, dead
letters and poison are in tests/e2e/test_queue.py.
"""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from verification.operations.ports import SEND_ROOM
from verification.operations.start import LOOK_AFTER

from tests.figures import Figure, Scale
from tests.integration.commands import code_in, wrong
from tests.integration.conftest import Place
from tests.integration.functions import Caller, Functions, World, staying_at, unique_number

TOO_SHORT = SEND_ROOM / 1000 - 1  # seconds in which a start asks no provider: the queue sends
PROCESSES = 4  # that take from the queue at once
ROUNDS = 8  # of deliveries, each LOOK_AFTER seconds after the one before


@pytest.fixture(scope="module")
def place(dynamodb_local: str, prepare: Callable[[str], dict[str, str]]) -> Iterator[Place]:
    with staying_at(prepare(dynamodb_local)) as place:
        yield place


@pytest.fixture(scope="module")
def shared_world(place: Place) -> World:
    return World(place)


@pytest.fixture
def world(shared_world: World) -> World:
    """A world with an empty queue, where it is now."""
    shared_world.settle()
    shared_world.well.later = 0
    return shared_world


@pytest.fixture
def caller(world: World) -> Caller:
    return world.tables.caller()


def begin(world: World, caller: Caller, **how: Any) -> tuple[str, str]:
    """Start a verification; its number and its id."""
    to = unique_number()
    answer = world.well.start(caller, to, **how)
    assert answer.status == 201
    return to, answer.body["id"]


def verify(world: World, caller: Caller, verification_id: str, code: str) -> None:
    assert world.well.verify(caller, verification_id, code).body["valid"]


def use_up(world: World, caller: Caller, verification_id: str, code: str) -> None:
    world.well.verify(caller, verification_id, wrong(code))


def delete(world: World, caller: Caller, verification_id: str, _: str) -> None:
    assert world.well.delete(caller, verification_id).status == 204


def let_expire(world: World, *_: Any) -> None:
    world.well.later = 400


# How a verification ends before its look comes, and how many messages there are then.
ENDS: dict[str, tuple[Callable[..., None], int]] = {
    "verified": (verify, 1),
    "failed": (use_up, 1),
    "canceled": (delete, 1),
    "expired": (let_expire, 1),
    "pending": (lambda *_: None, 2),  # it would have been sent again
}


@pytest.mark.parametrize("end", ENDS)
def test_a_look_after_the_end_sends_nothing(world: World, caller: Caller, end: str) -> None:
    finish, messages = ENDS[end]
    to, verification_id = begin(world, caller, resend_after=15, max_attempts=1)
    world.well.later = LOOK_AFTER
    finish(world, caller, verification_id, code_in(world.place.texts_to(to)[0]))
    (look,) = world.queue.take()
    for _ in range(2):
        assert world.well.look(look)
    assert len(world.place.texts_to(to)) == messages


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_look_at_a_claim_that_a_later_one_followed_sends_nothing(
    world: World, caller: Caller, newest_first: bool
) -> None:
    to, verification_id = begin(world, caller, resend_after=200)
    for minute in range(1, 4):
        world.well.later = 60 * minute
        assert world.well.resend(caller, verification_id).status == 200
    looks = world.queue.take()
    assert len(looks) == 4, "one for each claim"
    world.well.later = 290  # all are due for a re-send by now
    for look in reversed(looks) if newest_first else looks:
        for _ in range(2):
            assert world.well.look(look)
    assert len(world.place.texts_to(to)) == 4, "200 seconds have passed since the last for none"


def test_of_one_look_brought_to_many_at_once_one_sends(world: World, caller: Caller) -> None:
    processes = [Functions(world.place, world.environ) for _ in range(PROCESSES)]
    for process in processes:
        process.handler("resend")
        process.later = LOOK_AFTER
    begun = [begin(world, caller, seconds=TOO_SHORT) for _ in range(5)]
    for look in world.queue.take():
        with ThreadPoolExecutor(PROCESSES) as pool:
            assert all(pool.map(lambda process, look=look: process.look(look), processes))
    for to, _ in begun:
        assert len(world.place.texts_to(to)) == 1


@pytest.mark.soak
def test_whatever_the_queue_does_nothing_is_sent_twice_or_lost(
    world: World, caller: Caller, figure: Figure, scale: Scale
) -> None:
    """Looks come one to three times, shuffled, to several processes at once, and old ones again."""
    chance = random.Random(number := random.randrange(10**6))
    before = world.tables.charges()
    expected = {}
    for _ in range(scale(40, 400)):
        how: dict[str, Any] = chance.choice(({}, {"seconds": TOO_SHORT}, {"resend_after": 15}))
        to, verification_id = begin(world, caller, **how)
        expected[to] = (verification_id, 2 if "resend_after" in how else 1)
    processes = [Functions(world.place, world.environ) for _ in range(PROCESSES)]
    for process in processes:
        process.handler("resend")
    kept: list[str] = []
    brought = 0
    for turn in range(ROUNDS):  # the first one comes before anything is due
        fresh = world.queue.take()
        old = chance.sample(kept, len(kept) // 4)
        looks = [look for look in fresh for _ in range(chance.randint(1, 3))] + old
        chance.shuffle(looks)
        for process in processes:
            process.later = turn * LOOK_AFTER
        with ThreadPoolExecutor(PROCESSES) as pool:
            parts = [looks[n::PROCESSES] for n in range(PROCESSES)]
            done = pool.map(
                lambda process, part: [process.look(look) for look in part], processes, parts
            )
            assert all(map(all, done)), number
        kept += fresh
        brought += len(looks)
    assert world.queue.take() == [], "it comes to rest"
    charges = world.tables.charges() - before
    resent = sum(messages - 1 for _, messages in expected.values())
    for limit, count in world.start_charges.items():
        again = world.resend_charges[limit] * resent
        assert charges[limit] == count * len(expected) + again, (number, limit)
    for to, (verification_id, messages) in expected.items():
        codes = [code_in(text) for text in world.place.texts_to(to)]
        assert len(codes) == messages, number
        assert len(set(codes)) == 1
        assert world.well.verify(caller, verification_id, codes[0]).body["valid"]
    total = sum(messages for _, messages in expected.values())
    figure(
        "looks of the queue, repeated, shuffled, at once and late",
        f"{len(expected)} verifications, {brought} looks, {total} messages: none twice, none lost",
    )
