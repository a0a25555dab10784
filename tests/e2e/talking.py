"""Short ways to say what the end-to-end tests do."""

import json
import random
import re
import secrets
import string
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import requests
from boto3.dynamodb.types import TypeSerializer
from verification.domain.policy import Client, Profile, Scope
from verification.storage import directory

from tests.local.deploy import environment
from tests.local.processes import run
from tests.local.stack import Answer, Credentials, Stack, handed_out


def a_number() -> str:
    """A Dutch mobile number that no other test uses."""
    return f"+3164{random.randrange(10_000_000):07d}"


def start(stack: Stack, to: str, **fields: Any) -> dict[str, Any]:
    """Start a verification that must be accepted."""
    answer = stack.call("POST", "/v1/verifications", {"to": to, **fields})
    assert answer.status == 201, answer
    body: dict[str, Any] = answer.body
    return body


def call_raw(
    stack: Stack,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Call the API with headers of one's own; bytes and text go out as they are."""
    raw = isinstance(body, bytes | str)
    answer = requests.request(
        method,
        stack.api_url + path,
        json=None if raw else body,
        data=body if raw else None,
        headers={
            "Authorization": stack.credentials.bearer,
            "Content-Type": "application/json",
            **(headers or {}),
        },
        timeout=30,
    )
    return Answer(answer.status_code, answer.headers, answer.json() if answer.content else None)


def client_with(
    stack: Stack, *, scopes: Sequence[Scope] = tuple(Scope), **attributes: Any
) -> Credentials:
    """A client with a policy of its own, put into the directory without an operator's command.

    Args:
        attributes: of its item, see storage/directory.py: texts, flags, lists and maps of texts.
    """
    # Letters alone: digits by themselves would look like a code in the logs.
    client_id = f"policy-{''.join(random.choices(string.ascii_lowercase, k=8))}"
    created = Credentials(client_id, secrets.token_urlsafe(32))
    handed_out.add(created.client_secret)
    client = Client(created.client_id, Profile(""), direct_invoke=True, scopes=tuple(scopes))
    secret = directory.Secret(directory.hash_secret(created.client_secret))
    serialize = TypeSerializer().serialize
    item = directory.write_client(directory.ClientRecord(client, (secret,)), "Policy", 0)
    item |= {name: dict(serialize(value)) for name, value in attributes.items()}
    stack.aws("dynamodb").put_item(TableName=stack.tables["directory"], Item=item)
    return created


def operate(stack: Stack, *arguments: str) -> Any:
    """What an operator's command prints."""
    command = [sys.executable, "-m", "verification.cli", *arguments, "--json"]
    return json.loads(run(command, "verifyctl", environment(stack.endpoint_url)))


def expire(stack: Stack, verification_id: str) -> None:
    """Let the time of a code be over."""
    stack.aws("dynamodb").update_item(
        TableName=stack.tables["sessions"],
        Key={"pk": {"S": f"V#{verification_id[1:]}"}, "sk": {"S": "V"}},
        UpdateExpression="SET valid_until = :now",
        ExpressionAttributeValues={":now": {"N": str(time.time_ns() // 1_000_000)}},
    )


def expire_devices(stack: Stack, client: Credentials) -> None:
    """Let the time of all devices that a client trusts be over, before TTL deletes them."""
    dynamodb, table = stack.aws("dynamodb"), stack.tables["sessions"]
    pages = dynamodb.get_paginator("scan").paginate(TableName=table)
    items = [item for page in pages for item in page["Items"]]
    own = [one for one in items if one["pk"]["S"].startswith(f"T#{client.client_id}#")]
    assert own
    for item in own:
        dynamodb.put_item(TableName=table, Item=item | {"expires_at": {"N": str(int(time.time()))}})


def code_in(message: str) -> str:
    """The code that begins a message."""
    found = re.match(r"\d{4,16}", message)
    assert found, message
    return found[0]


def wrong(code: str, n: int = 1) -> str:
    """The n-th code that is not this one."""
    return f"{(int(code) + n) % 10 ** len(code):0{len(code)}d}"
