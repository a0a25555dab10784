"""The operator's commands: `python -m verification.cli --help` lists them.

Runs on an operator's machine with boto3 and AWS credentials; no function imports it.
"""

import argparse
import ipaddress
import json
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from .api.destinations import parse_destination
from .api.fields import LOCALE
from .api.senders import check_sender
from .catalogue import SET_BY_TEMPLATE, WrongSettings, read_settings
from .domain.codes import hash_destination
from .domain.identifiers import VerificationId, make_token, parse_id
from .domain.policy import Client, Profile
from .domain.verification import Channel, Verification
from .errors import (
    ConfigurationError,
    InvalidFields,
    ProviderError,
    TemporarilyUnavailable,
    UserNotFound,
)
from .providers.verigator import create_service
from .settings import Settings
from .storage import table
from .storage.devices import DynamoDbDevices
from .storage.directory import (
    ClientRecord,
    Secret,
    hash_secret,
    read_client,
    write_client,
    write_secret,
)
from .storage.secrets import StoredIdentityKey
from .storage.services import read_service
from .storage.verifications import DynamoDbVerifications
from .telemetry import Telemetry, mask
from .wiring import Stack

SECRET_BYTES = 32
DEFAULT_STACK = "serverless-verify"
_PATIENCE = 30_000  # milliseconds, with a vendor


class CommandError(Exception):
    """What the operator asked for cannot be done; the message says why."""


class _OnStderr(Telemetry):
    """Tells the operator what went wrong, where a function would log it; nothing is counted."""

    def warn(self, event: str, **fields: str | int) -> None:
        print(event, *(f"{name}={value}" for name, value in fields.items()), file=sys.stderr)

    def canceled(self, verification_id: VerificationId) -> None:
        """Nothing: that was asked for."""

    def verifier_failed(self, verification: Verification, error: ProviderError) -> None:
        print(f"{error.provider} was not told of a deletion: {error.vendor_code}", file=sys.stderr)


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
        networks=tuple(arguments.network or ()),
        senders=tuple(arguments.sender or ()),
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
            "networks": record.client.networks,
            "senders": record.client.senders,
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


def allow(arguments: argparse.Namespace) -> dict[str, Any]:
    """Say from where a client may call and whom it may name as sender, in place of before."""
    lists = {"networks": arguments.network, "senders": arguments.sender}
    changed = {name: values for name, values in lists.items() if values is not None}
    if not changed:
        raise CommandError("Say what: --network, --any-network, --sender or --any-sender.")
    try:
        _dynamodb().update_item(
            TableName=_table_name(arguments),
            Key=table.client_key(arguments.client),
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in changed),
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={
                f":{name}": {"L": [{"S": value} for value in values]}
                for name, values in changed.items()
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        raise CommandError(f"There is no client {arguments.client}.") from None
    return {"client_id": arguments.client, **changed}


def revoke_devices(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trust no device of a client for a number any more: the next start there needs a code."""
    _check_client(arguments)
    key = StoredIdentityKey(_secrets_manager(), _output(arguments, "IdentityKeySecretArn"))
    devices = DynamoDbDevices(_dynamodb(), _table_name(arguments, "Sessions"))
    return {"revoked": devices.forget(arguments.client, hash_destination(key(), arguments.to))}


def list_services(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """List the services of a client, those that are deleted in part among them."""
    _check_client(arguments)
    pages = _dynamodb().get_paginator("scan").paginate(TableName=_directory(arguments))
    items = [item for page in pages for item in page["Items"] if item["sk"]["S"] == "S"]
    services = [(read_service(item), "closed" in item) for item in items]
    return [
        {"id": one.id, "fqdn": one.fqdn, "name": one.name, "deleted_in_part": closed}
        for one, closed in services
        if one.client_id == arguments.client
    ]


def delete_service(arguments: argparse.Namespace) -> dict[str, Any]:
    """Delete a service of a client, with its users and their numbers; again goes on with it."""
    stack = Stack(
        {
            "DIRECTORY_TABLE": _directory(arguments),
            "SESSIONS_TABLE": _output(arguments, "SessionsTableName"),
            "IDENTITY_KEY_SECRET": _output(arguments, "IdentityKeySecretArn"),
            "PROVIDERS_SECRET": _providers_secret(arguments),
        }
    )
    stack.telemetry = _OnStderr()
    manage = stack.manage_services()
    try:
        manage.delete_service(arguments.client, arguments.service, lambda: _PATIENCE)
    except UserNotFound:
        raise CommandError(
            f"The client {arguments.client} has no service {arguments.service}."
        ) from None
    return {"deleted": arguments.service}


def show_sandbox(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Print the messages that the sandbox kept for a destination in the last hour, newest first."""
    answer = _dynamodb().query(
        TableName=_table_name(arguments, "Sessions"),
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": table.sandbox_key(arguments.to, 0, "")["pk"]},
        ScanIndexForward=False,
    )
    return [{"channel": i["channel"]["S"], "text": i["text"]["S"]} for i in answer["Items"]]


def show(arguments: argparse.Namespace) -> dict[str, Any]:
    """Print all tries to send a verification's code, with the vendors' own codes and ids."""
    parsed = parse_id(arguments.id)
    if parsed is None:
        raise CommandError(f"{arguments.id} is not an id of a verification.")
    verifications = DynamoDbVerifications(_dynamodb(), _table_name(arguments, "Sessions"))
    record = verifications.read(parsed.token)
    if record is None:
        raise CommandError(f"There is no verification {arguments.id}, or no longer.")
    verification = record.verification
    return {
        "id": str(verification.id),
        "to": verification.to and mask(verification.to),
        "client_id": verification.client_id,
        "status": verification.status_at(_now()),
        "delivery": record.delivery_at(_now()),
        "verifier": verification.verifier,
        "sends": [
            {"number": send.number, "outcome": send.outcome, "tries": list(map(asdict, send.tries))}
            for send in record.sends
        ],
    }


def check_providers(arguments: argparse.Namespace) -> dict[str, Any]:
    """Check the providers' settings, of the stack or in a file; name every wrong key."""
    named = () if arguments.file else _routed(arguments)
    return {"ok": _check_settings(_provider_settings(arguments), named)}


def put_providers(arguments: argparse.Namespace) -> dict[str, Any]:
    """Check the providers' settings in a file, and give them to the stack in place of its own."""
    text = _provider_settings(arguments)
    checked = _check_settings(text, _routed(arguments))
    secret = _providers_secret(arguments)
    _secrets_manager().put_secret_value(SecretId=secret, SecretString=text)
    return {"put": checked, "secret": secret}


def register_verigator_service(arguments: argparse.Namespace) -> dict[str, Any]:
    """Register a service with Verigator; its id is the setting verigator.service_id."""
    settings = _parse_settings(_provider_settings(arguments)).get("verigator") or {}
    try:
        account = read_settings("verigator", {"service_id": "none-yet", **settings})
        made = create_service(account, arguments.fqdn, arguments.name, lambda: _PATIENCE)
    except (WrongSettings, ProviderError) as error:
        raise CommandError(str(error)) from None
    return {"service_id": made}


def _provider_settings(arguments: argparse.Namespace) -> str:
    if arguments.file:
        try:
            return str(arguments.file.read_text())
        except ValueError:
            raise CommandError(f"{arguments.file} is not text in UTF-8.") from None
    secret = _secrets_manager().get_secret_value(SecretId=_providers_secret(arguments))
    return str(secret["SecretString"])


def _parse_settings(text: str) -> dict[str, Any]:
    try:
        settings = json.loads(text)
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise CommandError("The providers' settings must be a JSON object by provider.")
    return settings


def _check_settings(text: str, named: Iterable[str] = ()) -> list[str]:
    settings = _parse_settings(text)
    settings |= {name: None for name in named if name not in settings}
    faults: list[tuple[str, str]] = []
    for name, own in settings.items():
        try:
            read_settings(name, own)
        except WrongSettings as error:
            faults += error.faults
    if faults:
        raise CommandError("\n".join(f"{key}: {problem}" for key, problem in faults))
    return sorted(settings)


def _routed(arguments: argparse.Namespace) -> list[str]:
    """The providers that the stack's routes name and that have settings in the secret."""
    parameters = {p["ParameterKey"]: p["ParameterValue"] for p in _stack(arguments)["Parameters"]}
    routes = Settings({"ROUTES": parameters["Routes"]}).routes
    return sorted(name for name in routes.names if name not in SET_BY_TEMPLATE)


def _providers_secret(arguments: argparse.Namespace) -> str:
    return _output(arguments, "ProvidersSecretArn")


def _secrets_manager() -> Any:
    return boto3.client("secretsmanager")


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


def _check_client(arguments: argparse.Namespace) -> None:
    """Stop at a typing error, which would look like a client that has nothing."""
    own = table.client_key(arguments.client)
    answer = _dynamodb().get_item(TableName=_directory(arguments), Key=own, ConsistentRead=True)
    if "Item" not in answer:
        raise CommandError(f"There is no client {arguments.client}.")


def _directory(arguments: argparse.Namespace) -> str:
    return _output(arguments, "DirectoryTableName")


def _table_name(arguments: argparse.Namespace, which: str = "Directory") -> str:
    return str(arguments.table) if arguments.table else _output(arguments, f"{which}TableName")


def _output(arguments: argparse.Namespace, name: str) -> str:
    outputs = {o["OutputKey"]: o["OutputValue"] for o in _stack(arguments).get("Outputs", [])}
    try:
        return str(outputs[name])
    except KeyError:
        raise CommandError(f"The stack {arguments.stack} is not one of ours.") from None


def _stack(arguments: argparse.Namespace) -> Any:
    stacks = boto3.client("cloudformation").describe_stacks(StackName=arguments.stack)["Stacks"]
    return stacks[0]


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


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        message = "write a network such as 192.0.2.0/24 or 2001:db8::/32, or one address"
        raise argparse.ArgumentTypeError(message) from None


def _sender(text: str) -> str:
    try:
        check_sender(text, Channel.EMAIL if "@" in text else Channel.SMS)
    except InvalidFields as error:
        raise argparse.ArgumentTypeError(error.faults[0].message) from None
    if not text.isprintable():
        raise argparse.ArgumentTypeError("a sender has printable characters only")
    return text


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

    def add(
        name: str, command: Callable[..., Any], among: Any = commands
    ) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = among.add_parser(
            name, parents=[common], help=command.__doc__
        )
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
    _add_lists(creating)
    add("list", show_all)
    allowing = add("allow", allow)
    allowing.add_argument("client")
    networks, senders = _add_lists(allowing)
    networks.add_argument(
        "--any-network", action="store_const", const=[], dest="network", help="call from anywhere"
    )
    senders.add_argument(
        "--any-sender", action="store_const", const=[], dest="sender", help="name whom it likes"
    )
    rotating = add("rotate", rotate)
    rotating.add_argument("client")
    rotating.add_argument(
        "--overlap", type=_seconds, default="24h", help="how long the old secret works: 24h"
    )
    add("revoke", revoke).add_argument("client")
    add("show", show).add_argument("id", help="of a verification")
    providers = commands.add_parser("providers", help="Settings of the providers.")
    actions = providers.add_subparsers(required=True, metavar="ACTION")
    checking = add("check", check_providers, actions)
    checking.add_argument("--file", type=Path, help="instead of what the stack has")
    add("put", put_providers, actions).add_argument("file", type=Path)
    registering = add("verigator-service", register_verigator_service)
    registering.add_argument("--fqdn", required=True, help="host name of the service")
    registering.add_argument("--name", required=True, help="what people see in the app")
    registering.add_argument("--file", type=Path, help="settings, instead of the stack's")
    devices = commands.add_parser("devices", help="Devices that need no code for a while.")
    revoking = add(
        "revoke", revoke_devices, devices.add_subparsers(required=True, metavar="ACTION")
    )
    revoking.add_argument("client")
    revoking.add_argument("--to", type=_destination, required=True)
    services = commands.add_parser("services", help="What clients of Verigator's API registered.")
    actions = services.add_subparsers(required=True, metavar="ACTION")
    add("list", list_services, actions).add_argument("client")
    deleting = add("delete", delete_service, actions)
    deleting.add_argument("client")
    deleting.add_argument("service", help="its id")
    add("sandbox", show_sandbox).add_argument("--to", type=_destination, required=True)
    return parser


def _add_lists(parser: argparse.ArgumentParser) -> tuple[Any, Any]:
    """The options of what a client is held to; the groups of each, where others may exclude it."""
    networks, senders = parser.add_mutually_exclusive_group(), parser.add_mutually_exclusive_group()
    networks.add_argument(
        "--network",
        type=_network,
        action="append",
        help="may call over HTTPS from here only, such as 192.0.2.0/24; several: one after another",
    )
    senders.add_argument(
        "--sender",
        type=_sender,
        action="append",
        help="may name this sender only; several: one after another",
    )
    return networks, senders


def main(argv: list[str] | None = None) -> int:
    """Run a command; prints JSON, or one sentence on stderr and returns 1."""
    arguments = build_parser().parse_args(argv)
    try:
        answer = arguments.command(arguments)
    except TemporarilyUnavailable:
        print("AWS does not answer just now; try again.", file=sys.stderr)
        return 1
    except (CommandError, ConfigurationError, BotoCoreError, ClientError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(answer, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
