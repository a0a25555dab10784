"""Limits that outlive a code: `n/window`, in fixed windows.

A window is offset by the hash of what it counts, so that not everybody's window turns at the
same moment. Across an edge at most twice the count passes (DESIGN.md, *Limits*).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from enum import StrEnum

from ..valueclass import valueclass

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_RULE = re.compile(r"(?P<count>[0-9]{1,9})/(?P<size>[0-9]{1,5})(?P<unit>[smhd])")
_MONEY = re.compile(r"(?P<whole>[0-9]{1,7})(\.(?P<part>[0-9]{1,4}))?")
_DAY = 86_400
_PER_DAY = "/day"

# One item takes about a thousand writes a second, and transactions on one item are in each
# other's way long before. What many destinations count on is spread over shards, none of them
# so small that chance fills it much before the others.
MAX_SHARDS, _SHARD_COUNT = 64, 250

UNITS_OF_MONEY = 10_000  # in one of the currency: a message costs a cent or less
_USUAL_PRICE = 500  # of these, for one message

MAX_RULES = 8  # of one name: all that a start counts on goes into one transaction of 100 items
DEFAULT_ATTEMPTS = 5  # guesses at one code, which its start reserves


class LimitName(StrEnum):
    """What is counted, as callers see it in a 429."""

    DESTINATION_SENDS = "destination_sends"
    DESTINATION_GUESSES = "destination_guesses"
    SHORT_CODE_GUESSES = "destination_short_code_guesses"
    IP_STARTS = "ip_starts"
    CLIENT_STARTS = "client_starts"
    COUNTRY_SENDS = "country_sends"
    PREFIX_SENDS = "prefix_sends"
    # Budgets: of a day (UTC), in messages or in money.
    CLIENT_MESSAGES = "client_messages"
    STACK_MESSAGES = "stack_messages"
    CLIENT_COST = "client_cost"
    STACK_COST = "stack_cost"


BUDGETS = (
    LimitName.CLIENT_MESSAGES,
    LimitName.STACK_MESSAGES,
    LimitName.CLIENT_COST,
    LimitName.STACK_COST,
)
COSTS = (LimitName.CLIENT_COST, LimitName.STACK_COST)
_GUESSES = (LimitName.DESTINATION_GUESSES, LimitName.SHORT_CODE_GUESSES)
# Many destinations count on one of these.
_SHARED = {LimitName.CLIENT_STARTS, LimitName.COUNTRY_SENDS, LimitName.PREFIX_SENDS, *BUDGETS}


class LimitGrammarError(ValueError):
    """A limit cannot be read; the message says where and what was expected."""


@valueclass
class Limit:
    """At most `count` in each window of `window` seconds.

    Args:
        name: what is counted, see LimitName.
        rule: the limit as it was written, such as `5/10m`.
        count: messages, guesses or starts; of costs, in UNITS_OF_MONEY.
    """

    name: str
    rule: str
    count: int
    window: int

    def __str__(self) -> str:
        return f"{self.name} {self.rule}"

    @property
    def shards(self) -> int:
        """How many items count it; each takes its part of `count`."""
        if self.name not in _SHARED:
            return 1
        each = _SHARD_COUNT * (_USUAL_PRICE if self.name in COSTS else 1)
        return max(1, min(MAX_SHARDS, self.count // each))

    def part(self, shard: int) -> int:
        """What one shard may count; together they are `count`."""
        whole, rest = divmod(self.count, self.shards)
        return whole + (shard < rest)


@valueclass
class Charge:
    """`amount` counted against `limit` for `subject`.

    Args:
        subject: a hash (never a destination), a client's id, or `stack`.
        shard: which of the limit's counts it; whoever writes it draws one.
    """

    limit: Limit
    subject: bytes
    amount: int
    shard: int = 0

    @property
    def part(self) -> int:
        """What its shard may count in one window."""
        return self.limit.part(self.shard)

    def window_key(self, now: int) -> str:
        """What tells the item that counts it from every other.

        Not its count: when that is changed, or a client has another one, what was counted stays.
        """
        shard, limit = f"#{self.shard}" if self.shard else "", self.limit
        return f"{limit.name}#{limit.window}#{self.subject.hex()}#{self.window_index(now)}{shard}"

    def window_index(self, now: int) -> int:
        """Which window `now` (epoch milliseconds) falls in."""
        return (now // 1000 + self._offset) // self.limit.window

    def window_ends(self, now: int) -> int:
        """When that window ends, in epoch seconds."""
        return (self.window_index(now) + 1) * self.limit.window - self._offset

    def retry_after(self, now: int) -> int:
        """Seconds until the window ends, at least 1."""
        return max(1, self.window_ends(now) - now // 1000)

    @property
    def _offset(self) -> int:
        if self.limit.name in BUDGETS:
            return 0  # the days that bills are made of
        return int.from_bytes(self.subject[:8]) % self.limit.window


@valueclass
class Budget:
    """How much of a day's budget is spent.

    Args:
        subject: the client's id, or `stack`.
        day: counted from 1970 (UTC).
        used: of it, or of one of its shards.
        count: what it, or that shard, may use.
    """

    limit: Limit
    subject: str
    day: int
    used: int
    count: int

    @property
    def percent(self) -> int:
        return 100 * self.used // self.count


def read_budget(key: str, rule: str, used: int) -> Budget:
    """A budget from one of its windows.

    Args:
        key: see Charge.window_key().
        rule: see Limit.

    Raises:
        ValueError: it is none of a budget.
    """
    name, _, subject, day, *shard = key.split("#")
    if name not in BUDGETS:
        raise ValueError(f"{name} is no budget")
    (limit,) = parse_budget(LimitName(name), rule.removesuffix(_PER_DAY))
    part = limit.part(int(shard[0]) if shard else 0)
    return Budget(limit, bytes.fromhex(subject).decode(), int(day), used, part)


@valueclass
class Limits:
    """Limits by their names; those of one place have it in theirs, as `country_sends:EE`."""

    rules: Mapping[str, tuple[Limit, ...]] = field(default_factory=dict)

    def of(self, name: LimitName, place: str | None = None) -> tuple[Limit, ...]:
        """The limits of this name; of a place, when it has its own."""
        return self.rules.get(f"{name}:{place}") or self.rules.get(name, ())

    def under(self, own: "Limits") -> "Limits":
        """These, but where `own` says something else: a client's, under those of the stack."""
        kept = {k: v for k, v in self.rules.items() if k.partition(":")[0] not in own.rules}
        return Limits({**kept, **own.rules})

    @property
    def places(self) -> frozenset[str]:
        """The countries that have limits of their own."""
        return frozenset(place for key in self.rules if (place := key.partition(":")[2]))

    def has(self, name: LimitName) -> bool:
        """Whether there is any of this name, for all places or for some."""
        return any(key.partition(":")[0] == name for key in self.rules)


def parse_all_limits(text: str) -> Limits:
    """Read all limits of a stack or a client: `destination_sends=5/10m 10/24h; ip_starts=…`.

    One may have others for some countries: `country_sends=100/1h, EE=5000/1h`. A name with
    nothing after it has no limit.

    Raises:
        LimitGrammarError: a name is unknown or there twice, or a limit cannot be read.
    """
    rules: dict[str, tuple[Limit, ...]] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        name, _, written = (part.strip() for part in entry.partition("="))
        if name not in list(LimitName):
            raise LimitGrammarError(f"'{name}' is none of {', '.join(LimitName)}")
        for key, limits in _places(LimitName(name), written):
            if key in rules:
                raise LimitGrammarError(f"'{key}' is there twice")
            rules[key] = limits
    return Limits(rules)


def _places(name: LimitName, text: str) -> Iterator[tuple[str, tuple[Limit, ...]]]:
    if not text:
        return
    by_country = name == LimitName.COUNTRY_SENDS
    for part in text.split(",") if by_country else [text]:
        country, equals, written = (word.strip() for word in part.rpartition("="))
        if equals and not (by_country and re.fullmatch("[A-Z]{2}", country)):
            raise LimitGrammarError(f"{name}: '{part.strip()}' is not a limit such as 5/10m")
        key = f"{name}:{country}" if country else name
        limits = parse_budget(name, written) if name in BUDGETS else parse_limits(name, written)
        for limit in limits if name in _GUESSES else ():
            if limit.count < DEFAULT_ATTEMPTS:
                what = f"the {DEFAULT_ATTEMPTS} guesses that a start reserves"
                raise LimitGrammarError(f"{name}: '{limit.rule}' never has {what}")
        yield key, limits


def parse_limits(name: str, text: str) -> tuple[Limit, ...]:
    """Read limits such as `5/10m 10/24h` (units s, m, h, d).

    Args:
        name: what is counted.
        text: one rule or several, parted by spaces.

    Raises:
        LimitGrammarError: a rule is not `n/window`, is the second for its window, or has a zero; or
            there are more than MAX_RULES.
    """
    limits: list[Limit] = []
    for found in re.finditer(r"\S+", text):
        word = found[0]
        match = _RULE.fullmatch(word)
        count = int(match["count"]) if match else 0
        window = int(match["size"]) * _UNITS[match["unit"]] if match else 0
        if not count or not window:
            where = found.start() + 1
            raise LimitGrammarError(
                f"{name}: '{word}' at character {where} is not a limit such as 5/10m"
            )
        if any(limit.window == window for limit in limits):
            # Both would count on one item, which a transaction may touch only once.
            raise LimitGrammarError(
                f"{name}: '{word}' at character {found.start() + 1} is the second for its window"
            )
        limits.append(Limit(name, word, count, window))
    if not 1 <= len(limits) <= MAX_RULES:
        raise LimitGrammarError(f"{name}: expected 1 to {MAX_RULES} limits, such as 5/10m 10/24h")
    return tuple(limits)


def parse_budget(name: LimitName, text: str) -> tuple[Limit, ...]:
    """Read what may be spent in a day: messages, or money such as `250` or `99.50`.

    Raises:
        LimitGrammarError: it is no such number, or zero.
    """
    is_cost = name in COSTS
    fits = _MONEY.fullmatch(text) and (is_cost or text.isdigit())
    money = read_money(text) if fits else 0
    if not money:
        wanted = "an amount of money such as 99.50" if is_cost else "a number of messages"
        raise LimitGrammarError(f"{name}: '{text}' is not {wanted}")
    count = money if is_cost else money // UNITS_OF_MONEY
    return (Limit(name, f"{text}{_PER_DAY}", count, _DAY),)


def read_money(text: str) -> int:
    """An amount such as `250` or `0.0325`, in UNITS_OF_MONEY.

    Raises:
        ValueError: it is none, or has more than four decimals.
    """
    match = _MONEY.fullmatch(text)
    if not match:
        raise ValueError(f"'{text[:32]}' is no amount of money such as 0.0325")
    return int(match["whole"]) * UNITS_OF_MONEY + int((match["part"] or "").ljust(4, "0"))
