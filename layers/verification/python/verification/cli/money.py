"""Money: what messages cost, and what of today's budgets is used."""

import argparse
import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..catalogue import CLASSES
from ..domain.limits import (
    COSTS,
    UNITS_OF_MONEY,
    Budget,
    LimitName,
    Limits,
    parse_all_limits,
    read_money,
)
from ..domain.verification import Channel
from ..storage import table
from ..storage.counters import DynamoDbCounters
from ..storage.prices import ELSEWHERE, price_name, read_prices, write_prices
from .shared import (
    CommandError,
    Commands,
    directory,
    dynamodb,
    is_client,
    is_country,
    now,
    output,
    parameters,
    read_record,
    read_text,
    routes,
    scan,
)

_COLUMNS = ["provider", "channel", "country", "price"]
_WEBHOOK = re.compile(r"webhook-[a-z0-9-]+")
_COSTS_NOTHING = "sandbox"
_DAY = 86_400_000  # milliseconds

_OF_STACK = {LimitName.STACK_MESSAGES: "StackMessages", LimitName.STACK_COST: "StackCost"}
_OF_CLIENT = {LimitName.CLIENT_MESSAGES: "ClientMessages", LimitName.CLIENT_COST: "ClientCost"}


def put_prices(arguments: argparse.Namespace) -> dict[str, Any]:
    """Put the prices in a file in place of all there are; nothing if one line is wrong."""
    prices = _read_file(arguments.file)
    silent = without_prices(arguments, prices)  # first: a stack of others stops here
    dynamodb().put_item(TableName=directory(arguments), Item=write_prices(prices))
    return {"put": len(prices), "without_prices": silent}


def show_prices(arguments: argparse.Namespace) -> dict[str, Any]:
    """Print the prices, and which providers of the stack's routes have none."""
    prices = _stored_prices(arguments)
    rows = [(*name.split(" "), write_money(price)) for name, price in sorted(prices.items())]
    return {
        "prices": [dict(zip(_COLUMNS, row, strict=True)) for row in rows],
        "without_prices": without_prices(arguments, prices),
    }


def _stored_prices(arguments: argparse.Namespace) -> Mapping[str, int]:
    answer = dynamodb().get_item(
        TableName=directory(arguments), Key=table.prices_key(), ConsistentRead=True
    )
    return read_prices(answer.get("Item", {}))


def without_prices(
    arguments: argparse.Namespace, prices: Mapping[str, int] | None = None
) -> list[str]:
    """Which providers have no price for a channel that they carry: their messages count nothing.

    Args:
        prices: to be looked at in place of those that are stored.
    """
    prices = _stored_prices(arguments) if prices is None else prices
    routed = {
        f"{provider} {rule.channel}"
        for rule in routes(arguments).rules
        for provider in rule.providers
        if provider != _COSTS_NOTHING
    }
    return sorted(routed - {name.rpartition(" ")[0] for name in prices})


def _read_file(file: Path) -> dict[str, int]:
    prices: dict[str, int] = {}
    faults: list[str] = []
    for number, line in enumerate(read_text(file).splitlines(), 1):
        try:
            row = _read_row(line)
            if not any(row) or (number == 1 and row == _COLUMNS):
                continue
            name, price = _read_price(row)
            if name in prices:
                raise ValueError("there is a price for this already")
            prices[name] = price
        except (ValueError, csv.Error) as error:
            faults.append(f"line {number}: {error}")
    if faults:
        raise CommandError("\n".join(faults))
    if not prices:
        raise CommandError(f"{file} has no prices.")
    return prices


def _read_row(line: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line]), [])]


def _read_price(row: Sequence[str]) -> tuple[str, int]:
    """The name of a price, and the price in UNITS_OF_MONEY."""
    if len(row) != len(_COLUMNS):
        raise ValueError(f"expected {','.join(_COLUMNS)}, such as sns,sms,EE,0.0325")
    provider, channel, country, price = row
    if provider not in CLASSES and not _WEBHOOK.fullmatch(provider):
        raise ValueError(f"there is no provider '{provider}'")
    if channel not in list(Channel):
        raise ValueError(f"'{channel}' is none of {', '.join(Channel)}")
    if country != ELSEWHERE and (channel == Channel.EMAIL or not is_country(country)):
        raise ValueError(
            f"e-mail has no countries: write {ELSEWHERE}"
            if channel == Channel.EMAIL
            else f"'{country}' is not a country such as EE, or {ELSEWHERE} for all others"
        )
    return price_name(provider, channel, country), read_money(price)


def show_budgets(arguments: argparse.Namespace) -> dict[str, Any]:
    """Print what is used of today's budgets (UTC), of the stack and of each client with one."""
    day = now() // _DAY
    counters = DynamoDbCounters(dynamodb(), output(arguments, "SessionsTableName"))
    limits = _limits_of_stack(arguments)
    budgets = [*_budgets("stack", limits, _OF_STACK, day)]
    for record in map(read_record, filter(is_client, scan(directory(arguments)))):
        own = limits.under(record.client.profile.limits)
        budgets += _budgets(record.client.id, own, _OF_CLIENT, day)
    return {
        "day": datetime.fromtimestamp(day * _DAY // 1000, UTC).date().isoformat(),
        "budgets": [_show(counters.whole(budget)) for budget in budgets],
    }


def _limits_of_stack(arguments: argparse.Namespace) -> Limits:
    given = parameters(arguments)
    named = {**_OF_STACK, **_OF_CLIENT}.items()
    return parse_all_limits("; ".join(f"{name}={given.get(p, '')}" for name, p in named))


def _budgets(
    subject: str, limits: Limits, names: Mapping[LimitName, str], day: int
) -> Iterator[Budget]:
    for name in names:
        for limit in limits.of(name):
            yield Budget(limit, subject, day, 0, limit.count)


def _show(budget: Budget) -> dict[str, Any]:
    is_money = budget.limit.name in COSTS
    return {
        "of": budget.subject,
        "budget": budget.limit.name,
        "used": write_money(budget.used) if is_money else budget.used,
        "allowed": write_money(budget.count) if is_money else budget.count,
        "percent": budget.percent,
    }


def write_money(units: int) -> str:
    """An amount as people write it."""
    whole, part = divmod(units, UNITS_OF_MONEY)
    return f"{whole}.{part:04d}"


def add_commands(commands: Commands) -> None:
    prices = commands.below("prices", "What messages cost.")
    putting = prices.add("put", put_prices, has_table=False)
    putting.add_argument(
        "file", type=Path, help="CSV: provider,channel,country,price; country * for all others"
    )
    prices.add("show", show_prices, has_table=False)
    commands.add("budgets", show_budgets, has_table=False)
