"""The frame of every function: who calls, what is answered, and nothing ever raised."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..errors import InternalError, InvalidRequest, MethodNotAllowed, ServiceError
from ..operations.ports import Remaining
from ..telemetry import Telemetry
from .events import Answer, Call, Clients, LambdaContext, is_http, read_direct, route_of
from .native.http import problem

type Respond = Callable[[Call], Answer]

_HEADERS = {"Cache-Control": "no-store"}
_JSON, _TEXT = "application/json", "text/plain; charset=utf-8"


class Api(Protocol):
    """How one API speaks HTTP: the native one, or one of the vendors'."""

    def read(self, event: Mapping[str, Any], remaining: Remaining, clients: Clients) -> Call:
        """Read a request, credentials first.

        Raises:
            ServiceError: it is refused.
        """
        ...

    def refuse(self, error: ServiceError, request_id: str) -> Answer:
        """An error as this API's callers know it."""
        ...


class Handler:
    """A Lambda handler for API Gateway and direct invokes.

    Args:
        operation: its name in the logs.
        api: how requests and errors look over HTTP.
        routes: what answers each `METHOD /resource` of API Gateway.
        direct: what answers direct invokes; None where there are none.
        clients: who may call.
        open_routes: what answers without credentials.
        methods: for each resource the methods it takes, for the answer to the others.
    """

    def __init__(
        self,
        operation: str,
        api: Api,
        routes: Mapping[str, Respond],
        direct: Respond | None,
        clients: Clients,
        telemetry: Telemetry,
        open_routes: Mapping[str, Callable[[], Answer]] | None = None,
        methods: Mapping[str, str] | None = None,
    ) -> None:
        self._operation = operation
        self._api = api
        self._routes = routes
        self._direct = direct
        self._clients = clients
        self._telemetry = telemetry
        self._open_routes = open_routes or {}
        self._methods = methods or {}

    def __call__(self, event: Any, context: LambdaContext) -> Any:
        self._telemetry.begin(context.aws_request_id)
        refuse, client_id, code = self._api.refuse if is_http(event) else problem, "", "ok"
        try:
            if is_http(event) and route_of(event) in self._open_routes:
                answer = self._open_routes[route_of(event)]()
            else:
                respond, call = self._read(event, context)
                client_id = call.client.id
                answer = respond(call)
        except ServiceError as error:
            code, answer = error.code, refuse(error, context.aws_request_id)
            if error.limit:
                self._telemetry.limited(error.limit)
        except Exception as crash:  # the last line of defence: API Gateway would show its words
            self._telemetry.crashed("request_crashed", crash)
            code = InternalError.code
            answer = refuse(InternalError(), context.aws_request_id)
        self._telemetry.answered(self._operation, client_id, answer.status, code)
        return over_http(answer) if is_http(event) else _directly(answer)

    def _read(self, event: Any, context: LambdaContext) -> tuple[Respond, Call]:
        if not is_http(event):
            if self._direct is None:
                raise InvalidRequest("This function takes no direct invokes.")
            return self._direct, read_direct(event, context, self._clients)
        respond = self._routes.get(route_of(event))
        if respond is None:
            raise MethodNotAllowed(allow=self._methods.get(event["resource"], ""))
        return respond, self._api.read(event, context.get_remaining_time_in_millis, self._clients)


def over_http(answer: Answer) -> dict[str, Any]:
    """An answer as API Gateway takes it."""
    body, kind = answer.body, _JSON
    if isinstance(body, str):
        kind = _TEXT
    else:
        body = "" if body is None else json.dumps(body)
    return {
        "statusCode": answer.status,
        "headers": {"Content-Type": kind, **_HEADERS, **answer.headers},
        "body": body,
        "isBase64Encoded": False,
    }


def _directly(answer: Answer) -> Any:
    """Plain JSON; errors under a key of their own, so that no answer can be mistaken for one."""
    return {"error": answer.body} if answer.status >= 400 else answer.body or {}
