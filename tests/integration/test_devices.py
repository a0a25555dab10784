"""Trusted devices: what every table of them promises, and the whole flow on real engines."""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from verification.domain.codes import hash_destination
from verification.operations.devices import (
    Devices,
    StartUnlessTrusted,
    TrustedDevices,
    VerifyAndTrust,
    Visitor,
)
from verification.storage.devices import DynamoDbDevices
from verification.wiring import clock

from tests.fakes.devices import InMemoryDevices
from tests.integration.commands import (
    CLIENT,
    a_number,
    code_in,
    guess_command,
    remaining,
    start_command,
)
from tests.integration.conftest import Place

NOW = 1_800_000_000_000
DAYS = 30
HOME, ABROAD = "192.0.2.1", "198.51.100.1"


@pytest.fixture(params=["memory", "dynamodb_local", "emulator"])
def devices(request: pytest.FixtureRequest) -> Devices:
    if request.param == "memory":
        return InMemoryDevices()
    make_place: Callable[[str], Place] = request.getfixturevalue("make_place")
    place = make_place(request.getfixturevalue(request.param))
    return DynamoDbDevices(place.dynamodb, place.sessions)


def some() -> bytes:
    return secrets.token_bytes(16)


def test_a_device_is_trusted_from_its_country_until_its_second(devices: Devices) -> None:
    where, device = some(), some()
    assert devices.country("shop", where, device, NOW) is None
    devices.trust("shop", where, device, "NL", NOW, NOW // 1000 + 60)
    assert devices.country("shop", where, device, NOW + 59_999) == "NL"
    assert devices.country("shop", where, device, NOW + 60_000) is None
    for other in (("shop2", where, device), ("shop", some(), device), ("shop", where, some())):
        assert devices.country(*other, NOW) is None


def test_a_device_is_trusted_as_it_was_last(devices: Devices) -> None:
    where, device = some(), some()
    devices.trust("shop", where, device, "NL", NOW, NOW // 1000 + 60)
    devices.trust("shop", where, device, "US", NOW + 1, NOW // 1000 + 120)
    assert devices.country("shop", where, device, NOW + 119_999) == "US"


def test_forgotten_are_all_devices_of_a_client_and_destination_and_no_others(
    devices: Devices,
) -> None:
    where, own, other = some(), [some() for _ in range(30)], some()
    kept = [("shop2", where, own[0]), ("shop", other, own[0])]
    for key in [("shop", where, device) for device in own] + kept:
        devices.trust(*key, "NL", NOW, NOW // 1000 + 60)
    assert devices.forget("shop", where) == 30
    assert devices.forget("shop", where) == 0
    assert [devices.country("shop", where, device, NOW) for device in own] == [None] * 30
    assert [devices.country(*key, NOW) for key in kept] == ["NL", "NL"]


class Shop:
    """A client of a stack with devices, whose addresses are where a test says."""

    def __init__(self, place: Place) -> None:
        self.place = place
        stack = place.stack(TRUSTED_DEVICE_DAYS=str(DAYS))
        self.devices: TrustedDevices = replace(
            stack.trusted_devices(), countries={HOME: "NL", ABROAD: "US"}.get
        )
        self.start = StartUnlessTrusted(stack.start(), self.devices, stack.telemetry)
        self.verify = VerifyAndTrust(stack.verify(), self.devices, stack.telemetry)
        self.to, self.cookie = a_number(), secrets.token_hex(16)

    def asks_for_code(self, visitor: Visitor, seconds_later: int = 0) -> bool:
        then = replace(self.devices, clock=lambda: clock() + seconds_later * 1000)
        started = replace(self.start, devices=then)(start_command(self.to), visitor, remaining)
        return started is not None

    def verify_at(self, ip: str) -> None:
        visitor = Visitor(ip, self.cookie)
        started = self.start(start_command(self.to), visitor, remaining)
        assert started
        code = code_in(self.place.texts_to(self.to)[-1])
        guess = guess_command(str(started.record.verification.id), code)
        assert self.verify(guess, visitor, remaining)[1].valid

    @property
    def items(self) -> list[dict[str, dict[str, str]]]:
        """What the table has of this number's devices."""
        key = self.place.stack()._identity_key()
        answer = self.place.dynamodb.query(
            TableName=self.place.sessions,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={
                ":pk": {"S": f"T#{CLIENT.id}#{hash_destination(key, self.to).hex()}"}
            },
        )
        found: list[dict[str, dict[str, str]]] = answer["Items"]
        return found


@pytest.fixture
def shop(place: Place) -> Iterator[Shop]:
    yield Shop(place)


def test_who_typed_a_code_needs_none_until_it_lapses_or_is_revoked(shop: Shop) -> None:
    home = Visitor(HOME, shop.cookie)
    shop.verify_at(HOME)
    assert not shop.asks_for_code(home)
    assert not shop.asks_for_code(home, seconds_later=DAYS * 86_400 - 60)
    assert shop.asks_for_code(home, seconds_later=DAYS * 86_400)
    assert shop.asks_for_code(Visitor(ABROAD, shop.cookie))
    assert shop.devices.revoke(CLIENT.id, shop.to) == 1
    assert shop.asks_for_code(home)


def test_what_is_stored_shows_neither_cookie_nor_number_and_has_an_end(shop: Shop) -> None:
    shop.verify_at(HOME)
    (item,) = shop.items
    assert set(item) == {"pk", "sk", "schema_version", "country", "trusted_at", "expires_at"}
    assert item["country"] == {"S": "NL"}
    seconds = int(item["expires_at"]["N"]) - int(item["trusted_at"]["N"]) // 1000
    assert seconds == DAYS * 86_400
    for secret in (shop.cookie, shop.to, shop.to[1:], HOME):
        assert secret not in repr(item)


def test_a_code_that_is_typed_again_renews_the_one_item(shop: Shop) -> None:
    shop.verify_at(HOME)
    (first,) = shop.items
    shop.verify_at(ABROAD)
    (second,) = shop.items
    assert (first["sk"], second["country"]) == (second["sk"], {"S": "US"})
    assert int(second["trusted_at"]["N"]) > int(first["trusted_at"]["N"])
    assert shop.asks_for_code(Visitor(HOME, shop.cookie))


def test_of_many_right_pins_at_once_one_is_valid_and_one_device_trusted(shop: Shop) -> None:
    home = Visitor(HOME, shop.cookie)
    started = shop.start(start_command(shop.to), home, remaining)
    assert started
    code = code_in(shop.place.texts_to(shop.to)[-1])
    guess = guess_command(str(started.record.verification.id), code)
    with ThreadPoolExecutor(20) as pool:
        verdicts = list(pool.map(lambda _: shop.verify(guess, home, remaining)[1], range(20)))
    assert sum(verdict.valid for verdict in verdicts) == 1
    assert len(shop.items) == 1


def test_the_lists_of_a_destination_do_not_show_its_devices(shop: Shop) -> None:
    shop.verify_at(HOME)
    page = shop.place.stack().lookup().list(CLIENT.id, shop.to, 50, None)
    assert len(page.records) == 1
