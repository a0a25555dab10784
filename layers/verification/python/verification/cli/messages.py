"""Messages: what became of a verification's, and what the sandbox kept."""

import argparse
from dataclasses import asdict
from typing import Any

from ..domain.identifiers import parse_id
from ..storage import table
from ..storage.verifications import DynamoDbVerifications
from ..telemetry import mask
from .shared import CommandError, Commands, destination, dynamodb, now, table_name


def show(arguments: argparse.Namespace) -> dict[str, Any]:
    """Print all tries to send a verification's code, with the vendors' own codes and ids."""
    parsed = parse_id(arguments.id)
    if parsed is None:
        raise CommandError(f"{arguments.id} is not an id of a verification.")
    verifications = DynamoDbVerifications(dynamodb(), table_name(arguments, "Sessions"))
    record = verifications.read(parsed.token)
    if record is None:
        raise CommandError(f"There is no verification {arguments.id}, or no longer.")
    verification = record.verification
    return {
        "id": str(verification.id),
        "to": verification.to and mask(verification.to),
        "client_id": verification.client_id,
        "status": verification.status_at(now()),
        "delivery": record.delivery_at(now()),
        "verifier": verification.verifier,
        "sends": [
            {"number": send.number, "outcome": send.outcome, "tries": list(map(asdict, send.tries))}
            for send in record.sends
        ],
    }


def show_sandbox(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Print the messages that the sandbox kept for a destination in the last hour, newest first."""
    answer = dynamodb().query(
        TableName=table_name(arguments, "Sessions"),
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": table.sandbox_key(arguments.to, 0, "")["pk"]},
        ScanIndexForward=False,
    )
    return [{"channel": i["channel"]["S"], "text": i["text"]["S"]} for i in answer["Items"]]


def add_commands(commands: Commands) -> None:
    commands.add("show", show).add_argument("id", help="of a verification")
    commands.add("sandbox", show_sandbox).add_argument("--to", type=destination, required=True)
