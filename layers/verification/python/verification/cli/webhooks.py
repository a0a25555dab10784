"""Webhooks: where clients hear of events, and what is waiting for those that did not take any."""

import argparse
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import RenderableType

from ..api.native.views import time
from ..domain.events import EventType
from ..domain.webhooks import MAX_WEBHOOKS, Webhook, secret_of
from ..providers.outbound import Outbound
from ..storage import table
from ..storage.webhooks import DynamoDbWebhooks, read_webhook, write_webhook
from ..storage.writes import Writer
from .output import rows, show
from .shared import (
    CommandError,
    Commands,
    aws,
    directory,
    dynamodb,
    find_client,
    identity_key,
    now,
    output,
    parameters,
    scan,
    seconds,
)

_LONGEST_OVERLAP = 30 * 86_400  # seconds
_AT_ONCE = 10  # messages; SQS gives no more
_HIDDEN = 30  # seconds that a message which is looked at stays out of sight

_DEAD_LETTERS, _QUEUE = "WebhooksDeadLetterQueueUrl", "WebhooksQueueUrl"


def create_webhook(arguments: argparse.Namespace) -> Any:
    """Post a client's events to a URL from now on; prints its secret."""
    stack = parameters(arguments)
    try:
        Outbound(stack.get("WebhookNetworks", "").split()).check(arguments.url)
    except ValueError as error:
        raise CommandError(f"{error}.") from None
    name = directory(arguments)
    find_client(name, arguments.client)
    if len(_webhooks(name).read(arguments.client)) >= MAX_WEBHOOKS:
        raise CommandError(f"A client has {MAX_WEBHOOKS} webhooks at most; delete one first.")
    types = tuple(dict.fromkeys(arguments.events or ()))
    webhook = Webhook(f"w{secrets.token_hex(6)}", arguments.client, arguments.url, types)
    dynamodb().put_item(
        TableName=name,
        Item=write_webhook(webhook, now()),
        ConditionExpression="attribute_not_exists(pk)",
    )
    shown = _show(webhook) | {"secret": _secret(arguments, webhook)}
    if stack.get("Events") != "webhooks":
        shown["to_do"] = "Nothing is posted in this stack: deploy it with Events=webhooks."
    return shown


def list_webhooks(arguments: argparse.Namespace) -> Any:
    """Print the webhooks of one client, or of all."""
    name = directory(arguments)
    if arguments.client:
        find_client(name, arguments.client)
        return [_show(webhook) for webhook in _webhooks(name).read(arguments.client)]
    items = (item for item in scan(name) if item["sk"]["S"].startswith("W#"))
    found = map(read_webhook, items)
    return [_show(webhook) for webhook in sorted(found, key=lambda w: (w.client_id, w.id))]


def rotate_secret(arguments: argparse.Namespace) -> Any:
    """Sign with a new secret, and for a while with the one before, too; prints the new one."""
    webhook = _find(arguments)
    rotated = replace(
        webhook,
        generation=webhook.generation + 1,
        overlap_until=now() + arguments.overlap * 1000,
    )
    _change(
        arguments,
        webhook,
        "SET generation = :next, overlap_until = :until",
        {
            ":next": {"N": str(rotated.generation)},
            ":until": {"N": str(rotated.overlap_until)},
        },
    )
    return _show(rotated) | {"secret": _secret(arguments, rotated)}


def enable_webhook(arguments: argparse.Namespace) -> Any:
    """Post to it again, after it said that it was gone (410)."""
    webhook = _find(arguments)
    _change(arguments, webhook, "SET disabled = :disabled", {":disabled": {"BOOL": False}})
    return _show(replace(webhook, disabled=False))


def delete_webhook(arguments: argparse.Namespace) -> Any:
    """Post nothing more to it; what waits for it is dropped when its time comes."""
    webhook = _find(arguments)
    dynamodb().delete_item(
        TableName=directory(arguments), Key=table.webhook_key(webhook.client_id, webhook.id)
    )
    return {"deleted": webhook.id}


def show_dead_letters(arguments: argparse.Namespace) -> Any:
    """Print what no webhook took within a day; it stays there, out of sight for half a minute."""
    return [_letter(json.loads(message["Body"])) for message in _receive(arguments, arguments.most)]


def replay(arguments: argparse.Namespace) -> Any:
    """Send what no webhook took once more, for another day."""
    queue, dead_letters = output(arguments, _QUEUE), output(arguments, _DEAD_LETTERS)
    client = aws("sqs")
    replayed = 0
    for message in _receive(arguments, arguments.most):
        letter = json.loads(message["Body"])
        if arguments.webhook not in (None, letter.get("webhook_id")):
            continue
        # Put back before it is taken away: twice is better than never.
        client.send_message(QueueUrl=queue, MessageBody=json.dumps(_anew(letter)))
        client.delete_message(QueueUrl=dead_letters, ReceiptHandle=message["ReceiptHandle"])
        replayed += 1
    return {"replayed": replayed}


def _receive(arguments: argparse.Namespace, most: int) -> Iterator[dict[str, Any]]:
    """Messages of the dead-letter queue, each once, and none any more after some time."""
    client, url = aws("sqs"), output(arguments, _DEAD_LETTERS)
    seen: set[str] = set()
    while len(seen) < most:
        answer = client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(_AT_ONCE, most - len(seen)),
            VisibilityTimeout=_HIDDEN,
            WaitTimeSeconds=1,
        )
        found = [m for m in answer.get("Messages", []) if m["MessageId"] not in seen]
        if not found:
            return
        seen.update(message["MessageId"] for message in found)
        yield from found


def _anew(letter: dict[str, Any]) -> dict[str, Any]:
    """A dead letter as it begins; what the bus brought is as it was."""
    if "webhook_id" not in letter:
        return letter
    kept = {name: letter[name] for name in ("client_id", "webhook_id", "event")}
    return kept | {"tries": 0, "began": 0, "due": 0}


def _letter(letter: dict[str, Any]) -> dict[str, Any]:
    event = letter.get("event") or letter.get("detail") or {}
    return {
        "client_id": event.get("client_id"),
        "webhook_id": letter.get("webhook_id"),
        "event_id": event.get("id"),
        "type": event.get("type"),
        "time": event.get("time"),
        "tries": letter.get("tries", 0),
        "outcome": letter.get("outcome", "never_handled"),
    }


def _webhooks(name: str) -> DynamoDbWebhooks:
    return DynamoDbWebhooks(dynamodb(), name, now)


def _find(arguments: argparse.Namespace) -> Webhook:
    found = _webhooks(directory(arguments)).read(arguments.client)
    named = [webhook for webhook in found if webhook.id == arguments.webhook]
    if not named:
        raise CommandError(f"{arguments.client} has no webhook {arguments.webhook}.")
    return named[0]


def _change(
    arguments: argparse.Namespace, seen: Webhook, update: str, values: dict[str, Any]
) -> None:
    done = Writer(dynamodb(), directory(arguments)).update_if(
        table.webhook_key(seen.client_id, seen.id),
        UpdateExpression=update,
        ConditionExpression="generation = :seen",
        ExpressionAttributeValues=values | {":seen": {"N": str(seen.generation)}},
    )
    if not done:
        raise CommandError("Somebody else changed this webhook just now; try again.")


def _secret(arguments: argparse.Namespace, webhook: Webhook) -> str:
    return secret_of(webhook.key(identity_key(arguments), webhook.generation))


def _show(webhook: Webhook) -> dict[str, Any]:
    overlaps = webhook.overlap_until > now()
    return {
        "client_id": webhook.client_id,
        "webhook_id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.types) or list(EventType),
        "disabled": webhook.disabled,
        "older_secret_until": time(webhook.overlap_until) if overlaps else None,
    }


def _view_list(webhooks: Sequence[Mapping[str, Any]]) -> RenderableType:
    """One line for each, as short as it goes: addresses are long."""
    if not webhooks:
        return show(webhooks)
    lines = []
    for one in webhooks:
        types = [name.removeprefix("verification.") for name in one["events"]]
        until = one["older_secret_until"]
        state = "disabled" if one["disabled"] else "on"
        lines.append(
            (
                one["client_id"],
                one["webhook_id"],
                one["url"],
                "all" if len(types) == len(EventType) else types,
                f"{state}, two secrets until {until}" if until else state,
            )
        )
    return rows(("client_id", "webhook_id", "url", "events", "state"), lines)


def _event(text: str) -> EventType:
    try:
        return EventType(f"verification.{text.removeprefix('verification.')}")
    except ValueError:
        known = ", ".join(one.removeprefix("verification.") for one in EventType)
        raise argparse.ArgumentTypeError(f"'{text}' is none of {known}") from None


def _overlap(text: str) -> int:
    span = seconds(text)
    if span > _LONGEST_OVERLAP:
        raise argparse.ArgumentTypeError("at most 30d")
    return span


def _most(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError("write a number of 1 to 100000")
    return int(text)


def add_commands(commands: Commands) -> None:
    webhooks = commands.below("webhooks", "Where clients hear of events over HTTP.")
    creating = webhooks.add("create", create_webhook, has_table=False)
    creating.add_argument("client")
    creating.add_argument("url", help="https://…, at a public address")
    creating.add_argument(
        "--event",
        dest="events",
        action="append",
        type=_event,
        help="only these, such as verified; may be given again",
    )
    listing = webhooks.add("list", list_webhooks, has_table=False, view=_view_list)
    listing.add_argument("client", nargs="?")
    for name, command in (
        ("rotate", rotate_secret),
        ("enable", enable_webhook),
        ("delete", delete_webhook),
    ):
        changing = webhooks.add(name, command, has_table=False)
        changing.add_argument("client")
        changing.add_argument("webhook", help="its id")
        if command is rotate_secret:
            changing.add_argument(
                "--overlap",
                type=_overlap,
                default=86_400,
                help="how long the secret before signs, too: 24h, at most 30d",
            )
    letters = webhooks.add("dlq", show_dead_letters, has_table=False)
    replaying = webhooks.add("replay", replay, has_table=False)
    replaying.add_argument("--webhook", help="its id; without one, of all")
    for one in (letters, replaying):
        one.add_argument("--most", type=_most, default=1_000, help="how many; 1000")
