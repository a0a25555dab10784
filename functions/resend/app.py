"""Send a code again: POST /v1/verifications/{id}/resend, a direct invoke, or the queue."""

from typing import Any

from verification.api.events import Answer, Call, LambdaContext
from verification.api.native.resend import read_resend
from verification.api.native.views import show
from verification.api.queue import LOOK_ROOM, is_batch, make_queue_handler, read_look
from verification.domain.policy import Scope
from verification.wiring import Stack, clock

stack = Stack()
resend = stack.resend()


def respond(call: Call) -> Answer:
    call.require(Scope.START)
    channel = read_resend(call)
    record = resend(call.client, call.verification_id, channel, call.remaining)
    return Answer(200, show(record, clock()))


asked_for = stack.handler("resend", {"POST /v1/verifications/{id}/resend": respond}, direct=respond)
queued = make_queue_handler(read_look(stack.look_after()), LOOK_ROOM, stack.telemetry)
stack.prove()


def handler(event: Any, context: LambdaContext) -> Any:
    return queued(event, context) if is_batch(event, context) else asked_for(event, context)
