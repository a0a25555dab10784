"""Queues that functions take from: nothing is lost, and nobody takes a message twice at once."""

import pytest
from verification.api.queue import END_ROOM, LOOK_ROOM
from verification.api.webhooks import AT_ONCE, POSTING_ROOM
from verification.operations.sending import lease
from verification.operations.start import LOOK_AFTER

from .loading import FUNCTIONS, STACK, of_type

QUEUES = of_type("AWS::SQS::Queue")
# What comes from the stream is in test_stream.py.
MAPPINGS = {
    name: mapping
    for name, mapping in of_type("AWS::Lambda::EventSourceMapping").items()
    if mapping["EventSourceArn"]["Fn::GetAtt"][1] == "Arn"
}
SOURCES = [mapping["EventSourceArn"]["Fn::GetAtt"][0] for mapping in MAPPINGS.values()]

# Milliseconds that one message may take, and whether those of a batch are done side by side.
ROOMS = {
    "ResendFromQueue": (LOOK_ROOM, False),
    "EventsFromQueue": (END_ROOM, False),
    "WebhooksFromQueue": (POSTING_ROOM, True),
}

# Who knows the guard starts.
STARTERS = [
    name
    for name, function in FUNCTIONS.items()
    if "GUARD_MODE" in function["Environment"]["Variables"]
]

each_mapping = pytest.mark.parametrize("mapping", MAPPINGS)
each_source = pytest.mark.parametrize("queue", SOURCES)


def test_functions_take_from_queues_only() -> None:
    assert SOURCES
    assert set(SOURCES) <= set(QUEUES)


@each_source
def test_what_cannot_be_handled_goes_to_a_queue_that_keeps_it_longer(queue: str) -> None:
    redrive = QUEUES[queue]["RedrivePolicy"]
    dead_letters = redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]
    assert dead_letters != queue
    assert 2 <= redrive["maxReceiveCount"] <= 10
    # A message's age goes on from when it was first sent.
    kept = QUEUES[dead_letters]["MessageRetentionPeriod"]
    assert kept > QUEUES[queue]["MessageRetentionPeriod"]


@each_source
def test_dead_letters_ring_an_alarm(queue: str) -> None:
    dead_letters = QUEUES[queue]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    dimension = {"Name": "QueueName", "Value": {"Fn::GetAtt": [dead_letters, "QueueName"]}}
    alarms = of_type("AWS::CloudWatch::Alarm").values()
    assert [alarm.get("Dimensions") for alarm in alarms].count([dimension]) == 1


@each_mapping
def test_a_message_stays_hidden_while_its_consumer_may_run(mapping: str) -> None:
    properties = MAPPINGS[mapping]
    timeout = FUNCTIONS[properties["FunctionName"]["Ref"]]["Timeout"]
    queue = properties["EventSourceArn"]["Fn::GetAtt"][0]
    assert QUEUES[queue]["VisibilityTimeout"] >= timeout


@each_mapping
def test_a_whole_batch_fits_into_the_time_of_its_consumer(mapping: str) -> None:
    """Else what is left comes back again and again, and to the dead letters in the end."""
    properties = MAPPINGS[mapping]
    timeout = FUNCTIONS[properties["FunctionName"]["Ref"]]["Timeout"]
    room, side_by_side = ROOMS[mapping]
    one_after_the_other = 1 if side_by_side else properties["BatchSize"]
    assert one_after_the_other * room <= timeout * 1000


def test_a_send_is_looked_at_alone_so_that_it_may_take_all_of_its_consumers_time() -> None:
    """Behind a slow look the others would come back each time, and end as dead letters."""
    assert MAPPINGS["ResendFromQueue"]["BatchSize"] == 1


def test_as_many_webhooks_are_posted_to_at_once_as_a_batch_has() -> None:
    assert MAPPINGS["WebhooksFromQueue"]["BatchSize"] <= AT_ONCE


def test_receivers_that_hang_leave_the_other_functions_their_share_of_the_account() -> None:
    assert MAPPINGS["WebhooksFromQueue"]["ScalingConfig"] == {"MaximumConcurrency": 10}


@each_mapping
def test_a_batch_is_answered_message_by_message(mapping: str) -> None:
    assert MAPPINGS[mapping]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("queue", QUEUES)
def test_messages_rest_encrypted(queue: str) -> None:
    assert QUEUES[queue]["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize("queue", QUEUES)
def test_an_output_leads_to_each_queue(queue: str) -> None:
    """docs/operations.md looks into them by it."""
    assert STACK["Outputs"][f"{queue}Url"]["Value"] == {"Ref": queue}


def test_these_start_verifications() -> None:
    dialects = {"MessenteFunction", "MessageBirdFunction", "VerigatorFunction"}
    assert {"StartFunction"} | dialects == set(STARTERS)


@pytest.mark.parametrize("function", STARTERS)
def test_the_first_look_at_a_send_comes_after_its_lease(function: str) -> None:
    timeout = FUNCTIONS[function]["Timeout"] * 1000
    assert timeout < lease(0, lambda: timeout) < LOOK_AFTER * 1000
