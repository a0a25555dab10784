"""Every error of the service, in one tree.

    Exception
    ├── ConfigurationError            wrong settings: stops at INIT, never at a customer
    ├── ProviderError                 inside the service only; a send record keeps what it says
    │   ├── ProviderRejected          their answer is "no" to this message: a bad number, say
    │   │   └── ProviderRefused       "no" to all of ours: credentials, balance, configuration
    │   ├── ProviderUnavailable       "not now", and nothing was sent: no connection, 503, throttled
    │   └── ProviderSilent            no usable answer: it may have been sent
    └── ServiceError                  what a caller can see: a stable `code` and an HTTP status
        ├── InvalidJson               400
        ├── BodyTooLarge              400
        ├── UnsupportedContentType    400
        ├── InvalidRequest            400
        ├── Unauthorized              401
        ├── AddressNotAllowed         403
        ├── ScopeMissing              403
        ├── DestinationNotAllowed     403
        ├── ReturnUrlNotAllowed       403
        ├── SuspectedFraud            403
        ├── NotFound                  404
        ├── UserNotFound              404
        ├── MethodNotAllowed          405
        ├── IdempotencyConflict       409
        ├── NotPending                409
        ├── MaxSendsReached           409
        ├── AlreadyExists             409
        ├── InvalidFields             422
        ├── LimitExceeded             429
        │   └── BudgetSpent           429
        ├── ResendTooEarly            429
        ├── InternalError             500
        ├── DeliveryFailed            502
        ├── VerifierUnavailable       502
        └── TemporarilyUnavailable    503

`docs/openapi.yaml` lists the same codes; a test compares the two.
"""

from collections.abc import Sequence

from .valueclass import valueclass


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message names it and says what it should be."""


class ProviderError(Exception):
    """A provider did not take the message.

    Args:
        provider: the provider's name in `Routes`.
        vendor_code: the vendor's own error code, kept on the send record.
    """

    def __init__(self, provider: str, vendor_code: str) -> None:
        super().__init__(f"{provider}: {vendor_code}")
        self.provider = provider
        self.vendor_code = vendor_code


class ProviderRejected(ProviderError):
    """The provider answered, and the answer is no: repeating it cannot help."""


class ProviderRefused(ProviderRejected):
    """It would answer so to any message of ours: somebody has to look after it."""


class ProviderUnavailable(ProviderError):
    """The provider could not be asked, or said "not now": nothing was sent, it may work later."""


class ProviderSilent(ProviderError):
    """The provider was asked and gave no usable answer: it may have sent, or not."""


@valueclass
class FieldFault:
    """One field of a request that was refused, and the bound it broke."""

    field: str
    message: str


class ServiceError(Exception):
    """What a caller can see.

    Args:
        detail: one sentence for the caller's developer; never holds a code, a key or a whole
            destination.
        retry_after: seconds after which repeating makes sense, as in RFC 9110 §10.2.3.
        faults: the fields that were refused.
        verification_id: the verification the error speaks of, when the caller may know it.
        allow: the methods that the address takes, after one that it does not.
        limit: the name of the limit that is used up.
    """

    code = "internal_error"
    status = 500
    title = "Something went wrong on our side"

    def __init__(
        self,
        detail: str = "",
        *,
        retry_after: int | None = None,
        faults: Sequence[FieldFault] = (),
        verification_id: str | None = None,
        allow: str | None = None,
        limit: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.faults = tuple(faults)
        self.verification_id = verification_id
        self.allow = allow
        self.limit = limit


class InvalidJson(ServiceError):
    """The body is not one JSON object with distinct keys."""

    code, status, title = "invalid_json", 400, "The body is not a JSON object"


class BodyTooLarge(ServiceError):
    """The body is over the bound of `api.body.MAX_BODY_BYTES`."""

    code, status, title = "body_too_large", 400, "The body is too large"


class UnsupportedContentType(ServiceError):
    """The body is not declared as JSON."""

    code, status, title = "unsupported_content_type", 400, "Send application/json"


class InvalidRequest(ServiceError):
    """A header or the request as a whole is wrong."""

    code, status, title = "invalid_request", 400, "The request is not valid"


class Unauthorized(ServiceError):
    """Credentials are missing, wrong, expired or revoked: the answer never says which."""

    code, status, title = "unauthorized", 401, "Valid credentials are needed"


class AddressNotAllowed(ServiceError):
    """The credentials are right, but this client may not call from there."""

    code, status, title = "address_not_allowed", 403, "This client may not call from this address"


class ScopeMissing(ServiceError):
    """The credentials are right, but this client may not do that; `detail` names what it lacks."""

    code, status, title = "scope_missing", 403, "This client may not do this"


class DestinationNotAllowed(ServiceError):
    """This client sends nothing to numbers of that country or kind."""

    code, status, title = "destination_not_allowed", 403, "Nothing is sent to such a number"


class ReturnUrlNotAllowed(ServiceError):
    """A page may not lead there: the list of the client has it not, or there is no list."""

    code, status = "return_url_not_allowed", 403
    title = "This client's pages may not lead there"


class SuspectedFraud(ServiceError):
    """A start looks like SMS pumping; the log says by what. It ends by itself."""

    code, status, title = "suspected_fraud", 403, "Sends like this look like fraud just now"


class NotFound(ServiceError):
    """No such verification for this client (nor for the `to` or `purpose` it named)."""

    code, status, title = "verification_not_found", 404, "There is no such verification"


class UserNotFound(ServiceError):
    """No such service of this client, or no such user of it."""

    code, status, title = "user_not_found", 404, "There is no such service or user"


class MethodNotAllowed(ServiceError):
    """The path exists, the method does not."""

    code, status, title = "method_not_allowed", 405, "This path does not take this method"


class IdempotencyConflict(ServiceError):
    """The Idempotency-Key was used before, with another request."""

    code, status = "idempotency_conflict", 409
    title = "This Idempotency-Key was used for another request"


class NotPending(ServiceError):
    """The verification has ended, so its code is not sent again."""

    code, status, title = "verification_not_pending", 409, "The verification has ended"


class MaxSendsReached(ServiceError):
    """The code was sent as often as the verification allows."""

    code, status, title = "max_sends_reached", 409, "The code was sent often enough"


class AlreadyExists(ServiceError):
    """A service or a user of that name is there; `detail` ends with its id, for its owner."""

    code, status, title = "already_exists", 409, "There is one of that name"


class InvalidFields(ServiceError):
    """Some fields were refused; `faults` names each and the bound it broke."""

    code, status, title = "invalid_fields", 422, "Some fields are not valid"


class LimitExceeded(ServiceError):
    """A limit that outlives one verification is used up; `detail` names it."""

    code, status, title = "limit_exceeded", 429, "A limit is used up"


class BudgetSpent(LimitExceeded):
    """What may be sent or spent in a day is; codes that are out can still be verified."""

    code, title = "budget_spent", "The budget of this day is spent"


class ResendTooEarly(ServiceError):
    """The last send is too young."""

    code, status, title = "resend_too_early", 429, "The last message was sent a moment ago"


class InternalError(ServiceError):
    """A fault of ours; the log line with the same correlation id says more."""


class DeliveryFailed(ServiceError):
    """No provider took the message and there is nothing left to try."""

    code, status, title = "delivery_failed", 502, "The message could not be delivered"


class VerifierUnavailable(ServiceError):
    """The provider that made the code could not be asked whether a guess is right.

    The attempt is spent. The same request with the same Idempotency-Key asks again without
    spending another.
    """

    code, status, title = "verifier_unavailable", 502, "The code could not be checked just now"


class TemporarilyUnavailable(ServiceError):
    """A service we depend on is throttled or down; what was asked for may have been done."""

    code, status, title = "temporarily_unavailable", 503, "Try again in a moment"
