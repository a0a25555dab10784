"""The operator's commands: `python -m verification.cli create|list|rotate|revoke|sandbox`.

Runs on an operator's machine with boto3 and AWS credentials; no function imports it.
"""

import argparse
import json
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from .api.destinations import parse_destination
from .api.fields import LOCALE
from .domain.identifiers import make_token
from .domain.policy import Client, Profile
from .errors import InvalidFields
from .storage import table
from .storage.directory import (
    ClientRecord,
    Secret,
    hash_secret,
    read_client,
    write_client,
    write_secret,
)

SECRET_BYTES = 32
DEFAULT_STACK = "serverless-verify"


class CommandError(Exception):
    """What the operator asked for cannot be done; the message says why."""


def create(arguments: argparse.Namespace) -> dict[str, Any]:
    """Create a client; its secret is shown this once."""
    slug = re.sub(r"[^a-z0-9]+", "-", arguments.name.lower()).strip("-")[:32] or "client"
    client_id = f"{slug}-{make_token(secrets.token_bytes(16))[:8]}"
    secret = secrets.token_urlsafe(SECRET_BYTES)
    client = Client(
        client_id,
        Profile(arguments.brand or "", arguments.locale),
        test=arguments.test,
        direct_invoke=arguments.direct_invoke,
    )
    record = ClientRecord(client, (Secret(hash_secret(secret)),))
    _dynamodb().put_item(
        TableName=_table_name(arguments),
        Item=write_client(record, arguments.name, _now()),
        ConditionExpression="attribute_not_exists(pk)",
    )
    return {"client_id": client_id, "client_secret": secret}


def show_all(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """List the clients."""
    return [
        {
            "client_id": record.client.id,
            "name": item["name"]["S"],
            "test": record.client.test,
            "direct_invoke": record.client.direct_invoke,
            "revoked": record.disabled,
            "secrets": len(record.secrets),
        }
        for item, record in _clients(_table_name(arguments))
    ]


def rotate(arguments: argparse.Namespace) -> dict[str, Any]:
    """Give a client a new secret; those it has work for a while longer."""
    secret, ends = secrets.token_urlsafe(SECRET_BYTES), _now() + arguments.overlap * 1000

    def renew(record: ClientRecord) -> tuple[Secret, ...]:
        if record.disabled:
            raise CommandError(f"The client {arguments.client} is revoked; create a new one.")
        old = (Secret(s.hash, min(ends, s.valid_until or ends)) for s in record.secrets)
        return (Secret(hash_secret(secret)), *(s for s in old if (s.valid_until or 0) > _now()))

    _change(arguments, renew, disabled=False)
    return {
        "client_id": arguments.client,
        "client_secret": secret,
        "old_secrets_work_for_seconds": arguments.overlap,
    }


def revoke(arguments: argparse.Namespace) -> dict[str, Any]:
    """Shut a client out; functions that remember it forget it within a minute."""
    _change(arguments, lambda record: (), disabled=True)
    return {"client_id": arguments.client, "revoked": True}


def show_sandbox(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Print the messages that the sandbox kept for a destination in the last hour, newest first."""
    answer = _dynamodb().query(
        TableName=_table_name(arguments, "Sessions"),
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": table.sandbox_key(arguments.to, 0, "")["pk"]},
        ScanIndexForward=False,
    )
    return [{"channel": i["channel"]["S"], "text": i["text"]["S"]} for i in answer["Items"]]


def _change(
    arguments: argparse.Namespace,
    change: Callable[[ClientRecord], tuple[Secret, ...]],
    *,
    disabled: bool,
) -> None:
    name, key = _table_name(arguments), table.client_key(arguments.client)
    item = _dynamodb().get_item(TableName=name, Key=key, ConsistentRead=True).get("Item")
    if not item:
        raise CommandError(f"There is no client {arguments.client}.")
    renewed = change(read_client(item, ""))
    try:
        _dynamodb().update_item(
            TableName=name,
            Key=key,
            UpdateExpression="SET secrets = :new, disabled = :disabled",
            ConditionExpression="secrets = :seen",
            ExpressionAttributeValues={
                ":new": {"L": [write_secret(secret) for secret in renewed]},
                ":seen": item["secrets"],
                ":disabled": {"BOOL": disabled},
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        raise CommandError("Somebody else changed this client just now; try again.") from None


def _clients(name: str) -> Iterator[tuple[table.Item, ClientRecord]]:
    pages = _dynamodb().get_paginator("scan").paginate(TableName=name)
    for item in (item for page in pages for item in page["Items"]):
        if item["sk"]["S"] == "C":
            yield item, read_client(item, "")


def _table_name(arguments: argparse.Namespace, which: str = "Directory") -> str:
    if arguments.table:
        return str(arguments.table)
    stacks = boto3.client("cloudformation").describe_stacks(StackName=arguments.stack)["Stacks"]
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stacks[0].get("Outputs", [])}
    try:
        return str(outputs[f"{which}TableName"])
    except KeyError:
        raise CommandError(f"The stack {arguments.stack} is not one of ours.") from None


def _dynamodb() -> Any:
    return boto3.client("dynamodb")


def _now() -> int:
    return time.time_ns() // 1_000_000


def _seconds(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,4})([smhd])", text)
    if not match:
        raise argparse.ArgumentTypeError("write a time such as 90s, 15m, 24h or 7d")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2]]


def _name(text: str) -> str:
    if not 1 <= len(text) <= 100 or not text.isprintable() or not text.strip():
        raise argparse.ArgumentTypeError("a name has 1 to 100 printable characters")
    return text


def _locale(text: str) -> str:
    if not re.fullmatch(LOCALE, text):
        raise argparse.ArgumentTypeError("write a locale such as de or pt-BR")
    return text


def _destination(text: str) -> str:
    try:
        return parse_destination(text).value
    except InvalidFields as error:
        raise argparse.ArgumentTypeError(error.faults[0].message) from None


def _brand(text: str) -> str:
    if not 1 <= len(text) <= 20 or not text.isprintable() or not text.strip():
        raise argparse.ArgumentTypeError("a brand has 1 to 20 printable characters")
    return text


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--stack", default=DEFAULT_STACK, help="the deployed stack")
    common.add_argument("--table", help="the table itself, instead of --stack")
    parser = argparse.ArgumentParser(prog="verification.cli", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[..., Any]) -> argparse.ArgumentParser:
        added = commands.add_parser(name, parents=[common], help=command.__doc__)
        added.set_defaults(command=command)
        return added

    creating = add("create", create)
    creating.add_argument("name", type=_name, help="what people call the application")
    creating.add_argument("--test", action="store_true", help="may use the test destinations")
    creating.add_argument(
        "--direct-invoke",
        action="store_true",
        help="may be named in the payload of a direct invoke",
    )
    creating.add_argument("--brand", type=_brand, help="name in its messages, 1 to 20 characters")
    creating.add_argument(
        "--locale", type=_locale, help="language of its messages, such as de or pt-BR"
    )
    add("list", show_all)
    rotating = add("rotate", rotate)
    rotating.add_argument("client")
    rotating.add_argument(
        "--overlap", type=_seconds, default="24h", help="how long the old secret works: 24h"
    )
    add("revoke", revoke).add_argument("client")
    add("sandbox", show_sandbox).add_argument("--to", type=_destination, required=True)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run a command; prints JSON, or one sentence on stderr and returns 1."""
    arguments = build_parser().parse_args(argv)
    try:
        answer = arguments.command(arguments)
    except (CommandError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(answer, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
