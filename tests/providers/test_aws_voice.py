"""Calls by AWS End User Messaging: exactly what is asked for, and what each answer means."""

from typing import Any

import pytest
from botocore.stub import Stubber
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from verification.aws import make_client
from verification.domain.texts import TEXTS
from verification.domain.verification import Channel
from verification.errors import (
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from verification.operations.ports import Messenger, Order, TakesFeedback
from verification.providers.aws_voice import VOICES, AwsVoiceMessenger, Settings, choose_voice

from tests.providers.aws import client_of, error_codes, forget_the_machine, values
from tests.providers.orders import make_order

SERVICE = "pinpoint-sms-voice-v2"
SENTENCE = "Your Shop verification code is 1, 2, 3, 4, 5, 6."
ALWAYS = {
    "DestinationPhoneNumber": "+31612345678",
    "OriginationIdentity": "+31201234567",
    "MessageBody": f"{SENTENCE} {SENTENCE}",
    "MessageBodyTextType": "TEXT",
    "VoiceId": "LOTTE",
    "TimeToLive": 300,
    "Context": {"report_token": "token-for-aws-voice"},
    "MessageFeedbackEnabled": False,
}
REQUIRED: dict[str, Any] = {"origination_identity": "+31201234567"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_the_machine(monkeypatch)


def make_call(**changes: Any) -> Order:
    return make_order(channel=Channel.VOICE, **changes)


def test_it_carries_voice_and_takes_feedback_when_it_is_set_to() -> None:
    messenger = AwsVoiceMessenger(None, Settings(**REQUIRED))
    assert messenger.name == "aws-voice"
    assert messenger.channels == {Channel.VOICE}
    assert isinstance(messenger, Messenger) and isinstance(messenger, TakesFeedback)
    assert messenger.takes_feedback is False
    assert AwsVoiceMessenger(None, Settings(**REQUIRED, message_feedback=True)).takes_feedback


@pytest.mark.parametrize(
    ("settings", "changes", "parameters"),
    [
        ({}, {}, {}),
        ({"origination_identity": "pool-1"}, {}, {"OriginationIdentity": "pool-1"}),
        ({}, {"sender": "+3197010"}, {"OriginationIdentity": "+3197010"}),
        ({}, {"sender": "Shop"}, {}),
        ({"voice_id": "RUBEN"}, {}, {"VoiceId": "RUBEN"}),
        ({}, {"locale": "en"}, {"VoiceId": "JOANNA"}),
        ({}, {"locale": "et"}, {"VoiceId": None}),
        ({"voice_id": "RUBEN"}, {"locale": "et"}, {"VoiceId": "RUBEN"}),
        ({}, {"voice": "male"}, {"VoiceId": "RUBEN"}),
        ({}, {"voice": "female"}, {"VoiceId": "LOTTE"}),
        ({}, {"voice": "male", "locale": "tr"}, {"VoiceId": "FILIZ"}),  # Polly has no other
        ({}, {"voice": "male", "locale": "et"}, {"VoiceId": None}),
        ({"voice_id": "LOTTE"}, {"voice": "male"}, {}),
        ({"configuration_set": "follow"}, {}, {"ConfigurationSetName": "follow"}),
        ({"protect_configuration": "protect-1"}, {}, {"ProtectConfigurationId": "protect-1"}),
        ({"max_price_per_minute": ".05"}, {}, {"MaxPricePerMinute": ".05"}),
        ({"message_feedback": True}, {}, {"MessageFeedbackEnabled": True}),
        ({}, {"validity": 1}, {"TimeToLive": 5}),
        ({}, {"validity": 300_000}, {"TimeToLive": 259_200}),
    ],
    ids=str,
)
def test_each_setting_and_each_wish_is_a_parameter(
    settings: dict[str, Any], changes: dict[str, Any], parameters: dict[str, Any]
) -> None:
    client = make_client(SERVICE, attempts=1)
    expected = {name: value for name, value in (ALWAYS | parameters).items() if value is not None}
    with Stubber(client) as stub:
        stub.add_response("send_voice_message", {"MessageId": "m-1"}, expected)
        messenger = AwsVoiceMessenger(client, Settings(**(REQUIRED | settings)))
        assert messenger.send(make_call(**changes)) == "m-1"
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"origination_identity": "My Shop"},
        REQUIRED | {"voice_id": "Ruben"},
        REQUIRED | {"max_price_per_minute": "1"},
        REQUIRED | {"max_price": "0.05"},
        REQUIRED | {"message_type": "TRANSACTIONAL"},
    ],
    ids=str,
)
def test_a_missing_or_wrong_setting_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)


@pytest.mark.parametrize(
    ("locale", "country", "voice"),
    [
        (None, None, "JOANNA"),
        (None, "NL", "LOTTE"),
        (None, "GB", "AMY"),
        (None, "IE", "AMY"),
        (None, "AU", "NICOLE"),
        (None, "NZ", "NICOLE"),
        (None, "IN", "RAVEENA"),
        (None, "DE", "VICKI"),
        (None, "AT", "VICKI"),
        (None, "ES", "LUCIA"),
        (None, "MX", "MIA"),
        (None, "AR", "LUPE"),
        (None, "BR", "CAMILA"),
        (None, "PT", "INES"),
        (None, "HK", "ZHIYU"),
        (None, "EE", None),
        ("en", "NL", "JOANNA"),
        ("en-US", "GB", "JOANNA"),
        ("en_gb", "NL", "AMY"),
        ("pt-BR", "PT", "CAMILA"),
        ("fr", "CA", "CHANTAL"),
        ("fr-FR", "CA", "LEA"),
        ("zh-Hans-CN", None, "ZHIYU"),
        ("nn", None, "LIV"),
        ("nonsense", "NL", "LOTTE"),
    ],
)
def test_the_voice_speaks_the_language_of_the_text(
    locale: str | None, country: str | None, voice: str | None
) -> None:
    chosen = choose_voice(locale, country)
    assert (chosen.id if chosen else None) == voice


SPOKEN = "ar da de en es fr it ja ko nb nl pl pt ro ru sv tr zh zh-Hant".split()


@pytest.mark.parametrize("language", TEXTS)
def test_a_language_has_a_voice_of_its_own_or_none(language: str) -> None:
    voice = choose_voice(language, None)
    assert (voice is not None) == (language in SPOKEN)


def test_every_voice_is_one_of_the_model() -> None:
    known = set(values(SERVICE, "VoiceId"))
    assert {voice.id for voice in VOICES.values()} <= known
    assert {voice.male for voice in VOICES.values()} <= known | {None}


ERRORS = {
    ("AccessDeniedException", "ACCOUNT_DISABLED"): (400, ProviderRefused),
    ("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT"): (400, ProviderRejected),
    ("ConflictException", "NUMBER_CAPABILITIES_MISMATCH"): (400, ProviderRefused),
    ("InternalServerException", None): (500, ProviderSilent),
    ("ResourceNotFoundException", None): (400, ProviderRefused),
    ("ServiceQuotaExceededException", "DAILY_DESTINATION_CALL_LIMIT"): (400, ProviderRejected),
    ("ServiceQuotaExceededException", "MONTHLY_SPEND_LIMIT_REACHED_FOR_VOICE"): (
        400,
        ProviderRefused,
    ),
    ("ThrottlingException", None): (400, ProviderUnavailable),
    ("ValidationException", "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY"): (400, ProviderRejected),
    ("ValidationException", "VOICE_CAPABILITY_NOT_AVAILABLE"): (400, ProviderRefused),
}


@pytest.mark.parametrize(
    ("code", "reason", "status", "kind"), [(*error, *answer) for error, answer in ERRORS.items()]
)
def test_errors_are_read_as_those_of_sms(
    code: str, reason: str | None, status: int, kind: type[ProviderError]
) -> None:
    client = make_client(SERVICE, attempts=1)
    fields = {"Reason": reason} if reason else {}
    with Stubber(client) as stub, pytest.raises(ProviderError) as failed:
        stub.add_client_error("send_voice_message", code, "?", status, modeled_fields=fields)
        AwsVoiceMessenger(client, Settings(**REQUIRED)).send(make_call())
    assert type(failed.value) is kind
    assert failed.value.provider == "aws-voice"
    assert failed.value.vendor_code == (f"{code}/{reason}"[:64] if reason else code)


def test_the_table_has_every_error_of_the_model() -> None:
    assert {code for code, _ in ERRORS} == error_codes(SERVICE, "SendVoiceMessage")


def test_feedback_goes_the_way_of_sms() -> None:
    client = make_client(SERVICE, attempts=1)
    said = {"MessageId": "m-1", "MessageFeedbackStatus": "RECEIVED"}
    with Stubber(client) as stub:
        stub.add_response("put_message_feedback", said, said)
        AwsVoiceMessenger(client, Settings(**REQUIRED)).feedback("m-1", True)
        stub.assert_no_pending_responses()


def test_at_the_wire_it_is_json_of_the_target(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_oneshot_request("/", method="POST", json=ALWAYS).respond_with_json(
        {"MessageId": "1d2295bd"}
    )
    client = client_of(SERVICE, httpserver, monkeypatch)
    assert AwsVoiceMessenger(client, Settings(**REQUIRED)).send(make_call()) == "1d2295bd"
    client.close()
    httpserver.check()
    assert httpserver.log[0][0].headers["X-Amz-Target"] == "PinpointSMSVoiceV2.SendVoiceMessage"


def test_at_the_wire_an_error_has_its_reason(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = {
        "__type": "ValidationException",
        "Message": "?",
        "Reason": "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY",
        "Fields": [{"Name": "destinationPhoneNumber", "Message": "?"}],
    }
    httpserver.expect_request("/").respond_with_json(error, status=400)
    client = client_of(SERVICE, httpserver, monkeypatch)
    with pytest.raises(ProviderRejected, match="INVALID_IDENTITY_FOR_DESTINATION_COUNTRY"):
        AwsVoiceMessenger(client, Settings(**REQUIRED)).send(make_call())
    client.close()
