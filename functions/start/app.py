"""Start a verification: POST /v1/verifications, or a direct invoke."""

from verification.api.events import Answer, Call
from verification.api.native.start import read_start
from verification.api.native.views import show_started
from verification.domain.policy import Scope
from verification.wiring import Stack, clock

stack = Stack()
start = stack.start()
public_url = stack.public_url


def respond(call: Call) -> Answer:
    call.require(Scope.START)
    url = public_url or call.url
    started = start(read_start(call, url), call.remaining)
    headers = {"Idempotent-Replayed": "true"} if started.replayed else {}
    return Answer(201, show_started(started, clock(), url), headers)


handler = stack.handler("start", {"POST /v1/verifications": respond}, direct=respond)
stack.prove()
