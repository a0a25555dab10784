"""Send a code again: because somebody asked, by itself, or because a send got lost.

The code stays the same: messages arrive late and out of order, and a new code would make the
one still in the air a wrong guess. Every send is claimed by a condition before it is sent.
"""

from ..domain.destination import Destination
from ..domain.policy import MAX_DOUBTS, RESEND_INTERVAL, Client
from ..domain.verification import (
    Channel,
    Delivery,
    Outcome,
    Record,
    Send,
    Status,
    Try,
    Verification,
)
from ..errors import (
    DeliveryFailed,
    FieldFault,
    InvalidFields,
    LimitExceeded,
    MaxSendsReached,
    NotFound,
    NotPending,
    ProviderError,
    ProviderRejected,
    ResendTooEarly,
    TemporarilyUnavailable,
)
from ..valueclass import valueclass
from .charging import Charging
from .lookup import find
from .ports import Claim, Clock, Profiles, Remaining, Telemetry, Verifications, Watches
from .sending import Sender, lease

# Seconds from the start; AWS takes feedback on a message for an hour.
_FEEDBACK_WITHIN = 3_300

_FREE_RETRIES = 5  # of one send, before each counts against the limits like a send
_FIRST_RETRY, _LAST_RETRY = 15, 300  # seconds between looks while providers are unavailable


@valueclass
class Resend:
    """Sends again when a caller asks."""

    verifications: Verifications
    watches: Watches
    sender: Sender
    charging: Charging
    clock: Clock

    def __call__(
        self,
        client: Client,
        verification_id: str,
        channel: Channel | None,
        remaining: Remaining,
        *,
        from_page: bool = False,
    ) -> Record:
        """Send the code of a pending verification once more.

        Args:
            channel: another way to the same destination; None for the one before.
            from_page: whether anybody may be asking: then refused tries have to wait, too.

        Raises:
            NotFound: this client has none with this id.
            InvalidFields: the channel does not reach the destination, or has no provider.
            NotPending, MaxSendsReached, ResendTooEarly, LimitExceeded: not now, or never.
            DeliveryFailed: no provider takes the message.
            TemporarilyUnavailable: not now; if an answer got lost, the queue sends it.
        """
        now = self.clock()
        record = find(self.verifications, client.id, verification_id, now)
        seen = record.verification
        channel = channel or seen.channel
        self._refuse(seen, now)
        self._check_channel(seen, channel)
        if from_page:
            self._wait_after_tries(seen, now)
        claim = Claim(seen.sends + 1, channel, now, lease(now, remaining))
        # First, as in start: whoever dies after this, the queue finishes the send.
        self.watches.watch(seen.token, claim.sent_at, after_lease(claim))
        charges = self.charging.send(client.profile, seen, channel)
        if changed := self.verifications.claim(seen, claim, charges, remaining):
            self._refuse(changed, now)
            raise ResendTooEarly("Another send was just made.", retry_after=RESEND_INTERVAL)
        sent = self.sender.send(record, claim, remaining)
        if sent.sends[-1].outcome == Outcome.REJECTED:
            raise DeliveryFailed("No provider took the message.", verification_id=verification_id)
        return sent

    def _wait_after_tries(self, seen: Verification, now: int) -> None:
        # A send that a limit refuses claims nothing, so `sent_at` would never make anybody wait.
        before = now - RESEND_INTERVAL * 1000
        if not self.verifications.try_from_page(seen, now, before):
            raise ResendTooEarly("The page just tried.", retry_after=RESEND_INTERVAL)

    @staticmethod
    def _refuse(verification: Verification, now: int) -> None:
        status = verification.status_at(now)
        if status != Status.PENDING:
            raise NotPending(f"The verification is {status}.")
        if verification.sends >= verification.max_sends:
            raise MaxSendsReached(f"max_sends is {verification.max_sends}.")
        seconds = seconds_until(verification.sent_at + RESEND_INTERVAL * 1000, now)
        if seconds > 0:
            raise ResendTooEarly(f"Wait {seconds} seconds.", retry_after=seconds)

    def _check_channel(self, verification: Verification, channel: Channel) -> None:
        if channel not in Destination(verification.to or "").channels:
            raise InvalidFields(faults=[FieldFault("channel", "does not reach this destination")])
        to, country = verification.to or "", verification.country
        if not verification.test and not self.sender.route.serves(channel, to, country):
            raise InvalidFields(faults=[FieldFault("channel", "has no provider in this stack")])


@valueclass
class LookAfter:
    """Handles the queue's messages: finishes lost sends, and sends again by itself."""

    verifications: Verifications
    watches: Watches
    sender: Sender
    charging: Charging
    profiles: Profiles
    telemetry: Telemetry
    clock: Clock

    def __call__(self, token: str, claimed: int, tries: int, remaining: Remaining) -> None:
        """Look at what became of a claim. The same message twice sends nothing twice.

        Args:
            claimed: the claim's `sent_at`; a later claim has a look of its own, and ends this one.
            tries: how often the providers were unavailable before.

        Raises:
            TemporarilyUnavailable: look again; SQS brings the message back.
        """
        record = self.verifications.read(token)
        now = self.clock()
        if record is None or record.verification.sent_at != claimed:
            return
        seen, last = record.verification, record.last_send
        if seen.status_at(now) != Status.PENDING:
            self._feed_back(record)
        elif last is None and seen.lease_until > now:
            # Whoever claimed it may still be sending.
            wait = seconds_until(seen.lease_until, now)
            self.watches.watch(token, claimed, wait, tries)
        elif last is None or (last.outcome == Outcome.UNKNOWN and not last.delivery):
            # It may have been sent, so this ends after MAX_DOUBTS.
            if record.doubts < MAX_DOUBTS:
                self._try_again(record, seen.take_overs + 1, tries, remaining)
            else:
                self._go_on(record, last, tries, remaining)
        elif last.outcome == Outcome.UNAVAILABLE:
            if record.next_channel and _may_send_by_itself(seen) and _is_due(seen, last, now):
                self._go_on(record, last, tries, remaining)
            else:
                self._try_again(record, seen.take_overs, tries, remaining)
        elif last.outcome != Outcome.REJECTED:
            self._go_on(record, last, tries, remaining)
        else:
            self._await_end(record)

    def _try_again(self, record: Record, take_overs: int, tries: int, remaining: Remaining) -> None:
        """Try the last send once more; the first few times it is not counted again.

        "Not now" is what providers say, and some have sent by then.
        """
        seen, now, last = record.verification, self.clock(), record.last_send
        channel = last.tries[-1].channel if last else seen.channel  # it may have fallen back
        claim = Claim(seen.sends, channel, now, lease(now, remaining), take_overs=take_overs)
        wait = max(after_lease(claim), min(_LAST_RETRY, _FIRST_RETRY * 2**tries))
        counts = tries >= _FREE_RETRIES
        try:
            self._claim_and_send(record, claim, wait, tries + 1, remaining, counts=counts)
        except LimitExceeded:
            self.telemetry.warn("retry_over_limit", verification_id=str(seen.id))
            self._await_end(record)

    def _go_on(self, record: Record, last: Send | None, tries: int, remaining: Remaining) -> None:
        """Send by itself when it is time, or wait until then, or for the end."""
        seen, now = record.verification, self.clock()
        channel = record.next_channel if seen.channels else seen.channel
        if last is None or channel is None or not _may_send_by_itself(seen):
            self._await_end(record)
        elif _is_due(seen, last, now):
            self._send_by_itself(record, last, channel, tries, remaining)
        elif seen.resend_after is None:  # a report may come, and brings a look of its own
            self._await_end(record)
        else:
            due = _due_at(last, seen.resend_after)
            self.watches.watch(seen.token, seen.sent_at, seconds_until(due, now))

    def _send_by_itself(
        self, record: Record, last: Send, channel: Channel, tries: int, remaining: Remaining
    ) -> None:
        seen, now = record.verification, self.clock()
        claim = Claim(seen.sends + 1, channel, now, lease(now, remaining), automatic=True)
        try:
            self._claim_and_send(record, claim, after_lease(claim), 0, remaining)
        except LimitExceeded:
            self.telemetry.warn("automatic_send_over_limit", verification_id=str(seen.id))
            if last.outcome == Outcome.UNAVAILABLE:  # paid for already
                self._try_again(record, seen.take_overs, tries, remaining)
            else:
                self._await_end(record)

    def _await_end(self, record: Record) -> None:
        """Look again when the verification has ended, if a provider wants to know how."""
        seen, now = record.verification, self.clock()
        latest = seen.created_at + _FEEDBACK_WITHIN * 1000
        if _wanting_feedback(record) and now < latest:
            wait = seconds_until(min(seen.valid_until, latest), now)
            self.watches.watch(seen.token, seen.sent_at, wait)

    def _feed_back(self, record: Record) -> None:
        """Tell providers whether their messages were of use.

        Raises:
            TemporarilyUnavailable: a provider is out of reach; SQS brings the message back.
        """
        status = record.verification.status_at(self.clock())
        if status == Status.CANCELED:  # nobody knows
            return
        for done in _wanting_feedback(record):
            try:
                self.sender.route.feed_back(done, received=status == Status.VERIFIED)
            except ProviderRejected as error:
                self.telemetry.warn(
                    "feedback_rejected", provider=error.provider, vendor_code=error.vendor_code
                )
            except ProviderError as error:
                raise TemporarilyUnavailable from error

    def _claim_and_send(
        self,
        record: Record,
        claim: Claim,
        wait: int,
        tries: int,
        remaining: Remaining,
        *,
        counts: bool = True,
    ) -> None:
        """Queue a look at the claim, claim, send: in this order, so that no crash loses a send.

        Nothing is sent any more for a client that is shut out. What test keys start belongs to
        nobody, and is not sent either way.
        """
        seen = record.verification
        profile = self.profiles.profile(seen.client_id)
        if profile is None and not seen.test:
            self._await_end(record)
            return
        charges = self.charging.send(profile, seen, claim.channel) if counts and profile else ()
        self.watches.watch(seen.token, claim.sent_at, wait, tries)
        try:
            changed = self.verifications.claim(seen, claim, charges, remaining)
        except NotFound:
            return
        if changed is None:  # else somebody was faster, or it ended: the look finds another claim
            self.sender.send(record, claim, remaining)


def seconds_until(moment: int, now: int) -> int:
    """Whole seconds from now until a moment (both epoch milliseconds), rounded up."""
    return -(-(moment - now) // 1000)


def after_lease(claim: Claim) -> int:
    """Seconds from a claim until the look at it, when nobody can be sending under it any more."""
    return seconds_until(claim.lease_until, claim.sent_at) + 1


def _is_due(verification: Verification, last: Send, now: int) -> bool:
    """Whether to send by itself now: nothing arrived, or there was no success for too long."""
    if verification.channels and last.delivery == Delivery.UNDELIVERED:
        return True
    after = verification.resend_after
    return after is not None and _due_at(last, after) <= now


def _due_at(last: Send, resend_after: int) -> int:
    """Epoch milliseconds; from the first time that a provider was asked to do the send."""
    return last.tries[0].at + resend_after * 1000


def _wanting_feedback(record: Record) -> list[Try]:
    return [one for send in record.sends for one in send.tries if one.feedback]


def _may_send_by_itself(verification: Verification) -> bool:
    return (
        verification.auto_sends < verification.max_auto_sends
        and verification.sends < verification.max_sends
    )
