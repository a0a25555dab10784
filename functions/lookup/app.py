"""Look up verifications: GET /v1/verifications[/{id}], or a direct invoke; GET /v1/health."""

from verification.api.events import Answer, Call
from verification.api.native.lookup import read_list, read_lookup
from verification.api.native.views import show
from verification.domain.policy import Scope
from verification.wiring import Stack, clock

stack = Stack()
lookup = stack.lookup()


def one(call: Call) -> Answer:
    call.require(Scope.LOOKUP)
    wanted = read_lookup(call)
    record = lookup.one(call.client.id, call.verification_id)
    shown = show(record, clock(), masked=wanted.masked)
    if wanted.result is not None:
        shown["page"] = {"result": lookup.use(record, wanted.result, call.idempotency_key)}
    return Answer(200, shown)


def several(call: Call) -> Answer:
    call.require(Scope.LOOKUP)
    wanted = read_list(call)
    page = lookup.list(call.client.id, wanted.to, wanted.limit, wanted.cursor)
    shown = [show(record, clock(), masked=wanted.masked) for record in page.records]
    return Answer(200, {"verifications": shown, "cursor": page.cursor})


def direct(call: Call) -> Answer:
    return one(call) if call.verification_id else several(call)


def health() -> Answer:
    return Answer(200, {"status": "ok"})


# What every address takes; the template sends all other methods here, for a 405.
METHODS = {
    "/v1/health": "GET",
    "/v1/verifications": "GET, POST",
    "/v1/verifications/{id}": "GET, DELETE",
    "/v1/verifications/{id}/resend": "POST",
    "/v1/verifications/{id}/verify": "POST",
}

handler = stack.handler(
    "lookup",
    {"GET /v1/verifications/{id}": one, "GET /v1/verifications": several},
    direct=direct,
    open_routes={"GET /v1/health": health},
    methods=METHODS,
)
stack.prove()
