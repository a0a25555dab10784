"""The clients reach what they are pointed at, and judge it as their programs would."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.e2e.clients import messente_clients, verigator_clients
from tests.e2e.clients.front import Front
from tests.e2e.clients.messagebird_clients import (
    HOST,
    MessageBirdClient,
    NodeClient,
    PythonClient,
    Refused,
)
from tests.local.stack import Credentials

KEY = "live_shop-abc.secret"
OBJECT = {
    "id": "abc",
    "href": "https://example.org/verify/abc",
    "recipient": 31612345678,
    "originator": "Code",
    "type": "sms",
    "reference": None,
    "messages": {"id": "def", "href": "https://example.org/messages/def"},
    "status": "sent",
    "createdDatetime": "2016-05-03T14:26:57+00:00",
    "validUntilDatetime": "2016-05-03T14:27:27+00:00",
}
SHOP = Credentials("shop-abc", "secret")


@pytest.fixture(scope="module")
def api() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as server:
        yield server


@pytest.fixture
def server(api: HTTPServer) -> HTTPServer:
    api.clear()
    return api


@pytest.fixture(scope="module")
def front(api: HTTPServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    front = Front(HOST, api.url_for("/stage"), tmp_path_factory.mktemp("front"))
    yield front
    front.close()


@pytest.fixture(params=["python", "node"])
def client(request: pytest.FixtureRequest, server: HTTPServer, front: Front) -> MessageBirdClient:
    if request.param == "python":
        return PythonClient(server.url_for("/stage"), KEY)
    return NodeClient(front, KEY)


def test_messagebirds_clients_send_to_the_path_of_the_api(
    server: HTTPServer, client: MessageBirdClient
) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        return Response(status=204)

    auth = {"Authorization": f"AccessKey {KEY}"}
    server.expect_request(
        "/stage/verify", "POST", json={"recipient": "31612345678", "timeout": 60}, headers=auth
    ).respond_with_json(OBJECT, status=201)
    server.expect_request("/stage/verify/abc", "DELETE", headers=auth).respond_with_handler(answer)
    server.expect_request(
        "/stage/verify/abc", "GET", query_string="token=", headers=auth
    ).respond_with_json(OBJECT | {"status": "verified"})
    for kind in ("messages", "voicemessages", "verify/messages/email"):
        server.expect_request(f"/stage/{kind}/def", "GET", headers=auth).respond_with_json(
            {"id": "def", "status": "sent"}
        )
    seen = client.create("31612345678", timeout=60)
    assert (seen.id, seen.recipient, seen.reference) == ("abc", 31612345678, None)
    assert seen.created == datetime(2016, 5, 3, 14, 26, 57, tzinfo=UTC)
    assert (seen.valid_until - seen.created).total_seconds() == 30
    assert client.verify("abc", "").status == "verified"
    client.delete("abc")
    assert len(asked) == 1
    for kind in ("messages", "voicemessages", "verify/messages/email"):
        assert client.message_id(kind, "def") == "def"


def test_messagebirds_clients_say_why_they_were_refused(
    server: HTTPServer, client: MessageBirdClient
) -> None:
    error = {"code": 10, "description": "The token is invalid.", "parameter": "token"}
    server.expect_request("/stage/verify/abc").respond_with_json({"errors": [error]}, status=422)
    with pytest.raises(Refused) as refused:
        client.verify("abc", "123456")
    assert refused.value.errors == [error]


def test_the_front_is_believed_by_who_trusts_its_certificate(
    server: HTTPServer, front: Front, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.expect_request("/stage/verify/abc").respond_with_json(OBJECT)
    another = Front(HOST, "http://127.0.0.1:9", tmp_path)
    another.close()
    monkeypatch.setattr(front, "certificate", another.certificate)
    with pytest.raises(AssertionError, match="self-signed certificate"):
        NodeClient(front, KEY).read("abc")
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://127.0.0.1:{front.port}/verify/abc", timeout=5)


def test_messentes_client_goes_on_to_the_next_url(server: HTTPServer) -> None:
    server.expect_request(
        "/stage/verify/start",
        "GET",
        query_string={"username": "shop-abc", "password": "secret", "to": "31612345678"},
    ).respond_with_data("OK abc")
    client = messente_clients.PythonClient(SHOP, "http://127.0.0.1:9", server.url_for("/stage"))
    answer = client.start(to="+31 6 1234-5678")
    assert (answer.is_ok(), answer.get_verification_id()) == (True, "abc")


@pytest.mark.parametrize("name", messente_clients.REPLAYS)
def test_messentes_other_clients_send_as_their_sources_say(server: HTTPServer, name: str) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        request.get_data()
        asked.append(request)
        return Response("OK abc", content_type="text/plain")

    server.expect_request("").respond_with_handler(answer)
    replay = messente_clients.REPLAYS[name]
    assert replay.call(server.url_for("/stage/verify/start"), SHOP, to="+31612345678") == "OK abc"
    (request,) = asked
    is_sdk = name == "java-sdk"
    assert request.path == "/stage/verify/start" + ("/" if is_sdk else "")
    assert request.args["to"] == "+31612345678"
    assert len(request.args.getlist("password")) == (2 if name.endswith("Python") else 1)
    assert (request.form.to_dict() == request.args.to_dict()) is is_sdk
    assert (request.content_type == "application/json") is name.endswith("PHP")


@pytest.mark.parametrize(
    ("name", "status", "good"),
    [
        ("java", 200, True),
        ("java", 201, False),
        ("python", 200, True),
        ("python", 201, True),
        ("python", 409, False),
        ("older python", 201, True),
    ],
)
def test_verigators_clients_judge_a_status(
    server: HTTPServer, name: str, status: int, good: bool
) -> None:
    made = {"id": "abc", "ctime": "2017-07-06T13:12:03.141Z", "name": "CoffeeShop"}
    server.expect_request(
        "/stage/v1/service/service",
        "POST",
        headers={"X-Service-Auth": "shop-abc:secret", "Accept": "application/json"},
        json={"fqdn": "example.com", "name": "CoffeeShop"},
    ).respond_with_json(made | {"message": "no"}, status=status)
    replay = verigator_clients.REPLAYS[name]
    client = verigator_clients.Client(replay, server.url_for("/stage"), SHOP)
    if good:
        assert client.create_service("example.com", "CoffeeShop") == made
        return
    with pytest.raises(verigator_clients.Refused) as refused:
        client.create_service("example.com", "CoffeeShop")
    assert (refused.value.status, refused.value.message) == (status, "no")


@pytest.mark.parametrize("name", verigator_clients.REPLAYS)
def test_verigators_clients_send_as_their_sources_say(server: HTTPServer, name: str) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        request.get_data()
        asked.append(request)
        return Response('{"verified": false}', 202 if request.method == "DELETE" else 200)

    server.expect_request("").respond_with_handler(answer)
    replay = verigator_clients.REPLAYS[name]
    client = verigator_clients.Client(replay, server.url_for("/stage"), SHOP)
    assert client.verify("s", "u", "123456") is False
    client.delete_user("s", "u")
    put, delete = asked
    method = {"method": "sms"} if name == "older python" else {}
    assert put.json == method | {"token": "123456"}
    assert put.user_agent.string.startswith("verigator-java-" if name == "java" else "python-")
    assert delete.path == "/stage/v1/service/service/s/users/u"
    assert delete.content_type is None
