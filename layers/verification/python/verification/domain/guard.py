"""The guard against SMS pumping: sends that earn somebody money and verify nobody.

Whoever pumps gets paid for messages to numbers they rent, mostly of few countries and in blocks,
and types no code back. What the service itself has seen verified and not verified is held against
that, in fixed windows, for each client by itself:

    country_day    sends of a country and day that verified nobody: over 20, and over 20 % of those
                   that did
    country_hour   the same of an hour
    ip_day         the same of an IP address and day, but over 10
    ip_countries   more than 3 countries from one IP address in a day, where none was verified
    number_run     5 numbers in a row in a block of 100, in a day, none of them verified; and all
                   of that block once there are 4: what is refused leaves no trace, so that each
                   fifth one would be the gap behind which the run goes on

A send counts as one that verified nobody until its verification is verified.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ..valueclass import valueclass
from .codes import HASH_BYTES, keyed_hash

_SHARE = 5  # one in so many: 20 %
_LEAST_BY_COUNTRY, _LEAST_BY_IP = 20, 10
_MAX_COUNTRIES = 3
_RUN = 5
_BLOCK_DIGITS = 2  # at a number's end: blocks of 100
_HOUR, _DAY = 3_600, 86_400  # seconds


class Mode(StrEnum):
    """What the guard does."""

    OFF = "off"
    MONITOR = "monitor"  # decides, records why, lets through
    BLOCK = "block"


class Suspicion(StrEnum):
    """Why a send looks like fraud."""

    COUNTRY_DAY = "country_day"
    COUNTRY_HOUR = "country_hour"
    IP_DAY = "ip_day"
    IP_COUNTRIES = "ip_countries"
    NUMBER_RUN = "number_run"


class Kind(StrEnum):
    """What a tally is of."""

    COUNTRY_DAY = "country_day"
    COUNTRY_HOUR = "country_hour"
    IP_DAY = "ip_day"
    BLOCK_DAY = "block_day"


_SECONDS = {
    Kind.COUNTRY_DAY: _DAY,
    Kind.COUNTRY_HOUR: _HOUR,
    Kind.IP_DAY: _DAY,
    Kind.BLOCK_DAY: _DAY,
}


@valueclass
class Window:
    """One window of what is tallied.

    Args:
        subject: a hash of the client with the country, the address or the block of numbers.
        index: which window it is, counted from 1970 (UTC).
    """

    kind: Kind
    subject: bytes
    index: int

    @property
    def ends(self) -> int:
        """Epoch seconds."""
        return (self.index + 1) * _SECONDS[self.kind]


@valueclass
class Tally:
    """What was seen in one window.

    Args:
        verified: sends whose verification was verified.
        countries: where those went that are not verified.
        numbers: the last digits of those that are not verified, in a block.
    """

    sends: int = 0
    verified: int = 0
    countries: frozenset[str] = frozenset()
    numbers: frozenset[int] = frozenset()


@dataclass(slots=True)
class Seen:
    """What to add to one tally.

    Args:
        countries, cleared: where sends that are not verified yet went, and where one now is.
        joined, left: last digits of numbers: of those that are not verified yet, and of those
            that now are.
    """

    sends: int = 0
    verified: int = 0
    countries: set[str] = field(default_factory=set)
    cleared: set[str] = field(default_factory=set)
    joined: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)


@valueclass
class Sighting:
    """What the guard knows of one verification.

    Args:
        ip: a hash of the address that the client named, if any.
        at: epoch milliseconds of its start: all its sends count there.
    """

    client_id: str
    to: str
    country: str | None
    ip: bytes | None
    at: int

    @property
    def number(self) -> int:
        """Its place in its block."""
        return int(self.to[-_BLOCK_DIGITS:])

    def windows(self, identity_key: bytes) -> dict[Kind, Window]:
        """Where it counts; e-mail counts by address alone."""
        return dict(self._windows(identity_key))

    def _windows(self, key: bytes) -> Iterator[tuple[Kind, Window]]:
        of: dict[Kind, str | bytes] = {}
        if "@" not in self.to:
            place = self.country or ""
            of |= {Kind.COUNTRY_DAY: place, Kind.COUNTRY_HOUR: place}
            of[Kind.BLOCK_DAY] = self.to[:-_BLOCK_DIGITS]
        if self.ip is not None:
            of[Kind.IP_DAY] = self.ip
        for kind, what in of.items():
            subject = keyed_hash(key, "tally", self.client_id, kind, what)[:HASH_BYTES]
            yield kind, Window(kind, subject, self.at // 1000 // _SECONDS[kind])


def suspicions(sighting: Sighting, tallies: Mapping[Kind, Tally]) -> tuple[Suspicion, ...]:
    """Why one more send like this looks like fraud; nothing when it does not."""
    return tuple(_suspicions(sighting, tallies))


def _suspicions(sighting: Sighting, tallies: Mapping[Kind, Tally]) -> Iterator[Suspicion]:
    if _is_unverified(tallies.get(Kind.COUNTRY_DAY), _LEAST_BY_COUNTRY):
        yield Suspicion.COUNTRY_DAY
    if _is_unverified(tallies.get(Kind.COUNTRY_HOUR), _LEAST_BY_COUNTRY):
        yield Suspicion.COUNTRY_HOUR
    if by_ip := tallies.get(Kind.IP_DAY):
        if _is_unverified(by_ip, _LEAST_BY_IP):
            yield Suspicion.IP_DAY
        if len(by_ip.countries | ({sighting.country} - {None})) > _MAX_COUNTRIES:
            yield Suspicion.IP_COUNTRIES
    block = tallies.get(Kind.BLOCK_DAY)
    if block:
        others = block.numbers - {sighting.number}
        longest = max((_run(others, number) for number in others), default=0)
        if max(longest + 1, _run(block.numbers, sighting.number)) >= _RUN:
            yield Suspicion.NUMBER_RUN


def _is_unverified(tally: Tally | None, least: int) -> bool:
    if tally is None:
        return False
    unverified = tally.sends - tally.verified + 1  # this one is not verified either
    return unverified > least and unverified * _SHARE > tally.verified


def _run(numbers: frozenset[int], number: int) -> int:
    """How many numbers in a row there are around one, itself included."""
    first = last = number
    while first - 1 in numbers:
        first -= 1
    while last + 1 in numbers:
        last += 1
    return last - first + 1


@valueclass
class Allowed:
    """Places that the guard lets through whatever it sees.

    Args:
        words: networks such as `192.0.2.0/24`, prefixes such as `+3725`, countries such as `EE`.
    """

    words: frozenset[str]

    def covers(self, to: str, country: str | None, ip: str | None) -> bool:
        """Whether a destination, or where its start came from, is among them."""
        if country in self.words or any(to.startswith(w) for w in self.words if w[0] == "+"):
            return True
        networks = [word for word in self.words if "." in word or ":" in word]
        if ip is None or not networks:
            return False
        import ipaddress  # late, here and below: most functions need it never

        address = ipaddress.ip_address(ip)
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        return any(address in ipaddress.ip_network(network) for network in networks)


def parse_allowed(text: str) -> Allowed:
    """Read what the guard lets through, parted by spaces: `192.0.2.0/24 +3725 EE`.

    Raises:
        ValueError: a word is none of the three; says which.
    """
    return Allowed(frozenset(map(read_allowed, text.split())))


def read_allowed(word: str) -> str:
    """One such word, in the one spelling we know it by.

    Raises:
        ValueError: it is no network, prefix or country.
    """
    if len(word) == 2 and word.isascii() and word.isalpha() and word.isupper():
        return word
    if word.startswith("+") and word[1:].isascii() and word[1:].isdigit() and 2 <= len(word) <= 16:
        return word
    import ipaddress

    try:
        return str(ipaddress.ip_network(word))
    except ValueError:
        raise ValueError(
            f"'{word[:64]}' is no network such as 192.0.2.0/24, prefix such as +3725 "
            "or country such as EE"
        ) from None


def network_of(ip: str) -> str:
    """What counts as one address: one of IPv4, and of IPv6 the /64 that one household has."""
    import ipaddress

    address = ipaddress.ip_address(ip)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
