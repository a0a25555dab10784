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


class BatchFailedError(Exception):
    """A batch could not be taken; the log says why."""


def tally_all(tally: Tally) -> Callable[[Sequence[Change | Sent | Budget], Remaining], int]:
    """Take what a batch says of verifications and of budgets; budgets need not come again."""

    def take(told: Sequence[Change | Sent | Budget], remaining: Remaining) -> int:
        places = [place for place, one in enumerate(told) if not isinstance(one, Budget)]
        changes = [one for one in told if not isinstance(one, Budget)]
        taken = tally(changes, [one for one in told if isinstance(one, Budget)], remaining)
        return places[taken] if taken < len(places) else len(told)

    return take


def make_stream_handler(
    take: Callable[[Sequence[Any], Remaining], int],
    read: Callable[[Mapping[str, Any]], object | None],
    telemetry: Telemetry,
) -> Callable[[Mapping[str, Any], LambdaContext], dict[str, Any]]:
    """A handler of batches of the stream.

    What could not be taken comes again, with all that is behind it. A record that cannot be read
    never will be, and must not hold up those behind it: it is logged, and left out. A fault of ours
    is raised, without its words: Lambda halves a batch then, until what it choked on is alone.

    Args:
        take: the operation; it returns how many it took, from the first on.
        read: what a record says, see `storage.stream`.
    """

    def handle(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        telemetry.begin(context.aws_request_id)
        told: list[object] = []
        numbers: list[str] = []
        for record in event["Records"]:
            try:
                one = read(record)
            except (LookupError, TypeError, ValueError) as error:
                telemetry.crashed("stream_record_unreadable", error)
                continue
            if one is not None:
                told.append(one)
                numbers.append(record["dynamodb"]["SequenceNumber"])
        try:
            failed = numbers[take(told, context.get_remaining_time_in_millis) :]
        except TemporarilyUnavailable:
            telemetry.warn("stream_batch_postponed")
            failed = [event["Records"][0]["dynamodb"]["SequenceNumber"]]
        except Exception as error:
            telemetry.crashed("stream_batch_failed", error)
            raise BatchFailedError from None  # so that Lambda brings it in halves
        return {"batchItemFailures": [{"itemIdentifier": number} for number in failed[:1]]}

    return handle
