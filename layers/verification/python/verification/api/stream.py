"""Batches of the sessions table's stream."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ..domain.limits import Budget
from ..errors import TemporarilyUnavailable
from ..operations.ports import Change, Remaining, Sent
from ..telemetry import Telemetry
from .events import LambdaContext


class Tally(Protocol):
    """The operation; see `operations.tally.Tally`."""

    def __call__(
        self, changes: Sequence[Change | Sent], budgets: Sequence[Budget], remaining: Remaining
    ) -> int: ...


def make_stream_handler(
    tally: Tally,
    read: Callable[[Mapping[str, Any]], Change | Sent | Budget | None],
    telemetry: Telemetry,
) -> Callable[[Mapping[str, Any], LambdaContext], dict[str, Any]]:
    """A handler of batches of the stream.

    What could not be taken comes again, with all that is behind it. A record that cannot be read
    never will be, and must not hold up those behind it: it is logged, and left out.

    Args:
        read: what a record says, see `storage.stream`.
    """

    def handle(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        telemetry.begin(context.aws_request_id)
        changes: list[tuple[str, Change | Sent]] = []
        budgets: list[Budget] = []
        for record in event["Records"]:
            try:
                told = read(record)
            except (LookupError, TypeError, ValueError) as error:
                telemetry.crashed("stream_record_unreadable", error)
                continue
            if isinstance(told, Change | Sent):
                changes.append((record["dynamodb"]["SequenceNumber"], told))
            elif told:
                budgets.append(told)
        try:
            ones = [change for _, change in changes]
            taken = tally(ones, budgets, context.get_remaining_time_in_millis)
            failed = [number for number, _ in changes[taken:]]
        except TemporarilyUnavailable:
            telemetry.warn("stream_batch_postponed")
            failed = [event["Records"][0]["dynamodb"]["SequenceNumber"]]
        except Exception as error:
            telemetry.crashed("stream_batch_failed", error)
            failed = [event["Records"][0]["dynamodb"]["SequenceNumber"]]
        return {"batchItemFailures": [{"itemIdentifier": number} for number in failed[:1]]}

    return handle
