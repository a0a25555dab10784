"""Webhooks: created where they may lead, rotated, and what they did not take replayed."""

import json
import re
import socket
from typing import Any

import pytest
from verification.domain.webhooks import MAX_WEBHOOKS, secret_of
from verification.storage.webhooks import read_webhook

from tests.fakes.operator import IDENTITY_KEY, NOW, Operator

URL = "https://shop.example/events"


class FakeSqs:
    """Two queues of messages; what is received is hidden, for as long as a test takes."""

    def __init__(self, *dead_letters: Any) -> None:
        self.queues: dict[str, list[str]] = {
            "dead-letters": [json.dumps(letter) for letter in dead_letters],
            "webhooks": [],
        }
        self.hidden: set[int] = set()
        self.deleted: list[int] = []

    def receive_message(self, QueueUrl: str, MaxNumberOfMessages: int, **_: Any) -> Any:  # noqa: N803
        assert QueueUrl == "dead-letters" and 1 <= MaxNumberOfMessages <= 10
        places = [n for n in range(len(self.queues[QueueUrl])) if n not in self.hidden]
        found = places[:MaxNumberOfMessages]
        self.hidden.update(found)
        messages = [
            {"MessageId": str(n), "ReceiptHandle": str(n), "Body": self.queues[QueueUrl][n]}
            for n in found
        ]
        return {"Messages": messages} if messages else {}

    def send_message(self, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803
        self.queues[QueueUrl].append(MessageBody)

    def delete_message(self, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803
        assert QueueUrl == "dead-letters"
        self.deleted.append(int(ReceiptHandle))

    @property
    def replayed(self) -> list[Any]:
        return [json.loads(body) for body in self.queues["webhooks"]]


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    """shop.example is somewhere; inside.example is in the network."""
    addresses = {"shop.example": "8.8.8.8", "inside.example": "10.1.0.9"}

    def resolve(host: str, port: Any, **_: Any) -> Any:
        if host not in addresses:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (addresses[host], port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.fixture
def shop(operator: Operator) -> str:
    operator.stacks.parameters["Events"] = "webhooks"
    return operator.creates("Shop")[0]


def test_one_is_created_with_a_secret_that_is_stored_nowhere(operator: Operator, shop: str) -> None:
    made = operator.runs(
        "webhooks", "create", shop, URL, "--event", "verified", "--event", "failed"
    )
    events = ["verification.verified", "verification.failed"]
    assert made == {
        "client_id": shop,
        "webhook_id": made["webhook_id"],
        "url": URL,
        "events": events,
        "disabled": False,
        "older_secret_until": None,
        "secret": made["secret"],
    }
    stored = read_webhook(operator.dynamodb.items[f"W#{shop}", f"W#{made['webhook_id']}"])
    assert (stored.url, list(stored.types)) == (URL, events)
    assert made["secret"] == secret_of(stored.key(IDENTITY_KEY.encode(), 1))
    assert made["secret"] not in str(operator.dynamodb.items)


def test_a_stack_that_posts_nothing_says_so(operator: Operator, shop: str) -> None:
    operator.stacks.parameters["Events"] = "bus"
    assert "Events=webhooks" in operator.runs("webhooks", "create", shop, URL)["to_do"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "http://shop.example/",
            "shop.example is at 8.8.8.8: nothing is posted without TLS there.",
        ),
        ("https://inside.example/", "is at 10.1.0.9: nothing is posted there."),
        ("https://nobody.example/", "the name nobody.example leads to no address."),
        ("ftp://shop.example/", "write a URL that begins with https://."),
    ],
)
def test_a_url_that_leads_nowhere_good_is_refused_and_nothing_is_written(
    operator: Operator, shop: str, url: str, said: str
) -> None:
    writes = operator.dynamodb.writes
    assert operator.fails("webhooks", "create", shop, url).endswith(said)
    assert operator.dynamodb.writes == writes


def test_a_network_of_the_stack_may_be_led_into(operator: Operator, shop: str) -> None:
    operator.stacks.parameters["WebhookNetworks"] = "10.1.0.0/16"
    assert operator.runs("webhooks", "create", shop, "http://inside.example/")["webhook_id"]


def test_a_client_has_so_many_at_most_and_nobody_has_none(operator: Operator, shop: str) -> None:
    for _ in range(MAX_WEBHOOKS):
        operator.runs("webhooks", "create", shop, URL)
    assert "at most" in operator.fails("webhooks", "create", shop, URL)
    assert len(operator.runs("webhooks", "list", shop)) == MAX_WEBHOOKS
    assert operator.fails("webhooks", "create", "nobody", URL) == "There is no client nobody."
    assert operator.fails("webhooks", "list", "nobody") == "There is no client nobody."


def test_a_list_is_of_one_client_or_of_all_and_has_no_secrets(
    operator: Operator, shop: str
) -> None:
    other = operator.creates("Other")[0]
    made = [operator.runs("webhooks", "create", one, URL) for one in (shop, other)]
    listed = operator.runs("webhooks", "list")
    assert sorted(one["client_id"] for one in listed) == sorted([shop, other])
    assert [one["client_id"] for one in operator.runs("webhooks", "list", other)] == [other]
    assert not any(one["secret"] in json.dumps(listed) for one in made)


def test_a_rotation_has_two_secrets_for_a_while(operator: Operator, shop: str) -> None:
    made = operator.runs("webhooks", "create", shop, URL)
    rotated = operator.runs("webhooks", "rotate", shop, made["webhook_id"], "--overlap", "1h")
    assert rotated["secret"] != made["secret"]
    assert rotated["older_secret_until"] == "2027-01-15T09:00:00.000Z"
    [stored] = map(read_webhook, [operator.dynamodb.items[f"W#{shop}", f"W#{made['webhook_id']}"]])
    keys = stored.keys(IDENTITY_KEY.encode(), NOW)
    assert [secret_of(key) for key in keys] == [rotated["secret"], made["secret"]]
    leaked = operator.runs("webhooks", "rotate", shop, made["webhook_id"], "--overlap", "0s")
    [stored] = map(read_webhook, [operator.dynamodb.items[f"W#{shop}", f"W#{made['webhook_id']}"]])
    assert [secret_of(key) for key in stored.keys(IDENTITY_KEY.encode(), NOW)] == [leaked["secret"]]


def test_one_that_was_gone_is_enabled_and_one_is_deleted(operator: Operator, shop: str) -> None:
    webhook = operator.runs("webhooks", "create", shop, URL)["webhook_id"]
    operator.dynamodb.items[f"W#{shop}", f"W#{webhook}"]["disabled"] = {"BOOL": True}
    assert operator.runs("webhooks", "list", shop)[0]["disabled"]
    assert not operator.runs("webhooks", "enable", shop, webhook)["disabled"]
    assert operator.runs("webhooks", "delete", shop, webhook) == {"deleted": webhook}
    assert operator.runs("webhooks", "list", shop) == []
    for command in ("rotate", "enable", "delete"):
        said = operator.fails("webhooks", command, shop, webhook)
        assert said == f"{shop} has no webhook {webhook}."


def test_two_operators_at_once_do_not_undo_each_other(operator: Operator, shop: str) -> None:
    webhook = operator.runs("webhooks", "create", shop, URL)["webhook_id"]
    operator.dynamodb.changed_meanwhile = True
    assert "Somebody else" in operator.fails("webhooks", "rotate", shop, webhook)


EVENT = {"id": "one", "type": "verification.sent", "time": "now", "client_id": "shop"}
LETTER = {
    "client_id": "shop",
    "webhook_id": "w1",
    "event": EVENT,
    "tries": 18,
    "began": 1,
    "due": 2,
    "outcome": "http_500",
}
FROM_BUS = {"detail-type": "verification.sent", "detail": EVENT | {"id": "two"}}


def test_dead_letters_are_shown_and_stay(operator: Operator) -> None:
    sqs = FakeSqs(LETTER, FROM_BUS, *[LETTER] * 12)
    operator.clients["sqs"] = sqs
    shown = operator.runs("webhooks", "dlq")
    assert len(shown) == 14 and not sqs.deleted
    assert shown[0] == {
        "client_id": "shop",
        "webhook_id": "w1",
        "event_id": "one",
        "type": "verification.sent",
        "time": "now",
        "tries": 18,
        "outcome": "http_500",
    }
    assert (shown[1]["webhook_id"], shown[1]["outcome"]) == (None, "never_handled")


def test_what_is_replayed_begins_anew_and_leaves_the_dead_letters(operator: Operator) -> None:
    sqs = FakeSqs(LETTER, FROM_BUS)
    operator.clients["sqs"] = sqs
    assert operator.runs("webhooks", "replay") == {"replayed": 2}
    anew = {"client_id": "shop", "webhook_id": "w1", "event": EVENT}
    assert sqs.replayed == [anew | {"tries": 0, "began": 0, "due": 0}, FROM_BUS]
    assert sqs.deleted == [0, 1]


def test_one_webhooks_letters_are_replayed_or_so_many(operator: Operator) -> None:
    sqs = FakeSqs(LETTER, LETTER | {"webhook_id": "w2"}, LETTER)
    operator.clients["sqs"] = sqs
    assert operator.runs("webhooks", "replay", "--webhook", "w2") == {"replayed": 1}
    assert sqs.deleted == [1]
    sqs.hidden.clear()
    assert operator.runs("webhooks", "replay", "--most", "1") == {"replayed": 1}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("create", "shop", URL, "--event", "opened"), "'opened' is none of started, sent, "),
        (("rotate", "shop", "w1", "--overlap", "31d"), "at most 30d"),
        (("replay", "--most", "0"), "write a number of 1 to 100000"),
    ],
)
def test_words_that_are_none_are_refused(
    operator: Operator, options: tuple[str, ...], said: str
) -> None:
    assert said in operator.refused("webhooks", *options)


def test_people_see_a_secret_whole_and_one_line_for_each_webhook(
    operator: Operator, shop: str
) -> None:
    assert operator.prints("webhooks", "list") == "none\n"
    created = operator.prints("webhooks", "create", shop, URL)
    (line,) = [line for line in created.splitlines() if line.startswith("secret ")]
    assert re.fullmatch(r"secret +whsec_[A-Za-z0-9+/]{43}= *", line)
    operator.runs("webhooks", "create", shop, URL, "--event", "verified", "--event", "failed")
    found = {tuple(one["events"]): one["webhook_id"] for one in operator.runs("webhooks", "list")}
    few = found["verification.verified", "verification.failed"]
    operator.runs("webhooks", "rotate", shop, few)
    head, *lines = operator.prints("webhooks", "list").splitlines()
    assert head.split() == ["client", "id", "webhook", "id", "url", "events", "state"]
    seen = {re.split(" {2,}", line.strip())[1]: re.split(" {2,}", line.strip()) for line in lines}
    assert seen.pop(few)[2:] == [
        URL,
        "verified, failed",
        "on, two secrets until 2027-01-16T08:00:00.000Z",
    ]
    assert [one[2:] for one in seen.values()] == [[URL, "all", "on"]]
