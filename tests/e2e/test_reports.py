"""Delivery reports, by every way they come: what they change, and what they never do."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.e2e.talking import a_number, code_in, start
from tests.e2e.test_queue import eventually
from tests.e2e.vendors import Taken, Vendors, a_number_in
from tests.local import ROOT
from tests.local.deploy import api_url
from tests.local.stack import Stack

OK = (200, {"status": "ok"})

type Post = Callable[[Stack, Vendors, Taken, bool], tuple[int, Any]]
"""Reports on a message as its vendor does: whether it was delivered."""


def answer_of(answer: requests.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()


def address_of(stack: Stack, message: Taken) -> str:
    """The report address that the vendor was given, as this machine serves it."""
    assert message.report_url, message
    assert message.report_url.startswith("https://")
    return api_url(stack.endpoint_url, message.report_url)


def by_messente(stack: Stack, vendors: Vendors, message: Taken, delivered: bool) -> Any:
    body = vendors.messente.report(message, *(("DELIVRD",) if delivered else ("UNDELIV", 1)))
    return answer_of(requests.post(address_of(stack, message), data=body, timeout=30))


def by_messagebird(stack: Stack, vendors: Vendors, message: Taken, delivered: bool) -> Any:
    query = {
        "id": message.id,
        "reference": "whatever",
        "recipient": message.to,
        "status": "delivered" if delivered else "delivery_failed",
        "statusDatetime": "2026-11-22T12:00:03+00:00",
    }
    return answer_of(requests.get(address_of(stack, message), params=query, timeout=30))


def by_webhook(stack: Stack, vendors: Vendors, message: Taken, delivered: bool) -> Any:
    body = {"status": "delivered" if delivered else "undelivered"}
    return answer_of(requests.post(address_of(stack, message), json=body, timeout=30))


REPORTERS: dict[str, tuple[str, Post]] = {
    "messente": ("EE", by_messente),
    "messagebird": ("LT", by_messagebird),
    "webhook": ("SE", by_webhook),
}

each_reporter = pytest.mark.parametrize("reporter", REPORTERS)


def look_up(stack: Stack, verification_id: str) -> dict[str, Any]:
    seen: dict[str, Any] = stack.call("GET", f"/v1/verifications/{verification_id}").body
    return seen


def delivery_of(stack: Stack, verification_id: str) -> tuple[str, str | None]:
    """As the verification says it, and its only send."""
    seen = look_up(stack, verification_id)
    (send,) = seen["sends"]
    return seen["delivery"], send["delivery"]


def started_by(stack: Stack, vendors: Vendors, reporter: str) -> tuple[str, Taken]:
    """A verification, and its message as the vendor took it."""
    to = a_number_in(REPORTERS[reporter][0])
    verification_id = start(stack, to)["id"]
    (message,) = getattr(vendors, reporter).messages_to(to)
    assert delivery_of(stack, verification_id) == ("accepted", None)
    return verification_id, message


@pytest.fixture(scope="module", autouse=True)
def _first_providers_first(stack: Stack) -> None:
    stack.end_processes(stack.functions["start"])  # which may have seen them fail


@each_reporter
def test_what_was_delivered_stays_so(stack: Stack, vendors: Vendors, reporter: str) -> None:
    verification_id, message = started_by(stack, vendors, reporter)
    post = REPORTERS[reporter][1]
    for delivered in (True, True, False):  # it repeats itself, and an old failure comes late
        assert post(stack, vendors, message, delivered) == OK
        assert delivery_of(stack, verification_id) == ("delivered", "delivered")


@each_reporter
def test_what_failed_may_be_delivered_after_all(
    stack: Stack, vendors: Vendors, reporter: str
) -> None:
    verification_id, message = started_by(stack, vendors, reporter)
    post = REPORTERS[reporter][1]
    assert post(stack, vendors, message, False) == OK
    assert delivery_of(stack, verification_id) == ("undelivered", "undelivered")
    assert post(stack, vendors, message, True) == OK
    assert delivery_of(stack, verification_id) == ("delivered", "delivered")


def test_a_late_failure_does_not_undo_a_success(stack: Stack, vendors: Vendors) -> None:
    verification_id, message = started_by(stack, vendors, "messente")
    path = f"/v1/verifications/{verification_id}/verify"
    assert stack.call("POST", path, {"code": code_in(message.text)}).body["valid"] is True
    assert by_messente(stack, vendors, message, False) == OK
    assert look_up(stack, verification_id)["status"] == "verified"
    assert look_up(stack, verification_id)["delivery"] == "accepted"


def test_whatever_comes_gets_one_answer_and_changes_nothing(stack: Stack, vendors: Vendors) -> None:
    verification_id, message = started_by(stack, vendors, "messente")
    address = address_of(stack, message)
    base, _, token = address.rpartition("/")
    good = vendors.messente.report(message, "DELIVRD")
    made_up = token[:-26] + ("a" * 26 if not token.endswith("a") else "b" * 26)
    addresses = {
        "a token with another MAC": f"{base}/{made_up}",
        "a token of another send": f"{base}/{token.replace('-1-', '-2-')}",
        "no token": f"{base}/x",
        "the token of one vendor, from another": address.replace("/messente/", "/webhook/"),
        "an unknown vendor": address.replace("/messente/", "/nobody/"),
        "a verifier's": address.replace("/messente/", "/messente-verify/"),
    }
    for name, url in addresses.items():
        body = b'{"status": "delivered"}' if "/webhook/" in url else good
        assert answer_of(requests.post(url, data=body, timeout=30)) == OK, name
    bodies = [b"", b"{}", b"[]", b"null", b"\x00\xff", b"<html>", b"{" * 10_000, b"x" * 60_000]
    bodies.append(json.dumps({"status": ["DELIVRD"]}).encode())
    bodies.append(json.dumps({"status": "SOMETHING NEW"}).encode())
    for body in bodies:
        assert answer_of(requests.post(address, data=body, timeout=30)) == OK, body[:50]
    assert answer_of(requests.get(address, params={"status": "DELIVRD"}, timeout=30)) == OK
    assert delivery_of(stack, verification_id) == ("accepted", None)
    assert answer_of(requests.post(address, data=good, timeout=30)) == OK
    assert delivery_of(stack, verification_id) == ("delivered", "delivered")


def sent_by_aws(stack: Stack, vendors: Vendors) -> tuple[str, dict[str, Any]]:
    """A verification, and what events on its message say: that of events/, of this message."""
    to = a_number_in("FI")
    started = start(stack, to)
    assert [send["provider"] for send in started["sends"]] == ["aws-sms"]
    (message,) = vendors.end_user_messaging.messages_to(to)
    sample = json.loads((ROOT / "events/reports-sns.json").read_text())
    said = json.loads(sample["Records"][0]["Sns"]["Message"])
    context = vendors.end_user_messaging.contexts[message.id]
    return started["id"], said | {"messageId": message.id, "context": context}


def test_a_configuration_set_reports_by_the_topic(stack: Stack, vendors: Vendors) -> None:
    verification_id, said = sent_by_aws(stack, vendors)
    text = json.dumps(said | {"messageId": "its-context-says-whose-it-is"})
    stack.aws("sns").publish(TopicArn=stack.reports_topic, Message=text)
    eventually(lambda: delivery_of(stack, verification_id) == ("delivered", "delivered"))


def test_eventbridge_reports_by_the_message_alone(stack: Stack, vendors: Vendors) -> None:
    """By an invocation: nobody but AWS may put events of aws.sms-voice, in the emulator too."""
    verification_id, said = sent_by_aws(stack, vendors)
    event = json.loads((ROOT / "events/reports-eventbridge.json").read_text())
    event["detail"]["messageId"] = said["messageId"]
    assert "context" not in event["detail"]
    answer = stack.aws("lambda").invoke(
        FunctionName=stack.other_functions["reports"], Payload=json.dumps(event)
    )
    assert "FunctionError" not in answer
    assert delivery_of(stack, verification_id) == ("delivered", "delivered")


@pytest.mark.parametrize(
    ("status", "ending", "delivery"),
    [("SUCCESS", "", "delivered"), ("FAILURE", "/Failure", "undelivered")],
)
def test_the_logs_of_sns_report_what_it_sent(
    stack: Stack, status: str, ending: str, delivery: str
) -> None:
    to = a_number()
    verification_id = start(stack, to)["id"]
    inbox = requests.get(stack.sms_inbox_url, params={"phoneNumber": to}, timeout=5).json()
    (message,) = inbox["sms_messages"][to]
    logs, stream = stack.aws("logs"), to[1:]
    group = f"sns/{stack.region}/000000000000/DirectPublishToPhoneNumber{ending}"
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    line = {"notification": {"messageId": message["MessageId"]}, "status": status}
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": time.time_ns() // 10**6, "message": json.dumps(line)}],
    )
    eventually(lambda: delivery_of(stack, verification_id) == (delivery, delivery))
