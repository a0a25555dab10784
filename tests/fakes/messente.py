"""The function `messente` on a stack in memory, called as its clients call it."""

import copy
import functools
import json
import runpy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from verification import wiring
from verification.api.handler import Handler
from verification.api.native.http import NativeApi
from verification.domain.policy import Client, Profile
from verification.storage.directory import hash_secret
from verification.telemetry import Telemetry

from .calls import SECRET, SHOP, Context, FakeClients, http_event
from .stack import FakeStack

APP = Path(__file__).parents[2] / "functions/messente/app.py"
FENCED = Client("fenced", Profile("Fenced"), networks=("198.51.100.0/24",))
KNOWN = Client("known", Profile("Known"), senders=("Shop", "+3197010"))
TESTER = Client("tester", Profile("Tester"), test=True)
WORDY = Client("wordy", Profile("x" * 21))  # a brand that no message can have
NUMBER = "31612345678"

WAYS = ("query", "posted query", "form", "json")
_BODIES = {"form": "application/x-www-form-urlencoded", "json": "application/json"}


class _Clients(FakeClients):
    """Clients whose secrets are hashed, which fails for what is no text."""

    def authenticate(self, client_id: str, secret: str) -> Client:
        hash_secret(secret)
        return super().authenticate(client_id, secret)


class _Wiring:
    """What the function asks of `wiring.Stack`, from a stack in memory; its telemetry is real."""

    def __init__(self, stack: FakeStack, telemetry: Telemetry) -> None:
        self._stack = stack
        self._telemetry = telemetry

    def start_unless_trusted(self) -> Any:
        real = self._telemetry
        sender = replace(self._stack.sender, telemetry=real)
        start = replace(self._stack.start, sender=sender, telemetry=real)
        return replace(self._stack.start_unless_trusted, start=start, telemetry=real)

    def verify_and_trust(self) -> Any:
        verify = replace(self._stack.verify, telemetry=self._telemetry)
        return replace(self._stack.verify_and_trust, verify=verify, telemetry=self._telemetry)

    def trusted_devices(self) -> Any:
        return self._stack.trusted_devices

    def prove(self) -> None:
        """Memory needs no proof."""

    def handler(self, operation: str, routes: Any, api: Any = None) -> Handler:
        clients = _Clients(FENCED, KNOWN, TESTER, WORDY)
        return Handler(operation, api or NativeApi(), routes, None, clients, self._telemetry)


class Messente:
    """The function and its callers.

    Args:
        make_telemetry: asked at the first call: pytest closes the output of a fixture's setup.
    """

    def __init__(
        self,
        stack: FakeStack,
        make_telemetry: Callable[[pytest.MonkeyPatch], Telemetry],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.stack = stack
        self._client = SHOP
        self._make_telemetry = make_telemetry
        self._monkeypatch = monkeypatch

    @functools.cached_property
    def _handler(self) -> Any:
        made = _Wiring(self.stack, self._make_telemetry(self._monkeypatch))
        self._monkeypatch.setattr(wiring, "Stack", lambda: made)
        return runpy.run_path(str(APP))["handler"]

    def by(self, client: Client) -> "Messente":
        """The same function, called by another client."""
        other = copy.copy(self)
        other._client = client
        return other

    def start(self, way: str = "query", /, **fields: Any) -> str:
        """The answer to a start, of a number unless `to` is given; None leaves a field out."""
        return self.call("/verify/start", {"to": NUMBER, **fields}, way)

    def begin(self, **fields: Any) -> tuple[str, str]:
        """The id of what a start has started, and the PIN that was sent."""
        word, verification_id = self.start(**fields).split()
        assert word == "OK"
        return verification_id, self.stack.messenger.sent[-1].code

    def pin(self, way: str = "query", /, **fields: Any) -> str:
        """The answer to a PIN."""
        return self.call("/verify/pin", fields, way)

    def call(self, path: str, fields: Mapping[str, Any], way: str = "query") -> str:
        """The answer to a request with credentials; None leaves a field out."""
        fields = {"username": self._client.id, "password": SECRET, **fields}
        given = {name: value for name, value in fields.items() if value is not None}
        if way in _BODIES:
            return self.post(path, json.dumps(given) if way == "json" else urlencode(given), way)
        return self.ask(path, given.items(), "POST" if way == "posted query" else "GET")

    def post(
        self, path: str, body: str, way: str, query: Iterable[tuple[str, str]] = (), /, **event: Any
    ) -> str:
        """The answer to a body."""
        return self.ask(
            path, query, "POST", body=body, headers={"content-type": _BODIES[way]}, **event
        )

    def ask(
        self, path: str, query: Iterable[tuple[str, Any]] = (), method: str = "GET", /, **event: Any
    ) -> str:
        """The answer; always HTTP 200, text, and one line."""
        several: dict[str, list[str]] = {}
        for name, value in query:
            several.setdefault(name, []).append(str(value))
        last = {name: values[-1] for name, values in several.items()}
        answer = self.raw(
            http_event(
                method,
                path,
                **{"headers": {}, **event},
                queryStringParameters=last or None,
                multiValueQueryStringParameters=several or None,
            )
        )
        assert answer["statusCode"] == 200
        assert answer["headers"]["Content-Type"].startswith("text/plain")
        assert answer["headers"]["Cache-Control"] == "no-store"
        body: str = answer["body"]
        assert body.isprintable()
        return body

    def raw(self, event: Any) -> Any:
        """What the function returns to an event."""
        return self._handler(event, Context())
