"""A deployed stack, looked over: what does not work, what may hurt, what could not be seen."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from rich.console import Group, RenderableType
from rich.text import Text

from ..aws import error_code
from ..errors import ConfigurationError, TemporarilyUnavailable
from .checks import abuse, alarms, data, deployment, keys, sending
from .checks.examined import Check, Examined, Finding, Severity
from .output import Outcome, plain, progress
from .shared import CommandError, Commands, now

# What it ends with, the worst first: 2 is a wrong command line.
_ENDS = {Severity.PROBLEM: 1, Severity.UNKNOWN: 3}

CHECKS: tuple[tuple[str, Check], ...] = (
    ("stack", deployment.check_stack),
    ("clock", deployment.check_clock),
    ("functions", deployment.check_functions),
    ("concurrency", deployment.check_concurrency),
    ("sources", deployment.check_sources),
    ("dead_letters", deployment.check_dead_letters),
    ("code_keys", keys.check_code_keys),
    ("identity_key", keys.check_identity_key),
    ("providers", keys.check_providers),
    *sending.CHECKS,
    ("alarms", alarms.check_alarms),
    ("ringing", alarms.check_ringing),
    ("alarm_topic", alarms.check_topic),
    ("expiry", data.check_expiry),
    ("tables", data.check_stream),
    ("backups", data.check_backups),
    ("protection", data.check_protection),
    ("clients", data.check_clients),
    ("guard", abuse.check_guard),
    ("spending", abuse.check_spending),
    ("prices", abuse.check_prices),
)


def doctor(arguments: argparse.Namespace) -> Outcome:
    """Look a deployed stack over: 1 means a problem, 3 not all could be seen. Changes nothing."""
    examined = Examined(arguments, now())
    if "Routes" not in examined.parameters:
        raise CommandError(f"The stack {arguments.stack} is not one of ours.")
    findings: list[dict[str, str]] = []
    with progress("Looking", len(CHECKS)) as done:
        for number, (name, check) in enumerate(CHECKS):
            done(number)
            findings += [
                {"check": name, "severity": one.severity, "what": one.what, "do": one.do}
                for one in _look(check, examined)
            ]
    worst = [*Severity]
    findings.sort(key=lambda one: worst.index(Severity(one["severity"])))
    answer = {"stack": arguments.stack, "checks": len(CHECKS), "findings": findings}
    there = {one["severity"] for one in findings}
    return Outcome(answer, next((_ENDS[one] for one in _ENDS if one in there), 0))


def _look(check: Check, examined: Examined) -> Iterator[Finding]:
    """What a check finds; that AWS did not answer it is a finding, too."""
    try:
        yield from check(examined)
    except TemporarilyUnavailable:
        yield _unknown("AWS does not answer just now", "run this again")
    except ClientError as error:
        what = f"{error.operation_name} is answered {error_code(error) or 'with an error'}"
        yield _unknown(what, "look at it by yourself, or run this with more rights")
    except (BotoCoreError, ResponseParserError, ConfigurationError) as error:
        yield _unknown(str(error), "look at it by yourself")
    except KeyError as error:
        yield _unknown(f"AWS, or the stack, has no {error}", "look at it by yourself")


def _unknown(why: str, do: str) -> Finding:
    return Finding(Severity.UNKNOWN, f"Could not be looked at: {why}.", do)


_COLOURS = {Severity.PROBLEM: "red", Severity.WARNING: "yellow", Severity.UNKNOWN: "magenta"}


def _view(answer: Mapping[str, Any]) -> RenderableType:
    findings: Sequence[Mapping[str, str]] = answer["findings"]
    if not findings:
        return Text(f"{answer['checks']} checks, nothing to do.", style="green")
    lines: list[RenderableType] = []
    for one in findings:
        severity = Severity(one["severity"])
        head = Text(f"{severity} ", style=f"bold {_COLOURS[severity]}")
        lines += [head + Text(f"{one['check']}: ") + plain(one["what"])]
        lines += [Text("  → ", style="dim") + plain(one["do"])]
    counts = (sum(one["severity"] == severity for one in findings) for severity in Severity)
    words = ", ".join(f"{n} {severity}" for n, severity in zip(counts, Severity, strict=True))
    return Group(*lines, Text(f"{answer['checks']} checks: {words}.", style="bold"))


def add_commands(commands: Commands) -> None:
    commands.add("doctor", doctor, has_table=False, view=_view)
