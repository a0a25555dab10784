"""The two ways in: an API Gateway event, or the plain payload of a direct invoke."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..domain.policy import Client
from ..errors import FieldFault, InvalidFields, InvalidRequest, Unauthorized
from ..operations.ports import Remaining
from .body import read_json_body

_CLIENT_ID = re.compile(r"[a-z0-9-]{1,64}")
_BEARER = re.compile(
    rf"(?i:bearer) +(?P<id>{_CLIENT_ID.pattern})\.(?P<secret>[\x21-\x7e]{{1,128}})"
)
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_VERSION = re.compile(r"\$LATEST|[0-9]+")


class LambdaContext(Protocol):
    """What we use of the second argument of a handler."""

    aws_request_id: str
    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int: ...


class Clients(Protocol):
    """Who may call; see `storage.directory.Directory`."""

    def authenticate(self, client_id: str, secret: str) -> Client: ...
    def trusted(self, client_id: str) -> Client: ...
    def named(self, client_id: str) -> Client: ...


@dataclass(frozen=True)
class Call:
    """A request of a known client, whichever way it came.

    Args:
        fields: what the body, the query or the payload says.
        verification_id: from the path or the payload; empty where there is none.
    """

    client: Client
    fields: Mapping[str, Any]
    verification_id: str
    idempotency_key: str | None
    remaining: Remaining


@dataclass(frozen=True)
class Answer:
    """What goes back; `headers` are for HTTPS only."""

    status: int
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def is_http(event: Any) -> bool:
    """Whether API Gateway sends it; what only looks a little like it is a direct invoke."""
    return isinstance(event, dict) and all(
        isinstance(event.get(name), kind)
        for name, kind in (("httpMethod", str), ("resource", str), ("requestContext", dict))
    )


def route_of(event: Mapping[str, Any]) -> str:
    """Method and resource, such as `GET /v1/verifications/{id}`."""
    return f"{event['httpMethod']} {event['resource']}"


def read_http(event: Mapping[str, Any], remaining: Remaining, clients: Clients) -> Call:
    """Read a request that came through API Gateway. Credentials first, then the rest.

    Raises:
        Unauthorized: no valid `Authorization: Bearer <client id>.<secret>`.
        InvalidRequest and its neighbours: the body, query or Idempotency-Key is wrong.
    """
    # API Gateway keeps the caller's spelling of header names.
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    match = _BEARER.fullmatch(headers.get("authorization") or "")
    if not match:
        raise Unauthorized
    client = clients.authenticate(match["id"], match["secret"])
    reads = event["httpMethod"] in ("GET", "DELETE")
    return Call(
        client,
        _query(event) if reads else read_json_body(event, headers.get("content-type")),
        (event.get("pathParameters") or {}).get("id", ""),
        _idempotency_key(headers.get("idempotency-key")),
        remaining,
    )


def read_direct(event: Any, context: LambdaContext, clients: Clients) -> Call:
    """Read the payload of a direct invoke: `{"client": …, "id": …, "idempotency_key": …, …}`.

    AWS IAM let the caller in. Through an alias named after a client it is that client; else the
    payload names one, which must be marked for it.

    Raises:
        Unauthorized: no such client, or not that way.
        InvalidFields, InvalidRequest: the payload is wrong.
    """
    if not isinstance(event, dict):
        raise InvalidRequest("The payload must be a JSON object.")
    fields = dict(event)
    named = fields.pop("client", None)
    alias = alias_of(context.invoked_function_arn)
    if alias:
        if named not in (None, alias):
            raise Unauthorized
        client = clients.trusted(alias)
    elif isinstance(named, str) and _CLIENT_ID.fullmatch(named):
        client = clients.named(named)
    else:
        raise Unauthorized
    verification_id = fields.pop("id", "")
    if not isinstance(verification_id, str):
        raise InvalidFields(faults=[FieldFault("id", "should be a valid string")])
    return Call(
        client,
        fields,
        verification_id,
        _idempotency_key(fields.pop("idempotency_key", None)),
        context.get_remaining_time_in_millis,
    )


def alias_of(arn: str) -> str | None:
    """The alias in arn:aws:lambda:<region>:<account>:function:<name>:<alias>, if any."""
    qualifier = arn.split(":")[7:8]
    return qualifier[0] if qualifier and not _VERSION.fullmatch(qualifier[0]) else None


def _query(event: Mapping[str, Any]) -> dict[str, str]:
    several = event.get("multiValueQueryStringParameters") or {}
    for name, values in several.items():
        if len(values) > 1:
            raise InvalidRequest(f"The parameter {name[:64]!a} is there twice.")
    return dict(event.get("queryStringParameters") or {})


def _idempotency_key(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _IDEMPOTENCY_KEY.fullmatch(value):
        raise InvalidRequest("An Idempotency-Key has 1 to 128 visible ASCII characters.")
    return value
