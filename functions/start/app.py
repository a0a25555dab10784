"""Start a verification: POST /v1/verifications, or a direct invoke."""

from verification.api.events import Answer, Call
from verification.api.native.start import read_start
from verification.api.native.views import show
from verification.domain.policy import Scope
from verification.wiring import Stack, clock

stack = Stack()
start = stack.start()


def respond(call: Call) -> Answer:
    call.require(Scope.START)
    started = start(read_start(call), call.remaining)
    headers = {"Idempotent-Replayed": "true"} if started.replayed else {}
    return Answer(201, show(started.record, clock()), headers)


handler = stack.handler("start", {"POST /v1/verifications": respond}, direct=respond)
stack.prove()
