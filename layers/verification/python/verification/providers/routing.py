"""The providers of each channel and country, asked in order until one takes the send."""

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Protocol

from ..domain.policy import MAX_DOUBTS
from ..domain.routes import Routes
from ..domain.verification import Channel, Outcome, Try
from ..errors import (
    ConfigurationError,
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from ..operations.ports import (
    NOBODY,
    SEND_ROOM,
    Clock,
    Messenger,
    Order,
    TakesFeedback,
    Terms,
    Verifier,
)
from ..valueclass import valueclass
from .circuit import Circuit

_OUTCOMES: Mapping[type[ProviderError], Outcome] = {
    ProviderRejected: Outcome.REJECTED,
    ProviderUnavailable: Outcome.UNAVAILABLE,
    ProviderSilent: Outcome.UNKNOWN,
}


@valueclass
class Offer:
    """What a provider can do.

    Args:
        terms: for a verifier, what it can be asked for; None for a messenger.
    """

    channels: frozenset[Channel]
    terms: Terms | None = None


class Providers(Protocol):
    """The providers of a stack, each made when it is first needed."""

    def names(self) -> Iterable[str]:
        """Those that this stack has, by their names in `ROUTES`."""
        ...

    def offer(self, name: str) -> Offer:
        """What one of them can do."""
        ...

    def get(self, name: str) -> Messenger | Verifier:
        """
        Raises:
            ProviderRefused: its settings are missing or wrong.
        """
        ...

    def renew(self, name: str) -> bool:
        """Read its settings again, where it refused us; whether they have changed."""
        ...


def ask_renewed[T](
    providers: Providers,
    name: str,
    ask: Callable[[], T],
    has_time: Callable[[], bool] = lambda: True,
) -> T:
    """Ask a provider; once more where it refused us and its settings are new since we read them.

    Raises:
        ProviderError: as `ask`.
    """
    try:
        return ask()
    except ProviderRefused:
        if not providers.renew(name) or not has_time():
            raise
    return ask()


class Routing:
    """Routes of one stack.

    Args:
        routes: which providers carry what.
        clock: epoch milliseconds.

    Raises:
        ConfigurationError: a route names a provider that there is not, or that does not carry
            its channel.
    """

    def __init__(self, routes: Routes, providers: Providers, clock: Clock) -> None:
        self._routes = routes
        self._providers = providers
        self._clock = clock
        self._circuit = Circuit(clock)
        self._offers: dict[str, Offer] = {}
        known = frozenset(providers.names())
        for rule in routes.rules:
            for name in rule.providers:
                if name not in known or rule.channel not in providers.offer(name).channels:
                    carriers = [n for n in known if rule.channel in providers.offer(n).channels]
                    raise ConfigurationError(
                        f"ROUTES sends {rule.channel} by {name}, but in this stack {rule.channel} "
                        f"goes by {' or '.join(sorted(carriers)) or 'nothing'}."
                    )
                self._offers[name] = providers.offer(name)

    def serves(self, channel: Channel, to: str, country: str | None) -> bool:
        return bool(self._routes.providers(channel, to, country))

    def names(self, channel: Channel, to: str, country: str | None) -> tuple[str, ...]:
        return self._routes.providers(channel, to, country)

    def terms(self, channel: Channel, to: str, country: str | None) -> tuple[Terms, ...]:
        found = [self._offers[name].terms for name in self._routes.providers(channel, to, country)]
        return tuple(terms for terms in found if terms) if all(found) else ()

    def send(self, order: Order, later: Container[str] = (), doubts: int = 0) -> tuple[Try, ...]:
        names = self._routes.providers(order.channel, order.to, order.country)
        if not names:  # the routes have changed since the verification was started
            return (self._failed(order, ProviderRejected(NOBODY, "no_route")),)
        tries: list[Try] = []
        # Those that keep failing, or failed this send before, have their turn after the others.
        for name in sorted(names, key=lambda name: (self._circuit.is_open(name), name in later)):
            if order.remaining() < SEND_ROOM:
                return (*tries, self._failed(order, ProviderUnavailable(NOBODY, "no_time_left")))
            tries.append(self._try(name, order))
            doubts += tries[-1].outcome == Outcome.UNKNOWN
            if tries[-1].outcome == Outcome.ACCEPTED or doubts >= MAX_DOUBTS:
                break
        return tuple(tries)

    def _try(self, name: str, order: Order) -> Try:
        terms = self._offers[name].terms
        if terms and terms.fault(order.code_length, order.validity, order.max_attempts):
            return self._failed(order, ProviderRejected(name, "outside_terms"))
        try:
            done = ask_renewed(
                self._providers,
                name,
                lambda: self._ask(name, order),
                has_time=lambda: order.remaining() >= SEND_ROOM,
            )
        except ProviderError as error:
            done = self._failed(order, error)
        # A refused number tells nothing of the provider: it answers.
        well = done.outcome in (Outcome.ACCEPTED, Outcome.REJECTED) and not done.refused
        self._circuit.note(name, failed=not well)
        return done

    def _ask(self, name: str, order: Order) -> Try:
        provider = self._providers.get(name)
        if isinstance(provider, Verifier):
            message_id, delegated = provider.start(order), True
        else:
            message_id, delegated = provider.send(order), False
        return Try(
            provider=name,
            channel=order.channel,
            outcome=Outcome.ACCEPTED,
            at=self._clock(),
            message_id=message_id,
            delegated=delegated,
            feedback=isinstance(provider, TakesFeedback) and provider.takes_feedback,
        )

    def _failed(self, order: Order, error: ProviderError) -> Try:
        return Try(
            provider=error.provider,
            channel=order.channel,
            outcome=next(o for kind, o in _OUTCOMES.items() if isinstance(error, kind)),
            at=self._clock(),
            vendor_code=error.vendor_code,
            refused=isinstance(error, ProviderRefused),
        )

    def feed_back(self, done: Try, *, received: bool) -> None:
        provider = self._providers.get(done.provider)
        if isinstance(provider, TakesFeedback) and done.message_id:
            provider.feedback(done.message_id, received)
