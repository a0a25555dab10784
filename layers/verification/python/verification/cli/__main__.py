"""The operator's program: `verifyctl --help` lists its commands.

Runs on an operator's machine with boto3 and AWS credentials; no function imports it.
"""

import argparse
import os
import sys

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from ..errors import ConfigurationError, TemporarilyUnavailable
from . import (
    clients,
    doctor,
    guard,
    hand,
    keys,
    messages,
    money,
    people,
    profiles,
    providers,
    stats,
    tail,
    webhooks,
)
from .output import Outcome, print_answer
from .shared import CommandError, Commands

ROOMS = (
    hand,
    clients,
    profiles,
    messages,
    providers,
    guard,
    money,
    people,
    webhooks,
    keys,
    tail,
    stats,
    doctor,
)


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(prog="verifyctl", description=__doc__)
    commands = Commands(parser)
    for room in ROOMS:
        room.add_commands(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run a command; prints its answer, or one sentence on stderr and returns 1."""
    arguments = build_parser().parse_args(argv)
    try:
        answer, status = arguments.command(arguments), 0
        if isinstance(answer, Outcome):
            answer, status = answer.answer, answer.status
        print_answer(answer, as_json=arguments.json, view=arguments.view)
    except TemporarilyUnavailable:
        print("AWS does not answer just now; try again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; run it again to finish what it had begun.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # who read it has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (
        BotoCoreError,
        ClientError,
        CommandError,
        ConfigurationError,
        OSError,
        ResponseParserError,
    ) as error:
        print(error, file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
