"""Send a code again: because somebody asked, by itself, or because a send got lost.

The code stays the same: messages arrive late and out of order, and a new code would make the
one still in the air a wrong guess. Every send is claimed by a condition before it is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..domain.destination import Destination
from ..domain.limits import Limit
from ..domain.policy import RESEND_INTERVAL
from ..domain.verification import Channel, Record, SendOutcome, Status, Verification
from ..errors import (
    DeliveryFailed,
    FieldFault,
    InvalidFields,
    LimitExceeded,
    MaxSendsReached,
    NotFound,
    NotPending,
    ResendTooEarly,
)
from .lookup import find
from .ports import Claim, Clock, Remaining, Telemetry, Verifications, Watches
from .sending import Sender, charge_sends, lease

_FIRST_RETRY, _LAST_RETRY = 15, 300  # seconds between looks while providers are unavailable


@dataclass(frozen=True)
class Resend:
    """Sends again when a caller asks."""

    verifications: Verifications
    watches: Watches
    sender: Sender
    send_limits: Sequence[Limit]
    clock: Clock

    def __call__(
        self, client_id: str, verification_id: str, channel: Channel | None, remaining: Remaining
    ) -> Record:
        """Send the code of a pending verification once more.

        Args:
            channel: another way to the same destination; None for the one before.

        Raises:
            NotFound: this client has none with this id.
            InvalidFields: the channel does not reach the destination, or has no provider.
            NotPending, MaxSendsReached, ResendTooEarly, LimitExceeded: not now, or never.
            DeliveryFailed: no provider takes the message.
            TemporarilyUnavailable: nothing was sent.
        """
        now = self.clock()
        record = find(self.verifications, client_id, verification_id, now)
        seen = record.verification
        channel = channel or seen.channel
        self._refuse(seen, now)
        self._check_channel(seen, channel)
        number = seen.sends + 1
        lease_until = lease(now, remaining)
        # First, as in start: whoever dies after this, the queue finishes the send.
        self.watches.watch(seen.token, number, delay=(lease_until - now) // 1000 + 1)
        claim = Claim(number, channel, now, lease_until)
        charges = charge_sends(self.send_limits, seen)
        if changed := self.verifications.claim(seen, claim, charges, remaining):
            self._refuse(changed, now)
            raise ResendTooEarly("Another send was just made.", retry_after=RESEND_INTERVAL)
        send = self.sender.send(seen, record.details, number, channel)
        if send.outcome == SendOutcome.REJECTED:
            raise DeliveryFailed("No provider took the message.", verification_id=verification_id)
        return find(self.verifications, client_id, verification_id, self.clock())

    @staticmethod
    def _refuse(verification: Verification, now: int) -> None:
        status = verification.status_at(now)
        if status != Status.PENDING:
            raise NotPending(f"The verification is {status}.")
        if verification.sends >= verification.max_sends:
            raise MaxSendsReached(f"It allows {verification.max_sends} sends.")
        early = verification.sent_at + RESEND_INTERVAL * 1000 - now
        if early > 0:
            seconds = -(-early // 1000)
            raise ResendTooEarly(f"Wait {seconds} seconds.", retry_after=seconds)

    def _check_channel(self, verification: Verification, channel: Channel) -> None:
        if channel not in Destination(verification.to or "").channels:
            raise InvalidFields(faults=[FieldFault("channel", "does not reach this destination")])
        if not verification.test and not self.sender.route.serves(channel):
            raise InvalidFields(faults=[FieldFault("channel", "has no provider in this stack")])


@dataclass(frozen=True)
class LookAfter:
    """Handles the queue's messages: finishes lost sends, and sends again by itself."""

    verifications: Verifications
    watches: Watches
    sender: Sender
    send_limits: Sequence[Limit]
    telemetry: Telemetry
    clock: Clock

    def __call__(self, token: str, send: int, tries: int, remaining: Remaining) -> None:
        """Look at one send. The same message twice sends nothing twice.

        Args:
            send: the send that the message was queued for; a later one has a message of its own.
            tries: how often the providers were unavailable before.

        Raises:
            TemporarilyUnavailable: look again; SQS brings the message back.
        """
        record = self.verifications.read(token)
        now = self.clock()
        if record is None or record.verification.sends != send:
            return
        if record.verification.status_at(now) != Status.PENDING:
            return
        last = record.last_send
        if last is None or last.outcome == SendOutcome.UNAVAILABLE:
            self._take_over(record, tries, remaining)
        elif last.outcome == SendOutcome.ACCEPTED:
            self._send_by_itself(record, remaining)

    def _take_over(self, record: Record, tries: int, remaining: Remaining) -> None:
        """Finish a send that nobody recorded, or that no provider would take then."""
        seen, now = record.verification, self.clock()
        if record.last_send is None and seen.lease_until > now:
            # Whoever claimed it may still be sending.
            wait = (seen.lease_until - now) // 1000 + 1
            self.watches.watch(seen.token, seen.sends, wait, tries)
            return
        claim = Claim(seen.sends, seen.channel, now, lease(now, remaining))
        if self.verifications.claim(seen, claim, (), remaining):
            return  # somebody else took it over, or it just ended
        send = self.sender.send(seen, record.details, seen.sends, seen.channel)
        if send.outcome == SendOutcome.UNAVAILABLE:
            wait = min(_LAST_RETRY, _FIRST_RETRY * 2**tries)
            self.watches.watch(seen.token, seen.sends, wait, tries + 1)
        elif send.outcome == SendOutcome.ACCEPTED and _may_send_by_itself(seen):
            self.watches.watch(seen.token, seen.sends, seen.resend_after or 0)

    def _send_by_itself(self, record: Record, remaining: Remaining) -> None:
        """Send again when it is time and the verification was started with `resend_after`."""
        seen, now = record.verification, self.clock()
        if seen.resend_after is None or not _may_send_by_itself(seen):
            return
        due = seen.sent_at + seen.resend_after * 1000
        if due > now:
            self.watches.watch(seen.token, seen.sends, -(-(due - now) // 1000))
            return
        number, lease_until = seen.sends + 1, lease(now, remaining)
        self.watches.watch(seen.token, number, (lease_until - now) // 1000 + 1)
        claim = Claim(number, seen.channel, now, lease_until, automatic=True)
        charges = charge_sends(self.send_limits, seen)
        try:
            if self.verifications.claim(seen, claim, charges, remaining):
                return
        except LimitExceeded:
            self.telemetry.warn("automatic_send_over_limit", verification_id=str(seen.id))
            return
        except NotFound:
            return
        self.sender.send(seen, record.details, number, seen.channel)


def _may_send_by_itself(verification: Verification) -> bool:
    return (
        verification.auto_sends < verification.max_auto_sends
        and verification.sends < verification.max_sends
    )
