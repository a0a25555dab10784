"""What both functions use: credentials, tables, errors, and the tools of Powertools."""

import hashlib
import hmac
import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

logger = Logger()
tracer = Tracer()
metrics = Metrics()

dynamodb = boto3.resource("dynamodb")
clients: Any = dynamodb.Table(os.environ["CLIENTS_TABLE"])
verifications: Any = dynamodb.Table(os.environ["VERIFICATIONS_TABLE"])

NO_HASH = "0" * 64


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, title: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.title = title


def make_app() -> APIGatewayRestResolver:
    """A resolver that validates, and answers errors as RFC 9457 has them."""
    app = APIGatewayRestResolver(enable_validation=True)

    @app.exception_handler(RequestValidationError)
    def invalid(error: RequestValidationError) -> Response[Any]:
        refused = Refused(422, "invalid_fields", "Some fields are not valid")
        faults = [
            {"field": ".".join(str(part) for part in fault["loc"][1:]), "message": fault["msg"]}
            for fault in error.errors()
        ]
        return problem(app, refused, errors=faults)

    @app.exception_handler(Refused)
    def refuse(error: Refused) -> Response[Any]:
        return problem(app, error)

    return app


def problem(app: APIGatewayRestResolver, error: Refused, **more: Any) -> Response[Any]:
    headers = {"Cache-Control": "no-store"}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        error.status,
        "application/problem+json",
        json.dumps(
            {
                "type": f"urn:serverless-verify:{error.code}",
                "title": error.title,
                "status": error.status,
                "code": error.code,
                "request_id": app.lambda_context.aws_request_id,
                **more,
            }
        ),
        headers,
    )


@tracer.capture_method(capture_response=False)
def authenticate(app: APIGatewayRestResolver) -> str:
    """The id of the client whose credentials came: `Bearer <id>.<secret>`."""
    scheme, _, credentials = app.current_event.headers.get("Authorization", "").partition(" ")
    client_id, _, secret = credentials.partition(".")
    if scheme.lower() == "bearer" and client_id and secret:
        stored = clients.get_item(Key={"id": client_id}).get("Item", {}).get("secret_hash", NO_HASH)
        if hmac.compare_digest(stored, hashlib.sha256(secret.encode()).hexdigest()):
            return client_id
    raise Refused(401, "unauthorized", "Valid credentials are needed")


def hash_code(verification_id: str, code: str) -> str:
    return hashlib.sha256(f"{verification_id}:{code}".encode()).hexdigest()
