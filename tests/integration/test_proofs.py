"""What is not there, or is not what it should be, stops a function at INIT with one sentence."""

import gc
import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.session import get_session
from verification import wiring
from verification.errors import ConfigurationError
from verification.wiring import Stack

from tests.integration.conftest import Place

# Each function's parts, as its app.py makes them.
FUNCTIONS: dict[str, Callable[[Stack], object]] = {
    "start": lambda stack: (stack.start(), stack.handler("start", {})),
    "verify": lambda stack: (stack.verify(), stack.handler("verify", {})),
    "lookup": lambda stack: (stack.lookup(), stack.handler("lookup", {})),
    "delete": lambda stack: (stack.delete(), stack.handler("delete", {})),
    "resend": lambda stack: (stack.resend(), stack.look_after(), stack.handler("resend", {})),
    "tally": lambda stack: stack.stream_handler(),
    "reports": lambda stack: stack.take_report(),
}
IN_LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "start"}


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    """What is made here does not stay, as it would in Lambda."""
    yield
    gc.unfreeze()
    gc.enable()


def initialise(place: Place, function: str, **settings: str) -> None:
    stack = place.stack(**(IN_LAMBDA | settings))
    FUNCTIONS[function](stack)
    stack.prove()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_there_proves_itself(place: Place, function: str) -> None:
    initialise(place, function)


@pytest.mark.parametrize("kind", ["on-demand", "snap-start"])
def test_from_the_end_of_init_on_garbage_is_collected(place: Place, kind: str) -> None:
    gc.disable()  # as verification/__init__.py does in Lambda
    initialise(place, "verify", AWS_LAMBDA_INITIALIZATION_TYPE=kind)
    assert gc.isenabled()
    assert gc.get_freeze_count()


def test_a_service_that_does_not_answer_is_not_waited_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INIT has ten seconds; with what else may be wrong then, one sentence is the answer."""
    monkeypatch.setattr(wiring, "PROOF_SECONDS", 0.5)
    ended = threading.Event()

    def hang() -> None:
        ended.wait(30)

    stack = place.stack(**IN_LAMBDA, SESSIONS_TABLE="nothing-here")
    stack._proofs["sqs"].append(hang)
    FUNCTIONS["verify"](stack)
    with pytest.raises(ConfigurationError, match="there is no nothing-here"):
        stack.prove()
    assert not ended.is_set()
    ended.set()


@pytest.mark.parametrize(
    ("function", "variable"),
    [
        *((function, "SESSIONS_TABLE") for function in FUNCTIONS),
        *((f, "DIRECTORY_TABLE") for f in FUNCTIONS if f not in ("tally", "reports")),
        *((f, "CODE_KEYS_SECRET") for f in ("start", "verify", "resend")),
        *((f, "RESEND_QUEUE_URL") for f in ("start", "resend", "reports")),
        *((f, "IDENTITY_KEY_SECRET") for f in ("start", "verify", "lookup", "tally", "reports")),
    ],
)
def test_a_name_of_nothing_stops_at_init(place: Place, function: str, variable: str) -> None:
    sentence = f"{variable}: there is no nothing-here."
    with pytest.raises(ConfigurationError, match=f"^{re.escape(sentence)}$"):
        initialise(place, function, **{variable: "nothing-here"})


@pytest.mark.parametrize(
    ("variable", "text", "sentence"),
    [
        (
            "CODE_KEYS_SECRET",
            "{}",
            'must hold keys under one-character ids (a-z, 0-9) and "newest"',
        ),
        ("CODE_KEYS_SECRET", '{"newest": "a", "a": "short"}', "must hold a text of 32 characters"),
        ("IDENTITY_KEY_SECRET", "no JSON", "must be a JSON object"),
        ("IDENTITY_KEY_SECRET", json.dumps({"key": "short"}), "must hold a text of 32 characters"),
    ],
)
def test_a_secret_that_is_none_stops_at_init(
    real_place: Place, variable: str, text: str, sentence: str
) -> None:
    secrets: Any = get_session().create_client("secretsmanager")
    name = secrets.create_secret(Name=f"wrong-{variable}-{len(text)}", SecretString=text)["Name"]
    with pytest.raises(ConfigurationError, match=re.escape(sentence)) as caught:
        initialise(real_place, "start", **{variable: name})
    assert name in str(caught.value)
    assert text not in str(caught.value)


def test_nothing_is_written_by_a_proof(real_place: Place) -> None:
    def count() -> int:
        tables = (real_place.sessions, real_place.environ["DIRECTORY_TABLE"])
        return sum(real_place.dynamodb.scan(TableName=name)["Count"] for name in tables)

    before = count()
    for function in FUNCTIONS:
        initialise(real_place, function)
    assert count() == before


@pytest.mark.parametrize(
    "settings",
    [
        {"AWS_LAMBDA_FUNCTION_NAME": ""},
        {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"},
        {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"},
    ],
)
def test_nothing_is_proven_where_nothing_can_be(
    real_place: Place, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    wrong = {"SESSIONS_TABLE": "nothing-here", "DIRECTORY_TABLE": "nothing-here"}
    initialise(real_place, "verify", **(wrong | settings))
