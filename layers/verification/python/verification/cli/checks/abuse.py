"""What stands between a thief and the bill: the guard, countries, budgets, prices."""

from collections.abc import Iterator

from ..money import without_prices
from .examined import Examined, Finding, problem, warning

_STOP = "see docs/operations.md#stop-it"


def check_guard(examined: Examined) -> Iterator[Finding]:
    if examined.parameters.get("GuardMode") == "off":
        yield problem("The guard against SMS pumping is off.", "deploy with GuardMode block")


def check_spending(examined: Examined) -> Iterator[Finding]:
    given = examined.parameters
    if not any(given.get(name) for name in ("Countries", "StackMessages", "StackCost")):
        yield warning(
            "Anybody who gets at a form may have messages sent to all countries, with no end.",
            f"deploy with Countries, StackMessages or StackCost: {_STOP}",
        )


def check_prices(examined: Examined) -> Iterator[Finding]:
    silent = without_prices(examined.arguments)
    if not silent:
        return
    given = examined.parameters
    what = f"There are no prices for {', '.join(silent)}"
    do = "`verifyctl prices put FILE`: see docs/operations.md#prices-and-budgets"
    if given.get("StackCost") or given.get("ClientCost"):
        yield problem(f"{what}: they cost nothing, and no budget in money stops them.", do)
    else:
        yield warning(f"{what}: `stats` counts them as free.", do)
