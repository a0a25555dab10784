"""Verify a code: POST /v1/verifications/{id}/verify, or a direct invoke."""

from verification.api.events import Answer, Call
from verification.api.native.verify import read_verify
from verification.api.native.views import show_verdict
from verification.domain.policy import Scope
from verification.wiring import Stack, clock

stack = Stack()
verify = stack.verify()


def respond(call: Call) -> Answer:
    call.require(Scope.VERIFY)
    verification, verdict = verify(read_verify(call), call.remaining)
    return Answer(200, show_verdict(verification, verdict, clock()))


handler = stack.handler("verify", {"POST /v1/verifications/{id}/verify": respond}, direct=respond)
stack.prove()
