"""The frame of every function: who calls, what is answered, and nothing ever raised."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import InternalError, MethodNotAllowed, ServiceError
from ..telemetry import Telemetry
from .events import Answer, Call, Clients, LambdaContext, is_http, read_direct, read_http, route_of

type Respond = Callable[[Call], Answer]

_HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}


class Handler:
    """A Lambda handler for API Gateway and direct invokes.

    Args:
        operation: its name in the logs.
        routes: what answers each `METHOD /resource` of API Gateway.
        direct: what answers direct invokes.
        clients: who may call.
        open_routes: what answers without credentials.
        methods: for each resource the methods it takes, for the answer to the others.
    """

    def __init__(
        self,
        operation: str,
        routes: Mapping[str, Respond],
        direct: Respond,
        clients: Clients,
        telemetry: Telemetry,
        open_routes: Mapping[str, Callable[[], Answer]] | None = None,
        methods: Mapping[str, str] | None = None,
    ) -> None:
        self._operation = operation
        self._routes = routes
        self._direct = direct
        self._clients = clients
        self._telemetry = telemetry
        self._open_routes = open_routes or {}
        self._methods = methods or {}

    def __call__(self, event: Any, context: LambdaContext) -> Any:
        self._telemetry.begin(context.aws_request_id)
        client_id = ""
        try:
            if is_http(event) and route_of(event) in self._open_routes:
                answer = self._open_routes[route_of(event)]()
            else:
                respond, call = self._read(event, context)
                client_id = call.client.id
                answer = respond(call)
        except ServiceError as error:
            answer = problem(error, context.aws_request_id)
        except Exception as error:  # the last line of defence: API Gateway would show its words
            self._telemetry.crashed("request_crashed", error)
            answer = problem(InternalError(), context.aws_request_id)
        code = str((answer.body or {}).get("code", "ok")) if answer.status >= 400 else "ok"
        self._telemetry.answered(self._operation, client_id, answer.status, code)
        return over_http(answer) if is_http(event) else _direct(answer)

    def _read(self, event: Any, context: LambdaContext) -> tuple[Respond, Call]:
        if not is_http(event):
            return self._direct, read_direct(event, context, self._clients)
        respond = self._routes.get(route_of(event))
        if respond is None:
            raise MethodNotAllowed(allow=self._methods.get(event["resource"], ""))
        return respond, read_http(event, context.get_remaining_time_in_millis, self._clients)


def problem(error: ServiceError, request_id: str) -> Answer:
    """An error as `application/problem+json` (RFC 9457), with our stable `code`."""
    body: dict[str, Any] = {
        "type": f"urn:serverless-verify:{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "request_id": request_id,
    }
    if error.detail:
        body["detail"] = error.detail
    if error.faults:
        body["errors"] = [{"field": f.field, "message": f.message} for f in error.faults]
    if error.verification_id:
        body["verification_id"] = error.verification_id
    headers = {"Content-Type": "application/problem+json"}
    if error.retry_after is not None:
        body["retry_after"] = error.retry_after
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 §11.6.1
    if error.allow is not None:
        headers["Allow"] = error.allow  # RFC 9110 §15.5.6
    return Answer(error.status, body, headers)


def over_http(answer: Answer) -> dict[str, Any]:
    """An answer as API Gateway takes it."""
    return {
        "statusCode": answer.status,
        "headers": {**_HEADERS, **answer.headers},
        "body": "" if answer.body is None else json.dumps(answer.body),
        "isBase64Encoded": False,
    }


def _direct(answer: Answer) -> Any:
    """Plain JSON; errors under a key of their own, so that no answer can be mistaken for one."""
    return {"error": answer.body} if answer.status >= 400 else answer.body or {}
