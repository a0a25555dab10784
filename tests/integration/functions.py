"""The functions themselves, called in this process as API Gateway and SQS call them."""

import functools
import itertools
import json
import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest
from verification import aws, wiring
from verification.aws_json import make_json_client
from verification.domain.policy import Client, Profile
from verification.operations.start import LOOK_AFTER
from verification.storage import watches
from verification.storage.directory import ClientRecord, Secret, hash_secret, write_client
from verification.wiring import clock

from tests.docs.sources import api_events, check_answer
from tests.fakes.calls import http_event
from tests.integration.conftest import Place
from tests.template.initialise import initialise

SECONDS = 10  # that a function may take
FUNCTIONS = {route: folder for folder, routes in api_events().items() for route in routes}
# Besides the usual limits those that many count on, in shards.
SHARED_LIMITS = (
    "client_starts=100000/24h; country_sends=100000/24h; prefix_sends=100000/24h; "
    "client_messages=100000; stack_messages=1000000"
)
VERIFICATIONS, ONE = "/v1/verifications", "/v1/verifications/{id}"


class Context:
    """What Lambda passes beside the event, of a function whose time runs."""

    aws_request_id = "request-1"
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:one"

    def __init__(self, seconds: float = SECONDS) -> None:
        self._ends = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round((self._ends - time.monotonic()) * 1000))


@dataclass(frozen=True)
class Reply:
    """What a function answered a caller."""

    status: int
    body: Any


@dataclass(frozen=True)
class Caller:
    """A client, and the secret that it shows."""

    client: Client
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.client.id}.{self.secret}",
            "Content-Type": "application/json",
        }


@contextmanager
def staying_at(environ: Mapping[str, str]) -> Iterator[Place]:
    """Go to a place for longer than a test; the queue holds nothing back there, see Queue."""
    with pytest.MonkeyPatch.context() as changed:
        for variable, value in environ.items():
            changed.setenv(variable, value)
        changed.setattr(watches, "MAX_DELAY", 0)
        aws.make_session.cache_clear()  # the next clients read the environment anew
        yield Place(dict(environ))
    aws.make_session.cache_clear()


def request(
    caller: Caller,
    route: str,
    body: Any = None,
    *,
    verification_id: str = "",
    query: Mapping[str, str] | None = None,
    key: str | None = None,
) -> dict[str, Any]:
    """A request as API Gateway hands it over."""
    method, resource = route.split()
    headers = caller.headers | ({"Idempotency-Key": key} if key else {})
    return http_event(
        method,
        resource,
        body,
        headers,
        pathParameters={"id": verification_id} if verification_id else None,
        queryStringParameters=query and dict(query),
    )


def batch(*bodies: str) -> dict[str, Any]:
    """Messages of the re-send queue as SQS hands them over."""
    records = (
        {"messageId": str(number), "eventSource": "aws:sqs", "body": body}
        for number, body in enumerate(bodies)
    )
    return {"Records": list(records)}


class Functions:
    """The functions of a stack, each begun when it is first called.

    Args:
        place: where their tables are, and all else.
        environ: what they have in place of the place's environment.
        patience: seconds that they wait for an answer of DynamoDB; None: as they do.

    Attributes:
        later: seconds by which their clock is ahead.
    """

    def __init__(
        self,
        place: Place,
        environ: Mapping[str, str] | None = None,
        patience: float | None = None,
    ) -> None:
        self._environ = place.environ | dict(environ or {})
        self._patience = patience
        self.later: float = 0

    def now(self) -> int:
        """Epoch milliseconds, as they know it."""
        return clock() + round(self.later * 1000)

    @functools.cache  # noqa: B019 one of these lives as long as its test
    def handler(self, folder: str) -> Callable[[Any, Any], Any]:
        """A function's handler, after its INIT."""
        changed = patch.multiple(wiring, clock=self.now, make_json_client=self._make_client)
        with patch.dict(os.environ, self._environ), changed:
            defined = initialise(f"{folder.title()}Function", self._environ)
        handler: Callable[[Any, Any], Any] = defined["handler"]
        return handler

    def _make_client(self, service: str, **how: Any) -> Any:
        if service == "dynamodb" and self._patience:
            how["read"] = self._patience
        return make_json_client(service, **how)

    def call(
        self, caller: Caller, route: str, body: Any = None, *, seconds: float = SECONDS, **more: Any
    ) -> Reply:
        """Ask over HTTP; whatever comes back has to stand in docs/openapi.yaml.

        Args:
            more: as request().
        """
        event = request(caller, route, body, **more)
        answer = self.handler(FUNCTIONS[route])(event, Context(seconds))
        check_answer(route, answer)
        return Reply(answer["statusCode"], json.loads(answer["body"] or "null"))

    def start(
        self,
        caller: Caller,
        to: str,
        key: str | None = None,
        seconds: float = SECONDS,
        **fields: Any,
    ) -> Reply:
        route, body = f"POST {VERIFICATIONS}", {"to": to, **fields}
        return self.call(caller, route, body, key=key, seconds=seconds)

    def verify(self, caller: Caller, id_: str, code: str, key: str | None = None) -> Reply:
        route, body = f"POST {ONE}/verify", {"code": code}
        return self.call(caller, route, body, verification_id=id_, key=key)

    def resend(self, caller: Caller, id_: str, seconds: float = SECONDS) -> Reply:
        return self.call(caller, f"POST {ONE}/resend", verification_id=id_, seconds=seconds)

    def lookup(self, caller: Caller, id_: str) -> Reply:
        return self.call(caller, f"GET {ONE}", verification_id=id_)

    def find(self, caller: Caller, to: str) -> Reply:
        return self.call(caller, f"GET {VERIFICATIONS}", query={"to": to})

    def delete(self, caller: Caller, id_: str) -> Reply:
        return self.call(caller, f"DELETE {ONE}", verification_id=id_)

    def look(self, body: str, seconds: float = SECONDS) -> bool:
        """Hand over one message of the queue, now; whether it is done with."""
        answer = self.handler("resend")(batch(body), Context(seconds))
        return not answer["batchItemFailures"]

    def look_in_time(self, body: str, seconds: float = SECONDS, after: float = LOOK_AFTER) -> bool:
        """The same `after` seconds from the claim: when it is over, whoever made it."""
        later = self.later
        self.later = (json.loads(body)["claimed"] - clock()) / 1000 + after
        try:
            return self.look(body, seconds)
        finally:
            self.later = later


_numbers = itertools.count(random.randrange(1_000_000))


def unique_number(prefix: str = "+3162") -> str:
    """A number that no other test uses, not even by chance."""
    # Spread, as those of different people are: 7919 and ten million have no common factor.
    return f"{prefix}{next(_numbers) * 7919 % 10_000_000:07d}"


class Queue:
    """A queue of a test's own that holds nothing back: the clock is moved in place of waiting."""

    def __init__(self, place: Place) -> None:
        self._client = aws.make_client("sqs", attempts=1)
        self.url: str = self._client.create_queue(QueueName=f"q{secrets.token_hex(6)}")["QueueUrl"]

    def take(self) -> list[str]:
        """All messages that are there, oldest first, taken off."""
        bodies = []
        while received := self._receive():
            bodies += [message["Body"] for message in received]
            self._client.delete_message_batch(
                QueueUrl=self.url,
                Entries=[
                    {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                    for n, message in enumerate(received)
                ],
            )
        return bodies

    def _receive(self) -> list[dict[str, Any]]:
        answer = self._client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def settle(self, functions: Functions) -> int:
        """Have every message done with, and those that come of them, later each time; how many."""
        done, after = 0, 0
        while bodies := self.take():
            after += LOOK_AFTER
            assert all([functions.look_in_time(body, after=after) for body in bodies])
            done += len(bodies)
        return done


class Tables:
    """The tables of a place, reached past the functions."""

    def __init__(self, place: Place) -> None:
        self._dynamodb, self._table = place.dynamodb, place.sessions
        self._directory = place.environ["DIRECTORY_TABLE"]

    def caller(self) -> Caller:
        """A new client, whom no function has seen yet."""
        client = Client(f"shop-{secrets.token_hex(4)}", Profile("Shop"))
        caller = Caller(client, secrets.token_urlsafe(32))
        record = ClientRecord(caller.client, (Secret(hash_secret(caller.secret)),))
        item = write_client(record, "Shop", 0)
        self._dynamodb.put_item(TableName=self._directory, Item=item)
        return caller

    def items(self, prefix: str) -> list[dict[str, Any]]:
        """The items whose partition keys begin so."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="begins_with(pk, :prefix)",
            ExpressionAttributeValues={":prefix": {"S": prefix}},
        )
        return [item for page in pages for item in page["Items"]]

    def charges(self) -> Counter[str]:
        """What was counted against each limit, in all windows and for whomever."""
        counts: Counter[str] = Counter()
        for item in self.items("L#"):
            _, name, window, *_ = item["pk"]["S"].split("#")
            counts[f"{name} {window}"] += int(item["used"]["N"])
        return counts

    def forget(self) -> None:
        """Delete all verifications and all that was counted."""
        keys = [
            {"pk": item["pk"], "sk": item["sk"]} for item in self.items("L#") + self.items("V#")
        ]
        for some in itertools.batched(keys, 25, strict=False):  # as many as DynamoDB takes
            requests = [{"DeleteRequest": {"Key": key}} for key in some]
            self._dynamodb.batch_write_item(RequestItems={self._table: requests})


class World:
    """A stack with a queue of its own, and all kinds of limits.

    Attributes:
        environ: what its functions have in place of the place's environment.
        well: its functions.
        start_charges, resend_charges: what one start and one re-send count against the limits.
    """

    def __init__(self, place: Place) -> None:
        self.place, self.tables, self.queue = place, Tables(place), Queue(place)
        limits = f"{place.environ['LIMITS']}; {SHARED_LIMITS}"
        self.environ = {"RESEND_QUEUE_URL": self.queue.url, "LIMITS": limits}
        self.well = Functions(place, self.environ)
        caller, counts = self.tables.caller(), [self.tables.charges()]
        started = self.well.start(caller, unique_number())
        counts.append(self.tables.charges())
        self.well.later = 60
        self.well.resend(caller, started.body["id"])
        counts.append(self.tables.charges())
        self.start_charges, self.resend_charges = counts[1] - counts[0], counts[2] - counts[1]
        assert len(self.start_charges) > len(self.resend_charges) > 0
        self.settle()

    def settle(self) -> None:
        """Let the queue do all that it has to do."""
        self.queue.settle(self.well)
