"""Many at once, and much in the tables.

throughput   whole flows by 1 to 16 callers against the deployed stack in the emulator: flows
             a second, the median and the 95th of a hundred answers, errors
growth       calls and capacity of one flow by our functions when a thousand, and when a
             hundred thousand verifications are stored, on Amazon's own DynamoDB Local
"""

import base64
import itertools
import secrets
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from verification.storage.table import client_time

from benchmarks.calls import summary
from benchmarks.cold import check
from benchmarks.started import Started
from benchmarks.world import SESSIONS_TABLE, World, a_number
from tests.e2e.talking import code_in, wrong
from tests.local import LocalError, emulator
from tests.local.deploy import build, deploy
from tests.local.processes import free_port
from tests.local.stack import Stack, connect, create_client, wait_until_healthy

CALLERS = (1, 2, 4, 8, 16)
STORED = (1_000, 100_000)
_FLOWS = 4  # of each caller
_BATCH = 25  # items, as many as DynamoDB takes
_FILLERS = 4


def throughput(say: Callable[[str], None]) -> list[dict[str, Any]]:
    """One entry for each number of callers."""
    found = []
    with _deployed(say) as stack:
        _flows(stack, 1, 1)  # so that the functions are there
        for callers in CALLERS:
            say(f"throughput: {callers} callers")
            _flows(stack, callers, 1)
            found.append(_flows(stack, callers, _FLOWS))
            for error in found[-1]["said"]:
                say(f"throughput: {error}")
    return found


@contextmanager
def _deployed(say: Callable[[str], None]) -> Iterator[Stack]:
    say("throughput: deploying the whole stack into the emulator")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        server = emulator.start(folder, free_port())
        stack.callback(server.process.stop)
        outputs = deploy(server.url, build())
        client = create_client(server.url, outputs["DirectoryTableName"], "Benchmarks")
        deployed = connect(server.url, outputs, client)
        wait_until_healthy(deployed)
        yield deployed


def _flows(stack: Stack, callers: int, flows: int) -> dict[str, Any]:
    """Each caller's flows: a start, a wrong and the right guess, a look-up, a deletion."""
    times: list[float] = []
    errors: list[str] = []

    def call() -> None:
        for _ in range(flows):
            try:
                _flow(stack, times)
            except (LocalError, OSError, ValueError) as error:
                errors.append(str(error))

    threads = [threading.Thread(target=call) for _ in range(callers)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    done = callers * flows - len(errors)
    if not times:
        raise LocalError(f"Not one answer was right: {errors[0]}")
    return {
        "callers": callers,
        "flows_a_second": done / seconds,
        "answer_seconds_median": statistics.median(times),
        "answer_seconds_95": sorted(times)[int(len(times) * 0.95)],
        "flows": callers * flows,
        "errors": len(errors),
        "said": errors[:5],  # the first of them, in their own words
    }


def _flow(stack: Stack, times: list[float]) -> None:
    def ask(method: str, path: str, body: Any, expect: int) -> Any:
        began = time.monotonic()
        answer = stack.call(method, path, body)
        if answer.status != expect:
            raise LocalError(f"{method} {path}: {answer.status} {answer.body}")
        times.append(time.monotonic() - began)
        return answer.body

    number = a_number()
    started = ask("POST", "/v1/verifications", {"to": number}, 201)
    path = f"/v1/verifications/{started['id']}"
    [text] = stack.texts_to(number)
    code = code_in(text)
    ask("POST", f"{path}/verify", {"code": wrong(code)}, 200)
    verdict = ask("POST", f"{path}/verify", {"code": code}, 200)
    if not verdict["valid"]:
        raise LocalError(f"The right code was refused: {verdict}")
    ask("GET", path, None, 200)
    ask("DELETE", path, None, 204)


def growth(world: World, say: Callable[[str], None]) -> dict[str, Any]:
    """Calls, units and processor time of one flow, by the number of stored verifications."""
    found: dict[str, Any] = {}
    there = 0
    for stored in STORED:
        say(f"growth: filling the table up to {stored:,} verifications")
        _fill(world, stored - there)
        there = stored
        found[str(stored)] = _one_flow(world)
    return found


def _one_flow(world: World, flows: int = 5) -> dict[str, Any]:
    names = ("start", "verify", "lookup", "delete")
    with ExitStack() as stack:
        functions = {name: stack.enter_context(world.function("ours", name)) for name in names}

        def flow() -> float:
            number = a_number()
            cpu = 0.0

            def ask(name: str, event: Any) -> Any:
                nonlocal cpu
                reply = functions[name].invoke(event)
                check(name, reply.status)
                cpu += reply.cpu
                return reply.content

            id_ = ask("start", world.start_event(number))["id"]
            started = Started(id_, number, world.code_to(number))
            ask("verify", world.verify_event(id_, wrong(started.code)))
            if not ask("verify", world.verify_event(id_, started.code))["valid"]:
                raise AssertionError("the right code was refused")
            path = "/v1/verifications/{id}"
            ask("lookup", world.event("GET", path, id_=id_))
            ask("delete", world.event("DELETE", path, id_=id_))
            return cpu

        flow()
        with world.door.listening() as heard:
            cpus = [flow() for _ in range(flows)]
    found = summary(world, heard.calls, flows)
    return {
        "calls": sum(found["calls"].values()),
        **{name: found[name] for name in ("read_units", "write_units", "index_write_units")},
        "cpu_seconds": statistics.median(cpus),
    }


def _fill(world: World, count: int) -> None:
    """Put copies of one verification into the table, each with keys of its own."""
    with world.function("ours", "start", first=world.start_event(a_number())) as function:
        id_ = function.reply().content["id"]
    key = {"pk": {"S": f"V#{id_[1:]}"}, "sk": {"S": "V"}}
    model = world.dynamodb.get_item(TableName=SESSIONS_TABLE, Key=key)["Item"]
    chunks = itertools.batched(range(count), _BATCH, strict=False)
    lock = threading.Lock()
    failed: list[BaseException] = []

    def put() -> None:
        try:
            while not failed:
                with lock:
                    chunk: Sequence[int] = next(chunks, ())
                if not chunk:
                    return
                requests = [{"PutRequest": {"Item": _copy(model)}} for _ in chunk]
                while requests:
                    left = world.dynamodb.batch_write_item(RequestItems={SESSIONS_TABLE: requests})
                    requests = left["UnprocessedItems"].get(SESSIONS_TABLE, [])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=put) for _ in range(_FILLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def _copy(model: dict[str, Any]) -> dict[str, Any]:
    token = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
    time_ = client_time(model["client_id"]["S"], int(model["created_at"]["N"]), token)
    own = {"pk": {"S": f"V#{token}"}, "client_time": {"S": time_}}
    return model | own | {"destination_hash": {"B": secrets.token_bytes(16)}}
