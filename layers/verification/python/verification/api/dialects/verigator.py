"""Messente Verigator: services, their users, and whether a user is who they say.

Names, bounds and statuses are those of the vendor's documents ("Verification API"); where these
are silent, what its published clients read:

    200 201 202   done; 201 for a new service or user, but the Java client takes 200 alone
    401 403 404   credentials; not from this address; no such service, user or verification
    409 422       there is one already; anything else that is wrong, a limit that is used up too
    500 502 503   not the caller's fault

Every answer is JSON, also that to DELETE; errors are `{"message": …}`. Unknown fields mean nothing.
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ...domain.codes import normalise_guess
from ...domain.destination import Destination
from ...domain.services import Service, User
from ...domain.verification import Channel, Reason, Verdict
from ...errors import (
    BodyTooLarge,
    FieldFault,
    InvalidFields,
    InvalidJson,
    InvalidRequest,
    LimitExceeded,
    ServiceError,
    Unauthorized,
    UnsupportedContentType,
)
from ...operations.auth import CheckAuth, StartAuth
from ...operations.ports import Remaining
from ...operations.services import Manage
from ..body import read_json_body
from ..events import CLIENT_ID, Answer, Call, Clients, headers_of, let_in, path_of
from ..fields import read_fields
from ..handler import Respond
from ..native.views import time

MAX_LIST_BYTES = 4_000_000  # Lambda answers with 6 MB at most, in which quotes count twice

_CREDENTIALS = re.compile(rf"(?P<id>{CLIENT_ID.pattern}):(?P<secret>[\x21-\x7e]+)")
_JAVA_CLIENT = "verigator-java"
_HOST_NAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
# Their documents know one status for all that is wrong with a request, and none for limits.
_INVALID = (
    BodyTooLarge,
    InvalidFields,
    InvalidJson,
    InvalidRequest,
    LimitExceeded,
    UnsupportedContentType,
)
_RESULTS = {
    Reason.INCORRECT: "INVALID",
    Reason.EXPIRED: "EXPIRED",
    Reason.ALREADY_VERIFIED: "EXPIRED",
    Reason.EXHAUSTED: "THROTTLED",
}


class VerigatorApi:
    """How this API reads requests and refuses them."""

    def read(self, event: Mapping[str, Any], remaining: Remaining, clients: Clients) -> Call:
        """Read a request. Credentials first, then the rest.

        Raises:
            Unauthorized: no valid `X-Service-Auth: <client id>:<secret>`.
            AddressNotAllowed: from where this client may not call.
            InvalidJson and its neighbours: the body is wrong.
        """
        headers = headers_of(event)
        match = _CREDENTIALS.fullmatch(headers.get("x-service-auth") or "")
        if not match:
            raise Unauthorized
        client = let_in(event, clients, match["id"], match["secret"])
        reads = event["httpMethod"] in ("GET", "DELETE")
        fields = {} if reads else read_json_body(event, headers.get("content-type"))
        agent = headers.get("user-agent") or ""
        return Call(client, fields, "", None, remaining, path_of(event), agent)

    def refuse(self, error: ServiceError, request_id: str) -> Answer:
        """An error as a sentence."""
        status = 422 if isinstance(error, _INVALID) else error.status
        faults = "; ".join(f"{fault.field} {fault.message}" for fault in error.faults)
        sentence = ": ".join(filter(None, (error.detail or error.title, faults)))
        headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
        return Answer(status, {"message": sentence}, headers)


def _host_name(text: str) -> str:
    """The host name alone: some clients send a URL."""
    host = text.partition("://")[2].partition("/")[0] if "://" in text else text
    if not _HOST_NAME.fullmatch(host):
        raise ValueError("should be a host name")
    return host.lower()


def _printable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise ValueError("should be printable, and not blank")
    return text


def _as_text(token: Any) -> Any:
    is_number = isinstance(token, int | float) and not isinstance(token, bool)
    return str(token) if is_number else token


class _Fields(BaseModel):
    """Fields as JSON types. Clients send more than there is a use for."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class ServiceFields(_Fields):
    """The body of a new service."""

    fqdn: Annotated[str, Field(min_length=1, max_length=253), AfterValidator(_host_name)]
    name: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]


class UserFields(_Fields):
    """The body of a new user."""

    id_in_service: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_printable)]
    phone_number: Annotated[str, Field(min_length=1, max_length=40)]


class StartFields(_Fields):
    """The body of a start."""

    method: Literal["sms", "totp"]


class GuessFields(_Fields):
    """The body of a guess; by the document it must have a method, but clients leave it out."""

    token: Annotated[str, Field(min_length=1), BeforeValidator(_as_text)]
    method: Literal["sms", "totp"] | None = None


def read_number(text: str) -> Destination:
    """A phone number in E.164, with or without its +.

    Raises:
        InvalidFields: it is none.
    """
    # Imported late: number plans are large, and most calls need none.
    from ..destinations import parse_destination

    try:
        number = parse_destination(f"+{text.strip().removeprefix('+')}")
    except InvalidFields:
        number = None
    if number is None or Channel.SMS not in number.channels:
        fault = FieldFault("phone_number", "should be a phone number in E.164, with country code")
        raise InvalidFields(faults=[fault])
    return number


def show_service(service: Service) -> dict[str, Any]:
    return {
        "id": service.id,
        "fqdn": service.fqdn,
        "name": service.name,
        "ctime": time(service.created_at),
    }


def show_user(user: User) -> dict[str, Any]:
    """A user, without the number: the vendor's document has none either."""
    return {
        "id": user.id,
        "id_in_service": user.id_in_service,
        "ctime": time(user.created_at),
    }


def show_verdict(method: Channel, verdict: Verdict) -> dict[str, Any]:
    """The answer to a guess; its `status` is what the clients' own notes have."""
    shown: dict[str, Any] = {"method": method, "verified": verdict.valid}
    if verdict.reason:
        result = _RESULTS[verdict.reason]
        flags = {name.lower(): name == result for name in ("THROTTLED", "EXPIRED", "INVALID")}
        shown["status"] = {**flags, "result": result}
    return shown


class Verigator:
    """What answers each request.

    Attributes:
        routes: by method and resource.
    """

    def __init__(self, manage: Manage, start: StartAuth, check: CheckAuth) -> None:
        self._manage = manage
        self._start = start
        self._check = check
        services = "/v1/service/service"
        service = f"{services}/{{service}}"
        self.routes: Mapping[str, Respond] = {
            f"POST {services}": self._create_service,
            f"GET {service}": self._read_service,
            f"DELETE {service}": self._delete_service,
            f"POST {service}/users": self._create_user,
            f"GET {service}/users": self._list_users,
            f"GET {service}/users/{{user}}": self._read_user,
            f"GET {service}/user/{{user}}": self._read_user,  # so the Java client
            f"DELETE {service}/users/{{user}}": self._delete_user,
            f"POST {service}/users/{{user}}/auth": self._start_auth,
            f"PUT {service}/users/{{user}}/auth": self._check_auth,
        }

    def _create_service(self, call: Call) -> Answer:
        fields = read_fields(ServiceFields, call.fields)
        service = self._manage.create_service(
            call.client.id, fields.fqdn, fields.name, call.remaining
        )
        return _created(call, show_service(service))

    def _read_service(self, call: Call) -> Answer:
        return Answer(200, show_service(self._manage.service(call.client.id, _service(call))))

    def _delete_service(self, call: Call) -> Answer:
        self._manage.delete_service(call.client.id, _service(call), call.remaining)
        return Answer(202, {"id": _service(call)})

    def _create_user(self, call: Call) -> Answer:
        fields = read_fields(UserFields, call.fields)
        number = read_number(fields.phone_number)
        user = self._manage.create_user(
            call.client.id, _service(call), fields.id_in_service, number, call.remaining
        )
        return _created(call, show_user(user))

    def _list_users(self, call: Call) -> Answer:
        users = self._manage.users(call.client.id, _service(call))
        shown = {"users": [show_user(user) for user in users]}
        if len(json.dumps(shown)) > MAX_LIST_BYTES:
            raise InvalidRequest("The users of this service are too many to be listed.")
        return Answer(200, shown)

    def _read_user(self, call: Call) -> Answer:
        return Answer(200, show_user(self._manage.user(call.client.id, *_user(call))))

    def _delete_user(self, call: Call) -> Answer:
        self._manage.delete_user(call.client.id, *_user(call), call.remaining)
        return Answer(202, {"id": _user(call)[1]})

    def _start_auth(self, call: Call) -> Answer:
        wanted = Channel(read_fields(StartFields, call.fields).method)
        method = self._start(call.client, *_user(call), wanted, call.remaining)
        return Answer(200, {"method": method})

    def _check_auth(self, call: Call) -> Answer:
        code = normalise_guess(read_fields(GuessFields, call.fields).token)
        method, verdict = self._check(call.client.id, *_user(call), code, call.remaining)
        return Answer(200, show_verdict(method, verdict))


def _created(call: Call, body: Mapping[str, Any]) -> Answer:
    is_java = call.agent.lower().startswith(_JAVA_CLIENT)
    return Answer(200 if is_java else 201, body)


def _service(call: Call) -> str:
    return call.path.get("service", "")


def _user(call: Call) -> tuple[str, str]:
    return _service(call), call.path.get("user", "")
