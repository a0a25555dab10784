"""A verification, its sends, and what a guess at its code means."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import field, fields, replace
from enum import StrEnum

from ..valueclass import valueclass
from .identifiers import VerificationId


class Channel(StrEnum):
    """How the code travels."""

    SMS = "sms"
    VOICE = "voice"
    EMAIL = "email"
    WHATSAPP = "whatsapp"
    VIBER = "viber"
    TOTP = "totp"  # nothing travels: an app on the phone makes the codes


# Who checks the codes of an authenticator app that was enrolled with us: nobody sends any.
OWN_APP = "totp"


class Status(StrEnum):
    """Where a verification stands."""

    PENDING = "pending"
    VERIFIED = "verified"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELED = "canceled"


class Delivery(StrEnum):
    """How far the last send came. Accepted is not delivered."""

    QUEUED = "queued"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """What became of a send, or of one try of it."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"  # asked and not answered: it may have been sent


class Reason(StrEnum):
    """Why a guess was not valid."""

    INCORRECT = "incorrect"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"
    ALREADY_VERIFIED = "already_verified"
    CANCELED = "canceled"


@valueclass
class Try:
    """One provider asked to do a send, once.

    Args:
        at: epoch milliseconds of its answer.
        message_id: the vendor's id of the message, when it took it.
        vendor_code: the vendor's error code, when it did not.
        refused: it takes nothing from us at all: credentials, balance, configuration.
        delegated: it makes and checks a code of its own, under `message_id`.
        feedback: it wants to know whether the message was of use.
        report: what it said of the message later; None while it said nothing.
    """

    provider: str
    channel: Channel
    outcome: Outcome
    at: int
    message_id: str | None = None
    vendor_code: str | None = None
    refused: bool = False
    delegated: bool = False
    feedback: bool = False
    report: Delivery | None = None


def outcome_of(tries: Sequence[Try]) -> Outcome:
    """What is left to do depends on the best there is, else on the worst that may be.

    Accepted; else perhaps sent already; else perhaps sent later; else all said no.
    """
    outcomes = {one.outcome for one in tries}
    order = (Outcome.ACCEPTED, Outcome.UNKNOWN, Outcome.UNAVAILABLE)
    return next((outcome for outcome in order if outcome in outcomes), Outcome.REJECTED)


def count_unknown(tries: Sequence[Try]) -> int:
    """How many may have sent it without saying so."""
    return sum(one.outcome == Outcome.UNKNOWN for one in tries)


@valueclass
class Send:
    """One delivery of the code, as it was recorded.

    Args:
        number: 1 for the first send of the verification.
        claimed: the `sent_at` of the last claim it was made under.
        outcome: of the tries under that claim.
        tries: at least one, oldest first; those of earlier claims on this send too.
    """

    number: int
    claimed: int
    outcome: Outcome
    tries: tuple[Try, ...]

    @property
    def taken(self) -> Try:
        """The try that counts: the last that was accepted, or may have been, else the last."""
        for outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            if found := [one for one in self.tries if one.outcome == outcome]:
                return found[-1]
        return self.tries[-1]

    @property
    def delivery(self) -> Delivery | None:
        """What the providers reported of it: any delivery counts, else the last taken try's."""
        if any(one.report == Delivery.DELIVERED for one in self.tries):
            return Delivery.DELIVERED
        return self.taken.report


@valueclass
class Details:
    """What most verifications have none of; kept beside the item so that it stays under 1 KB."""

    metadata: Mapping[str, str] | None = None
    ip: str | None = None
    user_agent: str | None = None
    template: str | None = None
    subject: str | None = None
    webotp_domain: str | None = None
    android_hash: str | None = None
    return_url: str | None = None  # of its page, if it has one; in its one spelling
    page_call: bool = False  # whether who sees its page may be called instead


DETAIL_NAMES = tuple(detail.name for detail in fields(Details))


@valueclass(kw_only=True)
class Verification:
    """One attempt to prove one destination, with the policy as it was at start.

    All times are epoch milliseconds, all spans seconds. `to`, `destination_hash`, `nonce` and
    `code_mac` are None once the verification was deleted.
    """

    token: str
    kid: str
    client_id: str
    status: Status  # as stored: pending or canceled; the rest is derived, see status_at()
    channel: Channel
    created_at: int
    valid_until: int
    expires_at: int  # epoch seconds: DynamoDB's TTL deletes it hours or days after this
    code_length: int
    max_attempts: int
    max_sends: int
    sends: int  # claimed, not necessarily accepted
    sent_at: int  # when the last send was claimed; tells that claim from others
    lease_until: int  # until then nobody else may do the last send
    brand: str
    attempts: int = 0
    take_overs: int = 0  # of the last send, which may have been sent each time
    auto_sends: int = 0
    max_auto_sends: int = 0
    resend_after: int | None = None
    to: str | None = None
    destination_hash: bytes | None = None
    nonce: bytes | None = None
    code_mac: bytes | None = None
    last_guess: bytes | None = None
    guess_key: bytes | None = None
    guessed_at: int | None = None
    request_mac: bytes | None = None
    country: str | None = None
    locale: str | None = None
    purpose: str | None = None
    reference: str | None = None
    user: str | None = None  # of a service: by this they are found when the user is deleted
    sender: str | None = None
    flash: bool = False  # shown at once, and not kept by most phones
    voice: str | None = None  # male or female, where a provider has both
    device: bytes | None = None  # the hash of whom to trust after a success, see operations.devices
    detailed: bool = False  # whether there are Details beside the item
    test: bool = False
    suspicions: str | None = None  # of the guard, when it let it through; parted by commas
    ip: bytes | None = None  # a hash of the address that the client named, for the guard
    paid: str | None = None  # the windows that its guesses were reserved in, parted by spaces
    credited: bool = False  # whether those never made were given back
    channels: str | None = None  # to fall back on in this order, parted by commas
    verifier: str | None = None  # the provider whose code counts in place of ours, and
    verifier_ref: str | None = None  # its id for that
    settled_key: bytes | None = None  # the last guess that the verifier has judged, and
    settled_reason: Reason | None = None  # why it was wrong
    ended: bool = False  # by its time; written down for the events alone, see operations.publish

    @property
    def id(self) -> VerificationId:
        return VerificationId(self.kid, self.token)

    @property
    def is_verified(self) -> bool:
        """It *is* verified when the last guess was the code: no flag to set, none to race."""
        return (
            self.status == Status.PENDING
            and self.last_guess is not None
            and self.code_mac is not None
            and hmac.compare_digest(self.last_guess, self.code_mac)
        )

    def status_at(self, now: int) -> Status:
        if self.status == Status.CANCELED:
            return Status.CANCELED
        if self.is_verified:
            return Status.VERIFIED
        if self.attempts >= self.max_attempts:
            return Status.FAILED
        return Status.EXPIRED if self.valid_until <= now else Status.PENDING

    @property
    def fallback(self) -> tuple[Channel, ...]:
        """The channels it may use, in order; just its own when no others were asked for."""
        return tuple(map(Channel, self.channels.split(","))) if self.channels else (self.channel,)

    @property
    def attempts_left(self) -> int:
        return self.max_attempts - self.attempts


def is_same(before: Verification, after: Verification) -> bool:
    """Whether both are one verification: an id may be used again after its end."""
    return before.created_at == after.created_at


@valueclass
class Record:
    """A verification with what stands beside it."""

    verification: Verification
    details: Details = field(default_factory=Details)
    sends: tuple[Send, ...] = ()
    page_tried_at: int | None = None  # when its page last tried to send again; epoch milliseconds

    @property
    def last_send(self) -> Send | None:
        """What became of the last claim on a send; None while nobody recorded it."""
        last = self.verification.sends, self.verification.sent_at
        recorded = [send for send in self.sends if (send.number, send.claimed) == last]
        return recorded[0] if recorded else None

    @property
    def doubts(self) -> int:
        """How often the last send may have been sent without our knowing."""
        last = self.last_send
        # A claim that was taken over left no record, or one of doubt; so did the last one.
        unclear = last is None or last.outcome == Outcome.UNKNOWN
        recorded = count_unknown(last.tries) if last else 0
        return max(self.verification.take_overs + unclear, recorded)

    @property
    def next_channel(self) -> Channel | None:
        """The first channel to fall back on that had no turn yet, whatever came of it."""
        tries = (one for send in self.sends for one in send.tries)
        used = {one.channel for one in tries if one.outcome != Outcome.UNAVAILABLE}
        used.add(self.verification.channel)
        return next((c for c in self.verification.fallback if c not in used), None)

    @property
    def _telling_send(self) -> Send | None:
        last = self.last_send
        if last and last.outcome == Outcome.REJECTED:
            sent = (Outcome.ACCEPTED, Outcome.UNKNOWN)
            taken = [send for send in self.sends if send.outcome in sent]
            return taken[-1] if taken else last
        return last

    def delivery_at(self, now: int) -> Delivery:
        """How far the last send came that was not rejected by all.

        A code that was typed back did arrive, by this send or another: then a late report of
        failure changes nothing. One that ended unused and unreported may have arrived or not.
        """
        if self.verification.verifier == OWN_APP:  # nothing was sent
            return Delivery.UNKNOWN
        status, last = self.verification.status_at(now), self._telling_send
        report = last.delivery if last else None
        if status == Status.VERIFIED:
            return Delivery.DELIVERED if report == Delivery.DELIVERED else Delivery.ACCEPTED
        if last and last.outcome == Outcome.ACCEPTED:
            silent = Delivery.UNKNOWN if status == Status.EXPIRED else Delivery.ACCEPTED
            return report or silent
        if last and last.outcome == Outcome.REJECTED:
            return Delivery.UNDELIVERED
        if last and last.outcome == Outcome.UNKNOWN:
            return report or Delivery.UNKNOWN
        # Nobody took it yet: the queue tries again as long as the code could be used.
        return Delivery.QUEUED if status == Status.PENDING else Delivery.UNKNOWN


@valueclass
class Guess:
    """One attempt at a code.

    Args:
        mac: the MAC of what was typed, under the key that the id names.
        key: 16 bytes that tell this request from every other: the hash of the caller's
            Idempotency-Key, or random. A repeat of the same request (the caller's, or the AWS
            client's after a lost reply) is answered as the first time and not counted again.
        now: epoch milliseconds.
        destination_hash, purpose: what must match too, when the caller says so.
    """

    id: VerificationId
    client_id: str
    mac: bytes
    key: bytes
    now: int
    destination_hash: bytes | None = None
    purpose: str | None = None


@valueclass
class Verdict:
    """The answer to a guess.

    Args:
        repeated: the same request was answered so before.
        conflict: the same key came with another code before.
        unsettled: it was counted, and the verifier has yet to say what it thinks of it.
    """

    valid: bool
    reason: Reason | None = None
    repeated: bool = False
    conflict: bool = False
    unsettled: bool = False


def judge_counted(verification: Verification) -> Verdict:
    """Judge a guess that the conditional write counted, from the item it returned."""
    if verification.is_verified:
        return Verdict(True)
    if not verification.verifier:
        return Verdict(False, Reason.INCORRECT)
    settled = verification.settled_key == verification.guess_key
    reason = (settled and verification.settled_reason) or Reason.INCORRECT
    return Verdict(False, reason, unsettled=not settled)


def concerns(guess: Guess, verification: Verification) -> bool:
    """Whether the guess speaks of this verification at all; if not, it does not exist for it.

    TTL deletes hours or days late: what should be gone by now does not exist either.
    """
    return (
        verification.expires_at > guess.now // 1000
        and verification.client_id == guess.client_id
        and verification.kid == guess.id.kid
        # A deleted one has no destination any more; its owner is told that it was canceled.
        and (
            verification.status == Status.CANCELED
            or guess.destination_hash in (None, verification.destination_hash)
        )
        and guess.purpose in (None, verification.purpose)
    )


def judge_refused(guess: Guess, verification: Verification) -> Verdict:
    """Say why the conditional write did not count a guess, from the item as it stood.

    The order is part of the API: canceled, then a repeat of the same request, then already
    verified, exhausted, expired.

    Raises:
        ValueError: no reason applies; the write's condition and this list have come apart.
    """
    if verification.status == Status.CANCELED:
        return Verdict(False, Reason.CANCELED)
    if verification.guess_key == guess.key:
        if not hmac.compare_digest(verification.last_guess or b"", guess.mac):
            return Verdict(False, conflict=True)
        return replace(judge_counted(verification), repeated=True)
    if verification.is_verified:
        return Verdict(False, Reason.ALREADY_VERIFIED)
    if verification.attempts >= verification.max_attempts:
        return Verdict(False, Reason.EXHAUSTED)
    if verification.valid_until <= guess.now:
        return Verdict(False, Reason.EXPIRED)
    raise ValueError("a guess was refused for no known reason")
