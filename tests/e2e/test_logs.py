"""What a whole flow leaves in the logs: what happened, and nothing secret."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import requests

from tests.e2e.dialects import messagebird, messente, verigator
from tests.e2e.talking import a_number, code_in, start, wrong
from tests.e2e.vendors import PASSWORD, WEBHOOK_SECRET, Vendors, a_number_in
from tests.local.deploy import api_url
from tests.local.stack import Credentials, Stack


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
    records = search(stack, secret_words | set(keys(stack)), codes)
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


def test_providers_that_fail_and_report_leave_nothing_secret_either(
    stack: Stack, vendors: Vendors
) -> None:
    stack.end_processes(stack.functions["start"])  # so that the first provider is the first
    numbers = {place: a_number_in(place) for place in ("EE", "LT", "LV", "SE")}
    vendors.messente.password = "another"
    for to in numbers.values():
        start(stack, to)
    took = {
        "EE": vendors.messagebird,
        "LT": vendors.messagebird,
        "LV": vendors.messente_verify,
        "SE": vendors.webhook,
    }
    messages = {place: took[place].messages_to(to)[0] for place, to in numbers.items()}
    codes = {code_in(message.text) for message in messages.values()}
    macs = set()
    for place in ("EE", "SE"):
        url = api_url(stack.endpoint_url, messages[place].report_url or "")
        macs.add(url[-26:])
        requests.post(url, params={"status": "delivered"}, json={"status": "delivered"}, timeout=30)
    with vendors.messente_verify.down():
        listed = stack.call("GET", f"/v1/verifications?to={numbers['LV']}").body["verifications"]
        path = f"/v1/verifications/{listed[0]['id']}/verify"
        code = code_in(messages["LV"].text)
        assert stack.call("POST", path, {"code": code}).status == 502

    digits = {to[1:] for to in numbers.values()}
    records = search(stack, {*digits, *macs, PASSWORD, WEBHOOK_SECRET, *keys(stack)}, codes)
    told = {record["message"] for record in records if "message" in record}
    assert told >= {"provider_refused", "delivery_reported", "verifier_failed"}
    assert metrics(records) >= {
        ("ProviderRefused", "service"),
        ("Delivered", "provider", "service"),
        ("VerifierFailed", "provider", "service"),
    }


def test_vendors_apis_with_secrets_in_their_urls_leave_none(stack: Stack) -> None:
    client, to, cookie = stack.client("logs"), a_number(), "c0ffee-c0ffee-c0ffee"
    device = {"cookie": cookie, "ip": "8.8.4.4", "browser": "Curious Browser"}

    _, first = messente(stack, client, "start", to=to, **device).split()
    (right,) = re.findall(r"\d+", stack.texts_to(to)[-1])
    for pin in (wrong(right), right):
        messente(stack, client, "pin", verification_id=first, pin=pin, **device)
    assert messente(stack, client, "start", to=to, **device) == "VERIFIED"
    messente(stack, Credentials(client.client_id, "a-wrong-secret"), "start", to=to)
    messente(stack, client, "start", to=to, template="no place for a code", max_tries="99")

    made = messagebird(stack, client.access_key(), "POST", "/verify", {"recipient": to}).body
    (token,) = re.findall(r"\d+", stack.texts_to(to)[-1])
    for guess in ("", "not a token", wrong(token)):
        messagebird(stack, client.access_key(), "GET", f"/verify/{made['id']}", {"token": guess})
    messagebird(stack, client.access_key(), "GET", f"/messages/{made['id']}")
    messagebird(stack, client.access_key("test"), "POST", "/verify", {"recipient": to})

    service = verigator(stack, client, "POST", "", {"fqdn": "logs.example", "name": "Shop"}).body
    users, member = f"/{service['id']}/users", {"id_in_service": "ann", "phone_number": to}
    user = verigator(stack, client, "POST", users, member).body["id"]
    verigator(stack, client, "POST", f"{users}/{user}/auth", {"method": "sms"})
    pin = code_in(stack.texts_to(to)[-1])
    for guess in (wrong(pin), pin, "letters"):
        verigator(stack, client, "PUT", f"{users}/{user}/auth", {"token": guess})
    path = f"/v1/services/{service['id']}/users/{user}/totp"
    enrolled = stack.call("POST", path, by=client).body
    seed = parse_qs(urlsplit(enrolled["otpauth_url"]).query)["secret"][0]
    totp = pyotp.TOTP(seed).now()
    assert stack.call("POST", f"{path}/confirm", {"code": totp}, by=client).status == 200

    words = {to[1:], client.client_secret, "a-wrong-secret", cookie, seed, "Curious Browser"}
    records = search(stack, words | set(keys(stack)), {right, token, pin, totp})
    operations = {record.get("operation") for record in records}
    assert operations >= {"messente", "messagebird", "verigator"}


def keys(stack: Stack) -> Iterator[str]:
    """The keys of the stack's own."""
    client = stack.aws("secretsmanager")
    for secret in client.list_secrets()["SecretList"]:
        if secret["ARN"] != stack.providers_secret:
            text = client.get_secret_value(SecretId=secret["ARN"])["SecretString"]
            yield from (value for value in json.loads(text).values() if len(value) > 1)


def search(stack: Stack, words: set[str], codes: set[str]) -> list[dict[str, Any]]:
    """Look for secrets in all logs.

    Args:
        words: that may be nowhere.
        codes: that may not stand by themselves; as a part of an id they mean nothing.

    Returns:
        The lines of ours.
    """
    lines = list(logged(stack))
    text = "\n".join(lines)
    for word in words:
        assert word not in text
    for code in codes:
        assert not re.search(rf"(?<![0-9A-Za-z]){code}(?![0-9A-Za-z])", text)
    print(f"searched {len(lines)} log lines for {len(words) + len(codes)} secrets: none")
    return [json.loads(line) for line in lines if line.startswith("{")]


def logged(stack: Stack) -> Iterator[str]:
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
