"""What is aimed at, and how far it is reached: one row for each figure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import money
from benchmarks.builds import FUNCTIONS

_MB = 1_000_000


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Args:
        ours, theirs: figures with their units; empty where there is none.
        reached: what is compared with the target.
        met: None where there is no target.
    """

    measure: str
    ours: str
    theirs: str
    reached: str = ""
    target: str = ""
    met: bool | None = None


def rows(results: Mapping[str, Any]) -> list[Row]:
    """All rows that the parts which were measured give."""
    makers: dict[str, Callable[[Any], Iterator[Row]]] = {
        "cold": _cold,
        "callgrind": _callgrind,
        "wire": _wire,
        "sizes": _sizes,
        "load": _load,
        "growth": _growth,
        "money": _money,
    }
    return [row for part, make in makers.items() if part in results for row in make(results[part])]


def _ratio(
    measure: str, ours: float, theirs: float, scale: float, unit: str, most: float | None
) -> Row:
    ratio = ours / theirs
    return Row(
        measure,
        f"{ours / scale:,.1f} {unit}",
        f"{theirs / scale:,.1f} {unit}",
        f"{ratio:.2f} ×",
        "" if most is None else f"≤ {most:.2f} ×",
        None if most is None else ratio <= most,
    )


def _cold(found: Mapping[str, Any]) -> Iterator[Row]:
    for function in FUNCTIONS:
        of = found[function]
        for beside, words, most in (
            ("naive", "naive with bytecode", 0.60),
            ("naive-sam", "naive as `sam build` ships it", 0.26),
        ):
            name = f"{function}: cold start, beside {words}"
            ours, theirs = of["ours"], of[beside]
            yield _ratio(name, ours["cold_seconds"], theirs["cold_seconds"], 0.001, "ms", most)
            name = f"{function}: processor time of it, beside {words}"
            yield _ratio(
                name, ours["cold_cpu_seconds"], theirs["cold_cpu_seconds"], 0.001, "ms", None
            )
        ours, theirs = of["ours"], of["naive"]
        name = f"{function}: first request after INIT, processor time"
        key = "first_cpu_seconds"
        yield _ratio(name, ours[key], theirs[key], 0.001, "ms", 0.15)
        name = f"{function}: peak memory"
        yield _ratio(name, ours["peak_bytes"], theirs["peak_bytes"], _MB, "MB", 0.68)


def _callgrind(found: Mapping[str, Any]) -> Iterator[Row]:
    for function in FUNCTIONS:
        of = found[function]
        ours, theirs = of["ours"], of["naive"]
        for kind, words, most in (("cold", "to the first answer", 0.60), ("warm", "warm", 0.70)):
            name = f"{function}: instructions, {words}"
            yield _ratio(name, ours[kind], theirs[kind], 1e6, "M", most)
        name = f"{function}: instructions, to the first answer, naive as `sam build` ships it"
        yield _ratio(name, ours["cold"], of["naive-sam"]["cold"], 1e6, "M", None)


def _wire(found: Mapping[str, Any]) -> Iterator[Row]:
    one_each = {"dynamodb:TransactWriteItems": 1, "dynamodb:UpdateItem": 1}
    for operation in ("start", "verify", "lookup", "delete", "resend", "tally"):
        ours = found["ours"][operation]
        theirs = found["naive"].get(operation)
        asked = {name: n for name, n in ours["calls"].items() if name.startswith("dynamodb:")}
        target, met = "", None
        if operation == "start":
            target, met = "1 transaction, 1 update", asked == one_each
        elif operation == "lookup":
            target, met = "≤ ½ read unit", _units(ours) == (0.5, 0)
        elif operation in ("verify", "delete"):
            target, met = "≤ 1 write unit", _units(ours) <= (0, 1)
        words = {"resend": "a look of the queue", "tally": "the stream's changes"}
        yield Row(
            f"{words.get(operation, operation)}: calls",
            _calls(ours),
            _calls(theirs) if theirs else "",
        )
        yield Row(
            f"{words.get(operation, operation)}: units of DynamoDB",
            _said(ours),
            _said(theirs) if theirs else "",
            _said(ours) if target else "",
            target,
            met,
        )


def _units(one: Mapping[str, Any]) -> tuple[float, float]:
    return one["read_units"], one["write_units"]


def _said(one: Mapping[str, Any]) -> str:
    read, write = _units(one)
    index = one["index_write_units"]
    return f"{read:g} read, {write:g} write" + (f", {index:g} of the index" if index else "")


def _calls(one: Mapping[str, Any]) -> str:
    names = {
        name.split(":")[1].replace("POST /v1/omnimessage", "the vendor"): n
        for name, n in one["calls"].items()
    }
    return ", ".join(name if n == 1 else f"{n:g} {name}" for name, n in names.items()) or "none"


def _sizes(found: Mapping[str, Any]) -> Iterator[Row]:
    for name, size in found.items():
        text = f"{size['zipped'] / _MB:.2f} MB ({size['unpacked'] / _MB:.1f} unpacked)"
        is_ours = name.startswith("ours")
        row = Row(f"size, zipped: {name}", text if is_ours else "", "" if is_ours else text)
        if name == "ours, DependenciesLayer":
            most = 12 * _MB
            reached = f"{size['zipped'] / _MB:.2f} MB"
            row = Row(row.measure, text, "", reached, "≤ 12 MB", size["zipped"] <= most)
        yield row


def _load(found: list[Mapping[str, Any]]) -> Iterator[Row]:
    for one in found:
        text = (
            f"{one['flows_a_second']:.2f} flows/s, answers {one['answer_seconds_median']:.2f} s, "
            f"of a hundred the 95th {one['answer_seconds_95']:.2f} s"
        )
        errors = f"{one['errors']:g} errors of {one['flows']:g}"
        met = one["errors"] == 0
        yield Row(f"whole stack, {one['callers']:g} callers", text, "", errors, "no errors", met)


def _growth(found: Mapping[str, Any]) -> Iterator[Row]:
    few = next(iter(found.values()))
    for stored, one in found.items():
        text = f"{one['calls']:g} calls, {_said(one)}, {one['cpu_seconds'] * 1000:.0f} ms"
        level = all(one[name] == few[name] for name in few if name != "cpu_seconds")
        said = "level" if level else "not level"
        yield Row(f"one flow, {int(stored):,} stored", text, "", said, "level", level)


def _money(found: Mapping[str, Any]) -> Iterator[Row]:
    prices = money.load()
    sms = prices["sms_price"]["price"]
    ours, theirs = (found[variant]["total"] for variant in ("ours", "naive"))
    share = ours / money.MILLION / sms
    yield Row(
        f"a million verifications on AWS ({prices['region']}, {prices['as_of']}), without messages",
        f"${ours:,.2f}",
        f"${theirs:,.2f}",
        f"{share:.2%} of an SMS at ${sms}",
        "< 1 %",
        share < 0.01,
    )
    for name, dollars in found["ours"].items():
        if name != "total":
            theirs_too = found["naive"].get(name)
            shown = f"${theirs_too:,.2f}" if theirs_too is not None else ""
            yield Row(f"of that: {name.replace('_', ' ')}", f"${dollars:,.2f}", shown)
    for one in prices["verifications_elsewhere"]:
        sign = {"USD": "$", "EUR": "€"}[one["currency"]]
        total = one["price"] * money.MILLION
        yield Row(f"the same by {one['name']}", "", f"{sign}{total:,.0f} ({one['said']})")
