"""Batches of a queue, answered message by message."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from ..domain.identifiers import TOKEN
from ..operations.ports import SEND_ROOM, Remaining
from ..telemetry import Telemetry
from .events import LambdaContext, alias_of

# Milliseconds one look may take: a read, a claim and a send. With less left, the rest of the
# batch goes back to the queue.
LOOK_ROOM = SEND_ROOM + 1_000

END_ROOM = 1_500  # milliseconds that one write may take

type Take = Callable[[str, Remaining], None]
"""Does what the body of a message says, within the time that is left."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    token: Annotated[str, Field(pattern=f"^{TOKEN}$")]


class Look(_Message):
    """The body of a message, as `storage.watches` writes it."""

    claimed: Annotated[int, Field(ge=0)]
    tries: Annotated[int, Field(ge=0)]


class Over(_Message):
    """The body of a message, as `storage.bus` writes it."""

    began: Annotated[int, Field(ge=0)]
    due: Annotated[int, Field(ge=0)]


class LookAfter(Protocol):
    """The operation; see `operations.resend.LookAfter`."""

    def __call__(self, token: str, claimed: int, tries: int, remaining: Remaining) -> None: ...


class End(Protocol):
    """The operation; see `operations.publish.End`."""

    def __call__(self, token: str, began: int, due: int) -> None: ...


def read_look(look_after: LookAfter) -> Take:
    """Take messages of the re-send queue."""

    def take(body: str, remaining: Remaining) -> None:
        look = Look.model_validate_json(body)
        look_after(look.token, look.claimed, look.tries, remaining)

    return take


def read_over(end: End) -> Take:
    """Take messages of the queue of verifications whose time is over."""

    def take(body: str, remaining: Remaining) -> None:
        over = Over.model_validate_json(body)
        end(over.token, over.began, over.due)

    return take


def is_batch(event: Any, context: LambdaContext) -> bool:
    """Whether SQS brings it: it comes to the function itself, never through a client's alias."""
    if alias_of(context.invoked_function_arn):
        return False
    records = event.get("Records") if isinstance(event, dict) else None
    return isinstance(records, list) and all(
        isinstance(record, dict) and record.get("eventSource") == "aws:sqs" for record in records
    )


def make_queue_handler(
    take: Take,
    room: int,
    telemetry: Telemetry,
    each: Callable[[Callable[[Mapping[str, Any]], bool], Iterable[Any]], Iterable[bool]] = map,
) -> Callable[[Mapping[str, Any], LambdaContext], dict[str, Any]]:
    """A handler of SQS batches that reports each message that failed.

    What fails comes back after the visibility timeout, and goes to the dead-letter queue in the
    end; what succeeded does not come back with it.

    Args:
        room: milliseconds one message may take; with less left it goes back to the queue.
        each: `map`, or one that does several messages at once.
    """

    def handle(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        telemetry.begin(context.aws_request_id)
        remaining = context.get_remaining_time_in_millis

        def is_done(record: Mapping[str, Any]) -> bool:
            if remaining() < room:
                telemetry.warn("queue_message_postponed")
                return False
            try:
                take(record["body"], remaining)
            except Exception as error:  # one message must not fail the others
                telemetry.crashed("queue_message_failed", error)
                return False
            return True

        records = event["Records"]
        failed = [r for r, done in zip(records, each(is_done, records), strict=True) if not done]
        return {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in failed]}

    return handle
