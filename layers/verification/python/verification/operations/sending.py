"""Sending the code of a verification and writing down what became of it.

Shared by start, the asked-for re-send and the queue: whoever holds the claim on a send.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..domain.codes import derive_code
from ..domain.limits import Charge, Limit
from ..domain.messages import Content, render
from ..domain.texts import choose
from ..domain.verification import Details, Send, SendOutcome, Verification
from ..errors import (
    ProviderError,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
    TemporarilyUnavailable,
)
from .ports import (
    SEND_ROOM,
    Claim,
    Clock,
    CodeKeys,
    Remaining,
    Route,
    Telemetry,
    Verifications,
)

TEST_PROVIDER = "test"  # on the record of a send to a test destination
NOBODY = "none"  # and of one for which no provider was asked

_OUTCOMES = {
    ProviderRejected: SendOutcome.REJECTED,
    ProviderUnavailable: SendOutcome.UNAVAILABLE,
    ProviderSilent: SendOutcome.UNKNOWN,
}

# A claim outlives the function that holds it by this much, so that nobody takes over a send
# whose owner may still be running. Milliseconds.
_LEASE_MARGIN = 2_000


def lease(now: int, remaining: Remaining) -> int:
    """Until when (epoch milliseconds) a claim made now holds."""
    return now + remaining() + _LEASE_MARGIN


def charge_sends(limits: Sequence[Limit], verification: Verification) -> list[Charge]:
    """What one send counts against; test destinations cost nobody anything."""
    if verification.test or verification.destination_hash is None:
        return []
    return [Charge(limit, verification.destination_hash, 1) for limit in limits]


def content_of(verification: Verification, details: Details, now: int) -> Content:
    """What a message of this verification says, but for the code.

    Args:
        now: epoch milliseconds; a later send says how long the code is valid from then on.
    """
    return Content(
        texts=choose(verification.locale, verification.country),
        brand=verification.brand,
        validity=max(1, -(-(verification.valid_until - now) // 1000)),
        template=details.template,
        subject=details.subject,
        webotp_domain=details.webotp_domain,
        android_hash=details.android_hash,
    )


@dataclass(frozen=True)
class Sender:
    """Sends and records; needs a claim on the send first.

    Args:
        route: the providers in order.
    """

    verifications: Verifications
    route: Route
    code_keys: CodeKeys
    telemetry: Telemetry
    clock: Clock

    def send(
        self,
        verification: Verification,
        details: Details,
        claim: Claim,
        remaining: Remaining,
    ) -> Send:
        """Do one claimed send: hand the code to the first provider that takes it.

        Args:
            claim: the right to do it.
            remaining: with less than SEND_ROOM left nothing is sent: the queue does it later.

        Returns:
            What became of it; recorded, unless the table was out of reach just then. In that
            case the queue finds no record and sends the same code once more.
        """
        send = self._try(verification, details, claim, remaining)
        try:
            self.verifications.record_send(verification, send)
        except TemporarilyUnavailable:
            self.telemetry.warn("send_not_recorded", verification_id=str(verification.id))
        self.telemetry.sent(verification, send)
        return send

    def _try(
        self,
        verification: Verification,
        details: Details,
        claim: Claim,
        remaining: Remaining,
    ) -> Send:
        def result(
            provider: str,
            outcome: SendOutcome,
            message_id: str | None = None,
            vendor_code: str | None = None,
        ) -> Send:
            return Send(
                number=claim.number,
                channel=claim.channel,
                provider=provider,
                outcome=outcome,
                at=self.clock(),
                claimed=claim.sent_at,
                message_id=message_id,
                vendor_code=vendor_code,
            )

        if verification.test:
            return result(TEST_PROVIDER, SendOutcome.ACCEPTED)
        if remaining() < SEND_ROOM:
            return result(NOBODY, SendOutcome.UNAVAILABLE, vendor_code="no_time_left")
        content = content_of(verification, details, self.clock())
        try:
            provider, message_id = self.route.send(
                render(claim.channel, self._code_of(verification), content),
                verification.to or "",
                claim.channel,
                details.sender,
            )
        except ProviderError as error:
            return result(error.provider, _OUTCOMES[type(error)], vendor_code=error.vendor_code)
        return result(provider, SendOutcome.ACCEPTED, message_id)

    def _code_of(self, verification: Verification) -> str:
        """The code of a verification, derived again.

        Raises:
            LookupError: its key was dropped too early, or it was deleted.
        """
        key = self.code_keys.get(verification.kid)
        if key is None or verification.nonce is None:
            raise LookupError(f"no key or nonce for a code under key id {verification.kid}")
        return derive_code(key, str(verification.id), verification.nonce, verification.code_length)
