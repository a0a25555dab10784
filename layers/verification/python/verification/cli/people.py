"""People: their devices, the services they are users of, and all that is kept of one of them."""

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from ..domain.codes import hash_destination
from ..domain.identifiers import VerificationId, parse_id
from ..domain.services import User
from ..domain.verification import Verification
from ..errors import ProviderError, UserNotFound
from ..operations.services import Services
from ..storage import table
from ..storage.devices import DynamoDbDevices
from ..storage.erasure import DynamoDbErasure
from ..storage.services import DynamoDbServices, read_service
from ..telemetry import Telemetry
from ..wiring import Stack
from .shared import (
    CommandError,
    Commands,
    destination,
    directory,
    dynamodb,
    find_client,
    identity_key,
    is_client,
    output,
    scan,
    table_name,
)

_PATIENCE = 30_000  # milliseconds, with a vendor or with other writers
_TRIES = 5  # of deleting a user whose verifications are being started

_LEFT = {
    "limits": "counts by keyed hashes, for two windows of a limit: 2 days where it is of 24h",
    "guard": "tallies by keyed hashes, for 2 days at most; words of `unblock`, until the next one",
    "deleted verifications": "without their destination; they end after RetentionHours",
    "stream": "what was changed and deleted, for 24 hours",
    "queues": "ids of verifications, for 4 days; what failed, reports with numbers too, for 14",
    "logs": "masked destinations, for LogRetentionDays",
    "backups": "users of services, in the directory's point-in-time recovery, for 35 days",
    "vendors": "what they keep of messages; so do logs of SNS and SES, where they are switched on",
}


class _OnStderr(Telemetry):
    """Tells the operator what went wrong, where a function would log it; nothing is counted."""

    def warn(self, event: str, **fields: str | int) -> None:
        print(event, *(f"{name}={value}" for name, value in fields.items()), file=sys.stderr)

    def canceled(self, verification_id: VerificationId) -> None:
        """Nothing: that was asked for."""

    def verifier_failed(self, verification: Verification, error: ProviderError) -> None:
        print(f"{error.provider} was not told of a deletion: {error.vendor_code}", file=sys.stderr)


def revoke_devices(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trust no device of a client for a number any more: the next start there needs a code."""
    find_client(directory(arguments), arguments.client)  # a typing error looks like no devices
    hashed = hash_destination(identity_key(arguments), arguments.to)
    devices = DynamoDbDevices(dynamodb(), table_name(arguments, "Sessions"))
    return {"revoked": devices.forget(arguments.client, hashed)}


def list_services(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """List the services of a client, those that are deleted in part among them."""
    name = directory(arguments)
    find_client(name, arguments.client)
    items = [item for item in scan(name) if item["sk"]["S"] == "S"]
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
            "DIRECTORY_TABLE": directory(arguments),
            "SESSIONS_TABLE": output(arguments, "SessionsTableName"),
            "IDENTITY_KEY_SECRET": output(arguments, "IdentityKeySecretArn"),
            "PROVIDERS_SECRET": output(arguments, "ProvidersSecretArn"),
        }
    )
    stack.telemetry = _OnStderr()
    manage = stack.manage_services()
    try:
        manage.delete_service(arguments.client, arguments.service, _remaining)
    except UserNotFound:
        raise CommandError(
            f"The client {arguments.client} has no service {arguments.service}."
        ) from None
    return {"deleted": arguments.service}


def erase(arguments: argparse.Namespace) -> dict[str, Any]:
    """Erase all that is kept of a person, of all clients; what is left is named. Again is safe."""
    name, sessions = directory(arguments), output(arguments, "SessionsTableName")
    hashed = hash_destination(identity_key(arguments), arguments.to)
    devices = DynamoDbDevices(dynamodb(), sessions)
    erasure = DynamoDbErasure(dynamodb(), sessions)
    clients, users = [], []
    for item in scan(name):
        if is_client(item):
            clients.append(item["pk"]["S"].removeprefix("C#"))
        elif item.get("to") == {"S": arguments.to}:
            users.append(item)
    # Users first: nothing new is started for them then.
    deleted = [*_delete_users(DynamoDbServices(dynamodb(), name), users)]
    forgotten = sum(devices.forget(client, hashed) for client in clients)
    tokens = {*erasure.find(hashed), *filter(None, map(_last_token, deleted))}
    erased = [erasure.erase(token, _remaining) for token in sorted(tokens)]
    return {
        "erased": {
            "verifications": sum(one.verifications for one in erased),
            "message_ids": sum(one.message_ids for one in erased),
            "trusted_devices": forgotten,
            "sandbox_messages": erasure.erase_sandbox(arguments.to),
            "users": len(deleted),
        },
        "left": _LEFT,
    }


def _delete_users(services: Services, items: list[table.Item]) -> Iterator[User]:
    """Delete users with their names, pointers and apps; those that were there."""
    for item in items:
        key = item["pk"]["S"].removeprefix("S#"), item["sk"]["S"].removeprefix("U#")
        for _ in range(_TRIES):
            user = services.user(*key)
            if user is None:
                break
            if services.delete_user(user, _remaining):
                yield user
                break
        else:
            raise CommandError("Verifications of this person are being started; try again.")


def _last_token(user: User) -> str | None:
    """The verification of a user's last auth: the index may not have it yet."""
    parsed = parse_id(user.auth.verification_id) if user.auth else None
    return parsed.token if parsed else None


def _remaining() -> int:
    return _PATIENCE


def add_commands(commands: Commands) -> None:
    devices = commands.below("devices", "Devices that need no code for a while.")
    revoking = devices.add("revoke", revoke_devices)
    revoking.add_argument("client")
    revoking.add_argument("--to", type=destination, required=True)
    services = commands.below("services", "What clients of Verigator's API registered.")
    services.add("list", list_services).add_argument("client")
    deleting = services.add("delete", delete_service)
    deleting.add_argument("client")
    deleting.add_argument("service", help="its id")
    erasing = commands.add("erase", erase, has_table=False)
    erasing.add_argument(
        "--to", type=destination, required=True, help="a number with its +, or an e-mail address"
    )
