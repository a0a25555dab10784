"""POST /v1/verifications/{id}/verify: compare a guess with the stored hash, and count it."""

import hmac
import time
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field
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

app = make_app()


class VerifyRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(pattern=r"^[0-9]{4,16}$")


class VerifyResponse(BaseModel):
    id: str
    valid: bool
    status: str
    reason: str | None
    attempts: int
    attempts_left: int
    channel: Literal["sms"] = "sms"
    reference: str | None
    purpose: str | None


@app.post("/v1/verifications/<verification_id>/verify")
@tracer.capture_method(capture_response=False)
def verify(
    verification_id: Annotated[str, Path()], request: Annotated[VerifyRequest, Body()]
) -> VerifyResponse:
    client_id = authenticate(app)
    item = verifications.get_item(Key={"id": verification_id}, ConsistentRead=True).get("Item")
    if not item or item["client_id"] != client_id:
        raise Refused(404, "verification_not_found", "There is no such verification")
    if item["status"] == "verified":
        return judge(item, "already_verified")
    if item["attempts"] >= item["max_attempts"]:
        return judge(item, "exhausted")
    if item["valid_until"] <= time.time() * 1000:
        item["status"] = "expired"
        return judge(item, "expired")
    valid = hmac.compare_digest(item["code_hash"], hash_code(verification_id, request.code))
    last = item["attempts"] + 1 >= item["max_attempts"]
    status = "verified" if valid else "failed" if last else "pending"
    try:
        item = verifications.update_item(
            Key={"id": verification_id},
            UpdateExpression="SET #status = :status ADD attempts :one",
            ConditionExpression=Attr("status").eq("pending")
            & Attr("attempts").lt(item["max_attempts"]),
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": status, ":one": 1},
            ReturnValues="ALL_NEW",
        )["Attributes"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        raise Refused(503, "temporarily_unavailable", "Try again in a moment") from error
    metrics.add_metric(name="Verified" if valid else "Failed", unit=MetricUnit.Count, value=1)
    logger.info("verification judged", verification_id=verification_id, valid=valid)
    return judge(item, None if valid else "incorrect")


def judge(item: dict[str, Any], reason: str | None) -> VerifyResponse:
    attempts, most = int(item["attempts"]), int(item["max_attempts"])
    return VerifyResponse(
        id=item["id"],
        valid=reason is None,
        status=item["status"],
        reason=reason,
        attempts=attempts,
        attempts_left=most - attempts,
        reference=item.get("reference"),
        purpose=item.get("purpose"),
    )


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
