"""Devices that Messente's API trusts: who typed a code there once needs none the next time."""

import secrets
from pathlib import Path

import pytest
from verification.countries import Countries

from tests.e2e.dialects import messente
from tests.e2e.talking import a_number, code_in, expire_devices, operate, wrong
from tests.local.stack import Credentials, Stack

HOME, SAME_COUNTRY = "8.8.8.8", "4.4.4.4"  # of the United States
HOME_V6, ABROAD_V6 = "2001:4860:4860::8888", "2a01:4f8::1"
ABROAD = "193.0.0.1"
OF_NO_COUNTRY = {
    "private": "192.168.1.1",
    "private IPv6": "fd00::1",
    "loopback": "127.0.0.1",
    "link-local": "fe80::1%eth0",
    "documentation": "192.0.2.1",
    "not an address": "8.8.8",
    "nothing": "",
}


def test_the_addresses_of_these_tests_are_where_they_say(built: Path) -> None:
    layer = built / "CountriesLayer" / "python" / "verification_countries"
    country = Countries(layer / "geo-whois-asn-country.mmdb")
    assert {country(ip) for ip in (HOME, SAME_COUNTRY, HOME_V6)} == {"US"}
    assert {country(ip) for ip in (ABROAD, ABROAD_V6)} & {"US", None} == set()
    assert {country(ip) for ip in OF_NO_COUNTRY.values()} == {None}


def a_cookie() -> str:
    return secrets.token_hex(8)


def ask(stack: Stack, client: Credentials, to: str, **device: str) -> str:
    """OK or VERIFIED, or what else a start says, without the id."""
    return messente(stack, client, "start", to=to, **device).split()[0]


def verify(
    stack: Stack, client: Credentials, to: str, at_pin: dict[str, str], **at_start: str
) -> None:
    """One flow with a code, with what the device shows at its start and its end."""
    said, verification_id = messente(stack, client, "start", to=to, **at_start).split()
    assert said == "OK"
    pin = code_in(stack.texts_to(to)[-1].removeprefix("Your Verification PIN code is "))
    answer = messente(stack, client, "pin", verification_id=verification_id, pin=pin, **at_pin)
    assert answer == "VERIFIED"


@pytest.fixture
def trusted(stack: Stack) -> tuple[Credentials, str, str]:
    """A client, a number and a cookie that are trusted, from HOME."""
    client, to, cookie = stack.client("devices"), a_number(), a_cookie()
    device = {"cookie": cookie, "ip": HOME}
    verify(stack, client, to, device, **device)
    return client, to, cookie


@pytest.mark.parametrize("ip", [HOME, SAME_COUNTRY, HOME_V6, f"::ffff:{HOME}"])
def test_from_the_same_country_no_code_is_sent(
    stack: Stack, trusted: tuple[Credentials, str, str], ip: str
) -> None:
    client, to, cookie = trusted
    assert messente(stack, client, "start", to=to, cookie=cookie, ip=ip) == "VERIFIED"
    assert len(stack.texts_to(to)) == 1


@pytest.mark.parametrize("ip", [ABROAD, ABROAD_V6, *OF_NO_COUNTRY.values()])
def test_from_elsewhere_or_nowhere_the_code_is_needed(
    stack: Stack, trusted: tuple[Credentials, str, str], ip: str
) -> None:
    client, to, cookie = trusted
    assert ask(stack, client, to, cookie=cookie, ip=ip) == "OK"
    assert len(stack.texts_to(to)) == 2


def test_whatever_else_is_not_the_same_needs_the_code(
    stack: Stack, trusted: tuple[Credentials, str, str]
) -> None:
    client, to, cookie = trusted
    assert ask(stack, client, to, ip=HOME) == "OK"
    assert ask(stack, client, to, cookie=cookie) == "OK"
    assert ask(stack, client, to, cookie=a_cookie(), ip=HOME) == "OK"
    assert ask(stack, client, a_number(), cookie=cookie, ip=HOME) == "OK"
    assert ask(stack, stack.client("others"), to, cookie=cookie, ip=HOME) == "OK"


@pytest.mark.parametrize(
    ("at_start", "at_pin"),
    [
        ({"ip": HOME}, {"cookie": "at-the-pin-only-1", "ip": HOME}),
        ({"cookie": "at-the-start-only", "ip": HOME}, {"ip": HOME}),
        ({"cookie": "one-at-the-start-", "ip": HOME}, {"cookie": "another-at-the-pin", "ip": HOME}),
        ({"cookie": "of-15-character", "ip": HOME}, {"cookie": "of-15-character", "ip": HOME}),
        ({"cookie": "from-who-knows-where", "ip": HOME}, {"cookie": "from-who-knows-where"}),
        (
            {"cookie": "from-somewhere-private", "ip": HOME},
            {"cookie": "from-somewhere-private", "ip": "10.0.0.1"},
        ),
    ],
)
def test_nobody_is_trusted_who_was_not_the_same_all_the_way(
    stack: Stack, at_start: dict[str, str], at_pin: dict[str, str]
) -> None:
    client, to = stack.client("devices"), a_number()
    verify(stack, client, to, at_pin, **at_start)
    for device in (at_start, at_pin):
        assert ask(stack, client, to, **device) == "OK"


def test_a_wrong_pin_is_invalid_on_a_trusted_device_too(
    stack: Stack, trusted: tuple[Credentials, str, str]
) -> None:
    client, to, cookie = trusted
    said, verification_id = messente(stack, client, "start", to=to, cookie=cookie).split()
    assert said == "OK"  # without an address
    pin = wrong(code_in(stack.texts_to(to)[-1].removeprefix("Your Verification PIN code is ")))
    device = {"cookie": cookie, "ip": HOME}
    answer = messente(stack, client, "pin", verification_id=verification_id, pin=pin, **device)
    assert answer == "INVALID"


def test_trust_lapses(stack: Stack, trusted: tuple[Credentials, str, str]) -> None:
    client, to, cookie = trusted
    expire_devices(stack, client)
    assert ask(stack, client, to, cookie=cookie, ip=HOME) == "OK"


@pytest.mark.parametrize("way", ["the API", "the operator"])
def test_trust_is_revoked_for_that_client_and_number_alone(
    stack: Stack, trusted: tuple[Credentials, str, str], way: str
) -> None:
    client, to, cookie = trusted
    other, device = a_number(), {"cookie": cookie, "ip": HOME}
    verify(stack, client, other, device, **device)
    if way == "the API":
        path = f"/v1/devices?to={to.replace('+', '%2B')}"
        assert stack.call("DELETE", path).body == {"revoked": 0}  # another client's
        assert stack.call("DELETE", path, by=client).body == {"revoked": 1}
    else:
        assert operate(stack, "devices", "revoke", client.client_id, "--to", to)["revoked"] == 1
    assert ask(stack, client, to, **device) == "OK"
    assert ask(stack, client, other, **device) == "VERIFIED"
