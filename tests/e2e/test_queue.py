"""The queue that looks after verifications, with its real delays and its dead letters."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.talking import a_number, code_in, start
from tests.local.stack import Stack

PATIENCE = 60  # seconds


@pytest.fixture
def queue(stack: Stack) -> Iterator[str]:
    """The re-send queue, with failed messages back after a second."""
    sqs, url = stack.aws("sqs"), url_of(stack, "ResendQueue")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    yield url
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "60"})


def url_of(stack: Stack, logical_id: str) -> str:
    resources = stack.aws("cloudformation").describe_stack_resources(
        StackName="serverless-verify", LogicalResourceId=logical_id
    )["StackResources"]
    name = resources[0]["PhysicalResourceId"].rsplit("/", 1)[-1]
    url: str = stack.aws("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    return url


def eventually(holds: Callable[[], Any]) -> Any:
    give_up = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < give_up, "it did not come about"
        time.sleep(0.3)
    return found


def test_a_code_is_sent_again_by_itself_unless_it_was_verified(stack: Stack) -> None:
    waiting, verified, plain = a_number(), a_number(), a_number()
    begun = time.time()
    ids = {to: start(stack, to, resend_after=15)["id"] for to in (waiting, verified)}
    start(stack, plain)
    code = code_in(stack.texts_to(verified)[0])
    path = f"/v1/verifications/{ids[verified]}/verify"
    assert stack.call("POST", path, {"code": code}).body["valid"] is True

    eventually(lambda: len(stack.texts_to(waiting)) == 2)
    assert time.time() - begun >= 15
    assert len({code_in(text) for text in stack.texts_to(waiting)}) == 1
    seen = stack.call("GET", f"/v1/verifications/{ids[waiting]}").body
    assert [(s["number"], s["outcome"]) for s in seen["sends"]] == [
        (1, "accepted"),
        (2, "accepted"),
    ]
    time.sleep(3)  # the others were due by now
    assert len(stack.texts_to(verified)) == len(stack.texts_to(plain)) == 1


def test_a_lost_send_is_made_up_for_once_however_often_the_message_comes(
    stack: Stack, queue: str
) -> None:
    to = a_number()
    started = start(stack, to)
    forget_first_send(stack, started["id"])
    body = look_at(stack, started["id"])
    for _ in range(5):
        stack.aws("sqs").send_message(QueueUrl=queue, MessageBody=body)
    eventually(lambda: len(stack.texts_to(to)) == 2)
    time.sleep(3)
    texts = stack.texts_to(to)
    assert len(texts) == 2
    assert len({code_in(text) for text in texts}) == 1


@pytest.mark.parametrize("poison", ["no json", "{}", '{"token": "x", "claimed": 1, "tries": 0}'])
def test_a_poison_message_goes_to_the_dead_letters_and_holds_up_nobody(
    stack: Stack, queue: str, poison: str
) -> None:
    sqs, dead = stack.aws("sqs"), url_of(stack, "ResendDeadLetterQueue")
    to = a_number()
    started = start(stack, to)
    forget_first_send(stack, started["id"])
    good = look_at(stack, started["id"])
    sqs.send_message_batch(
        QueueUrl=queue,
        Entries=[
            {"Id": "1", "MessageBody": poison},
            {"Id": "2", "MessageBody": good},
        ],
    )
    eventually(lambda: len(stack.texts_to(to)) == 2)
    letters = eventually(lambda: sqs.receive_message(QueueUrl=dead).get("Messages"))
    assert [letter["Body"] for letter in letters] == [poison]
    sqs.purge_queue(QueueUrl=dead)


def look_at(stack: Stack, verification_id: str) -> str:
    """The message that the queue brings for the last claim of a verification."""
    token = verification_id[1:]
    item = stack.aws("dynamodb").get_item(
        TableName=stack.tables["sessions"], Key={"pk": {"S": f"V#{token}"}, "sk": {"S": "V"}}
    )["Item"]
    return json.dumps({"token": token, "claimed": int(item["sent_at"]["N"]), "tries": 0})


def forget_first_send(stack: Stack, verification_id: str) -> None:
    """As if the function had died after the transaction, and its time were over."""
    table, key = stack.tables["sessions"], {"pk": {"S": f"V#{verification_id[1:]}"}}
    dynamodb = stack.aws("dynamodb")
    dynamodb.delete_item(TableName=table, Key=key | {"sk": {"S": "D"}})
    dynamodb.update_item(
        TableName=table,
        Key=key | {"sk": {"S": "V"}},
        UpdateExpression="SET lease_until = :past",
        ExpressionAttributeValues={":past": {"N": "0"}},
    )
