"""Signs up users: a phone number is theirs when they have typed back the code that went there.

POST /signups       {"phone": "+447700900123", "over": "lambda"}  201 {"id": …}
POST /signups/{id}  {"code": "123456", "over": "lambda"}          200 {"phone_verified": true}

`over` is the way to Serverless Verify, `lambda` or `https`; a program of yours has one of them.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

import boto3
from verification_client import VerificationClient, VerificationError
from verification_client.errors import InvalidFields, NotFound, TooMany

PURPOSE = "signup"

_secret = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["VERIFY_SECRET"])
_client_id = os.environ["VERIFY_CLIENT"]
WAYS = {
    "lambda": VerificationClient.over_lambda(os.environ["VERIFY_STACK"], _client_id),
    "https": VerificationClient.over_https(
        os.environ["VERIFY_URL"], _client_id, json.loads(_secret["SecretString"])["client_secret"]
    ),
}
users = boto3.resource("dynamodb").Table(os.environ["USERS_TABLE"])


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Begin or finish a signup."""
    try:
        fields = json.loads(event["body"])
        way = WAYS[fields.get("over", "lambda")]
        if event["resource"] == "/signups":
            return begin(way, str(fields["phone"]), event["requestContext"]["identity"]["sourceIp"])
        return finish(way, event["pathParameters"]["id"], str(fields["code"]))
    except VerificationError as error:
        return sorry(error)
    except (AttributeError, KeyError, TypeError, ValueError):
        return answer(400, {"error": "not understood"})


def begin(way: VerificationClient, phone: str, ip: str) -> dict[str, Any]:
    """Send a code, and remember whose it is."""
    started = way.start(phone, channel="sms", purpose=PURPOSE, ip=ip)
    users.put_item(Item={"id": started.id, "phone": started.to, "verified": False})
    return answer(201, {"id": started.id})


def finish(way: VerificationClient, signup_id: str, code: str) -> dict[str, Any]:
    """Only `valid` says that the number is theirs."""
    verdict = way.verify(signup_id, code, purpose=PURPOSE)
    if not verdict.valid:
        return answer(422, {"error": verdict.reason, "attempts_left": verdict.attempts_left})
    users.update_item(
        Key={"id": signup_id},
        UpdateExpression="SET verified = :true",
        ConditionExpression="attribute_exists(id)",
        ExpressionAttributeValues={":true": True},
    )
    return answer(200, {"phone_verified": True})


def sorry(error: VerificationError) -> dict[str, Any]:
    """What a user is told; the rest is for the log."""
    print(json.dumps({"message": "verify_failed", "code": error.code, "request": error.request_id}))
    if isinstance(error, InvalidFields | NotFound):
        return answer(422, {"error": "check what you typed"})
    if isinstance(error, TooMany):
        return answer(429, {"error": "later", "seconds": error.retry_after})
    return answer(503, {"error": "in a moment"})


def answer(status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    """As API Gateway wants it."""
    return {"statusCode": status, "body": json.dumps(body)}
