"""What the drop-in APIs cost at the wire: no more than the operations they stand on."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from verification.api.dialects.messagebird.http import MessageBirdApi
from verification.api.dialects.messagebird.routes import MessageBird
from verification.api.events import Answer, Call
from verification.domain.policy import Client
from verification.errors import NotFound
from verification.wiring import Stack, clock

from tests.integration.commands import CLIENT, a_number, remaining, wrong
from tests.integration.conftest import Place
from tests.integration.test_wire import warm  # noqa: F401 a fixture

type Bird = Callable[..., Answer]


@pytest.fixture
def bird(warm: Any) -> tuple[Bird, Counter[str]]:  # noqa: F811 the fixture above
    """MessageBird's API by the real parts, and the count of AWS calls."""
    stack: Stack
    stack, calls = warm()
    parts = stack.start(), stack.verify(), stack.lookup(), stack.delete()
    routes = MessageBird(MessageBirdApi(), *parts, clock).routes

    def ask(route: str, name: str = "", client: Client = CLIENT, **fields: str) -> Answer:
        calls.clear()
        return routes[route](Call(client, fields, name, None, remaining))

    return ask, calls


def begin(place: Place, ask: Bird, **fields: str) -> tuple[str, str]:
    """A verification and its token."""
    to = a_number()
    made = ask("POST /verify", recipient=to, template="%token", **fields)
    assert made.status == 201 and isinstance(made.body, dict)
    (token,) = place.texts_to(to)
    return made.body["id"], token


OUTCOMES = {
    "right": 200,
    "wrong": 422,
    "failed": 422,
    "already processed": 422,
    "deleted": 422,
    "unknown": 404,
    "another client's": 404,
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_token_takes_one_call_whatever_the_outcome(
    real_place: Place, bird: tuple[Bird, Counter[str]], outcome: str
) -> None:
    ask, calls = bird
    name, token = begin(real_place, ask, maxAttempts="1" if outcome == "failed" else "3")
    if outcome == "failed":
        ask("GET /verify/{id}", name, token=wrong(token))
    if outcome == "already processed":
        ask("GET /verify/{id}", name, token=token)
    if outcome == "deleted":
        ask("DELETE /verify/{id}", name)
    if outcome == "unknown":
        name = name[:-2] + "zz"
    if outcome == "wrong":
        token = wrong(token)
    client = Client("other-a2345678", CLIENT.profile) if outcome == "another client's" else CLIENT
    if OUTCOMES[outcome] == 404:
        with pytest.raises(NotFound):
            ask("GET /verify/{id}", name, client, token=token)
    else:
        assert ask("GET /verify/{id}", name, token=token).status == OUTCOMES[outcome]
    assert calls == {"dynamodb.UpdateItem": 1}


@pytest.mark.parametrize("token", ["", "abc"])
def test_what_cannot_be_a_token_takes_no_call(
    real_place: Place, bird: tuple[Bird, Counter[str]], token: str
) -> None:
    ask, calls = bird
    name, _ = begin(real_place, ask)
    assert ask("GET /verify/{id}", name, token=token).status == 422
    assert calls == {}


@pytest.mark.parametrize("route", ["GET /verify/{id}", "GET /messages/{id}"])
def test_a_look_takes_one_query(
    real_place: Place, bird: tuple[Bird, Counter[str]], route: str
) -> None:
    ask, calls = bird
    name, _ = begin(real_place, ask)
    assert ask(route, name).status == 200
    assert calls == {"dynamodb.Query": 1}


def test_a_create_takes_what_a_start_takes(
    real_place: Place, bird: tuple[Bird, Counter[str]]
) -> None:
    ask, calls = bird
    begin(real_place, ask)
    assert calls == {
        "dynamodb.BatchGetItem": 1,
        "sqs.SendMessage": 1,
        "dynamodb.TransactWriteItems": 1,
        "sns.Publish": 1,
        "dynamodb.UpdateItem": 1,
    }
