"""Tell others what becomes of verifications: the table's stream goes to the event bus.

A queue brings those whose time is over, which nothing else would write down.
"""

from typing import Any

from verification.api.events import LambdaContext
from verification.api.queue import END_ROOM, is_batch, make_queue_handler, read_over
from verification.wiring import Stack

stack = Stack()
published = stack.publish_handler()
over = make_queue_handler(read_over(stack.end()), END_ROOM, stack.telemetry)
stack.prove()


def handler(event: Any, context: LambdaContext) -> Any:
    return over(event, context) if is_batch(event, context) else published(event, context)
