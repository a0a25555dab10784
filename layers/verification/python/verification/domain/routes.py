"""Routes: which providers carry a channel to a place, in the order they are tried.

    sms=messente,sns; sms:+1=aws-sms; sms:EE=messente; voice=aws-voice; email=ses

A route may be for a prefix of numbers or for a country (ISO 3166-1 alpha-2); the longest that
fits is taken. A country counts as a little longer than its calling code: `sms:US` goes before
`sms:+1`, and `sms:+1212` before both.
"""

import re
from collections.abc import Callable, Iterator

from ..valueclass import valueclass
from .verification import Channel

_ROUTE = re.compile(
    r"(?P<channel>[a-z]+)\s*(?::\s*(?P<place>\+[1-9][0-9]{0,14}|[A-Z]{2})\s*)?="
    r"\s*(?P<providers>[a-z][a-z0-9-]*(\s*,\s*[a-z][a-z0-9-]*)*)"
)


@valueclass
class Rule:
    """One route.

    Args:
        place: a prefix such as `+1`, a country such as `EE`, or empty for everywhere.
        providers: their names, in order.
        length: how much of a number the place says; the longest rule that fits is taken.
    """

    channel: Channel
    place: str
    providers: tuple[str, ...]
    length: int

    def fits(self, channel: Channel, to: str, country: str | None) -> bool:
        by_country = bool(self.place) and self.place == country
        by_prefix = not self.place or (self.place.startswith("+") and to.startswith(self.place))
        return channel == self.channel and (by_country or by_prefix)


@valueclass
class Routes:
    """All routes of a stack."""

    rules: tuple[Rule, ...]

    @property
    def names(self) -> frozenset[str]:
        """Every provider that is named."""
        return frozenset(name for rule in self.rules for name in rule.providers)

    def providers(self, channel: Channel, to: str, country: str | None) -> tuple[str, ...]:
        """The providers that carry a channel to a destination; none when there is no route."""
        fitting = [rule for rule in self.rules if rule.fits(channel, to, country)]
        return max(fitting, key=lambda rule: rule.length).providers if fitting else ()


def parse_routes(text: str, calling_code: Callable[[str], int | None]) -> Routes:
    """Read routes.

    Args:
        text: parted by `;`, each `channel=provider,…`, or `channel:place=provider,…`.
        calling_code: a country's calling code; None for what is no country.

    Raises:
        ValueError: one cannot be read, or is there twice; says which, and at which character.
    """
    rules: list[Rule] = []
    for entry, where in _entries(text):
        match = _ROUTE.fullmatch(entry)
        if not match or match["channel"] not in list(Channel):
            raise ValueError(
                f"{where} is not a route such as sms=sns,sandbox or sms:+1=sns or sms:EE=sns; "
                f"channels are {', '.join(Channel)}"
            )
        channel, place = Channel(match["channel"]), match["place"] or ""
        providers = tuple(name.strip() for name in match["providers"].split(","))
        if place and channel == Channel.EMAIL:
            raise ValueError(f"{where} is for e-mail, which has no countries")
        if len(set(providers)) < len(providers):
            raise ValueError(f"{where} names a provider twice")
        if any((rule.channel, rule.place) == (channel, place) for rule in rules):
            raise ValueError(f"{where} is the second of its kind; all providers go into one")
        rules.append(Rule(channel, place, providers, _length(place, where, calling_code)))
    if not rules:
        raise ValueError("expected a route or more, such as sms=sns; email=ses")
    return Routes(tuple(rules))


def _entries(text: str) -> Iterator[tuple[str, str]]:
    for found in re.finditer(r"[^;]+", text):
        if entry := found[0].strip():
            yield entry, f"'{entry}' at character {text.index(entry, found.start()) + 1}"


def _length(place: str, where: str, calling_code: Callable[[str], int | None]) -> int:
    """Twice the digits, and one more for a country, which is less than one more digit."""
    if not place.isalpha():
        return 2 * len(place.removeprefix("+"))
    code = calling_code(place)
    if not code:
        raise ValueError(f"{where} is for {place}, which is no country with phone numbers")
    return 2 * len(str(code)) + 1
