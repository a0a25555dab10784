"""What messages cost, from the directory table, remembered for a minute.

One item holds them all: an attribute for each provider, channel and country, `sns sms EE`, or `*`
for the countries that are not named. `verifyctl prices put` writes it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..aws import reaching_aws
from ..domain.verification import Channel
from ..errors import TemporarilyUnavailable
from . import table

CACHE_SECONDS = 60
ELSEWHERE = "*"


class StoredPrices:
    """The prices of one stack.

    Args:
        client: a low-level DynamoDB client.
        table_name: the directory table.
        clock: epoch milliseconds.
    """

    def __init__(self, client: Any, table_name: str, clock: Callable[[], int]) -> None:
        self._client = client
        self._table = table_name
        self._clock = clock
        self._read_at: int | None = None
        self._prices: Mapping[str, int] = {}

    def __call__(self, providers: Sequence[str], channel: Channel, country: str | None) -> int:
        """The price of one message; see operations.ports.Prices.

        A country without a price counts as dear as the provider's dearest.
        """
        prices = self._all()
        return max((_price(prices, name, channel, country) for name in providers), default=0)

    def _all(self) -> Mapping[str, int]:
        now = self._clock()
        if self._read_at is None or now - self._read_at >= CACHE_SECONDS * 1000:
            try:
                with reaching_aws():
                    answer = self._client.get_item(TableName=self._table, Key=table.prices_key())
            except TemporarilyUnavailable:
                if self._read_at is None:
                    raise
                return self._prices  # those of some minutes ago are still better than none
            self._prices = read_prices(answer.get("Item", {}))
            self._read_at = now
        return self._prices


def _price(prices: Mapping[str, int], provider: str, channel: Channel, country: str | None) -> int:
    named = price_name(provider, channel, country or ELSEWHERE)
    elsewhere = price_name(provider, channel, ELSEWHERE)
    if named in prices or elsewhere in prices:
        return prices.get(named, prices.get(elsewhere, 0))
    begins = price_name(provider, channel, "")
    return max((price for name, price in prices.items() if name.startswith(begins)), default=0)


def price_name(provider: str, channel: str, country: str) -> str:
    """The attribute of one price."""
    return f"{provider} {channel} {country}"


def read_prices(item: Mapping[str, Any]) -> Mapping[str, int]:
    """The prices in their item, in limits.UNITS_OF_MONEY."""
    return {name: int(value["N"]) for name, value in item.items() if " " in name}


def write_prices(prices: Mapping[str, int]) -> table.Item:
    """The item of the prices."""
    written = {name: table.write_value("N", price) for name, price in prices.items()}
    return table.prices_key() | {"schema_version": table.VERSION} | written
