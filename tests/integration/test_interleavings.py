"""Operations in any order and at the same moment, compared with a small model.

Hypothesis chooses operations of two clients, and when. What runs at once has to come out as in
some order of the same operations, one after the other (Herlihy and Wing 1990, *Linearizability*).
Which order it was may stay open, so the model keeps every state that fits all answers so far.

Storage and operations are the real ones. The clock, the queue and the provider are the test's.
"""

import functools
import itertools
import os
import queue
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from verification.domain.identifiers import make_token
from verification.domain.policy import RESEND_INTERVAL, Client, Profile
from verification.domain.verification import Details, Outcome, Reason, Record, Status
from verification.errors import NotFound, ProviderUnavailable, ServiceError
from verification.operations.verify import VerifyCommand
from verification.providers.routing import Routing
from verification.storage.verifications import DynamoDbVerifications
from verification.wiring import Stack

from tests.fakes.clock import SettableClock
from tests.fakes.profiles import FixedProfiles
from tests.fakes.providers import FakeMessenger, FakeProviders, routes_to
from tests.fakes.watches import RecordingWatches, Watch
from tests.figures import Figure, Scale
from tests.integration.commands import remaining, start_command, wrong
from tests.integration.conftest import Place

MAX_ATTEMPTS, MAX_SENDS = 2, 3  # few, so that they are used up often
VALIDITY, RESEND_AFTER = 100, 45  # seconds
RETENTION = 86_400  # seconds after that: RETENTION_HOURS of the place
# Limits and the guard have tests of their own; here the same number is used again and again.
WIDE = {
    "GUARD_MODE": "off",
    "LIMITS": (
        "destination_sends=1000/10m; destination_guesses=1000/24h; "
        "destination_short_code_guesses=1000/24h"
    ),
}
A_REQUEST = b"a request"
DETAILS = Details(metadata={"order": "1042"})

type Answer = tuple[object, ...]
NOT_FOUND: Answer = ("verification_not_found",)

_serial = itertools.count()


@dataclass(frozen=True, eq=False)  # each is one of its own
class Slot:
    """A place for a verification: an owner, a number, and the key that starts it again."""

    owner: Client
    stranger: Client
    number: str
    key: str | None


@dataclass(frozen=True)
class Known:
    """What the model knows of a verification; times are epoch milliseconds.

    Args:
        code: None until a message has shown it.
        outcomes: of its sends.
        asked_at: when the provider was first asked to do the last send.
        messages: that have left with its code, and before, in an earlier life of its id.
    """

    request: bytes
    created_at: int
    sent_at: int
    asked_at: int
    earlier_messages: int
    outcomes: tuple[Outcome, ...] = ()
    messages: int = 0
    code: str | None = None
    attempts: int = 0
    last_guess: str | None = None
    guess_key: str | None = None
    automatic: bool = True  # one send by itself is left
    canceled: bool = False

    @property
    def valid_until(self) -> int:
        return self.created_at + VALIDITY * 1000

    @property
    def gone_at(self) -> int:
        return (self.valid_until // 1000 + RETENTION) * 1000

    @property
    def is_verified(self) -> bool:
        return self.code is not None and self.last_guess == self.code

    def status(self, now: int) -> Status:
        if self.canceled:
            return Status.CANCELED
        if self.is_verified:
            return Status.VERIFIED
        if self.attempts == MAX_ATTEMPTS:
            return Status.FAILED
        return Status.EXPIRED if now >= self.valid_until else Status.PENDING

    def sent(self, at: "Moment") -> "Known":
        """With one send more."""
        asked = replace(self, asked_at=at.now, outcomes=(*self.outcomes, Outcome.UNAVAILABLE))
        return asked.tried(at)

    def tried(self, at: "Moment") -> "Known":
        """With the last send tried once more."""
        outcome = Outcome.ACCEPTED if at.provider_works else Outcome.UNAVAILABLE
        return replace(
            self,
            sent_at=at.now,
            outcomes=(*self.outcomes[:-1], outcome),
            messages=self.messages + at.provider_works,
        )


@dataclass(frozen=True)
class Moment:
    """When and where operations run: what they and the model share.

    Args:
        codes: what `right`, `wrong` and the others of KINDS are just now.
        looks: the queue's messages about this verification that may arrive by now.
    """

    slot: Slot
    id: str
    now: int
    provider_works: bool
    codes: Mapping[str, str]
    looks: Sequence[Watch]

    def caller(self, own: bool) -> Client:
        return self.slot.owner if own else self.slot.stranger

    def look(self, which: int) -> Watch:
        """One of them, again and again in any order; without any one that tells nothing new."""
        return self.looks[which % len(self.looks)] if self.looks else Watch(self.id[1:], 0, 0)


class Turns:
    """Operations that take turns at the table, in an order that was drawn.

    Each call to the table is one write or read that nothing can part, so some order makes every
    interleaving that there can be. Threads that were not lined up pass.
    """

    def __init__(self) -> None:
        self._own = threading.local()
        self._stops: queue.Queue[tuple[int, bool]] = queue.Queue()  # who, and whether for good

    def wait(self) -> None:
        """Before each call to the table: until it is this operation's turn."""
        if turn := getattr(self._own, "turn", None):
            self._stops.put((self._own.index, False))
            turn.acquire()

    def __call__(self, works: Sequence[Callable[[], Answer]], order: Iterable[int]) -> list[Answer]:
        """Run all the works; whoever is next among those that wait, `order` says."""
        turns = [threading.Semaphore(0) for _ in works]

        def line_up(index: int) -> Answer:
            self._own.index, self._own.turn = index, turns[index]
            try:
                return works[index]()
            finally:
                self._stops.put((index, True))

        with ThreadPoolExecutor(max(1, len(works))) as pool:
            answers = [pool.submit(line_up, index) for index in range(len(works))]
            waiting: list[int] = []
            running = len(works)
            for drawn in itertools.chain(order, itertools.repeat(0)):
                for _ in range(running):
                    index, ended = self._stops.get()
                    waiting += [] if ended else [index]
                if not waiting:
                    break
                waiting.sort()  # they came in any order
                turns[waiting.pop(drawn % len(waiting))].release()
                running = 1
            return [answer.result() for answer in answers]


def at_once(works: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Run all the works, each in a thread."""
    with ThreadPoolExecutor(max(1, len(works))) as pool:
        return [answer.result() for answer in [pool.submit(work) for work in works]]


class Gate:
    """A DynamoDB client whose calls wait for their turn."""

    def __init__(self, client: Any, turns: Turns) -> None:
        self._client = client
        self._turns = turns

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(**arguments: Any) -> Any:
            self._turns.wait()
            return method(**arguments)

        return call


class Service:
    """The real operations, and the table behind turns."""

    def __init__(self, stack: Stack) -> None:
        self.clock = SettableClock()
        self.turns = Turns()
        self.messenger = FakeMessenger()
        self.watches = RecordingWatches()
        routing = Routing(routes_to(self.messenger), FakeProviders(self.messenger), self.clock)
        start = stack.start()
        client = Gate(stack._dynamodb, self.turns)
        table = DynamoDbVerifications(client, stack._settings.required("SESSIONS_TABLE"))
        sender = replace(start.sender, verifications=table, route=routing, clock=self.clock)
        own: dict[str, Any] = {"verifications": table, "clock": self.clock}
        sending = {**own, "watches": self.watches, "sender": sender}
        self.start = replace(start, **sending)
        self.resend = replace(stack.resend(), **sending)
        self.look_after = replace(stack.look_after(), **sending, profiles=FixedProfiles())
        self.verify = replace(stack.verify(), **own)
        self.delete = replace(stack.delete(), verifications=table)
        self.lookup = replace(stack.lookup(), **own)


class Operation(Protocol):
    """What one caller does."""

    def do(self, service: Service, at: Moment) -> Answer:
        """Do it."""
        ...

    def expect(self, known: Known | None, at: Moment) -> tuple[Answer, Known | None]:
        """What the model says of it: the answer, and the verification from then on."""
        ...


@dataclass(frozen=True)
class Start:
    """The owner starts it, or repeats that."""

    request: bytes

    def do(self, service: Service, at: Moment) -> Answer:
        command = start_command(
            at.slot.number,
            client=at.slot.owner,
            validity=VALIDITY,
            max_attempts=MAX_ATTEMPTS,
            max_sends=MAX_SENDS,
            resend_after=RESEND_AFTER,
            automatic_sends=1,
            details=DETAILS,
            request=self.request,
            idempotency_key=at.slot.key,
        )
        started = service.start(command, remaining)
        verification = started.record.verification
        status = verification.status_at(at.now)
        return str(verification.id), started.replayed, status, verification.attempts

    def expect(self, known: Known | None, at: Moment) -> tuple[Answer, Known | None]:
        replayed = known is not None and at.now < known.gone_at
        if known and replayed:
            if self.request != known.request:
                return ("idempotency_conflict",), known
        else:
            earlier = known.earlier_messages + known.messages if known else 0
            known = Known(self.request, at.now, at.now, at.now, earlier).sent(at)
        return (at.id, replayed, known.status(at.now), known.attempts), known


@dataclass(frozen=True)
class Guess:
    """Somebody types a code."""

    own: bool
    kind: str
    key: str | None

    def do(self, service: Service, at: Moment) -> Answer:
        client, code = at.caller(self.own).id, at.codes[self.kind]
        command = VerifyCommand(client, at.id, code, idempotency_key=self.key)
        verification, verdict = service.verify(command, remaining)
        return (
            verdict.valid,
            verdict.reason,
            verdict.repeated,
            verification.created_at,
            verification.attempts,
            verification.attempts_left,
            verification.status_at(at.now),
        )

    def expect(self, known: Known | None, at: Moment) -> tuple[Answer, Known | None]:
        typed, repeated, reason = at.codes[self.kind], False, None
        if known is None or not self.own or known.gone_at <= at.now:
            return NOT_FOUND, known
        if known.canceled:
            reason = Reason.CANCELED
        elif self.key and self.key == known.guess_key:
            if typed != known.last_guess:
                return ("idempotency_conflict",), known
            repeated = True
        elif known.status(at.now) != Status.PENDING:
            reason = {
                Status.VERIFIED: Reason.ALREADY_VERIFIED,
                Status.FAILED: Reason.EXHAUSTED,
                Status.EXPIRED: Reason.EXPIRED,
            }[known.status(at.now)]
        else:
            known = replace(
                known, attempts=known.attempts + 1, last_guess=typed, guess_key=self.key
            )
        valid = reason is None and known.is_verified
        reason = None if valid else reason or Reason.INCORRECT
        left, status = MAX_ATTEMPTS - known.attempts, known.status(at.now)
        return (valid, reason, repeated, known.created_at, known.attempts, left, status), known


@dataclass(frozen=True)
class Delete:
    """Somebody deletes it. What TTL should have deleted may be there to be deleted, or not."""

    own: bool

    def do(self, service: Service, at: Moment) -> Answer:
        service.delete(at.caller(self.own).id, at.id, remaining)
        return ("deleted",)

    def expect(self, known: Known | None, at: Moment) -> tuple[Answer, Known | None]:
        if known is None or not self.own:
            return NOT_FOUND, known
        return ("deleted",), replace(known, canceled=True)


@dataclass(frozen=True)
class Resend:
    """Somebody asks for the message once more."""

    own: bool

    def do(self, service: Service, at: Moment) -> Answer:
        sent = service.resend(at.caller(self.own), at.id, None, remaining)
        return "sent", sent.verification.sends

    def expect(self, known: Known | None, at: Moment) -> tuple[Answer, Known | None]:
        if known is None or not self.own or known.gone_at <= at.now:
            return NOT_FOUND, known
        if known.status(at.now) != Status.PENDING:
            return ("verification_not_pending",), known
        if len(known.outcomes) == MAX_SENDS:
            return ("max_sends_reached",), known
        if at.now < known.sent_at + RESEND_INTERVAL * 1000:
            return ("resend_too_early",), known
        known = known.sent(at)
        return ("sent", len(known.outcomes)), known


@dataclass(frozen=True)
class Look:
    """A message of the queue arrives, maybe not for the first time."""

    which: int

    def do(self, service: Service, at: Moment) -> Answer:
        look = at.look(self.which)
        service.look_after(look.token, look.claimed, look.tries, remaining)
        return ()

    def expect(self, known: Known | None, at: Moment) -> tuple[Answer, Known | None]:
        if known is None or known.sent_at != at.look(self.which).claimed:
            return (), known
        if known.status(at.now) != Status.PENDING:
            return (), known
        if known.outcomes[-1] == Outcome.UNAVAILABLE:
            return (), known.tried(at)
        is_due = known.asked_at + RESEND_AFTER * 1000 <= at.now
        if is_due and known.automatic and len(known.outcomes) < MAX_SENDS:
            known = replace(known.sent(at), automatic=False)
        return (), known


@dataclass(frozen=True)
class Read:
    """Somebody looks it up."""

    own: bool

    def do(self, service: Service, at: Moment) -> Answer:
        return shown(service.lookup.one(at.caller(self.own).id, at.id), at.now)

    def expect(self, known: Known | None, at: Moment) -> tuple[Answer, Known | None]:
        if known is None or not self.own or known.gone_at <= at.now:
            return NOT_FOUND, known
        return expected(known, at.slot, at.now), known


KINDS = ("right", "wrong", "wrong again", "another's")
OWN = st.sampled_from((True, True, True, False))
TYPED = st.sampled_from((*KINDS, "wrong"))
KEYS = st.sampled_from((None, "key 1", "key 1", "key 2"))
GUESSES = st.builds(Guess, OWN, TYPED, KEYS)
RESENDS = st.builds(Resend, OWN)
LOOKS = st.builds(Look, st.integers(0, 9))
STARTS = st.builds(Start, st.sampled_from((A_REQUEST, A_REQUEST, b"another")))
DELETES = st.builds(Delete, OWN)
READS = st.builds(Read, OWN)
# Guesses most, and few that end it. Not one_of(): to that, six times the same is once.
CHOICES: list[st.SearchStrategy[Operation]] = [GUESSES] * 6 + [RESENDS] * 3 + [LOOKS] * 3
CHOICES += [STARTS, DELETES, READS]
OPERATIONS = st.sampled_from(CHOICES).flatmap(lambda chosen: chosen)
NEW, END = 9, 9


class Interleavings(RuleBasedStateMachine):
    """Two clients, the queue, a provider that fails now and then, and time."""

    def __init__(self, stack: Stack, counts: Counter[str]) -> None:
        super().__init__()
        self.service = Service(stack)
        self.counts = counts
        names = [f"client-{os.urandom(4).hex()}" for _ in range(2)]
        self.clients = [Client(name, Profile("Shop")) for name in names]
        self.slots: list[Slot] = []
        self.ids: dict[Slot, str] = {}
        self.possible: dict[Slot, set[Known | None]] = {}
        self.evaluations: defaultdict[tuple[str, object], list[bool]] = defaultdict(list)
        for client in self.clients:
            self.add_slot(client, key="the same key")

    def add_slot(self, owner: Client, key: str | None) -> Slot:
        stranger = next(client for client in self.clients if client != owner)
        slot = Slot(owner, stranger, f"+3162{next(_serial):07d}", key)
        self.slots.append(slot)
        self.possible[slot] = {None}
        return slot

    @initialize(beside=st.lists(OPERATIONS, max_size=3))
    def begin(self, beside: list[Operation]) -> None:
        for slot in self.slots:
            self.run(slot, [Start(A_REQUEST), *beside])

    @rule(
        where=st.sampled_from((NEW, 0, 1, -1, -2)),
        wait=st.sampled_from((*[0] * 8, *[1] * 4, *[2] * 2, 3, END)),
        offset=st.sampled_from((-1, 0, 0, 1)),
        provider_works=st.sampled_from((True, True, False)),
        operations=st.lists(OPERATIONS, min_size=1, max_size=4),
        order=st.none() | st.lists(st.integers(0, 3), max_size=12),
    )
    def operate(
        self,
        where: int,
        wait: int,
        offset: int,
        provider_works: bool,
        operations: list[Operation],
        order: list[int] | None,
    ) -> None:
        """Some operations on one verification, after a wait.

        Args:
            where: the first or second verification, the last or the one before that; or a NEW
                one, without a key.
            wait: 0 is not at all; then the next of the moments at which something changes,
                the one after it and so on. END is when the id is free again, and used again.
            offset: milliseconds before or after that moment.
            order: whose turn it is; None for all at once.
        """
        down = ProviderUnavailable("fake", "down")
        self.service.messenger.failing = None if provider_works else down
        slot = self.start_without_key() if where == NEW else self.slots[where]
        if wait:
            self.wait(slot, wait, offset)
        again = [Start(A_REQUEST)] if wait == END else []
        self.run(slot, [*operations, *again], order)

    def start_without_key(self) -> Slot:
        slot = self.add_slot(self.clients[len(self.slots) % 2], key=None)
        self.run(slot, [Start(A_REQUEST)])
        return slot

    def wait(self, slot: Slot, moments: int, offset: int) -> None:
        now = self.service.clock.now
        changes = {
            moment + offset
            for known in self.possible[slot]
            if known
            for moment in (
                known.sent_at + RESEND_INTERVAL * 1000,
                known.asked_at + RESEND_AFTER * 1000,
                known.valid_until,
            )
        }
        ends = {known.gone_at + offset for known in self.possible[slot] if known}
        later = sorted(moment for moment in (ends if moments == END else changes) if moment > now)
        self.service.clock.now = [now, *later[:moments]][-1]

    def run(
        self, slot: Slot, operations: Sequence[Operation], order: Sequence[int] | None = None
    ) -> None:
        """Run operations on one verification, all at once; in turns where an order is given."""
        if slot.key is None and slot in self.ids:  # it cannot be started again
            operations = [one for one in operations if not isinstance(one, Start)]
        at = self.moment(slot)
        works = [functools.partial(self.do, operation, at) for operation in operations]
        answers = self.service.turns(works, order) if order is not None else at_once(works)
        at = self.learn_id(at, operations, answers)
        fitting = [*self.fitting(at, operations, answers)]
        self.possible[slot] = {known for _, known in fitting}
        self.count(at, operations, answers)
        assert fitting, f"in no order: {[*zip(operations, answers, strict=True)]}"
        self.counts["operations"] += len(operations)
        if len(operations) > 1:
            self.counts["batches at once" if order is None else "batches in turns"] += 1
            self.counts["not as listed"] += all(o != sorted(o) for o, _ in fitting)

    def moment(self, slot: Slot) -> Moment:
        now = self.service.clock.now
        code = self.code_of(slot)
        others = [self.code_of(other) for other in self.slots if other != slot]
        verification_id = self.ids.get(slot) or f"a{make_token(os.urandom(16))}"
        codes = (code, wrong(code, 1), wrong(code, 2), others[0])
        looks = [
            watch
            for watch in self.service.watches.queued
            if watch.token == verification_id[1:] and watch.claimed + watch.delay * 1000 <= now
        ]
        works = self.service.messenger.failing is None
        return Moment(
            slot, verification_id, now, works, dict(zip(KINDS, codes, strict=True)), looks
        )

    def code_of(self, slot: Slot) -> str:
        """Its code, else what is never one."""
        return next((known.code for known in self.possible[slot] if known and known.code), "000000")

    def do(self, operation: Operation, at: Moment) -> Answer:
        try:
            return operation.do(self.service, at)
        except ServiceError as error:
            return (error.code,)

    def learn_id(
        self, at: Moment, operations: Sequence[Operation], answers: Sequence[Answer]
    ) -> Moment:
        for operation, answer in zip(operations, answers, strict=True):
            if isinstance(operation, Start) and len(answer) > 1:
                self.ids.setdefault(at.slot, str(answer[0]))
        return replace(at, id=self.ids.get(at.slot, at.id))

    def count(self, at: Moment, operations: Sequence[Operation], answers: Sequence[Answer]) -> None:
        """Whatever the model thinks: no guess too many, no second success."""
        for operation, answer in zip(operations, answers, strict=True):
            if isinstance(operation, Guess) and len(answer) > 1:
                valid, reason, repeated, created_at, *_ = answer
                if (valid or reason == Reason.INCORRECT) and not repeated:
                    self.evaluations[at.id, created_at].append(bool(valid))
                    self.counts["guesses evaluated"] += 1
        for evaluated in self.evaluations.values():
            assert len(evaluated) <= MAX_ATTEMPTS
            assert sum(evaluated) <= 1

    def fitting(
        self, at: Moment, operations: Sequence[Operation], answers: Sequence[Answer]
    ) -> Iterator[tuple[list[int], Known | None]]:
        """Each order that explains the answers, and the state that it leads to."""
        seen = self.seen(at.slot, at.slot.owner)
        codes = self.codes_to(at.slot)
        for known in self.possible[at.slot]:
            for order in itertools.permutations(range(len(operations))):
                self.counts["orders tried"] += 1
                after = known
                for index in order:
                    answer, after = operations[index].expect(after, at)
                    if answer != answers[index]:
                        break
                else:
                    after = with_code(after, codes)
                    if to_be_seen(after, at.slot, at.now) == seen and has_sent(after, codes):
                        yield list(order), after

    def teardown(self) -> None:
        self.check_all()

    def check_all(self) -> None:
        """Everybody sees what the model says, and nobody sees what is another's."""
        now = self.service.clock.now
        for slot, states in self.possible.items():
            seen, codes = self.seen(slot, slot.owner), self.codes_to(slot)
            assert not states or any(
                to_be_seen(known, slot, now) == seen and has_sent(known, codes) for known in states
            )
            assert self.seen(slot, slot.stranger) == NOT_FOUND

    def seen(self, slot: Slot, by: Client) -> Answer:
        """All that a client sees of it when nothing runs."""
        try:
            record = self.service.lookup.one(by.id, self.ids.get(slot, ""))
        except NotFound:
            return NOT_FOUND
        outcomes = tuple(send.outcome for send in record.sends)
        return (*shown(record, self.service.clock.now), outcomes, record.details)

    def codes_to(self, slot: Slot) -> list[str]:
        """The codes that were sent to its number, oldest first."""
        return [sent.code for sent in self.service.messenger.sent if sent.to == slot.number]


def with_code(known: Known | None, codes: Sequence[str]) -> Known | None:
    """The model does not make codes: it learns them from the first message that has left."""
    if known is None or known.code or len(codes) <= known.earlier_messages:
        return known
    return replace(known, code=codes[known.earlier_messages])


def has_sent(known: Known | None, codes: Sequence[str]) -> bool:
    """Whether as many messages have left as the model says, all of them with its code."""
    if known is None:
        return not codes
    own = codes[known.earlier_messages :]
    return len(own) == known.messages and set(own) <= {known.code}


def shown(record: Record, now: int) -> Answer:
    """What a caller sees of it, at any time."""
    it = record.verification
    return it.status_at(now), it.attempts, it.attempts_left, it.sends, it.to


def expected(known: Known, slot: Slot, now: int) -> Answer:
    """What shown() should be."""
    to = None if known.canceled else slot.number
    left = MAX_ATTEMPTS - known.attempts
    return known.status(now), known.attempts, left, len(known.outcomes), to


def to_be_seen(known: Known | None, slot: Slot, now: int) -> Answer:
    """All that its owner should see of it when nothing runs."""
    if known is None or known.gone_at <= now:
        return NOT_FOUND
    details = Details() if known.canceled else DETAILS
    return (*expected(known, slot, now), known.outcomes, details)


@pytest.mark.soak
def test_whatever_runs_in_whatever_order_comes_out_as_one_after_the_other(
    real_place: Place, figure: Figure, scale: Scale
) -> None:
    counts: Counter[str] = Counter()
    stack = real_place.stack(**WIDE)

    class Here(Interleavings):
        def __init__(self) -> None:
            super().__init__(stack, counts)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=scale(40, 600),
            stateful_step_count=25,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    figure(
        "operations on one table, compared with a model",
        f"{counts['operations']}, of them in {counts['batches at once']} batches at once and "
        f"{counts['batches in turns']} in drawn turns; {counts['orders tried']} orders tried, "
        f"{counts['not as listed']} batches came out in another one than listed; "
        f"{counts['guesses evaluated']} guesses evaluated",
    )


def test_a_late_delete_takes_nothing_from_the_next_life_of_its_id(real_place: Place) -> None:
    counts: Counter[str] = Counter()
    one = Interleavings(real_place.stack(**WIDE), counts)
    slot = one.slots[0]
    one.run(slot, [Start(A_REQUEST)])
    one.service.clock.advance(VALIDITY + RETENTION)
    # The delete writes first, the start does all of its own, the delete goes on.
    one.run(slot, [Start(b"another"), Delete(own=True)], order=[1])
    assert counts["not as listed"] == 1
