"""docs/openapi.yaml says what the code answers, field by field and code by code."""

import ast
import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from pydantic import BaseModel
from verification.api.events import Call
from verification.api.native.http import problem
from verification.api.native.lookup import ListFields, LookupFields
from verification.api.native.resend import ResendFields, read_resend
from verification.api.native.start import StartFields, read_start
from verification.api.native.verify import VerifyFields, read_verify
from verification.api.native.views import show, show_verdict
from verification.api.reports.handler import make_reports_handler
from verification.domain.policy import Client, Profile
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
from verification.errors import FieldFault, ServiceError, TemporarilyUnavailable
from verification.telemetry import Telemetry

from tests.docs.sources import Context, api_events, openapi, read, resolved, resources, schema
from tests.fakes.samples import make_verification

METHODS = ("get", "post", "put", "patch", "delete")
ERRORS = {error.code: error for error in ServiceError.__subclasses__()}
ID = "afictionalverificationtoken"
REPORTS = "/v1/reports/{provider}/{token}"


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each operation with its method and path."""
    for path, item in openapi()["paths"].items():
        yield from ((method.upper(), path, item[method]) for method in METHODS if method in item)


def gateway_codes() -> set[str]:
    """The codes of the answers that API Gateway gives by itself."""
    answers = resources("AWS::Serverless::Api")["Api"]["Properties"]["GatewayResponses"]
    texts = [answer["ResponseTemplates"]["application/json"] for answer in answers.values()]
    return {json.loads(text)["code"] for text in texts}


def codes(response: dict[str, Any]) -> set[str]:
    """The error codes that a response may carry."""
    ((_, content),) = resolved(response)["content"].items()
    (enum,) = (p["properties"]["code"]["enum"] for p in content["schema"]["allOf"][1:])
    return set(enum)


def examples(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each example with the schema of its place."""
    if isinstance(node, dict):
        for example in node.get("examples", {}).values() if "schema" in node else ():
            yield node["schema"], example["value"]
        for part in node.values():
            yield from examples(part)


def test_the_document_is_valid_openapi() -> None:
    validate(openapi())


def test_its_error_codes_are_those_of_the_code_and_of_the_gateway() -> None:
    written = {c for r in openapi()["components"]["responses"].values() for c in codes(r)}
    assert written == ERRORS.keys() | gateway_codes()


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


@pytest.mark.parametrize("code", ERRORS)
def test_every_error_looks_like_the_problem_that_is_written(code: str) -> None:
    error = ERRORS[code](
        "Why.", retry_after=1, faults=[FieldFault("to", "why")], verification_id=ID, allow="GET"
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


def test_only_health_and_reports_are_open() -> None:
    open_ones = [(method, path) for method, path, o in operations() if o.get("security") == []]
    assert open_ones == [("GET", "/v1/health"), ("GET", REPORTS), ("POST", REPORTS)]


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


def plain(written: dict[str, Any]) -> dict[str, Any]:
    """A field's schema without its prose, None set apart as `nullable`."""
    found = {n: v for n, v in written.items() if n not in ("description", "title", "example")}
    if "items" in found:
        found["items"] = plain(found["items"])
    if isinstance(found.get("type"), list):
        found["type"] = next(kind for kind in found["type"] if kind != "null")
        found["nullable"] = True
    if None in found.get("enum", ()):
        found["enum"] = [value for value in found["enum"] if value is not None]
    return found


def of_model(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """The fields of a model, as plain() gives those of the document."""
    whole = model.model_json_schema()
    fields = {}
    for name, written in whole["properties"].items():
        variants = written.pop("anyOf", [])
        for part in (written, *variants):
            if "$ref" in part:
                written |= whole["$defs"][part["$ref"].rpartition("/")[2]]
            elif part.get("type") != "null":
                written |= part
        if "$ref" in written.get("items", {}):
            written["items"] = whole["$defs"][written["items"]["$ref"].rpartition("/")[2]]
        written.pop("$ref", None)
        if {"type": "null"} in variants:
            written["nullable"] = True
            if written["default"] is None:
                del written["default"]
        # Behind a validator of ours, pydantic keeps a pattern out of its JSON schema.
        for rule in model.model_fields[name].metadata:
            if getattr(rule, "pattern", None):
                written["pattern"] = rule.pattern
        fields[name] = plain(written)
    return fields


@pytest.mark.parametrize(
    ("model", "name"), [(StartFields, "Start"), (VerifyFields, "Guess"), (ResendFields, "Resend")]
)
def test_a_body_is_written_as_it_is_checked(model: type[BaseModel], name: str) -> None:
    written = schema(name)
    assert {n: plain(field) for n, field in written["properties"].items()} == of_model(model)
    assert written.get("required", []) == model.model_json_schema().get("required", [])
    assert written["additionalProperties"] is False


@pytest.mark.parametrize(
    ("model", "path"),
    [(ListFields, "/v1/verifications"), (LookupFields, "/v1/verifications/{id}")],
)
def test_a_query_is_written_as_it_is_checked(model: type[BaseModel], path: str) -> None:
    parameters = resolved(openapi()["paths"][path]["get"]["parameters"])
    checked = of_model(model)
    for field in checked.values():
        field.pop("nullable", None)  # a query has no null
    assert {p["name"]: plain(p["schema"]) for p in parameters} == checked
    required = [p["name"] for p in parameters if p.get("required")]
    assert required == model.model_json_schema().get("required", [])


@pytest.mark.parametrize(
    ("operation", "reader"),
    [
        ("startVerification", read_start),
        ("verifyCode", read_verify),
        ("resendCode", read_resend),
    ],
)
def test_the_examples_of_a_body_are_taken(operation: str, reader: Any) -> None:
    (found,) = (o for _, _, o in operations() if o["operationId"] == operation)
    for example in found["requestBody"]["content"]["application/json"]["examples"].values():
        client = Client("shop", Profile("Shop"))
        reader(Call(client, example["value"], ID, None, lambda: 10_000))


# ----------------------------------------------------------------------------- answers


def test_every_example_fits_its_schema() -> None:
    found = list(examples(resolved(openapi())))
    assert len(found) > 20
    for written, value in found:
        Draft202012Validator(written).validate(value)


def test_examples_of_errors_say_what_the_code_says() -> None:
    for _, value in examples(resolved(openapi()["components"]["responses"])):
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
