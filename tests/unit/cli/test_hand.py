"""By hand: what functions are asked, and what is made of their answers."""

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from verification.cli.__main__ import main

from tests.fakes.operator import Operator

BY = ("--client", "shop")


class Functions:
    """Lambda with functions that answer alike."""

    def __init__(self, answer: Mapping[str, Any], **more: str) -> None:
        self.answer, self._more = answer, more
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def invoke(self, FunctionName: str, Payload: str) -> Any:  # noqa: N803 botocore's names
        self.asked.append((FunctionName, json.loads(Payload)))
        return {"Payload": io.BytesIO(json.dumps(self.answer).encode()), **self._more}


def answering(operator: Operator, answer: Mapping[str, Any], **more: str) -> Functions:
    operator.clients["lambda"] = functions = Functions(answer, **more)
    return functions


def test_a_start_is_asked_for_once_and_shown_masked(operator: Operator) -> None:
    functions = answering(operator, {"id": "x", "to": "+31612345678"})
    argv = ("start", "+31 6 12345678", *BY, "--channel", "sms", "--validity", "10m")
    assert operator.runs(*argv) == {"id": "x", "to": "+316*****678"}
    ((function, asked),) = functions.asked
    assert len(asked.pop("idempotency_key")) > 30
    assert (function, asked) == (
        "start",
        {"client": "shop", "to": "+31612345678", "channel": "sms", "validity": 600},
    )


def test_a_code_that_is_not_named_is_asked_for_and_never_shown(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = answering(operator, {"id": "x", "valid": True})
    monkeypatch.setattr("sys.stdin", io.StringIO("123-456\n"))
    assert "123-456" not in operator.prints("verify", "x", *BY)
    assert functions.asked[0][1]["code"] == "123-456"
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert operator.fails("verify", "x", *BY).startswith("Say the code")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "654321")
    operator.runs("verify", "x", *BY)
    assert functions.asked[-1][1]["code"] == "654321"


def test_a_wrong_code_ends_with_1(operator: Operator) -> None:
    answering(operator, {"id": "x", "valid": False, "reason": "incorrect"})
    assert "incorrect" in operator.prints("verify", "x", *BY, "--code", "123456", failed=True)


def test_a_lookup_is_masked_by_the_function_too(operator: Operator) -> None:
    functions = answering(operator, {"id": "x", "to": None})
    assert operator.runs("lookup", "x", *BY) == {"id": "x", "to": None}
    functions.answer = {"verifications": [{"id": "y", "to": "+316*****678"}]}
    assert operator.runs("lookup", "--to", "+31612345678", *BY)[0]["to"] == "+316*****678"
    assert all(asked["masked"] for _, asked in functions.asked)


@pytest.mark.parametrize("argv", [(), ("x", "--to", "+31612345678")])
def test_a_lookup_is_of_one_or_of_a_destination(operator: Operator, argv: tuple[str, ...]) -> None:
    assert operator.fails("lookup", *argv, *BY).startswith("Say which")


def test_a_delete_answers_which(operator: Operator) -> None:
    functions = answering(operator, {})
    assert operator.runs("delete", "x", *BY) == {"deleted": "x"}
    assert functions.asked == [("delete", {"client": "shop", "id": "x"})]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ({"title": "No such verification", "code": "verification_not_found"},
         "No such verification (verification_not_found)."),
        ({"title": "Too many", "code": "limit_exceeded", "retry_after": 60, "detail": "sends"},
         "Too many; sends; try again in 60 s (limit_exceeded)."),
        ({"title": "Wrong", "code": "invalid_fields",
          "errors": [{"field": "to", "message": "is none"}]},
         "Wrong; to is none (invalid_fields)."),
    ],
)  # fmt: skip
def test_an_error_is_told_in_the_words_of_the_api(
    operator: Operator, error: Mapping[str, Any], says: str
) -> None:
    answering(operator, {"error": error})
    assert operator.fails("lookup", "x", *BY) == says


def test_a_client_that_may_not_be_named_is_told_how_to_be(operator: Operator) -> None:
    answering(operator, {"error": {"title": "Unauthorized", "code": "unauthorized"}})
    assert "--direct-invoke" in operator.fails("delete", "x", *BY)


def test_the_words_of_a_crash_are_not_printed(operator: Operator) -> None:
    answering(operator, {"errorMessage": "123456"}, FunctionError="Unhandled")
    said = operator.fails("verify", "x", *BY, "--code", "123456")
    assert said == "The function verify failed; its log says where."


def test_by_whom_must_be_said(operator: Operator) -> None:
    for argv in (["start", "+31612345678"], ["verify", "x"], ["lookup", "x"], ["delete", "x"]):
        assert operator.refused(*argv) == "the following arguments are required: --client"
    with pytest.raises(SystemExit):
        main(["start", "nothing", *BY])
