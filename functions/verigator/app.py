"""Messente Verigator's API, /v1/service/service…; and the native one for its users' apps."""

from typing import Any

from verification.api.dialects.verigator.http import VerigatorApi
from verification.api.dialects.verigator.routes import Verigator
from verification.api.events import LambdaContext, is_http
from verification.api.native.totp import Totp
from verification.wiring import Stack

stack = Stack()

verigator = stack.handler(
    "verigator",
    Verigator(stack.manage_services(), stack.start_auth(), stack.check_auth()).routes,
    api=VerigatorApi(),
)
totp = stack.handler("totp", Totp(stack.enrol()).routes)
stack.prove()


def handler(event: Any, context: LambdaContext) -> Any:
    native = not is_http(event) or event["resource"].startswith("/v1/services/")
    return (totp if native else verigator)(event, context)
