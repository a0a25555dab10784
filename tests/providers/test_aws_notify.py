"""Codes that AWS makes and checks: exactly what is asked for, and what each answer means."""

import re
from typing import Any

import pytest
from botocore.stub import Stubber
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from verification.aws import make_client
from verification.domain.messages import Message
from verification.domain.verification import Channel, Reason
from verification.errors import (
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from verification.operations.ports import SEND_ROOM, TakesFeedback, Terms, Verifier
from verification.providers.aws_notify import AwsNotifyVerifier, Settings

from tests.providers.aws import client_of, error_codes, forget_the_machine
from tests.providers.orders import PLENTY, make_order

SERVICE = "endusermessaging"
KEY = "aqqqqqqqqqqqqqqqqqqqqqqqqqq-1"
REQUIRED = {"origination_identity": "pool-1"}
ANSWER = {"verificationId": "ver-xyz789", "messageId": "sms-abc123"}
CODE_PARAMETERS = {
    "codeType": "NUMERIC",
    "codeLength": 6,
    "validityPeriodMinutes": 5,
    "maxAttempts": 5,
}
ALWAYS: dict[str, Any] = {
    "channel": "TEXT",
    "destinationIdentity": "+31612345678",
    "originationIdentity": "pool-1",
    "overrideChannelParameters": {
        "text": {"inlineTemplateBody": "{{code}} is your Shop verification code. Valid for 5 min."}
    },
    "overrideCodeConfigurationParameters": CODE_PARAMETERS,
    "context": {"report_token": "token-for-aws-notify", "provider": "aws-notify"},
    "referenceId": KEY,
}
INDIA = {"IN_TEMPLATE_ID": "1107", "IN_ENTITY_ID": "1101"}
TEMPLATE = {"name": "verify_code", "language": "en_US"}
SPEECH = (
    "<speak>Tom &amp; &lt;Co&gt;: "
    '<say-as interpret-as="digits">{{code}}</say-as>. '
    '<say-as interpret-as="digits">{{code}}</say-as>!</speak>'
)


class Spoken:
    """A template; its name is the same in every process, since tests are called by it."""

    def __call__(self, channel: Channel, placeholder: str) -> Message:
        return Message(f"Tom & <Co>: {placeholder}. {placeholder}!")

    def __repr__(self) -> str:
        return "Spoken"


CALL = {"channel": Channel.VOICE, "template": Spoken()}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_the_machine(monkeypatch)


def make_verifier(client: Any = None, **settings: Any) -> AwsNotifyVerifier:
    return AwsNotifyVerifier(client, Settings(**(REQUIRED | settings)))


def plenty() -> int:
    return PLENTY


def test_it_says_what_it_carries_and_what_it_can_be_asked_for() -> None:
    verifier = make_verifier()
    assert isinstance(verifier, Verifier) and not isinstance(verifier, TakesFeedback)
    assert verifier.name == "aws-notify"
    assert verifier.channels == {Channel.SMS, Channel.VOICE, Channel.WHATSAPP}
    assert verifier.terms == Terms((4, 8), (60, 3_600), (1, 5))


def codes(**changes: int) -> dict[str, Any]:
    return {"overrideCodeConfigurationParameters": CODE_PARAMETERS | changes}


def speech(**options: str) -> dict[str, Any]:
    voice = {"inlineTemplateBody": SPEECH, "voiceMessageBodyTextType": "SSML"} | options
    return {"channel": "VOICE", "overrideChannelParameters": {"voice": voice}}


def whatsapp(**changes: Any) -> dict[str, Any]:
    template = {"whatsAppTemplateName": "verify_code", "languageCode": "en_US"}
    return {"channel": "WHATSAPP", "overrideChannelParameters": {"whatsApp": template}} | changes


@pytest.mark.parametrize(
    ("settings", "changes", "parameters"),
    [
        ({}, {}, {}),
        ({}, {"sender": "Shop"}, {"originationIdentity": "Shop"}),
        ({"notify_code_configuration": "ncc-1"}, {}, {"notifyCodeConfiguration": "ncc-1"}),
        ({"configuration_set": "follow"}, {}, {"configurationSetName": "follow"}),
        (
            {"destination_country_parameters": INDIA},
            {"country": "IN"},
            {
                "overrideChannelParameters": {
                    "text": ALWAYS["overrideChannelParameters"]["text"]
                    | {"destinationCountryParameters": INDIA}
                }
            },
        ),
        ({"destination_country_parameters": INDIA}, {}, {}),
        ({}, {"validity": 1}, codes(validityPeriodMinutes=1)),
        ({}, {"validity": 60}, codes(validityPeriodMinutes=1)),
        ({}, {"validity": 61}, codes(validityPeriodMinutes=2)),
        ({}, {"validity": 3_600}, codes(validityPeriodMinutes=60)),
        ({}, {"validity": 3_601}, codes(validityPeriodMinutes=60)),
        ({}, {"code_length": 4}, codes(codeLength=4)),
        ({}, {"code_length": 8}, codes(codeLength=8)),
        ({}, {"max_attempts": 1}, codes(maxAttempts=1)),
        ({}, {"max_attempts": 10}, codes(maxAttempts=5)),
        ({}, CALL, speech(languageCode="nl-NL")),
        ({}, CALL | {"locale": "et"}, speech()),
        ({"voice_id": "Ruben"}, CALL, speech(voiceId="Ruben")),
        ({}, CALL | {"sender": "Shop"}, speech(languageCode="nl-NL")),
        (
            {},
            CALL | {"sender": "+3197010"},
            speech(languageCode="nl-NL") | {"originationIdentity": "+3197010"},
        ),
        ({"whatsapp_template": TEMPLATE}, {"channel": Channel.WHATSAPP}, whatsapp()),
        (
            {"whatsapp_template": TEMPLATE, "whatsapp_origination_identity": "wa-1"},
            {"channel": Channel.WHATSAPP, "sender": "Shop"},
            whatsapp(originationIdentity="wa-1"),
        ),
        (
            {"notify_code_configuration": "ncc-1"},
            {"channel": Channel.WHATSAPP},
            whatsapp(overrideChannelParameters=None, notifyCodeConfiguration="ncc-1"),
        ),
    ],
    ids=str,
)
def test_each_setting_and_each_wish_is_a_parameter(
    settings: dict[str, Any], changes: dict[str, Any], parameters: dict[str, Any]
) -> None:
    client = make_client(SERVICE, attempts=1)
    expected = {name: value for name, value in (ALWAYS | parameters).items() if value is not None}
    with Stubber(client) as stub:
        stub.add_response("send_notify_code_verification", ANSWER, expected)
        assert make_verifier(client, **settings).start(make_order(**changes)) == KEY
        stub.assert_no_pending_responses()


def test_whatsapp_without_any_template_is_our_mistake_and_not_asked_for() -> None:
    client = make_client(SERVICE, attempts=1)
    with Stubber(client), pytest.raises(ProviderRefused) as failed:
        make_verifier(client).start(make_order(channel=Channel.WHATSAPP))
    assert failed.value.vendor_code == "whatsapp_template_missing"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"origination_identity": "My Shop"},
        REQUIRED | {"whatsapp_origination_identity": ""},
        REQUIRED | {"notify_code_configuration": "a b"},
        REQUIRED | {"configuration_set": "arn:aws:sms-voice:eu-west-1:1:configuration-set/a"},
        REQUIRED | {"voice_id": "a b"},
        REQUIRED | {"destination_country_parameters": {"US": "1"}},
        REQUIRED | {"whatsapp_template": "verify_code"},
        REQUIRED | {"whatsapp_template": {"name": "verify_code"}},
        REQUIRED | {"whatsapp_template": TEMPLATE | {"language": "e"}},
        REQUIRED | {"whatsapp_template": TEMPLATE | {"button": True}},
        REQUIRED | {"message_feedback": True},
    ],
    ids=str,
)
def test_a_missing_or_wrong_setting_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)


def test_the_key_of_an_order_fits_a_reference() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,256}", make_order().key)


@pytest.mark.parametrize(("status", "reason"), [("VALID", None), ("INVALID", Reason.INCORRECT)])
@pytest.mark.parametrize("repeated", [False, True])
def test_aws_says_valid_or_invalid_and_not_why(
    status: str, reason: Reason | None, repeated: bool
) -> None:
    client = make_client(SERVICE, attempts=1)
    asked = {"destinationIdentity": "+31612345678", "referenceId": KEY, "code": "483921"}
    with Stubber(client) as stub:
        stub.add_response("validate_notify_code_verification", {"status": status}, asked)
        verifier = make_verifier(client)
        answer = verifier.check(KEY, "+31612345678", "483921", repeated=repeated, remaining=plenty)
        assert answer == reason
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["123", "123456789", "1" * 16, "12345a", "١٢٣٤٥٦"])
def test_a_code_that_aws_cannot_have_made_is_wrong_without_asking(code: str) -> None:
    client = make_client(SERVICE, attempts=1)
    with Stubber(client):  # any call would fail
        verifier = make_verifier(client)
        reason = verifier.check(KEY, "+31612345678", code, repeated=False, remaining=plenty)
    assert reason == Reason.INCORRECT


@pytest.mark.parametrize("code", ["4839", "48392", "4839211", "48392111"])
def test_codes_of_all_lengths_that_aws_makes_are_asked_about(code: str) -> None:
    client = make_client(SERVICE, attempts=1)
    with Stubber(client) as stub:
        stub.add_response("validate_notify_code_verification", {"status": "VALID"})
        verifier = make_verifier(client)
        assert verifier.check(KEY, "+31612345678", code, repeated=False, remaining=plenty) is None
        stub.assert_no_pending_responses()


def test_without_time_for_an_answer_nobody_is_asked() -> None:
    client = make_client(SERVICE, attempts=1)
    with Stubber(client), pytest.raises(ProviderUnavailable, match="no_time_left"):
        make_verifier(client).check(
            KEY, "+31612345678", "483921", repeated=False, remaining=lambda: SEND_ROOM - 1
        )


def test_canceling_asks_nobody() -> None:
    client = make_client(SERVICE, attempts=1)
    with Stubber(client):  # any call would fail
        make_verifier(client).cancel(KEY, plenty)


START_ERRORS = {
    "AccessDeniedException": (403, ProviderRefused),
    "ConflictException": (409, ProviderRejected),
    "InternalServerException": (500, ProviderSilent),
    "ResourceNotFoundException": (404, ProviderRefused),
    "ServiceQuotaExceededException": (400, ProviderRefused),
    "ThrottlingException": (429, ProviderUnavailable),
    "ValidationException": (400, ProviderRejected),
}
CHECK_ERRORS = {
    "AccessDeniedException": (403, ProviderRefused),
    "InternalServerException": (500, ProviderSilent),
    "ThrottlingException": (429, ProviderUnavailable),
    "ValidationException": (400, ProviderRejected),
}


@pytest.mark.parametrize(
    ("code", "status", "kind"), [(code, *answer) for code, answer in START_ERRORS.items()]
)
def test_each_error_of_a_start_has_a_meaning(
    code: str, status: int, kind: type[ProviderError]
) -> None:
    client = make_client(SERVICE, attempts=1)
    with Stubber(client) as stub, pytest.raises(ProviderError) as failed:
        stub.add_client_error("send_notify_code_verification", code, "?", status)
        make_verifier(client).start(make_order())
    assert type(failed.value) is kind
    assert (failed.value.provider, failed.value.vendor_code) == ("aws-notify", code)


@pytest.mark.parametrize(
    ("code", "status", "kind"), [(code, *answer) for code, answer in CHECK_ERRORS.items()]
)
def test_each_error_of_a_check_has_a_meaning_and_is_no_answer(
    code: str, status: int, kind: type[ProviderError]
) -> None:
    client = make_client(SERVICE, attempts=1)
    with Stubber(client) as stub, pytest.raises(ProviderError) as failed:
        stub.add_client_error("validate_notify_code_verification", code, "?", status)
        make_verifier(client).check(KEY, "+31612345678", "483921", repeated=False, remaining=plenty)
    assert type(failed.value) is kind
    assert (failed.value.provider, failed.value.vendor_code) == ("aws-notify", code)


def test_the_tables_have_every_error_of_the_model() -> None:
    assert set(START_ERRORS) == error_codes(SERVICE, "SendNotifyCodeVerification")
    assert set(CHECK_ERRORS) == error_codes(SERVICE, "ValidateNotifyCodeVerification")


def test_at_the_wire_a_start_is_signed_json(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_oneshot_request(
        "/v1/notify-code-verifications/send", method="POST", json=ALWAYS
    ).respond_with_json(ANSWER)
    client = client_of(SERVICE, httpserver, monkeypatch)
    assert make_verifier(client).start(make_order()) == KEY
    client.close()
    httpserver.check()
    headers = httpserver.log[0][0].headers
    assert headers["Content-Type"] == "application/json"
    assert "/eu-west-1/end-user-messaging/aws4_request" in headers["Authorization"]


def test_at_the_wire_a_check_is_json(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_oneshot_request(
        "/v1/notify-code-verifications/validate",
        method="POST",
        json={"destinationIdentity": "+31612345678", "referenceId": KEY, "code": "483921"},
    ).respond_with_json({"status": "VALID"})
    client = client_of(SERVICE, httpserver, monkeypatch)
    verifier = make_verifier(client)
    assert verifier.check(KEY, "+31612345678", "483921", repeated=False, remaining=plenty) is None
    client.close()
    httpserver.check()


@pytest.mark.parametrize("body", ["{}", "[]", "null", '{"status": "valid"}', '{"status": [1]}'])
def test_at_the_wire_an_answer_that_says_neither_is_silent(
    body: str, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/v1/notify-code-verifications/validate").respond_with_data(
        body, content_type="application/json"
    )
    client = client_of(SERVICE, httpserver, monkeypatch)
    with pytest.raises(ProviderSilent):
        make_verifier(client).check(KEY, "+31612345678", "483921", repeated=False, remaining=plenty)
    client.close()


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("AccessDeniedException", 403, ProviderRefused),
        ("ThrottlingException", 429, ProviderUnavailable),
        ("ValidationException", 400, ProviderRejected),
    ],
)
def test_at_the_wire_an_error_has_its_code_in_a_header_and_is_not_asked_about_again(
    code: str,
    status: int,
    kind: type[ProviderError],
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    httpserver.expect_request("/v1/notify-code-verifications/send").respond_with_json(
        {"message": "?"}, status=status, headers={"x-amzn-ErrorType": code}
    )
    client = client_of(SERVICE, httpserver, monkeypatch)
    with pytest.raises(ProviderError) as failed:
        make_verifier(client).start(make_order())
    client.close()
    assert (type(failed.value), failed.value.vendor_code) == (kind, code)
    assert len(httpserver.log) == 1
