"""Requests and errors: parameters from anywhere, a word for each error.

Parameters stand in the query, in a form or in JSON, or some here and some there. Two of the
vendor's clients send some twice: Java's the query in a form once more, Python's newer one the
credentials. With two values it could be read as either, so that is refused. Names we do not know
mean nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ....errors import (
    AddressNotAllowed,
    BodyTooLarge,
    DestinationNotAllowed,
    InvalidFields,
    InvalidJson,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    ScopeMissing,
    ServiceError,
    SuspectedFraud,
    Unauthorized,
)
from ....operations.ports import Remaining
from ...body import read_json_or_form
from ...events import Answer, Call, Clients, headers_of, let_in
from .fields import NO_PIN, NOT_A_CODE

_WRONG, _TROUBLE = "ERROR 102", "FAILED 209"
_ERRORS: Mapping[type[ServiceError], str] = {
    Unauthorized: "ERROR 101",
    InvalidRequest: _WRONG,
    InvalidJson: _WRONG,
    BodyTooLarge: _WRONG,  # "try again" would not help
    MethodNotAllowed: _WRONG,
    AddressNotAllowed: "ERROR 103",
    ScopeMissing: "ERROR 101",
    DestinationNotAllowed: _WRONG,
    SuspectedFraud: _WRONG,  # "try again" would be an invitation
    NotFound: "ERROR 110",
}
# Fields whose faults are not just wrong parameters; those we have no parameter for are the core's.
_FAULTS = {
    NO_PIN: "ERROR 109",
    "from": "ERROR 111",
    "sender": "ERROR 111",
    NOT_A_CODE: "INVALID",
    "brand": _TROUBLE,
    "channel": _TROUBLE,
    "max_attempts": _TROUBLE,
}


class MessenteApi:
    """How this API reads requests and refuses them."""

    def read(self, event: Mapping[str, Any], remaining: Remaining, clients: Clients) -> Call:
        """Read a request. Credentials first: nobody without them learns what else is wrong.

        Raises:
            Unauthorized: `username` and `password` are missing, or not those of a client.
            AddressNotAllowed: from where this client may not call.
            InvalidRequest and its neighbours: the query or the body is wrong.
        """
        given: dict[str, Any] = {}
        fault: ServiceError | None = None
        try:
            body = read_json_or_form(event, headers_of(event).get("content-type"))
        except ServiceError as error:
            body, fault = {}, error
        if fault and "username" not in (event.get("queryStringParameters") or {}):
            raise fault  # the credentials may stand in what cannot be read
        for name, value in (*_query(event), *body.items()):
            if str(given.setdefault(name, value)) != str(value):
                fault = InvalidRequest("A parameter is there twice, with two values.")
        username, password = given.pop("username", ""), given.pop("password", "")
        client = let_in(event, clients, _text(username), _text(password))
        if fault:
            raise fault
        return Call(client, given, "", None, remaining)

    def refuse(self, error: ServiceError, request_id: str) -> Answer:
        """An error as its word; of several faults the one with the lowest number counts."""
        if isinstance(error, InvalidFields):
            words = (_FAULTS.get(fault.field, _WRONG) for fault in error.faults)
            return Answer(200, min(words, default=_WRONG))
        return Answer(200, _ERRORS.get(type(error), _TROUBLE))


def _query(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and values after the question mark; API Gateway gives all, and the last of each."""
    for name, values in (event.get("multiValueQueryStringParameters") or {}).items():
        for value in values:
            yield name, value
    yield from (event.get("queryStringParameters") or {}).items()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
