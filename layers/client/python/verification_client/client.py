"""The service as an object: four operations, a resend and a list, over HTTPS or direct invoke."""

import random
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self, TypedDict, TypeVar, Unpack

from .answers import (
    Channel,
    Page,
    Verdict,
    Verification,
    read_page,
    read_verdict,
    read_verification,
)
from .errors import (
    Failed,
    InternalError,
    InvalidRequest,
    NotFound,
    TemporarilyUnavailable,
    Throttled,
    Unreachable,
    VerificationError,
)
from .https import Https
from .lambdas import Lambdas

TRIES = 3
# Longer than the service's functions may run: what is slow is not lost.
TIMEOUT_SECONDS = 20.0
RESEND_TIMEOUT_SECONDS = 30.0
_DELAY_BASE, _DELAY_CAP = 0.2, 3.0  # seconds

_WITHOUT_ID = {"start", "list"}
_KEY = re.compile("[!-~]{1,128}")
_ID = re.compile("[0-9A-Za-z_-]{1,64}")  # what stays one part of an address

_T = TypeVar("_T")


class StartFields(TypedDict, total=False):
    """What a start may say beside its destination; docs/openapi.yaml says what each means.

    Args:
        channels: those to fall back on, in order, in place of `channel`.
        validity, resend_after: seconds.
        ip, user_agent: of the person, not of your program.
    """

    country: str | None
    channel: Channel | None
    channels: Sequence[Channel] | None
    code_length: int | None
    validity: int | None
    max_attempts: int | None
    max_sends: int | None
    resend_after: int | None
    template: str | None
    locale: str | None
    sender: str | None
    subject: str | None
    webotp_domain: str | None
    android_hash: str | None
    purpose: str | None
    reference: str | None
    metadata: Mapping[str, str] | None
    ip: str | None
    user_agent: str | None


class Transport(Protocol):
    """One way to the service."""

    def ask(
        self,
        operation: str,
        verification_id: str,
        fields: Mapping[str, Any],
        idempotency_key: str | None,
        timeout: float,
    ) -> Mapping[str, Any]:
        """Ask once; the JSON of the answer, empty where it has none.

        Args:
            timeout: seconds to wait for the answer.

        Raises:
            VerificationError: the service says something else, or nothing.
        """
        ...


class VerificationClient:
    """A client of one Serverless Verify. Threads may share it.

    What got no answer is asked again, after waits with full jitter. A start, a guess and the use of
    a page's result have an idempotency key, by which the service knows a repeat: a lost reply
    neither sends nor counts twice. A resend has none: it is asked again only where it never got
    there.

    Args:
        transport: see over_https() and over_lambda().
        timeout: seconds that one try waits for its answer; None: 20, and 30 for a resend, whose
            function may run for longer.
        tries: of each call, in all; 1 or more.
    """

    def __init__(
        self, transport: Transport, *, timeout: float | None = None, tries: int = TRIES
    ) -> None:
        if tries < 1:
            raise ValueError("tries should be 1 or more")
        self._transport = transport
        self._timeout = timeout
        self._tries = tries

    @classmethod
    def over_https(
        cls,
        url: str,
        client_id: str,
        secret: str,
        *,
        timeout: float | None = None,
        tries: int = TRIES,
    ) -> Self:
        """Over HTTPS, with a client's id and secret.

        Args:
            url: the stack's output `ApiUrl`.
            timeout: seconds that one try waits for its whole answer; see VerificationClient.

        Raises:
            ValueError: the URL is not https (http is for this machine alone).
        """
        return cls(Https(url, client_id, secret), timeout=timeout, tries=tries)

    @classmethod
    def over_lambda(
        cls,
        prefix: str,
        client_id: str,
        *,
        timeout: float | None = None,
        tries: int = TRIES,
        alias: bool = True,
        lambda_client: Any = None,
    ) -> Self:
        """By direct invoke, from another Lambda; IAM lets it in.

        Args:
            prefix: the stack's name, with which the functions' begin.
            client_id: whose name an alias of each function has.
            timeout: seconds that one try may be silent; see VerificationClient.
            alias: False for a client created with --direct-invoke, which the payload names.
            lambda_client: boto3's, in place of our own; it should not repeat by itself, and its own
                timeouts hold.
        """
        lambdas = Lambdas(prefix, client_id, alias, lambda_client)
        return cls(lambdas, timeout=timeout, tries=tries)

    def start(
        self,
        to: str,
        *,
        page_return_url: str | None = None,
        page_call: bool = False,
        idempotency_key: str | None = None,
        **fields: Unpack[StartFields],
    ) -> Verification:
        """Start a verification and send its code.

        Args:
            to: a number in E.164, or in its country's spelling with `country`; or an address.
            page_return_url: where the hosted page leads to when the code was right; with it the
                answer has a `page_url`.
            page_call: whether the page offers a call in place of a message.
            idempotency_key: of your own, where you may repeat the call yourself; 1 to 128 visible
                ASCII characters.
            fields: see StartFields; what is None goes by the service's default.

        Raises:
            VerificationError: see errors.py.
        """
        page = _given({"return_url": page_return_url, "call": page_call or None})
        said = {"to": to} | _given({"page": page or None}) | _given(fields)
        return self._do(read_verification, "start", "", said, _key(idempotency_key))

    def verify(
        self,
        verification_id: str,
        code: str,
        *,
        to: str | None = None,
        country: str | None = None,
        purpose: str | None = None,
        idempotency_key: str | None = None,
    ) -> Verdict:
        """Count and judge one guess.

        Args:
            code: what the person typed.
            to, purpose: what it must be for.
            idempotency_key: as for start().

        Raises:
            VerificationError: see errors.py.
        """
        said = _given({"code": code, "to": to, "country": country, "purpose": purpose})
        return self._do(read_verdict, "verify", verification_id, said, _key(idempotency_key))

    def resend(self, verification_id: str, *, channel: Channel | None = None) -> Verification:
        """Send the same code again, 30 seconds after the send before at the earliest.

        Raises:
            VerificationError: see errors.py.
        """
        said = _given({"channel": channel})
        return self._do(read_verification, "resend", verification_id, said)

    def lookup(
        self,
        verification_id: str,
        *,
        masked: bool = False,
        result: str | None = None,
        idempotency_key: str | None = None,
    ) -> Verification:
        """What became of a verification.

        Args:
            masked: show only the ends of the destination.
            result: what a person brought back from the hosted page; only its first use confirms.
            idempotency_key: as for start(); of a lookup with a result.

        Raises:
            VerificationError: see errors.py.
        """
        said = _given({"masked": masked or None, "result": result})
        key = None if result is None else _key(idempotency_key)
        return self._do(read_verification, "lookup", verification_id, said, key)

    def list(
        self,
        to: str,
        *,
        country: str | None = None,
        limit: int = 20,
        cursor: str | None = None,
        masked: bool = False,
    ) -> Page:
        """The verifications of a destination, newest first.

        Args:
            limit: at most this many, 1 to 50.
            cursor: of the page before.

        Raises:
            VerificationError: see errors.py.
        """
        said = {"to": to, "limit": limit}
        said |= _given({"country": country, "cursor": cursor, "masked": masked or None})
        return self._do(read_page, "list", "", said)

    def delete(self, verification_id: str) -> None:
        """Stop the code and erase the personal data.

        Raises:
            VerificationError: see errors.py.
        """
        self._do(lambda said: None, "delete", verification_id, {})

    def _do(
        self,
        read: Callable[[Mapping[str, Any]], _T],
        operation: str,
        verification_id: str,
        fields: Mapping[str, Any],
        key: str | None = None,
    ) -> _T:
        if key is not None and not _KEY.fullmatch(key):
            raise InvalidRequest(400, {"detail": "A key is 1 to 128 visible ASCII characters."})
        if operation not in _WITHOUT_ID and not _ID.fullmatch(verification_id):
            raise NotFound(404, {"detail": "That is no id of a verification."})
        try:
            said = self._ask(operation, verification_id, fields, key)
            try:
                return read(said)
            except (LookupError, TypeError, ValueError):
                raise Unreachable("the answer is none of the service's", asked=True) from None
        except VerificationError as error:
            error.idempotency_key = key
            raise

    def _ask(
        self, operation: str, verification_id: str, fields: Mapping[str, Any], key: str | None
    ) -> Mapping[str, Any]:
        usual = RESEND_TIMEOUT_SECONDS if operation == "resend" else TIMEOUT_SECONDS
        timeout = usual if self._timeout is None else self._timeout
        for number in range(1, self._tries):
            try:
                return self._transport.ask(operation, verification_id, fields, key, timeout)
            except VerificationError as error:
                wait = _delay(number, error.retry_after)
                if wait is None or not _is_worth_a_repeat(error, operation):
                    raise
                time.sleep(wait)
        return self._transport.ask(operation, verification_id, fields, key, timeout)


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _is_worth_a_repeat(error: VerificationError, operation: str) -> bool:
    """Whether it may go better, and does nothing twice."""
    if operation == "resend":  # it has no key: only where nobody did anything
        nobody = isinstance(error, Unreachable) and not error.asked
        return nobody or isinstance(error, Throttled)
    passing = InternalError | TemporarilyUnavailable | Throttled | Unreachable
    return isinstance(error, passing) or type(error) is Failed  # of a proxy, say


def _delay(number: int, retry_after: int | None) -> float | None:
    """Seconds to wait after so many tries; None where that is longer than anybody waits."""
    if retry_after is not None and retry_after > _DELAY_CAP:
        return None
    jitter = random.SystemRandom().uniform(0, min(_DELAY_CAP, _DELAY_BASE * 2**number))
    return max(jitter, retry_after or 0)


def _key(own: str | None) -> str:
    return uuid.uuid4().hex if own is None else own
