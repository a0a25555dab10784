"""python -m tests.local build|up|down|demo|client|env"""

import argparse
import signal
import sys
from types import FrameType

from tests.local import LocalError
from tests.local.demo import demo
from tests.local.deploy import build
from tests.local.up import client, down, exports, step, up


def main() -> int:
    """Run a command; problems are said in plain words on stderr."""
    parser = argparse.ArgumentParser(prog="python -m tests.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build functions and layers")
    upping = commands.add_parser("up", help="run the whole service on this machine")
    upping.add_argument("--port", type=port, help="port of 127.0.0.1, 4566 if not given")
    upping.add_argument("--routes", help="which providers carry what; see docs/providers.md")
    commands.add_parser("down", help="stop it")
    commands.add_parser("demo", help="use it as a program would")
    commands.add_parser("env", help="print its facts, for a shell to set")
    making = commands.add_parser("client", help="create another client of it")
    making.add_argument("name")
    arguments = parser.parse_args()
    for ending in (signal.SIGTERM, signal.SIGHUP):  # so that it cleans up as after Ctrl-C
        signal.signal(ending, interrupt)
    try:
        if arguments.command == "build":
            with step("Building functions and layers with SAM"):
                build()
        elif arguments.command == "up":
            up(arguments.port, arguments.routes)
        elif arguments.command == "down":
            down()
        elif arguments.command == "env":
            exports()
        elif arguments.command == "client":
            client(arguments.name)
        else:
            demo()
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. What this run had started is stopped.", file=sys.stderr)
        return 130
    return 0


def port(text: str) -> int:
    """A port number; argparse says what is wrong with any other text."""
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return int(text)


def interrupt(number: int, frame: FrameType | None) -> None:
    """End as if Ctrl-C had been typed."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
