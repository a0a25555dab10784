"""What the stream of the sessions table brings: changes of verifications, sends, and budgets."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from ..domain.limits import Budget, read_budget
from ..domain.verification import Verification
from ..operations.ports import Change, Sent
from . import table


def read_stream(record: Mapping[str, Any]) -> Change | Sent | Budget | None:
    """One record of the stream, with both images; None where it speaks of something else.

    Raises:
        ValueError, LookupError: it is none of ours.
    """
    told = record["dynamodb"]
    key = told["Keys"]["pk"]["S"]
    before, after = (told.get(name) for name in ("OldImage", "NewImage"))
    if told["Keys"]["sk"]["S"] == "V":
        return Change(_verification(before), _verification(after))
    if told["Keys"]["sk"]["S"] == "D" and after:
        return table.read_sent(before or {}, after)
    if key.startswith("L#") and after:
        return read_budget(key.removeprefix("L#"), after["rule"]["S"], int(after["used"]["N"]))
    return None


def _verification(image: Mapping[str, Any] | None) -> Verification | None:
    return table.read_verification(_with_bytes(image)) if image else None


def _with_bytes(image: Mapping[str, Any]) -> dict[str, Any]:
    """An image as the table's items are: Lambda's events have binary values in base64."""
    return {
        name: {"B": b64decode(value["B"], validate=True)} if "B" in value else value
        for name, value in image.items()
    }
