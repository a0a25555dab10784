"""Trusted devices: the same cookie, number and client, from the same country, and not for ever."""

from dataclasses import replace
from typing import Any

import pytest
from verification.domain.policy import Client, Profile
from verification.domain.verification import Reason, Verdict, Verification
from verification.errors import TemporarilyUnavailable
from verification.operations.devices import TrustedDevices, Visitor
from verification.operations.verify import VerifyCommand

from tests.fakes.clock import plenty
from tests.fakes.keys import identity_key
from tests.fakes.stack import CLIENT, TRUSTED, FakeStack, start_command

COOKIE = "0123456789abcdef"
HOME, SAME_COUNTRY, ABROAD, NOWHERE = "192.0.2.1", "192.0.2.2", "198.51.100.1", "10.0.0.1"
AT_HOME = Visitor(HOME, COOKIE)
NUMBER = "+31612345678"


class Shop:
    """A client of a stack with devices, and one user of its."""

    def __init__(self) -> None:
        self.stack = FakeStack()
        self.stack.countries |= {HOME: "NL", SAME_COUNTRY: "NL", ABROAD: "US"}

    def asks_for_code(self, visitor: Visitor, **command: Any) -> bool:
        """Whether a start of this visitor sends a code."""
        before = len(self.stack.messenger.sent)
        started = self.start(visitor, **command)
        assert (started is not None) == (len(self.stack.messenger.sent) == before + 1)
        return started is not None

    def start(self, visitor: Visitor, **command: Any) -> str | None:
        """The id of what this visitor started; None when it needs no code."""
        started = self.stack.start_unless_trusted(start_command(**command), visitor, plenty)
        return str(started.record.verification.id) if started else None

    def guess(
        self, verification_id: str, visitor: Visitor, off: int = 0
    ) -> tuple[Verification, Verdict]:
        """Type the code that came last, or one that is off by something."""
        code = self.stack.messenger.sent[-1].code
        typed = f"{(int(code) + off) % 10 ** len(code):0{len(code)}d}"
        command = VerifyCommand(CLIENT.id, verification_id, typed)
        return self.stack.verify_and_trust(command, visitor, plenty)

    def verify(self, at_start: Visitor, at_pin: Visitor | None = None) -> None:
        """One flow with a code."""
        verification_id = self.start(at_start)
        assert verification_id
        _, verdict = self.guess(verification_id, at_pin or at_start)
        assert verdict.valid


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.mark.parametrize("ip", [HOME, SAME_COUNTRY])
def test_who_typed_a_code_needs_none_from_the_same_country(shop: Shop, ip: str) -> None:
    shop.verify(AT_HOME)
    shop.stack.journal.clear()
    assert not shop.asks_for_code(Visitor(ip, COOKIE))
    assert shop.stack.journal == [], "nothing is queued, stored or sent"
    assert shop.stack.telemetry.events[-1] == ("trusted", CLIENT.id, NUMBER)


@pytest.mark.parametrize(
    "visitor",
    [
        Visitor(ABROAD, COOKIE),
        Visitor(NOWHERE, COOKIE),
        Visitor(None, COOKIE),
        Visitor(HOME, None),
        Visitor(HOME, COOKIE + "x"),
        Visitor(HOME, COOKIE.upper()),
    ],
)
def test_from_elsewhere_or_with_another_cookie_the_code_is_needed(
    shop: Shop, visitor: Visitor
) -> None:
    shop.verify(AT_HOME)
    assert shop.asks_for_code(visitor)


def test_a_cookie_counts_for_one_client_and_one_number(shop: Shop) -> None:
    shop.verify(AT_HOME)
    assert shop.asks_for_code(AT_HOME, to="+31612345679")
    assert shop.asks_for_code(AT_HOME, client=Client("other", Profile("Other")))
    assert not shop.asks_for_code(AT_HOME)


@pytest.mark.parametrize(
    ("at_start", "at_pin"),
    [
        (Visitor(HOME, COOKIE), Visitor(HOME, None)),
        (Visitor(HOME, None), Visitor(HOME, COOKIE)),
        (Visitor(HOME, "another-cookie-16"), Visitor(HOME, COOKIE)),
        (Visitor(HOME, COOKIE[:15]), Visitor(HOME, COOKIE[:15])),
        (Visitor(HOME, "x" * 4097), Visitor(HOME, "x" * 4097)),
        (Visitor(HOME, "sixteen letters é"), Visitor(HOME, "sixteen letters é")),
        (Visitor(HOME, "with a space in it"), Visitor(HOME, "with a space in it")),
        (Visitor(HOME, COOKIE), Visitor(None, COOKIE)),
        (Visitor(HOME, COOKIE), Visitor(NOWHERE, COOKIE)),
    ],
)
def test_nobody_is_trusted_who_was_not_the_same_all_the_way(
    shop: Shop, at_start: Visitor, at_pin: Visitor
) -> None:
    shop.verify(at_start, at_pin)
    assert shop.stack.devices.trusted == {}
    for visitor in (at_start, at_pin):
        assert shop.asks_for_code(visitor)


@pytest.mark.parametrize("cookie", ["!" * 16, "~" * 4096])
def test_a_cookie_has_16_to_4096_visible_characters(shop: Shop, cookie: str) -> None:
    shop.verify(Visitor(HOME, cookie))
    assert not shop.asks_for_code(Visitor(HOME, cookie))


def test_the_country_is_that_of_the_pin(shop: Shop) -> None:
    shop.verify(Visitor(None, COOKIE), Visitor(ABROAD, COOKIE))
    assert shop.asks_for_code(AT_HOME)
    assert not shop.asks_for_code(Visitor(ABROAD, COOKIE))


def test_a_wrong_pin_is_incorrect_and_earns_no_trust(shop: Shop) -> None:
    verification_id = shop.start(AT_HOME)
    assert verification_id
    _, verdict = shop.guess(verification_id, AT_HOME, off=1)
    assert (verdict.valid, verdict.reason) == (False, Reason.INCORRECT)
    assert shop.stack.devices.trusted == {}


def test_a_wrong_pin_on_a_trusted_device_is_incorrect_too(shop: Shop) -> None:
    shop.verify(AT_HOME)
    verification_id = shop.start(Visitor(None, COOKIE))
    assert verification_id
    _, verdict = shop.guess(verification_id, AT_HOME, off=1)
    assert (verdict.valid, verdict.reason) == (False, Reason.INCORRECT)


def test_trust_lapses_to_the_second_though_nothing_deletes_it(shop: Shop) -> None:
    shop.verify(AT_HOME)
    shop.stack.clock.advance(TRUSTED - 1)
    assert not shop.asks_for_code(AT_HOME)
    shop.stack.clock.advance(1)
    assert shop.asks_for_code(AT_HOME)
    assert len(shop.stack.devices.trusted) == 1


def test_being_let_in_does_not_prolong_it(shop: Shop) -> None:
    shop.verify(AT_HOME)
    before = dict(shop.stack.devices.trusted)
    shop.stack.clock.advance(86_400)
    assert not shop.asks_for_code(AT_HOME)
    assert shop.stack.devices.trusted == before


def test_a_code_typed_again_renews_it_from_where_it_was_typed(shop: Shop) -> None:
    shop.verify(AT_HOME)
    shop.stack.clock.advance(TRUSTED - 1)
    abroad = Visitor(ABROAD, COOKIE)
    shop.verify(abroad)
    shop.stack.clock.advance(TRUSTED - 1)
    assert not shop.asks_for_code(abroad)
    assert shop.asks_for_code(AT_HOME)


def test_revoked_are_all_of_one_client_and_number(shop: Shop) -> None:
    for cookie in (COOKIE, "another-cookie-16"):
        shop.verify(Visitor(HOME, cookie))
    other_client = (CLIENT.id + "2", *next(iter(shop.stack.devices.trusted))[1:])
    shop.stack.devices.trusted[other_client] = ("NL", 2**40)
    assert shop.stack.trusted_devices.revoke(CLIENT.id, "+31612345679") == 0
    assert shop.stack.trusted_devices.revoke(CLIENT.id, NUMBER) == 2
    assert shop.stack.trusted_devices.revoke(CLIENT.id, NUMBER) == 0
    assert list(shop.stack.devices.trusted) == [other_client]
    assert shop.asks_for_code(AT_HOME)


def test_with_0_days_nobody_is_trusted_and_nothing_read(shop: Shop) -> None:
    shop.verify(AT_HOME)
    off = replace(shop.stack.trusted_devices, seconds=0)
    shop.stack.devices.failing = {"country": AssertionError(), "trust": AssertionError()}
    start = replace(shop.stack.start_unless_trusted, devices=off)
    started = start(start_command(), AT_HOME, plenty)
    assert started and started.record.verification.device is None


@pytest.mark.parametrize(
    "visitor", [Visitor(HOME), Visitor(HOME, "short"), Visitor(NOWHERE, COOKIE), Visitor()]
)
def test_only_a_cookie_that_counts_from_a_known_country_is_looked_for(
    shop: Shop, visitor: Visitor
) -> None:
    shop.stack.devices.failing["country"] = AssertionError()
    assert shop.asks_for_code(visitor)


def test_when_nobody_knows_whether_it_is_trusted_the_start_fails(shop: Shop) -> None:
    shop.stack.devices.failing["country"] = TemporarilyUnavailable()
    with pytest.raises(TemporarilyUnavailable):
        shop.start(AT_HOME)
    assert shop.stack.messenger.sent == []


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (TemporarilyUnavailable(), "warn"),
        (RuntimeError("a fault of ours"), "crashed"),
    ],
)
def test_a_right_code_stays_right_when_the_device_cannot_be_trusted(
    shop: Shop, error: Exception, event: str
) -> None:
    shop.stack.devices.failing["trust"] = error
    shop.verify(AT_HOME)
    assert shop.stack.telemetry.events[-1][:2] == (event, "device_not_trusted")
    assert shop.asks_for_code(AT_HOME)


def test_trust_is_written_after_the_verdict(shop: Shop) -> None:
    verification_id = shop.start(AT_HOME)
    assert verification_id
    shop.stack.verifications.failing["guess"] = TemporarilyUnavailable()
    with pytest.raises(TemporarilyUnavailable):
        shop.guess(verification_id, AT_HOME)
    assert shop.stack.devices.trusted == {}


def test_a_second_right_pin_is_too_late_and_renews_nothing(shop: Shop) -> None:
    verification_id = shop.start(AT_HOME)
    assert verification_id
    assert shop.guess(verification_id, Visitor(None, COOKIE))[1].valid
    assert shop.guess(verification_id, AT_HOME)[1].reason == Reason.ALREADY_VERIFIED
    assert shop.stack.devices.trusted == {}


def test_what_is_stored_of_a_device_is_keyed_and_of_this_client_and_number() -> None:
    def identify(key: bytes, client_id: str, to: str, cookie: str) -> bytes | None:
        stack = FakeStack()
        devices = TrustedDevices(
            stack.devices, lambda: key, stack.countries.get, TRUSTED, stack.clock
        )
        return devices.identify(client_id, to, Visitor(HOME, cookie))

    key = identity_key()
    found = [
        identify(key, "shop", NUMBER, COOKIE),
        identify(key + b"x", "shop", NUMBER, COOKIE),
        identify(key, "shop2", NUMBER, COOKIE),
        identify(key, "shop", NUMBER + "0", COOKIE),
        identify(key, "shop", NUMBER, COOKIE + "0"),
        identify(key, "shop", NUMBER[:-1], "8" + COOKIE),  # the same text in a row
    ]
    assert len(set(found)) == len(found)
    assert {len(one or b"") for one in found} == {16}


def test_a_visitor_does_not_show_its_cookie() -> None:
    assert COOKIE not in repr(AT_HOME)
