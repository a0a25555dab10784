"""Batches of the sessions table's stream."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ..domain.limits import Budget
from ..errors import TemporarilyUnavailable
from ..operations.ports import Change, Remaining
from ..telemetry import Telemetry
from .events import LambdaContext


class Tally(Protocol):
    """The operation; see `operations.tally.Tally`."""

    def __call__(
        self, changes: Sequence[Change], budgets: Sequence[Budget], remaining: Remaining
    ) -> None: ...


def make_stream_handler(
    tally: Tally,
    read: Callable[[Mapping[str, Any]], Change | Budget | None],
    telemetry: Telemetry,
) -> Callable[[Mapping[str, Any], LambdaContext], dict[str, Any]]:
    """A handler of batches of the stream.

    A batch is taken as a whole: when it fails, all of it comes again. A record that cannot be read
    never will be, and must not hold up those behind it: it is logged, and left out.

    Args:
        read: what a record says, see `storage.stream`.
    """

    def handle(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        telemetry.begin(context.aws_request_id)
        read_ones = []
        for record in event["Records"]:
            try:
                read_ones.append(read(record))
            except (LookupError, TypeError, ValueError) as error:
                telemetry.crashed("stream_record_unreadable", error)
        changes = [one for one in read_ones if isinstance(one, Change)]
        budgets = [one for one in read_ones if isinstance(one, Budget)]
        try:
            tally(changes, budgets, context.get_remaining_time_in_millis)
        except TemporarilyUnavailable:
            telemetry.warn("stream_batch_postponed")
        except Exception as error:
            telemetry.crashed("stream_batch_failed", error)
        else:
            return {"batchItemFailures": []}
        first = event["Records"][0]["dynamodb"]["SequenceNumber"]
        return {"batchItemFailures": [{"itemIdentifier": first}]}

    return handle
