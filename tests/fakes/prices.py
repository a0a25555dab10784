"""Prices that a test decides."""

from collections.abc import Sequence

from verification.domain.verification import Channel


class FixedPrices:
    """What messages cost.

    Attributes:
        of: the price by the provider's name, in limits.UNITS_OF_MONEY.
        asked: what was asked for: the providers, the channel and the country.
        failing: raised in place of an answer.
    """

    def __init__(self) -> None:
        self.of: dict[str, int] = {}
        self.asked: list[tuple[tuple[str, ...], Channel, str | None]] = []
        self.failing: Exception | None = None

    def __call__(self, providers: Sequence[str], channel: Channel, country: str | None) -> int:
        self.asked.append((tuple(providers), channel, country))
        if self.failing:
            raise self.failing
        return max((self.of.get(name, 0) for name in providers), default=0)
