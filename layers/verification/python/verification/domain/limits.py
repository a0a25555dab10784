"""Limits that outlive a code: `n/window`, in fixed windows.

A window is offset by the hash of what it counts, so that not everybody's window turns at the
same moment. Across an edge at most twice the count passes (DESIGN.md, *Limits*).
"""

import re
from dataclasses import dataclass

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_RULE = re.compile(r"(?P<count>[0-9]{1,9})/(?P<size>[0-9]{1,5})(?P<unit>[smhd])")


class LimitGrammarError(ValueError):
    """A limit cannot be read; the message says where and what was expected."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` in each window of `window` seconds.

    Args:
        name: what is counted, as callers see it in a 429.
        rule: the limit as it was written, such as `5/10m`.
    """

    name: str
    rule: str
    count: int
    window: int

    def __str__(self) -> str:
        return f"{self.name} {self.rule}"


@dataclass(frozen=True, slots=True)
class Charge:
    """`amount` counted against `limit` for `subject` (a hash: never a destination)."""

    limit: Limit
    subject: bytes
    amount: int

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
        return int.from_bytes(self.subject[:8]) % self.limit.window


@dataclass(frozen=True)
class Limits:
    """The limits that a start counts against."""

    sends: tuple[Limit, ...]
    guesses: tuple[Limit, ...]
    short_code_guesses: tuple[Limit, ...]


def parse_limits(name: str, text: str) -> tuple[Limit, ...]:
    """Read limits such as `5/10m 10/24h` (units s, m, h, d).

    Args:
        name: what is counted.
        text: one rule or several, parted by spaces.

    Raises:
        LimitGrammarError: a rule is not `n/window`, is there twice, or has a zero.
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
        if any(limit.rule == word for limit in limits):
            # Both would count on one item, which a transaction may touch only once.
            raise LimitGrammarError(
                f"{name}: '{word}' at character {found.start() + 1} is there twice"
            )
        limits.append(Limit(name, word, count, window))
    if not limits:
        raise LimitGrammarError(f"{name}: expected one limit or more, such as 5/10m 10/24h")
    return tuple(limits)
