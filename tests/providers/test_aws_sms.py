"""SMS by AWS End User Messaging: exactly what is asked for, and what each answer means."""

from typing import Any

import pytest
from botocore.stub import Stubber
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from verification.aws import make_client
from verification.domain.verification import Channel
from verification.errors import (
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from verification.operations.ports import Messenger, TakesFeedback
from verification.providers.aws_sms import AwsSmsMessenger, Settings

from tests.providers.aws import client_of, error_codes, forget_the_machine, values
from tests.providers.orders import make_order

SERVICE = "pinpoint-sms-voice-v2"
TEXT = "123456 is your Shop verification code. Valid for 5 min."
ALWAYS = {
    "DestinationPhoneNumber": "+31612345678",
    "MessageBody": TEXT,
    "MessageType": "TRANSACTIONAL",
    "TimeToLive": 300,
    "Context": {"report_token": "token-for-aws-sms"},
    "MessageFeedbackEnabled": False,
}
INDIA = {"IN_TEMPLATE_ID": "1107", "IN_ENTITY_ID": "1101"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_the_machine(monkeypatch)


def test_it_carries_sms_and_takes_feedback_when_it_is_set_to() -> None:
    messenger = AwsSmsMessenger(None, Settings())
    assert messenger.name == "aws-sms"
    assert messenger.channels == {Channel.SMS}
    assert isinstance(messenger, Messenger) and isinstance(messenger, TakesFeedback)
    assert messenger.takes_feedback is False
    assert AwsSmsMessenger(None, Settings(message_feedback=True)).takes_feedback is True


@pytest.mark.parametrize(
    ("settings", "changes", "parameters"),
    [
        ({}, {}, {}),
        (
            {"origination_identity": "pool-1"},
            {},
            {"OriginationIdentity": "pool-1"},
        ),
        (
            {"origination_identity": "pool-1"},
            {"sender": "Other"},
            {"OriginationIdentity": "Other"},
        ),
        ({}, {"sender": "+3197010"}, {"OriginationIdentity": "+3197010"}),
        ({"configuration_set": "follow"}, {}, {"ConfigurationSetName": "follow"}),
        (
            {"protect_configuration": "protect-1"},
            {},
            {"ProtectConfigurationId": "protect-1"},
        ),
        ({"max_price": "0.10"}, {}, {"MaxPrice": "0.10"}),
        ({"message_type": "PROMOTIONAL"}, {}, {"MessageType": "PROMOTIONAL"}),
        ({"message_feedback": True}, {}, {"MessageFeedbackEnabled": True}),
        ({"keyword": "My Program"}, {}, {"Keyword": "My Program"}),
        (
            {"destination_country_parameters": INDIA},
            {"country": "IN"},
            {"DestinationCountryParameters": INDIA},
        ),
        ({"destination_country_parameters": INDIA}, {"country": "NL"}, {}),
        ({}, {"country": "IN"}, {}),
        ({}, {"validity": 1}, {"TimeToLive": 5}),
        ({}, {"validity": 6}, {"TimeToLive": 6}),
        ({}, {"validity": 172_801}, {"TimeToLive": 172_801}),
        ({}, {"validity": 300_000}, {"TimeToLive": 259_200}),
    ],
    ids=str,
)
def test_each_setting_and_each_wish_is_a_parameter(
    settings: dict[str, Any], changes: dict[str, Any], parameters: dict[str, Any]
) -> None:
    client = make_client(SERVICE, attempts=1)
    with Stubber(client) as stub:
        stub.add_response("send_text_message", {"MessageId": "m-1"}, ALWAYS | parameters)
        assert AwsSmsMessenger(client, Settings(**settings)).send(make_order(**changes)) == "m-1"
        stub.assert_no_pending_responses()


WRONG: list[dict[str, Any]] = [
    {"origination_identity": "My Shop"},
    {"origination_identity": ""},
    {"origination_identity": "a" * 257},
    {"configuration_set": "a.b"},
    {"protect_configuration": "a b"},
    {"max_price": "1"},
    {"max_price": "100.00"},
    {"max_price": "0.123456"},
    {"max_price": 0.05},
    {"message_type": "transactional"},
    {"message_feedback": "perhaps"},
    {"keyword": ""},
    {"keyword": "a" * 31},
    {"keyword": "a\nb"},
    {"destination_country_parameters": {"US_ENTITY_ID": "1"}},
    {"destination_country_parameters": {"IN_ENTITY_ID": "1 2"}},
    {"destination_country_parameters": {"IN_ENTITY_ID": "1" * 65}},
    {"sender": "Shop"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_setting_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as error:
        Settings.model_validate(wrong)
    assert error.value.errors()[0]["loc"][0] in wrong


# For each kind of error the reasons that are about this number or this message.
REJECTED = {
    "AccessDeniedException": set[str](),
    "ConflictException": {
        "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION",
        "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE",
        "DESTINATION_PHONE_NUMBER_NOT_VERIFIED",
        "DESTINATION_PHONE_NUMBER_OPTED_OUT",
        "NO_ORIGINATION_IDENTITIES_FOUND",
    },
    "ServiceQuotaExceededException": {"DAILY_DESTINATION_CALL_LIMIT"},
    "ValidationException": {
        "CANNOT_PARSE",
        "COUNTRY_CODE_MISMATCH",
        "COUNTRY_NOT_ENABLED",
        "DESTINATION_COUNTRY_BLOCKED",
        "FIELD_VALIDATION_FAILED",
        "INTERNATIONAL_SENDING_NOT_SUPPORTED",
        "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY",
        "INVALID_PARAMETER",
        "INVALID_REQUEST",
        "MAXIMUM_SIZE_EXCEEDED",
        "OTHER",
        "PRICE_OVER_THRESHOLD",
        "SENDER_ID_NOT_REGISTERED",
        "SENDER_ID_NOT_SUPPORTED",
        "SENDER_ID_REQUIRES_REGISTRATION",
    },
}
WITHOUT_REASON = {
    "AccessDeniedException": (400, ProviderRefused),
    "ConflictException": (400, ProviderRefused),
    "InternalServerException": (500, ProviderSilent),
    "ResourceNotFoundException": (400, ProviderRefused),
    "ServiceQuotaExceededException": (400, ProviderRefused),
    "ThrottlingException": (400, ProviderUnavailable),
    "ValidationException": (400, ProviderRejected),
}


def send_and_fail(code: str, status: int, **fields: Any) -> ProviderError:
    client = make_client(SERVICE, attempts=1)
    with Stubber(client) as stub, pytest.raises(ProviderError) as failed:
        stub.add_client_error(
            "send_text_message", code, "+31612345678", status, modeled_fields=fields
        )
        AwsSmsMessenger(client, Settings()).send(make_order())
    assert failed.value.provider == "aws-sms"
    return failed.value


@pytest.mark.parametrize(
    ("code", "reason"),
    [(code, reason) for code in REJECTED for reason in values(SERVICE, f"{code}Reason")],
)
def test_aws_reason_says_whether_it_is_about_this_number(code: str, reason: str) -> None:
    error = send_and_fail(code, 400, Reason=reason)
    assert type(error) is (ProviderRejected if reason in REJECTED[code] else ProviderRefused)
    assert error.vendor_code == f"{code}/{reason}"[:64]


@pytest.mark.parametrize(
    ("code", "status", "kind"), [(code, *answer) for code, answer in WITHOUT_REASON.items()]
)
def test_each_error_of_the_model_has_a_meaning_without_a_reason_too(
    code: str, status: int, kind: type[ProviderError]
) -> None:
    error = send_and_fail(code, status)
    assert (type(error), error.vendor_code) == (kind, code)


def test_the_tables_are_those_of_the_model() -> None:
    assert set(WITHOUT_REASON) == error_codes(SERVICE, "SendTextMessage")
    for code, reasons in REJECTED.items():
        assert reasons <= set(values(SERVICE, f"{code}Reason"))


@pytest.mark.parametrize(("received", "status"), [(True, "RECEIVED"), (False, "FAILED")])
def test_feedback_says_whether_the_message_was_of_use(received: bool, status: str) -> None:
    client = make_client(SERVICE, attempts=1)
    said = {"MessageId": "m-1", "MessageFeedbackStatus": status}
    with Stubber(client) as stub:
        stub.add_response("put_message_feedback", said, said)
        AwsSmsMessenger(client, Settings(message_feedback=True)).feedback("m-1", received)
        stub.assert_no_pending_responses()


FEEDBACK_ERRORS = {
    "AccessDeniedException": (400, ProviderRefused),
    "InternalServerException": (500, ProviderSilent),
    "ResourceNotFoundException": (400, ProviderRejected),
    "ThrottlingException": (400, ProviderUnavailable),
    "ValidationException": (400, ProviderRejected),
}


@pytest.mark.parametrize(
    ("code", "status", "kind"), [(code, *answer) for code, answer in FEEDBACK_ERRORS.items()]
)
def test_feedback_that_is_not_taken_is_an_error(
    code: str, status: int, kind: type[ProviderError]
) -> None:
    client = make_client(SERVICE, attempts=1)
    with Stubber(client) as stub, pytest.raises(ProviderError) as failed:
        stub.add_client_error("put_message_feedback", code, "?", status)
        AwsSmsMessenger(client, Settings()).feedback("m-1", True)
    assert (type(failed.value), failed.value.vendor_code) == (kind, code)


def test_the_table_of_feedback_errors_is_that_of_the_model() -> None:
    assert set(FEEDBACK_ERRORS) == error_codes(SERVICE, "PutMessageFeedback")


def test_at_the_wire_it_is_signed_json_of_the_target(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_oneshot_request(
        "/", method="POST", json=ALWAYS | {"OriginationIdentity": "pool-1"}
    ).respond_with_json({"MessageId": "862a8790-60c0-4430-9b2b-658bdexample"})
    client = client_of(SERVICE, httpserver, monkeypatch)
    messenger = AwsSmsMessenger(client, Settings(origination_identity="pool-1"))
    assert messenger.send(make_order()) == "862a8790-60c0-4430-9b2b-658bdexample"
    client.close()
    httpserver.check()
    headers = httpserver.log[0][0].headers
    assert headers["X-Amz-Target"] == "PinpointSMSVoiceV2.SendTextMessage"
    assert headers["Content-Type"] == "application/x-amz-json-1.0"
    assert "/eu-west-1/sms-voice/aws4_request" in headers["Authorization"]


def test_at_the_wire_an_error_has_its_reason(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "DESTINATION_PHONE_NUMBER_OPTED_OUT"
    error = {"__type": "com.amazonaws#ConflictException", "Message": "?", "Reason": reason}
    httpserver.expect_request("/").respond_with_json(error, status=400)
    client = client_of(SERVICE, httpserver, monkeypatch)
    with pytest.raises(ProviderRejected) as failed:
        AwsSmsMessenger(client, Settings()).send(make_order())
    client.close()
    assert failed.value.vendor_code == f"ConflictException/{reason}"
    assert len(httpserver.log) == 1


def test_at_the_wire_a_throttled_call_is_not_repeated(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = {"__type": "ThrottlingException", "Message": "slow down"}
    httpserver.expect_request("/").respond_with_json(error, status=400)
    client = client_of(SERVICE, httpserver, monkeypatch)
    with pytest.raises(ProviderUnavailable):
        AwsSmsMessenger(client, Settings()).send(make_order())
    client.close()
    assert len(httpserver.log) == 1
