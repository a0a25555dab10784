"""Verigator's API over HTTP: `X-Service-Auth` and JSON in, JSON out.

Names, bounds and statuses are those of the vendor's documents ("Verification API"); where these
are silent, what its published clients read:

    200 201 202   done; 201 for a new service or user, but the Java client takes 200 alone
    401 403 404   credentials; not from this address; no such service, user or verification
    409 422       there is one already; anything else that is wrong, a limit that is used up too
    500 502 503   not the caller's fault

Every answer is JSON, also that to DELETE; errors are `{"message": …}`. Unknown fields mean nothing.
"""

import re
from collections.abc import Mapping
from typing import Any

from ....errors import (
    BodyTooLarge,
    DestinationNotAllowed,
    InvalidFields,
    InvalidJson,
    InvalidRequest,
    LimitExceeded,
    ServiceError,
    SuspectedFraud,
    Unauthorized,
    UnsupportedContentType,
)
from ....operations.ports import Remaining
from ...body import read_json_body
from ...events import CLIENT_ID, Answer, Call, Clients, headers_of, let_in, path_of

_CREDENTIALS = re.compile(rf"(?P<id>{CLIENT_ID.pattern}):(?P<secret>[\x21-\x7e]+)")
# Their documents know one status for all that is wrong with a request, and none for limits.
_INVALID = (
    BodyTooLarge,
    DestinationNotAllowed,
    InvalidFields,
    InvalidJson,
    InvalidRequest,
    LimitExceeded,
    SuspectedFraud,
    UnsupportedContentType,
)


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
