"""MessageBird's errors: `{"errors": [{"code": …, "description": …, "parameter": …}, …]}`.

    2    request not allowed      401
    9    missing parameter        422
    10   invalid parameter        422
    20   not found                404
    21   bad request              422, 405
    99   internal error           500, 502, 503

Its Python and Ruby clients read the answers 200, 201, 204, 401, 404, 405 and 422 alone, so all that
is a caller's affair is one of these.
"""

from collections.abc import Mapping
from typing import Any

from ....domain.verification import Reason
from ....errors import (
    AddressNotAllowed,
    BudgetSpent,
    DeliveryFailed,
    DestinationNotAllowed,
    FieldFault,
    InvalidFields,
    LimitExceeded,
    MethodNotAllowed,
    NotFound,
    ScopeMissing,
    ServiceError,
    SuspectedFraud,
    Unauthorized,
    VerifierUnavailable,
)
from ....valueclass import valueclass
from ...events import Answer

_NOT_ALLOWED, _MISSING, _INVALID, _NOT_FOUND, _BAD_REQUEST, _INTERNAL = 2, 9, 10, 20, 21, 99

# Faults that the operations find, by MessageBird's names.
_PARAMETERS = {
    "channel": "type",
    "code_length": "tokenLength",
    "max_attempts": "maxAttempts",
    "sender": "originator",
    "to": "recipient",
    "validity": "timeout",
}

_WHY = {AddressNotAllowed: "from this address", ScopeMissing: "this client may not do this"}

# They are about this person; another may be verified.
_ABOUT_RECIPIENT = (DestinationNotAllowed, LimitExceeded, SuspectedFraud)

# What programs compare with. One that used up its attempts was processed, as one that was right.
_PROCESSED = "The token has already been processed."
_TOKENS: Mapping[Reason | None, str] = {
    Reason.ALREADY_VERIFIED: _PROCESSED,
    Reason.EXHAUSTED: _PROCESSED,
    Reason.EXPIRED: "The token has expired.",
}


@valueclass
class Missing(FieldFault):
    """A parameter that has to be there and is not."""


def refuse(error: ServiceError) -> Answer:
    """An error as MessageBird's callers know it."""
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.allow is not None:
        headers["Allow"] = error.allow  # RFC 9110 §15.5.6
    if error.status == 401:
        headers["WWW-Authenticate"] = "AccessKey"  # RFC 9110 §11.6.1
    status, entries = _meaning(error)
    return Answer(status, {"errors": entries}, headers)


def refuse_token(reason: Reason | None) -> Answer:
    """The answer to a token that is not right; without a reason it cannot be one."""
    description = _TOKENS.get(reason, "The token is invalid.")
    return Answer(422, {"errors": [_entry(_INVALID, description, "token")]})


def _meaning(error: ServiceError) -> tuple[int, list[dict[str, Any]]]:
    """The status and the errors in an answer."""
    text = error.detail or f"{error.title}."
    if isinstance(error, VerifierUnavailable):
        text = f"{error.title}."  # its detail is about keys that this API has not
    match error:
        case Unauthorized():
            wrong = "Request not allowed (incorrect access_key)"
            return 401, [_entry(_NOT_ALLOWED, wrong, "access_key")]
        case AddressNotAllowed() | ScopeMissing():
            return 401, [_entry(_NOT_ALLOWED, f"Request not allowed ({_WHY[type(error)]})")]
        case NotFound():
            return 404, [_entry(_NOT_FOUND, error.detail or "Verify object could not be found")]
        case MethodNotAllowed():
            return 405, [_entry(_BAD_REQUEST, text)]
        case InvalidFields() if error.faults:
            return 422, [_fault(fault) for fault in error.faults]
    if isinstance(error, _ABOUT_RECIPIENT) and not isinstance(error, BudgetSpent):
        return 422, [_entry(_INVALID, f"recipient is invalid ({text})", "recipient")]
    if error.status >= 500 and not isinstance(error, DeliveryFailed):
        return error.status, [_entry(_INTERNAL, text)]
    return 422, [_entry(_BAD_REQUEST, text)]


def _fault(fault: FieldFault) -> dict[str, Any]:
    parameter = _PARAMETERS.get(fault.field, fault.field)
    if isinstance(fault, Missing):
        return _entry(_MISSING, f"{parameter} is required", parameter)
    return _entry(_INVALID, f"{parameter} is invalid ({fault.message})", parameter)


def _entry(code: int, description: str, parameter: str | None = None) -> dict[str, Any]:
    return {"code": code, "description": description, "parameter": parameter}
