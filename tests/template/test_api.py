"""The APIs: each address answers each method, and nothing that they log can hold a secret."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from .initialise import initialise, variables
from .loading import FUNCTIONS, STACK, TEMPLATE, listed, of_type, references

RESOURCES = STACK["Resources"]
BODIES = {name: api["Body"] for name, api in of_type("AWS::ApiGateway::RestApi").items()}
STAGES = {stage["RestApiId"]["Ref"]: stage for stage in of_type("AWS::ApiGateway::Stage").values()}

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
SERVICE, USER = "/v1/service/service/{service}", "/v1/services/{service}/users/{user}"
# The vendors' own paths, with the methods that their clients use and no others.
DIALECTS = {
    "GET /verify/start": "MessenteFunction",
    "POST /verify/start": "MessenteFunction",
    "GET /verify/pin": "MessenteFunction",
    "POST /verify/pin": "MessenteFunction",
    "DELETE /v1/devices": "MessenteFunction",  # native: whom that API trusts
    "POST /verify": "MessageBirdFunction",
    "GET /verify/{id}": "MessageBirdFunction",
    "DELETE /verify/{id}": "MessageBirdFunction",
    "GET /verify/messages/email/{id}": "MessageBirdFunction",
    "GET /messages/{id}": "MessageBirdFunction",
    "GET /voicemessages/{id}": "MessageBirdFunction",
    "POST /v1/service/service": "VerigatorFunction",
    f"GET {SERVICE}": "VerigatorFunction",
    f"DELETE {SERVICE}": "VerigatorFunction",
    f"POST {SERVICE}/users": "VerigatorFunction",
    f"GET {SERVICE}/users": "VerigatorFunction",
    f"GET {SERVICE}/users/{{user}}": "VerigatorFunction",
    f"DELETE {SERVICE}/users/{{user}}": "VerigatorFunction",
    f"GET {SERVICE}/user/{{user}}": "VerigatorFunction",
    f"POST {SERVICE}/users/{{user}}/auth": "VerigatorFunction",
    f"PUT {SERVICE}/users/{{user}}/auth": "VerigatorFunction",
    f"POST {USER}/totp": "VerigatorFunction",  # native: its apps
    f"POST {USER}/totp/confirm": "VerigatorFunction",
    f"DELETE {USER}/totp": "VerigatorFunction",
}
# People's browsers ask for these, with a token and no credentials.
PAGES = {f"{method} /v1/pages/{{token}}": "PageFunction" for method in ("GET", "POST")}
NATIVE = {"DELETE /v1/devices"}  # of a function that speaks a vendor's language else
ROUTES = [f"{method} {path}" for path in sorted(PATHS) for method in sorted(METHODS)]
ROUTES += [*DIALECTS, *PAGES]
# Vendors call the other API, as they do it; nobody else has any business there.
REPORTS = [f"{method} /v1/reports/{{provider}}/{{token}}" for method in ("GET", "POST")]

# It has no address: the stream calls it.
ANSWERING = sorted(FUNCTIONS.keys() - {"TallyFunction", "EventsFunction", "WebhooksFunction"})
SENDING = [
    f"{name}Function"
    for name in ("Start", "Resend", "Page", "Messente", "MessageBird", "Verigator")
]

each_api = pytest.mark.parametrize("api", ["Api", "ReportsApi"])
each_route = pytest.mark.parametrize("route", [*ROUTES, *REPORTS])

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


def events(api: str) -> Iterator[tuple[str, str]]:
    """Each route of an API in the template as it is written, with its function."""
    for name, resource in TEMPLATE["Resources"].items():
        for event in resource.get("Properties", {}).get("Events", {}).values():
            properties = event["Properties"]
            if event["Type"] == "Api" and properties["RestApiId"] == {"Ref": api}:
                yield f"{properties['Method'].upper()} {properties['Path']}", name


def api_of(route: str) -> str:
    return "ReportsApi" if route in REPORTS else "Api"


def answers(route: str) -> str:
    """The function that has to answer a route."""
    if route in REPORTS:
        return "ReportsFunction"
    return (ANSWERS | DIALECTS | PAGES).get(route, "LookupFunction")


def function_of(route: str) -> str:
    """The function that API Gateway calls for `GET /v1/health` and its like."""
    method, path = route.split()
    paths = BODIES[api_of(route)]["paths"]
    integration = paths[path][method.lower()]["x-amazon-apigateway-integration"]
    assert integration["type"] == "aws_proxy"
    assert integration["httpMethod"] == "POST"
    [function] = (n for n in references(integration["uri"]) if not n.startswith("AWS::"))
    return function


def test_methods_are_listed_one_by_one_and_each_once() -> None:
    assert sorted(route for route, _ in events("Api")) == sorted(ROUTES)
    assert sorted(route for route, _ in events("ReportsApi")) == sorted(REPORTS)


def test_the_deployed_apis_have_each_path_with_each_method() -> None:
    found = {
        api: sorted(
            f"{on.upper()} {path}" for path, methods in body["paths"].items() for on in methods
        )
        for api, body in BODIES.items()
    }
    assert found == {"Api": sorted(ROUTES), "ReportsApi": sorted(REPORTS)}


@each_route
def test_a_route_leads_to_the_function_that_answers_it(route: str) -> None:
    assert function_of(route) == answers(route)


@each_route
def test_api_gateway_may_call_the_function_of_a_route(route: str) -> None:
    method, path = route.split()
    ending = f":${{__ApiId__}}/${{__Stage__}}/{method}{re.sub('{.*?}', '*', path)}"
    sources = [
        permission["SourceArn"]["Fn::Sub"]
        for permission in of_type("AWS::Lambda::Permission").values()
        if permission["FunctionName"] == {"Ref": answers(route)}
        and permission["Principal"] == "apigateway.amazonaws.com"
    ]
    [names] = [names for source, names in sources if source.endswith(ending)]
    assert names["__ApiId__"] == {"Ref": api_of(route)}


@pytest.mark.parametrize("function", ANSWERING)
def test_a_function_answers_the_routes_it_gets(
    function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = variables(function)
    for name in environment:
        monkeypatch.setenv(name, environment[name])
    handler = initialise(function, environment)["handler"]
    routes = [route for api in BODIES for route, called in events(api) if called == function]
    assert routes
    for route in routes:
        answer = handler(event(route), Context())
        path = route.split()[1]
        if route in (*REPORTS, "GET /v1/health"):
            assert answer["statusCode"] == 200, route
        elif route in PAGES:
            assert (answer["statusCode"], answer["body"][:15]) == (404, "<!DOCTYPE html>"), route
        elif answers(route) == "MessenteFunction" and route not in NATIVE:
            assert (answer["statusCode"], answer["body"]) == (200, "ERROR 101"), route
        elif route in ANSWERS or route in DIALECTS:
            assert answer["statusCode"] == 401, route
        else:
            taken = sorted(r.split()[0] for r in ANSWERS if r.endswith(f" {path}"))
            assert answer["statusCode"] == 405, route
            assert sorted(answer["headers"]["Allow"].split(", ")) == taken


def event(route: str) -> dict[str, Any]:
    method, path = route.split()
    return {"httpMethod": method, "resource": path, "requestContext": {}, "headers": {}}


def test_the_answers_of_api_gateway_itself_are_known() -> None:
    assert set(BODIES["Api"]["x-amazon-apigateway-gateway-responses"]) == set(GATEWAY_RESPONSES)


@pytest.mark.parametrize("name", GATEWAY_RESPONSES)
def test_what_api_gateway_answers_itself_looks_like_our_errors(name: str) -> None:
    response = BODIES["Api"]["x-amazon-apigateway-gateway-responses"][name]
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
    assert "AccessLogSetting" not in STAGES["ReportsApi"]
    condition, settings, otherwise = STAGES["Api"]["AccessLogSetting"]["Fn::If"]
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


@each_api
def test_requests_and_answers_are_never_traced(api: str) -> None:
    [settings] = STAGES[api]["MethodSettings"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert settings["DataTraceEnabled"] is False
    assert settings.get("LoggingLevel", "OFF") == "OFF"  # else query strings stand in its log
    assert settings["ThrottlingRateLimit"] > 0
    assert settings["ThrottlingBurstLimit"] > 0


def test_traces_show_no_addresses_with_secrets_in_them() -> None:
    """X-Ray keeps whole URLs: of reports, with a token; of two vendors' APIs, with credentials."""
    assert {stage["TracingEnabled"] for stage in STAGES.values()} == {False}


@each_api
def test_an_api_has_one_stage_and_it_has_these_settings(api: str) -> None:
    """SAM adds a stage named "Stage", without settings, unless OpenApiVersion is set."""
    assert len(of_type("AWS::ApiGateway::Stage")) == len(STAGES) == len(BODIES)
    assert STAGES[api]["StageName"] == {"Ref": "Stage"}
    deployments = of_type("AWS::ApiGateway::Deployment").values()
    [deployment] = [one for one in deployments if one["RestApiId"] == {"Ref": api}]
    assert "StageName" not in deployment


def test_a_domain_of_ones_own_needs_no_stage_in_its_urls() -> None:
    [mapping] = of_type("AWS::ApiGateway::BasePathMapping").values()
    assert mapping == {
        "DomainName": {"Ref": "ApiDomain"},
        "RestApiId": {"Ref": "Api"},
        "Stage": {"Ref": "Stage"},
    }
    [domain] = of_type("AWS::ApiGateway::DomainName").values()
    assert domain["SecurityPolicy"] == "TLS_1_2"
    [stage] = (
        name for name, one in of_type("AWS::ApiGateway::Stage").items() if one == STAGES["Api"]
    )
    assert stage in needed_before("ApiDomainMapping")
    assert {RESOURCES[name]["Condition"] for name in ("ApiDomain", "ApiDomainMapping")} == {
        "HasDomain"
    }


@pytest.mark.parametrize("function", SENDING)
def test_vendors_are_told_the_address_that_the_reports_api_has(function: str) -> None:
    """It stands in no function that this API calls: the two would wait for each other."""
    url = {"Fn::Sub": "https://${ReportsApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Stage}"}
    assert FUNCTIONS[function]["Environment"]["Variables"]["REPORTS_URL"] == url
    assert STACK["Outputs"]["ReportsUrl"]["Value"] == url
    assert function not in {called for _, called in events("ReportsApi")}


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
