"""The page on which a person types the code: what it shows, and what can be done on it.

Whoever has its address may use it, on behalf of the client that started the verification. The
result, which takes the person back, goes to the browser alone in which the right code was typed:
its guess is known again by a key that only the form had. Else an address sent to somebody else
would give whoever sent it what that person confirms.
"""

import hmac

from ..domain.codes import keyed_hash, page_mac, result_mac
from ..domain.destination import Destination
from ..domain.identifiers import make_token
from ..domain.pages import parse_page_token
from ..domain.policy import RESEND_INTERVAL, Client
from ..domain.return_urls import returning
from ..domain.verification import Channel, Reason, Record, Status, Verification
from ..errors import FieldFault, InvalidFields, NotFound, Unauthorized
from ..valueclass import valueclass
from .ports import Clients, Clock, IdentityKey, Remaining, Route, Verifications
from .resend import Resend, seconds_until
from .verify import Verify, VerifyCommand


@valueclass
class Opened:
    """A page that somebody has the address of: its verification, and on whose behalf they act."""

    record: Record
    client: Client


@valueclass
class View:
    """What there is to see.

    Args:
        status: pending until it ends.
        seconds_left: that the code is valid for.
        resend_in: seconds until it may be sent again; None: never.
        call_too: whether it may be said on the phone instead, which its start has to allow.
        return_url: without a result; None once it was erased.
    """

    verification: Verification
    status: Status
    seconds_left: int
    resend_in: int | None
    call_too: bool
    return_url: str | None


@valueclass
class Guessed:
    """What became of a guess.

    Args:
        return_url: where the person is sent to; None: the guess was not right.
        reason: why it was not.
    """

    return_url: str | None
    reason: Reason | None


@valueclass
class HostedPage:
    """Shows verifications to those who are being verified, and takes their guesses."""

    verifications: Verifications
    clients: Clients
    verify: Verify
    resend: Resend
    route: Route
    identity_key: IdentityKey
    clock: Clock

    def open(self, token: str) -> Opened:
        """Find the page that an address shows the token of.

        Raises:
            NotFound: there is none (any more).
            TemporarilyUnavailable: the table is out of reach.
        """
        shown = parse_page_token(token)
        if shown is None:
            raise NotFound
        right = page_mac(self.identity_key(), str(shown.id), shown.began)
        if not hmac.compare_digest(right, shown.mac):
            raise NotFound
        record = self.verifications.read(shown.id.token)
        if record is None:
            raise NotFound
        verification = record.verification
        is_it = (verification.id, verification.created_at) == (shown.id, shown.began)
        if not is_it or verification.expires_at <= self.clock() // 1000:
            raise NotFound
        try:
            return Opened(record, self.clients.trusted(verification.client_id))
        except Unauthorized:  # it was shut out
            raise NotFound from None

    def view(self, opened: Opened) -> View:
        """What the page shows."""
        record, now = opened.record, self.clock()
        verification = record.verification
        status = verification.status_at(now)
        is_open = status == Status.PENDING and verification.sends < verification.max_sends
        until = max(verification.sent_at, record.page_tried_at or 0) + RESEND_INTERVAL * 1000
        url = record.details.return_url
        return View(
            verification=verification,
            status=status,
            seconds_left=max(0, seconds_until(verification.valid_until, now)),
            resend_in=max(0, seconds_until(until, now)) if is_open else None,
            call_too=is_open and self._can_call(record),
            return_url=url and returning(url, str(verification.id)),
        )

    def guess(self, opened: Opened, code: str, form: str, remaining: Remaining) -> Guessed:
        """Count and judge a guess; once, however often its form is sent.

        Args:
            code: 4 to 16 digits.
            form: what tells the form from every other; unpredictable.

        Raises:
            NotFound: it is gone just now.
            VerifierUnavailable: counted, but the provider that made the code has no answer.
            TemporarilyUnavailable: not judged; it may have been counted.
        """
        verification_id = str(opened.record.verification.id)
        # With the code: a form that the browser kept may come again with another one.
        key = keyed_hash(self.identity_key(), "page guess", form, code).hex()
        command = VerifyCommand(opened.client.id, verification_id, code, idempotency_key=key)
        verification, verdict = self.verify(command, remaining)
        url = opened.record.details.return_url
        if not verdict.valid or url is None:
            return Guessed(None, verdict.reason)
        return Guessed(returning(url, verification_id, self._result(verification)), None)

    def send_again(self, opened: Opened, remaining: Remaining, *, call: bool) -> None:
        """Send the code once more, as the first time or by a call.

        Raises:
            InvalidFields: the page offers no call.
            ResendTooEarly: not within 30 seconds of a send, or of a try on the page.
            ServiceError: as Resend.
        """
        record = opened.record
        if call and not self._can_call(record):
            raise InvalidFields(faults=[FieldFault("action", "is not offered on this page")])
        channel = Channel.VOICE if call else _first_channel(record)
        self.resend(opened.client, str(record.verification.id), channel, remaining, from_page=True)

    def _can_call(self, record: Record) -> bool:
        seen = record.verification
        to = seen.to or ""
        if not (record.details.page_call or (seen.channels and Channel.VOICE in seen.fallback)):
            return False  # calls cost more than messages, so the client has to want them
        if _first_channel(record) == Channel.VOICE or Channel.VOICE not in Destination(to).channels:
            return False
        return seen.test or self.route.serves(Channel.VOICE, to, seen.country)

    def _result(self, verification: Verification) -> str:
        known = (str(verification.id), verification.created_at, verification.guessed_at or 0)
        return make_token(result_mac(self.identity_key(), *known))


def _first_channel(record: Record) -> Channel:
    """The channel before anybody asked for a call."""
    first = [send.taken.channel for send in record.sends if send.number == 1]
    return first[0] if first else record.verification.channel
