"""Every error of the client, in one tree; each of the service has the name of its `code`.

    Exception
    └── VerificationError             all of them: `code`, `status`, `detail`, `retry_after`
        ├── Unreachable               no answer; what was asked may have been done
        ├── Refused                   the service said no (4xx): a repeat is refused, too
        │   ├── InvalidRequest        400 invalid_request, and what else no program of yours sends
        │   ├── Unauthorized          401 unauthorized: the client's id or secret
        │   ├── NotAllowed            403, any of these:
        │   │   ├── AddressNotAllowed         address_not_allowed: called from elsewhere
        │   │   ├── ScopeMissing              scope_missing: the client may not do that
        │   │   ├── DestinationNotAllowed     destination_not_allowed: country or kind of number
        │   │   ├── ReturnUrlNotAllowed       return_url_not_allowed: not on the client's list
        │   │   └── SuspectedFraud            suspected_fraud: looks like SMS pumping
        │   ├── NotFound              404 verification_not_found: unknown, not yours, or gone
        │   ├── IdempotencyConflict   409 idempotency_conflict: the key was for another request
        │   ├── NotPending            409 verification_not_pending: it has ended
        │   ├── MaxSendsReached       409 max_sends_reached
        │   ├── InvalidFields         422 invalid_fields: `errors` names each
        │   └── TooMany               429: `retry_after` says when it makes sense again
        │       ├── Throttled                 throttled: by the gateway, nothing was counted
        │       ├── LimitExceeded             limit_exceeded: `limit` names which
        │       │   └── BudgetSpent           budget_spent: of this day
        │       └── ResendTooEarly            resend_too_early
        └── Failed                    the service could not (5xx)
            ├── InternalError         500 internal_error
            ├── DeliveryFailed        502 delivery_failed: nobody took the message
            ├── VerifierUnavailable   502 verifier_unavailable: the code could not be checked
            └── TemporarilyUnavailable 503 temporarily_unavailable

A code that is not here yet is Refused or Failed by its status: new ones may come.
"""

from collections.abc import Mapping
from typing import Any


class VerificationError(Exception):
    """Something else than an answer.

    Attributes:
        code: stable; what programs decide by.
        status: as of HTTP; 0 without an answer.
        detail: one sentence for a developer, never for a user.
        retry_after: seconds after which a repeat makes sense; None where nobody knows.
        verification_id: of the verification that it speaks of, where there is one.
        idempotency_key: of the call, for a repeat of yours; None where it had none.
        request_id: the service's, for its operator's log.
        limit: the name of the limit that is used up.
        errors: the refused fields, each with what is the matter.
        title: what `code` means, in words.
    """

    code = "unknown"

    def __init__(self, status: int = 0, problem: Mapping[str, Any] | None = None) -> None:
        said = problem or {}
        self.status = status
        self.code = _text(said.get("code")) or type(self).code
        self.title = _text(said.get("title"))
        self.detail = _text(said.get("detail"))
        self.verification_id = _text(said.get("verification_id")) or None
        self.request_id = _text(said.get("request_id")) or None
        self.limit = _text(said.get("limit")) or None
        after = said.get("retry_after")
        self.retry_after = after if isinstance(after, int) else None
        faults = said.get("errors")
        self.errors: dict[str, str] = {
            _text(fault.get("field")): _text(fault.get("message"))
            for fault in (faults if isinstance(faults, list) else [])
            if isinstance(fault, dict)
        }
        self.idempotency_key: str | None = None
        super().__init__(": ".join(filter(None, (self.code, self.detail or self.title))))


class Unreachable(VerificationError):
    """No answer, or none that makes sense.

    Attributes:
        asked: whether what was asked may have been done; False where it never got there.
    """

    code = "unreachable"

    def __init__(self, detail: str, *, asked: bool, status: int = 0) -> None:
        super().__init__(status, {"detail": detail})
        self.asked = asked


class Refused(VerificationError):
    """The service said no."""


class InvalidRequest(Refused):
    """It could not be read."""

    code = "invalid_request"


class Unauthorized(Refused):
    """The client's id and secret are not, or no longer, right."""

    code = "unauthorized"


class NotAllowed(Refused):
    """The client is known, and may not."""


class AddressNotAllowed(NotAllowed):
    """It calls from an address that is not on its list."""

    code = "address_not_allowed"


class ScopeMissing(NotAllowed):
    """It may not do this."""

    code = "scope_missing"


class DestinationNotAllowed(NotAllowed):
    """It may not send to this country or this kind of number."""

    code = "destination_not_allowed"


class ReturnUrlNotAllowed(NotAllowed):
    """Its pages may not lead there."""

    code = "return_url_not_allowed"


class SuspectedFraud(NotAllowed):
    """The start looks like SMS pumping; nothing was sent."""

    code = "suspected_fraud"


class NotFound(Refused):
    """There is no such verification of this client, or not any more."""

    code = "verification_not_found"


class IdempotencyConflict(Refused):
    """The idempotency key was used for another request."""

    code = "idempotency_conflict"


class NotPending(Refused):
    """The verification has ended."""

    code = "verification_not_pending"


class MaxSendsReached(Refused):
    """It was sent as often as it may be."""

    code = "max_sends_reached"


class InvalidFields(Refused):
    """Some fields are not valid; `errors` names each."""

    code = "invalid_fields"


class TooMany(Refused):
    """Later, perhaps."""


class Throttled(TooMany):
    """More requests than the stack takes just now, whoever they are from."""

    code = "throttled"


class LimitExceeded(TooMany):
    """A limit is used up; `limit` names which."""

    code = "limit_exceeded"


class BudgetSpent(LimitExceeded):
    """The budget of this day is spent; codes that are out can still be verified."""

    code = "budget_spent"


class ResendTooEarly(TooMany):
    """The last message was sent a moment ago."""

    code = "resend_too_early"


class Failed(VerificationError):
    """The service could not."""


class InternalError(Failed):
    """A fault of the service's; its operator finds it by `request_id`."""

    code = "internal_error"


class DeliveryFailed(Failed):
    """No provider took the message."""

    code = "delivery_failed"


class VerifierUnavailable(Failed):
    """The provider that made the code could not be asked; the attempt is spent.

    The same guess under the same idempotency key asks again without spending another.
    """

    code = "verifier_unavailable"


class TemporarilyUnavailable(Failed):
    """Something the service depends on is; what was asked for may have been done."""

    code = "temporarily_unavailable"


_BY_STATUS: dict[int, type[VerificationError]] = {403: NotAllowed, 429: TooMany}


def error_of(status: int, problem: Mapping[str, Any]) -> VerificationError:
    """The error that an answer means.

    Args:
        status: as of HTTP, 400 or more.
        problem: the answer's JSON object (RFC 9457); empty where it had none.
    """
    kind = _BY_CODE.get(_text(problem.get("code")))
    if kind is None:
        kind = _BY_STATUS.get(status, Refused if status < 500 else Failed)
    return kind(status, problem)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _named(kind: type[VerificationError]) -> dict[str, type[VerificationError]]:
    """The classes below one that have a code of their own, by it."""
    own = {kind.code: kind} if "code" in vars(kind) else {}
    return own | {c: k for below in kind.__subclasses__() for c, k in _named(below).items()}


_BY_CODE = _named(Refused) | _named(Failed)
