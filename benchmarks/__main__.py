"""python -m benchmarks [part ...]: measure, and print one table with the targets.

Parts: cold, callgrind, wire, sizes, load, growth, money; all of them, when none is named. A whole
run is written to benchmarks/results.json, unless a ratio of instructions has become worse than
what is committed there by more than 5 %: then it says so and ends with 1.
"""

import argparse
import signal
import sys
import time
from typing import Any

from benchmarks import callgrind, calls, cold, load, money, report, sizes
from benchmarks.world import World, make_world
from tests.local import LocalError
from tests.local.__main__ import interrupt

PARTS = ("cold", "callgrind", "wire", "sizes", "load", "growth", "money")
_IN_WORLD = {"cold", "callgrind", "wire", "growth", "money"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=15, help="cold starts of each function")
    parser.add_argument("--accept", action="store_true", help="write the results, worse or not")
    parser.add_argument(
        "--markdown",
        action="store_true",
        help="measure nothing: write the tables of docs/performance.md and the README",
    )
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}. There are {', '.join(PARTS)}.")
    for ending in (signal.SIGTERM, signal.SIGHUP):  # so that it cleans up as after Ctrl-C
        signal.signal(ending, interrupt)
    try:
        if arguments.markdown:
            report.write_pages()
            return 0
        parts = arguments.parts or PARTS
        return tell(measure(set(parts), arguments.rounds), arguments.accept)
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. What this run had started is stopped.", file=sys.stderr)
        return 130


def measure(parts: set[str], rounds: int) -> dict[str, Any]:
    """The figures of some parts; money needs those of cold and wire, and takes them along."""
    if "money" in parts:
        parts |= {"cold", "wire"}
    if "callgrind" in parts:
        callgrind.find()  # before all else: what is missing is said at once
    results: dict[str, Any] = {}
    if parts & _IN_WORLD:
        say("starting DynamoDB Local, the emulator, the vendor")
        with make_world() as world:
            results |= _measure_in(world, parts, rounds)
    if "sizes" in parts:
        say("sizes")
        results["sizes"] = sizes.measure()
    if "load" in parts:
        results["load"] = load.throughput(say)
    if "money" in parts:
        results["money"] = money.measure(results["wire"], results["cold"])
    return results | {"machine": report.machine()}


def _measure_in(world: World, parts: set[str], rounds: int) -> dict[str, Any]:
    results: dict[str, Any] = {}
    if "cold" in parts:
        results["cold"] = cold.measure(world, rounds, say)
    if "wire" in parts:
        say("calls and capacity")
        results["wire"] = calls.measure(world)
    if "callgrind" in parts:
        results["callgrind"] = callgrind.measure(world, say)
    if "growth" in parts:
        results["growth"] = load.growth(world, say)
    return results


def tell(results: dict[str, Any], accept: bool) -> int:
    """Print the table and the comparison, and keep the results of a whole run; 1 when worse."""
    print(report.text(results))
    said, worse = report.compare(results)
    if said:
        print("\nBeside benchmarks/results.json:", *said, sep="\n  ")
    if set(PARTS) <= results.keys() and (accept or not worse):
        report.save(results)
        print(f"\nWritten to {report.RESULTS}.")
    return 1 if worse and not accept else 0


def say(what: str) -> None:
    """What is being done now, on stderr: the table alone is the answer."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
