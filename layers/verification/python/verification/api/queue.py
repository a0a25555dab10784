"""Batches of the re-send queue, answered message by message."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from ..operations.ports import Remaining
from ..telemetry import Telemetry
from .events import LambdaContext

# Milliseconds one look may take: a send by a slow provider, and its record. With less left, the
# rest of the batch goes back to the queue.
_ROOM = 9_000


class Look(BaseModel):
    """The body of a message, as `storage.watches` writes it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    token: Annotated[str, Field(pattern=r"^[a-z2-7]{26}$")]
    send: Annotated[int, Field(ge=1)]
    tries: Annotated[int, Field(ge=0)]


class LookAfter(Protocol):
    """The operation; see `operations.resend.LookAfter`."""

    def __call__(self, token: str, send: int, tries: int, remaining: Remaining) -> None: ...


def is_batch(event: Any) -> bool:
    return isinstance(event, dict) and isinstance(event.get("Records"), list)


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
            try:
                if context.get_remaining_time_in_millis() < _ROOM:
                    raise TimeoutError
                look = Look.model_validate_json(record["body"])
                look_after(look.token, look.send, look.tries, context.get_remaining_time_in_millis)
            except Exception as error:  # one message must not fail the others
                telemetry.crashed("queue_message_failed", error)
                failed.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": failed}

    return handle
