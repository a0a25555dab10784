"""Providers that keep what they are given."""

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from verification.domain.messages import Message
from verification.domain.verification import Channel
from verification.errors import ProviderError


@dataclass(frozen=True)
class Sent:
    """A message that was handed over."""

    message: Message
    to: str
    channel: Channel
    sender: str | None

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

    Attributes:
        failing: raised in place of taking messages.
    """

    def __init__(
        self,
        name: str = "fake",
        channels: Iterable[Channel] = Channel,
        journal: list[str] | None = None,
    ) -> None:
        self.name = name
        self.channels = frozenset(channels)
        self.sent: list[Sent] = []
        self.failing: ProviderError | None = None
        self.journal = journal if journal is not None else []
        self._lock = threading.Lock()

    def send(self, message: Message, to: str, channel: Channel, sender: str | None) -> str:
        with self._lock:
            self.journal.append("send")
            if self.failing:
                raise self.failing
            self.sent.append(Sent(message, to, channel, sender))
            return f"{self.name}-{len(self.sent)}"


class FakeRoute:
    """A route with one provider for all of its channels."""

    def __init__(self, messenger: FakeMessenger) -> None:
        self.messenger = messenger

    def serves(self, channel: Channel) -> bool:
        return channel in self.messenger.channels

    def send(
        self, message: Message, to: str, channel: Channel, sender: str | None
    ) -> tuple[str, str]:
        return self.messenger.name, self.messenger.send(message, to, channel, sender)
