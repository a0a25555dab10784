"""Callers: the events they make, the clients they are, and the context AWS adds."""

import json
from collections.abc import Mapping
from typing import Any

from verification.api.events import Call
from verification.domain.policy import Client, Profile
from verification.errors import Unauthorized

from .clock import plenty

SHOP = Client("shop", Profile("Shop"))
BATCH = Client("batch", Profile("Batch"), direct_invoke=True)
SECRET = "s3cret"
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:start"


class Context:
    """What Lambda passes beside the event.

    Args:
        qualifier: the alias or version that was invoked; empty for none.
        remaining: milliseconds until the function is killed, one for each time it is asked; the
            last one stays.
    """

    aws_request_id = "request-1"

    def __init__(self, qualifier: str = "", remaining: tuple[int, ...] = (10_000,)) -> None:
        self.invoked_function_arn = f"{ARN}:{qualifier}" if qualifier else ARN
        self._remaining = list(remaining)

    def get_remaining_time_in_millis(self) -> int:
        return self._remaining.pop(0) if len(self._remaining) > 1 else self._remaining[0]


class FakeClients:
    """Two clients, of which the payload of a direct invoke may name one; `more` beside them."""

    def __init__(self, *more: Client) -> None:
        self._clients = {client.id: client for client in (SHOP, BATCH, *more)}

    def authenticate(self, client_id: str, secret: str) -> Client:
        if secret != SECRET:
            raise Unauthorized
        return self.trusted(client_id)

    def trusted(self, client_id: str) -> Client:
        if client_id not in self._clients:
            raise Unauthorized
        return self._clients[client_id]

    def named(self, client_id: str) -> Client:
        client = self.trusted(client_id)
        if not client.direct_invoke:
            raise Unauthorized
        return client


def http_event(
    method: str = "POST",
    resource: str = "/v1/verifications",
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """An event as API Gateway makes it, by the client `shop` unless `headers` say otherwise."""
    credentials = {"Authorization": f"Bearer {SHOP.id}.{SECRET}"}
    return {
        "httpMethod": method,
        "resource": resource,
        "path": resource,
        "headers": credentials if headers is None else dict(headers),
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "requestContext": {"identity": {"sourceIp": "192.0.2.1"}},
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    } | more


def call(
    fields: Mapping[str, Any], verification_id: str = "", idempotency_key: str | None = None
) -> Call:
    """A call of the client `shop`, as the readers of the native API take it."""
    return Call(SHOP, fields, verification_id, idempotency_key, plenty)
