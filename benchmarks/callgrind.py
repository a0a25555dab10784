"""Instructions, counted by valgrind: the same on a busy machine as on an idle one.

    cold    from the start of the process to its first answer
    warm    for one more request: a run of n+1 requests less a run of one, by n

Threads, timeouts and the network make runs of the same thing differ by a few thousandths.
"""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.builds import FUNCTIONS, VARIANTS
from benchmarks.cold import check, first_event
from benchmarks.started import Started, start_some
from benchmarks.world import World
from tests.local import LocalError

WARM_CALLS = 10
_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


def measure(
    world: World, say: Callable[[str], None], variants: Sequence[str] = VARIANTS
) -> dict[str, Any]:
    """Instructions by function and variant: `cold` and `warm`.

    Warm, the baseline with and without bytecode is the same program: it is counted once.

    Raises:
        LocalError: there is no valgrind.
    """
    find()
    counts: dict[str, Any] = {function: {} for function in FUNCTIONS}
    for variant in variants:
        started = start_some(world, variant, WARM_CALLS + 2)
        for function in FUNCTIONS:
            say(f"instructions: {variant}, {function}, the first request")
            cold = run(world, variant, function, started[:1])
            counts[function][variant] = {"cold": cold}
            if variant == "naive-sam":
                continue
            say(f"instructions: {variant}, {function}, {WARM_CALLS} more")
            more = run(world, variant, function, started[1:])
            counts[function][variant]["warm"] = (more - cold) / WARM_CALLS
    return counts


def find() -> None:
    """LocalError when there is no valgrind."""
    if not shutil.which("valgrind"):
        raise LocalError(
            "valgrind is not installed, and counts the instructions: apt-get install valgrind. "
            "Without it, leave them out: make bench ONLY='cold wire sizes load growth money'"
        )


def run(
    world: World,
    variant: str,
    function: str,
    started: Sequence[Started],
    keep: Path | None = None,
) -> int:
    """Instructions of one process that answers as many requests.

    Args:
        started: what is guessed at, one for each request.
        keep: where callgrind's own file is kept, for callgrind_annotate.
    """
    with TemporaryDirectory() as folder:
        out = Path(folder, "callgrind.out")
        under = [
            "valgrind",
            "--tool=callgrind",
            f"--callgrind-out-file={out}",
            # Else the symbols of all libraries are read, for minutes.
            *(() if keep else ("--dump-line=no", "--read-inline-info=no")),
        ]
        first = first_event(world, function, started[0])
        with world.function(variant, function, under=under, first=first) as one:
            check(function, one.reply().status)
            for each in started[1:]:
                check(function, one.invoke(first_event(world, function, each)).status)
            one.process.stop(patience=60)  # valgrind writes its counts when it is asked to end
        if not out.exists():
            raise LocalError("valgrind wrote no counts.")
        text = out.read_text(errors="replace")
        if keep:
            shutil.copy(out, keep)
    found = _TOTAL.findall(text)
    if not found:
        raise LocalError("valgrind wrote no total.")
    return int(found[-1])
