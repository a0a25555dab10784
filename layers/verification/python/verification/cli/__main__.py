"""The operator's commands: `python -m verification.cli --help` lists them.

Runs on an operator's machine with boto3 and AWS credentials; no function imports it.
"""

import argparse
import json
import sys

from botocore.exceptions import BotoCoreError, ClientError

from ..errors import ConfigurationError, TemporarilyUnavailable
from . import clients, guard, messages, money, people, profiles, providers, webhooks
from .shared import CommandError, Commands

ROOMS = (clients, profiles, messages, providers, guard, money, people, webhooks)


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(prog="verification.cli", description=__doc__)
    commands = Commands(parser)
    for room in ROOMS:
        room.add_commands(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run a command; prints JSON, or one sentence on stderr and returns 1."""
    arguments = build_parser().parse_args(argv)
    try:
        answer = arguments.command(arguments)
    except TemporarilyUnavailable:
        print("AWS does not answer just now; try again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; run it again to finish what it had begun.", file=sys.stderr)
        return 130
    except (CommandError, ConfigurationError, BotoCoreError, ClientError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(answer, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
