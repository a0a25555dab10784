"""Start a verification: store it, count it, send its code.

In this order, so that a crash loses nothing:

    0. screen: countries, the fraud guard   nothing happened yet
    1. queue a look at the first send       dies here: the look finds nothing
    2. put and count, one transaction       dies here: the look sends
    3. send by the route                    dies here: the look sends once more, the same code
    4. record who took it
"""

import hmac
from collections.abc import Mapping
from dataclasses import replace

from ..domain.codes import (
    HASH_BYTES,
    code_mac,
    derive_code,
    hash_destination,
    keyed_hash,
    nobodys_mac,
    page_mac,
)
from ..domain.destination import Destination, TestDestination
from ..domain.guard import Suspicion, network_of
from ..domain.identifiers import VerificationId, make_token
from ..domain.messages import TemplateError, check
from ..domain.policy import LONG_VALIDITY, Client
from ..domain.verification import (
    OWN_APP,
    Channel,
    Details,
    Outcome,
    Record,
    Status,
    Verification,
)
from ..errors import (
    DeliveryFailed,
    DestinationNotAllowed,
    FieldFault,
    IdempotencyConflict,
    InvalidFields,
    ReturnUrlNotAllowed,
    ServiceError,
    SuspectedFraud,
    TemporarilyUnavailable,
)
from ..valueclass import valueclass
from .charging import Charging, paid_by
from .ports import (
    Claim,
    Clock,
    CodeKeys,
    IdentityKey,
    Random,
    Remaining,
    Telemetry,
    Verifications,
    Watches,
)
from .screening import Screening
from .sending import Sender, content_of, lease

# Seconds until the queue looks at a send: more than the timeout of each function that starts, whose
# send may be under way until then.
LOOK_AFTER = 20


@valueclass
class StartCommand:
    """What to verify, checked and normalised.

    Args:
        fallback: the channels to go on to, in order, after `channel`.
        idempotency_key: the caller's; None makes every start a new one.
        request: the request in one canonical spelling, so that a repeat can be told from
            another request under the same key.
        automatic_sends: how many sends nobody has to ask for; those that `max_sends` leaves.
        test_code: verifies it, and nothing is sent.
        user, sender, flash, voice, device: see Verification.
    """

    client: Client
    to: Destination
    channel: Channel
    code_length: int
    validity: int
    max_attempts: int
    max_sends: int
    request: bytes
    resend_after: int | None = None
    automatic_sends: int = 0
    fallback: tuple[Channel, ...] = ()
    details: Details | None = None
    sender: str | None = None
    flash: bool = False
    voice: str | None = None
    device: bytes | None = None
    test_code: str | None = None
    brand: str | None = None
    locale: str | None = None
    purpose: str | None = None
    reference: str | None = None
    user: str | None = None
    idempotency_key: str | None = None

    @property
    def ip(self) -> str | None:
        """The address that the client names as its user's."""
        return self.details.ip if self.details else None


@valueclass
class Started:
    """A verification.

    Args:
        replayed: the same request had started it before.
        page: what the address of its page shows; None where it has none.
    """

    record: Record
    replayed: bool
    page: str | None = None


@valueclass
class Start:
    """Starts verifications."""

    verifications: Verifications
    watches: Watches
    sender: Sender
    code_keys: CodeKeys
    identity_key: IdentityKey
    screening: Screening
    charging: Charging
    test_destinations: Mapping[str, TestDestination]
    retention_seconds: int
    telemetry: Telemetry
    clock: Clock
    random: Random

    def __call__(self, command: StartCommand, remaining: Remaining) -> Started:
        """Start a verification, or find the one that the same request started before.

        Raises:
            InvalidFields: a channel has no provider, or none that takes such a code, or the
                template or the sender cannot be used.
            ReturnUrlNotAllowed: the list of the client has not where its page is to lead.
            DestinationNotAllowed: its country or kind of number is not for this client.
            SuspectedFraud: it looks like SMS pumping, and the guard blocks that.
            IdempotencyConflict: the key was used for another request.
            LimitExceeded: a limit is used up, or a budget is spent.
            DeliveryFailed: no provider takes the message and none will.
            TemporarilyUnavailable: it may have been started, when an answer got lost; repeated
                with its Idempotency-Key, it is not started twice.
        """
        if not command.client.may_send_as(command.sender):
            raise InvalidFields(faults=[FieldFault("sender", "is not one of this client's")])
        command, now = _as_usual(command), self.clock()
        verification = self._make(command, now, remaining)
        self._check(command, verification)
        try:
            _check_return_url(command)
            found = self._screen(command, verification)
        except (DestinationNotAllowed, ReturnUrlNotAllowed, SuspectedFraud) as refusal:
            return self._replay_refused(command, verification, refusal)
        verification = replace(verification, suspicions=",".join(found) or None)
        charges = self.charging.start(command.client, verification)
        verification = replace(verification, paid=paid_by(charges, now))
        self.watches.watch(verification.token, verification.sent_at, LOOK_AFTER)
        existing = self.verifications.create(verification, command.details, charges, remaining)
        # The nonce tells our own put, repeated after a lost reply, from somebody's before.
        if existing and existing.nonce != verification.nonce:
            return self._replay(existing, verification)
        self.telemetry.started(verification)
        if found:
            self.telemetry.suspected(verification, found, blocked=False)
        if command.validity > LONG_VALIDITY:
            self.telemetry.warn("long_validity", validity=command.validity)
        record = Record(verification, command.details or Details())
        claim = Claim(1, command.channel, now, verification.lease_until)
        return self._answer(self.sender.send(record, claim, remaining), replayed=False)

    def with_app(self, command: StartCommand, ref: str, remaining: Remaining) -> Verification:
        """Start a verification whose codes an authenticator app shows: nothing is sent or queued.

        Args:
            command: without `details` and `idempotency_key`.
            ref: which app, for whoever checks its codes.

        Raises:
            LimitExceeded: too many guesses for this destination, or too many starts.
            TemporarilyUnavailable: it was not started, or nobody will hear of it.
        """
        now = self.clock()
        verification = self._make(command, now, remaining, app=ref)
        charges = self.charging.start(command.client, verification)
        verification = replace(verification, paid=paid_by(charges, now))
        self.verifications.create(verification, None, charges, remaining)
        self.telemetry.started(verification)
        return verification

    def _make(
        self, command: StartCommand, now: int, remaining: Remaining, app: str | None = None
    ) -> Verification:
        identity = self.identity_key()
        kid, key = self.code_keys.newest()
        verification_id = VerificationId(kid, self._token(command, identity))
        nonce = self.random(16)
        test_code = None if app else command.test_code or self._test_code(command, now)
        length = len(test_code) if test_code else command.code_length
        if app:  # which shows the codes: there is none of ours
            mac = nobodys_mac(key, str(verification_id))
        else:
            code = test_code or derive_code(key, str(verification_id), nonce, length)
            mac = code_mac(key, str(verification_id), code)
        valid_until = now + command.validity * 1000
        return Verification(
            token=verification_id.token,
            kid=kid,
            client_id=command.client.id,
            status=Status.PENDING,
            channel=command.channel,
            created_at=now,
            valid_until=valid_until,
            expires_at=valid_until // 1000 + self.retention_seconds,
            code_length=length,
            max_attempts=command.max_attempts,
            max_sends=command.max_sends,
            sends=1,
            sent_at=now,
            lease_until=lease(now, remaining),
            brand=command.brand or command.client.profile.brand,
            max_auto_sends=min(command.automatic_sends, command.max_sends - 1),
            resend_after=command.resend_after,
            to=command.to.value,
            destination_hash=hash_destination(identity, command.to.value),
            nonce=nonce,
            code_mac=mac,
            request_mac=keyed_hash(identity, "request", command.request)[:HASH_BYTES],
            country=command.to.country,
            locale=command.locale or command.client.profile.locale,
            purpose=command.purpose,
            reference=command.reference,
            user=command.user,
            sender=command.sender,
            flash=command.flash,
            voice=command.voice,
            device=command.device,
            detailed=command.details is not None,
            test=test_code is not None,
            ip=self._ip(command, identity),
            channels=",".join((command.channel, *command.fallback)) if command.fallback else None,
            verifier=OWN_APP if app else None,
            verifier_ref=app,
        )

    @staticmethod
    def _ip(command: StartCommand, identity: bytes) -> bytes | None:
        ip = command.ip
        return keyed_hash(identity, "ip", network_of(ip))[:HASH_BYTES] if ip else None

    def _screen(self, command: StartCommand, verification: Verification) -> tuple[Suspicion, ...]:
        if verification.test:  # nothing is sent to those
            return ()
        self.screening.admit(command.client, command.to)
        return self.screening.suspect(command.client, verification, command.ip)

    def _replay_refused(
        self, command: StartCommand, verification: Verification, refusal: ServiceError
    ) -> Started:
        """Answer a repeat of what was started before it was refused; refuse all else."""
        known = self.verifications.read(verification.token) if command.idempotency_key else None
        if known is None or known.verification.expires_at <= verification.created_at // 1000:
            raise refusal
        return self._replay(known.verification, verification)

    def _token(self, command: StartCommand, identity: bytes) -> str:
        if command.idempotency_key is None:
            return make_token(self.random(16))
        key = keyed_hash(identity, "id", command.client.id, command.idempotency_key)
        return make_token(key[:16])

    def _test_code(self, command: StartCommand, now: int) -> str | None:
        test = self.test_destinations.get(command.to.value) if command.client.test else None
        return test.code if test and now < test.until else None

    def _check(self, command: StartCommand, verification: Verification) -> None:
        for channel in (command.channel, *command.fallback):
            if not verification.test and (fault := self._route_fault(command, channel)):
                raise InvalidFields(faults=[fault])
        record = Record(verification, command.details or Details())
        content = content_of(record, verification.created_at)
        try:
            # On every channel, so that no later send of it can find the template unfit.
            for channel in command.to.channels:
                check(channel, content, verification.code_length)
        except TemplateError as error:
            raise InvalidFields(faults=[FieldFault(error.field, str(error))]) from error

    def _route_fault(self, command: StartCommand, channel: Channel) -> FieldFault | None:
        route, place = self.sender.route, (channel, command.to.value, command.to.country)
        if not route.serves(*place):
            return FieldFault("channel", f"{channel} has no provider in this stack")
        faults = [
            terms.fault(command.code_length, command.validity, command.max_attempts)
            for terms in route.terms(*place)
        ]
        if faults and (first := faults[0]) and all(faults):
            return FieldFault(*first)
        return None

    def _replay(self, existing: Verification, repeated: Verification) -> Started:
        if not hmac.compare_digest(existing.request_mac or b"", repeated.request_mac or b""):
            raise IdempotencyConflict
        record = self.verifications.read(existing.token)
        if record is None:
            raise TemporarilyUnavailable(retry_after=1)
        return self._answer(record, replayed=True)

    def _answer(self, record: Record, replayed: bool) -> Started:
        last, verification = record.last_send, record.verification
        if last and last.number == 1 and last.outcome == Outcome.REJECTED:
            raise DeliveryFailed(
                "No provider took the message.", verification_id=str(verification.id)
            )
        page = None
        if record.details.return_url:
            # Imported late: most verifications have no page.
            from ..domain.pages import PageToken

            began = verification.created_at
            mac = page_mac(self.identity_key(), str(verification.id), began)
            page = str(PageToken(verification.id, began, mac))
        return Started(record, replayed, page)


def _as_usual(command: StartCommand) -> StartCommand:
    """A start with what its client always says in a country, where it says nothing itself."""
    profile, country = command.client.profile, command.to.country or ""
    sender, template = profile.senders.get(country), profile.templates.get(country)
    if sender and command.sender is None and command.channel == Channel.SMS:
        command = replace(command, sender=sender)
    details = command.details or Details()
    if template and details.template is None:
        command = replace(command, details=replace(details, template=template))
    return command


def _check_return_url(command: StartCommand) -> None:
    url = command.details.return_url if command.details else None
    if url is None:
        return
    # Imported late: most verifications have no page.
    from ..domain.return_urls import parse_return_url

    if not parse_return_url(url).within(command.client.profile.return_urls):
        raise ReturnUrlNotAllowed("No entry of its list of return URLs has it.")
