"""POST /v1/verifications: make a code, store its hash, send it."""

import os
import secrets
import time
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import phonenumbers
import requests
from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from boto3.dynamodb.conditions import Attr
from pydantic import BaseModel, ConfigDict, Field, field_validator
from shared import (
    Refused,
    authenticate,
    hash_code,
    logger,
    make_app,
    metrics,
    tracer,
    verifications,
)

MESSENTE_URL = os.environ["MESSENTE_URL"]
MESSENTE_AUTH = (os.environ["MESSENTE_USERNAME"], os.environ["MESSENTE_PASSWORD"])
RETENTION = 24 * 60 * 60  # seconds

app = make_app()


class StartRequest(BaseModel):
    """The fields of ours that a tutorial would have."""

    model_config = ConfigDict(extra="forbid")

    to: str = Field(min_length=1, max_length=320)
    code_length: int = Field(6, ge=4, le=16)
    validity: int = Field(300, ge=30, le=172_800)
    max_attempts: int = Field(5, ge=1, le=10)
    max_sends: int = Field(5, ge=1, le=10)
    locale: str | None = Field(None, max_length=35)
    purpose: str | None = Field(None, min_length=1, max_length=64)
    reference: str | None = Field(None, min_length=1, max_length=128)
    metadata: dict[str, str] = Field(default_factory=dict, max_length=10)

    @field_validator("to")
    @classmethod
    def check_number(cls, to: str) -> str:
        try:
            number = phonenumbers.parse(to)
        except phonenumbers.NumberParseException as error:
            raise ValueError("should be a phone number in E.164") from error
        if not phonenumbers.is_possible_number(number):
            raise ValueError("should be a phone number in E.164")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class Try(BaseModel):
    channel: Literal["sms"] = "sms"
    provider: Literal["messente"] = "messente"
    outcome: str
    at: str


class Send(Try):
    number: int
    delivery: str | None = None
    tries: list[Try]


class StartResponse(BaseModel):
    id: str
    to: str
    channel: Literal["sms"] = "sms"
    status: str
    delivery: str
    country: str | None
    code_length: int
    created_at: str
    valid_until: str
    attempts: int
    max_attempts: int
    max_sends: int
    resend_after: int | None = None
    locale: str | None
    purpose: str | None
    reference: str | None
    metadata: dict[str, str]
    sends: list[Send]


@app.post("/v1/verifications")
@tracer.capture_method(capture_response=False)
def start(request: Annotated[StartRequest, Body()]) -> tuple[StartResponse, int]:
    client_id = authenticate(app)
    verification_id = uuid.uuid4().hex
    code = "".join(secrets.choice("0123456789") for _ in range(request.code_length))
    created_at = time.time_ns() // 1_000_000
    valid_until = created_at + request.validity * 1000
    country = phonenumbers.region_code_for_number(phonenumbers.parse(request.to))
    item: dict[str, Any] = {
        "id": verification_id,
        "client_id": client_id,
        "to": request.to,
        "code_hash": hash_code(verification_id, code),
        "status": "pending",
        "delivery": "queued",
        "country": country,
        "created_at": created_at,
        "valid_until": valid_until,
        "expires_at": valid_until // 1000 + RETENTION,
        "attempts": 0,
        "max_attempts": request.max_attempts,
        "max_sends": request.max_sends,
        "metadata": request.metadata,
    }
    for name in ("locale", "purpose", "reference"):
        if value := getattr(request, name):
            item[name] = value
    verifications.put_item(Item=item, ConditionExpression=Attr("id").not_exists())
    message_id = send(request.to, code, request.validity)
    verifications.update_item(
        Key={"id": verification_id},
        UpdateExpression="SET delivery = :delivery, message_id = :message",
        ExpressionAttributeValues={":delivery": "accepted", ":message": message_id},
    )
    metrics.add_metric(name="Started", unit=MetricUnit.Count, value=1)
    logger.info("verification started", verification_id=verification_id, client_id=client_id)
    taken = Try(outcome="accepted", at=show_time(time.time_ns() // 1_000_000))
    answer = StartResponse(
        id=verification_id,
        to=request.to,
        status="pending",
        delivery="accepted",
        country=country,
        code_length=request.code_length,
        created_at=show_time(created_at),
        valid_until=show_time(valid_until),
        attempts=0,
        max_attempts=request.max_attempts,
        max_sends=request.max_sends,
        locale=request.locale,
        purpose=request.purpose,
        reference=request.reference,
        metadata=request.metadata,
        sends=[Send(**taken.model_dump(), number=1, tries=[taken])],
    )
    return answer, 201


@tracer.capture_method(capture_response=False)
def send(to: str, code: str, validity: int) -> str:
    """Hand the message to Messente; its id."""
    try:
        answer = requests.post(
            f"{MESSENTE_URL}/omnimessage",
            auth=MESSENTE_AUTH,
            json={
                "to": to,
                "messages": [{"channel": "sms", "text": text_of(code, validity), "ttl": validity}],
                "priority": "high",
                "text_store": "nostore",
            },
            timeout=5,
        )
        answer.raise_for_status()
        return str(answer.json()["omnimessage_id"])
    except requests.RequestException as error:
        logger.exception("message not sent")
        raise Refused(502, "delivery_failed", "The message could not be delivered") from error


def text_of(code: str, validity: int) -> str:
    return f"{code} is your Verify code. It is valid for {max(1, validity // 60)} minutes."


def show_time(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
