"""Messente Number Verification: GET or POST /verify/start and /verify/pin; DELETE /v1/devices."""

from typing import Any

from verification.api.dialects.messente.http import MessenteApi
from verification.api.dialects.messente.pin import read_pin, show_verdict
from verification.api.dialects.messente.start import read_start, show_started
from verification.api.events import Answer, Call, LambdaContext
from verification.api.native.devices import read_revoke
from verification.domain.policy import Scope
from verification.wiring import Stack

stack = Stack()
start = stack.start_unless_trusted()
verify = stack.verify_and_trust()
devices = stack.trusted_devices()


def respond_start(call: Call) -> Answer:
    call.require(Scope.START)
    return Answer(200, show_started(start(*read_start(call), call.remaining)))


def respond_pin(call: Call) -> Answer:
    call.require(Scope.VERIFY)
    _, verdict = verify(*read_pin(call), call.remaining)
    return Answer(200, show_verdict(verdict))


def revoke(call: Call) -> Answer:
    call.require(Scope.DELETE)
    return Answer(200, {"revoked": devices.revoke(call.client.id, read_revoke(call))})


vendors = stack.handler(
    "messente",
    {
        "GET /verify/start": respond_start,
        "POST /verify/start": respond_start,
        "GET /verify/pin": respond_pin,
        "POST /verify/pin": respond_pin,
    },
    api=MessenteApi(),
)
native = stack.handler("devices", {"DELETE /v1/devices": revoke})
stack.prove()


def handler(event: Any, context: LambdaContext) -> Any:
    is_native = isinstance(event, dict) and event.get("resource") == "/v1/devices"
    return native(event, context) if is_native else vendors(event, context)
