"""Scopes: what a client may not do it is refused before anything else happens."""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from verification.domain.policy import Client, Scope

from tests.docs.sources import api_events
from tests.fakes.calls import SECRET, SHOP, Context, FakeClients, http_event
from tests.fakes.functions import load
from tests.fakes.services import InMemoryServices
from tests.fakes.stack import FakeStack

USERS = "/v1/service/service/{service}/users"
TOTP = "/v1/services/{service}/users/{user}/totp"

# What each route takes. Those of API Gateway that are not here take nobody's credentials, or are
# answered 405.
ROUTES = {
    "start": {"POST /v1/verifications": Scope.START},
    "resend": {"POST /v1/verifications/{id}/resend": Scope.START},
    "verify": {"POST /v1/verifications/{id}/verify": Scope.VERIFY},
    "lookup": {"GET /v1/verifications/{id}": Scope.LOOKUP, "GET /v1/verifications": Scope.LOOKUP},
    "delete": {"DELETE /v1/verifications/{id}": Scope.DELETE},
    "messente": {
        "GET /verify/start": Scope.START,
        "POST /verify/start": Scope.START,
        "GET /verify/pin": Scope.VERIFY,
        "POST /verify/pin": Scope.VERIFY,
        "DELETE /v1/devices": Scope.DELETE,
    },
    "messagebird": {
        "POST /verify": Scope.START,
        "GET /verify/{id}": Scope.LOOKUP,  # with a token: verify, see below
        "DELETE /verify/{id}": Scope.DELETE,
        "GET /messages/{id}": Scope.LOOKUP,
        "GET /voicemessages/{id}": Scope.LOOKUP,
        "GET /verify/messages/email/{id}": Scope.LOOKUP,
    },
    "verigator": {
        "POST /v1/service/service": Scope.ADMIN,
        "GET /v1/service/service/{service}": Scope.LOOKUP,
        "DELETE /v1/service/service/{service}": Scope.ADMIN,
        f"POST {USERS}": Scope.START,
        f"GET {USERS}": Scope.LOOKUP,
        f"GET {USERS}/{{user}}": Scope.LOOKUP,
        "GET /v1/service/service/{service}/user/{user}": Scope.LOOKUP,
        f"DELETE {USERS}/{{user}}": Scope.DELETE,
        f"POST {USERS}/{{user}}/auth": Scope.START,
        f"PUT {USERS}/{{user}}/auth": Scope.VERIFY,
        f"POST {TOTP}": Scope.START,
        f"POST {TOTP}/confirm": Scope.START,
        f"DELETE {TOTP}": Scope.DELETE,
    },
}
DIRECT = {
    "start": Scope.START,
    "resend": Scope.START,
    "verify": Scope.VERIFY,
    "lookup": Scope.LOOKUP,
    "delete": Scope.DELETE,
}
PATH = {"id": "a" + "q" * 26, "service": "s" * 26, "user": "u" * 26}


def with_scopes(*scopes: Scope) -> Client:
    name = "-".join(("may", *scopes))
    return replace(SHOP, id=name, direct_invoke=True, scopes=scopes)


NOBODY = with_scopes()
ONLY = {scope: with_scopes(scope) for scope in Scope}
ALL_BUT = {scope: with_scopes(*(other for other in Scope if other != scope)) for scope in Scope}


class Functions:
    """The real functions in memory, each made when it is first called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stack = FakeStack()
        self._clients = FakeClients(NOBODY, *ONLY.values(), *ALL_BUT.values())
        self._monkeypatch = monkeypatch

    @functools.cache  # noqa: B019  # lives no longer than a test
    def _handler(self, function: str) -> Callable[[Any, Any], Any]:
        services = InMemoryServices()
        return load(function, self.stack, self._clients, services, self._monkeypatch)

    def ask(self, client: Client, function: str, route: str, **query: str) -> dict[str, Any]:
        """Ask as a client, with credentials in every way that an API takes them."""
        method, resource = route.split()
        key = f"live_{client.id}.{SECRET}"
        native = resource.startswith(("/v1/verifications", "/v1/services", "/v1/devices"))
        headers = {
            "Authorization": f"Bearer {client.id}.{SECRET}" if native else f"AccessKey {key}",
            "X-Service-Auth": f"{client.id}:{SECRET}",
            "Content-Type": "application/json",
        }
        if not native and function == "messente":
            query |= {"username": client.id, "password": SECRET}
        body = "{}" if method in ("POST", "PUT") else None
        names = {name for name in PATH if f"{{{name}}}" in resource}
        event = http_event(
            method,
            resource,
            body,
            headers,
            queryStringParameters=query or None,
            pathParameters={name: PATH[name] for name in names} or None,
        )
        answer: dict[str, Any] = self._handler(function)(event, Context())
        return answer

    def invoke(self, client: Client, function: str, **fields: str) -> Any:
        return self._handler(function)({"client": client.id, **fields}, Context())


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Functions:
    return Functions(monkeypatch)


def is_refused(answer: Mapping[str, Any], scope: Scope) -> bool:
    """Whether an answer says, in its API's words, that the client lacks the scope."""
    if answer["body"] == "ERROR 101":  # Messente has no better word
        return True
    body = json.loads(answer["body"]) if answer["body"][:1] == "{" else {}
    if "errors" in body and "code" not in body:
        wanted = "Request not allowed (this client may not do this)"
        refusal = {"code": 2, "description": wanted, "parameter": None}
        return bool(answer["statusCode"] == 401 and body["errors"] == [refusal])
    if "code" in body:
        refused = answer["statusCode"] == 403 and body["code"] == "scope_missing"
        return bool(refused and body["detail"] == f"It needs the scope {scope}.")
    says = body.get("message", "")
    return bool(answer["statusCode"] == 403 and says == f"It needs the scope {scope}.")


EVERY = [(f, route, scope) for f, routes in ROUTES.items() for route, scope in routes.items()]


@pytest.mark.parametrize(("function", "route", "scope"), EVERY)
def test_a_route_is_for_clients_with_its_scope_alone(
    functions: Functions, function: str, route: str, scope: Scope
) -> None:
    for client in (NOBODY, ALL_BUT[scope]):
        assert is_refused(functions.ask(client, function, route), scope), client.id
    assert functions.stack.journal == [], "refused before anything happens"
    for client in (ONLY[scope], SHOP):
        assert not is_refused(functions.ask(client, function, route), scope), client.id


def test_a_token_makes_of_messagebirds_reading_a_guess(functions: Functions) -> None:
    ask = functools.partial(functions.ask, function="messagebird", route="GET /verify/{id}")
    assert is_refused(ask(ALL_BUT[Scope.VERIFY], token="123456"), Scope.VERIFY)
    assert not is_refused(ask(ONLY[Scope.VERIFY], token="123456"), Scope.VERIFY)
    assert is_refused(ask(ONLY[Scope.VERIFY]), Scope.LOOKUP)


def test_no_route_is_forgotten(functions: Functions) -> None:
    """Each that API Gateway hands on is above, or takes no credentials, or nobody's method."""
    open_to_all = {"GET /v1/health"}
    by_token = {"page", "reports"}  # in the path
    for function, routes in api_events().items():
        if function in by_token:
            continue
        known = ROUTES.get(function, {})
        assert known.keys() <= routes
        for route in routes - known.keys() - open_to_all:
            assert functions.ask(SHOP, function, route)["statusCode"] == 405, route


@pytest.mark.parametrize("function", DIRECT)
@pytest.mark.parametrize("fields", [{}, {"id": PATH["id"]}])
def test_a_direct_invoke_needs_the_scope_too(
    functions: Functions, function: str, fields: dict[str, str]
) -> None:
    scope = DIRECT[function]
    for client in (NOBODY, ALL_BUT[scope]):
        refused = functions.invoke(client, function, **fields)["error"]
        assert (refused["code"], refused["status"]) == ("scope_missing", 403)
        assert refused["detail"] == f"It needs the scope {scope}."
    assert functions.stack.journal == []
    answer = functions.invoke(ONLY[scope], function, **fields)
    assert answer.get("error", {}).get("code") != "scope_missing"


@pytest.mark.parametrize("function", ["messente", "messagebird", "verigator"])
def test_the_vendors_functions_take_no_direct_invokes(functions: Functions, function: str) -> None:
    assert functions.invoke(with_scopes(*Scope), function)["error"]["code"] == "invalid_request"


def test_health_is_anybodys(functions: Functions) -> None:
    assert functions.ask(NOBODY, "lookup", "GET /v1/health")["statusCode"] == 200
