"""What the rooms of commands share: where the stack and its tables are, how words are read."""

import argparse
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import phonenumbers
from botocore.config import Config

from ..api.destinations import parse_destination
from ..domain.routes import Routes
from ..errors import InvalidFields
from ..settings import Settings
from ..storage import table
from ..storage.directory import ClientRecord, read_client
from ..storage.secrets import StoredIdentityKey
from ..storage.writes import Writer
from ..valueclass import valueclass
from .output import View, progress

DEFAULT_STACK = "serverless-verify"
CLIENTS = "Programs that may call, and their policies."  # what stands below `clients`

# Seconds. A function that is invoked may take 15.
_PATIENCE = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3})


class CommandError(Exception):
    """What the operator asked for cannot be done; the message says why."""


# Of a client's item: each attribute's new value, or None where it goes.
type Changes = dict[str, dict[str, Any] | None]


class Commands:
    """Takes commands: those of the program, or those that stand below one word of it."""

    def __init__(self, parser: argparse.ArgumentParser, metavar: str = "COMMAND") -> None:
        self._parsers = parser.add_subparsers(required=True, metavar=metavar)
        self._below: dict[str, Commands] = {}

    def add(
        self,
        name: str,
        command: Callable[..., Any],
        *,
        has_table: bool = True,
        view: View | None = None,
    ) -> argparse.ArgumentParser:
        """Add a command; its docstring is its help.

        Args:
            has_table: whether it does with one table of the stack, which may be named then.
            view: how people see its answer; None: as any other.
        """
        added: argparse.ArgumentParser = self._parsers.add_parser(name, help=command.__doc__)
        added.add_argument("--stack", default=DEFAULT_STACK, help="the deployed stack")
        if has_table:
            added.add_argument("--table", help="the table itself, instead of --stack")
        added.add_argument("--json", action="store_true", help="print JSON, for programs")
        added.set_defaults(command=command, view=view)
        return added

    def below(self, word: str, about: str) -> "Commands":
        """Those that stand below a word; several rooms may add to them."""
        if word not in self._below:
            self._below[word] = Commands(self._parsers.add_parser(word, help=about), "ACTION")
        return self._below[word]


# ------------------------------------------------------------------------------------- The stack


def stack(arguments: argparse.Namespace) -> Any:
    """The stack, as CloudFormation describes it."""
    return stack_answer(arguments)["Stacks"][0]


def stack_answer(arguments: argparse.Namespace) -> Any:
    """CloudFormation's whole answer about the stack."""
    return aws("cloudformation").describe_stacks(StackName=arguments.stack)


def output(arguments: argparse.Namespace, name: str) -> str:
    """One output of the stack.

    Raises:
        CommandError: it has none of this name.
    """
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack(arguments).get("Outputs", [])}
    try:
        return str(outputs[name])
    except KeyError:
        raise CommandError(f"The stack {arguments.stack} is not one of ours.") from None


def parameters(arguments: argparse.Namespace) -> dict[str, str]:
    """The stack's parameters."""
    listed = stack(arguments).get("Parameters", [])
    return {p["ParameterKey"]: p["ParameterValue"] for p in listed}


def routes(arguments: argparse.Namespace) -> Routes:
    """Those of the stack.

    Raises:
        CommandError: it has none.
    """
    found = parameters(arguments).get("Routes")
    if found is None:
        raise CommandError(f"The stack {arguments.stack} is not one of ours.")
    return Settings({"ROUTES": found}).routes


@valueclass
class Resource:
    """One of the stack's.

    Args:
        name: in the template.
        physical: what AWS calls it.
        kind: such as AWS::Lambda::Function.
    """

    name: str
    physical: str
    kind: str


def resources(arguments: argparse.Namespace) -> list[Resource]:
    """All those of the stack."""
    listing = aws("cloudformation").get_paginator("list_stack_resources")
    return [
        Resource(one["LogicalResourceId"], one.get("PhysicalResourceId", ""), one["ResourceType"])
        for page in listing.paginate(StackName=arguments.stack)
        for one in page["StackResourceSummaries"]
    ]


def directory(arguments: argparse.Namespace) -> str:
    """The name of the stack's directory table."""
    return output(arguments, "DirectoryTableName")


def table_name(arguments: argparse.Namespace, which: str = "Directory") -> str:
    """The table that was named, or one of the stack's."""
    return str(arguments.table) if arguments.table else output(arguments, f"{which}TableName")


def identity_key(arguments: argparse.Namespace) -> bytes:
    """What destinations are hashed with."""
    return StoredIdentityKey(secrets_manager(), output(arguments, "IdentityKeySecretArn"))()


def aws(service: Any) -> Any:  # boto3's stubs know services by literal names
    """A client of an AWS service.

    Raises:
        CommandError: the environment says no region, or an address that is none.
    """
    if not boto3.session.Session().region_name:
        raise CommandError("Say which region: set AWS_DEFAULT_REGION.")
    try:
        return boto3.client(service, config=_PATIENCE)
    except ValueError as error:  # botocore's, of AWS_ENDPOINT_URL
        raise CommandError(str(error)) from None


def dynamodb() -> Any:
    return aws("dynamodb")


def secrets_manager() -> Any:
    return aws("secretsmanager")


def scan(name: str) -> Iterator[table.Item]:
    """All items of a table."""
    pages = dynamodb().get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    with progress("Reading the table") as done:
        for number, item in enumerate((item for page in pages for item in page["Items"]), 1):
            done(number)
            yield item


def now() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


# --------------------------------------------------------------------------------------- Clients


def find_client(name: str, client_id: str) -> table.Item:
    """A client's item in the directory table.

    Raises:
        CommandError: there is none.
    """
    key = table.client_key(client_id)
    item = dynamodb().get_item(TableName=name, Key=key, ConsistentRead=True).get("Item")
    if not item:
        raise no_client(client_id)
    found: table.Item = item
    return found


def write_changes(
    name: str, client_id: str, changes: Changes, seen: table.Item | None = None
) -> bool:
    """Change a client in one write.

    Args:
        name: of the directory table.
        seen: its item as it was read; what is changed must still be so.

    Returns:
        Whether it was there, and as it was seen.
    """
    conditions, values, put, gone = ["attribute_exists(pk)"], {}, [], []
    for attribute, value in changes.items():
        if value is None:
            gone.append(f"#{attribute}")
        else:
            put.append(f"#{attribute} = :{attribute}")
            values[f":{attribute}"] = value
        if seen and attribute in seen:
            conditions.append(f"#{attribute} = :seen_{attribute}")
            values[f":seen_{attribute}"] = seen[attribute]
        elif seen:
            conditions.append(f"attribute_not_exists(#{attribute})")
    parts = [f"{word} {', '.join(what)}" for word, what in (("SET", put), ("REMOVE", gone)) if what]
    return Writer(dynamodb(), name).update_if(
        table.client_key(client_id),
        UpdateExpression=" ".join(parts),
        ConditionExpression=" AND ".join(conditions),
        ExpressionAttributeNames={f"#{attribute}": attribute for attribute in changes},
        **({"ExpressionAttributeValues": values} if values else {}),
    )


def no_client(client_id: str) -> CommandError:
    return CommandError(f"There is no client {client_id}.")


def changed_meanwhile() -> CommandError:
    return CommandError("Somebody else changed this client just now; try again.")


def is_client(item: table.Item) -> bool:
    return item["sk"] == {"S": "C"}


def read_record(item: table.Item) -> ClientRecord:
    """A client as it is stored, without the stack's brand.

    Raises:
        CommandError: it was written by somebody else's hand, and cannot be read.
    """
    try:
        return read_client(item, "")
    except (LookupError, ValueError) as error:
        client_id = item["pk"]["S"].removeprefix("C#")
        raise CommandError(f"The client {client_id} cannot be read: {error}.") from None


# ----------------------------------------------------------------------- Words of a command line


def seconds(text: str) -> int:
    """A span such as `90s`, `15m`, `24h` or `7d`."""
    match = re.fullmatch(r"([0-9]{1,4})([smhd])", text)
    if not match:
        raise argparse.ArgumentTypeError("write a time such as 90s, 15m, 24h or 7d")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2]]


def destination(text: str) -> str:
    """A phone number with its `+`, or an e-mail address, in the one spelling we know it by."""
    try:
        return parse_destination(text).value
    except InvalidFields as error:
        raise argparse.ArgumentTypeError(error.faults[0].message) from None


def country(text: str) -> str:
    """A country (ISO 3166-1 alpha-2) that has phone numbers."""
    if not is_country(text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a country such as EE")
    return text


def is_country(text: str) -> bool:
    return bool(text in phonenumbers.SUPPORTED_REGIONS)


def read_text(file: Path) -> str:
    """What a file holds.

    Raises:
        CommandError: it is no text.
        OSError: it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8-sig")  # some programs begin a text with a mark
    except ValueError:
        raise CommandError(f"{file} is not text in UTF-8.") from None
