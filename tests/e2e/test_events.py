"""What becomes of verifications is told: by the bus, and by webhooks."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.docs.events import check_event
from tests.e2e.dialects import messagebird
from tests.e2e.leaks import logged_by
from tests.e2e.listening import Listener, Receiver, receiver
from tests.e2e.talking import a_number, code_in, operate, start, wrong
from tests.e2e.test_queue import eventually
from tests.figures import Figure, Scale
from tests.local.deploy import outputs
from tests.local.stack import Credentials, Stack


@pytest.fixture(scope="module", autouse=True)
def _webhooks(stack: Stack) -> Iterator[None]:
    stack.post_to_webhooks(enabled=True)
    yield
    stack.post_to_webhooks(enabled=False)


@pytest.fixture
def client(stack: Stack) -> Credentials:
    return stack.client("Told")


@pytest.fixture
def listener(stack: Stack, client: Credentials) -> Listener:
    return Listener(stack, client.client_id)


@pytest.fixture
def receives() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


def call(stack: Stack, client: Credentials, method: str, path: str, body: Any = None) -> Any:
    answer = stack.call(method, f"/v1/verifications{path}", body, client)
    assert answer.status < 300, answer
    return answer.body


def verified(stack: Stack, client: Credentials) -> str:
    """Verify a number; the id."""
    to = a_number()
    one = call(stack, client, "POST", "", {"to": to})
    call(stack, client, "POST", f"/{one['id']}/verify", {"code": code_in(stack.texts_to(to)[-1])})
    return str(one["id"])


# ------------------------------------------------------------------------------------------ Bus


FATES = ("verified", "failed", "expired", "canceled")


def live(stack: Stack, client: Credentials, number: int) -> tuple[str, list[str]]:
    """Have a verification end in one of four ways; its id, and what has to be told of it."""
    fate, to = FATES[number % len(FATES)], a_number()
    body = {"to": to, "reference": f"order {number}", "max_attempts": 2}
    one = call(stack, client, "POST", "", body | ({"validity": 30} if fate == "expired" else {}))
    path = f"/{one['id']}"
    if fate == "canceled":
        call(stack, client, "DELETE", path)
    elif fate != "expired":
        code = code_in(stack.texts_to(to)[-1])
        guesses = [code] if fate == "verified" else [wrong(code, 1), wrong(code, 2)]
        for guess in guesses:
            call(stack, client, "POST", f"{path}/verify", {"code": guess})
    return one["id"], ["started", "sent", fate]


@pytest.mark.soak
def test_each_event_is_told_and_nothing_else_though_the_function_is_killed_in_between(
    stack: Stack, client: Credentials, listener: Listener, scale: Scale, figure: Figure
) -> None:
    """At least once, and exactly those after de-duplication by id; in order by `sequence`."""
    number = scale(60, 1_000)
    function = stack.other_functions["events"]
    expected: dict[str, list[str]] = {}
    killed = 0
    with ThreadPoolExecutor(4) as threads:
        lives = threads.map(lambda n: live(stack, client, n), range(number))
        for done, (id_, types) in enumerate(lives, 1):
            expected[id_] = types
            if done % (number // 6) == 0:
                stack.end_processes(function)
                killed += 1
    whole = sum(map(len, expected.values()))

    def unique(told: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {one["detail"]["id"]: one["detail"] for one in told}

    told = listener.hear_until(lambda told: len(unique(told)) >= whole)
    for one in told:
        assert one["source"] == "serverless-verify"
        assert one["detail-type"] == one["detail"]["type"]
        check_event(one["detail"])
    by_verification: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in unique(told).values():
        by_verification[event["verification"]["id"]].append(event)
    in_order = {
        id_: [
            one["type"].removeprefix("verification.")
            for one in sorted(events, key=lambda one: str(one["sequence"]))
        ]
        for id_, events in by_verification.items()
    }
    figure(
        "events",
        f"{number} verifications, {whole} events expected, {len(unique(told))} told, "
        f"{len(told) - len(unique(told))} of them twice; the function was killed {killed} times",
    )
    assert killed == 6
    assert {id_: sorted(types) for id_, types in in_order.items()} == {
        id_: sorted(types) for id_, types in expected.items()
    }
    # What was canceled at once may be so before the send is written down.
    assert all(types[0] == "started" for types in in_order.values())
    assert all(types == expected[id_] for id_, types in in_order.items() if "canceled" not in types)


def test_an_event_says_neither_the_code_nor_the_whole_destination(
    stack: Stack, client: Credentials, listener: Listener
) -> None:
    to = a_number()
    one = call(stack, client, "POST", "", {"to": to})
    code = code_in(stack.texts_to(to)[-1])
    call(stack, client, "POST", f"/{one['id']}/verify", {"code": code})
    told = listener.hear_until(lambda told: len(told) >= 3)
    said = json.dumps([event["detail"] for event in told])
    assert to not in said and to[1:] not in said and f'"{code}"' not in said
    shown = told[0]["detail"]["verification"]["destination"]
    assert shown == f"{to[:4]}*****{to[-3:]}"


# ------------------------------------------------------------------------------------- Webhooks


def test_events_are_posted_with_a_signature_that_others_can_check(
    stack: Stack, client: Credentials, receives: Receiver
) -> None:
    created = operate(stack, "webhooks", "create", client.client_id, receives.url)
    id_ = verified(stack, client)
    eventually(lambda: len(receives.posted) >= 3)
    library = Webhook(created["secret"])
    for posted in receives.posted:
        said = library.verify(posted.body, posted.headers)
        assert said["type"] == posted.event["type"] and said["timestamp"] == posted.event["time"]
        assert posted.headers["webhook-id"] == posted.event["id"]
        assert posted.event["verification"]["id"] == id_
        check_event(posted.event)
    types = {posted.event["type"] for posted in receives.posted}
    assert types == {f"verification.{end}" for end in ("started", "sent", "verified")}


def test_a_webhook_gets_the_events_it_wants_of_its_client_alone(
    stack: Stack, client: Credentials, receives: Receiver
) -> None:
    operate(stack, "webhooks", "create", client.client_id, receives.url, "--event", "verified")
    verified(stack, stack.client("Somebody else"))
    id_ = verified(stack, client)
    eventually(lambda: receives.posted)
    time.sleep(3)
    [posted] = receives.posted
    assert posted.event["type"] == "verification.verified"
    assert posted.event["verification"]["id"] == id_


def test_both_secrets_sign_while_one_takes_the_place_of_the_other(
    stack: Stack, client: Credentials, receives: Receiver
) -> None:
    options = ("--event", "verified")
    created = operate(stack, "webhooks", "create", client.client_id, receives.url, *options)
    rotated = operate(stack, "webhooks", "rotate", client.client_id, created["webhook_id"])
    assert rotated["secret"] != created["secret"] and rotated["older_secret_until"]
    verified(stack, client)
    [posted] = eventually(lambda: receives.posted)
    assert len(posted.headers["webhook-signature"].split()) == 2
    for secret in (created["secret"], rotated["secret"]):
        Webhook(secret).verify(posted.body, posted.headers)


def test_a_receiver_that_was_down_gets_everything(
    stack: Stack, client: Credentials, receives: Receiver, figure: Figure
) -> None:
    operate(stack, "webhooks", "create", client.client_id, receives.url)
    receives.status = 503
    ids = {verified(stack, client) for _ in range(4)}
    eventually(lambda: len(receives.posted) >= 6)
    receives.status = 200

    def whole() -> bool:
        return len({posted.event["id"] for posted in receives.taken}) >= 3 * len(ids)

    give_up = time.monotonic() + 150  # the circuit lets it be for half a minute
    while not whole() and time.monotonic() < give_up:
        time.sleep(0.5)
    assert whole()
    seen = Counter(posted.event["verification"]["id"] for posted in receives.taken)
    assert set(seen) == ids
    figure(
        "webhooks",
        f"{3 * len(ids)} events to a receiver that was down, {len(receives.posted)} requests, "
        f"{len(receives.taken)} taken, all {3 * len(ids)} events there",
    )


def test_a_receiver_that_is_gone_is_left_alone_until_an_operator_says_so(
    stack: Stack, client: Credentials, receives: Receiver
) -> None:
    options = ("--event", "verified")
    created = operate(stack, "webhooks", "create", client.client_id, receives.url, *options)
    receives.status = 410
    verified(stack, client)
    eventually(lambda: receives.posted)

    def shown() -> Any:
        [one] = operate(stack, "webhooks", "list", client.client_id)
        return one

    eventually(lambda: shown()["disabled"])
    operate(stack, "webhooks", "enable", client.client_id, created["webhook_id"])
    assert not shown()["disabled"]
    receives.status = 200
    # A process remembers for a minute that it was disabled.
    stack.end_processes(stack.other_functions["webhooks"])
    id_ = verified(stack, client)
    eventually(lambda: receives.taken)
    assert receives.taken[0].event["verification"]["id"] == id_


def test_a_redirect_leads_nowhere(stack: Stack, client: Credentials, receives: Receiver) -> None:
    options = ("--event", "verified")
    operate(stack, "webhooks", "create", client.client_id, receives.url, *options)
    with receiver() as other:
        receives.status, receives.location = 307, other.url
        verified(stack, client)
        eventually(lambda: len(receives.posted) >= 2)  # again, since it was no success
        assert not other.posted


def test_what_nobody_took_waits_with_the_dead_letters_and_can_be_replayed(
    stack: Stack, client: Credentials, receives: Receiver
) -> None:
    """A day is too long for a test: what begins a day ago is given up at its next failure."""
    options = ("--event", "verified")
    created = operate(stack, "webhooks", "create", client.client_id, receives.url, *options)
    webhook = created["webhook_id"]
    receives.status = 500
    id_ = verified(stack, client)
    [posted] = eventually(lambda: receives.posted)[:1]
    old = {"client_id": client.client_id, "webhook_id": webhook, "event": posted.event}
    old |= {"tries": 20, "began": int((time.time() - 86_401) * 1000), "due": 0}
    queue = outputs(stack.endpoint_url)["WebhooksQueueUrl"]
    stack.aws("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(old))

    def letters() -> Any:
        return [one for one in operate(stack, "webhooks", "dlq") if one["webhook_id"] == webhook]

    [letter] = eventually(letters)
    assert (letter["event_id"], letter["type"]) == (posted.event["id"], posted.event["type"])
    assert letter["outcome"] in ("http_500", "circuit_open") and letter["tries"] >= 20
    receives.status = 200
    assert eventually(lambda: _replayed(stack, webhook)) == 1
    eventually(lambda: receives.taken)
    assert receives.taken[0].event["verification"]["id"] == id_


def _replayed(stack: Stack, webhook: str) -> int:
    """Those that were looked at are out of sight for half a minute."""
    replayed: int = operate(stack, "webhooks", "replay", "--webhook", webhook)["replayed"]
    return replayed


HOSTILE = ("https://[::ffff:127.0.0.1]/", "http://169.254.169.254/", "http://[::1]:8080/")


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_url_in_the_table_is_not_posted_to(
    stack: Stack, client: Credentials, receives: Receiver, url: str
) -> None:
    """Checked at each send as at registration: a name may lead elsewhere by then."""
    options = ("--event", "verified")
    created = operate(stack, "webhooks", "create", client.client_id, receives.url, *options)
    key = {"pk": {"S": f"W#{client.client_id}"}, "sk": {"S": f"W#{created['webhook_id']}"}}
    stack.aws("dynamodb").update_item(
        TableName=stack.tables["directory"],
        Key=key,
        UpdateExpression="SET #url = :url",
        ExpressionAttributeNames={"#url": "url"},
        ExpressionAttributeValues={":url": {"S": url}},
    )
    verified(stack, client)

    def outcomes() -> set[str]:
        lines = (line for line in logged_by(stack, "webhooks") if created["webhook_id"] in line)
        told = map(json.loads, lines)
        return {line["outcome"] for line in told if line["message"] == "webhook_posted"}

    assert eventually(outcomes) == {"address_not_allowed"}
    assert not receives.posted


def test_what_was_started_by_a_drop_in_api_is_told_and_nothing_of_others(
    stack: Stack, listener: Listener, client: Credentials
) -> None:
    start(stack, a_number())  # of another client: not ours to hear
    answer = messagebird(stack, client.access_key(), "POST", "/verify", {"recipient": a_number()})
    assert answer.status == 201
    told = listener.hear_until(lambda told: len(told) >= 2)
    assert [one["detail-type"] for one in told[:2]] == ["verification.started", "verification.sent"]
    assert {one["detail"]["client_id"] for one in told} == {client.client_id}
    assert {one["detail"]["verification"]["id"] for one in told} == {answer.body["id"]}
