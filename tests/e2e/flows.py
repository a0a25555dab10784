"""Whole flows of a verification over HTTP, many of them one after the other in a process."""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.e2e.talking import code_in, wrong
from tests.e2e.test_flows import age
from tests.local.stack import Credentials, Stack

MAX_ATTEMPTS = 5
PATIENCE = 120  # seconds for an answer, on a machine that has much else to do


@dataclass(frozen=True)
class Seen:
    """What a caller saw of a verification in the end."""

    id: str
    to: str
    status: str
    attempts: int
    sends: int


@dataclass
class Tally:
    """What came of some flows.

    Attributes:
        requests: how many of each kind.
        errors: answers that were not as they should be.
    """

    seen: list[Seen] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.seen += other.seen
        self.requests += other.requests
        self.errors += other.errors


class Unexpected(Exception):
    """An answer that is not as it should be; the flow ends there."""


class Caller:
    """A client that goes through flows."""

    def __init__(self, stack: Stack, client: Credentials) -> None:
        self._stack = stack
        self._session = requests.Session()
        self._session.headers["Authorization"] = client.bearer
        self.tally = Tally()

    def ask(self, method: str, path: str, body: Any = None, *, expect: int) -> Any:
        """The JSON of an answer.

        Raises:
            Unexpected: it has another status.
        """
        url = self._stack.api_url + path
        answer = self._session.request(method, url, json=body, timeout=PATIENCE)
        self.tally.requests[method] += 1
        if answer.status_code != expect:
            told = f"{answer.status_code} {answer.text}"
            raise Unexpected(f"{method} {path}: {expect} was expected, not {told}")
        return answer.json() if answer.content else None

    def guess(self, path: str, code: str, **expected: Any) -> None:
        """Guess a code.

        Raises:
            Unexpected: the verdict is another one.
        """
        verdict = self.ask("POST", f"{path}/verify", {"code": code}, expect=200)
        if {name: verdict[name] for name in expected} != expected:
            raise Unexpected(f"{path}: {expected} was expected, not {verdict}")

    def flow(self, to: str, choice: random.Random) -> None:
        """Start, guess, and more; what was seen in the end goes to the tally.

        Raises:
            Unexpected: an answer is not as it should be.
        """
        started = self.ask("POST", "/v1/verifications", {"to": to}, expect=201)
        path, sends = f"/v1/verifications/{started['id']}", 1
        [text] = self._stack.texts_to(to)
        code = code_in(text)
        end = choice.choices(("right", "failed", "left", "deleted"), (80, 5, 5, 10))[0]
        wrongs = MAX_ATTEMPTS if end == "failed" else choice.choice((0, 0, 1, 2))
        for n in range(wrongs):
            self.guess(path, wrong(code, n + 1), valid=False, reason="incorrect", attempts=n + 1)
        if choice.random() < 0.1 and end != "failed":
            age(self._stack, started["id"], -60)  # however long this takes, it is too early
            refused = self.ask("POST", f"{path}/resend", expect=429)
            if refused["code"] != "resend_too_early":
                raise Unexpected(f"{path}: {refused}")
        if choice.random() < 0.1 and end != "failed":
            self._send_again(path, started["id"], to, code)
            sends += 1
        if end == "right":
            self.guess(path, code, valid=True, status="verified", attempts=wrongs + 1)
        elif end == "failed":
            self.guess(path, code, valid=False, reason="exhausted")
        shown = self.ask("GET", path, expect=200)
        if end == "deleted" or choice.random() < 0.1:
            self.ask("DELETE", path, expect=204)
            self.guess(path, code, valid=False, reason="canceled")
            shown = self.ask("GET", path, expect=200)
        seen = Seen(started["id"], to, shown["status"], shown["attempts"], len(shown["sends"]))
        if seen.sends != sends:
            raise Unexpected(f"{path}: {sends} sends were expected, not {shown['sends']}")
        self.tally.seen.append(seen)

    def _send_again(self, path: str, verification_id: str, to: str, code: str) -> None:
        age(self._stack, verification_id, 31)
        self.ask("POST", f"{path}/resend", expect=200)
        texts = self._stack.texts_to(to)
        if [code_in(text) for text in texts] != [code, code]:
            raise Unexpected(f"{path}: the same code twice was expected")


def go(stack: Stack, client: Credentials, numbers: list[str], seed: int) -> Tally:
    """A flow to each number; an error ends its flow alone."""
    caller, choice = Caller(stack, client), random.Random(seed)
    for to in numbers:
        try:
            caller.flow(to, choice)
        except (Unexpected, requests.RequestException) as error:
            caller.tally.errors.append(str(error))
    return caller.tally
