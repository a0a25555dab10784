"""The fraud guard: places that it lets through for a while."""

import argparse
from typing import Any

from ..api.native.views import time
from ..domain.guard import read_allowed
from ..storage.tallies import DynamoDbTallies
from .shared import CommandError, Commands, country, dynamodb, now, seconds, table_name

_USUAL, _LONGEST = 86_400, 30 * 86_400  # seconds


def unblock(arguments: argparse.Namespace) -> Any:
    """Let a network, prefix or country through the guard for a while; alone: list those."""
    tallies = DynamoDbTallies(dynamodb(), table_name(arguments, "Sessions"))
    if arguments.word is None:
        if arguments.span is not None:
            raise CommandError("Say what to let through, such as 192.0.2.0/24, +3725 or EE.")
        return [_show(word, until) for word, until in sorted(tallies.unblocked(now()).items())]
    moment = now()
    until = moment // 1000 + (_USUAL if arguments.span is None else arguments.span)
    tallies.unblock(arguments.word, until, moment)
    return _show(arguments.word, until) if until > moment // 1000 else {"ended": arguments.word}


def _show(word: str, until: int) -> dict[str, str]:
    return {"unblocked": word, "until": time(until * 1000)}


def _word(text: str) -> str:
    try:
        word = read_allowed(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return country(word) if word.isalpha() else word


def _span(text: str) -> int:
    span = seconds(text)
    if span > _LONGEST:
        raise argparse.ArgumentTypeError("at most 30d; the parameter GuardAllow holds for good")
    return span


def add_commands(commands: Commands) -> None:
    unblocking = commands.add("unblock", unblock)
    unblocking.add_argument(
        "word", nargs="?", type=_word, help="such as 192.0.2.0/24, +3725 or EE; alone: list them"
    )
    unblocking.add_argument(
        "--for", dest="span", type=_span, help="how long: 24h, at most 30d; 0s ends it"
    )
