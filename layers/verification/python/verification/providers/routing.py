"""The providers of each channel, tried in order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..domain.messages import Message
from ..domain.verification import Channel
from ..errors import (
    ConfigurationError,
    ProviderError,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from ..operations.ports import Messenger


@dataclass(frozen=True)
class Offer:
    """A provider that a stack has.

    Args:
        channels: what it carries.
        build: makes it; called when it is first needed, since clients are the dearest part of
            a cold start.
    """

    channels: frozenset[Channel]
    build: Callable[[], Messenger]


class Routing:
    """Routes of one stack.

    Args:
        routes: for each channel the names of its providers.
        offers: the providers this stack has, by name.

    Raises:
        ConfigurationError: a route names a provider that there is not, or that does not carry
            its channel.
    """

    def __init__(
        self,
        routes: Mapping[Channel, tuple[str, ...]],
        offers: Mapping[str, Offer],
    ) -> None:
        self._routes = routes
        self._offers = offers
        self._built: dict[str, Messenger] = {}
        for channel, names in routes.items():
            for name in names:
                if name not in offers or channel not in offers[name].channels:
                    carriers = sorted(n for n, offer in offers.items() if channel in offer.channels)
                    raise ConfigurationError(
                        f"ROUTES sends {channel} by {name}, "
                        f"but in this stack {channel} goes by {' or '.join(carriers) or 'nothing'}."
                    )

    def serves(self, channel: Channel) -> bool:
        return channel in self._routes

    def send(
        self, message: Message, to: str, channel: Channel, sender: str | None
    ) -> tuple[str, str]:
        """Try the providers in order, each once.

        Returns:
            The name of the provider that took the message, and its message id.

        Raises:
            ProviderRejected: all said no.
            ProviderUnavailable: none took it, and one at least may later.
            ProviderSilent: none took it for certain, and one at least may have sent it.
        """
        failures: list[ProviderError] = []
        for name in self._routes.get(channel, ()):
            try:
                return name, self._provider(name).send(message, to, channel, sender)
            except ProviderError as error:
                failures.append(error)
        # What is left to do depends on the worst that may be: sent already, then sent later.
        for kind in (ProviderSilent, ProviderUnavailable, ProviderRejected):
            for failure in failures:
                if isinstance(failure, kind):
                    raise failure
        raise ProviderRejected("route", "no_provider")

    def _provider(self, name: str) -> Messenger:
        if name not in self._built:
            self._built[name] = self._offers[name].build()
        return self._built[name]
