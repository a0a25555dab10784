"""Providers that keep what they are given."""

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from verification.domain.messages import Message
from verification.domain.routes import Routes, parse_routes
from verification.domain.verification import Channel, Reason
from verification.errors import ProviderError, ProviderRefused
from verification.operations.ports import Messenger, Order, Remaining, Terms, Verifier
from verification.providers.routing import Offer


@dataclass(frozen=True)
class Sent:
    """A message that was handed over."""

    order: Order
    message: Message

    @property
    def to(self) -> str:
        return self.order.to

    @property
    def channel(self) -> Channel:
        return self.order.channel

    @property
    def sender(self) -> str | None:
        return self.order.sender

    @property
    def code(self) -> str:
        """The code that a person would read in it."""
        found = re.search(r"[0-9]{4,16}", self.message.text)
        assert found, f"no code in: {self.message.text}"
        return found[0]


class FakeMessenger:
    """A provider.

    Args:
        name: as in `ROUTES`.
        channels: what it carries.
        journal: what is done here is noted there, to be compared in order.
        takes_feedback: whether it wants to know what became of its messages.

    Attributes:
        failing: raised in place of taking messages.
        fed_back: the message ids it was told of, and whether they were received.
    """

    def __init__(
        self,
        name: str = "fake",
        channels: Iterable[Channel] = Channel,
        journal: list[str] | None = None,
        takes_feedback: bool = False,
    ) -> None:
        self.name = name
        self.channels = frozenset(channels)
        self.takes_feedback = takes_feedback
        self.sent: list[Sent] = []
        self.fed_back: list[tuple[str, bool]] = []
        self.failing: ProviderError | None = None
        self.journal = journal if journal is not None else []
        self._lock = threading.Lock()

    def send(self, order: Order) -> str:
        with self._lock:
            self.journal.append("send")
            if self.failing:
                raise self.failing
            self.sent.append(Sent(order, order.render(order.channel)))
            return f"{self.name}-{len(self.sent)}"

    def feedback(self, message_id: str, received: bool) -> None:
        if self.failing:
            raise self.failing
        self.fed_back.append((message_id, received))


@dataclass
class FakeVerifier:
    """A provider that makes and checks a code of its own; the code is always the same.

    Attributes:
        reason: why a guess that is wrong is so.
        failing: raised in place of starting; `check_failing` in place of checking.
        asked: the guesses it was asked about: its id, the code, and whether it was repeated.
    """

    name: str = "verifier"
    code: str = "424242"
    channels: frozenset[Channel] = frozenset(Channel)
    terms: Terms = field(default_factory=lambda: Terms((4, 16), (1, 172_801)))
    started: list[Order] = field(default_factory=list)
    asked: list[tuple[str, str, bool]] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)
    reason: Reason = Reason.INCORRECT
    failing: ProviderError | None = None
    check_failing: ProviderError | None = None

    def start(self, order: Order) -> str:
        if self.failing:
            raise self.failing
        self.started.append(order)
        return f"{self.name}-{len(self.started)}"

    def check(
        self, ref: str, to: str, code: str, *, repeated: bool, remaining: Remaining
    ) -> Reason | None:
        self.asked.append((ref, code, repeated))
        if self.check_failing:
            raise self.check_failing
        return None if code == self.code else self.reason

    def cancel(self, ref: str, remaining: Remaining) -> None:
        if self.check_failing:
            raise self.check_failing
        self.canceled.append(ref)


class FakeProviders:
    """The providers of a stack, by name.

    Attributes:
        renewed: the names that were asked to read their settings again.
        fresh: what these providers are from then on.
    """

    def __init__(self, *providers: FakeMessenger | FakeVerifier) -> None:
        self.all: dict[str, FakeMessenger | FakeVerifier] = {one.name: one for one in providers}
        self.renewed: list[str] = []
        self.fresh: Mapping[str, FakeMessenger | FakeVerifier] = {}

    def names(self) -> Iterable[str]:
        return self.all

    def offer(self, name: str) -> Offer:
        provider = self.all[name]
        return Offer(provider.channels, getattr(provider, "terms", None))

    def get(self, name: str) -> Messenger | Verifier:
        return self.all[name]

    def verifier(self, name: str) -> Verifier:
        provider = self.all.get(name)
        if not isinstance(provider, FakeVerifier):
            raise ProviderRefused(name, "no_verifier")
        return provider

    def renew(self, name: str) -> bool:
        self.renewed.append(name)
        if name not in self.fresh:
            return False
        self.all[name] = self.fresh[name]
        return True


def read_routes(text: str) -> Routes:
    """Routes, in a world of the Netherlands, Estonia and the United States."""
    return parse_routes(text, {"NL": 31, "EE": 372, "US": 1}.get)


def routes_to(*providers: FakeMessenger | FakeVerifier) -> Routes:
    """Every channel by all the providers that carry it, in order."""
    carriers = {
        channel: [one.name for one in providers if channel in one.channels] for channel in Channel
    }
    return read_routes(";".join(f"{c}={','.join(names)}" for c, names in carriers.items() if names))
