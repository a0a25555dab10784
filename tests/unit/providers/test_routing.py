"""Routes: the providers of a channel in order, the next when one fails."""

import pytest
from verification.domain.messages import Message
from verification.domain.verification import Channel
from verification.errors import (
    ConfigurationError,
    ProviderError,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from verification.providers.routing import Offer, Routing

from tests.fakes.providers import FakeMessenger

MESSAGE = Message("123456")


class Providers:
    """Three providers of SMS; notes which were built."""

    def __init__(self) -> None:
        self.built: list[str] = []
        self.all = {name: FakeMessenger(name, [Channel.SMS]) for name in ("one", "two", "three")}

    def routing(self, *names: str) -> Routing:
        def offer(name: str) -> Offer:
            def build() -> FakeMessenger:
                self.built.append(name)
                return self.all[name]

            return Offer(frozenset([Channel.SMS]), build)

        return Routing({Channel.SMS: names}, {name: offer(name) for name in self.all})


def send(routing: Routing) -> tuple[str, str]:
    return routing.send(MESSAGE, "+31612345678", Channel.SMS, "Shop")


def test_the_first_provider_takes_it_and_no_other_is_built() -> None:
    providers = Providers()
    assert send(providers.routing("two", "one")) == ("two", "two-1")
    assert providers.built == ["two"]
    (sent,) = providers.all["two"].sent
    assert (sent.message, sent.to, sent.channel, sent.sender) == (
        MESSAGE,
        "+31612345678",
        Channel.SMS,
        "Shop",
    )


def test_a_provider_is_built_once() -> None:
    providers = Providers()
    routing = providers.routing("one")
    assert [send(routing), send(routing)] == [("one", "one-1"), ("one", "one-2")]
    assert providers.built == ["one"]


@pytest.mark.parametrize(
    "error",
    [
        ProviderRejected("one", "no"),
        ProviderUnavailable("one", "later"),
        ProviderSilent("one", "ReadTimeoutError"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_next_is_tried_when_one_fails(error: ProviderError) -> None:
    providers = Providers()
    providers.all["one"].failing = error
    assert send(providers.routing("one", "two", "three")) == ("two", "two-1")
    assert providers.built == ["one", "two"]


NO, NO_TOO = ProviderRejected("one", "no"), ProviderRejected("two", "no, too")
LATER, LATER_TOO = ProviderUnavailable("one", "later"), ProviderUnavailable("two", "later, too")
SILENT, SILENT_TOO = ProviderSilent("one", "?"), ProviderSilent("two", "?")


@pytest.mark.parametrize(
    ("first", "second", "raised"),
    [
        (NO, NO_TOO, NO),
        (LATER, LATER_TOO, LATER),
        (LATER, NO_TOO, LATER),  # one at least may take it later
        (NO, LATER_TOO, LATER_TOO),
        (SILENT, SILENT_TOO, SILENT),
        (SILENT, NO_TOO, SILENT),  # one at least may have sent it
        (NO, SILENT_TOO, SILENT_TOO),
        (SILENT, LATER_TOO, SILENT),
        (LATER, SILENT_TOO, SILENT_TOO),
    ],
)
def test_when_all_fail_silent_outranks_later_and_later_outranks_no(
    first: ProviderError, second: ProviderError, raised: ProviderError
) -> None:
    providers = Providers()
    providers.all["one"].failing, providers.all["two"].failing = first, second
    with pytest.raises(ProviderError) as failed:
        send(providers.routing("one", "two"))
    assert failed.value is raised
    assert providers.built == ["one", "two"]


def test_an_error_that_is_no_providers_answer_is_not_swallowed() -> None:
    providers = Providers()
    providers.all["one"].send = None  # type: ignore[assignment,method-assign]  # a fault of ours
    with pytest.raises(TypeError):
        send(providers.routing("one", "two"))


def test_it_serves_the_channels_that_have_a_route() -> None:
    routing = Providers().routing("one")
    assert [routing.serves(channel) for channel in Channel] == [True, False, False]
    with pytest.raises(ProviderRejected, match="no_provider"):
        routing.send(MESSAGE, "ann@example.com", Channel.EMAIL, None)


@pytest.mark.parametrize(
    ("channel", "name", "sentence"),
    [
        (
            Channel.SMS,
            "four",
            "ROUTES sends sms by four, but in this stack sms goes by one or three or two.",
        ),
        (
            Channel.VOICE,
            "one",
            "ROUTES sends voice by one, but in this stack voice goes by nothing.",
        ),
    ],
)
def test_a_route_that_cannot_be_stops_with_a_sentence(
    channel: Channel, name: str, sentence: str
) -> None:
    offers = {
        name: Offer(frozenset([Channel.SMS]), FakeMessenger) for name in ("one", "two", "three")
    }
    with pytest.raises(ConfigurationError) as stopped:
        Routing({channel: (name,)}, offers)
    assert str(stopped.value) == sentence
