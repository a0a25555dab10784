"""What starts and sends count against: limits and budgets, counted with them in one transaction."""

from collections.abc import Iterator, Sequence

from ..domain.codes import HASH_BYTES, keyed_hash
from ..domain.limits import Charge, Limit, LimitName, Limits
from ..domain.policy import SHORT_CODE, Client, Profile
from ..domain.verification import OWN_APP, Channel, Verification
from ..valueclass import valueclass
from .ports import IdentityKey, Prices, Route

_BLOCK_DIGITS = 4  # at a number's end; what is before them is its prefix: blocks of 10,000


@valueclass
class Charging:
    """Makes charges of what a stack and its clients allow.

    Args:
        limits: of the stack; a client's own go first.
    """

    limits: Limits
    identity_key: IdentityKey
    route: Route
    prices: Prices

    def start(self, client: Client, verification: Verification) -> list[Charge]:
        """What a start counts against, its first send included.

        Test destinations cost nobody anything; an authenticator app sends nothing.
        """
        if verification.test:
            return []
        profile = client.profile
        charges = list(self._starts(profile, verification))
        if verification.verifier != OWN_APP:
            charges += self.send(profile, verification, verification.channel)
        return charges + self.guesses(profile, verification)

    def guesses(self, profile: Profile, verification: Verification) -> list[Charge]:
        """The guesses that are reserved at start: paid for then, so that verify stays one write."""
        if verification.test or verification.destination_hash is None:
            return []
        limits = self.limits.under(profile.limits)
        subject = self._hash("guesses", verification.client_id, verification.destination_hash)
        names = [LimitName.DESTINATION_GUESSES]
        if verification.code_length < SHORT_CODE:
            names.append(LimitName.SHORT_CODE_GUESSES)
        counted = (limit for name in names for limit in limits.of(name))
        return [Charge(limit, subject, verification.max_attempts) for limit in counted]

    def send(self, profile: Profile, verification: Verification, channel: Channel) -> list[Charge]:
        """What one send counts against."""
        if verification.test or verification.to is None:
            return []
        return list(self._sends(profile, verification, channel))

    def _starts(self, profile: Profile, verification: Verification) -> Iterator[Charge]:
        limits, own = self.limits.under(profile.limits), verification.client_id
        yield from _count(limits.of(LimitName.CLIENT_STARTS), own.encode())
        if verification.ip is not None:
            alone = own if profile.counts_alone else None
            subject = self._subject("ip", verification.ip, alone)
            yield from _count(limits.of(LimitName.IP_STARTS), subject)

    def _sends(
        self, profile: Profile, verification: Verification, channel: Channel
    ) -> Iterator[Charge]:
        limits, own = self.limits.under(profile.limits), verification.client_id
        to, country = verification.to or "", verification.country
        hashed = verification.destination_hash or b""
        if profile.counts_alone:
            hashed = self._subject("destination", hashed, own)
        yield from _count(limits.of(LimitName.DESTINATION_SENDS), hashed)
        if "@" not in to:
            # A limit of a client's own has other shards than all the others count on.
            alone = profile.counts_alone or profile.limits.has(LimitName.COUNTRY_SENDS)
            place = self._subject("country", country or "", own if alone else None)
            yield from _count(limits.of(LimitName.COUNTRY_SENDS, country), place)
            alone = profile.counts_alone or profile.limits.has(LimitName.PREFIX_SENDS)
            block = self._subject("prefix", to[:-_BLOCK_DIGITS], own if alone else None)
            yield from _count(limits.of(LimitName.PREFIX_SENDS), block)
        client, stack = own.encode(), b"stack"
        yield from _count(limits.of(LimitName.CLIENT_MESSAGES), client)
        yield from _count(self.limits.of(LimitName.STACK_MESSAGES), stack)
        costs = [
            *_count(limits.of(LimitName.CLIENT_COST), client),
            *_count(self.limits.of(LimitName.STACK_COST), stack),
        ]
        if costs:
            # When nobody takes it on this channel, the same send goes on to the next.
            channels = {channel, *(verification.fallback if verification.channels else ())}
            prices = (
                self.prices(self.route.names(one, to, country), one, country) for one in channels
            )
            price = max(prices)
            yield from (Charge(one.limit, one.subject, price) for one in costs if price)

    def _subject(self, label: str, what: str | bytes, alone: str | None) -> bytes:
        """What all clients count on together, or one of them alone."""
        return self._hash(f"{label} of", alone, what) if alone else self._hash(label, what)

    def _hash(self, label: str, *what: str | bytes) -> bytes:
        return keyed_hash(self.identity_key(), label, *what)[:HASH_BYTES]


def paid_by(charges: Sequence[Charge], now: int) -> str | None:
    """The windows that guesses were reserved in, as they stand on a verification.

    Args:
        now: epoch milliseconds of its start.
    """
    names = (LimitName.DESTINATION_GUESSES, LimitName.SHORT_CODE_GUESSES)
    return " ".join(c.window_key(now) for c in charges if c.limit.name in names) or None


def _count(limits: Sequence[Limit], subject: bytes) -> Iterator[Charge]:
    return (Charge(limit, subject, 1) for limit in limits)
