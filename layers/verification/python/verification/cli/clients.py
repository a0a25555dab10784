"""Clients: made, listed, held to something, given new secrets, shut out."""

import argparse
import ipaddress
import re
import secrets
from collections.abc import Callable
from typing import Any

from ..api.fields import LOCALE
from ..api.native.views import time
from ..api.senders import check_sender
from ..domain.identifiers import make_token
from ..domain.policy import Client, Profile, Scope
from ..domain.verification import Channel
from ..errors import InvalidFields
from ..storage import table
from ..storage.directory import (
    ClientRecord,
    Secret,
    hash_secret,
    use_name,
    write_client,
    write_secret,
    write_words,
)
from .shared import (
    CLIENTS,
    Changes,
    CommandError,
    Commands,
    changed_meanwhile,
    dynamodb,
    find_client,
    is_client,
    no_client,
    now,
    read_record,
    scan,
    seconds,
    table_name,
    write_changes,
)

SECRET_BYTES = 32


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
        scopes=tuple(arguments.scope or Scope),
    )
    record = ClientRecord(client, (Secret(hash_secret(secret)),))
    dynamodb().put_item(
        TableName=table_name(arguments),
        Item=write_client(record, arguments.name, now()),
        ConditionExpression="attribute_not_exists(pk)",
    )
    return {"client_id": client_id, "client_secret": secret}


def show_all(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """List the clients."""
    clients, uses = [], {}
    for item in scan(table_name(arguments)):
        if is_client(item):
            clients.append(item)
        elif item["sk"]["S"] == "K":
            uses[item["pk"]["S"].removeprefix("K#")] = item
    return [
        {
            "client_id": record.client.id,
            "name": item["name"]["S"],
            "test": record.client.test,
            "direct_invoke": record.client.direct_invoke,
            "networks": record.client.networks,
            "senders": record.client.senders,
            "scopes": record.client.scopes,
            "revoked": record.disabled,
            "secrets": [_show(one, uses.get(record.client.id, {})) for one in record.secrets],
        }
        for item, record in ((item, read_record(item)) for item in clients)
    ]


def _show(secret: Secret, uses: table.Item) -> dict[str, str | None]:
    """A secret: when it was last used (functions write that down once an hour), and its end."""
    used = uses.get(use_name(secret.hash))
    return {
        "last_used": time(int(used["N"])) if used else None,
        "works_until": None if secret.valid_until is None else time(secret.valid_until),
    }


def rotate(arguments: argparse.Namespace) -> dict[str, Any]:
    """Give a client a new secret; those it has work for a while longer."""
    secret, ends = secrets.token_urlsafe(SECRET_BYTES), now() + arguments.overlap * 1000

    def renew(item: table.Item) -> tuple[Secret, ...]:
        record = read_record(item)
        if record.disabled:
            raise CommandError(f"The client {arguments.client} is revoked; create a new one.")
        old = (Secret(s.hash, min(ends, s.valid_until or ends)) for s in record.secrets)
        return (Secret(hash_secret(secret)), *(s for s in old if (s.valid_until or 0) > now()))

    _change(arguments, renew, disabled=False)
    return {
        "client_id": arguments.client,
        "client_secret": secret,
        "old_secrets_work_for_seconds": arguments.overlap,
    }


def revoke(arguments: argparse.Namespace) -> dict[str, Any]:
    """Shut a client out; functions that remember it forget it within a minute."""
    _change(arguments, lambda item: (), disabled=True)
    return {"client_id": arguments.client, "revoked": True}


def _change(
    arguments: argparse.Namespace,
    change: Callable[[table.Item], tuple[Secret, ...]],
    *,
    disabled: bool,
) -> None:
    name = table_name(arguments)
    item = find_client(name, arguments.client)
    changes: Changes = {
        "secrets": {"L": [write_secret(secret) for secret in change(item)]},
        "disabled": {"BOOL": disabled},
    }
    if not write_changes(name, arguments.client, changes, item):
        raise changed_meanwhile()


def allow(arguments: argparse.Namespace) -> dict[str, Any]:
    """Say from where a client may call, whom it may name as sender, what it may do."""
    lists = {
        "networks": arguments.network,
        "senders": arguments.sender,
        "scopes": arguments.scope,
    }
    changed = {name: words for name, words in lists.items() if words is not None}
    if not changed:
        raise CommandError(
            "Say what: --network, --any-network, --sender, --any-sender, --scope or --all-scopes."
        )
    # Without a list there are no bounds.
    changes = {name: write_words(words) if words else None for name, words in changed.items()}
    if not write_changes(table_name(arguments), arguments.client, changes):
        raise no_client(arguments.client)
    if changed.get("scopes") == []:
        changed["scopes"] = [*Scope]
    return {"client_id": arguments.client, **changed}


def _name(text: str) -> str:
    if not 1 <= len(text) <= 100 or not text.isprintable() or not text.strip():
        raise argparse.ArgumentTypeError("a name has 1 to 100 printable characters")
    return text


def _brand(text: str) -> str:
    if not 1 <= len(text) <= 20 or not text.isprintable() or not text.strip():
        raise argparse.ArgumentTypeError("a brand has 1 to 20 printable characters")
    return text


def _locale(text: str) -> str:
    if not re.fullmatch(LOCALE, text):
        raise argparse.ArgumentTypeError("write a locale such as de or pt-BR")
    return text


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


def add_commands(commands: Commands) -> None:
    commands = commands.below("clients", CLIENTS)
    creating = commands.add("create", create)
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
    commands.add("list", show_all)
    allowing = commands.add("allow", allow)
    allowing.add_argument("client")
    networks, senders, scopes = _add_lists(allowing)
    networks.add_argument(
        "--any-network", action="store_const", const=[], dest="network", help="call from anywhere"
    )
    senders.add_argument(
        "--any-sender", action="store_const", const=[], dest="sender", help="name whom it likes"
    )
    scopes.add_argument(
        "--all-scopes", action="store_const", const=[], dest="scope", help="do everything"
    )
    rotating = commands.add("rotate", rotate)
    rotating.add_argument("client")
    rotating.add_argument(
        "--overlap", type=seconds, default="24h", help="how long the old secret works: 24h"
    )
    commands.add("revoke", revoke).add_argument("client")


def _add_lists(parser: argparse.ArgumentParser) -> tuple[Any, Any, Any]:
    """The options of what a client is held to; the groups of each, where others may exclude it."""
    networks, senders, scopes = (parser.add_mutually_exclusive_group() for _ in range(3))
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
    scopes.add_argument(
        "--scope",
        choices=[scope.value for scope in Scope],
        action="append",
        help="may do this only; several: one after another",
    )
    return networks, senders, scopes
