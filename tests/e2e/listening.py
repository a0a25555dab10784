"""Others that hear of events: a queue of their own behind the bus, and a web server."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from tests.local.stack import Stack

PATIENCE = 90  # seconds until the last event is there, on a busy machine


class Listener:
    """A queue that a rule of the user's brings a client's events to."""

    def __init__(self, stack: Stack, client_id: str) -> None:
        self._sqs = stack.aws("sqs")
        name = f"hears-{client_id}"
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        events = stack.aws("events")
        pattern = {"source": ["serverless-verify"], "detail": {"client_id": [client_id]}}
        events.put_rule(Name=name, EventBusName=stack.event_bus, EventPattern=json.dumps(pattern))
        target = {"Id": "hears", "Arn": arn["Attributes"]["QueueArn"]}
        events.put_targets(Rule=name, EventBusName=stack.event_bus, Targets=[target])
        self.told: list[dict[str, Any]] = []

    def hear(self) -> bool:
        """Take what there is; whether there was anything."""
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        messages = answer.get("Messages", [])
        for message in messages:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            self.told.append(json.loads(message["Body"]))
        return bool(messages)

    def hear_until(self, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Listen until it is enough, and a moment longer: nothing else may come.

        Returns:
            All events that came, as the bus brought them.
        """
        give_up = time.monotonic() + PATIENCE
        while not enough(self.told) and time.monotonic() < give_up:
            if not self.hear():
                time.sleep(0.2)
        quiet_until = time.monotonic() + 3
        while time.monotonic() < quiet_until:
            if not self.hear():
                time.sleep(0.2)
        return self.told


@dataclass(frozen=True)
class Posted:
    """A request to a receiver; the names of headers are in lower case."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)["data"]
        return event


class Receiver:
    """A web server that webhooks lead to.

    Attributes:
        status: what it answers.
        posted: what it was sent, whatever it answered.
        location: where it redirects to, if anywhere.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/events"
        self.status = 204
        self.location: str | None = None
        self.posted: list[Posted] = []
        self.taken: list[Posted] = []
        self._lock = Lock()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        with self._lock:
            one = Posted(headers, body)
            self.posted.append(one)
            if 200 <= self.status < 300:
                self.taken.append(one)
            return self.status


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(one.take(headers, body))
            if one.location:
                self.send_header("Location", one.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: the test says what was wrong."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one = Receiver(server.server_port)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
