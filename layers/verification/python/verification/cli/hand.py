"""By hand: start, verify, look up and delete, by direct invokes as a client that may be named."""

import argparse
import getpass
import json
import secrets
import sys
from typing import Any

from ..domain.verification import Channel
from ..telemetry import mask
from .output import Outcome
from .shared import CommandError, Commands, aws, destination, output, seconds

_UNAUTHORIZED = "unauthorized"
# What a start takes besides its destination, as the API names it.
_OPTIONS = ("channel", "locale", "purpose", "reference", "sender", "code_length", "validity")


def start(arguments: argparse.Namespace) -> dict[str, Any]:
    """Start a verification: a code is sent."""
    given = {name: getattr(arguments, name) for name in _OPTIONS}
    fields = {name: value for name, value in given.items() if value is not None}
    # The AWS client may repeat a call whose answer was lost: nobody gets a second code for that.
    key = secrets.token_urlsafe()
    return _masked(_invoke(arguments, "Start", to=arguments.to, idempotency_key=key, **fields))


def verify(arguments: argparse.Namespace) -> Outcome:
    """Hand a code in; asks for it where no --code says it. Ends with 1 if it was not right."""
    code = arguments.code or _ask_code()
    key = secrets.token_urlsafe()
    answer = _invoke(arguments, "Verify", id=arguments.id, code=code, idempotency_key=key)
    return Outcome(answer, status=int(not answer["valid"]))


def look_up(arguments: argparse.Namespace) -> Any:
    """Show a verification, or those of a destination (--to), newest first."""
    if (arguments.id is None) is (arguments.to is None):
        raise CommandError("Say which: an id, or a destination by --to.")
    if arguments.id:
        return _masked(_invoke(arguments, "Lookup", id=arguments.id, masked=True))
    found = _invoke(arguments, "Lookup", to=arguments.to, masked=True)
    return [_masked(one) for one in found["verifications"]]


def delete(arguments: argparse.Namespace) -> dict[str, Any]:
    """Delete a verification: its code is not valid any more, what is personal is erased."""
    _invoke(arguments, "Delete", id=arguments.id)
    return {"deleted": arguments.id}


def _invoke(arguments: argparse.Namespace, function: str, **payload: Any) -> Any:
    """What a function answers this client.

    Raises:
        CommandError: an error of the API, in its words; or none of its answers.
    """
    answer = aws("lambda").invoke(
        FunctionName=output(arguments, f"{function}FunctionArn"),
        Payload=json.dumps({"client": arguments.client, **payload}),
    )
    if "FunctionError" in answer:  # its words may quote what it was given
        raise CommandError(f"The function {function.lower()} failed; its log says where.")
    said = json.load(answer["Payload"])
    if "error" in said:
        raise CommandError(_sentence(said["error"], arguments.client))
    return said


def _sentence(error: dict[str, Any], client: str) -> str:
    if error["code"] == _UNAUTHORIZED:
        return (
            f"The client {client} is unknown, revoked, or not one that may be named: "
            "`verifyctl clients create NAME --direct-invoke` makes such a one."
        )
    parts = [error["title"], error.get("detail")]
    parts += [f"{fault['field']} {fault['message']}" for fault in error.get("errors", ())]
    if "retry_after" in error:
        parts.append(f"try again in {error['retry_after']} s")
    return f"{'; '.join(filter(None, parts))} ({error['code']})."


def _masked(shown: dict[str, Any]) -> dict[str, Any]:
    to = shown.get("to")
    return shown | {"to": mask(to)} if to and "*" not in to else shown


def _ask_code() -> str:
    """A code that is not seen on the screen, or the first line of what is piped in.

    Raises:
        CommandError: there is none.
    """
    code = getpass.getpass("Code: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    if not code:
        raise CommandError("Say the code: --code, or a line on standard input.")
    return code


def add_commands(commands: Commands) -> None:
    starting = _add(commands, "start", start)
    starting.add_argument("to", type=destination, help="a number with its +, or an e-mail address")
    starting.add_argument("--channel", choices=[channel.value for channel in Channel])
    starting.add_argument("--locale", help="language of the message, such as de or pt-BR")
    starting.add_argument("--purpose", help="what it is for; a guess may have to name it")
    starting.add_argument("--reference", help="your own, shown by lookups")
    starting.add_argument("--sender", help="who sends it, where a country allows that")
    starting.add_argument("--code-length", type=int, help="digits: 6 unless you say otherwise")
    starting.add_argument("--validity", type=seconds, help="of the code, such as 10m; else 5m")
    verifying = _add(commands, "verify", verify)
    verifying.add_argument("id", help="of a verification")
    verifying.add_argument("--code", help="it stays in the shell's history; else it is asked for")
    looking = _add(commands, "lookup", look_up)
    looking.add_argument("id", nargs="?", help="of a verification")
    looking.add_argument("--to", type=destination, help="list those of a destination")
    _add(commands, "delete", delete).add_argument("id", help="of a verification")


def _add(commands: Commands, name: str, command: Any) -> argparse.ArgumentParser:
    parser = commands.add(name, command, has_table=False)
    parser.add_argument("--client", required=True, help="as whom: one made with --direct-invoke")
    return parser
