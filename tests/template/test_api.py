"""The API: each address answers each method, and nothing that it logs can hold a secret."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from .initialise import initialise, variables
from .loading import FUNCTIONS, STACK, TEMPLATE, listed, of_type, references

RESOURCES = STACK["Resources"]
BODY = of_type("AWS::ApiGateway::RestApi")["Api"]["Body"]
[STAGE] = of_type("AWS::ApiGateway::Stage").values()

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
# Who answers what; on these paths the other methods are lookup's, which says 405.
ANSWERS = {
    "GET /v1/health": "LookupFunction",
    "GET /v1/verifications": "LookupFunction",
    "POST /v1/verifications": "StartFunction",
    "GET /v1/verifications/{id}": "LookupFunction",
    "DELETE /v1/verifications/{id}": "DeleteFunction",
    "POST /v1/verifications/{id}/resend": "ResendFunction",
    "POST /v1/verifications/{id}/verify": "VerifyFunction",
}
PATHS = {route.split()[1] for route in ANSWERS}
ROUTES = [f"{method} {path}" for path in sorted(PATHS) for method in sorted(METHODS)]

# Status, `code` and seconds to wait of what API Gateway answers itself.
GATEWAY_RESPONSES = {
    "MISSING_AUTHENTICATION_TOKEN": (404, "no_such_address", None),
    "INVALID_SIGNATURE": (404, "no_such_address", None),
    "THROTTLED": (429, "throttled", 1),
    "REQUEST_TOO_LARGE": (400, "body_too_large", None),
    "DEFAULT_5XX": (503, "temporarily_unavailable", 1),
}

LOGGED = {
    "requestId",
    "identity.sourceIp",
    "httpMethod",
    "resourcePath",
    "status",
    "responseLatency",
}


@dataclass
class Context:
    """What Lambda tells a function about a call."""

    aws_request_id: str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:lookup"

    def get_remaining_time_in_millis(self) -> int:
        return 10_000


def events() -> Iterator[tuple[str, str]]:
    """Each route in the template as it is written, with its function."""
    for name, resource in TEMPLATE["Resources"].items():
        for event in resource["Properties"].get("Events", {}).values():
            if event["Type"] == "Api":
                properties = event["Properties"]
                yield f"{properties['Method'].upper()} {properties['Path']}", name


def function_of(route: str) -> str:
    """The function that API Gateway calls for `GET /v1/health` and its like."""
    method, path = route.split()
    integration = BODY["paths"][path][method.lower()]["x-amazon-apigateway-integration"]
    assert integration["type"] == "aws_proxy"
    assert integration["httpMethod"] == "POST"
    [function] = (n for n in references(integration["uri"]) if not n.startswith("AWS::"))
    return function


def test_methods_are_listed_one_by_one_and_each_once() -> None:
    routes = [route for route, _ in events()]
    assert sorted(routes) == sorted(ROUTES)


def test_the_deployed_api_has_each_path_with_each_method() -> None:
    found = {path: {method.upper() for method in on} for path, on in BODY["paths"].items()}
    assert found == {path: METHODS for path in PATHS}


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_leads_to_the_function_that_answers_it(route: str) -> None:
    assert function_of(route) == ANSWERS.get(route, "LookupFunction")


@pytest.mark.parametrize("route", ROUTES)
def test_api_gateway_may_call_the_function_of_a_route(route: str) -> None:
    method, path = route.split()
    ending = f":${{__ApiId__}}/${{__Stage__}}/{method}{re.sub('{.*?}', '*', path)}"
    sources = [
        permission["SourceArn"]["Fn::Sub"][0]
        for permission in of_type("AWS::Lambda::Permission").values()
        if permission["FunctionName"] == {"Ref": ANSWERS.get(route, "LookupFunction")}
    ]
    assert sum(source.endswith(ending) for source in sources) == 1


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_answers_the_routes_it_gets(
    function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = variables(function)
    for name in environment:
        monkeypatch.setenv(name, environment[name])
    handler = initialise(function, environment)["handler"]
    for route, called in events():
        if called == function:
            answer = handler(event(route), Context())
            path = route.split()[1]
            if route == "GET /v1/health":
                assert answer["statusCode"] == 200
            elif route in ANSWERS:
                assert answer["statusCode"] == 401, route
            else:
                taken = sorted(r.split()[0] for r in ANSWERS if r.endswith(f" {path}"))
                assert answer["statusCode"] == 405, route
                assert sorted(answer["headers"]["Allow"].split(", ")) == taken


def event(route: str) -> dict[str, Any]:
    method, path = route.split()
    return {"httpMethod": method, "resource": path, "requestContext": {}, "headers": {}}


def test_the_answers_of_api_gateway_itself_are_known() -> None:
    assert set(BODY["x-amazon-apigateway-gateway-responses"]) == set(GATEWAY_RESPONSES)


@pytest.mark.parametrize("name", GATEWAY_RESPONSES)
def test_what_api_gateway_answers_itself_looks_like_our_errors(name: str) -> None:
    response = BODY["x-amazon-apigateway-gateway-responses"][name]
    status, code, wait = GATEWAY_RESPONSES[name]
    assert response["statusCode"] == str(status)

    [(accept, template)] = response["responseTemplates"].items()
    body = json.loads(template)
    assert accept == "application/json"
    assert len(body.pop("title")) >= 15
    assert body == {
        "type": f"urn:serverless-verify:{code}",
        "status": status,
        "code": code,
        "request_id": "$context.requestId",
        **({"retry_after": wait} if wait else {}),
    }

    assert response["responseParameters"] == {
        "gatewayresponse.header.Content-Type": "'application/problem+json'",
        "gatewayresponse.header.Cache-Control": "'no-store'",
        **({"gatewayresponse.header.Retry-After": f"'{wait}'"} if wait else {}),
    }


def test_the_access_log_has_neither_path_nor_query_nor_headers() -> None:
    condition, settings, otherwise = STAGE["AccessLogSetting"]["Fn::If"]
    assert (condition, otherwise) == ("HasAccessLogs", {"Ref": "AWS::NoValue"})
    assert settings["DestinationArn"] == {"Fn::GetAtt": ["ApiLogs", "Arn"]}
    assert set(re.findall(r"\$context\.([A-Za-z.]+)", settings["Format"])) == LOGGED
    assert settings["Format"].count("$") == len(LOGGED)
    assert json.loads(settings["Format"])  # one JSON object in a line
    assert "\n" not in settings["Format"]
    assert TEMPLATE["Parameters"]["AccessLogs"]["Default"] == "false"


def test_the_access_log_waits_for_the_right_to_write_it() -> None:
    """API Gateway refuses a stage with logs before the account has a role for them."""
    assert "ApiAccount" in needed_before("ApiLogs")


def test_requests_and_answers_are_never_traced() -> None:
    [settings] = STAGE["MethodSettings"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert settings["DataTraceEnabled"] is False
    assert settings.get("LoggingLevel", "OFF") == "OFF"  # else query strings stand in its log
    assert settings["ThrottlingRateLimit"] > 0
    assert settings["ThrottlingBurstLimit"] > 0


def test_there_is_one_stage_and_it_has_these_settings() -> None:
    """SAM adds a stage named "Stage", without settings, unless OpenApiVersion is set."""
    assert STAGE["StageName"] == {"Ref": "Stage"}
    [deployment] = of_type("AWS::ApiGateway::Deployment").values()
    assert "StageName" not in deployment


def needed_before(resource: str) -> set[str]:
    """All that CloudFormation makes before a resource."""
    found: set[str] = set()
    waiting = [resource]
    while waiting:
        part = RESOURCES[waiting.pop()]
        needed = {*references(part), *listed(part.get("DependsOn", []))}
        new = (needed & RESOURCES.keys()) - found
        found |= new
        waiting += new
    return found
