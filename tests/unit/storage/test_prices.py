"""Prices: the dearest of those that may be asked, remembered for a minute."""

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from verification.domain.verification import Channel
from verification.errors import TemporarilyUnavailable
from verification.storage import table
from verification.storage.prices import StoredPrices, price_name, read_prices, write_prices

from tests.fakes.clock import SettableClock

PRICES = {
    "sns sms EE": 700,
    "sns sms NL": 0,
    "sns sms *": 900,
    "sns voice *": 100,
    "messente sms EE": 325,
    "messente sms LV": 425,
    "messente-verify sms *": 5000,
}


class FakeDynamoDb:
    """The directory table, as far as prices go."""

    def __init__(self, prices: Mapping[str, int] | None) -> None:
        self.item = None if prices is None else write_prices(prices)
        self.reads = 0
        self.failing: Exception | None = None

    def get_item(self, TableName: str, Key: table.Item) -> dict[str, Any]:  # noqa: N803
        assert (TableName, Key) == ("directory", table.prices_key())
        self.reads += 1
        if self.failing:
            raise self.failing
        return {"Item": self.item} if self.item else {}


def stored(prices: Mapping[str, int] | None = PRICES) -> StoredPrices:
    return StoredPrices(FakeDynamoDb(prices), "directory", SettableClock())


@pytest.mark.parametrize(
    ("providers", "channel", "country", "price"),
    [
        (["sns"], "sms", "EE", 700),
        (["sns"], "sms", "NL", 0),  # given as free
        (["sns"], "sms", "LV", 900),  # not named
        (["sns"], "sms", None, 900),
        (["sns"], "voice", "EE", 100),
        (["sns"], "email", None, 0),  # nothing is known
        # where there is no price for elsewhere, the dearest
        (["messente"], "sms", "EE", 325),
        (["messente"], "sms", "NL", 425),
        (["messente"], "sms", None, 425),
        (["messente"], "voice", "EE", 0),
        # the dearest of several
        (["messente", "sns"], "sms", "EE", 700),
        (["sns", "messente"], "sms", "EE", 700),
        (["messente", "unknown"], "sms", "EE", 325),
        (["messente", "messente-verify"], "sms", "EE", 5000),
        ([], "sms", "EE", 0),
        (["unknown"], "sms", "EE", 0),
    ],
)
def test_a_message_costs_what_the_dearest_takes(
    providers: list[str], channel: str, country: str | None, price: int
) -> None:
    assert stored()(providers, Channel(channel), country) == price


@pytest.mark.parametrize("prices", [None, {}])
def test_without_prices_nothing_costs_anything(prices: Mapping[str, int] | None) -> None:
    assert stored(prices)(["sns"], Channel.SMS, "EE") == 0


def test_prices_are_read_as_they_were_written() -> None:
    assert read_prices(write_prices(PRICES)) == PRICES
    assert price_name("sns", Channel.SMS, "EE") == "sns sms EE"


def test_prices_are_remembered_for_a_minute() -> None:
    dynamodb, clock = FakeDynamoDb(PRICES), SettableClock()
    prices = StoredPrices(dynamodb, "directory", clock)
    for seconds, reads in ((0, 1), (59.999, 1), (0.001, 2), (1, 2)):
        clock.advance(seconds)
        prices(["sns"], Channel.SMS, "EE")
        assert dynamodb.reads == reads


def test_prices_out_of_reach_are_said_to_be_and_are_asked_for_again() -> None:
    dynamodb = FakeDynamoDb(PRICES)
    prices = StoredPrices(dynamodb, "directory", SettableClock())
    dynamodb.failing = ReadTimeoutError(endpoint_url="x")
    with pytest.raises(TemporarilyUnavailable):
        prices(["sns"], Channel.SMS, "EE")
    dynamodb.failing = None
    assert prices(["sns"], Channel.SMS, "EE") == 700


def test_prices_of_some_minutes_ago_are_better_than_none() -> None:
    dynamodb, clock = FakeDynamoDb(PRICES), SettableClock()
    prices = StoredPrices(dynamodb, "directory", clock)
    prices(["sns"], Channel.SMS, "EE")
    dynamodb.failing = ReadTimeoutError(endpoint_url="x")
    clock.advance(600)
    assert prices(["sns"], Channel.SMS, "EE") == 700
    dynamodb.failing, dynamodb.item = None, write_prices({"sns sms EE": 800})
    assert prices(["sns"], Channel.SMS, "EE") == 800
