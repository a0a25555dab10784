"""The native API over HTTP: Bearer credentials and JSON in, JSON and RFC 9457 problems out."""

import re
from collections.abc import Mapping
from typing import Any

from ...errors import ServiceError, Unauthorized
from ...operations.ports import Remaining
from ..body import read_json_body
from ..events import (
    CLIENT_ID,
    Answer,
    Call,
    Clients,
    headers_of,
    idempotency_key,
    let_in,
    path_of,
    query_of,
    url_of,
)

_BEARER = re.compile(rf"(?i:bearer) +(?P<id>{CLIENT_ID.pattern})\.(?P<secret>[\x21-\x7e]+)")


class NativeApi:
    """How the native API reads requests and refuses them."""

    def read(self, event: Mapping[str, Any], remaining: Remaining, clients: Clients) -> Call:
        """Read a request. Credentials first, then the rest.

        Raises:
            Unauthorized: no valid `Authorization: Bearer <client id>.<secret>`.
            AddressNotAllowed: from where this client may not call.
            InvalidRequest and its neighbours: the body, query or Idempotency-Key is wrong.
        """
        headers = headers_of(event)
        match = _BEARER.fullmatch(headers.get("authorization") or "")
        if not match:
            raise Unauthorized
        client = let_in(event, clients, match["id"], match["secret"])
        reads = event["httpMethod"] in ("GET", "DELETE")
        path = path_of(event)
        return Call(
            client,
            query_of(event) if reads else read_json_body(event, headers.get("content-type")),
            path.get("id", ""),
            idempotency_key(headers.get("idempotency-key")),
            remaining,
            path,
            url=url_of(event),
        )

    def refuse(self, error: ServiceError, request_id: str) -> Answer:
        """An error as `problem` shows it."""
        return problem(error, request_id)


def problem(error: ServiceError, request_id: str) -> Answer:
    """An error as `application/problem+json` (RFC 9457), with our stable `code`."""
    body: dict[str, Any] = {
        "type": f"urn:serverless-verify:{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "request_id": request_id,
    }
    if error.detail:
        body["detail"] = error.detail
    if error.faults:
        body["errors"] = [{"field": f.field, "message": f.message} for f in error.faults]
    if error.limit:
        body["limit"] = error.limit
    if error.verification_id:
        body["verification_id"] = error.verification_id
    headers = {"Content-Type": "application/problem+json"}
    if error.retry_after is not None:
        body["retry_after"] = error.retry_after
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 §11.6.1
    if error.allow is not None:
        headers["Allow"] = error.allow  # RFC 9110 §15.5.6
    return Answer(error.status, body, headers)
