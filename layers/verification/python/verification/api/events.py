"""What comes in: an API Gateway event, or the plain payload of a direct invoke."""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Protocol

from ..domain.policy import Client, Scope
from ..errors import (
    AddressNotAllowed,
    FieldFault,
    InvalidFields,
    InvalidRequest,
    ScopeMissing,
    Unauthorized,
)
from ..operations.ports import Remaining
from ..valueclass import valueclass

CLIENT_ID = re.compile(r"[a-z0-9-]{1,64}")

_SECRET = re.compile(r"[\x21-\x7e]{1,128}")  # ours have 43 characters
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_VERSION = re.compile(r"\$LATEST|[0-9]+")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")


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


@valueclass
class Call:
    """A request of a known client, whichever way it came.

    Args:
        fields: what the body, the query or the payload says.
        verification_id: from the path or the payload; empty where there is none.
        path: the parameters of the path.
        agent: what the caller says it is.
        url: where the caller found this API, for addresses in answers; no slash at the end.
        test: with a key for tests, for which nothing is sent.
    """

    client: Client
    fields: Mapping[str, Any]
    verification_id: str
    idempotency_key: str | None
    remaining: Remaining
    path: Mapping[str, str] = field(default_factory=dict)
    agent: str = ""
    url: str = ""
    test: bool = False

    def require(self, scope: Scope) -> None:
        """
        Raises:
            ScopeMissing: the client may not do that.
        """
        if not self.client.may(scope):
            raise ScopeMissing(f"It needs the scope {scope}.")


@valueclass
class Answer:
    """What goes back; a text as it is, all else as JSON. `headers` are for HTTPS only."""

    status: int
    body: Mapping[str, Any] | str | None = None
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


def headers_of(event: Mapping[str, Any]) -> dict[str, str]:
    """The headers by their names in small letters: API Gateway keeps the caller's spelling."""
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def query_of(event: Mapping[str, Any]) -> dict[str, str]:
    """The parameters after the question mark.

    Raises:
        InvalidRequest: one is there twice, with different values.
    """
    several = event.get("multiValueQueryStringParameters") or {}
    for name, values in several.items():
        if len(set(values)) > 1:
            raise InvalidRequest(f"The parameter {name[:64]!a} is there twice.")
    return dict(event.get("queryStringParameters") or {})


def path_of(event: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of the path, such as `id`."""
    return dict(event.get("pathParameters") or {})


def let_in(event: Mapping[str, Any], clients: Clients, client_id: str, secret: str) -> Client:
    """The client with these credentials, calling from where it may.

    The address is the one that API Gateway saw: no header says it.

    Raises:
        Unauthorized: unknown, disabled, or no valid secret matches.
        AddressNotAllowed: right, but from somewhere else.
    """
    if not CLIENT_ID.fullmatch(client_id) or not _SECRET.fullmatch(secret):
        raise Unauthorized
    client = clients.authenticate(client_id, secret)
    identity = event["requestContext"].get("identity") or {}
    if not client.may_call_from(identity.get("sourceIp") or ""):
        raise AddressNotAllowed
    return client


def url_of(event: Mapping[str, Any]) -> str:
    """Where the caller found this API: its host, and the stage where that is in the path.

    API Gateway names the host. Emulators may not: then the caller's own word tells it, to itself.
    """
    context = event["requestContext"]
    host = context.get("domainName") or headers_of(event).get("host") or ""
    whole = (context.get("path") or "").rstrip("/")
    # Without the resource; a base path of a domain stands in `path` too, so that tells less.
    prefix = whole.rsplit("/", event["resource"].count("/"))[0]
    return f"https://{host}{prefix}" if _HOST.fullmatch(host) else ""


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
    elif isinstance(named, str) and CLIENT_ID.fullmatch(named):
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
        idempotency_key(fields.pop("idempotency_key", None)),
        context.get_remaining_time_in_millis,
    )


def alias_of(arn: str) -> str | None:
    """The alias in arn:aws:lambda:<region>:<account>:function:<name>:<alias>, if any."""
    qualifier = arn.split(":")[7:8]
    return qualifier[0] if qualifier and not _VERSION.fullmatch(qualifier[0]) else None


def idempotency_key(value: Any) -> str | None:
    """An Idempotency-Key.

    Raises:
        InvalidRequest: it is no text of 1 to 128 visible ASCII characters.
    """
    if value is None:
        return None
    if not isinstance(value, str) or not _IDEMPOTENCY_KEY.fullmatch(value):
        raise InvalidRequest("An Idempotency-Key has 1 to 128 visible ASCII characters.")
    return value
