"""How many start, how many get through, and what it costs, from what the sessions table has."""

import argparse
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.text import Text

from ..api.native.views import time
from ..catalogue import CLASSES
from ..domain.policy import MAX_SENDS
from ..domain.verification import Channel, Delivery, Outcome, Record, Status, Try
from ..operations.ports import Prices
from ..storage import table
from ..storage.prices import StoredPrices
from .money import without_prices, write_money
from .output import progress, rows
from .shared import (
    Commands,
    directory,
    dynamodb,
    now,
    parameters,
    routes,
    seconds,
    table_name,
)

_TAKEN = (Outcome.ACCEPTED, Outcome.UNKNOWN)  # unknown: it may have been sent, and be billed
_NONE = "none"  # a country, where there is none
# Without destinations and what is derived from them: nobody's number is read.
_OF_VERIFICATION = (
    "pk",
    "sk",
    "kid",
    "client_id",
    "status",
    "channel",
    "country",
    "created_at",
    "valid_until",
    "expires_at",
    "code_length",
    "attempts",
    "max_attempts",
    "max_sends",
    "sends",
    "sent_at",
    "lease_until",
    "brand",
    "code_mac",
    "last_guess",
    "test",
    "verifier",
)
_WIDTH = 30  # of a bar, in characters


@dataclass
class Figures:
    """What became of some verifications, and what their messages cost.

    Of a channel, `accepted`, `delivered` and `cost` are of the messages that it brought; the rest
    is of verifications that were started with it.

    Args:
        statuses: how many stand where.
        cost: in UNITS_OF_MONEY.
    """

    started: int = 0
    accepted: int = 0
    delivered: int = 0
    statuses: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    cost: int = 0

    def add(self, status: Status) -> None:
        """Count one verification."""
        self.started += 1
        self.statuses[status] += 1

    def add_messages(self, tries: Sequence[Try], cost: int) -> None:
        """Count what became of a verification's messages.

        Args:
            cost: of all of them.
        """
        self.accepted += any(one.outcome == Outcome.ACCEPTED for one in tries)
        self.delivered += any(one.report == Delivery.DELIVERED for one in tries)
        self.cost += cost

    def show(self) -> dict[str, Any]:
        verified = self.statuses[Status.VERIFIED]
        return {
            "started": self.started,
            "accepted": self.accepted,
            "delivered": self.delivered,
            **{status.value: self.statuses[status] for status in _ENDS},
            "conversion": _ratio(verified, self.started),
            "cost": write_money(self.cost),
        }


_ENDS = (Status.VERIFIED, Status.FAILED, Status.EXPIRED, Status.CANCELED, Status.PENDING)


@dataclass
class OfProvider:
    """What a provider made of the messages it was asked to send.

    Args:
        asked, accepted, delivered: messages.
        verified: verifications whose last message was its.
        cost: in UNITS_OF_MONEY.
    """

    asked: int = 0
    accepted: int = 0
    delivered: int = 0
    verified: int = 0
    cost: int = 0

    def show(self) -> dict[str, Any]:
        return {
            "asked": self.asked,
            "accepted": self.accepted,
            "delivered": self.delivered,
            "verified": self.verified,
            "conversion": _ratio(self.verified, self.accepted),
            "cost": write_money(self.cost),
        }


class Statistics:
    """Counts verifications, one after the other.

    Args:
        price: what one message of a provider costs.
        now: epoch milliseconds.
    """

    def __init__(self, price: Prices, now: int) -> None:
        self._price = price
        self._now = now
        self.total = Figures()
        self.by_country: dict[str, Figures] = {}
        self.by_channel: dict[str, Figures] = {}
        self.by_provider: dict[str, OfProvider] = {}
        self.tests = 0  # nothing was sent for them: they count nowhere else

    def add(self, record: Record) -> None:
        verification = record.verification
        if verification.test:
            self.tests += 1
            return
        status = verification.status_at(self._now)
        tries = [one for send in record.sends for one in send.tries]
        country = verification.country
        costs = [self._cost(one, country) for one in tries]
        wide = (self.total, self.by_country.setdefault(country or _NONE, Figures()))
        for figures in (*wide, self._of_channel(verification.channel)):
            figures.add(status)
        for figures in wide:
            figures.add_messages(tries, sum(costs))
        # A code that came by SMS may come by a call the next time: each channel has its own.
        for channel in dict.fromkeys(one.channel for one in tries):
            its = [one for one in tries if one.channel == channel]
            cost = sum(self._cost(one, country) for one in its)
            self._of_channel(channel).add_messages(its, cost)
        self._add_tries(tries, costs)
        taken = [one for one in tries if one.outcome in _TAKEN]
        if status == Status.VERIFIED and taken:
            self.by_provider[taken[-1].provider].verified += 1

    def _cost(self, one: Try, country: str | None) -> int:
        if one.outcome not in _TAKEN:
            return 0
        return self._price((one.provider,), one.channel, country)

    def _of_channel(self, channel: Channel) -> Figures:
        return self.by_channel.setdefault(channel, Figures())

    def _add_tries(self, tries: Sequence[Try], costs: Sequence[int]) -> None:
        for one, cost in zip(tries, costs, strict=True):
            figures = self.by_provider.setdefault(one.provider, OfProvider())
            figures.asked += 1
            figures.accepted += one.outcome == Outcome.ACCEPTED
            figures.delivered += one.report == Delivery.DELIVERED
            figures.cost += cost

    def show(self) -> dict[str, Any]:
        return {
            "total": self.total.show(),
            "by_country": _list("country", self.by_country),
            "by_channel": _list("channel", self.by_channel),
            "by_provider": _list("provider", self.by_provider),
            "tests": self.tests,
        }


def stats(arguments: argparse.Namespace) -> dict[str, Any]:
    """Print how many verifications came how far, and what they cost, by country and so on."""
    name, moment = table_name(arguments, "Sessions"), now()
    kept_hours = int(parameters(arguments)["RetentionHours"])
    since = moment - arguments.since * 1000
    found = Statistics(StoredPrices(dynamodb(), directory(arguments), now), moment)
    scan = Scan(name, since, {*CLASSES, *routes(arguments).names})
    for record in scan.records(moment // 1000):
        found.add(record)
    return {
        "since": time(since),
        "until": time(moment),
        **found.show(),
        "without_prices": without_prices(arguments),
        "kept_hours": kept_hours,
        "read": {"items": scan.items, "units": scan.units},
    }


class Scan:
    """Reads the verifications that were started in a span.

    Args:
        name: the sessions table.
        since: epoch milliseconds.
        providers: whose reports are read.

    Attributes:
        items: how many were looked at so far.
        units: read units that this took.
    """

    def __init__(self, name: str, since: int, providers: Iterable[str]) -> None:
        self.items, self.units = 0, 0.0
        numbers = range(1, MAX_SENDS.highest + 1)
        wanted = [*_OF_VERIFICATION, *map(table.send_name, numbers)]
        wanted += [table.report_name(n, one) for n in numbers for one in sorted(providers)]
        names = {f"#{place}": attribute for place, attribute in enumerate(wanted)}
        self._asked = {
            "TableName": name,
            "ProjectionExpression": ", ".join(names),
            "ExpressionAttributeNames": names,
            "FilterExpression": f"{_name(names, 'sk')} = :details OR "
            f"{_name(names, 'created_at')} >= :since",
            "ExpressionAttributeValues": {
                ":details": table.details_key("")["sk"],
                ":since": {"N": str(since)},
            },
            "ReturnConsumedCapacity": "TOTAL",
        }

    def records(self, now: int) -> Iterator[Record]:
        """Verifications with their sends; not those whose time in the table is over.

        Args:
            now: epoch seconds.
        """
        # Items of one partition stand side by side, in the order of their sort keys.
        for _, beside in itertools.groupby(self._read(), key=lambda item: item["pk"]["S"]):
            record = table.read_record([one for one in beside if one["sk"]["S"] in ("V", "D")])
            if record and record.verification.expires_at > now:
                yield record

    def _read(self) -> Iterator[Mapping[str, Any]]:
        client = dynamodb()
        described = client.describe_table(TableName=self._asked["TableName"])["Table"]
        total = described.get("ItemCount") or None  # AWS counts every six hours
        with progress("Reading the table", total) as done:
            for page in client.get_paginator("scan").paginate(**self._asked):
                self.items += page["ScannedCount"]
                self.units += page.get("ConsumedCapacity", {}).get("CapacityUnits", 0)
                done(self.items)
                yield from page["Items"]


def _name(names: Mapping[str, str], attribute: str) -> str:
    return next(placeholder for placeholder, one in names.items() if one == attribute)


def _list(what: str, figures: Mapping[str, Figures] | Mapping[str, OfProvider]) -> list[Any]:
    """Each with its name, the most first."""
    shown = [{what: str(name), **one.show()} for name, one in figures.items()]
    first = "asked" if what == "provider" else "started"
    return sorted(shown, key=lambda one: (-one[first], one[what]))


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


# ------------------------------------------------------------------------------------- For people


def _view(found: Mapping[str, Any]) -> RenderableType:
    total = found["total"]
    parts: list[RenderableType] = [
        Text(f"From {found['since']} to {found['until']}", style="bold"),
        Text(
            f"Verifications are kept {found['kept_hours']} hours after their end: "
            "older ones are not in it."
        ),
        Text(""),
        _funnel(total),
    ]
    for what in ("country", "channel", "provider"):
        if lines := found[f"by_{what}"]:
            parts += [Text(""), _table(what, lines)]
    if found["without_prices"]:
        words = f"Without a price, so at no cost here: {', '.join(found['without_prices'])}."
        parts += [Text(""), Text(words, style="yellow")]
    read = found["read"]
    parts += [Text(""), Text(f"Read {read['items']} items: {read['units']:g} units.", style="dim")]
    return Group(*parts)


def _funnel(total: Mapping[str, Any]) -> RenderableType:
    steps = [*("started", "accepted", "delivered"), *(status.value for status in _ENDS)]
    most = max(total["started"], 1)
    parts = [(step, total[step] / most) for step in steps]
    lines = [(step, total[step], _percent(part), _bar(part)) for step, part in parts]
    return rows(["", "", "", ""], [*lines, ("cost", total["cost"], Text(), Text())])


def _table(what: str, lines: list[dict[str, Any]]) -> RenderableType:
    columns = list(lines[0])
    shown = [
        [_percent(v) if name == "conversion" else v for name, v in one.items()]
        + [_bar(one["conversion"] or 0)]
        for one in lines
    ]
    return rows([*columns, ""], shown)


def _bar(part: float) -> Bar:
    return Bar(1, 0, min(part, 1), width=_WIDTH, color="green")


def _percent(part: float | None) -> str:
    return "" if part is None else f"{part:.1%}"


def add_commands(commands: Commands) -> None:
    parser = commands.add("stats", stats, view=_view)
    parser.add_argument(
        "--since", type=seconds, default="24h", help="of verifications started since: 24h"
    )
