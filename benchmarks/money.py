"""What a million verifications cost on AWS: from measured calls, units and processor time, and the
prices and assumptions in prices.json."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from benchmarks import HERE
from benchmarks.builds import FUNCTIONS

MILLION = 1_000_000


def load() -> dict[str, Any]:
    prices: dict[str, Any] = json.loads((HERE / "prices.json").read_text())
    return prices


def measure(calls: Mapping[str, Any], cold: Mapping[str, Any]) -> dict[str, Any]:
    """US dollars for a million verifications, by variant and by what is paid for.

    Args:
        calls: of benchmarks.calls; cold: of benchmarks.cold.
    """
    prices = load()
    return {variant: _bill(prices, calls[variant], cold, variant) for variant in calls}


def _bill(
    prices: Mapping[str, Any], calls: Mapping[str, Any], cold: Mapping[str, Any], variant: str
) -> dict[str, float]:
    passed = [name for name in ("start", "verify", "resend", "tally") if name in calls]
    assumed = prices["assumed"]
    amounts: Counter[str] = Counter()
    for name in passed:
        one = calls[name]
        asked = name in FUNCTIONS
        amounts["api_gateway_rest_request"] += asked
        amounts["lambda_request"] += 1
        amounts["lambda_gb_second"] += assumed["memory_gb"] * _seconds(one, assumed)
        amounts["dynamodb_write_unit"] += one["write_units"] + one["index_write_units"]
        amounts["dynamodb_read_unit"] += one["read_units"]
        sent = sum(n for call, n in one["calls"].items() if call.startswith("sqs:"))
        amounts["sqs_request"] += sent + 2 * (name == "resend")
        amounts["logs_gb"] += (one["log_bytes"] + assumed["platform_log_bytes"]) / 1e9
        amounts["xray_trace"] += assumed["traced_share"]
        amounts["transfer_gb"] += asked * assumed["answer_bytes"] / 1e9
        if asked:
            _add_cold(amounts, one["first"], cold[name][variant], assumed)
    priced = {
        name: MILLION * amount * prices[name]["price"] / prices[name]["per"]
        for name, amount in amounts.items()
    }
    return priced | {"total": sum(priced.values())}


def _seconds(one: Mapping[str, Any], assumed: Mapping[str, Any]) -> float:
    """How long Lambda bills a warm request."""
    share = assumed["memory_gb"] / assumed["full_processor_gb"]
    return float(one["cpu_seconds"] / share + _waiting(one["calls"], assumed))


def _waiting(calls: Mapping[str, float], assumed: Mapping[str, Any]) -> float:
    usual = assumed["milliseconds"]
    each = ((usual.get(name, usual[name.split(":")[0]]), n) for name, n in calls.items())
    return float(sum(milliseconds * n for milliseconds, n in each) / 1000)


def _add_cold(
    amounts: Counter[str],
    first: Mapping[str, Any],
    cold: Mapping[str, float],
    assumed: Mapping[str, Any],
) -> None:
    """What a cold start takes besides, as often as there is one."""
    share = assumed["cold_share"]
    seconds = cold["cold_cpu_seconds"] + _waiting(first["calls"], assumed)
    amounts["lambda_gb_second"] += share * assumed["memory_gb"] * seconds
    amounts["dynamodb_read_unit"] += share * first["read_units"]
    amounts["dynamodb_write_unit"] += share * first["write_units"]
    asked = sum(n for call, n in first["calls"].items() if call.startswith("secretsmanager:"))
    amounts["secretsmanager_call"] += share * asked
