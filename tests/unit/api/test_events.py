"""Who calls and what they say: through API Gateway, or by a direct invoke."""

from typing import Any

import pytest
from verification.api.events import Call, is_http, let_in, read_direct, route_of, url_of
from verification.api.native.http import NativeApi
from verification.domain.policy import Client
from verification.errors import (
    AddressNotAllowed,
    InvalidFields,
    InvalidJson,
    InvalidRequest,
    Unauthorized,
)

from tests.fakes.calls import ARN, BATCH, SECRET, SHOP, Context, FakeClients, http_event
from tests.fakes.clock import plenty

GOOD = f"Bearer shop.{SECRET}"


def over_http(event: dict[str, Any]) -> Call:
    return NativeApi().read(event, plenty, FakeClients())


def direct(event: Any, qualifier: str = "") -> Call:
    return read_direct(event, Context(qualifier), FakeClients())


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("value", [GOOD, GOOD.replace("Bearer ", "bearer   ")])
def test_the_bearer_is_the_client_whatever_the_case_of_the_header(name: str, value: str) -> None:
    call = over_http(http_event(body={"to": "x"}, headers={name: value}))
    assert (call.client, call.fields, call.verification_id) == (SHOP, {"to": "x"}, "")
    assert call.idempotency_key is None
    assert call.remaining() == plenty()


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {},
        {"Authorization": ""},
        {"Authorization": None},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic shop.{SECRET}"},
        {"Authorization": f"shop.{SECRET}"},
        {"Authorization": "Bearer shop"},
        {"Authorization": "Bearer shop."},
        {"Authorization": f"Bearer .{SECRET}"},
        {"Authorization": "Bearer shop.wrong"},
        {"Authorization": f"Bearer nobody.{SECRET}"},
        {"Authorization": f"Bearer SHOP.{SECRET}"},
        {"Authorization": f"Bearer shop.{SECRET} "},
        {"Authorization": f"Bearer shop.{SECRET}\n"},
        {"Authorization": f"{GOOD}, {GOOD}"},
        {"Authorization": f"Bearer shop.{SECRET}\u00e9"},
        {"Authorization": f"Bearer sh\u00f6p.{SECRET}"},
        {"Authorization": "Bearer shop." + "x" * 129},
        {"Authorization": "Bearer " + "x" * 65 + f".{SECRET}"},
        {"X-Authorization": GOOD},
    ],
)
def test_without_valid_credentials_nobody_comes_in(headers: Any) -> None:
    event = http_event(body="not even JSON") | {"headers": headers}
    with pytest.raises(Unauthorized):
        over_http(event)


def test_credentials_come_before_the_body() -> None:
    with pytest.raises(InvalidJson):
        over_http(http_event(body="not even JSON"))


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_read_takes_its_fields_from_the_query(method: str) -> None:
    event = http_event(method, body="ignored", pathParameters={"id": "an id"})
    assert over_http(event).fields == {}
    event |= {
        "queryStringParameters": {"to": "+31"},
        "multiValueQueryStringParameters": {"to": ["+31"]},
    }
    call = over_http(event)
    assert (call.fields, call.verification_id) == ({"to": "+31"}, "an id")
    assert call.path == {"id": "an id"}


@pytest.mark.parametrize(
    "client_id", ["", "SHOP", "sh op", "shop\n", "x" * 65, "x" * 100_000, "sh\u00f6p", "\ud800"]
)
@pytest.mark.parametrize("secret", [SECRET, "wrong"])
def test_what_can_be_no_client_is_nobody_without_a_look(client_id: str, secret: str) -> None:
    class Everybody(FakeClients):
        def authenticate(self, client_id: str, secret: str) -> Client:
            return SHOP

    with pytest.raises(Unauthorized):
        let_in(http_event(), Everybody(), client_id, secret)
    for too_long_or_empty in ("", "x" * 129):
        with pytest.raises(Unauthorized):
            let_in(http_event(), Everybody(), "shop", too_long_or_empty)
    assert let_in(http_event(), Everybody(), "shop", "x" * 128) == SHOP


V4, V6 = "192.0.2.0/28", "2001:db8:7::/48"
NEAR = Client("near", SHOP.profile, networks=(V4, "198.51.100.7", V6))


def from_address(address: Any, headers: dict[str, str] | None = None) -> Call:
    """A call of a client that may call from some networks only."""
    credentials = {"Authorization": f"Bearer {NEAR.id}.{SECRET}"}
    event = http_event(headers=credentials | (headers or {}))
    event["requestContext"]["identity"] = {"sourceIp": address}
    return NativeApi().read(event, plenty, FakeClients(NEAR))


@pytest.mark.parametrize(
    "address", ["192.0.2.0", "192.0.2.15", "198.51.100.7", "2001:db8:7::", "2001:db8:7:f::1"]
)
def test_a_client_with_networks_may_call_from_them(address: str) -> None:
    assert from_address(address).client == NEAR


FAR: list[Any] = ["192.0.2.16", "198.51.100.8", "2001:db8:8::1", "::ffff:192.0.2.1", "::1"]
UNREADABLE: list[Any] = ["", None, "unknown", "192.0.2.1, 192.0.2.2", "192.0.2.1/32", "192.0.2"]


@pytest.mark.parametrize("address", FAR + UNREADABLE)
def test_and_from_nowhere_else(address: Any) -> None:
    with pytest.raises(AddressNotAllowed):
        from_address(address)


@pytest.mark.parametrize("identity", [{}, None, {"sourceIp": None}])
def test_an_event_that_names_no_address_lets_in_those_without_networks_only(identity: Any) -> None:
    context = {"identity": identity} if identity is not None else {}
    credentials = {"Authorization": f"Bearer {NEAR.id}.{SECRET}"}
    event = http_event(headers=credentials, requestContext=context)
    with pytest.raises(AddressNotAllowed):
        NativeApi().read(event, plenty, FakeClients(NEAR))
    assert over_http(http_event(requestContext=context)).client == SHOP


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Client-IP"])
def test_no_header_says_where_a_call_comes_from(name: str) -> None:
    with pytest.raises(AddressNotAllowed):
        from_address("203.0.113.9", {name: "192.0.2.1"})
    assert from_address("192.0.2.1", {name: "203.0.113.9"}).client == NEAR


@pytest.mark.parametrize("address", ["192.0.2.1", "203.0.113.9"])
def test_without_credentials_nobody_hears_of_networks(address: str) -> None:
    event = http_event(
        headers={"Authorization": f"Bearer {NEAR.id}.wrong"},
        requestContext={"identity": {"sourceIp": address}},
    )
    with pytest.raises(Unauthorized):
        NativeApi().read(event, plenty, FakeClients(NEAR))


def test_the_address_comes_before_the_body() -> None:
    credentials = {"Authorization": f"Bearer {NEAR.id}.{SECRET}"}
    with pytest.raises(AddressNotAllowed):
        NativeApi().read(
            http_event(body="not even JSON", headers=credentials)
            | {"requestContext": {"identity": {"sourceIp": "203.0.113.9"}}},
            plenty,
            FakeClients(NEAR),
        )


def test_a_direct_invoke_comes_from_no_address() -> None:
    near = Client("near", SHOP.profile, direct_invoke=True, networks=(V4,))
    assert read_direct({}, Context("near"), FakeClients(near)).client == near
    assert read_direct({"client": "near"}, Context(), FakeClients(near)).client == near


EXECUTE_API = "abc123.execute-api.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("domain", "whole", "own", "resource", "url"),
    [
        # The address that API Gateway gives: the stage stands in the path.
        (EXECUTE_API, "/dev/verify", "/verify", "/verify", f"https://{EXECUTE_API}/dev"),
        (EXECUTE_API, "/dev/verify/", "/verify/", "/verify", f"https://{EXECUTE_API}/dev"),
        (EXECUTE_API, "/dev/verify/1", "/verify/1", "/verify/{id}", f"https://{EXECUTE_API}/dev"),
        (
            EXECUTE_API,
            "/verify/verify/verify",
            "/verify/verify",
            "/verify/{id}",
            f"https://{EXECUTE_API}/verify",
        ),
        # A domain of one's own, mapped to the stage.
        ("api.example.com", "/verify", "/verify", "/verify", "https://api.example.com"),
        ("api.example.com", "/verify/", "/verify/", "/verify", "https://api.example.com"),
        ("api.example.com", "/verify/1", "/verify/1", "/verify/{id}", "https://api.example.com"),
        # And under a base path, which API Gateway leaves in `path` too.
        ("api.example.com", "/otp/verify", "/otp/verify", "/verify", "https://api.example.com/otp"),
        (
            "api.example.com",
            "/a/b/verify/messages/email/1/",
            "/a/b/verify/messages/email/1/",
            "/verify/messages/email/{id}",
            "https://api.example.com/a/b",
        ),
    ],
)
def test_the_url_of_an_api_is_where_its_caller_found_it(
    domain: str, whole: str, own: str, resource: str, url: str
) -> None:
    context = {"domainName": domain, "path": whole}
    event = http_event(
        resource=resource, path=own, requestContext=context, headers={"Host": "evil.example"}
    )
    assert url_of(event) == url


@pytest.mark.parametrize("name", ["Host", "host", "HOST"])
@pytest.mark.parametrize("host", ["127.0.0.1:4566", "localhost", "api.example.com:443"])
@pytest.mark.parametrize("domain", [{}, {"domainName": None}, {"domainName": ""}])
def test_where_no_domain_is_named_the_callers_own_word_tells_it(
    name: str, host: str, domain: dict[str, Any]
) -> None:
    context = domain | {"path": "/_aws/execute-api/abc123/dev/verify"}
    event = http_event(
        resource="/verify", path="/verify", requestContext=context, headers={name: host}
    )
    assert url_of(event) == f"https://{host}/_aws/execute-api/abc123/dev"


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "evil.example/x",
        "evil.example?x",
        "evil.example#x",
        "user@evil.example",
        "evil.example:port",
        "evil.example:123456",
        "evil.example:",
        "evil example",
        "evil.example\r\nSet-Cookie: a=b",
        "evil.example\n",
        "evil\\example",
        "ev\u00efl.example",
        '"><script>',
        "[::1]:80",
        "x" * 254,
    ],
)
def test_a_host_that_can_be_none_gives_no_url(host: str) -> None:
    event = http_event(headers={"Host": host}, requestContext={"path": "/dev/v1/verifications"})
    assert url_of(event) == ""


@pytest.mark.parametrize("headers", [None, {}, {"X-Forwarded-Host": "evil.example"}])
def test_without_any_host_there_is_no_url(headers: dict[str, str] | None) -> None:
    assert url_of(http_event() | {"headers": headers}) == ""


def test_an_event_without_its_whole_path_has_the_host_alone() -> None:
    assert url_of(http_event(requestContext={"domainName": EXECUTE_API})) == (
        f"https://{EXECUTE_API}"
    )


def test_a_parameter_given_twice_is_refused_by_its_name() -> None:
    event = http_event(
        "GET",
        queryStringParameters={"to": "b"},
        multiValueQueryStringParameters={"to": ["a", "b"]},
    )
    with pytest.raises(InvalidRequest, match="The parameter 'to' is there twice."):
        over_http(event)


def test_the_name_of_such_a_parameter_comes_back_short_and_in_ascii() -> None:
    several = {"\u00e9\n" * 100: ["a", "b"]}
    with pytest.raises(InvalidRequest) as refused:
        over_http(http_event("GET", multiValueQueryStringParameters=several))
    assert refused.value.detail.isascii() and refused.value.detail.isprintable()
    assert len(refused.value.detail) < 500


@pytest.mark.parametrize("key", ["k", "k" * 128, "!~"])
def test_an_idempotency_key_is_visible_ascii(key: str) -> None:
    headers = {"authorization": GOOD, "IDEMPOTENCY-KEY": key}
    assert over_http(http_event(headers=headers)).idempotency_key == key
    assert direct({"client": "batch", "idempotency_key": key}).idempotency_key == key


@pytest.mark.parametrize("key", ["", "k" * 129, "a b", "a\n", "\u00e9", "\x00"])
def test_another_idempotency_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidRequest, match="1 to 128 visible ASCII characters"):
        over_http(http_event(headers={"authorization": GOOD, "Idempotency-Key": key}))
    with pytest.raises(InvalidRequest, match="1 to 128 visible ASCII characters"):
        direct({"client": "batch", "idempotency_key": key})


@pytest.mark.parametrize("key", [1, True, ["k"], {"k": 1}])
def test_an_idempotency_key_of_another_type_is_refused(key: Any) -> None:
    with pytest.raises(InvalidRequest):
        direct({"client": "batch", "idempotency_key": key})


def test_an_event_of_api_gateway_is_told_from_a_payload() -> None:
    assert is_http(http_event())
    assert route_of(http_event("GET", "/v1/verifications/{id}")) == "GET /v1/verifications/{id}"
    others: list[Any] = [
        {},
        {"to": "x"},
        {"httpMethod": "GET"},
        [],
        None,
        "httpMethod requestContext",
        1,
        *(http_event() | {name: None} for name in ("httpMethod", "resource", "requestContext")),
        http_event() | {"requestContext": "x"},
        http_event() | {"httpMethod": ["GET"]},
    ]
    for event in others:
        assert not is_http(event)


@pytest.mark.parametrize("qualifier", ["", "$LATEST", "1", "42"])
def test_without_an_alias_of_a_client_the_payload_names_one_that_is_marked(qualifier: str) -> None:
    call = direct({"client": "batch", "id": "an id", "to": "x"}, qualifier)
    assert (call.client, call.verification_id, call.fields) == (BATCH, "an id", {"to": "x"})
    for event in (
        {"to": "x"},
        {"client": "shop"},  # not marked
        {"client": "nobody"},
        {"client": qualifier},
        {"client": None},
        {"client": ["batch"]},
        {"client": {"id": "batch"}},
        {"client": 1},
    ):
        with pytest.raises(Unauthorized):
            direct(event, qualifier)


class AnyClient(FakeClients):
    """Knows everybody: whoever is let in by what the payload says, is let in here."""

    def named(self, client_id: str) -> Client:
        return Client(client_id, BATCH.profile)


@pytest.mark.parametrize(
    ("named", "enters"),
    [
        ("a", True),
        ("a-1" + "x" * 61, True),
        ("a" * 65, False),
        ("a" * 100_000, False),  # DynamoDB refuses keys over 2 KB: it must not be asked
        ("", False),
        ("Batch", False),
        ("batch\n", False),
        ("bat ch", False),
        ("b\u00e4tch", False),
        ("\ud800", False),
        ("bat\x00ch", False),
    ],
)
def test_a_payload_names_what_can_be_a_client_or_nobody(named: str, enters: bool) -> None:
    if enters:
        assert read_direct({"client": named}, Context(), AnyClient()).client.id == named
    else:
        with pytest.raises(Unauthorized):
            read_direct({"client": named}, Context(), AnyClient())


def test_an_alias_named_after_a_client_is_that_client() -> None:
    assert direct({"to": "x"}, "shop").client == SHOP
    assert direct({"to": "x", "client": "shop"}, "shop").client == SHOP
    assert direct({}, "batch").client == BATCH


@pytest.mark.parametrize("named", ["batch", "nobody", "", 1, ["shop"], {}])
def test_the_payload_cannot_contradict_the_alias(named: Any) -> None:
    with pytest.raises(Unauthorized):
        direct({"client": named}, "shop")


@pytest.mark.parametrize("alias", ["nobody", "live", "Shop", "shop2"])
def test_an_alias_that_is_no_client_lets_nobody_in(alias: str) -> None:
    with pytest.raises(Unauthorized):
        direct({"client": "batch"}, alias)


def test_the_alias_is_read_from_the_arn_alone() -> None:
    assert Context().invoked_function_arn == ARN
    assert Context("shop").invoked_function_arn == f"{ARN}:shop"


@pytest.mark.parametrize("event", [None, [], "x", 1, True, [{"client": "batch"}]])
def test_a_payload_is_an_object(event: Any) -> None:
    with pytest.raises(InvalidRequest, match="The payload must be a JSON object."):
        direct(event)


@pytest.mark.parametrize("value", [1, None, ["an id"], {}])
def test_an_id_is_a_text(value: Any) -> None:
    with pytest.raises(InvalidFields) as refused:
        direct({"client": "batch", "id": value})
    assert [fault.field for fault in refused.value.faults] == ["id"]


def test_the_callers_event_is_left_as_it_was() -> None:
    event = {"client": "batch", "id": "an id", "idempotency_key": "k", "to": "x"}
    direct(event)
    assert event == {"client": "batch", "id": "an id", "idempotency_key": "k", "to": "x"}
