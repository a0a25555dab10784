"""Delete a verification: DELETE /v1/verifications/{id}, or a direct invoke."""

from verification.api.events import Answer, Call
from verification.domain.policy import Scope
from verification.wiring import Stack

stack = Stack()
delete = stack.delete()


def respond(call: Call) -> Answer:
    call.require(Scope.DELETE)
    delete(call.client.id, call.verification_id, call.remaining)
    return Answer(204)


handler = stack.handler("delete", {"DELETE /v1/verifications/{id}": respond}, direct=respond)
stack.prove()
