"""Cold starts, side by side: time, processor time of the first request, peak memory.

    cold    from the start of the process to its first answer, seconds of the wall's clock
    cpu     processor time of the same; what Lambda bills moves with it
    first   processor time from the first GET of an invocation to its answer: what INIT left over
    peak    VmHWM after the first answer

The variants take turns, round by round, so that whatever else the machine does meets all of them
alike; medians are compared.
"""

import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.builds import FUNCTIONS, VARIANTS
from benchmarks.started import Started, start_some
from benchmarks.world import World, a_number


def measure(world: World, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Medians by function and variant.

    Args:
        rounds: how often each is begun.

    Returns:
        By function, then variant: `cold_seconds`, `cold_cpu_seconds`, `first_cpu_seconds`,
        `peak_bytes`.
    """
    samples: dict[tuple[str, str], list[tuple[float, float, float, int]]] = defaultdict(list)
    guesses = {variant: start_some(world, variant, rounds) for variant in VARIANTS}
    for number in range(rounds):
        say(f"cold starts: round {number + 1} of {rounds}")
        for function in FUNCTIONS:
            for variant in VARIANTS:
                event = first_event(world, function, guesses[variant][number])
                with world.function(variant, function, first=event) as one:
                    reply = one.reply()
                    check(function, reply.status)
                    samples[function, variant].append(
                        (reply.done.at - one.began, reply.done.cpu, reply.cpu, reply.peak)
                    )
    return {
        function: {variant: _medians(samples[function, variant]) for variant in VARIANTS}
        for function in FUNCTIONS
    }


def first_event(world: World, function: str, started: Started) -> Any:
    """The usual request to a function: a start, or the right guess."""
    if function == "start":
        return world.start_event(a_number())
    return world.verify_event(started.id, started.code)


def check(function: str, status: int) -> None:
    """AssertionError when a function did not do what is measured."""
    expected = {"start": 201, "verify": 200, "lookup": 200, "delete": 204}[function]
    if status != expected:
        raise AssertionError(f"{function} answered {status}; {expected} was expected")


def _medians(samples: list[tuple[float, float, float, int]]) -> Mapping[str, float]:
    names = ("cold_seconds", "cold_cpu_seconds", "first_cpu_seconds", "peak_bytes")
    medians = (statistics.median(values) for values in zip(*samples, strict=True))
    return dict(zip(names, medians, strict=True))
