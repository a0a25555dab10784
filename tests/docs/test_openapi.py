"""docs/openapi.yaml says what the code answers, field by field and code by code."""

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from pydantic import BaseModel
from verification.api.native.devices import DevicesFields
from verification.api.native.http import problem
from verification.api.native.lookup import ListFields, LookupFields
from verification.api.native.page import PageFields
from verification.api.native.resend import ResendFields
from verification.api.native.start import StartFields
from verification.api.native.totp import ConfirmFields, EnrolFields
from verification.api.native.verify import VerifyFields
from verification.api.native.views import show, show_verdict
from verification.api.reports.handler import make_reports_handler
from verification.domain.guard import Suspicion
from verification.domain.limits import LimitName
from verification.domain.pages import PageResult
from verification.domain.policy import Scope
from verification.domain.report import Report
from verification.domain.verification import (
    Channel,
    Delivery,
    Outcome,
    Reason,
    Record,
    Send,
    Status,
    Try,
    Verdict,
)
from verification.errors import FieldFault, TemporarilyUnavailable
from verification.operations.verify import ASK_AGAIN
from verification.telemetry import Telemetry

from tests.docs.conftest import Clients
from tests.docs.sources import (
    EMAIL_ID,
    ERRORS,
    ID,
    IP,
    PAGE,
    PROBLEM,
    SERVICE,
    USER,
    VENDORS,
    VOICE_ID,
    Context,
    Run,
    api_events,
    check_answer,
    examples,
    of_model,
    openapi,
    operations,
    plain,
    read,
    resolved,
    resources,
    schema,
)
from tests.fakes.calls import http_event
from tests.fakes.samples import make_verification

FORM = "application/x-www-form-urlencoded"
REPORTS = "/v1/reports/{provider}/{token}"
PAGES = "/v1/pages/{token}"


def gateway_codes() -> set[str]:
    """The codes of the answers that API Gateway gives by itself."""
    answers = resources("AWS::Serverless::Api")["Api"]["Properties"]["GatewayResponses"]
    texts = [answer["ResponseTemplates"]["application/json"] for answer in answers.values()]
    return {json.loads(text)["code"] for text in texts}


def codes(response: dict[str, Any]) -> set[str]:
    """The error codes of the native API that a response may carry."""
    content = resolved(response)["content"].get(PROBLEM)
    rules = content["schema"]["allOf"][1:] if content else ()
    return {code for rule in rules for code in rule["properties"]["code"]["enum"]}


def test_the_document_is_valid_openapi() -> None:
    validate(openapi())


def test_its_error_codes_are_those_of_the_code_and_of_the_gateway() -> None:
    written = {c for r in openapi()["components"]["responses"].values() for c in codes(r)}
    assert written == (ERRORS.keys() - {"already_exists"}) | gateway_codes()  # Verigator's alone


def test_every_error_stands_under_its_own_status() -> None:
    wrong = [
        (method, path, status, code)
        for method, path, operation in operations()
        for status, response in operation["responses"].items()
        if int(status) >= 400
        for code in codes(response)
        if code in ERRORS and ERRORS[code].status != int(status)
    ]
    assert wrong == []


def test_every_error_of_the_native_api_is_a_problem() -> None:
    kinds = {
        kind
        for _, _, operation in operations()
        if not {*VENDORS, "pages"} & {*operation["tags"]}
        for status, response in operation["responses"].items()
        if int(status) >= 400
        for kind in resolved(response)["content"]
    }
    assert kinds == {PROBLEM}


@pytest.mark.parametrize("code", ERRORS)
def test_every_error_looks_like_the_problem_that_is_written(code: str) -> None:
    error = ERRORS[code](
        "Why.",
        retry_after=1,
        faults=[FieldFault("to", "why")],
        verification_id=ID,
        allow="GET",
        limit=LimitName.DESTINATION_SENDS,
    )
    answer = problem(error, "a-request")
    assert isinstance(answer.body, dict)
    Draft202012Validator(schema("Problem")).validate(answer.body)
    assert answer.body.keys() == schema("Problem")["properties"].keys()


def test_the_paths_and_methods_are_those_of_the_template() -> None:
    written = {f"{method} {path}" for method, path, _ in operations()}
    refused = {
        f"{method.upper()} {path}"
        for path, item in openapi()["paths"].items()
        for method in item["x-answers-405"]
    }
    assert not written & refused
    assert written | refused == set().union(*api_events().values())


def test_allow_names_the_methods_that_are_written() -> None:
    module = ast.parse(read("functions/lookup/app.py"))
    (said,) = (
        ast.literal_eval(statement.value)
        for statement in module.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and statement.targets[0].id == "METHODS"
    )
    allowed = {path: set(text.split(", ")) for path, text in said.items()}
    written: dict[str, set[str]] = {}
    for method, path, _ in operations():
        if openapi()["paths"][path]["x-answers-405"]:
            written.setdefault(path, set()).add(method)
    assert allowed == written


def test_only_health_pages_and_reports_are_open() -> None:
    open_ones = [(method, path) for method, path, o in operations() if o.get("security") == []]
    assert open_ones == [
        ("GET", PAGES),
        ("POST", PAGES),
        ("GET", "/v1/health"),
        ("GET", REPORTS),
        ("POST", REPORTS),
    ]


def test_reports_have_an_api_of_their_own() -> None:
    events = resources("AWS::Serverless::Function")["ReportsFunction"]["Properties"]["Events"]
    by_api = {
        (e["Properties"]["Path"], str(e["Properties"]["RestApiId"]))
        for e in events.values()
        if e["Type"] == "Api"
    }
    assert by_api == {(REPORTS, "{'Ref': 'ReportsApi'}")}
    assert [path for path, item in openapi()["paths"].items() if "servers" in item] == [
        path for path, _ in by_api
    ]


def report_event(token: str) -> dict[str, Any]:
    """A report of Messente, as API Gateway hands it over."""
    return {
        "httpMethod": "POST",
        "resource": REPORTS,
        "requestContext": {"resourcePath": REPORTS},
        "pathParameters": {"provider": "messente", "token": token},
        "body": '{"status": "DELIVRD"}',
    }


@pytest.mark.parametrize("token", ["good", "", "no token at all"])
def test_everybody_gets_the_answer_to_a_report_that_is_written(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Docs")
    answer = make_reports_handler(lambda report: None, Telemetry())(report_event(token), Context())
    written = resolved(openapi()["paths"][REPORTS]["post"]["responses"])
    assert answer["statusCode"] == 200
    body = json.loads(answer["body"])
    Draft202012Validator(written["200"]["content"]["application/json"]["schema"]).validate(body)


def test_a_report_that_cannot_be_written_down_is_answered_503(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Docs")

    def take(report: Report) -> None:
        raise TemporarilyUnavailable(retry_after=1)

    answer = make_reports_handler(take, Telemetry())(report_event("good"), Context())
    assert answer["statusCode"] == 503


# ---------------------------------------------------------------------------- requests


def of_object(model: type[BaseModel]) -> dict[str, Any]:
    """A model as the schema of a field."""
    required = model.model_json_schema()["required"]
    return {"required": required, "additionalProperties": False, "properties": of_model(model)}


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (StartFields, "Start"),
        (VerifyFields, "Guess"),
        (ResendFields, "Resend"),
        (EnrolFields, "AppEnrol"),
        (ConfirmFields, "AppCode"),
    ],
)
def test_a_body_is_written_as_it_is_checked(model: type[BaseModel], name: str) -> None:
    written, checked = schema(name), of_model(model)
    if model is StartFields:  # which has its page checked by another model
        checked["page"] |= of_object(PageFields)
    assert {n: plain(field) for n, field in written["properties"].items()} == checked
    assert written.get("required", []) == model.model_json_schema().get("required", [])
    assert written["additionalProperties"] is False


@pytest.mark.parametrize(
    ("model", "method", "path"),
    [
        (ListFields, "get", "/v1/verifications"),
        (LookupFields, "get", "/v1/verifications/{id}"),
        (DevicesFields, "delete", "/v1/devices"),
    ],
)
def test_a_query_is_written_as_it_is_checked(
    model: type[BaseModel], method: str, path: str
) -> None:
    parameters = resolved(openapi()["paths"][path][method]["parameters"])
    checked = of_model(model)
    for field in checked.values():
        field.pop("nullable", None)  # a query has no null
    assert {p["name"]: plain(p["schema"]) for p in parameters} == checked
    required = [p["name"] for p in parameters if p.get("required")]
    assert required == model.model_json_schema().get("required", [])


def test_a_guess_is_asked_about_again_when_it_says() -> None:
    text = " ".join(read("docs/openapi.yaml").split())
    waits = {
        f"every {ASK_AGAIN} seconds",
        f"{ASK_AGAIN} seconds later",
        f"than {ASK_AGAIN} seconds",
    }
    assert all(wait in text for wait in waits)


def requests_written() -> Iterator[tuple[str, str, str, Any]]:
    """Each request that is shown: method, path, content type, and its fields.

    Where there is no body, the fields are the examples of the query's parameters.
    """
    for method, path, operation in operations():
        written = resolved(operation)
        shared = {p["name"]: p for p in resolved(openapi()["paths"][path].get("parameters", []))}
        own = {p["name"]: p for p in written.get("parameters", [])}
        query = {
            name: str(one.get("example", one["schema"].get("example")))
            for name, one in (shared | own).items()
            if one["in"] == "query" and "example" in {*one, *one["schema"]}
        }
        body = written.get("requestBody", {"content": {}})
        if path != REPORTS and not body.get("required"):
            yield method, path, "", query
        for kind, content in body["content"].items() if path != REPORTS else ():
            for example in content["examples"].values():
                yield method, path, kind, example["value"]


CONTEXT = {"identity": {"sourceIp": IP}, "domainName": "verify.example.com"}
SECRET = "not-a-real-secret-0000000000000000000000000"
HEADERS = {  # by security scheme
    "bearer": {"Authorization": f"Bearer shop-k3q7m2xa.{SECRET}"},
    "accessKey": {"Authorization": f"AccessKey live_shop-k3q7m2xa.{SECRET}"},
    "serviceAuth": {"X-Service-Auth": f"shop-k3q7m2xa:{SECRET}"},
}
QUERY = {
    "messenteUsername": {"username": "shop-k3q7m2xa"},
    "messentePassword": {"password": SECRET},
}
IDS = {"/voicemessages/{id}": VOICE_ID, "/verify/messages/email/{id}": EMAIL_ID}


def event_of(method: str, path: str, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """A request as API Gateway hands it over, with the credentials that are written."""
    operation = openapi()["paths"][path][method.lower()]
    schemes = operation.get("security", openapi()["security"])
    # The last way to show them: of Messente by POST that is none, they are in the body.
    names = schemes[-1 if kind else 0] if schemes else ()
    headers = {n: v for name in names for n, v in HEADERS.get(name, {}).items()}
    query = {n: v for name in names for n, v in QUERY.get(name, {}).items()}
    # The document speaks of one verification, the functions know another.
    fields = json.loads(json.dumps(fields).replace("ajqopgr262u3fibltxjeyks5k6u", ID))
    query |= {} if kind else fields
    body = urlencode(fields) if kind == FORM else fields
    return http_event(
        method,
        path,
        body if kind else None,
        headers | ({"Content-Type": kind} if kind else {}),
        requestContext=CONTEXT | {"path": path},
        queryStringParameters=query or None,
        multiValueQueryStringParameters={n: [v] for n, v in query.items()} or None,
        pathParameters={
            "id": IDS.get(path, ID),
            "service": SERVICE,
            "user": USER,
            "token": PAGE,
        },
    )


@pytest.mark.parametrize(("method", "path", "kind", "fields"), [*requests_written()])
def test_what_is_shown_is_taken_and_answered_as_it_is_written(
    method: str, path: str, kind: str, fields: Any, run: Run
) -> None:
    route = f"{method} {path}"
    (function,) = (name for name, routes in api_events().items() if route in routes)
    answer = run(function, event_of(method, path, kind, fields))
    assert answer["statusCode"] < 400, answer["body"]
    assert not answer["body"].startswith(("ERROR", "FAILED"))
    check_answer(route, answer)


# ------------------------------------------------------------------------------ scopes


def scope_of(method: str, path: str, fields: Mapping[str, Any]) -> Scope:
    """The scope that a request needs, as it is written."""
    operation = openapi()["paths"][path][method.lower()]
    reads = "x-scope-without-token" in operation and "token" not in fields
    return Scope(operation["x-scope-without-token" if reads else "x-scope"])


def scoped_requests() -> Iterator[tuple[str, str, str, Any]]:
    """A request of each operation that wants credentials, and a read beside a guess."""
    seen = set()
    for method, path, kind, fields in requests_written():
        operation = openapi()["paths"][path][method.lower()]
        if (method, path) not in seen and operation.get("security") != []:
            seen.add((method, path))
            yield method, path, kind, fields
            if "x-scope-without-token" in operation:
                yield method, path, kind, {}


def test_every_operation_that_wants_credentials_has_a_scope() -> None:
    without = [
        (method, path)
        for method, path, operation in operations()
        if ("x-scope" in operation) == (operation.get("security") == [])
    ]
    assert without == []
    assert {scope_of(m, p, fields) for m, p, _, fields in scoped_requests()} == set(Scope)


@pytest.mark.parametrize(
    ("tags", "statuses"),
    [
        (("messagebird",), {"401", "429", "500", "503"}),
        (("verifications", "devices", "apps", "verigator"), {"401", "403", "429", "500", "503"}),
    ],
)
def test_every_operation_that_wants_credentials_says_how_it_refuses_them(
    tags: tuple[str, ...], statuses: set[str]
) -> None:
    found = [operation for _, _, operation in operations() if {*tags} & {*operation["tags"]}]
    assert found
    assert [o["operationId"] for o in found if not statuses <= o["responses"].keys()] == []


@pytest.mark.parametrize(("method", "path", "kind", "fields"), [*scoped_requests()])
def test_an_operation_wants_the_scope_that_is_written_and_no_other(
    method: str, path: str, kind: str, fields: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    route, scope = f"{method} {path}", scope_of(method, path, fields)
    (function,) = (name for name, routes in api_events().items() if route in routes)
    event, answers = event_of(method, path, kind, fields), []
    for scopes in ((scope,), tuple({*Scope} - {scope})):
        monkeypatch.setattr(Clients, "known", replace(Clients.known, scopes=scopes))
        answers.append(run(function, event))
        check_answer(route, answers[-1])
    taken, refused = answers
    assert taken["statusCode"] < 300 and taken["body"] != "ERROR 101"
    assert refused["statusCode"] in (401, 403) or refused["body"] == "ERROR 101"


# ----------------------------------------------------------------------------- answers


def test_every_example_fits_its_schema() -> None:
    found = list(examples(resolved(openapi())))
    assert len(found) > 20
    for written, value in found:
        Draft202012Validator(written).validate(value)


def test_examples_of_errors_say_what_the_code_says() -> None:
    responses = resolved(openapi()["components"]["responses"])
    found = list(examples({n: r["content"].get(PROBLEM) for n, r in responses.items()}))
    assert len(found) > 10
    for _, value in found:
        error = ERRORS[value["code"]]
        said = (value["type"], value["title"], value["status"])
        assert said == (f"urn:serverless-verify:{error.code}", error.title, error.status)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Channel", list(Channel)),
        ("Status", list(Status)),
        ("Delivery", list(Delivery)),
        ("Outcome", list(Outcome)),
        ("Reason", [*Reason, None]),
        ("Suspicion", list(Suspicion)),
        ("PageResult", list(PageResult)),
        ("Limit", list(LimitName)),
    ],
)
def test_an_enumeration_has_the_values_of_the_code(name: str, values: list[str]) -> None:
    assert schema(name)["enum"] == values


@pytest.mark.parametrize("report", [None, Delivery.DELIVERED, Delivery.UNDELIVERED])
@pytest.mark.parametrize("deleted", [False, True])
def test_a_verification_and_a_verdict_look_as_they_are_written(
    deleted: bool, report: Delivery | None
) -> None:
    verification = make_verification(
        token=ID[1:],
        kid=ID[0],
        status=Status.CANCELED if deleted else Status.PENDING,
        created_at=1_795_323_507_331,
        valid_until=1_795_323_807_331,
        expires_at=1_795_410_207,
        sent_at=1_795_323_507_331,
        lease_until=1_795_323_519_331,
        to=None if deleted else "+447700900123",
        test=True,
        channels="sms,voice",
        suspicions="country_day,number_run",
    )
    tries = (
        Try(
            "messente", Channel.SMS, Outcome.UNAVAILABLE, 1_795_323_507_600, vendor_code="http_503"
        ),
        Try("sns", Channel.SMS, Outcome.ACCEPTED, 1_795_323_507_704, "id", report=report),
    )
    send = Send(1, 1_795_323_507_331, Outcome.ACCEPTED, tries)
    shown = show(Record(verification, sends=(send,)), 1_795_323_508_000)
    verdict = show_verdict(verification, Verdict(False, Reason.INCORRECT), 1_795_323_508_000)
    sends = shown["sends"]
    for name, value in (
        ("Verification", shown),
        ("Send", sends[0]),
        ("Try", sends[0]["tries"][0]),
        ("Verdict", verdict),
    ):
        Draft202012Validator(schema(name)).validate(value)
        assert value.keys() == schema(name)["properties"].keys(), name
