"""The service as an object: four operations, a resend and a list, by HTTPS or by direct invoke."""

import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self

from .answers import (
    Channel,
    Page,
    Verdict,
    Verification,
    read_page,
    read_verdict,
    read_verification,
)
from .errors import InternalError, TemporarilyUnavailable, Throttled, Unreachable, VerificationError
from .https import Https
from .lambdas import Lambdas

TRIES = 3
TIMEOUT_SECONDS = 10.0
_DELAY_BASE, _DELAY_CAP = 0.2, 3.0  # seconds


class Transport(Protocol):
    """One way to the service."""

    def ask(
        self,
        operation: str,
        verification_id: str,
        fields: Mapping[str, Any],
        idempotency_key: str | None,
    ) -> Mapping[str, Any]:
        """Ask once; the JSON of the answer, empty where it has none.

        Raises:
            VerificationError: the service says something else, or nothing.
        """
        ...


class VerificationClient:
    """A client of one Serverless Verify. Threads may share it.

    What got no answer is asked again, after waits with full jitter. A start and a guess have an
    idempotency key, by which the service knows a repeat: a lost reply neither sends nor counts
    twice. A resend has none, so it is asked again only where it never got there.

    Args:
        transport: see over_https() and over_lambda().
        tries: of each call, in all; 1 or more.
    """

    def __init__(self, transport: Transport, *, tries: int = TRIES) -> None:
        if tries < 1:
            raise ValueError("tries should be 1 or more")
        self._transport = transport
        self._tries = tries

    @classmethod
    def over_https(
        cls,
        url: str,
        client_id: str,
        secret: str,
        *,
        timeout: float = TIMEOUT_SECONDS,
        tries: int = TRIES,
    ) -> Self:
        """Over HTTPS, with a client's id and secret.

        Args:
            url: the stack's output `ApiUrl`.
            timeout: seconds that one try may be silent.

        Raises:
            ValueError: the URL is not https (http is for this machine alone).
        """
        return cls(Https(url, client_id, secret, timeout), tries=tries)

    @classmethod
    def over_lambda(
        cls,
        prefix: str,
        client_id: str,
        *,
        timeout: float = TIMEOUT_SECONDS,
        tries: int = TRIES,
        lambda_client: Any = None,
    ) -> Self:
        """By direct invoke, from another Lambda; IAM lets it in.

        Args:
            prefix: the stack's name, with which the functions' begin.
            client_id: the alias that stands for the client on each function.
            timeout: seconds that one try may be silent.
            lambda_client: boto3's, in place of one of our own; it should not repeat by itself.
        """
        return cls(Lambdas(prefix, client_id, timeout, lambda_client), tries=tries)

    def start(
        self,
        to: str,
        *,
        country: str | None = None,
        channel: Channel | None = None,
        channels: Sequence[Channel] | None = None,
        code_length: int | None = None,
        validity: int | None = None,
        max_attempts: int | None = None,
        max_sends: int | None = None,
        resend_after: int | None = None,
        template: str | None = None,
        locale: str | None = None,
        sender: str | None = None,
        subject: str | None = None,
        webotp_domain: str | None = None,
        android_hash: str | None = None,
        purpose: str | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        ip: str | None = None,
        user_agent: str | None = None,
        idempotency_key: str | None = None,
    ) -> Verification:
        """Start a verification and send its code; docs/openapi.yaml says what each field means.

        Args:
            idempotency_key: of your own, where you may repeat the call yourself; 1 to 128 visible
                ASCII characters.

        Raises:
            VerificationError: see errors.py.
        """
        fields = {n: v for n, v in locals().items() if n not in _NO_FIELDS and v is not None}
        key = idempotency_key or _new_key()
        return self._do(read_verification, "start", "", fields, key)

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
        fields = {n: v for n, v in locals().items() if n not in _NO_FIELDS and v is not None}
        key = idempotency_key or _new_key()
        return self._do(read_verdict, "verify", verification_id, fields, key)

    def resend(self, verification_id: str, *, channel: Channel | None = None) -> Verification:
        """Send the same code again, 30 seconds after the send before at the earliest.

        Raises:
            VerificationError: see errors.py.
        """
        fields = {"channel": channel} if channel else {}
        return self._do(read_verification, "resend", verification_id, fields)

    def lookup(self, verification_id: str, *, masked: bool = False) -> Verification:
        """What became of a verification.

        Args:
            masked: show only the ends of the destination.

        Raises:
            VerificationError: see errors.py.
        """
        fields = {"masked": True} if masked else {}
        return self._do(read_verification, "lookup", verification_id, fields)

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
        wanted = {"country": country, "cursor": cursor, "masked": masked or None}
        fields = {name: value for name, value in wanted.items() if value is not None}
        return self._do(read_page, "list", "", fields | {"to": to, "limit": limit})

    def delete(self, verification_id: str) -> None:
        """Stop the code and erase the personal data.

        Raises:
            VerificationError: see errors.py.
        """
        self._do(lambda said: None, "delete", verification_id, {})

    def _do[T](
        self,
        read: Callable[[Mapping[str, Any]], T],
        operation: str,
        verification_id: str,
        fields: Mapping[str, Any],
        key: str | None = None,
    ) -> T:
        said = self._ask(operation, verification_id, fields, key)
        try:
            return read(said)
        except (LookupError, TypeError, ValueError):
            raise Unreachable("the answer is none of the service's", asked=True) from None

    def _ask(
        self, operation: str, verification_id: str, fields: Mapping[str, Any], key: str | None
    ) -> Mapping[str, Any]:
        for number in range(1, self._tries):
            try:
                return self._transport.ask(operation, verification_id, fields, key)
            except VerificationError as error:
                wait = _delay(number, error.retry_after)
                if wait is None or not _is_worth_a_repeat(error, operation):
                    raise
                time.sleep(wait)
        return self._transport.ask(operation, verification_id, fields, key)


_NO_FIELDS = {"self", "verification_id", "idempotency_key"}


def _is_worth_a_repeat(error: VerificationError, operation: str) -> bool:
    """Whether it may go better, and does nothing twice."""
    if operation == "resend":
        return isinstance(error, Unreachable) and not error.asked
    return isinstance(error, InternalError | TemporarilyUnavailable | Throttled | Unreachable)


def _delay(number: int, retry_after: int | None) -> float | None:
    """Seconds to wait after so many tries; None where that is longer than anybody waits."""
    if retry_after is not None and retry_after > _DELAY_CAP:
        return None
    jitter = random.SystemRandom().uniform(0, min(_DELAY_CAP, _DELAY_BASE * 2**number))
    return max(jitter, retry_after or 0)


def _new_key() -> str:
    return uuid.uuid4().hex
