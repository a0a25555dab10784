"""The frame: nothing is ever raised, every error has its shape, and logs hold no words of it."""

import functools
import json
from collections.abc import Mapping
from typing import Any

import pytest
from verification.api.events import Answer, Call, Clients
from verification.api.handler import Api, Handler
from verification.api.native.http import NativeApi, problem
from verification.errors import (
    AddressNotAllowed,
    BudgetSpent,
    DeliveryFailed,
    DestinationNotAllowed,
    FieldFault,
    InternalError,
    InvalidFields,
    LimitExceeded,
    NotFound,
    ScopeMissing,
    ServiceError,
    SuspectedFraud,
    Unauthorized,
)
from verification.operations.ports import Remaining

from tests.fakes.calls import BATCH, SHOP, Context, FakeClients, http_event
from tests.unit.errors import SERVICE_ERRORS
from tests.unit.logs import lines, make_telemetry

ROUTE = "POST /v1/verifications"
SECRETS = "+31612345678 and 123456"


class Frame:
    """A handler whose one answer a test chooses, and what it logged."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.calls: list[Call] = []
        self.answer: Answer | Exception = Answer(201, {"id": "a"}, {"X-Own": "1"})
        self.api: Api = NativeApi()
        self.takes_direct = True
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    @functools.cached_property  # made inside the test: pytest closes the output of its setup
    def handler(self) -> Handler:
        return Handler(
            "start",
            self.api,
            {ROUTE: self._respond},
            self._respond if self.takes_direct else None,
            FakeClients(),
            make_telemetry(self._monkeypatch),
            {"GET /v1/health": lambda: Answer(200, {"status": "ok"})},
            {"/v1/verifications": "GET, POST"},
        )

    def _respond(self, call: Call) -> Answer:
        self.calls.append(call)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def http(self, **event: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.handler(http_event(**event), Context())
        assert answer["isBase64Encoded"] is False
        return answer

    def direct(self, event: Any, qualifier: str = "") -> Any:
        return self.handler(event, Context(qualifier))

    def logs(self) -> list[dict[str, Any]]:
        return lines(self._capsys.readouterr().out)


@pytest.fixture
def frame(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Frame:
    return Frame(monkeypatch, capsys)


def test_an_answer_over_http_is_json_that_nobody_keeps(frame: Frame) -> None:
    answer = frame.http(body={"to": "x"})
    assert answer["statusCode"] == 201
    assert answer["headers"] == {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "X-Own": "1",
    }
    assert json.loads(answer["body"]) == {"id": "a"}
    (call,) = frame.calls
    assert (call.client, call.fields) == (SHOP, {"to": "x"})


def test_an_answer_without_a_body_is_empty(frame: Frame) -> None:
    frame.answer = Answer(204)
    assert frame.http()["body"] == ""
    assert frame.direct({"client": "batch"}) == {}


@pytest.mark.parametrize(
    "text", ["OK an id", "ERROR 101", "", "caf\u00e9 \U0001f600", '{"id": "a"}']
)
@pytest.mark.parametrize("status", [200, 404])
def test_a_text_is_answered_as_it_is_and_nobody_keeps_it(
    frame: Frame, text: str, status: int
) -> None:
    frame.answer = Answer(status, text)
    answer = frame.http()
    assert (answer["statusCode"], answer["body"]) == (status, text)
    assert answer["headers"] == {
        "Content-Type": "text/plain; charset=utf-8",
        "Cache-Control": "no-store",
    }


def test_an_answer_may_say_its_own_type(frame: Frame) -> None:
    frame.answer = Answer(200, "<svg/>", {"Content-Type": "image/svg+xml"})
    answer = frame.http()
    assert (answer["body"], answer["headers"]["Content-Type"]) == ("<svg/>", "image/svg+xml")


def test_an_answer_to_a_direct_invoke_is_plain(frame: Frame) -> None:
    assert frame.direct({"client": "batch", "to": "x"}) == {"id": "a"}
    (call,) = frame.calls
    assert (call.client, call.fields) == (BATCH, {"to": "x"})


def test_an_error_over_http_is_problem_json(frame: Frame) -> None:
    frame.answer = LimitExceeded("The limit x is used up.", retry_after=7)
    answer = frame.http()
    assert answer["statusCode"] == 429
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert answer["headers"]["Retry-After"] == "7"
    assert json.loads(answer["body"]) == {
        "type": "urn:serverless-verify:limit_exceeded",
        "title": "A limit is used up",
        "status": 429,
        "code": "limit_exceeded",
        "detail": "The limit x is used up.",
        "retry_after": 7,
        "request_id": "request-1",
    }


@pytest.mark.parametrize("error", [LimitExceeded, BudgetSpent])
def test_a_limit_is_named_with_the_time_to_wait_and_counted(
    frame: Frame, error: type[LimitExceeded]
) -> None:
    frame.answer = error("It is used up.", retry_after=7, limit="client_starts")
    answer = frame.http()
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (429, "7")
    body = json.loads(answer["body"])
    assert (body["code"], body["limit"], body["retry_after"]) == (error.code, "client_starts", 7)
    directly = frame.direct({"client": "batch"})["error"]
    assert directly == body
    [counted, _] = [line for line in frame.logs() if "_aws" in line]
    assert counted["Limited"] == [1.0]
    assert counted["limit"] == "client_starts"


@pytest.mark.parametrize(
    ("error", "code", "detail"),
    [
        (ScopeMissing("It needs the scope start."), "scope_missing", "It needs the scope start."),
        (DestinationNotAllowed("Not to numbers of EE."), "destination_not_allowed", "Not to numb"),
        (SuspectedFraud("country_day."), "suspected_fraud", "country_day."),
    ],
)
def test_what_a_client_may_not_do_is_403_and_says_why(
    frame: Frame, error: ServiceError, code: str, detail: str
) -> None:
    frame.answer = error
    answer = frame.http()
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["status"], body["code"]) == (403, 403, code)
    assert body["detail"].startswith(detail)
    assert "Retry-After" not in answer["headers"] and "retry_after" not in body
    assert frame.logs()[-1]["code"] == code


def test_an_error_to_a_direct_invoke_stands_under_error(frame: Frame) -> None:
    frame.answer = InvalidFields(faults=[FieldFault("to", "is wrong")])
    answer = frame.direct({"client": "batch"})
    assert list(answer) == ["error"]
    assert answer["error"]["status"] == 422
    assert answer["error"]["errors"] == [{"field": "to", "message": "is wrong"}]
    for event, code in (({"client": "nobody"}, "unauthorized"), ([], "invalid_request")):
        assert frame.direct(event)["error"]["code"] == code


@pytest.mark.parametrize("event", [{"client": "batch"}, {"client": "nobody"}, {}, [], None])
@pytest.mark.parametrize("qualifier", ["", "shop"])
def test_without_an_answer_to_direct_invokes_each_is_refused(
    frame: Frame, event: Any, qualifier: str
) -> None:
    frame.takes_direct = False
    answer = frame.direct(event, qualifier)
    assert list(answer) == ["error"]
    assert (answer["error"]["status"], answer["error"]["code"]) == (400, "invalid_request")
    assert answer["error"]["detail"] == "This function takes no direct invokes."
    assert frame.calls == []
    assert frame.http()["statusCode"] == 201, "the other way in is open"


class TextApi:
    """An API that is not ours: everybody is the client `shop`, and errors are texts at 200."""

    def __init__(self, *, broken: ServiceError | Exception | None = None) -> None:
        self._broken = broken

    def read(self, event: Mapping[str, Any], remaining: Remaining, clients: Clients) -> Call:
        if self._broken:
            raise self._broken
        return Call(SHOP, {"said": event["body"]}, "", None, remaining)

    def refuse(self, error: ServiceError, request_id: str) -> Answer:
        return Answer(200, f"ERROR {error.code} {request_id}")


def test_another_api_reads_requests_in_its_own_way(frame: Frame) -> None:
    frame.api = TextApi()
    assert frame.http(body="not even JSON", headers={})["statusCode"] == 201
    (call,) = frame.calls
    assert (call.client, call.fields) == (SHOP, {"said": "not even JSON"})
    assert call.remaining() == Context().get_remaining_time_in_millis()


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (NotFound(), "verification_not_found"),
        (LimitExceeded("why", retry_after=7), "limit_exceeded"),
        (ValueError(SECRETS), "internal_error"),
    ],
)
@pytest.mark.parametrize("where", ["reading", "answering"])
def test_another_api_refuses_in_its_own_way_and_the_log_has_our_code(
    frame: Frame, raised: Exception, code: str, where: str
) -> None:
    if where == "reading":
        frame.api = TextApi(broken=raised)
    else:
        frame.api, frame.answer = TextApi(), raised
    answer = frame.http()
    assert (answer["statusCode"], answer["body"]) == (200, f"ERROR {code} request-1")
    assert answer["headers"]["Content-Type"] == "text/plain; charset=utf-8"
    logged = frame.logs()
    assert (logged[-1]["status"], logged[-1]["code"]) == (200, code)
    assert "31612345678" not in json.dumps(logged)


def test_another_api_refuses_a_method_that_is_not_routed(frame: Frame) -> None:
    frame.api = TextApi()
    assert frame.http(method="PUT")["body"] == "ERROR method_not_allowed request-1"


def test_a_direct_invoke_is_read_and_refused_as_ever_whatever_the_api(frame: Frame) -> None:
    frame.api = TextApi(broken=ValueError("not asked"))
    assert frame.direct({"client": "batch"}) == {"id": "a"}
    frame.answer = NotFound()
    assert frame.direct({"client": "batch"})["error"]["code"] == "verification_not_found"


@pytest.mark.parametrize("error", SERVICE_ERRORS)
def test_every_error_has_its_code_and_status(error: type[ServiceError]) -> None:
    answer = problem(error("why"), "r")
    assert isinstance(answer.body, dict)
    assert NativeApi().refuse(error("why"), "r") == answer
    assert (answer.status, answer.body["status"]) == (error.status, error.status)
    assert answer.body["type"] == f"urn:serverless-verify:{error.code}"
    assert {key: answer.body[key] for key in ("title", "code", "detail", "request_id")} == {
        "title": error.title,
        "code": error.code,
        "detail": "why",
        "request_id": "r",
    }
    assert ("WWW-Authenticate" in answer.headers) is (error is Unauthorized)


def test_an_error_says_only_what_it_knows() -> None:
    assert set(problem(NotFound(), "r").body or ()) == {
        "type",
        "title",
        "status",
        "code",
        "request_id",
    }
    failed = problem(DeliveryFailed("x", verification_id="an id"), "r").body
    assert isinstance(failed, dict)
    assert failed["verification_id"] == "an id"


def test_an_address_that_may_not_call_is_403_and_is_not_repeated() -> None:
    answer = problem(AddressNotAllowed(), "r")
    assert (answer.status, set(answer.headers)) == (403, {"Content-Type"})
    assert answer.body == {
        "type": "urn:serverless-verify:address_not_allowed",
        "title": "This client may not call from this address",
        "status": 403,
        "code": "address_not_allowed",
        "request_id": "r",
    }


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer shop.wrong"}, {"Authorization": "Basic x"}]
)
def test_without_credentials_it_is_401_and_says_how(frame: Frame, headers: dict[str, str]) -> None:
    answer = frame.http(headers=headers)
    assert answer["statusCode"] == 401
    assert answer["headers"]["WWW-Authenticate"] == "Bearer"
    body = json.loads(answer["body"])
    assert body["code"] == "unauthorized" and "detail" not in body
    assert frame.calls == []


@pytest.mark.parametrize("headers", [None, {}])
def test_a_method_that_is_not_routed_is_405_with_those_that_are(
    frame: Frame, headers: dict[str, str] | None
) -> None:
    answer = frame.http(method="PUT", headers=headers)
    assert answer["statusCode"] == 405
    assert answer["headers"]["Allow"] == "GET, POST"
    assert json.loads(answer["body"])["code"] == "method_not_allowed"
    assert frame.calls == []


def test_an_open_route_needs_no_credentials(frame: Frame) -> None:
    answer = frame.http(method="GET", resource="/v1/health", headers={})
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "ok"})


@pytest.mark.parametrize("error", [ValueError(SECRETS), KeyError(SECRETS), RecursionError(SECRETS)])
def test_a_fault_of_ours_is_500_and_neither_answer_nor_log_has_its_words(
    frame: Frame, error: Exception
) -> None:
    frame.answer = error
    answer = frame.http()
    assert answer["statusCode"] == 500
    body = json.loads(answer["body"])
    assert body == {
        "type": "urn:serverless-verify:internal_error",
        "title": InternalError.title,
        "status": 500,
        "code": "internal_error",
        "request_id": "request-1",
    }
    assert frame.direct({"client": "batch"}) == {"error": body}
    logged = frame.logs()
    assert "31612345678" not in json.dumps(logged) and "123456" not in json.dumps(logged)
    crashed = logged[0]
    assert (crashed["message"], crashed["error"]) == ("request_crashed", type(error).__name__)
    assert any("_respond" in where for where in crashed["where"])


@pytest.mark.parametrize(
    "event",
    [
        *(None, [], "x", 1, {}, {"httpMethod": "GET"}, {"Records": []}),
        # Only like one of API Gateway's, so a direct invoke, whose answer is plain.
        *(http_event() | {name: None} for name in ("httpMethod", "resource", "requestContext")),
    ],
)
def test_whatever_comes_something_is_answered(frame: Frame, event: Any) -> None:
    assert frame.direct(event)["error"]["code"] in ("invalid_request", "unauthorized")


@pytest.mark.parametrize(
    "broken",
    [
        {"headers": ["x"]},
        {"headers": {"a": None}},
        {"pathParameters": ["x"]},
        {"httpMethod": ""},
        {"resource": ""},
        {"queryStringParameters": "x"},
    ],
)
def test_a_malformed_event_is_answered_too(frame: Frame, broken: dict[str, Any]) -> None:
    answer = frame.handler(http_event() | broken, Context())
    assert answer["statusCode"] in (201, 400, 401, 405, 500)


def test_each_request_is_logged_once_with_its_correlation_id(frame: Frame) -> None:
    frame.http()
    frame.http(headers={})
    frame.answer = NotFound()
    frame.direct({}, "shop")
    answered = [line for line in frame.logs() if line["message"] == "request_answered"]
    assert [
        (line["operation"], line["client_id"], line["status"], line["code"]) for line in answered
    ] == [
        ("start", "shop", 201, "ok"),
        ("start", "", 401, "unauthorized"),
        ("start", "shop", 404, "verification_not_found"),
    ]
    assert {line["correlation_id"] for line in answered} == {"request-1"}


def test_an_answer_with_a_field_named_code_is_no_error(frame: Frame) -> None:
    frame.answer = Answer(200, {"code": "123456"})
    frame.http()
    assert frame.logs()[-1]["code"] == "ok"
