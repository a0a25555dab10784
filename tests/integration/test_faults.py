"""DynamoDB that is throttled, busy, slow, silent, broken, or does it and never says so.

Each operation, through its function's handler, meets each fault at each of its calls of DynamoDB:
once, so that the client's own repeat gets through, and for good. Whatever is answered stands in
docs/openapi.yaml; afterwards the same request and the queue find everything in order: nothing lost,
nothing valid that is not, nothing counted twice.

What providers do is tested elsewhere: tests/providers/test_hostile.py and tests/e2e/test_failover.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.retries.standard import ExponentialBackoff
from verification.operations.ports import SEND_ROOM
from verification.operations.verify import ASK_AGAIN

from tests.figures import Figure, Scale
from tests.integration.commands import a_key, code_in, wrong
from tests.integration.conftest import Place
from tests.integration.functions import Functions, Reply, World, staying_at, unique_number
from tests.integration.proxies import Fault, Losing, Microburst, Proxy
from tests.integration.vendor import Vendor

PATIENCE = 0.4  # seconds for an answer of DynamoDB, in place of the product's, in the short form
ROOM = SEND_ROOM / 1000 + 2  # seconds that a function has: some, to repeat what was in the way
HELD = 5_000  # milliseconds for which microburst says nothing: longer than anybody waits


def error(code: str, status: int = 400, **fields: Any) -> Mapping[str, Any]:
    return {"error": {"code": code, "status": status, "fields": fields}}


def canceled(code: str) -> Mapping[str, Any]:
    """A transaction of which one write was refused by DynamoDB itself."""
    reasons = [{"Code": code, "Message": "x"}, {"Code": "None"}]
    return error("TransactionCanceledException", CancellationReasons=reasons)


TRANSACTION = ("TransactWriteItems",)
FAULTS = {
    "throttled": Fault(error("ThrottlingException")),
    "over the throughput": Fault(error("ProvisionedThroughputExceededException"), rare=True),
    "over the account's rate": Fault(error("RequestLimitExceeded"), rare=True),
    "another transaction": Fault(error("TransactionConflictException"), calls=("UpdateItem",)),
    "conflict": Fault(canceled("TransactionConflict"), calls=TRANSACTION),
    "throttled in it": Fault(canceled("ThrottlingError"), calls=TRANSACTION, rare=True),
    "throughput in it": Fault(
        canceled("ProvisionedThroughputExceeded"), calls=TRANSACTION, rare=True
    ),
    "in progress": Fault(error("TransactionInProgressException"), calls=TRANSACTION),
    "500": Fault(error("InternalServerError", 500)),
    "503": Fault(error("ServiceUnavailable", 503), rare=True),
    "no answer": Fault({"timeout_ms": HELD}),
    "reset": Fault({"reset": True}, rare=True),
    "half an answer": Fault({"response": {"abort_frac": 0.5}}, done=True),
    "a short answer": Fault({"response": {"truncate_frac": 0.5}}, done=True, heard=True, rare=True),
    "wrong bytes": Fault({"response": {"corrupt_bytes": 8}}, done=True, heard=True),
    "wrong checksum": Fault(
        {"response": {"set_headers": {"x-amz-crc32": "1"}}}, done=True, rare=True
    ),
    "answer lost": Fault(way="cut", done=True),
    "answer never comes": Fault(way="silence", done=True, rare=True),
    "500 after it was done": Fault(way="error", done=True, rare=True),
    "a page for an answer": Fault(way="page", done=True, heard=True),
    "nothing of a batch": Fault(way="nothing", calls=("BatchGetItem",)),
}


@pytest.fixture(scope="module")
def place(dynamodb_local: str, prepare: Callable[[str], dict[str, str]]) -> Iterator[Place]:
    with staying_at(prepare(dynamodb_local)) as place:
        yield place


@pytest.fixture(scope="module")
def microburst(dynamodb_local: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    proxy = Microburst(dynamodb_local, tmp_path_factory.mktemp("microburst"))
    yield proxy
    proxy.stop()


@pytest.fixture(scope="module")
def losing(dynamodb_local: str, place: Place) -> Iterator[Losing]:
    proxy = Losing(dynamodb_local, place.environ["DIRECTORY_TABLE"])
    yield proxy
    proxy.stop()


class ProxiedWorld(World):
    """A stack, and how to get the same stack behind a proxy.

    Args:
        patience: seconds that functions behind a proxy wait for an answer; None: as they do.
    """

    def __init__(self, place: Place, vendor: Vendor, patience: float | None) -> None:
        super().__init__(place)
        self.vendor = vendor
        self._patience = patience

    def behind(self, proxy: Proxy, folder: str, *, patient: bool = False) -> Functions:
        """A new function that reaches DynamoDB through a proxy, after its INIT."""
        environ = self.environ | {"AWS_ENDPOINT_URL_DYNAMODB": proxy.url}
        functions = Functions(self.place, environ, None if patient else self._patience)
        functions.handler(folder)
        return functions


@pytest.fixture(scope="module")
def world(place: Place, vendor: Vendor, scale: Scale) -> ProxiedWorld:
    return ProxiedWorld(place, vendor, PATIENCE if scale(1, 0) else None)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch, scale: Scale) -> None:
    """In the short form AWS's client repeats without a pause."""
    if scale(1, 0):
        monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0)


CREDENTIALS = ("directory.GetItem", "directory.UpdateItem")  # read, and their use noted


class Operation:
    """One operation on a subject of its own.

    Args:
        ill: the functions that do it.

    Attributes:
        folder: of its function.
        success: the status of its success.
        calls: of DynamoDB that it makes for a client that its function has not seen lately.
        waits: whether it may have to be repeated after one fault, though AWS's client repeats.
        before: what had been counted against the limits when it was prepared.
        twice: whether the message was sent and nobody wrote that down, found by check().
    """

    folder = ""
    success = 200
    calls: tuple[str, ...] = ()
    waits = False
    before: Counter[str]
    twice = False

    def __init__(self, world: ProxiedWorld, ill: Functions) -> None:
        self.world, self.well, self.ill = world, world.well, ill
        self.well.later = 0
        self.caller, self.to, self.key = world.tables.caller(), self.number(), a_key()
        self.prepare()
        self.ill.later = self.well.later

    def number(self) -> str:
        return unique_number()

    def prepare(self) -> None:
        """Make what it is about, where all is well."""

    def do(self) -> Reply:
        """Do it."""
        raise NotImplementedError

    def check(self, answer: Reply) -> None:
        """Look whether all is in order after it, and after it is repeated where all is well."""
        raise NotImplementedError

    def begin(self, **fields: Any) -> None:
        answer = self.well.start(self.caller, self.to, **fields)
        assert answer.status == 201
        self.id: str = answer.body["id"]
        self.code = self.codes()[0]

    def texts(self) -> list[str]:
        """The messages that left for this number."""
        return self.world.place.texts_to(self.to)

    def codes(self) -> list[str]:
        """The codes that left for this number."""
        return [code_in(text) for text in self.texts()]

    def charges(self) -> Counter[str]:
        """What was counted against the limits since it was prepared."""
        return self.world.tables.charges() - self.before

    def shown(self) -> Any:
        answer = self.well.lookup(self.caller, self.id)
        assert answer.status == 200
        return answer.body

    def guess(self, code: str, key: str | None = None) -> Any:
        answer = self.well.verify(self.caller, self.id, code, key)
        assert answer.status == 200
        return answer.body

    def check_messages(self, expected: int) -> None:
        """So many have left, with one code, which is right, and another is wrong."""
        codes = self.codes()
        assert len(codes) == expected
        assert len(set(codes)) == 1, "always the same code"
        assert not self.guess(wrong(codes[0]))["valid"]
        assert self.guess(codes[0])["valid"]


class Start(Operation):
    success = 201
    folder = "start"
    calls: tuple[str, ...] = (*CREDENTIALS, "BatchGetItem", "TransactWriteItems", "UpdateItem")

    def prepare(self) -> None:
        self.before = self.world.tables.charges()

    def do(self) -> Reply:
        return self.ill.start(self.caller, self.to, self.key, seconds=ROOM)

    def check(self, answer: Reply) -> None:
        found = self.well.find(self.caller, self.to).body["verifications"]
        if answer.status == self.success:
            assert [one["id"] for one in found] == [answer.body["id"]], "nothing is lost"
        if not found:
            assert (self.texts(), self.charges()) == ([], {}), "what was refused is not charged"
        self.twice = bool(self.texts()) and not found[0]["sends"]
        again = self.well.start(self.caller, self.to, self.key)
        self.world.settle()
        assert again.status == self.success
        self.id = again.body["id"]
        found = self.well.find(self.caller, self.to).body["verifications"]
        assert [one["id"] for one in found] == [self.id], "one verification"
        assert self.charges() == self.world.start_charges, "charged once"
        self.check_messages(1 + self.twice)


class Guess(Operation):
    """A right guess at a code of ours."""

    folder = "verify"
    calls: tuple[str, ...] = (*CREDENTIALS, "UpdateItem")
    right = True

    def prepare(self) -> None:
        self.begin()
        self.typed = self.code if self.right else wrong(self.code)

    def do(self) -> Reply:
        return self.ill.verify(self.caller, self.id, self.typed, self.key)

    def check(self, answer: Reply) -> None:
        again = self.guess(self.typed, self.key)
        assert (again["valid"], again["attempts"]) == (self.right, 1), "judged, and counted once"
        assert again["reason"] == (None if self.right else "incorrect")
        if answer.status == self.success:
            assert answer.body == again
        another = self.guess(self.code)
        assert another["valid"] != self.right, "a code is right once"
        assert another["reason"] == ("already_verified" if self.right else None)


class WrongGuess(Guess):
    """A wrong guess at a code of ours."""

    right = False


class DelegatedGuess(Guess):
    """A right guess at a code of a vendor, who is asked between two writes."""

    calls: tuple[str, ...] = (*CREDENTIALS, "UpdateItem", "UpdateItem")
    waits = True  # once it is counted, nobody asks for ASK_AGAIN seconds but who counted it

    def number(self) -> str:
        return unique_number("+3725")

    def codes(self) -> list[str]:
        return self.world.vendor.codes_to(self.to)

    def guess(self, code: str, key: str | None = None) -> Any:
        answer = self.well.verify(self.caller, self.id, code, key)
        if answer.status != 503:
            return answer.body
        self.well.later += ASK_AGAIN  # the first one is being asked
        return super().guess(code, key)


class DelegatedWrongGuess(DelegatedGuess):
    """A wrong guess at a code of a vendor."""

    right = False


class Resend(Operation):
    """A re-send that is asked for, a minute after the start."""

    folder = "resend"
    calls: tuple[str, ...] = (*CREDENTIALS, "Query", "TransactWriteItems", "UpdateItem")

    def prepare(self) -> None:
        self.begin()
        self.world.settle()
        self.well.later = 60
        self.before = self.world.tables.charges()

    def do(self) -> Reply:
        return self.ill.resend(self.caller, self.id, seconds=ROOM)

    def check(self, answer: Reply) -> None:
        self.twice = len(self.texts()) == 2 and len(self.shown()["sends"]) == 1
        if not self.charges():
            assert answer.status != self.success
            assert len(self.texts()) == 1, "what was refused is not sent"
            assert self.well.resend(self.caller, self.id).status == self.success
        self.world.settle()
        assert [one["outcome"] for one in self.shown()["sends"]] == ["accepted", "accepted"]
        assert self.charges() == self.world.resend_charges, "charged once"
        self.check_messages(2 + self.twice)


class Look(Operation):
    """The queue's look at a first send that no provider was asked for, for want of time."""

    folder = "resend"
    calls = ("Query", "directory.GetItem", "TransactWriteItems", "UpdateItem")

    def prepare(self) -> None:
        self.world.settle()
        started = self.well.start(self.caller, self.to, seconds=SEND_ROOM / 1000 - 1)
        assert (started.status, started.body["delivery"]) == (201, "queued")
        self.id = started.body["id"]
        assert self.texts() == []
        (self.message,) = self.world.queue.take()
        self.before = self.world.tables.charges()

    def do(self) -> Reply:
        return Reply(200 if self.ill.look_in_time(self.message, ROOM) else 503, None)

    def check(self, answer: Reply) -> None:
        self.twice = len(self.texts()) == 1 and self.shown()["delivery"] == "queued"
        # SQS brings it back when it failed, and may do so when it did not.
        assert self.well.look_in_time(self.message)
        self.world.settle()
        assert self.shown()["delivery"] == "accepted"
        assert self.charges() == {}, "the start has paid for it"
        self.check_messages(1 + self.twice)


class Lookup(Operation):
    """A lookup by id."""

    folder = "lookup"
    calls: tuple[str, ...] = (*CREDENTIALS, "Query")

    def prepare(self) -> None:
        self.begin()

    def do(self) -> Reply:
        return self.ill.lookup(self.caller, self.id)

    def check(self, answer: Reply) -> None:
        shown = self.shown()
        assert shown["delivery"] == "accepted"
        if answer.status == self.success:
            assert answer.body == shown


class Find(Lookup):
    """A lookup by destination."""

    calls: tuple[str, ...] = (*CREDENTIALS, "Query", "BatchGetItem")

    def do(self) -> Reply:
        answer = self.ill.find(self.caller, self.to)
        if answer.status != self.success:
            return answer
        (found,) = answer.body["verifications"]
        return Reply(answer.status, found)


class Delete(Operation):
    success = 204
    folder = "delete"
    calls: tuple[str, ...] = (*CREDENTIALS, "UpdateItem", "UpdateItem")

    def prepare(self) -> None:
        self.begin(metadata={"order": "of-a-person"})

    def do(self) -> Reply:
        return self.ill.delete(self.caller, self.id)

    def check(self, answer: Reply) -> None:
        if answer.status == self.success:
            self.check_deleted()
        assert self.well.delete(self.caller, self.id).status == self.success
        self.check_deleted()

    def check_deleted(self) -> None:
        kept = str(self.world.tables.items(f"V#{self.id[1:]}"))
        assert self.to not in kept
        assert "of-a-person" not in kept
        refused = self.guess(self.code)
        assert (refused["valid"], refused["reason"]) == (False, "canceled")


OPERATIONS = (
    *(Start, Guess, WrongGuess, DelegatedGuess, DelegatedWrongGuess),
    *(Resend, Look, Lookup, Find, Delete),
)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_calls_that_can_fail_are_these(
    world: ProxiedWorld, losing: Losing, operation: type[Operation]
) -> None:
    one = operation(world, world.behind(losing, operation.folder, patient=True))
    losing.fail(Fault(), first=0, times=0)
    answer = one.do()
    losing.heal()
    assert (answer.status, tuple(losing.calls)) == (operation.success, operation.calls)
    one.check(answer)


def meetings(operation: type[Operation], *, long: bool) -> Iterator[tuple[str, int, int | None]]:
    """What its calls meet: a fault, from which call on (from 0), and how often (None: for good).

    In the short form one operation alone meets faults at its client's credentials (a look has
    none, and reads a profile), and that AWS's client repeats a call is tried with those alone that
    were done all the same.
    """
    for name, fault in FAULTS.items():
        if fault.rare and not long:
            continue
        for first, call in enumerate(operation.calls):
            if not fault.concerns(call):
                continue
            if call in CREDENTIALS and operation not in (Start, Look) and not long:
                continue
            for times in (1, None) if fault.done or long else (None,):
                yield name, first, times


@pytest.mark.soak
@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_whatever_becomes_of_a_call_is_answered_and_loses_and_doubles_nothing(
    world: ProxiedWorld,
    microburst: Proxy,
    losing: Proxy,
    figure: Figure,
    scale: Scale,
    operation: type[Operation],
) -> None:
    statuses: Counter[int] = Counter()
    twice = 0
    plan = meetings(operation, long=bool(scale(0, 1)))
    for name, some in itertools.groupby(plan, key=lambda meeting: meeting[0]):
        fault = FAULTS[name]
        proxy = losing if fault.way else microburst
        ill = world.behind(proxy, operation.folder)  # anew: AWS's client repeats only so often
        world.tables.forget()
        for _, first, times in some:
            one = operation(world, ill)
            proxy.fail(fault, first, times)
            try:
                answer = one.do()
                assert proxy.heal(), "the fault was met"
                assert answer.status in statuses_after(fault, times, operation)
                one.check(answer)
            except BaseException as error:
                error.add_note(f"{name}, from call {first} on, {times or 'for good'}")
                raise
            statuses[answer.status] += 1
            twice += one.twice
    answered = ", ".join(f"{n} x {status}" for status, n in sorted(statuses.items()))
    figure(
        f"faults of DynamoDB, {operation.__name__}",
        f"{statuses.total()} met, answered by {answered}; {twice} messages sent twice, none lost",
    )


def statuses_after(fault: Fault, times: int | None, operation: type[Operation]) -> set[int]:
    """What may be answered after a fault."""
    if fault.heard:
        return {operation.success, 401, 500, 503}
    if times == 1 and not operation.waits:
        return {operation.success}  # AWS's client repeats the call by itself
    return {operation.success, 503}


@pytest.mark.usefixtures("at_once")
def test_no_fault_gives_anybody_another_guess(
    world: ProxiedWorld, microburst: Proxy, losing: Proxy
) -> None:
    for name, fault in FAULTS.items():
        if fault.rare or not fault.concerns("UpdateItem"):
            continue
        proxy = losing if fault.way else microburst
        ill, caller, to = world.behind(proxy, "verify"), world.tables.caller(), unique_number()
        verification_id = world.well.start(caller, to, max_attempts=3).body["id"]
        code = code_in(world.place.texts_to(to)[0])
        assert ill.verify(caller, verification_id, "1").status == 422  # it knows the caller now
        judged = []
        for n, times in enumerate((1, None, 1), start=1):
            proxy.fail(fault, first=0, times=times)
            judged.append(ill.verify(caller, verification_id, wrong(code, n)))
            assert proxy.heal(), name
        for n in range(4, 8):
            judged.append(world.well.verify(caller, verification_id, wrong(code, n)))
        answers = [answer.body for answer in judged if answer.status == 200]
        assert not any(answer["valid"] for answer in answers), name
        assert sum(answer["reason"] == "incorrect" for answer in answers) <= 3, name
        right = world.well.verify(caller, verification_id, code).body
        assert (right["valid"], right["reason"], right["attempts"]) == (False, "exhausted", 3), name
