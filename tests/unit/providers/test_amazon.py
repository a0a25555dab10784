"""Amazon's messengers: exactly what is asked for, and what each answer means."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)
from botocore.stub import Stubber
from verification.aws import make_client
from verification.domain.messages import Message
from verification.domain.verification import Channel
from verification.errors import (
    ProviderError,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from verification.operations.ports import Messenger
from verification.providers.sandbox import KEEP_SECONDS, SandboxMessenger
from verification.providers.ses import SesMessenger
from verification.providers.sns import SnsMessenger

from tests.fakes.clock import SettableClock

NUMBER, ADDRESS = "+31612345678", "ann@example.com"
SMS = Message("123456 is your code")
EMAIL = Message("123456 is your code", "Your code", "<p>123456</p>")


def test_they_say_what_they_carry() -> None:
    assert SnsMessenger.channels == {Channel.SMS}
    assert SesMessenger.channels == {Channel.EMAIL}
    assert SandboxMessenger.channels == {Channel.SMS, Channel.VOICE, Channel.EMAIL}


def text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


@pytest.mark.parametrize(
    ("default", "sender", "attributes"),
    [
        (None, None, {}),
        ("Shop", None, {"AWS.SNS.SMS.SenderID": text("Shop")}),
        ("Shop", "Other", {"AWS.SNS.SMS.SenderID": text("Other")}),
        (None, "+3197010", {"AWS.MM.SMS.OriginationNumber": text("+3197010")}),
    ],
)
def test_sns_publishes_one_transactional_message(
    default: str | None, sender: str | None, attributes: dict[str, Any]
) -> None:
    client = make_client("sns", attempts=1)
    with Stubber(client) as stub:
        stub.add_response(
            "publish",
            {"MessageId": "m-1"},
            {
                "PhoneNumber": NUMBER,
                "Message": SMS.text,
                "MessageAttributes": {"AWS.SNS.SMS.SMSType": text("Transactional")} | attributes,
            },
        )
        assert SnsMessenger(client, default).send(SMS, NUMBER, Channel.SMS, sender) == "m-1"
        stub.assert_no_pending_responses()


def utf8(value: str) -> dict[str, str]:
    return {"Data": value, "Charset": "UTF-8"}


@pytest.mark.parametrize(
    ("sender", "configuration_set", "message", "body", "options"),
    [
        (
            None,
            None,
            EMAIL,
            {"Text": utf8(EMAIL.text), "Html": utf8("<p>123456</p>")},
            {"FromEmailAddress": "verify@example.org"},
        ),
        (
            "shop@example.org",
            "follow",
            Message("123456", "Your code"),
            {"Text": utf8("123456")},
            {"FromEmailAddress": "shop@example.org", "ConfigurationSetName": "follow"},
        ),
    ],
)
def test_ses_sends_one_email(
    sender: str | None,
    configuration_set: str | None,
    message: Message,
    body: dict[str, Any],
    options: dict[str, Any],
) -> None:
    client = make_client("sesv2", attempts=1)
    with Stubber(client) as stub:
        stub.add_response(
            "send_email",
            {"MessageId": "m-1"},
            {
                "Destination": {"ToAddresses": [ADDRESS]},
                "Content": {"Simple": {"Subject": utf8("Your code"), "Body": body}},
                **options,
            },
        )
        messenger = SesMessenger(client, "verify@example.org", configuration_set)
        assert messenger.send(message, ADDRESS, Channel.EMAIL, sender) == "m-1"
        stub.assert_no_pending_responses()


def sns() -> tuple[Any, Messenger, Callable[[Messenger], str]]:
    client = make_client("sns", attempts=1)
    return client, SnsMessenger(client, None), lambda m: m.send(SMS, NUMBER, Channel.SMS, None)


def ses() -> tuple[Any, Messenger, Callable[[Messenger], str]]:
    client = make_client("sesv2", attempts=1)
    messenger = SesMessenger(client, "verify@example.org", None)
    return client, messenger, lambda m: m.send(EMAIL, ADDRESS, Channel.EMAIL, None)


MAKERS = pytest.mark.parametrize(
    ("make", "operation"), [(sns, "publish"), (ses, "send_email")], ids=["sns", "ses"]
)
Make = Callable[[], tuple[Any, Messenger, Callable[[Messenger], str]]]


@MAKERS
@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("Throttling", 400, ProviderUnavailable),
        ("ThrottlingException", 400, ProviderUnavailable),
        ("ThrottledException", 429, ProviderUnavailable),
        ("TooManyRequestsException", 429, ProviderUnavailable),
        ("LimitExceededException", 400, ProviderUnavailable),
        ("InternalError", 500, ProviderSilent),
        ("ServiceUnavailable", 503, ProviderUnavailable),
        ("InvalidParameter", 400, ProviderRejected),
        ("MessageRejected", 400, ProviderRejected),
        ("AuthorizationError", 403, ProviderRejected),
        ("NotFoundException", 404, ProviderRejected),
    ],
)
def test_an_error_says_later_or_no_and_keeps_the_vendors_code(
    make: Make, operation: str, code: str, status: int, kind: type[Exception]
) -> None:
    client, messenger, send = make()
    with Stubber(client) as stub:
        stub.add_client_error(operation, code, "who knows", status)
        with pytest.raises(ProviderError) as failed:
            send(messenger)
    assert type(failed.value) is kind
    assert (failed.value.provider, failed.value.vendor_code) == (messenger.name, code)


def on_the_wire(client: Any, answer: Callable[[], AWSResponse]) -> list[str]:
    """Answer in place of the network; returns the list of the URLs that were called."""
    calls: list[str] = []

    def answer_request(request: Any, **_: Any) -> AWSResponse:
        calls.append(request.url)
        return answer()

    client.meta.events.register("before-send.*", answer_request)
    return calls


@MAKERS
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectTimeoutError(endpoint_url="x"), ProviderUnavailable),
        (EndpointConnectionError(endpoint_url="x"), ProviderUnavailable),
        (SSLError(endpoint_url="x", error=OSError()), ProviderUnavailable),
        (ReadTimeoutError(endpoint_url="x"), ProviderSilent),
        (ConnectionClosedError(endpoint_url="x"), ProviderSilent),
        (HTTPClientError(error="x"), ProviderSilent),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_connection_is_unavailable_no_answer_is_silent_and_neither_is_asked_again(
    make: Make, operation: str, error: Exception, kind: type[ProviderError]
) -> None:
    def fail() -> AWSResponse:
        raise error

    client, messenger, send = make()
    calls = on_the_wire(client, fail)
    with pytest.raises(ProviderError) as failed:
        send(messenger)
    assert type(failed.value) is kind
    assert failed.value.vendor_code == type(error).__name__
    assert len(calls) == 1


class Raw:
    """The body of an answer, as urllib3 would hand it over."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> list[bytes]:
        return [self._body]


@MAKERS
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"<html>a proxy", ProviderSilent),
        (200, b"", ProviderSilent),
        (502, b"<html>a proxy", ProviderSilent),
        (503, b"", ProviderUnavailable),
    ],
)
def test_an_answer_that_makes_no_sense_is_silent_but_a_5xx_is_unavailable(
    make: Make, operation: str, status: int, body: bytes, kind: type[ProviderError]
) -> None:
    client, messenger, send = make()
    calls = on_the_wire(client, lambda: AWSResponse("x", status, HTTPHeaders(), Raw(body)))
    with pytest.raises(ProviderError) as failed:
        send(messenger)
    assert type(failed.value) is kind
    assert len(calls) == 1


@MAKERS
def test_an_answer_without_an_id_is_silent(make: Make, operation: str) -> None:
    client, messenger, send = make()
    with Stubber(client) as stub:
        stub.add_response(operation, {})
        with pytest.raises(ProviderSilent) as failed:
            send(messenger)
    assert (failed.value.provider, failed.value.vendor_code) == (messenger.name, "NoMessageId")


def test_what_botocore_refuses_to_send_is_rejected() -> None:
    client = make_client("sns", attempts=1)
    with pytest.raises(ProviderRejected, match="sns: ParamValidationError"):
        SnsMessenger(client, None).send(SMS, 31612345678, Channel.SMS, None)  # type: ignore[arg-type]  # what is tried


class FakeDynamoDb:
    """Takes items, or fails."""

    def __init__(self, failing: Exception | None = None) -> None:
        self.puts: list[dict[str, Any]] = []
        self.failing = failing

    def put_item(self, **parameters: Any) -> None:
        if self.failing:
            raise self.failing
        self.puts.append(parameters)


def test_the_sandbox_keeps_messages_for_an_hour_and_sends_nothing() -> None:
    table, clock = FakeDynamoDb(), SettableClock(1_800_000_000_123)
    messenger = SandboxMessenger(table, "sessions", clock)
    ids = [messenger.send(SMS, NUMBER, Channel.VOICE, None) for _ in range(2)]
    assert len(set(ids)) == 2
    assert table.puts == [
        {
            "TableName": "sessions",
            "Item": {
                "pk": {"S": f"S#{NUMBER}"},
                "sk": {"S": f"01800000000123#{message_id}"},
                "schema_version": {"N": "1"},
                "channel": {"S": "voice"},
                "text": {"S": SMS.text},
                "expires_at": {"N": str(1_800_000_000 + KEEP_SECONDS)},
            },
        }
        for message_id in ids
    ]


def test_a_sandbox_without_its_table_is_unavailable() -> None:
    table = FakeDynamoDb(ReadTimeoutError(endpoint_url="x"))
    with pytest.raises(ProviderUnavailable, match="sandbox: TableUnavailable"):
        SandboxMessenger(table, "sessions", SettableClock()).send(SMS, NUMBER, Channel.SMS, None)
