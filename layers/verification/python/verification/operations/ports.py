"""What the operations need from outside. `wiring.py` alone builds the real ones."""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from typing import Protocol, runtime_checkable

from ..domain.destination import Destination
from ..domain.events import Event, Written
from ..domain.guard import Allowed, Seen, Suspicion, Tally, Window
from ..domain.identifiers import VerificationId
from ..domain.limits import Budget, Charge
from ..domain.messages import Message
from ..domain.policy import Client, Profile
from ..domain.report import Report
from ..domain.verification import (
    Channel,
    Details,
    Guess,
    Reason,
    Record,
    Send,
    Try,
    Verdict,
    Verification,
)
from ..domain.webhooks import Posting, Webhook
from ..errors import ProviderError
from ..valueclass import valueclass

Clock = Callable[[], int]
"""Epoch milliseconds."""

Random = Callable[[int], bytes]
"""That many unpredictable bytes."""

Remaining = Callable[[], int]
"""Milliseconds until the function is killed."""

SEND_ROOM = 8_000
"""Milliseconds a send may take: a slow provider (connect 1 s, read 5 s) and its record. Nobody
begins one, or waits for a chance to, with less left."""

NOBODY = "none"  # the provider's name on the record where no provider was asked


@valueclass
class Page:
    """Some verifications of one destination, newest first.

    Args:
        cursor: what to ask for to get the next page; None on the last.
    """

    records: tuple[Record, ...]
    cursor: str | None


@valueclass
class Claim:
    """The right to do one send, taken by a condition before anything is sent.

    Args:
        number: the send's number; the same as before tries that send once more.
        sent_at: epoch milliseconds; tells this claim from every other on the same verification.
        lease_until: epoch milliseconds; until then nobody else may try the send.
        automatic: whether nobody asked for it.
        take_overs: how often the send was tried again though it may have been sent.
    """

    number: int
    channel: Channel
    sent_at: int
    lease_until: int
    automatic: bool = False
    take_overs: int = 0


@valueclass
class SendId:
    """Which send of which verification.

    Args:
        began: the verification's `created_at`: an id may be used again, after its end.
    """

    token: str
    number: int
    began: int


@valueclass
class Change:
    """A verification before and after a write; None where there was none, or is none any more."""

    before: Verification | None
    after: Verification | None


@valueclass
class Beside:
    """What stands beside a verification, before and after a write.

    Args:
        sends: what was recorded of its sends before and after, once it is known whose they are.
    """

    token: str
    sends: Callable[[Verification], tuple[Sequence[Send], Sequence[Send]]]


@valueclass
class Write:
    """One write to the table, as the stream brings it."""

    written: Written
    told: Change | Beside


@valueclass
class Sent:
    """Messages that a write recorded as taken by a provider.

    Args:
        country: of the number; None for e-mail, and where it was not written down.
        tries: those that the write brought, accepted ones alone.
    """

    country: str | None
    tries: tuple[Try, ...]


class Verifications(Protocol):
    """The table of verifications. Every change of state is one conditional write.

    Every method raises TemporarilyUnavailable when the table is throttled or out of reach.
    """

    def create(
        self,
        verification: Verification,
        details: Details | None,
        charges: Sequence[Charge],
        remaining: Remaining,
    ) -> Verification | None:
        """Put a verification and count the charges, all or nothing.

        Returns:
            None when it was put; the verification that has this token already, when one has.

        Raises:
            LimitExceeded: a charge does not fit its limit any more.
        """
        ...

    def guess(self, guess: Guess) -> tuple[Verification, Verdict] | None:
        """Count and judge a guess in one write; None when there is no such verification."""
        ...

    def read(self, token: str) -> Record | None:
        """Read a verification and what stands beside it, strongly consistent."""
        ...

    def list(self, client_id: str, destination_hash: bytes, limit: int, cursor: str | None) -> Page:
        """The client's verifications of a destination, newest first.

        Raises:
            InvalidFields: the cursor is not one of ours.
        """
        ...

    def claim(
        self, seen: Verification, claim: Claim, charges: Sequence[Charge], remaining: Remaining
    ) -> Verification | None:
        """Claim a send, if the verification is pending and its sends are as they were seen.

        Returns:
            None when it was claimed; else the verification as it stands now.

        Raises:
            LimitExceeded: a charge does not fit its limit any more.
            NotFound: the verification is gone.
        """
        ...

    def record_send(self, verification: Verification, send: Send) -> None:
        """Write down what the providers said to a send, unless a later claim did."""
        ...

    def adopt(self, verification: Verification, adopted: Verification) -> None:
        """Let a verification follow its last send: its channel, and whose code counts.

        Nothing happens when there is a later claim, or it has ended.

        Args:
            adopted: it with its new `channel`, `verifier`, `verifier_ref` and `code_mac`.
        """
        ...

    def confirm(self, guess: Guess, *, alone: bool = False) -> tuple[Verification, Verdict] | None:
        """Write down that a verifier says a counted guess is right.

        Args:
            alone: only if no other guess was ever counted.

        Returns:
            As guess(); of several right ones only the first is valid.
        """
        ...

    def dismiss(self, guess: Guess, reason: Reason) -> None:
        """Write down that a verifier says a counted guess is wrong, for whoever repeats it."""
        ...

    def ask_again(self, guess: Guess, before: int) -> bool:
        """Claim the right to ask a verifier again about a guess that it has not judged.

        Args:
            before: epoch milliseconds; false when it was asked about later than that.
        """
        ...

    def end(self, token: str, began: int, now: int) -> bool:
        """Write down that a verification ended by its time, unless it ended before.

        Args:
            began: its `created_at`.

        Returns:
            Whether it was written.
        """
        ...

    def follow(self, provider: str, message_id: str, send: SendId, expires_at: int) -> None:
        """Remember which send a vendor's message belongs to.

        Args:
            expires_at: epoch seconds.
        """
        ...

    def find_send(self, provider: str, message_id: str) -> SendId | None:
        """The send a vendor's message belongs to, if it was followed."""
        ...

    def record_report(self, send: SendId, report: Report, now: int) -> bool:
        """Write down a delivery report; a delivery stands against all later ones.

        Returns:
            Whether it was news.
        """
        ...

    def try_from_page(self, verification: Verification, now: int, before: int) -> bool:
        """Note that somebody on the page wants the code again, unless one did just before.

        Args:
            now: epoch milliseconds.
            before: epoch milliseconds; false when there was a try later than that.
        """
        ...

    def use_result(self, verification: Verification, key: bytes) -> bool:
        """Use the result of a page, if nobody did before.

        Args:
            key: 16 bytes that tell this request from every other, as those of a Guess.
        """
        ...

    def cancel(self, verification_id: VerificationId, client_id: str) -> Verification | None:
        """Stop the code at once and erase the personal data; again changes nothing.

        Returns:
            What is left of it; None when this client has no such verification.
        """
        ...


class Counters(Protocol):
    """What limits and budgets have counted."""

    def give_back(
        self, verification: Verification, keys: Sequence[str], amount: int, remaining: Remaining
    ) -> None:
        """Credit guesses that can never be made, once for each verification.

        Args:
            keys: of the windows that paid; one that is gone gets nothing.

        Raises:
            TemporarilyUnavailable: the table is out of reach; nothing was credited.
        """
        ...

    def whole(self, budget: Budget) -> Budget:
        """A budget with all that was used of it, in every shard.

        Raises:
            TemporarilyUnavailable: the table is out of reach.
        """
        ...


class Tallies(Protocol):
    """What the fraud guard has seen, in windows."""

    def read(self, windows: Collection[Window], now: int) -> tuple[Mapping[Window, Tally], Allowed]:
        """What was seen in some windows, and what operators let through for now; in one call.

        Args:
            now: epoch milliseconds.

        Raises:
            TemporarilyUnavailable: the table is out of reach.
        """
        ...

    def add(self, window: Window, seen: Seen) -> None:
        """Add to a tally.

        Raises:
            TemporarilyUnavailable: the table is out of reach.
        """
        ...


class Profiles(Protocol):
    """The policies of clients, remembered for a minute."""

    def profile(self, client_id: str) -> Profile | None:
        """A client's; None where it is gone or shut out.

        Raises:
            TemporarilyUnavailable: the table is out of reach.
        """
        ...


class Clients(Protocol):
    """Who acts; see `storage.directory.Directory`."""

    def trusted(self, client_id: str) -> Client:
        """A client that need not show who it is.

        Raises:
            Unauthorized: unknown or disabled.
            TemporarilyUnavailable: the table is out of reach.
        """
        ...


class Prices(Protocol):
    """What messages cost."""

    def __call__(self, providers: Sequence[str], channel: Channel, country: str | None) -> int:
        """The price of one message, by the dearest of the providers that may be asked.

        Returns:
            In limits.UNITS_OF_MONEY; 0 where no price is known.

        Raises:
            TemporarilyUnavailable: the prices are out of reach.
        """
        ...


class Watches(Protocol):
    """The queue that looks after verifications: sends that got lost, automatic re-sends."""

    def watch(self, token: str, claimed: int, delay: int, tries: int = 0) -> None:
        """Look later at what became of a claim on a send.

        Args:
            claimed: the claim's `sent_at`; once there is a later claim, the look is void.
            delay: seconds, 0 to 900 (SQS takes no more; longer waits are queued again).
            tries: how often the providers were unavailable before.
        """
        ...


class EventBus(Protocol):
    """Where others hear what becomes of verifications."""

    def put(self, events: Sequence[Event], remaining: Remaining) -> int:
        """Tell events, in this order.

        Returns:
            How many it took, from the first on; it may have taken some of the others, too.

        Raises:
            TemporarilyUnavailable: it is out of reach; it may have taken some.
        """
        ...


class Ends(Protocol):
    """The queue that looks after verifications whose time is over."""

    def watch(self, verifications: Sequence[tuple[str, int, int]], now: int) -> None:
        """Look at verifications later: each a token, its `created_at`, and when to look.

        Args:
            now: epoch milliseconds, as are the others.

        Raises:
            TemporarilyUnavailable: the queue did not take all of them.
        """
        ...


class Webhooks(Protocol):
    """Where clients hear of events, remembered for a minute."""

    def of(self, client_id: str) -> tuple[Webhook, ...]:
        """A client's.

        Raises:
            TemporarilyUnavailable: the table is out of reach.
        """
        ...

    def disable(self, webhook: Webhook) -> None:
        """Post there no more, until an operator says so.

        Raises:
            TemporarilyUnavailable: the table is out of reach.
        """
        ...


class Postings(Protocol):
    """The queue of what is on its way to webhooks.

    Every method raises TemporarilyUnavailable when the queue is out of reach.
    """

    def again(self, posting: Posting, wait: int) -> None:
        """Bring it back after a while, in milliseconds; sooner where the queue cannot wait so."""
        ...

    def bury(self, posting: Posting, outcome: str) -> None:
        """Keep it with the dead letters: nobody took it, for this reason."""
        ...


class Post(Protocol):
    """A request to a webhook."""

    def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, remaining: Remaining
    ) -> int:
        """Post once; the HTTP status of the answer.

        Raises:
            ProviderError: there was none.
        """
        ...


class Circuit(Protocol):
    """What this process knows of who keeps failing."""

    def is_open(self, name: str) -> bool:
        """Whether to leave it alone for now."""
        ...

    def note(self, name: str, *, failed: bool) -> None:
        """Take notice of how it did."""
        ...


class CodeKeys(Protocol):
    """The keys that codes are derived from, newest first."""

    def newest(self) -> tuple[str, bytes]:
        """The kid and the key that new verifications use."""
        ...

    def get(self, kid: str) -> bytes | None:
        """The key with this kid; looks again for one it does not know, at most once a minute."""
        ...


class IdentityKey(Protocol):
    """The key of everything that must outlive a rotation of the code keys."""

    def __call__(self) -> bytes: ...


@valueclass(kw_only=True)
class Order:
    """One send, with all that a provider may need to know of it.

    Args:
        key: tells this send from every other to a vendor that takes such keys; 1 to 64
            letters, digits and hyphens. The same when the same send is tried again.
        to: an E.164 number or an e-mail address.
        country: ISO 3166-1 alpha-2 of a number, when it has one.
        sender: who it is from; None for the provider's default.
        flash: shown at once, where a provider can; `voice`: male or female, likewise.
        locale: BCP 47 of the person; None for nobody knows.
        validity: seconds the code is valid from now on, at least 1.
        code_length, max_attempts: for a provider that makes and checks the code.
        code: gives our code, for a messenger whose vendor has the texts.
        render: makes the message for a channel, with our code.
        template: the same with a placeholder in place of the code.
        report_token: makes what a provider's reports on this send must show, for its name.
        remaining: how much time is left.
    """

    key: str
    to: str
    channel: Channel
    validity: int
    code_length: int
    max_attempts: int
    code: Callable[[], str]
    render: Callable[[Channel], Message]
    template: Callable[[Channel, str], Message]
    report_token: Callable[[str], str]
    remaining: Remaining
    country: str | None = None
    sender: str | None = None
    flash: bool = False
    voice: str | None = None
    locale: str | None = None

    def report_url(self, reports_url: str | None, provider: str) -> str | None:
        """Where a provider is to report on this send; None in a stack without reports."""
        token = reports_url and self.report_token(provider)
        return token and f"{reports_url}/v1/reports/{provider}/{token}"


@runtime_checkable
class Messenger(Protocol):
    """A provider that carries our message and our code."""

    name: str

    def send(self, order: Order) -> str:
        """Hand the message over once.

        Returns:
            The vendor's id of the message.

        Raises:
            ProviderRejected: the answer is no; ProviderRefused: it is no to all of ours.
            ProviderUnavailable: not now; it was not sent.
            ProviderSilent: no answer, or not a usable one; it may have been sent.
        """
        ...


@runtime_checkable
class Connects(Protocol):
    """A provider that can open its connection before there is anything to send."""

    def connect(self) -> None:
        """Open the connection of the first call; if it cannot be, that one tries again."""
        ...


@runtime_checkable
class TakesFeedback(Protocol):
    """A messenger that learns which of its messages were of use."""

    @property
    def takes_feedback(self) -> bool:
        """Whether it was set up to."""
        ...

    def feedback(self, message_id: str, received: bool) -> None:
        """Say what became of a message.

        Raises:
            ProviderError: it could not be told.
        """
        ...


@valueclass
class Terms:
    """What a verifier can be asked for: lowest and highest, both within.

    Args:
        code_length: digits.
        validity: seconds.
        max_attempts: guesses.
    """

    code_length: tuple[int, int]
    validity: tuple[int, int]
    max_attempts: tuple[int, int] = (1, 10)

    def fault(self, code_length: int, validity: int, max_attempts: int) -> tuple[str, str] | None:
        """The field that is out of bounds, and the bound; None when all are within.

        A validity below the lowest is none: a later send has less left, and our own table
        ends it in time.
        """
        wanted = {
            "code_length": (code_length, self.code_length),
            "validity": (max(validity, self.validity[0]), self.validity),
            "max_attempts": (max_attempts, self.max_attempts),
        }
        for field, (value, (lowest, highest)) in wanted.items():
            if not lowest <= value <= highest:
                return field, f"should be {lowest} to {highest} for the provider of this route"
        return None


class Checker(Protocol):
    """Who knows whether a code that we did not make is right."""

    def check(
        self, ref: str, to: str, code: str, *, repeated: bool, remaining: Remaining
    ) -> Reason | None:
        """Ask whether a code is right. Our own table has counted the guess before.

        Args:
            ref: its own id for what the code belongs to.
            to: whom it was sent to.
            code: 4 to 16 digits.
            repeated: this guess was asked about before, its answer got lost, and it is the only
                one there ever was: what the vendor says of its verification, it says of this guess.

        Returns:
            None when it is right, else why not.

        Raises:
            ProviderError: of any kind: nobody knows.
        """
        ...

    def cancel(self, ref: str, remaining: Remaining) -> None:
        """Make the vendor forget its verification; nothing where it cannot.

        Raises:
            ProviderError: it could not be asked, or said no.
        """
        ...


@runtime_checkable
class Verifier(Checker, Protocol):
    """A provider that makes and checks a code of its own."""

    name: str

    def start(self, order: Order) -> str:
        """Have a code made and sent.

        Returns:
            The vendor's id of its verification.

        Raises:
            As Messenger.send().
        """
        ...


class Route(Protocol):
    """The providers of each channel and country, in order."""

    def serves(self, channel: Channel, to: str, country: str | None) -> bool:
        """Whether any provider carries this channel to this destination."""
        ...

    def names(self, channel: Channel, to: str, country: str | None) -> tuple[str, ...]:
        """The providers that may be asked to carry this channel to this destination, in order."""
        ...

    def terms(self, channel: Channel, to: str, country: str | None) -> tuple[Terms, ...]:
        """What each of its providers can be asked for; none when one takes everything."""
        ...

    def send(self, order: Order, later: Container[str] = (), doubts: int = 0) -> tuple[Try, ...]:
        """Ask the providers in order until one takes it, or too many may have.

        Args:
            later: the names of those to be asked after the others, having failed before.
            doubts: how often this send may have been sent before; MAX_DOUBTS ends it.

        Returns:
            What each said, at least one; only the last can have been accepted.
        """
        ...

    def feed_back(self, done: Try, *, received: bool) -> None:
        """Tell a provider that takes feedback what became of a message it took.

        Raises:
            ProviderError: it could not be told.
        """
        ...


class Verifiers(Protocol):
    """Those who check codes that are not ours, by name."""

    def __call__(self, name: str) -> Checker:
        """
        Raises:
            ProviderRefused: the stack has no such provider, or not its settings.
        """
        ...


class Telemetry(Protocol):
    """What is counted and logged; takes verifications, never codes."""

    def started(self, verification: Verification) -> None: ...
    def sent(self, verification: Verification, send: Send) -> None: ...
    def judged(self, verification: Verification, verdict: Verdict) -> None: ...
    def canceled(self, verification_id: VerificationId) -> None: ...
    def verifier_failed(self, verification: Verification, error: ProviderError) -> None: ...
    def reported(self, verification_token: str, report: Report) -> None: ...
    def trusted(self, client_id: str, to: Destination) -> None: ...
    def suspected(
        self, verification: Verification, found: Sequence[Suspicion], *, blocked: bool
    ) -> None: ...
    def budget_nearly_spent(self, budget: Budget) -> None: ...
    def posted(self, posting: Posting, outcome: str) -> None: ...
    def buried(self, posting: Posting, outcome: str) -> None: ...
    def spent(self, provider: str, country: str | None, price: int) -> None: ...
    def warn(self, event: str, **fields: str | int) -> None: ...
    def crashed(self, event: str, error: BaseException) -> None: ...
