"""Many whole flows at once, by several processes, through API Gateway, Lambda and the queue."""

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context

import pytest
import requests
from verification.domain.verification import Verification
from verification.storage.table import read_verification

from tests.e2e.flows import Seen, Tally, go
from tests.e2e.workers import Worker, workers
from tests.figures import Figure, Scale
from tests.local.stack import Stack

CALLERS = 4  # processes; the emulator starts one of each function for each of them
CHUNK = 25  # flows; between two chunks the functions' processes are looked at
GROWTH = 2 * 2**20  # bytes of memory that a process may take in the second half of the run
MORE_FILES = 2  # that it may open in it: connections that were lost are made anew


@pytest.mark.soak
def test_every_verification_ends_as_its_caller_saw_it_and_nothing_is_lost(
    stack: Stack, scale: Scale, figure: Figure
) -> None:
    flows, began = scale(300, 10_000), time.monotonic()
    numbers = [f"+3162{n:07d}" for n in random.SystemRandom().sample(range(10**7), flows)]
    tally, samples = Tally(), []
    with ProcessPoolExecutor(CALLERS, get_context("spawn")) as pool:
        for done in _all_done(pool, stack, numbers):
            tally.add(done)
            samples.append({worker.pid: worker for worker in workers(stack.endpoint_url)})
    seconds = time.monotonic() - began

    received = _received(stack, set(numbers))
    asked = tally.requests.total()
    figure(
        "load",
        f"{flows} flows by {CALLERS} processes, {asked} requests, {asked / seconds:.0f} a second; "
        f"{len(tally.errors)} errors; {sum(seen.sends for seen in tally.seen)} sends, "
        f"{received.total()} messages; {dict(Counter(seen.status for seen in tally.seen))}",
    )
    first, last = samples[len(samples) // 2], samples[-1]
    grown = {pid: (first[pid], last[pid]) for pid in first.keys() & last.keys()}
    figure("held by the functions' processes, half-way and in the end", _held(grown))
    assert not tally.errors, tally.errors[:5]
    assert len(tally.seen) == flows
    assert received == Counter({seen.to: seen.sends for seen in tally.seen})
    stored = _stored(stack)
    assert [seen for seen in tally.seen if not _is_so(seen, stored)] == []
    for before, after in grown.values():
        assert after.memory <= before.memory + GROWTH, (before, after)
        assert after.files <= before.files + MORE_FILES, (before, after)


def _all_done(pool: ProcessPoolExecutor, stack: Stack, numbers: list[str]) -> Iterator[Tally]:
    """What came of the flows, chunk by chunk, as they are done."""
    clients = [stack.client(f"Load {n}") for n in range(CALLERS)]
    chunks = [numbers[at : at + CHUNK] for at in range(0, len(numbers), CHUNK)]
    waiting: set[Future[Tally]] = {
        pool.submit(go, stack, clients[n % CALLERS], chunk, n) for n, chunk in enumerate(chunks)
    }
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in done)


def _received(stack: Stack, numbers: set[str]) -> Counter[str]:
    """How many text messages each of the numbers got."""
    inbox = requests.get(stack.sms_inbox_url, timeout=60).json()["sms_messages"]
    return Counter({to: len(texts) for to, texts in inbox.items() if to in numbers})


def _stored(stack: Stack) -> dict[str, Verification]:
    """All verifications in the table, by id."""
    pages = stack.aws("dynamodb").get_paginator("scan").paginate(TableName=stack.tables["sessions"])
    items = [item for page in pages for item in page["Items"] if item["sk"]["S"] == "V"]
    found = [read_verification(item) for item in items if item["pk"]["S"].startswith("V#")]
    return {str(verification.id): verification for verification in found}


def _is_so(seen: Seen, stored: Mapping[str, Verification]) -> bool:
    """Whether what was seen is what the table has."""
    found = stored[seen.id]
    state = found.status_at(found.created_at), found.attempts, found.sends
    return state == (seen.status, seen.attempts, seen.sends)


def _held(grown: Mapping[int, tuple[Worker, Worker]]) -> str:
    """Memory in MB and open files of each function's processes together."""
    shown: dict[str, list[int]] = {}
    for before, after in grown.values():
        name = before.function.split("-")[-2].removesuffix("Function").lower()
        sums = shown.setdefault(name, [0, 0, 0, 0, 0])
        values = (1, before.memory, after.memory, before.files, after.files)
        shown[name] = [one + other for one, other in zip(sums, values, strict=True)]
    return "; ".join(
        f"{n} of {name} {memory / 1e6:.1f} -> {later / 1e6:.1f} MB, {files} -> {more} files"
        for name, (n, memory, later, files, more) in sorted(shown.items())
    )
