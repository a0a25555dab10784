"""What the operations need from outside. `wiring.py` alone builds the real ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..domain.identifiers import VerificationId
from ..domain.limits import Charge
from ..domain.messages import Message
from ..domain.verification import Channel, Details, Guess, Record, Send, Verdict, Verification

Clock = Callable[[], int]
"""Epoch milliseconds."""

Random = Callable[[int], bytes]
"""That many unpredictable bytes."""

Remaining = Callable[[], int]
"""Milliseconds until the function is killed."""

SEND_ROOM = 8_000
"""Milliseconds a send may take: a slow provider (connect 1 s, read 5 s) and its record. Nobody
begins one, or waits for a chance to, with less left."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some verifications of one destination, newest first.

    Args:
        cursor: what to ask for to get the next page; None on the last.
    """

    records: tuple[Record, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
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
        """Write down what the providers said to a send."""
        ...

    def cancel(self, verification_id: VerificationId, client_id: str) -> bool:
        """Stop the code at once and erase the personal data; again changes nothing.

        Returns:
            False when this client has no such verification.
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


class Messenger(Protocol):
    """A provider that carries our message and our code."""

    name: str
    channels: frozenset[Channel]

    def send(self, message: Message, to: str, channel: Channel, sender: str | None) -> str:
        """Hand a message over once.

        Args:
            to: an E.164 number or an e-mail address.
            sender: who it is from; None for the provider's default.

        Returns:
            The vendor's id of the message.

        Raises:
            ProviderRejected: the answer is no.
            ProviderUnavailable: not now; it was not sent.
            ProviderSilent: no answer, or not a usable one; it may have been sent.
        """
        ...


class Route(Protocol):
    """The providers of each channel, in order."""

    def serves(self, channel: Channel) -> bool:
        """Whether any provider carries this channel."""
        ...

    def send(
        self, message: Message, to: str, channel: Channel, sender: str | None
    ) -> tuple[str, str]:
        """Try the providers in order; the name of the one that took it, and its message id.

        Raises:
            ProviderRejected: all said no.
            ProviderUnavailable: none took it, and one at least may later.
            ProviderSilent: none took it for certain, and one at least may have sent it.
        """
        ...


class Telemetry(Protocol):
    """What is counted and logged; takes verifications, never codes."""

    def started(self, verification: Verification) -> None: ...
    def sent(self, verification: Verification, send: Send) -> None: ...
    def judged(self, verification: Verification, verdict: Verdict) -> None: ...
    def canceled(self, verification_id: VerificationId) -> None: ...
    def warn(self, event: str, **fields: str | int) -> None: ...
