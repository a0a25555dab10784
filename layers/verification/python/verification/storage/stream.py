"""What the stream of the sessions table brings: changes of verifications, sends, and budgets."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from ..domain.events import Written
from ..domain.limits import Budget, read_budget
from ..domain.verification import Send, Verification
from ..operations.ports import Beside, Change, Sent, Write
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


def read_write(record: Mapping[str, Any]) -> Write | None:
    """One record of the stream, for the events; None where it speaks of something else.

    Raises:
        ValueError, LookupError: it is none of ours.
    """
    told = record["dynamodb"]
    before, after = (told.get(name) for name in ("OldImage", "NewImage"))
    # In an event of Lambda's it is a number of seconds, with or without a point.
    at = round(float(told["ApproximateCreationDateTime"]) * 1000)
    written = Written(str(int(told["SequenceNumber"])), at)
    kind, key = told["Keys"]["sk"]["S"], told["Keys"]["pk"]["S"]
    if kind == "V":
        return Write(written, Change(_verification(before), _verification(after)))
    if kind == "D":
        images = tuple(_with_bytes(image or {}) for image in (before, after))

        def sends(verification: Verification) -> tuple[Sequence[Send], Sequence[Send]]:
            was, now = (table.read_sends(verification, image) for image in images)
            return was, now

        return Write(written, Beside(key.removeprefix("V#"), sends))
    return None


def _verification(image: Mapping[str, Any] | None) -> Verification | None:
    return table.read_verification(_with_bytes(image)) if image else None


def _with_bytes(image: Mapping[str, Any]) -> dict[str, Any]:
    """An image as the table's items are: Lambda's events have binary values in base64."""
    return {
        name: {"B": b64decode(value["B"], validate=True)} if "B" in value else value
        for name, value in image.items()
    }
