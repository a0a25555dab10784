"""Routes: the providers of a channel and place in order, the next when one fails."""

from collections.abc import Container
from typing import Any

import pytest
from verification.domain.verification import Channel, Outcome, Try
from verification.errors import (
    ConfigurationError,
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from verification.operations.ports import SEND_ROOM, Terms
from verification.providers.routing import Routing

from tests.fakes.clock import SettableClock
from tests.fakes.providers import FakeMessenger, FakeProviders, FakeVerifier, read_routes
from tests.providers.orders import CODE, make_order

NOW = SettableClock().now
SMS = (Channel.SMS, "+31612345678", "NL")


class Routed:
    """Three messengers of SMS and a verifier, and how they are routed."""

    def __init__(self, routes: str = "sms=one,two,three") -> None:
        self.one, self.two, self.three = (
            FakeMessenger(name, [Channel.SMS]) for name in ("one", "two", "three")
        )
        self.verifier = FakeVerifier(terms=Terms((4, 6), (60, 600), (1, 5)))
        self.providers = FakeProviders(self.one, self.two, self.three, self.verifier)
        self.clock = SettableClock()
        self.routing = Routing(read_routes(routes), self.providers, self.clock)

    def send(self, later: Container[str] = (), **changes: Any) -> list[tuple[str, Outcome]]:
        return [(one.provider, one.outcome) for one in self.tries(later, **changes)]

    def tries(self, later: Container[str] = (), **changes: Any) -> tuple[Try, ...]:
        return self.routing.send(make_order(**changes), later)

    def names(self, later: Container[str] = ()) -> list[str]:
        return [name for name, _ in self.send(later)]


ACCEPTED, REJECTED = Outcome.ACCEPTED, Outcome.REJECTED
UNAVAILABLE, UNKNOWN = Outcome.UNAVAILABLE, Outcome.UNKNOWN


def test_the_first_provider_takes_it_and_no_other_is_asked() -> None:
    routed = Routed("sms=two,one")
    assert routed.tries() == (Try("two", Channel.SMS, ACCEPTED, NOW, message_id="two-1"),)
    (sent,) = routed.two.sent
    assert (sent.to, sent.channel, sent.code) == ("+31612345678", Channel.SMS, CODE)
    assert routed.one.sent == []


def test_a_verifiers_try_is_delegated_under_its_own_id() -> None:
    (done,) = Routed("sms=verifier").tries()
    assert (done.message_id, done.delegated, done.feedback) == ("verifier-1", True, False)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_try_says_whether_the_provider_wants_feedback(wanted: bool) -> None:
    routed = Routed()
    routed.one.takes_feedback = wanted
    (done,) = routed.tries()
    assert done.feedback is wanted and not done.delegated


EACH_ERROR = pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ProviderRejected, REJECTED),
        (ProviderRefused, REJECTED),
        (ProviderUnavailable, UNAVAILABLE),
        (ProviderSilent, UNKNOWN),
    ],
)


@EACH_ERROR
def test_the_next_is_tried_when_one_fails(error: type[ProviderError], outcome: Outcome) -> None:
    routed = Routed()
    routed.one.failing = error("one", "why")
    failed, taken = routed.tries()
    refused = error is ProviderRefused
    assert failed == Try("one", Channel.SMS, outcome, NOW, vendor_code="why", refused=refused)
    assert (taken.provider, taken.outcome) == ("two", ACCEPTED)
    assert routed.three.sent == []


@EACH_ERROR
def test_the_next_is_tried_when_a_verifier_fails(
    error: type[ProviderError], outcome: Outcome
) -> None:
    routed = Routed("sms=verifier,one")
    routed.verifier.failing = error("verifier", "why")
    assert routed.send() == [("verifier", outcome), ("one", ACCEPTED)]


def test_when_all_fail_each_says_why() -> None:
    routed = Routed()
    routed.one.failing = ProviderRejected("one", "no")
    routed.two.failing = ProviderUnavailable("two", "later")
    routed.three.failing = ProviderSilent("three", "?")
    assert [(one.provider, one.outcome, one.vendor_code) for one in routed.tries()] == [
        ("one", REJECTED, "no"),
        ("two", UNAVAILABLE, "later"),
        ("three", UNKNOWN, "?"),
    ]


def test_an_error_that_is_no_providers_answer_is_not_swallowed() -> None:
    routed = Routed()
    routed.one.send = None  # type: ignore[assignment,method-assign]  # a fault of ours
    with pytest.raises(TypeError):
        routed.tries()


def test_the_place_chooses_the_providers() -> None:
    routed = Routed("sms=one; sms:NL=two; sms:+31970=three")
    assert routed.names() == ["two"]
    assert routed.send(to="+3725555555", country="EE") == [("one", ACCEPTED)]
    assert routed.send(to="+3197010234567") == [("three", ACCEPTED)]


def test_those_that_failed_before_are_asked_after_the_others() -> None:
    routed = Routed()
    for messenger in (routed.one, routed.two, routed.three):
        messenger.failing = ProviderUnavailable(messenger.name, "later")
    assert routed.names(later={"one"}) == ["two", "three", "one"]
    assert routed.names(later={"one", "two", "three"}) == ["one", "two", "three"]


def fail_three_times(routed: Routed, error: ProviderError) -> None:
    routed.one.failing = error
    for _ in range(3):
        assert routed.names() == ["one", "two"]


@pytest.mark.parametrize(
    ("error", "passed_over"),
    [
        (ProviderUnavailable("one", "later"), True),
        (ProviderSilent("one", "?"), True),
        (ProviderRefused("one", "401"), True),
        (ProviderRejected("one", "bad number"), False),  # it answers: others' numbers may be good
    ],
)
def test_who_keeps_failing_is_asked_last_until_it_is_half_open(
    error: ProviderError, passed_over: bool
) -> None:
    routed = Routed()
    fail_three_times(routed, error)
    assert routed.names() == (["two"] if passed_over else ["one", "two"])
    routed.clock.advance(29.999)
    assert routed.names()[0] == ("two" if passed_over else "one")
    routed.clock.advance(0.001)
    assert routed.names() == ["one", "two"]  # one more chance, which it misses
    assert routed.names()[0] == ("two" if passed_over else "one")


def test_who_works_again_has_its_place_again() -> None:
    routed = Routed()
    fail_three_times(routed, ProviderUnavailable("one", "later"))
    routed.clock.advance(30)
    routed.one.failing = None
    assert [routed.names() for _ in range(2)] == [["one"], ["one"]]


def test_who_is_passed_over_is_still_asked_when_all_others_fail() -> None:
    routed = Routed("sms=one,two")
    fail_three_times(routed, ProviderUnavailable("one", "later"))
    routed.two.failing = ProviderUnavailable("two", "later")
    assert routed.names() == ["two", "one"]
    assert routed.names(later={"two"}) == ["two", "one"]  # passed over is later than later


def test_a_provider_that_refuses_us_is_asked_once_more_with_new_settings() -> None:
    routed = Routed()
    routed.one.failing = ProviderRefused("one", "401")
    renewed = FakeMessenger("one", [Channel.SMS])
    routed.providers.fresh = {"one": renewed}
    assert routed.send() == [("one", ACCEPTED)]
    assert routed.providers.renewed == ["one"]
    assert len(renewed.sent) == 1


def test_a_provider_that_refuses_us_is_not_asked_again_with_the_same_settings() -> None:
    routed = Routed()
    routed.one.failing = ProviderRefused("one", "401")
    assert routed.send() == [("one", REJECTED), ("two", ACCEPTED)]
    assert routed.providers.renewed == ["one"]
    assert routed.one.journal == ["send"]


def test_new_settings_that_are_refused_too_are_the_end_of_it() -> None:
    routed = Routed()
    routed.one.failing = ProviderRefused("one", "401")
    renewed = FakeMessenger("one", [Channel.SMS])
    renewed.failing = ProviderRefused("one", "402")
    routed.providers.fresh = {"one": renewed}
    first, second = routed.tries()
    assert (first.vendor_code, first.refused, second.outcome) == ("402", True, ACCEPTED)
    assert renewed.journal == ["send"]


@pytest.mark.parametrize(
    "error",
    [ProviderRejected("one", "x"), ProviderUnavailable("one", "x"), ProviderSilent("one", "x")],
)
def test_only_a_refusal_makes_settings_be_read_again(error: ProviderError) -> None:
    routed = Routed()
    routed.one.failing = error
    routed.send()
    assert routed.providers.renewed == []


def test_a_refusal_late_is_not_asked_about_again() -> None:
    routed = Routed()
    routed.one.failing = ProviderRefused("one", "401")
    routed.providers.fresh = {"one": FakeMessenger("one", [Channel.SMS])}
    times = iter([SEND_ROOM, SEND_ROOM - 1, SEND_ROOM - 1])
    assert routed.send(remaining=lambda: next(times)) == [
        ("one", REJECTED),
        ("none", UNAVAILABLE),
    ]


@pytest.mark.parametrize(
    ("times", "asked"),
    [
        ([SEND_ROOM - 1], ["none"]),
        ([SEND_ROOM, SEND_ROOM - 1], ["one", "none"]),
        ([SEND_ROOM, SEND_ROOM, SEND_ROOM], ["one", "two", "three"]),
    ],
)
def test_with_too_little_time_left_nobody_is_asked_any_more(
    times: list[int], asked: list[str]
) -> None:
    routed = Routed()
    for messenger in (routed.one, routed.two, routed.three):
        messenger.failing = ProviderRejected(messenger.name, "no")
    left = iter(times)
    tries = routed.tries(remaining=lambda: next(left))
    assert [one.provider for one in tries] == asked
    if asked[-1] == "none":
        assert (tries[-1].outcome, tries[-1].vendor_code) == (UNAVAILABLE, "no_time_left")


def test_without_a_route_it_is_rejected_by_nobody() -> None:
    assert Routed("sms:EE=one").tries() == (
        Try("none", Channel.SMS, REJECTED, NOW, vendor_code="no_route"),
    )


@pytest.mark.parametrize(
    "changes",
    [{"code_length": 7}, {"code_length": 3}, {"validity": 601}, {"max_attempts": 6}],
    ids=str,
)
def test_a_verifier_is_not_asked_for_what_it_cannot_do(changes: dict[str, Any]) -> None:
    routed = Routed("sms=verifier,one")
    first, second = routed.tries(**changes)
    assert (first.outcome, first.vendor_code) == (REJECTED, "outside_terms")
    assert (second.provider, second.outcome) == ("one", ACCEPTED)
    assert routed.verifier.started == []
    # It is no fault of the provider's: however often, it keeps its place.
    for _ in range(3):
        routed.tries(**changes)
    assert routed.names() == ["verifier"]


@pytest.mark.parametrize("validity", [1, 59, 60, 600])
def test_a_later_send_may_have_less_validity_left_than_the_lowest(validity: int) -> None:
    assert Routed("sms=verifier").send(validity=validity) == [("verifier", ACCEPTED)]


TERMS = Terms((4, 6), (60, 600), (2, 5))


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ((4, 60, 2), None),
        ((6, 600, 5), None),
        ((6, 1, 5), None),  # our own table ends it in time
        ((3, 60, 2), ("code_length", "4 to 6")),
        ((7, 60, 2), ("code_length", "4 to 6")),
        ((6, 601, 5), ("validity", "60 to 600")),
        ((6, 600, 1), ("max_attempts", "2 to 5")),
        ((6, 600, 6), ("max_attempts", "2 to 5")),
        ((7, 601, 6), ("code_length", "4 to 6")),
    ],
)
def test_terms_name_the_field_and_the_bound(
    asked: tuple[int, int, int], fault: tuple[str, str] | None
) -> None:
    expected = fault and (fault[0], f"should be {fault[1]} for the provider of this route")
    assert TERMS.fault(*asked) == expected


def test_a_route_with_a_messenger_takes_everything() -> None:
    terms = Routed("sms=verifier").routing.terms(*SMS)
    assert terms == (Terms((4, 6), (60, 600), (1, 5)),)
    assert Routed("sms=verifier,one").routing.terms(*SMS) == ()
    assert Routed("sms:EE=verifier").routing.terms(*SMS) == ()


def test_it_serves_the_channels_and_places_that_have_a_route() -> None:
    routing = Routed("sms=one; voice:EE=verifier").routing
    assert [routing.serves(channel, *SMS[1:]) for channel in Channel] == [True] + [False] * 5
    assert routing.serves(Channel.VOICE, "+3725555555", "EE")


@pytest.mark.parametrize("received", [True, False])
def test_feedback_goes_to_whoever_took_the_message(received: bool) -> None:
    routed = Routed()
    routed.one.takes_feedback = True
    (done,) = routed.tries()
    routed.routing.feed_back(done, received=received)
    assert routed.one.fed_back == [("one-1", received)]


@pytest.mark.parametrize(
    ("routes", "sentence"),
    [
        (
            "sms=four",
            "ROUTES sends sms by four, but in this stack sms goes by "
            "one or three or two or verifier.",
        ),
        (
            "sms=one; sms:EE=two,four",
            "ROUTES sends sms by four, but in this stack sms goes by "
            "one or three or two or verifier.",
        ),
        ("voice=one", "ROUTES sends voice by one, but in this stack voice goes by verifier."),
    ],
)
def test_a_route_that_cannot_be_stops_with_a_sentence(routes: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as stopped:
        Routed(routes)
    assert str(stopped.value) == sentence


def test_a_channel_that_nobody_carries_says_so() -> None:
    with pytest.raises(ConfigurationError, match="in this stack voice goes by nothing.$"):
        providers = FakeProviders(FakeMessenger("one", [Channel.SMS]))
        Routing(read_routes("voice=one"), providers, SettableClock())


@pytest.mark.parametrize(("doubts", "asked"), [(0, ["one", "two"]), (1, ["one"]), (2, ["one"])])
def test_no_other_is_asked_once_the_message_may_be_out_twice(doubts: int, asked: list[str]) -> None:
    routed = Routed()
    for messenger in (routed.one, routed.two):
        messenger.failing = ProviderSilent(messenger.name, "read_timeout")
    tries = routed.routing.send(make_order(), doubts=doubts)
    assert [(one.provider, one.outcome) for one in tries] == [(name, UNKNOWN) for name in asked]
    assert routed.three.sent == []
