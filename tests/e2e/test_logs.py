"""What a whole flow leaves in the logs: what happened, and nothing secret."""

import json
import re
from typing import Any

from tests.e2e.talking import a_number, code_in, start, wrong
from tests.local.stack import Stack


def test_a_whole_flow_leaves_no_code_no_key_and_no_destination(stack: Stack) -> None:
    phone, mail = a_number(), f"ann.{a_number()[1:]}@example.org"
    secret_words = {phone, phone[1:], mail, stack.client_secret, "192.0.2.77", "Curious Browser"}
    codes = set()
    for to in (phone, mail):
        started = start(stack, to, ip="192.0.2.77", user_agent="Curious Browser", reference="r-77")
        sent = stack.texts_to(to) if to == phone else [m["BodyText"] for m in stack.mails_to(to)]
        code = code_in(sent[0])
        codes |= {code, wrong(code)}
        path = f"/v1/verifications/{started['id']}"
        for typed in (wrong(code), code, code):
            stack.call("POST", f"{path}/verify", {"code": typed, "to": to})
        stack.call("GET", path)
        stack.call("GET", f"/v1/verifications?to={to.replace('+', '%2B')}")
        stack.call("POST", f"{path}/resend", {})
        stack.call("DELETE", path)
        stack.call("POST", "/v1/verifications", {"to": to, "no such": mail, "code_length": 99})
    client = stack.aws("secretsmanager")
    for secret in client.list_secrets()["SecretList"]:
        values = json.loads(client.get_secret_value(SecretId=secret["ARN"])["SecretString"])
        secret_words |= {value for value in values.values() if len(value) > 1}

    lines = list(logged(stack))
    text = "\n".join(lines)
    for word in secret_words:
        assert word not in text
    for code in codes:
        assert not re.search(rf"(?<![0-9A-Za-z]){code}(?![0-9A-Za-z])", text)

    records = [json.loads(line) for line in lines if line.startswith("{")]
    messages = {record["message"] for record in records if "message" in record}
    assert messages >= {
        "verification_started",
        "verification_sent",
        "verification_judged",
        "verification_canceled",
        "request_answered",
    }
    assert "request_crashed" not in messages
    told = [record for record in records if record.get("message") == "verification_started"]
    assert {f"{phone[:4]}*****{phone[-3:]}", "a***@example.org"} <= {
        record["destination"] for record in told
    }
    assert all(record["correlation_id"] for record in told)
    assert metrics(records) >= {
        ("Started", "channel", "country", "service"),
        ("Accepted", "channel", "country", "provider", "service"),
        ("Verified", "channel", "country", "service"),
        ("Failed", "channel", "reason", "service"),
    }
    print(f"searched {len(lines)} log lines for {len(secret_words) + len(codes)} secrets: none")


def logged(stack: Stack) -> Any:
    """Every line of the functions' logs."""
    client = stack.aws("logs")
    for group in client.describe_log_groups()["logGroups"]:
        if "serverless-verify" not in group["logGroupName"]:
            continue
        for page in client.get_paginator("filter_log_events").paginate(
            logGroupName=group["logGroupName"]
        ):
            yield from (event["message"] for event in page["events"])


def metrics(records: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    """Each metric with its dimensions."""
    return {
        (metric["Name"], *sorted(dimensions))
        for record in records
        for directive in record.get("_aws", {}).get("CloudWatchMetrics", [])
        for metric in directive["Metrics"]
        for dimensions in directive["Dimensions"]
    }
