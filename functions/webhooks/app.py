"""Post events to clients' webhooks: from the event bus by a queue, again while they fail."""

from verification.api.queue import make_queue_handler
from verification.api.webhooks import POSTING_ROOM, at_once, read_posting
from verification.wiring import Stack

stack = Stack()
handler = make_queue_handler(read_posting(stack.deliver()), POSTING_ROOM, stack.telemetry, at_once)
stack.prove()
