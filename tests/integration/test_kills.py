"""A function killed at every statement of start, verify and re-send: nothing is lost.

The process `killer.py` lists the statements that one run passes, of all our files, and runs the
function once for each, killed (SIGKILL) right before it. Then callers repeat their requests, and
the queue brings its looks: what was stored ends with its message sent and its code right, a guess
is counted once and answered as it is, limits are charged once; and a message leaves twice only
where the kill fell between the provider's answer and our record of it.

The short form kills at the statements around each write to AWS, and at some of the others.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from verification.operations.ports import SEND_ROOM
from verification.operations.start import LOOK_AFTER
from verification.operations.verify import ASK_AGAIN

from tests.figures import Figure, Scale
from tests.integration.commands import a_key, code_in, wrong
from tests.integration.conftest import Place
from tests.integration.functions import (
    ONE,
    VERIFICATIONS,
    World,
    batch,
    request,
    staying_at,
    unique_number,
)
from tests.integration.vendor import Vendor
from tests.local import ROOT

AROUND = 6  # statements before and after each write, and
EVERY = 10  # of the others every so many, in the short form
VALIDITY = 1_800  # seconds: longer than a test takes
RESEND_AFTER = 60  # seconds


@dataclass
class Subject:
    """What one run is about.

    Attributes:
        event: what the function is handed, when its clock is `later` seconds ahead.
        writes: those to AWS that were done before the kill.
    """

    to: str
    event: dict[str, Any]
    later: int = 0
    id: str = ""
    key: str = ""
    code: str = ""
    writes: tuple[str, ...] = ()

    @property
    def claimed(self) -> bool:
        """Whether the verification, or the right to send, was written down."""
        return "TransactWriteItems" in self.writes

    @property
    def sent_unrecorded(self) -> bool:
        """Whether the kill fell between the provider's answer and our record of it."""
        return self.writes[-1:] == ("Publish",)


class Killer:
    """The process `killer.py`, with one function."""

    def __init__(self, folder: str, environ: dict[str, str], log: Path) -> None:
        with log.open("w") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.killer", folder],
                cwd=ROOT,
                # By this name INIT knows Lambda, and proves that tables and secrets are there.
                env=os.environ | environ | {"AWS_LAMBDA_FUNCTION_NAME": folder},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )

    def order(self, order: str, subject: Subject, **options: Any) -> Any:
        options |= {"event": subject.event, "later": subject.later}
        print(json.dumps([order, options]), file=self._process.stdin, flush=True)
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())

    def stop(self) -> None:
        self._process.communicate()  # it ends with its input


class Scene:
    """Where functions are killed, and what is found there afterwards.

    Args:
        logs: a folder for what the killed functions log.
        choose: which of the statements are killed at.

    Attributes:
        world, caller: the stack, and the client that asks.
    """

    def __init__(self, world: World, logs: Path, choose: Callable[[list[Any]], list[Any]]) -> None:
        self.world, self._logs, self._choose = world, logs, choose
        self.caller = world.tables.caller()
        self._charged, self._stored = world.tables.charges(), self._verifications()
        world.well.later = 0

    def kill(self, folder: str, make: Callable[[int], list[Subject]]) -> tuple[list[Subject], str]:
        """Kill a function once at each statement.

        Args:
            make: makes so many subjects; the first two are done to the end.

        Returns:
            The subjects of the kills, and how many statements there are, in words.
        """
        killer = Killer(folder, self.world.place.environ | self.world.environ, self._logs / folder)
        try:
            warm, traced = make(2)
            killer.order("warm", warm)
            trace = killer.order("trace", traced)
            boundaries = self._choose(trace["boundaries"])
            subjects = make(len(boundaries))
            for subject, boundary in zip(subjects, boundaries, strict=True):
                assert killer.order("kill", subject, at=boundary), boundary
                subject.writes = tuple(trace["writes"][: boundary[2]])
        finally:
            killer.stop()
        return subjects, f"{len(boundaries)} of {len(trace['boundaries'])} statements"

    def start(self, number: int, prefix: str = "+3162", **how: Any) -> list[Subject]:
        """Verifications that were started as ever."""
        subjects = []
        for _ in range(number):
            to = unique_number(prefix)
            answer = self.world.well.start(self.caller, to, validity=VALIDITY, **how)
            assert answer.status == 201
            subjects.append(Subject(to, {}, id=answer.body["id"]))
        return subjects

    def codes(self) -> dict[str, list[str]]:
        """The codes in all messages that left, by number."""
        url = f"{self.world.place.environ['AWS_ENDPOINT_URL']}/_ministack/sns/sms-messages"
        inbox = requests.get(url, timeout=60).json()["sms_messages"]
        return {to: [code_in(one["Message"]) for one in texts] for to, texts in inbox.items()}

    def check_charges(self, starts: int, resends: int) -> None:
        """So much was counted against the limits since."""
        expected: Counter[str] = Counter()
        for charges, times in (
            (self.world.start_charges, starts),
            (self.world.resend_charges, resends),
        ):
            expected.update({limit: count * times for limit, count in charges.items()})
        assert self.world.tables.charges() - self._charged == expected

    def check_stored(self, expected: int) -> None:
        """So many verifications were stored since."""
        assert len(self._verifications() - self._stored) == expected

    def _verifications(self) -> set[str]:
        return {item["pk"]["S"] for item in self.world.tables.items("V#")}

    def check_messages(self, expected: dict[str, int], subjects: list[Subject]) -> str:
        """Each number has so many, and one more where a send was not recorded; in words.

        All to one number have the same code, and that is right.
        """
        codes = self.codes()
        for subject in subjects:
            found = codes.get(subject.to, [])
            assert len(found) == expected[subject.to] + subject.sent_unrecorded
            assert len(set(found)) <= 1, "always the same code"
            if found:
                answer = self.world.well.verify(self.caller, subject.id, found[0])
                assert (answer.status, answer.body["valid"]) == (200, True)
        total = sum(len(codes.get(subject.to, [])) for subject in subjects)
        twice = sum(subject.sent_unrecorded for subject in subjects)
        return f"{total} messages, none lost, {twice} sent twice for want of the record"


@pytest.fixture(scope="module")
def place(dynamodb_local: str, prepare: Callable[[str], dict[str, str]]) -> Iterator[Place]:
    with staying_at(prepare(dynamodb_local)) as place:
        yield place


@pytest.fixture(scope="module")
def world(place: Place) -> World:
    return World(place)


@pytest.fixture
def scene(world: World, tmp_path: Path, scale: Scale) -> Scene:
    def choose(boundaries: list[Any]) -> list[Any]:
        stages = [boundary[2] for boundary in boundaries]
        last = len(stages) - 1
        chosen = []
        for n, boundary in enumerate(boundaries):
            near = stages[max(0, n - AROUND)] != stages[min(last, n + AROUND)]
            if near or n % scale(EVERY, 1) == 0 or n == last:
                chosen.append(boundary)
        return chosen

    return Scene(world, tmp_path, choose)


@pytest.mark.soak
def test_a_start_killed_anywhere_leaves_nothing_or_ends_with_its_message(
    scene: Scene, figure: Figure
) -> None:
    world, caller = scene.world, scene.caller

    def make(number: int) -> list[Subject]:
        subjects = []
        for _ in range(number):
            to, key = unique_number(), a_key()
            body = {"to": to, "validity": VALIDITY}
            event = request(caller, f"POST {VERIFICATIONS}", body, key=key)
            subjects.append(Subject(to, event, key=key))
        return subjects

    def repeat(subject: Subject) -> Any:
        answer = world.well.start(caller, subject.to, subject.key, validity=VALIDITY)
        assert answer.status == 201
        return answer.body

    subjects, statements = scene.kill("start", make)
    # Every second caller asks again before the queue looks; of the others only the queue knows.
    asked = {subject.to for subject in subjects[::2]}
    for subject in subjects[::2]:
        repeat(subject)
    world.settle()
    begun = [subject for subject in subjects if subject.claimed or subject.to in asked]
    for subject in begun:
        again = repeat(subject)
        assert (again["status"], again["delivery"]) == ("pending", "accepted")
        subject.id = again["id"]
    expected = {subject.to: int(subject in begun) for subject in subjects}
    said = scene.check_messages(expected, subjects)
    scene.check_charges(starts=2 + len(begun), resends=0)
    scene.check_stored(2 + len(begun))
    figure("kills, start", f"{statements}; {said}")


@pytest.mark.soak
@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong"])
@pytest.mark.parametrize("delegated", [False, True], ids=["our code", "a vendor's code"])
def test_a_guess_killed_anywhere_is_counted_once_and_answered_as_it_is(
    scene: Scene, vendor: Vendor, figure: Figure, delegated: bool, right: bool
) -> None:
    world, caller = scene.world, scene.caller

    def make(number: int) -> list[Subject]:
        subjects = scene.start(number, prefix="+3725" if delegated else "+3162")
        codes = scene.codes() if not delegated else {s.to: vendor.codes_to(s.to) for s in subjects}
        for subject in subjects:
            subject.code, subject.key = codes[subject.to][0], a_key()
            typed = {"code": subject.code if right else wrong(subject.code)}
            route = f"POST {ONE}/verify"
            subject.event = request(
                caller, route, typed, verification_id=subject.id, key=subject.key
            )
        return subjects

    subjects, statements = scene.kill("verify", make)
    # Sooner a vendor may still be asked, and the answer is 503.
    world.well.later = ASK_AGAIN if delegated else 0
    for subject in subjects:
        typed = subject.code if right else wrong(subject.code)
        first, second = (
            world.well.verify(caller, subject.id, typed, subject.key) for _ in range(2)
        )
        assert first.status == 200
        assert first == second
        assert (first.body["valid"], first.body["attempts"]) == (right, 1)
        assert first.body["reason"] == (None if right else "incorrect")
        another = world.well.verify(caller, subject.id, subject.code).body
        assert another["reason"] == ("already_verified" if right else None)
        assert another["valid"] != right, "a code is right once"
    what = f"{'right' if right else 'wrong'} guess at {'a vendor' if delegated else 'us'}"
    figure(f"kills, {what}", f"{statements}; each counted once, and answered as it is")


@pytest.mark.soak
def test_a_resend_killed_anywhere_sends_the_same_code_or_nothing(
    scene: Scene, figure: Figure
) -> None:
    world, caller = scene.world, scene.caller

    def make(number: int) -> list[Subject]:
        subjects = scene.start(number)
        for subject in subjects:
            subject.event = request(caller, f"POST {ONE}/resend", verification_id=subject.id)
            subject.later = RESEND_AFTER
        return subjects

    subjects, statements = scene.kill("resend", make)
    # Every second of those that were not begun is asked for again.
    again = [subject for subject in subjects if not subject.claimed][::2]
    world.well.later = RESEND_AFTER
    for subject in again:
        assert world.well.resend(caller, subject.id).status == 200
    world.settle()
    expected = {one.to: 1 + (one.claimed or one in again) for one in subjects}
    for subject in subjects:
        shown = world.well.lookup(caller, subject.id).body
        outcomes = [send["outcome"] for send in shown["sends"]]
        assert outcomes == ["accepted"] * expected[subject.to]
    said = scene.check_messages(expected, subjects)
    resent = sum(expected.values()) - len(subjects)
    scene.check_charges(starts=2 + len(subjects), resends=2 + resent)
    figure("kills, re-send", f"{statements}; {said}")


@pytest.mark.soak
def test_a_look_of_the_queue_killed_anywhere_is_made_up_for_by_the_next(
    scene: Scene, figure: Figure
) -> None:
    """At a first send that no provider was asked for, for want of time."""
    world = scene.world

    def make(number: int) -> list[Subject]:
        world.settle()
        subjects = scene.start(number, seconds=SEND_ROOM / 1000 - 1)
        looks = {json.loads(body)["token"]: body for body in world.queue.take()}
        for subject in subjects:
            subject.event, subject.later = batch(looks[subject.id[1:]]), LOOK_AFTER
        return subjects

    subjects, statements = scene.kill("resend", make)
    for subject in subjects:  # SQS brings it back: nobody said that it was done with
        assert world.well.look_in_time(subject.event["Records"][0]["body"])
    world.settle()
    for subject in subjects:
        shown = world.well.lookup(scene.caller, subject.id).body
        assert (shown["delivery"], len(shown["sends"])) == ("accepted", 1)
    said = scene.check_messages({subject.to: 1 for subject in subjects}, subjects)
    scene.check_charges(starts=2 + len(subjects), resends=0)
    figure("kills, look of the queue", f"{statements}; {said}")
