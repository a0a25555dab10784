"""Providers on AWS: what all have in common; SNS, SES and the sandbox in full."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
    SSLError,
)
from botocore.stub import Stubber
from verification.aws import make_client
from verification.domain.messages import Message
from verification.domain.verification import Channel
from verification.errors import (
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from verification.operations.ports import Order
from verification.providers import aws_notify, aws_sms, aws_voice
from verification.providers.sandbox import KEEP_SECONDS, SandboxMessenger
from verification.providers.ses import SesMessenger
from verification.providers.sns import SnsMessenger
from verification.storage.table import VERSION

from tests.fakes.clock import SettableClock
from tests.providers.aws import error_codes
from tests.providers.orders import make_order

NUMBER, ADDRESS = "+31612345678", "ann@example.com"
EMAIL = Message("123456 is your code", "Your code", "<p>123456</p>")
REJECTED, REFUSED = ProviderRejected, ProviderRefused
UNAVAILABLE, SILENT = ProviderUnavailable, ProviderSilent


def make_email(**changes: Any) -> Order:
    return make_order(
        **{"to": ADDRESS, "channel": Channel.EMAIL, "render": lambda _: EMAIL} | changes
    )


def test_they_say_what_they_carry() -> None:
    assert SnsMessenger.channels == {Channel.SMS}
    assert SesMessenger.channels == {Channel.EMAIL}
    assert SandboxMessenger.channels == {
        Channel.SMS,
        Channel.VOICE,
        Channel.EMAIL,
        Channel.WHATSAPP,
        Channel.VIBER,
    }


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
    order = make_order(sender=sender)
    with Stubber(client) as stub:
        stub.add_response(
            "publish",
            {"MessageId": "m-1"},
            {
                "PhoneNumber": NUMBER,
                "Message": order.render(Channel.SMS).text,
                "MessageAttributes": {"AWS.SNS.SMS.SMSType": text("Transactional")} | attributes,
            },
        )
        assert SnsMessenger(client, default).send(order) == "m-1"
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
            {
                "FromEmailAddress": "shop@example.org",
                "ConfigurationSetName": "follow",
                "EmailTags": [{"Name": "report_token", "Value": "token-for-ses"}],
            },
        ),
    ],
    ids=["as-it-is", "followed-by-reports"],
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
        assert messenger.send(make_email(sender=sender, render=lambda _: message)) == "m-1"
        stub.assert_no_pending_responses()


@dataclass(frozen=True)
class Case:
    """One provider, by the operation of its service that sends."""

    name: str
    service: str
    operation: str
    send: Callable[[Any], str]


CASES = [
    Case("sns", "sns", "publish", lambda client: SnsMessenger(client, None).send(make_order())),
    Case(
        "ses",
        "sesv2",
        "send_email",
        lambda client: SesMessenger(client, "verify@example.org", None).send(make_email()),
    ),
    Case(
        "aws-sms",
        "pinpoint-sms-voice-v2",
        "send_text_message",
        lambda client: aws_sms.AwsSmsMessenger(client, aws_sms.Settings()).send(make_order()),
    ),
    Case(
        "aws-voice",
        "pinpoint-sms-voice-v2",
        "send_voice_message",
        lambda client: aws_voice.AwsVoiceMessenger(
            client, aws_voice.Settings(origination_identity="+3197010")
        ).send(make_order(channel=Channel.VOICE)),
    ),
    Case(
        "aws-notify",
        "endusermessaging",
        "send_notify_code_verification",
        lambda client: aws_notify.AwsNotifyVerifier(
            client, aws_notify.Settings(origination_identity="+3197010")
        ).start(make_order()),
    ),
]
BY_NAME = {case.name: case for case in CASES}
each_provider = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def failure(case: Case, code: str, status: int) -> ProviderError:
    """What the provider raises when AWS answers with this error."""
    client = make_client(case.service, attempts=1)
    with Stubber(client) as stub, pytest.raises(ProviderError) as failed:
        stub.add_client_error(case.operation, code, "a text that could hold anything", status)
        case.send(client)
    assert failed.value.provider == case.name
    return failed.value


@each_provider
@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("Throttling", 400, UNAVAILABLE),
        ("ThrottlingException", 400, UNAVAILABLE),
        ("ThrottlingException", 429, UNAVAILABLE),
        ("ThrottledException", 429, UNAVAILABLE),
        ("TooManyRequestsException", 429, UNAVAILABLE),
        ("LimitExceededException", 400, UNAVAILABLE),
        ("429", 429, UNAVAILABLE),
        ("ServiceUnavailable", 503, UNAVAILABLE),
        ("InternalError", 500, SILENT),
        ("InternalServerException", 500, SILENT),
        ("502", 502, SILENT),
        ("504", 504, SILENT),
        ("AccessDenied", 403, REFUSED),
        ("AccessDeniedException", 400, REFUSED),
        ("UnrecognizedClientException", 400, REFUSED),
        ("InvalidClientTokenId", 403, REFUSED),
        ("InvalidSignatureException", 400, REFUSED),
        ("SignatureDoesNotMatch", 403, REFUSED),
        ("ExpiredTokenException", 403, REFUSED),
        ("OptInRequired", 403, REFUSED),
        ("SubscriptionRequiredException", 400, REFUSED),
        ("UnknownOperationException", 404, REFUSED),
        ("301", 301, REFUSED),
        ("SomethingNew", 400, REFUSED),
    ],
)
def test_what_every_service_may_say_means_the_same_for_each(
    case: Case, code: str, status: int, kind: type[ProviderError]
) -> None:
    error = failure(case, code, status)
    assert (type(error), error.vendor_code) == (kind, code)


SNS_ERRORS = {
    "InvalidParameter": (400, REJECTED),
    "ParameterValueInvalid": (400, REJECTED),
    "ValidationException": (400, REJECTED),
    "InternalError": (500, SILENT),
    "NotFound": (404, REFUSED),
    "EndpointDisabled": (400, REFUSED),
    "PlatformApplicationDisabled": (400, REFUSED),
    "AuthorizationError": (403, REFUSED),
    "InvalidSecurity": (403, REFUSED),
    "KMSDisabled": (400, REFUSED),
    "KMSInvalidState": (400, REFUSED),
    "KMSNotFound": (400, REFUSED),
    "KMSOptInRequired": (403, REFUSED),
    "KMSAccessDenied": (400, REFUSED),
    "KMSThrottling": (400, UNAVAILABLE),
}
SES_ERRORS = {
    "MessageRejected": (400, REJECTED),
    "BadRequestException": (400, REJECTED),
    "AccountSuspendedException": (400, REFUSED),
    "SendingPausedException": (400, REFUSED),
    "MailFromDomainNotVerifiedException": (400, REFUSED),
    "NotFoundException": (404, REFUSED),
    "TooManyRequestsException": (429, UNAVAILABLE),
    "LimitExceededException": (400, UNAVAILABLE),
}


@pytest.mark.parametrize(
    ("name", "code", "status", "kind"),
    [
        (name, code, status, kind)
        for name, errors in (("sns", SNS_ERRORS), ("ses", SES_ERRORS))
        for code, (status, kind) in errors.items()
    ],
)
def test_an_error_is_about_this_message_or_about_all_of_ours(
    name: str, code: str, status: int, kind: type[ProviderError]
) -> None:
    error = failure(BY_NAME[name], code, status)
    assert (type(error), error.vendor_code) == (kind, code)


def test_the_tables_have_every_error_of_the_models() -> None:
    assert set(SNS_ERRORS) == error_codes("sns", "Publish")
    assert set(SES_ERRORS) == error_codes("sesv2", "SendEmail")


@pytest.mark.parametrize("code", ["", "a sentence", "C" * 65, "naïve", "\n"])
def test_of_a_vendors_code_only_what_looks_like_one_is_kept(code: str) -> None:
    kept = failure(BY_NAME["sns"], code, 400).vendor_code
    assert kept == ("C" * 64 if code.startswith("C") else "UnreadableCode")


def on_the_wire(client: Any, answer: Callable[[], AWSResponse]) -> list[str]:
    """Answer in place of the network; returns the list of the URLs that were called."""
    calls: list[str] = []

    def answer_request(request: Any, **_: Any) -> AWSResponse:
        calls.append(request.url)
        return answer()

    client.meta.events.register("before-send.*", answer_request)
    return calls


@each_provider
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectTimeoutError(endpoint_url="x"), UNAVAILABLE),
        (EndpointConnectionError(endpoint_url="x"), UNAVAILABLE),
        (SSLError(endpoint_url="x", error=ssl.SSLCertVerificationError(1, "expired")), REFUSED),
        (SSLError(endpoint_url="x", error=ssl.SSLEOFError(8, "cut")), UNAVAILABLE),
        (SSLError(endpoint_url="x", error=OSError()), UNAVAILABLE),
        (NoCredentialsError(), REFUSED),
        (ReadTimeoutError(endpoint_url="x"), SILENT),
        (ConnectionClosedError(endpoint_url="x"), SILENT),
        (HTTPClientError(error="x"), SILENT),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_connection_is_unavailable_no_answer_is_silent_and_neither_is_asked_again(
    case: Case, error: Exception, kind: type[ProviderError]
) -> None:
    def fail() -> AWSResponse:
        raise error

    client = make_client(case.service, attempts=1)
    calls = on_the_wire(client, fail)
    with pytest.raises(ProviderError) as failed:
        case.send(client)
    assert type(failed.value) is kind
    assert failed.value.vendor_code == type(error).__name__
    assert len(calls) == 1


class Raw:
    """The body of an answer, as urllib3 would hand it over."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> list[bytes]:
        return [self._body]


def answer_to(case: Case, status: int, body: bytes) -> ProviderError:
    """What the provider raises when AWS answers with this, to the one call it makes."""
    client = make_client(case.service, attempts=1)
    calls = on_the_wire(client, lambda: AWSResponse("x", status, HTTPHeaders(), Raw(body)))
    with pytest.raises(ProviderError) as failed:
        case.send(client)
    assert len(calls) == 1
    return failed.value


@each_provider
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>a proxy",
        b"null",
        b"5",
        b'"text"',
        b"[1]",
        b"[" * 100_000,
        b"\xff\xfe",
        b"<a/>",
        b"<PublishResponse><PublishResult><MessageId/></PublishResult></PublishResponse>",
        *(
            b'{"MessageId": %s, "verificationId": %s}' % (value, value)
            for value in (b"5", b"null", b'[""]', b"{}", b'""', b'"a\\u0000"', b'"\\ud800"')
        ),
        b'{"MessageId": "%s"}' % (b"a" * 257),
    ],
    ids=lambda body: repr(body[:60]),
)
def test_a_success_without_a_usable_id_is_silent(case: Case, body: bytes) -> None:
    assert type(answer_to(case, 200, body)) is SILENT


@each_provider
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"[1]", SILENT),
        (400, b'{"__type": 5, "code": {}}', SILENT),
        (500, b"", SILENT),
        (502, b"<html>a proxy</html>", SILENT),
        (503, b"", UNAVAILABLE),
    ],
)
def test_an_error_that_makes_no_sense_is_silent_but_a_503_is_unavailable(
    case: Case, status: int, body: bytes, kind: type[ProviderError]
) -> None:
    assert type(answer_to(case, status, body)) is kind


@each_provider
def test_an_answer_without_an_id_says_so(case: Case) -> None:
    empty = b"{}" if case.name != "sns" else b"<PublishResponse><PublishResult/></PublishResponse>"
    error = answer_to(case, 200, empty)
    assert (type(error), error.provider) == (SILENT, case.name)
    assert error.vendor_code == "NoMessageId"


def test_what_botocore_refuses_to_send_is_refused() -> None:
    client = make_client("sns", attempts=1)
    with pytest.raises(ProviderRefused, match="sns: ParamValidationError"):
        SnsMessenger(client, None).send(make_order(to=31612345678))


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
    order = make_order(channel=Channel.VOICE)
    ids = [messenger.send(order) for _ in range(2)]
    assert len(set(ids)) == 2
    assert table.puts == [
        {
            "TableName": "sessions",
            "Item": {
                "pk": {"S": f"S#{NUMBER}"},
                "sk": {"S": f"01800000000123#{message_id}"},
                "schema_version": VERSION,
                "channel": {"S": "voice"},
                "text": {"S": order.render(Channel.VOICE).text},
                "expires_at": {"N": str(1_800_000_000 + KEEP_SECONDS)},
            },
        }
        for message_id in ids
    ]


@pytest.mark.parametrize("channel", sorted(SandboxMessenger.channels))
def test_the_sandbox_takes_what_it_says_it_carries(channel: Channel) -> None:
    table = FakeDynamoDb()
    SandboxMessenger(table, "sessions", SettableClock()).send(make_order(channel=channel))
    assert table.puts[0]["Item"]["channel"] == {"S": channel}


def test_a_sandbox_without_its_table_is_unavailable() -> None:
    table = FakeDynamoDb(ReadTimeoutError(endpoint_url="x"))
    with pytest.raises(ProviderUnavailable, match="sandbox: TableUnavailable"):
        SandboxMessenger(table, "sessions", SettableClock()).send(make_order())
