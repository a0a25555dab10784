"""What a whole flow leaves in the logs: what happened, and nothing secret."""

import re
import time
from urllib.parse import quote

import pytest
import requests

from tests.e2e.dialects import enrolled, messagebird, messente, verigator
from tests.e2e.leaks import keys, leaks, logged, metrics, numbers, search
from tests.e2e.talking import a_number, code_in, start, wrong
from tests.e2e.vendors import Vendors, a_number_in
from tests.local.deploy import api_url
from tests.local.stack import Credentials, Stack


def test_a_whole_flow_leaves_no_code_no_key_and_no_destination(stack: Stack) -> None:
    phone, mail = a_number(), f"ann.{a_number()[1:]}@example.org"
    secrets = {phone[1:], mail, stack.client_secret, "192.0.2.77", "Curious Browser"}
    for to in (phone, mail):
        started = start(stack, to, ip="192.0.2.77", user_agent="Curious Browser", reference="r-77")
        sent = stack.texts_to(to) if to == phone else [m["BodyText"] for m in stack.mails_to(to)]
        code = code_in(sent[0])
        secrets |= {code, wrong(code)}
        path = f"/v1/verifications/{started['id']}"
        for typed in (wrong(code), code, code):
            stack.call("POST", f"{path}/verify", {"code": typed, "to": to})
        stack.call("GET", path)
        stack.call("GET", f"/v1/verifications?to={to.replace('+', '%2B')}")
        stack.call("POST", f"{path}/resend", {})
        stack.call("DELETE", path)
        stack.call("POST", "/v1/verifications", {"to": to, "no such": mail, "code_length": 99})
    records = search(stack, secrets | set(keys(stack)))
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
    records = search(stack, {*digits, *macs, *codes, *keys(stack)})
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
    (pin,) = re.findall(r"\d+", stack.texts_to(to)[-1])
    said = [
        messente(stack, client, "pin", verification_id=first, pin=guess, **device)
        for guess in (wrong(pin), "not a pin", pin)
    ]
    assert said == ["INVALID", "INVALID", "VERIFIED"]
    assert messente(stack, client, "start", to=to, **device) == "VERIFIED"
    messente(stack, Credentials(client.client_id, "a-wrong-secret"), "start", to=to)
    messente(stack, client, "start", to=to, template="no place for a code", max_tries="99")

    key, member = client.access_key(), a_number()
    made = messagebird(stack, key, "POST", "/verify", {"recipient": member, "maxAttempts": 3})
    (token,) = re.findall(r"\d+", stack.texts_to(member)[-1])
    path = f"/verify/{made.body['id']}"
    statuses = [
        messagebird(stack, key, "GET", path, {"token": guess}).status
        for guess in ("", "not a token", wrong(token), token)
    ]
    assert statuses == [422, 422, 422, 200]
    messagebird(stack, key, "GET", f"/messages/{made.body['id']}")
    messagebird(stack, client.access_key("test"), "POST", "/verify", {"recipient": member})

    owner = a_number()
    user, app = enrolled(stack, client, owner)
    verigator(stack, client, "POST", f"{user}/auth", {"method": "sms"})
    sent, shown = code_in(stack.texts_to(owner)[-1]), app.at(int(time.time()) + app.interval)
    judged = [
        verigator(stack, client, "PUT", f"{user}/auth", {"token": guess}).body["verified"]
        for guess in (wrong(sent), "letters", sent)
    ]
    assert verigator(stack, client, "POST", f"{user}/auth", {"method": "totp"}).status == 200
    judged += [
        verigator(stack, client, "PUT", f"{user}/auth", {"token": guess}).body["verified"]
        for guess in (wrong(shown), shown)
    ]
    assert judged == [False, False, True, False, True]

    codes = {code for right in (pin, token, sent, shown) for code in (right, wrong(right))}
    guesses = {"not a pin", "not a token", "letters", "a-wrong-secret", "no place for a code"}
    known = {client.client_secret, app.secret, cookie, "8.8.4.4", "Curious Browser"}
    whose = {number[1:] for number in (to, member, owner)}
    records = search(stack, codes | guesses | known | whose | set(keys(stack)))
    operations = {record.get("operation") for record in records}
    assert operations >= {"messente", "messagebird", "verigator"}


# --------------------------------------------------------------------- the search sees what it must

CODE, KEY, NUMBER, MAIL = "48151623", "Zm9vYmFy-not-a-real_secret", "31698765432", "ann@example.net"
PLANTED = [
    '{"message": "verified", "code": "%s"}',
    '{"message": "verified", "code": %s}',
    '{"message": "Your code is:\\n%s"}',
    '{"event": "{\\"body\\": \\"a\\\\n%s\\"}"}',
    "GET /verify/pin?cookie=1&pin=%s",
    "GET /verify?to%%3D1%%26token%%3D%s",
    "invalid literal for int(): '%s'",
    "%s",
]
HARMLESS = [
    "START RequestId: 9931477a-1234-1234-1234-123456781234 Version: $LATEST",
    "REPORT RequestId: 9931477a-1234-1234-1234-123456781234\tDuration: 1234 ms\t"
    "Billed Duration: 1234 ms\tMemory Size: 1024 MB\tMax Memory Used: 1024 MB",
    '{"timestamp":"2026-11-22 11:53:36,032+0000"}',
    '{"xray_trace_id":"1-12345678-762716c6f9eda82a7cd0e657"}',
    '{"message_id":"a4o4nemvwqsjkegmwyo3als6oey-1-1795348496427"}',
    '{"_aws":{"Timestamp":1795348498002,"CloudWatchMetrics":[]},"Started":[1.0]}',
    '{"message":"long_validity","validity":1800}',
    '{"where":["app.py:1234 respond"],"destination":"+316*****432"}',
]


@pytest.mark.parametrize("line", PLANTED)
@pytest.mark.parametrize("secret", [CODE, "4815", KEY, NUMBER, MAIL])
def test_a_secret_in_a_line_is_seen(line: str, secret: str) -> None:
    for spelled in (secret, quote(secret)):
        told = line % spelled
        assert leaks([*HARMLESS, told], {secret, "another"}) == {secret: told}
    assert bool(numbers([line % secret])) == secret.isdigit()


@pytest.mark.parametrize("secret", [KEY, NUMBER, MAIL])
def test_a_long_secret_is_seen_amid_letters(secret: str) -> None:
    line = f"V{secret}x"
    assert leaks([*HARMLESS, line], {secret}) == {secret: line}


def test_ids_and_times_are_no_codes() -> None:
    assert numbers(HARMLESS) == leaks(HARMLESS, {"1234", "1024", "1800", "2026", "12345678"}) == {}


def test_a_secret_in_any_log_is_found_however_much_else_there_is(stack: Stack) -> None:
    client, now = stack.aws("logs"), time.time_ns() // 10**6
    where = {"logGroupName": "a-log-of-anybody's", "logStreamName": "1"}
    client.create_log_group(logGroupName=where["logGroupName"])
    try:
        client.create_log_stream(**where)
        for first in range(0, 12_000, 4_000):
            events = [
                {"timestamp": now - 12_000 + n, "message": f"n{n}"}
                for n in range(first, first + 4_000)
            ]
            client.put_log_events(**where, logEvents=events)
        last = {"timestamp": now, "message": f"the key is {KEY}"}
        client.put_log_events(**where, logEvents=[last])
        assert leaks(logged(stack), {KEY}).keys() == {KEY}
    finally:
        client.delete_log_group(logGroupName=where["logGroupName"])
    assert leaks(logged(stack), {KEY}) == {}
