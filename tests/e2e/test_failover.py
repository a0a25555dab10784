"""Providers that fail: the message arrives all the same, once, and the story is told as it was."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.e2e.talking import code_in, operate, start
from tests.e2e.test_queue import eventually, look_at, url_of
from tests.e2e.vendors import Mood, Vendor, Vendors, a_number_in
from tests.local import ROOT
from tests.local.deploy import api_url
from tests.local.stack import Stack


@pytest.fixture
def fresh(stack: Stack) -> None:
    """No process that passes over a provider because it failed in another test."""
    stack.end_processes(stack.functions["start"])


def change_password(vendor: Vendor) -> None:
    vendor.password = "another"


def put_into(mood: Mood) -> Callable[[Vendor], None]:
    def put(vendor: Vendor) -> None:
        vendor.mood = mood

    return put


# How the first provider fails, and what is then known of the message.
FAULTS: dict[str, tuple[Callable[[Vendor], None], str]] = {
    "down": (Vendor.close, "unavailable"),
    "answers 500": (put_into(Mood.FAILING), "unknown"),
    "answers garbage": (put_into(Mood.RAVING), "unknown"),
    "takes no password of ours": (change_password, "rejected"),
    "silent": (put_into(Mood.SILENT), "unknown"),
}


def story(shown: dict[str, Any]) -> list[list[tuple[str, str]]]:
    """Who was asked, and what became of it: for each send of a verification."""
    return [[(t["provider"], t["outcome"]) for t in send["tries"]] for send in shown["sends"]]


def look_now(stack: Stack, verification_id: str) -> None:
    """Have the queue's function look after a verification, now, and wait until it is done."""
    event = json.loads((ROOT / "events/resend-queue.json").read_text())
    event["Records"][0]["body"] = look_at(stack, verification_id)
    answer = stack.aws("lambda").invoke(
        FunctionName=stack.functions["resend"], Payload=json.dumps(event)
    )
    assert json.loads(answer["Payload"].read()) == {"batchItemFailures": []}


def is_right(stack: Stack, verification_id: str, code: str) -> bool:
    answer = stack.call("POST", f"/v1/verifications/{verification_id}/verify", {"code": code})
    return bool(answer.body["valid"])


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("fresh")
def test_when_the_first_fails_the_message_arrives_once_by_the_second(
    stack: Stack, vendors: Vendors, fault: str
) -> None:
    put, outcome = FAULTS[fault]
    put(vendors.messente)
    to = a_number_in("EE")
    started = start(stack, to)
    assert (started["delivery"], started["sends"][0]["outcome"]) == ("accepted", "accepted")
    look_now(stack, started["id"])  # finds nothing to do

    seen = stack.call("GET", f"/v1/verifications/{started['id']}").body
    assert story(seen) == [[("messente", outcome), ("messagebird", "accepted")]]
    assert seen["sends"][0]["provider"] == "messagebird"
    assert vendors.messente.texts_to(to) == []
    (text,) = vendors.messagebird.texts_to(to)
    # Where nobody knows, both may arrive: then it is the same code twice.
    asked = [one.json for one in vendors.messente.asked if to.encode() in one.body]
    assert {request["messages"][0]["text"] for request in asked} <= {text}
    assert bool(asked) == (outcome != "unavailable")
    assert is_right(stack, started["id"], code_in(text))


@pytest.mark.usefixtures("fresh")
def test_when_all_are_down_the_queue_delivers_once_one_is_back(
    stack: Stack, vendors: Vendors
) -> None:
    vendors.messente.close()
    to = a_number_in("EE")
    with vendors.messagebird.down():
        started = start(stack, to)
        assert (started["status"], started["delivery"]) == ("pending", "queued")
        failed = [("messente", "unavailable"), ("messagebird", "unavailable")]
        assert story(started) == [failed]
    # What the queue would bring 20 seconds after the start.
    body = look_at(stack, started["id"])
    stack.aws("sqs").send_message(QueueUrl=url_of(stack, "ResendQueue"), MessageBody=body)
    (text,) = eventually(lambda: vendors.messagebird.texts_to(to))

    def told() -> Any:
        seen = stack.call("GET", f"/v1/verifications/{started['id']}").body
        return seen if seen["delivery"] == "accepted" else None

    seen = eventually(told)
    assert story(seen) == [
        [*failed, ("messente", "unavailable"), ("messagebird", "accepted")],
    ]
    look_now(stack, started["id"])
    assert vendors.messagebird.texts_to(to) == [text]
    assert is_right(stack, started["id"], code_in(text))


@pytest.mark.usefixtures("fresh")
def test_when_all_say_no_the_caller_hears_of_it(stack: Stack, vendors: Vendors) -> None:
    vendors.messente.password = vendors.messagebird.password = "another"
    answer = stack.call("POST", "/v1/verifications", {"to": a_number_in("EE")})
    assert (answer.status, answer.body["code"]) == (502, "delivery_failed")
    seen = stack.call("GET", f"/v1/verifications/{answer.body['verification_id']}").body
    assert seen["delivery"] == "undelivered"
    assert story(seen) == [[("messente", "rejected"), ("messagebird", "rejected")]]


def test_new_credentials_work_without_a_deployment(stack: Stack, vendors: Vendors) -> None:
    """In new processes at once; tests/unit shows the minute after which others look again."""
    stack.end_processes(stack.functions["start"])
    vendors.messente.password = "another"
    before = start(stack, a_number_in("EE"))
    assert story(before) == [[("messente", "rejected"), ("messagebird", "accepted")]]

    settings = vendors.settings
    settings["messente"]["password"] = "another"
    stack.configure_providers(settings)
    try:
        stack.end_processes(stack.functions["start"])
        after = start(stack, a_number_in("EE"))
    finally:
        stack.configure_providers(vendors.settings)
        stack.end_processes(stack.functions["start"])
    assert story(after) == [[("messente", "accepted")]]


@pytest.mark.usefixtures("fresh")
def test_when_a_message_did_not_arrive_the_next_channel_carries_the_same_code_at_once(
    stack: Stack, vendors: Vendors
) -> None:
    to = a_number_in("EE")
    started = start(stack, to, channels=["sms", "voice"])
    (message,) = vendors.messente.messages_to(to)
    url = api_url(stack.endpoint_url, message.report_url or "")
    failed = vendors.messente.report(message, "UNDELIV", err=1)
    assert requests.post(url, data=failed, timeout=30).status_code == 200

    def called() -> Any:
        seen = stack.call("GET", f"/v1/verifications/{started['id']}").body
        return seen if len(seen["sends"]) == 2 else None

    seen = eventually(called)
    assert story(seen) == [[("messente", "accepted")], [("sandbox", "accepted")]]
    assert [send["delivery"] for send in seen["sends"]] == ["undelivered", None]
    assert (seen["channel"], seen["delivery"]) == ("voice", "accepted")
    (call,) = operate(stack, "sandbox", "--to", to, "--table", stack.tables["sessions"])
    code = code_in(message.text)
    assert ", ".join(code) in call["text"]
    requests.post(url, data=failed, timeout=30)  # it says it again: nobody is called again
    look_now(stack, started["id"])
    assert len(operate(stack, "sandbox", "--to", to, "--table", stack.tables["sessions"])) == 1
    assert is_right(stack, started["id"], code)


@pytest.mark.usefixtures("fresh")
def test_when_nobody_takes_it_on_one_channel_the_next_carries_it(
    stack: Stack, vendors: Vendors
) -> None:
    vendors.messente.password = vendors.messagebird.password = "another"
    started = start(stack, a_number_in("EE"), channels=["sms", "voice"])
    refused = [("messente", "rejected"), ("messagebird", "rejected")]
    assert story(started) == [[*refused, ("sandbox", "accepted")]]
    assert started["channel"] == "voice"
