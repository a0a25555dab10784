"""Our own client of AWS's JSON services, beside botocore's: the same words there and back."""

import datetime
import json
import os
import zlib
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from itertools import chain, repeat
from typing import Any
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import SSLError
from verification import aws, aws_json
from verification.aws_json import JsonClient, make_json_client
from verification.errors import TemporarilyUnavailable

from tests.providers.hostile import (
    Asked,
    Behaviour,
    Close,
    RawServer,
    Talk,
    http,
    says,
    says_and_closes,
    says_and_waits,
    self_signed,
)

NOW = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.UTC)
ITEM = '{"Item": {"pk": {"S": "a"}}}'
ASK = {"TableName": "t", "Key": {"pk": {"S": "a"}}}
THROTTLED = '{"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "slow"}'
REFUSED = '{"__type": "x#ValidationException", "message": "no"}'


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What Lambda gives, and nothing else of AWS; nobody waits between tries."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in (*aws_json._UNUSUAL, "_X_AMZN_TRACE_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "made-up"),
        ("AWS_SESSION_TOKEN", "a-token"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_CONFIG_FILE", os.devnull),
        ("AWS_SHARED_CREDENTIALS_FILE", os.devnull),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(aws_json, "delay", lambda tries: 0)
    caches = (aws.make_session, aws_json._refreshed)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def client_at(url: str, service: str = "dynamodb", **how: Any) -> Any:
    with patch.dict(os.environ, {"AWS_ENDPOINT_URL": url}):
        return make_json_client(service, **{"attempts": 3, **how})


def one_after_the_other(*answers: bytes) -> Behaviour:
    """The last one goes on for ever."""
    left = chain(answers, repeat(answers[-1]))
    return lambda talk, asked: talk.say(next(left))


# ------------------------------------------------------------------------------- What is asked for


@pytest.mark.parametrize(
    ("service", "method", "target", "kind"),
    [
        ("dynamodb", "transact_write_items", "DynamoDB_20120810.TransactWriteItems", "1.0"),
        ("secretsmanager", "get_secret_value", "secretsmanager.GetSecretValue", "1.1"),
        ("sqs", "send_message", "AmazonSQS.SendMessage", "1.0"),
    ],
)
def test_a_method_is_an_operation_of_its_service(
    service: str, method: str, target: str, kind: str
) -> None:
    with RawServer(says(http("{}"))) as server:
        getattr(client_at(server.url, service), method)(Name="x")
        (asked,) = server.asked
    assert (asked.method, asked.target) == ("POST", "/")
    assert asked.headers["x-amz-target"] == target
    assert asked.headers["content-type"] == f"application/x-amz-json-{kind}"
    assert json.loads(asked.body)["Name"] == "x"


@pytest.mark.parametrize("token", ["a-token", None])
@pytest.mark.parametrize("path", ["", "/a/path"])
def test_it_signs_as_botocore_does(
    monkeypatch: pytest.MonkeyPatch, path: str, token: str | None
) -> None:
    if token is None:
        monkeypatch.delenv("AWS_SESSION_TOKEN")
    monkeypatch.setattr(aws_json, "_now", lambda: NOW)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOW)
    with RawServer(says(http(ITEM))) as server:
        client_at(server.url + path).get_item(**ASK)
        (asked,) = server.asked
        names = ("accept-encoding", "content-type", "x-amz-target")
        headers = {name: asked.headers[name] for name in names}
        theirs = AWSRequest("POST", f"{server.url}{path}/", headers=headers, data=asked.body)
        keys = aws_json._Keys("AKIDEXAMPLE", "made-up", token)
        signer: Any = SigV4Auth(keys, "dynamodb", "eu-west-1")  # type: ignore[arg-type]
        signer.add_auth(theirs)
    assert asked.headers["authorization"] == theirs.headers["Authorization"]
    assert asked.headers.get("x-amz-security-token") == token


def test_lambdas_trace_goes_along_as_aws_looks_for_loops_by_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with RawServer(says(http(ITEM))) as server:
        client = client_at(server.url)
        client.get_item(**ASK)
        monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-2")
        client.get_item(**ASK)
        traces = [asked.headers.get("x-amzn-trace-id") for asked in server.asked]
    assert traces == [None, "Root=1-2"]


def test_bytes_go_and_come_as_they_are_wherever_they_stand() -> None:
    items = [
        {"mac": {"B": b"\x00\xff"}, "macs": {"BS": [b"a", b"\x80"]}},
        # Attributes may be called as kinds are.
        {"B": {"S": "eA=="}, "BS": {"SS": ["eA=="]}, "m": {"M": {"B": {"B": b"x"}}}},
        {"B": {"B": b"y"}},
        {},
    ]
    for item in items:
        with RawServer(lambda talk, asked: talk.say(http(asked.body))) as server:
            answer = client_at(server.url).put_item(Item=item)
            assert answer["Item"] == item


@pytest.mark.parametrize("value", [object(), {1, 2}, datetime.datetime(2026, 1, 1)])
def test_what_json_has_no_word_for_is_our_fault_and_not_sent(value: object) -> None:
    with RawServer(says(http(ITEM))) as server:
        with pytest.raises(TypeError):
            client_at(server.url).put_item(Item=value)
        assert server.asked == []


# ---------------------------------------------------------------------------------- What is said


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("400 Bad Request", REFUSED, "ValidationException"),
        ("400 Bad Request", '{"__type": "NoHash", "Message": "no"}', "NoHash"),
        ("403 Forbidden", "{}", "403"),
        ("404 Not Found", "<html>no</html>", "404"),
        ("301 Moved", "", "301"),
        ("400 Bad Request", "[]", "400"),
    ],
)
def test_a_refusal_is_an_error_at_once(status: str, body: str, code: str) -> None:
    with RawServer(says(http(body, status))) as server:
        with pytest.raises(ClientError) as refused:
            client_at(server.url).get_item(**ASK)
        assert len(server.asked) == 1
    response = refused.value.response
    assert response["Error"]["Code"] == code
    assert response["ResponseMetadata"]["HTTPStatusCode"] == int(status[:3])
    assert refused.value.operation_name == "GetItem"


def test_an_error_has_all_that_came_with_it() -> None:
    reasons = [{"Code": "None"}, {"Code": "X", "Item": {"mac": {"B": "AP8="}}}]
    body = {"__type": "a#TransactionCanceledException", "CancellationReasons": reasons}
    with RawServer(says(http(json.dumps(body), "400 Bad Request"))) as server:
        with pytest.raises(ClientError) as refused:
            client_at(server.url).transact_write_items(TransactItems=[])
    said: Any = refused.value.response
    assert said["CancellationReasons"][1]["Item"] == {"mac": {"B": b"\x00\xff"}}


# ------------------------------------------------------------------------------- When it goes wrong

CRC = f"x-amz-crc32: {zlib.crc32(ITEM.encode())}"
WRONG_CRC = f"x-amz-crc32: {zlib.crc32(ITEM.encode()) ^ 1}"
LATER = {
    "throttled": says(http(THROTTLED, "400 Bad Request")),
    "429": says(http("", "429 Too Many Requests")),
    "500": says(http("{}", "500 Internal Server Error")),
    "503 with a page": says(http("<html>", "503 Service Unavailable")),
    "damaged": says(http(ITEM, "200 OK", WRONG_CRC)),
    "damaged beyond its checksum": says(http(ITEM, "200 OK", "x-amz-crc32: x")),
    "cut short": says_and_closes(http(ITEM)[:-5]),
    "no JSON": says(http("<html>")),
    "no object": says(http("[1]")),
    "no HTTP": says_and_closes(b"220 mail.example.com ESMTP\r\n\r\n"),
    "nothing": says_and_closes(b""),
    "silence": says_and_waits(b""),
    "half an answer": says_and_waits(http(ITEM)[:-5]),
}


@pytest.mark.parametrize("what", LATER)
def test_what_may_go_better_is_tried_as_often_as_was_said(what: str) -> None:
    for attempts in (1, 3):
        with RawServer(LATER[what]) as server:
            with pytest.raises((ClientError, HTTPClientError, ResponseParserError)) as failed:
                client_at(server.url, attempts=attempts, read=0.2).get_item(**ASK)
            assert len(server.asked) == attempts
        with pytest.raises(TemporarilyUnavailable), aws.reaching_aws():
            raise failed.value


@pytest.mark.parametrize("what", LATER)
def test_the_first_good_answer_counts(what: str) -> None:
    def behave(talk: Talk, asked: Asked) -> None:
        good = len(server.asked) == 3
        (says(http(ITEM, "200 OK", CRC)) if good else LATER[what])(talk, asked)

    with RawServer(behave) as server:
        answer = client_at(server.url, read=0.2).get_item(**ASK)
        assert answer["Item"] == {"pk": {"S": "a"}}
        assert len({asked.body for asked in server.asked}) == 1


def test_nobody_there_is_tried_again_too() -> None:
    with RawServer(says(http(ITEM))) as server:
        url = server.url
    with patch.object(aws_json, "delay", return_value=0) as delay, pytest.raises(HTTPClientError):
        client_at(url).get_item(**ASK)
    assert [asked.args for asked in delay.call_args_list] == [(1,), (2,)]


def test_it_waits_longer_each_time_and_by_chance() -> None:
    longest = [max(aws.delay(tries) for _ in range(200)) for tries in range(8)]
    assert all(0.01 * 2**tries < longest[tries] <= 0.02 * 2**tries for tries in range(4))
    assert max(longest) <= 0.5
    assert len({aws.delay(3) for _ in range(20)}) == 20


def test_a_transaction_that_is_repeated_is_the_same_one() -> None:
    with RawServer(one_after_the_other(http("", "500 Oops"), http("{}"))) as server:
        client = client_at(server.url)
        for _ in range(2):
            client.transact_write_items(TransactItems=[])
        tokens = [json.loads(asked.body)["ClientRequestToken"] for asked in server.asked]
    assert tokens[0] == tokens[1] != tokens[2]
    assert all(1 <= len(token) <= 36 for token in tokens)


def test_a_connection_is_used_again_and_one_that_was_closed_meanwhile_is_no_fault() -> None:
    def behave(talk: Talk, asked: Asked) -> None:
        talk.say(http(ITEM))
        if len(server.asked) == 2:
            raise Close

    with RawServer(behave) as server:
        client = client_at(server.url, attempts=1)
        for _ in range(2):
            client.get_item(**ASK)
        server.closed.acquire(timeout=5)
        client.get_item(**ASK)
        assert (len(server.asked), server.connections) == (3, 2)


# ------------------------------------------------------------------------------------ Time and keys


def expired(at: datetime.datetime, code: str = "InvalidSignatureException") -> bytes:
    body = json.dumps({"__type": f"x#{code}", "message": "Signature expired"})
    return http(body, "400 Bad Request", f"Date: {format_datetime(at, usegmt=True)}")


@pytest.mark.parametrize("hours", [-30, -1, 1, 30])
def test_where_our_clock_is_wrong_it_signs_by_awss(
    monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    monkeypatch.setattr(aws_json, "_now", lambda: NOW)
    theirs = NOW + datetime.timedelta(hours=hours)
    with RawServer(one_after_the_other(expired(theirs), http(ITEM))) as server:
        client = client_at(server.url)
        for _ in range(2):
            client.get_item(**ASK)
        times = [asked.headers["x-amz-date"] for asked in server.asked]
    assert times == [f"{at:%Y%m%dT%H%M%SZ}" for at in (NOW, theirs, theirs)]


@pytest.mark.parametrize(
    "answer",
    [
        expired(NOW),  # our clock is right: the key is wrong
        http('{"__type": "InvalidSignatureException"}', "400 Bad Request"),
        http('{"__type": "InvalidSignatureException"}', "400 Bad Request", "Date: yesterday"),
        expired(NOW + datetime.timedelta(hours=1), "AccessDeniedException"),
    ],
)
def test_what_is_not_the_clocks_fault_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(aws_json, "_now", lambda: NOW)
    with RawServer(says(answer)) as server:
        with pytest.raises(ClientError):
            client_at(server.url).get_item(**ASK)
        assert len(server.asked) == 1


def test_keys_that_end_are_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process has them that was begun from a snapshot."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)

    def give(talk: Talk, asked: Asked) -> None:
        assert asked.headers["authorization"] == "for-the-keys"
        # Less than botocore likes to have left: it asks for new ones each time.
        ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=5)
        keys = {
            "AccessKeyId": f"AKID{len(giver.asked)}",
            "SecretAccessKey": "made-up",
            "Token": f"token-{len(giver.asked)}",
            "Expiration": ends.isoformat(),
        }
        talk.say(http(json.dumps(keys)))
        raise Close

    with RawServer(give) as giver, RawServer(says(http(ITEM))) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{giver.url}/keys")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "for-the-keys")
        client = client_at(server.url)
        for _ in range(2):
            client.get_item(**ASK)
        tokens = [asked.headers["x-amz-security-token"] for asked in server.asked]
    assert len(set(tokens)) == 2


def test_without_keys_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with RawServer(says(http(ITEM))) as server:
        with pytest.raises(NoCredentialsError):
            client_at(server.url).get_item(**ASK)
        assert server.asked == []


# ------------------------------------------------------------------------------------- Where AWS is


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "https://dynamodb.eu-west-1.amazonaws.com/"),
        ({"AWS_REGION": "us-gov-west-1"}, "https://dynamodb.us-gov-west-1.amazonaws.com/"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "ap-southeast-7"}, None),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "http://127.0.0.1:1/"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://x:2/"},
            "http://x:2/",
        ),
    ],
)
def test_it_finds_aws_where_botocore_does(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    client = make_json_client("dynamodb", attempts=1)
    monkeypatch.setenv("AWS_DEFAULT_REGION", variables.get("AWS_REGION") or "ap-southeast-7")
    if not variables.get("AWS_REGION"):
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1" if url else "ap-southeast-7")
    theirs = aws.make_client("dynamodb", attempts=1)
    assert isinstance(client, JsonClient)
    assert client._url.rstrip("/") == theirs.meta.endpoint_url.rstrip("/")
    assert url is None or client._url == url


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ("https_proxy", "http://127.0.0.1:1"),
        ("AWS_REGION", "cn-north-1"),
        ("AWS_REGION", "us-iso-east-1"),
        ("AWS_REGION", "us-isob-east-1"),
        ("AWS_REGION", "eusc-de-east-1"),
    ],
)
def test_where_aws_is_not_where_it_usually_is_botocore_knows(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv(variable, value)
    if variable == "AWS_REGION":
        monkeypatch.setenv("AWS_DEFAULT_REGION", value)
    assert isinstance(make_json_client("dynamodb", attempts=1), BaseClient)


def test_without_a_region_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(NoRegionError):
        make_json_client("dynamodb", attempts=1)


# --------------------------------------------------------------------------------------------- TLS


def test_who_is_not_vouched_for_hears_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    context, certificate = self_signed(tmp_path)
    with RawServer(says(http(ITEM)), context) as server:
        with pytest.raises(HTTPClientError) as refused:
            client_at(server.url, attempts=1).get_item(**ASK)
        assert isinstance(refused.value.__cause__, SSLError)
        assert server.asked == []
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        elsewhere = server.url.replace("127.0.0.1", "localhost")  # not the name it is made out to
        with pytest.raises(BotoCoreError):
            client_at(elsewhere, attempts=1).get_item(**ASK)
        assert server.asked == []
        assert client_at(server.url, attempts=1).get_item(**ASK)["Item"]


def test_what_is_no_method_of_a_client_is_none() -> None:
    client: Callable[[], object] = make_json_client("dynamodb", attempts=1)
    assert not hasattr(client, "__wrapped__")
    assert not hasattr(client, "_nothing")
