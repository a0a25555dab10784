"""The table, in a terminal, docs/performance.md and the README, and beside the committed one."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import HERE
from benchmarks.builds import FUNCTIONS
from benchmarks.targets import Row, rows
from tests.local import ROOT, LocalError

RESULTS = HERE / "results.json"
PAGE = ROOT / "docs" / "performance.md"
README = ROOT / "README.md"
TOLERANCE = 0.05
_BEGIN, _END = "<!-- made by python -m benchmarks --markdown -->", "<!-- end -->"
_HEAD = ("measure", "ours", "naive", "reached", "target", "met")


def machine() -> dict[str, Any]:
    """Where it is measured."""
    model = "unknown"
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = (line.partition(":") for line in info.read_text().splitlines())
        model = next((value.strip() for name, _, value in lines if "model name" in name), model)
    return {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def text(results: Mapping[str, Any]) -> str:
    """The table for a terminal."""
    cells = [_HEAD, *(_cells(row) for row in rows(results))]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([_where(results), "", *(line.rstrip() for line in lines)])


def markdown(results: Mapping[str, Any]) -> str:
    """The table for a page."""
    cells = [_HEAD, ("---",) * len(_HEAD), *(_cells(row) for row in rows(results))]
    return "\n".join([_where(results), "", *(f"| {' | '.join(line)} |" for line in cells)])


def short(results: Mapping[str, Any]) -> str:
    """The lines that the README quotes: what is compared with the baseline."""
    compared = [row for row in rows(results) if row.theirs and row.target]
    lines = (f"| {row.measure} | {row.reached} | {row.target} |" for row in compared)
    return "\n".join(
        ["| measure | ours | aimed at |", "|---|---|---|", *lines, "", _where(results)]
    )


def write_pages() -> None:
    """Put the committed figures between the marks in docs/performance.md and the README.

    Raises:
        LocalError: nothing was measured yet, or the marks are gone.
    """
    results = load()
    for path, table in ((PAGE, markdown(results)), (README, short(results))):
        before, begin, rest = path.read_text().partition(_BEGIN)
        _, end, after = rest.partition(_END)
        if not begin or not end:
            raise LocalError(f"{path} has not the marks {_BEGIN} and {_END}.")
        path.write_text(f"{before}{_BEGIN}\n\n{table}\n\n{_END}{after}")


def load() -> dict[str, Any]:
    """The committed figures."""
    if not RESULTS.exists():
        raise LocalError(f"There is no {RESULTS} yet. Make it with: make bench")
    results: dict[str, Any] = json.loads(RESULTS.read_text())
    return results


def save(results: Mapping[str, Any]) -> None:
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


def compare(results: Mapping[str, Any]) -> tuple[list[str], bool]:
    """How the ratios of instructions differ from the committed ones, in words; and whether one is
    worse than it was by more than TOLERANCE."""
    if "callgrind" not in results or not RESULTS.exists():
        return [], False
    before = load().get("callgrind")
    if not before:
        return [], False
    said, worse = [], False
    for function in FUNCTIONS:
        for kind in ("cold", "warm"):
            now, then = (_ratio(one, function, kind) for one in (results["callgrind"], before))
            change = now / then - 1
            how = "as before"
            if abs(change) > TOLERANCE:
                how = "WORSE" if change > 0 else "better; commit the new figures"
            worse |= change > TOLERANCE
            said.append(
                f"{function}, {kind}: {now:.3f} of the baseline's instructions, "
                f"{then:.3f} when it was committed ({change:+.1%}): {how}"
            )
    return said, worse


def _ratio(found: Mapping[str, Any], function: str, kind: str) -> float:
    of = found[function]
    return float(of["ours"][kind] / of["naive"][kind])


def _where(results: Mapping[str, Any]) -> str:
    where = results["machine"]
    return (
        f"Measured {where['at']} on {where['processor']}, {where['cores']} cores, "
        f"{where['system']}, Python {where['python']}; load {where['load']:.1f} at the end."
    )


def _cells(row: Row) -> tuple[str, ...]:
    met = {None: "", True: "yes", False: "NO"}[row.met]
    return row.measure, row.ours, row.theirs, row.reached, row.target, met
