"""What happens now: the lines of all functions' logs, as they come, destinations masked."""

import argparse
import json
import re
import sys
import time as clocks
from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from ..api.native.views import time
from ..telemetry import mask
from .output import plain
from .shared import CommandError, Commands, aws, now, resources, seconds

# FilterLogEvents is held to a few calls a second for the whole account, and asks for one group.
_POLL_SECONDS = 4
_PAGE, _PAGES = 1_000, 20  # events of a page, pages with events of a group in one poll
_LONGEST_READ = 30_000  # milliseconds for a group in one poll: pages may be empty, and many
_LATE = 30_000  # milliseconds: logs of a function may be there later than those of another

_GROUP = "AWS::Logs::LogGroup"
_EVENT = re.compile(r"[a-z][a-z0-9_]{2,63}")
# What our own lines hold, see telemetry.py: nothing else is printed, whoever wrote it there.
_FIELDS = (
    "operation",
    "client_id",
    "channel",
    "provider",
    "send",
    "outcome",
    "reason",
    "delivery",
    "status",
    "code",
    "vendor_code",
    "message_id",
    "limit",
    "percent",
    "attempts",
    "key",
    "problem",
    "error",
    "where",
    "service_id",
    "validity",
)
_LONGEST = 200  # characters of one value


def tail(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Print what the functions log, one line each, until Ctrl-C; destinations are masked."""
    groups = [r.physical for r in resources(arguments) if r.kind == _GROUP]
    if not groups:
        raise CommandError(f"The stack {arguments.stack} is not one of ours.")
    return _follow(groups, arguments)


def _follow(groups: list[str], arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    logs = aws("logs")
    began = now() - arguments.since * 1000
    followed = [_Followed(logs, group, began) for group in groups]
    try:
        while True:
            events = [event for group in followed for event in group.read()]
            for event in sorted(events, key=lambda one: one["timestamp"]):
                line = read_line(event["message"], event["timestamp"])
                if line and _is_asked_for(line, arguments):
                    yield line
            rest = "were left out: ask for a shorter span" if arguments.once else "follow"
            for group in followed:
                if group.has_more:
                    print(
                        f"Too many lines in {group.name} for once; others {rest}.", file=sys.stderr
                    )
            if arguments.once:
                return
            clocks.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        return  # that is how it ends


class _Followed:
    """A log group, read bit by bit.

    Args:
        logs: a low-level CloudWatch Logs client.
        group: its name.
        since: from when on; epoch milliseconds.
    """

    def __init__(self, logs: Any, group: str, since: int) -> None:
        self._logs = logs
        self.name = group
        self._since = since
        self._began: int | None = None  # when the read that is not done yet began
        self._token: str | None = None  # where that goes on
        self._seen: dict[tuple[str, str], int] = {}  # what was given, with its time

    @property
    def has_more(self) -> bool:
        """Whether the last read was cut."""
        return self._began is not None

    def read(self) -> Iterator[dict[str, Any]]:
        """What was not given yet. If it is too much for once, the next call goes on there."""
        begins = now()
        if self._began is None:
            self._began = begins
        full = 0
        while full < _PAGES and now() - begins < _LONGEST_READ:
            more = {"nextToken": self._token} if self._token else {}
            page = self._logs.filter_log_events(
                logGroupName=self.name, startTime=self._since, limit=_PAGE, **more
            )
            for event in page["events"]:
                known = event["logStreamName"], event["message"]
                if known not in self._seen:
                    yield event
                self._seen[known] = event["timestamp"]
            full += bool(page["events"])  # a page may be empty, and others come after it
            self._token = page.get("nextToken")
            if not self._token:
                # Lines of while it was read may be on pages that were behind us then.
                self._since = max(self._since, self._began - _LATE)
                self._began = None
                self._seen = {one: at for one, at in self._seen.items() if at >= self._since}
                return


def read_line(message: str, at: int) -> dict[str, Any] | None:
    """What a line of a log says, as far as it is one of ours.

    Args:
        at: epoch milliseconds.

    Returns:
        The fields we know, nothing of the others; None for what is none of our lines.
    """
    try:
        found = json.loads(message)
    except ValueError:
        return None
    if not isinstance(found, dict) or not _EVENT.fullmatch(str(found.get("message"))):
        return None
    line = {"at": time(at), "event": found["message"], "level": _short(found.get("level", ""))}
    for name in ("verification_id", "verification_token"):
        if name in found:
            line[name] = _short(found[name])
    if found.get("destination"):
        to = str(found["destination"])
        line["destination"] = _short(to if "*" in to else mask(to))
    return line | {n: _short(found[n]) for n in _FIELDS if found.get(n) not in (None, "")}


def _short(value: Any) -> str | int:
    if isinstance(value, int):
        return value
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _is_asked_for(line: Mapping[str, Any], arguments: argparse.Namespace) -> bool:
    wanted = arguments.verification
    named = (line.get("verification_id"), line.get("verification_token"))
    return (arguments.client is None or line.get("client_id") == arguments.client) and (
        wanted is None or wanted in named or wanted[1:] == named[1]
    )


_COLOURS = {"WARNING": "yellow", "ERROR": "red"}


def _view(line: Mapping[str, Any]) -> Text:
    """One line for people: when, what, which, to whom, and the rest by name."""
    first = ("at", "event", "level", "verification_id", "verification_token", "destination")
    which = line.get("verification_id") or line.get("verification_token") or "-"
    words = [line["at"][11:23], line["event"], which, line.get("destination", "-")]
    words += [f"{name}={value}" for name, value in line.items() if name not in first]
    shown = Text(" ").join(plain(" ".join(str(word).split())) for word in words)
    shown.stylize(_COLOURS.get(str(line["level"]), ""))
    shown.no_wrap, shown.overflow = True, "ignore"
    return shown


def add_commands(commands: Commands) -> None:
    parser = commands.add("tail", tail, has_table=False, view=_view)
    parser.add_argument("--since", type=seconds, default="0s", help="begin so long ago: 10m")
    parser.add_argument("--client", help="of this client alone")
    parser.add_argument("--verification", help="of this verification alone: its id")
    parser.add_argument("--once", action="store_true", help="what there is, and no more")
