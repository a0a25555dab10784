"""Known holes in the locked packages, by pip-audit.

pip-audit asks a service on the network. Where there is none, or a mirror that knows of no holes,
nothing was asked: pip-audit itself would call the latter "No known vulnerabilities found".
"""

import json
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.local import CACHE, ROOT
from tests.local.processes import run, tail

# First what is deployed. checkov's own packages are its choice, and see no secret.
LOCKS = (ROOT / "layers/dependencies/requirements.txt", ROOT / "tests/requirements.txt")


class Unanswered(Exception):
    """Nobody was there who knows of holes; with the reason, in one line."""


def audit(locks: Sequence[Path] = LOCKS) -> list[str]:
    """What is wrong, a line each; prints what was asked, or that nobody could be.

    Raises:
        LocalError: a lock is none: it lacks a version or a hash.
    """
    wrong = []
    try:
        for lock in locks:
            report = ask(lock)
            wrong += judge(report)
            print(f"{name(lock)}: asked for known holes in {len(report['dependencies'])} packages.")
    except Unanswered as reason:
        print(f"Skipped: nobody could be asked for known holes in packages ({reason}).")
    return wrong


def ask(lock: Path) -> dict[str, Any]:
    """pip-audit's report on a lock.

    Raises:
        Unanswered: there is none.
        LocalError: the lock is none.
    """
    done = subprocess.run(command(lock), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        # It fails alike whatever went wrong. A dry run asks nobody: what fails then is the lock.
        run([*command(lock), "--dry-run"], f"Reading {name(lock)} with pip-audit")
        raise Unanswered(textwrap.shorten(tail(done.stderr, 1), 120)) from None
    return report


def command(lock: Path) -> list[str | Path]:
    return [
        Path(sys.executable).with_name("pip-audit"),
        *("--require-hashes", "--disable-pip", f"--requirement={lock}"),
        *("--format=json", "--progress-spinner=off", f"--cache-dir={CACHE / 'pip-audit'}"),
    ]


def judge(report: Mapping[str, Any]) -> list[str]:
    """What a report says is wrong, a line each: holes, and packages that nobody knows of.

    Raises:
        Unanswered: who answered knows none of the packages.
    """
    if all("skip_reason" in package for package in report["dependencies"]):
        raise Unanswered("a mirror answered that knows of none")
    wrong = []
    for package in report["dependencies"]:
        if "skip_reason" in package:
            wrong.append(f"{package['name']}: {package['skip_reason']}")
        for hole in package.get("vulns", ()):
            mended = ", ".join(hole["fix_versions"]) or "no version yet"
            one = f"{package['name']} {package['version']}"
            wrong.append(f"{one}: {hole['id']}, mended in {mended}")
    return wrong


def name(lock: Path) -> str:
    return str(lock.relative_to(ROOT, walk_up=True))
