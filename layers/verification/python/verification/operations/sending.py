"""Sending the code of a verification and writing down what became of it.

Shared by start, the asked-for re-send and the queue: whoever holds the claim on a send.
"""

from collections.abc import Sequence
from dataclasses import replace

from ..domain.codes import code_mac, derive_code, nobodys_mac, report_mac
from ..domain.identifiers import ReportToken
from ..domain.messages import Content, Message, render
from ..domain.texts import choose
from ..domain.verification import (
    Channel,
    Outcome,
    Record,
    Send,
    Try,
    Verification,
    count_unknown,
    outcome_of,
)
from ..errors import TemporarilyUnavailable
from ..valueclass import valueclass
from .ports import (
    Claim,
    Clock,
    CodeKeys,
    IdentityKey,
    Order,
    Remaining,
    Route,
    SendId,
    Telemetry,
    Verifications,
)

TEST_PROVIDER = "test"  # on the record of a send to a test destination
MAX_TRIES = 20  # kept of one send: the first, from which waits are counted, and the last ones

# A claim outlives the function that holds it by this much, so that nobody takes over a send
# whose owner may still be running. Milliseconds.
_LEASE_MARGIN = 2_000


def lease(now: int, remaining: Remaining) -> int:
    """Until when (epoch milliseconds) a claim made now holds."""
    return now + remaining() + _LEASE_MARGIN


def content_of(record: Record, now: int) -> Content:
    """What a message of this verification says, but for the code.

    Args:
        now: epoch milliseconds; a later send says how long the code is valid from then on.
    """
    verification, details = record.verification, record.details
    return Content(
        texts=choose(verification.locale, verification.country),
        brand=verification.brand,
        validity=_validity(verification, now),
        template=details.template,
        subject=details.subject,
        webotp_domain=details.webotp_domain,
        android_hash=details.android_hash,
    )


def _validity(verification: Verification, now: int) -> int:
    return max(1, -(-(verification.valid_until - now) // 1000))


@valueclass
class Sender:
    """Sends and records; needs a claim on the send first.

    Args:
        route: the providers in order.
        followed: names of providers whose reports say nothing but the message's id.
    """

    verifications: Verifications
    route: Route
    code_keys: CodeKeys
    identity_key: IdentityKey
    telemetry: Telemetry
    clock: Clock
    followed: frozenset[str] = frozenset()

    def send(self, record: Record, claim: Claim, remaining: Remaining) -> Record:
        """Do one claimed send: hand the code to the first provider that takes it.

        When all providers of a channel say no, the next channel to fall back on has its turn.

        Args:
            record: the verification as it was when the claim was made.
            claim: the right to do it.
            remaining: with less than SEND_ROOM left nothing is sent: the queue does it later.

        Returns:
            The record with what became of the send. It is stored, unless the table was out of
            reach just then: the queue finds no record and sends the same code once more.
        """
        claimed = _under_claim(record, claim)
        before = [one for send in record.sends if send.number == claim.number for one in send.tries]
        tries = self._try(claimed, claim.channel, before, remaining)
        while outcome_of(tries) == Outcome.REJECTED:
            channel = _with(claimed, claim, [*before, *tries]).next_channel
            if channel is None:
                break
            tries += self._try(claimed, channel, before, remaining)
        outcome = outcome_of(tries)
        if outcome == Outcome.REJECTED and count_unknown(before):
            outcome = Outcome.UNKNOWN  # they say no now; what was sent before is sent
        done = _with(claimed, claim, [*before, *tries], outcome)
        adopted = self._adopted(done)
        try:
            self._store(done.verification, adopted, done.sends[-1])
        except TemporarilyUnavailable:
            self.telemetry.warn("send_not_recorded", verification_id=str(adopted.id))
        self.telemetry.sent(adopted, replace(done.sends[-1], tries=tuple(tries)))
        return replace(done, verification=adopted)

    def _try(
        self,
        record: Record,
        channel: Channel,
        before: Sequence[Try],
        remaining: Remaining,
    ) -> list[Try]:
        if record.verification.test:
            return [Try(TEST_PROVIDER, channel, Outcome.ACCEPTED, self.clock())]
        order = self._order(record, channel, remaining)
        later = {one.provider for one in before}
        doubts = max(record.verification.take_overs, count_unknown(before))
        return list(self.route.send(order, later, doubts))

    def _order(self, record: Record, channel: Channel, remaining: Remaining) -> Order:
        verification, now = record.verification, self.clock()
        content, number = content_of(record, now), verification.sends

        def draw(on: Channel) -> Message:
            return render(on, self._code_of(verification), content)

        def draw_template(on: Channel, placeholder: str) -> Message:
            any_code = "0" * verification.code_length
            return render(on, any_code, replace(content, placeholder=placeholder))

        def token(provider: str) -> str:
            which = (str(verification.id), verification.created_at, number, provider)
            mac = report_mac(self.identity_key(), *which)
            return str(ReportToken(verification.id, number, verification.created_at, mac))

        return Order(
            key=f"{verification.id}-{number}-{verification.created_at}",
            to=verification.to or "",
            country=verification.country,
            channel=channel,
            sender=verification.sender,
            flash=verification.flash,
            voice=verification.voice,
            locale=verification.locale or content.texts.language,
            validity=_validity(verification, now),
            code_length=verification.code_length,
            max_attempts=verification.max_attempts,
            code=lambda: self._code_of(verification),
            render=draw,
            template=draw_template,
            report_token=token,
            remaining=remaining,
        )

    def _adopted(self, record: Record) -> Verification:
        """The verification after its send: the code of whoever took it last is the one."""
        verification, taken = record.verification, record.sends[-1].taken
        if taken.outcome != Outcome.ACCEPTED or verification.test:
            return verification
        adopted = replace(verification, channel=taken.channel)
        if taken.delegated:
            key = self._key_of(verification)
            return replace(
                adopted,
                verifier=taken.provider,
                verifier_ref=taken.message_id,
                code_mac=nobodys_mac(key, str(verification.id)),
            )
        if verification.verifier is None:
            return adopted
        mac = code_mac(self._key_of(verification), str(adopted.id), self._code_of(verification))
        return replace(adopted, verifier=None, verifier_ref=None, code_mac=mac)

    def _store(self, before: Verification, adopted: Verification, send: Send) -> None:
        # First whose code counts: without it, a code of a verifier that arrives is a wrong one.
        if adopted != before:
            self.verifications.adopt(before, adopted)
        taken = send.taken
        if taken.provider in self.followed and taken.message_id:
            found = SendId(before.token, send.number, before.created_at)
            self.verifications.follow(taken.provider, taken.message_id, found, before.expires_at)
        self.verifications.record_send(before, send)

    def _key_of(self, verification: Verification) -> bytes:
        key = self.code_keys.get(verification.kid)
        if key is None:
            raise LookupError(f"no key for a code under key id {verification.kid}")
        return key

    def _code_of(self, verification: Verification) -> str:
        """The code of a verification, derived again.

        Raises:
            LookupError: its key was dropped too early, or it was deleted.
        """
        key = self._key_of(verification)
        if verification.nonce is None:
            raise LookupError("no nonce for a code: the verification was deleted")
        return derive_code(key, str(verification.id), verification.nonce, verification.code_length)


def _under_claim(record: Record, claim: Claim) -> Record:
    """The record as the claim has left it in the table."""
    verification = replace(
        record.verification,
        sends=claim.number,
        channel=claim.channel,
        sent_at=claim.sent_at,
        lease_until=claim.lease_until,
        take_overs=claim.take_overs,
        auto_sends=record.verification.auto_sends + claim.automatic,
    )
    return replace(record, verification=verification)


def _with(
    record: Record, claim: Claim, tries: Sequence[Try], outcome: Outcome = Outcome.REJECTED
) -> Record:
    """The record with what became of the claimed send in place of what was known of it."""
    send = Send(claim.number, claim.sent_at, outcome, (*tries[:1], *tries[1:][1 - MAX_TRIES :]))
    others = tuple(one for one in record.sends if one.number != claim.number)
    return replace(record, sends=(*others, send))
