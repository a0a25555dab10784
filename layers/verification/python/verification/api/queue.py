"""Batches of the re-send queue, answered message by message."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from ..domain.identifiers import TOKEN
from ..operations.ports import SEND_ROOM, Remaining
from ..telemetry import Telemetry
from .events import LambdaContext, alias_of

# Milliseconds one look may take: a read, a claim and a send. With less left, the rest of the
# batch goes back to the queue.
LOOK_ROOM = SEND_ROOM + 1_000


class Look(BaseModel):
    """The body of a message, as `storage.watches` writes it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    token: Annotated[str, Field(pattern=f"^{TOKEN}$")]
    claimed: Annotated[int, Field(ge=0)]
    tries: Annotated[int, Field(ge=0)]


class LookAfter(Protocol):
    """The operation; see `operations.resend.LookAfter`."""

    def __call__(self, token: str, claimed: int, tries: int, remaining: Remaining) -> None: ...


def is_batch(event: Any, context: LambdaContext) -> bool:
    """Whether SQS brings it: it comes to the function itself, never through a client's alias."""
    if alias_of(context.invoked_function_arn):
        return False
    records = event.get("Records") if isinstance(event, dict) else None
    return isinstance(records, list) and all(
        isinstance(record, dict) and record.get("eventSource") == "aws:sqs" for record in records
    )


def make_queue_handler(
    look_after: LookAfter, telemetry: Telemetry
) -> Callable[[Mapping[str, Any], LambdaContext], dict[str, Any]]:
    """A handler of SQS batches that reports each message that failed.

    What fails comes back after the visibility timeout, and goes to the dead-letter queue in the
    end; what succeeded does not come back with it.
    """

    def handle(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        telemetry.begin(context.aws_request_id)
        failed = []
        for record in event["Records"]:
            if context.get_remaining_time_in_millis() < LOOK_ROOM:
                telemetry.warn("queue_message_postponed")
                failed.append({"itemIdentifier": record["messageId"]})
                continue
            try:
                look = Look.model_validate_json(record["body"])
                remaining = context.get_remaining_time_in_millis
                look_after(look.token, look.claimed, look.tries, remaining)
            except Exception as error:  # one message must not fail the others
                telemetry.crashed("queue_message_failed", error)
                failed.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": failed}

    return handle
