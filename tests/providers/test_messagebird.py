"""MessageBird's SMS and voice messages, against a real HTTP server."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from verification.domain.messages import Message
from verification.domain.spoken import LANGUAGES
from verification.domain.verification import Channel
from verification.errors import (
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from verification.operations.ports import Messenger
from verification.providers.messagebird import MessageBirdMessenger, Settings

from .orders import make_order

FOLDER = Path(__file__).parent / "vectors/messagebird"
VECTORS = json.loads((FOLDER / "rest.json").read_text())
VENDORS_LANGUAGES = json.loads((FOLDER / "verify.json").read_text())["languages"]["values"]
KEY = "live_s3cret"
REPORTS_URL = "https://verify.example"
OK = {"id": "c3cddce045416dab6378c58b96540915"}
SMS, VOICE = Channel.SMS, Channel.VOICE
PATHS = {SMS: "/messages", VOICE: "/voicemessages"}
TEXTS = {channel: make_order().render(channel).text for channel in PATHS}

# Everything that goes out for the sample order, by the defaults.
DEFAULTS: Mapping[Channel, Mapping[str, Any]] = {
    SMS: {
        "recipients": ["31612345678"],
        "originator": "Code",
        "body": TEXTS[SMS],
        "type": "sms",
        "datacoding": "auto",
        "validity": 300,
        "reference": "aqqqqqqqqqqqqqqqqqqqqqqqqqq-1",
    },
    VOICE: {
        "recipients": ["31612345678"],
        "body": TEXTS[VOICE],
        "language": "nl-nl",
        "voice": "female",
        "repeat": 1,
        "ifMachine": "hangup",
        "machineTimeout": 7000,
        "reference": "aqqqqqqqqqqqqqqqqqqqqqqqqqq-1",
    },
}


def settings_of(**settings: Any) -> Settings:
    return Settings.model_validate({"access_key": KEY, **settings})


def make_messenger(
    httpserver: HTTPServer, reports_url: str | None = None, **settings: Any
) -> MessageBirdMessenger:
    base_url = httpserver.url_for("/").rstrip("/")
    return MessageBirdMessenger(settings_of(base_url=base_url, **settings), reports_url)


def sent(
    httpserver: HTTPServer,
    channel: Channel,
    order: Mapping[str, Any] | None = None,
    reports_url: str | None = None,
    **settings: Any,
) -> Any:
    """The JSON that goes out for the sample order with these changes."""
    path = PATHS[channel]
    httpserver.expect_oneshot_request(path, method="POST").respond_with_json(OK, 201)
    messenger = make_messenger(httpserver, reports_url, **settings)
    assert messenger.send(make_order(channel=channel, **order or {})) == OK["id"]
    [(request, _)] = httpserver.log
    return request.get_json()


def failure(
    httpserver: HTTPServer, body: Any, status: int, channel: Channel = SMS
) -> ProviderError:
    """What an answer that is no success is taken for."""
    httpserver.expect_request(PATHS[channel]).respond_with_json(body, status)
    with pytest.raises(ProviderError) as caught:
        make_messenger(httpserver).send(make_order(channel=channel))
    assert caught.value.provider == "messagebird"
    return caught.value


def fault(code: Any, parameter: Any = None) -> dict[str, Any]:
    return {"code": code, "description": f"it says {KEY} 31612345678", "parameter": parameter}


def test_it_is_a_messenger_of_sms_and_voice(httpserver: HTTPServer) -> None:
    messenger = make_messenger(httpserver)
    assert isinstance(messenger, Messenger)
    assert messenger.name == "messagebird"
    assert messenger.channels == frozenset({SMS, VOICE})


@pytest.mark.parametrize("channel", PATHS)
def test_a_message_is_posted_as_json_with_the_access_key_in_a_header_alone(
    httpserver: HTTPServer, channel: Channel
) -> None:
    assert sent(httpserver, channel) == DEFAULTS[channel]
    [(request, _)] = httpserver.log
    assert (request.method, request.path) == ("POST", PATHS[channel])
    assert request.query_string == b""
    assert request.headers["Authorization"] == f"AccessKey {KEY}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Accept"] == "application/json"
    assert KEY.encode() not in request.get_data()


# Every parameter of the vendor's: what we give it, by which setting or part of the order.
MESSAGE_PARAMETERS: list[tuple[str, dict[str, Any], dict[str, Any], Any]] = [
    ("recipients", {}, {"to": "+12025550100"}, ["12025550100"]),
    ("originator", {}, {}, "Code"),
    ("originator", {"originator": "Shop 24"}, {}, "Shop 24"),
    ("originator", {"originator": "+31612345678"}, {}, "31612345678"),
    ("originator", {"originator": "31612345678"}, {}, "31612345678"),
    ("originator", {"originator": "Shop"}, {"sender": "Other"}, "Other"),
    ("originator", {"originator": "Shop"}, {"sender": "+12025550100"}, "12025550100"),
    ("originator", {"originator": "Shop"}, {"sender": "a@shop.example"}, "Shop"),
    ("body", {}, {"render": lambda channel: Message(f"Ω {channel}")}, "Ω sms"),
    ("type", {"type": "sms"}, {}, "sms"),
    ("type", {"type": "flash"}, {}, "flash"),
    ("type", {"type": "sms"}, {"flash": True}, "flash"),
    ("type", {"type": "flash"}, {"flash": True}, "flash"),
    ("voice", {}, {"voice": "male"}, None),
    ("datacoding", {"datacoding": "plain"}, {}, "plain"),
    ("datacoding", {"datacoding": "unicode"}, {}, "unicode"),
    ("datacoding", {"datacoding": "auto"}, {}, "auto"),
    ("validity", {}, {"validity": 1}, 1),
    ("validity", {}, {"validity": 172_801}, 172_801),
    ("gateway", {}, {}, None),
    ("gateway", {"gateway": 0}, {}, 0),
    ("gateway", {"gateway": 239}, {}, 239),
    ("reference", {}, {"key": "b" * 62 + "-2"}, "b" * 62 + "-2"),
    ("reportUrl", {}, {}, None),
    # Ours are single messages of text, now, to one number; `type` says flash.
    ("groupIds", {}, {}, None),
    ("typeDetails", {}, {}, None),
    ("mclass", {}, {}, None),
    ("scheduledDatetime", {}, {}, None),
    ("shortenUrls", {}, {}, None),
]
VOICE_PARAMETERS: list[tuple[str, dict[str, Any], dict[str, Any], Any]] = [
    ("recipients", {}, {"to": "+12025550100"}, ["12025550100"]),
    ("originator", {}, {}, None),
    ("originator", {"originator": "Shop"}, {}, None),
    ("originator", {"voice_originator": "+31201234567"}, {}, "31201234567"),
    ("originator", {"voice_originator": "31201234567"}, {"sender": "Shop"}, "31201234567"),
    ("originator", {"voice_originator": "31201234567"}, {"sender": "+12025550100"}, "12025550100"),
    ("body", {}, {"render": lambda channel: Message(f"Ω {channel}")}, "Ω voice"),
    ("body", {}, {"render": lambda channel: Message("x" * 1_000)}, "x" * 1_000),
    ("reference", {}, {"key": "b" * 62 + "-2"}, "b" * 62 + "-2"),
    ("language", {}, {"locale": "de"}, "de-de"),
    ("voice", {"voice": "male"}, {}, "male"),
    ("voice", {"voice": "female"}, {}, "female"),
    ("voice", {"voice": "male"}, {"voice": "female"}, "female"),
    ("voice", {"voice": "female"}, {"voice": "male"}, "male"),
    ("type", {}, {"flash": True}, None),
    ("repeat", {"repeat": 10}, {}, 10),
    ("ifMachine", {"if_machine": "continue"}, {}, "continue"),
    ("ifMachine", {"if_machine": "delay"}, {}, "delay"),
    ("ifMachine", {"if_machine": "hangup"}, {}, "hangup"),
    ("machineTimeout", {"machine_timeout": 400}, {}, 400),
    ("machineTimeout", {"machine_timeout": 10_000}, {}, 10_000),
    ("reportUrl", {}, {}, None),
    ("scheduledDatetime", {}, {}, None),
]


@pytest.mark.parametrize(
    ("channel", "parameter", "settings", "order", "value"),
    [(SMS, *row) for row in MESSAGE_PARAMETERS] + [(VOICE, *row) for row in VOICE_PARAMETERS],
)
def test_each_parameter_has_its_value_and_changes_no_other(
    httpserver: HTTPServer,
    channel: Channel,
    parameter: str,
    settings: dict[str, Any],
    order: dict[str, Any],
    value: Any,
) -> None:
    expected = {**DEFAULTS[channel], parameter: value}
    assert sent(httpserver, channel, order, **settings) == {
        name: one for name, one in expected.items() if one is not None
    }


@pytest.mark.parametrize("channel", PATHS)
def test_reports_are_asked_for_at_an_address_that_only_this_send_has(
    httpserver: HTTPServer, channel: Channel
) -> None:
    assert sent(httpserver, channel, reports_url=REPORTS_URL) == {
        **DEFAULTS[channel],
        "reportUrl": "https://verify.example/v1/reports/messagebird/token-for-messagebird",
    }


def test_a_voice_message_over_the_vendors_bound_is_not_sent(httpserver: HTTPServer) -> None:
    order = make_order(channel=VOICE, render=lambda channel: Message("x" * 1_001))
    with pytest.raises(ProviderRejected) as caught:
        make_messenger(httpserver).send(order)
    assert type(caught.value) is ProviderRejected
    assert caught.value.vendor_code == "body_too_long"
    assert httpserver.log == []


def test_the_languages_are_the_vendors() -> None:
    assert sorted(LANGUAGES) == sorted(VENDORS_LANGUAGES)


@pytest.mark.parametrize("language", VENDORS_LANGUAGES)
def test_every_language_can_be_asked_for(httpserver: HTTPServer, language: str) -> None:
    locale = language[:2] + language[2:].upper()  # en-GB-WLS
    assert sent(httpserver, VOICE, {"locale": locale, "country": "XX"})["language"] == language


@pytest.mark.parametrize(
    ("locale", "country", "language"),
    [
        # the locale, in its own region, else in the country of the number, else the main one
        ("en-US", "GB", "en-us"),
        ("en_us", "GB", "en-us"),
        ("en", "GB", "en-gb"),
        ("en", "US", "en-us"),
        ("en", "AU", "en-au"),
        ("en", "IN", "en-in"),
        ("en", "NL", "en-gb"),
        ("en-ZA", "NL", "en-gb"),
        ("es", "ES", "es-es"),
        ("es", "MX", "es-mx"),
        ("es", "US", "es-us"),
        ("es", "AR", "es-es"),
        ("fr", "FR", "fr-fr"),
        ("fr", "CA", "fr-ca"),
        ("fr-BE", "BE", "fr-fr"),
        ("pt", "PT", "pt-pt"),
        ("pt", "BR", "pt-br"),
        ("pt", "AO", "pt-pt"),
        ("zh", "CN", "zh-cn"),
        ("zh-Hant", "HK", "zh-hk"),
        ("zh-Hant", "TW", "zh-cn"),
        ("zh-Hant-HK", "CN", "zh-hk"),
        ("no", "NO", "nb-no"),
        ("nn-NO", None, "nb-no"),
        ("cy", "GB", "cy-gb"),
        ("de", "CH", "de-de"),
        # no locale, or none that is spoken: the country
        (None, "NL", "nl-nl"),
        (None, "BR", "pt-br"),
        (None, "AR", "es-es"),
        (None, "HK", "zh-hk"),
        (None, "IN", "en-in"),
        ("uk", "PL", "pl-pl"),
        ("e", "PL", "pl-pl"),
        # nor a country whose language is spoken: English
        ("uk", "UA", "en-gb"),
        (None, "BG", "en-gb"),
        (None, "CH", "en-gb"),
        (None, None, "en-gb"),
        ("xx", None, "en-gb"),
    ],
)
def test_a_voice_speaks_by_locale_then_country_then_english(
    httpserver: HTTPServer, locale: str | None, country: str | None, language: str
) -> None:
    assert sent(httpserver, VOICE, {"locale": locale, "country": country})["language"] == language


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize(
    ("channel", "vector"),
    [
        (SMS, "sms_create_201_live"),
        (SMS, "sms_flash"),
        (SMS, "sms_extended_recipient"),
        (VOICE, "voice_create"),
    ],
)
def test_the_id_of_a_published_answer_is_the_message_id(
    httpserver: HTTPServer, channel: Channel, vector: str, status: int
) -> None:
    body = VECTORS[vector]["body"]
    httpserver.expect_request(PATHS[channel]).respond_with_json(body, status)
    order = make_order(channel=channel)
    assert make_messenger(httpserver).send(order) == body["id"]


@pytest.mark.parametrize(
    "message_id", [None, "", 7, True, [], {}, "a\nb", "\x00", "\ud800", "x" * 257]
)
def test_a_success_without_a_usable_id_may_have_been_sent(
    httpserver: HTTPServer, message_id: Any
) -> None:
    error = failure(httpserver, {"id": message_id}, 201)
    assert (type(error), error.vendor_code) == (ProviderSilent, "no_message_id")


def test_an_id_of_256_characters_is_kept(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/messages").respond_with_json({"id": "x" * 256}, 201)
    assert make_messenger(httpserver).send(make_order()) == "x" * 256


# Every documented code, with the status that it is known or thought to come with.
CODES: list[tuple[int, dict[str, Any], type[ProviderError], str]] = [
    (401, fault(2, "access_key"), ProviderRefused, "2"),
    (422, fault(9, "recipient"), ProviderRejected, "9 recipient"),
    (422, fault(9, "recipients"), ProviderRejected, "9 recipients"),
    (422, fault(9, "body"), ProviderRejected, "9 body"),
    (422, fault(9, "originator"), ProviderRefused, "9 originator"),
    (422, fault(9, "template"), ProviderRefused, "9 template"),
    (422, fault(9), ProviderRefused, "9"),
    (422, fault(10, "recipient"), ProviderRejected, "10 recipient"),
    (422, fault(10, "recipients"), ProviderRejected, "10 recipients"),
    (422, fault(10, "body"), ProviderRejected, "10 body"),
    (422, fault(10, "originator"), ProviderRefused, "10 originator"),
    (422, fault(10, "gateway"), ProviderRefused, "10 gateway"),
    (422, fault(10, "reportUrl"), ProviderRefused, "10 reportUrl"),
    (422, fault(10), ProviderRefused, "10"),
    (404, fault(20), ProviderRefused, "20"),
    (400, fault(21), ProviderRefused, "21"),
    (402, fault(25), ProviderRefused, "25"),
    (422, fault(25), ProviderRefused, "25"),
    (404, fault(98), ProviderRefused, "98"),
    (500, fault(99), ProviderSilent, "99"),
    (503, fault(99), ProviderSilent, "99"),
    (422, fault(99), ProviderSilent, "99"),
    (503, fault(100), ProviderUnavailable, "100"),
    (500, fault(100), ProviderUnavailable, "100"),
    # What no document has: HTTP's status tells.
    (422, fault(101), ProviderRefused, "101"),
    (500, fault(101), ProviderSilent, "101"),
    (422, fault(102), ProviderRefused, "102"),
    (503, fault(9_999), ProviderUnavailable, "9999"),
    # Too many requests is "not now", whatever else it says.
    (429, fault(2, "access_key"), ProviderUnavailable, "2"),
    (429, fault(10, "recipients"), ProviderUnavailable, "10 recipients"),
]


@pytest.mark.parametrize(("status", "said", "kind", "vendor_code"), CODES)
@pytest.mark.parametrize("channel", PATHS)
def test_each_error_code_has_its_meaning(
    httpserver: HTTPServer,
    channel: Channel,
    status: int,
    said: dict[str, Any],
    kind: type[ProviderError],
    vendor_code: str,
) -> None:
    error = failure(httpserver, {"errors": [said]}, status, channel)
    assert (type(error), error.vendor_code) == (kind, vendor_code)


@pytest.mark.parametrize(
    ("codes", "kind", "vendor_code"),
    [
        (((9, "recipient"), (10, "body")), ProviderRejected, "9 recipient"),
        (((9, "recipient"), (10, "originator")), ProviderRefused, "10 originator"),
        (((10, "originator"), (9, "recipient")), ProviderRefused, "10 originator"),
        (((9, "recipient"), (100, None)), ProviderUnavailable, "100"),
        (((100, None), (25, None)), ProviderRefused, "25"),
        (((25, None), (99, None)), ProviderSilent, "99"),
        (((777, None), (9, "recipient")), ProviderRejected, "9 recipient"),
    ],
)
def test_of_several_errors_the_gravest_counts(
    httpserver: HTTPServer,
    codes: tuple[tuple[int, str | None], ...],
    kind: type[ProviderError],
    vendor_code: str,
) -> None:
    error = failure(httpserver, {"errors": [fault(*code) for code in codes]}, 422)
    assert (type(error), error.vendor_code) == (kind, vendor_code)


@pytest.mark.parametrize(
    ("vector", "kind", "vendor_code"),
    [
        ("sms_create_422_live", ProviderRefused, "10 originator"),
        ("sms_create_401_live", ProviderRefused, "2"),
        ("access_key_401", ProviderRefused, "2"),
        ("message_404", ProviderRefused, "20"),
        ("node_empty_create", ProviderRefused, "9 originator"),
        ("empty_errors_405", ProviderRefused, "http_405"),
        ("empty_errors_500", ProviderSilent, "http_500"),
    ],
)
def test_published_error_answers_have_their_meaning(
    httpserver: HTTPServer, vector: str, kind: type[ProviderError], vendor_code: str
) -> None:
    error = failure(httpserver, VECTORS[vector]["body"], VECTORS[vector]["http"])
    assert (type(error), error.vendor_code) == (kind, vendor_code)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, ProviderRefused),
        (400, ProviderRefused),
        (401, ProviderRefused),
        (402, ProviderRefused),
        (403, ProviderRefused),
        (404, ProviderRefused),
        (405, ProviderRefused),
        (422, ProviderRefused),
        (429, ProviderUnavailable),
        (500, ProviderSilent),
        (502, ProviderSilent),
        (503, ProviderUnavailable),
        (504, ProviderSilent),
    ],
)
def test_without_the_vendors_own_words_the_status_tells(
    httpserver: HTTPServer, status: int, kind: type[ProviderError]
) -> None:
    httpserver.expect_request("/messages").respond_with_data("<h1>No</h1>", status)
    with pytest.raises(ProviderError) as caught:
        make_messenger(httpserver).send(make_order())
    assert (type(caught.value), caught.value.vendor_code) == (kind, f"http_{status}")


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"errors": None},
        {"errors": {}},
        {"errors": "25"},
        {"errors": [None, 25, "25", [25]]},
        {"errors": [{}]},
        {"errors": [fault(None)]},
        {"errors": [fault("25")]},
        {"errors": [fault(True)]},
        {"errors": [fault(25.0)]},
        {"errors": [fault(-25)]},
        {"errors": [fault(10_000)]},
        {"errors": [fault(10**40)]},
    ],
)
def test_errors_of_another_shape_are_as_none(httpserver: HTTPServer, body: Any) -> None:
    error = failure(httpserver, body, 422)
    assert (type(error), error.vendor_code) == (ProviderRefused, "http_422")


@pytest.mark.parametrize(
    "parameter",
    [
        7,
        True,
        [],
        {"recipients": 1},
        "",
        "31612345678",
        "a name",
        "recipients\n",
        "ï",
        "x" * 21,
        "recipients; drop",
    ],
)
def test_of_the_vendors_words_only_a_parameters_name_is_kept(
    httpserver: HTTPServer, parameter: Any
) -> None:
    error = failure(httpserver, {"errors": [fault(10, parameter)]}, 422)
    assert (type(error), error.vendor_code) == (ProviderRefused, "10")
    assert str(error) == "messagebird: 10"


def test_nothing_secret_is_shown_by_settings_or_messenger(httpserver: HTTPServer) -> None:
    messenger = make_messenger(httpserver)
    shown = f"{settings_of()!r} {settings_of()} {messenger!r} {vars(messenger)!r}"
    assert KEY not in shown


def test_the_defaults_are_the_vendors_address_and_what_carries_every_language() -> None:
    assert settings_of().model_dump(exclude={"access_key"}) == {
        "base_url": "https://rest.messagebird.com",
        "originator": "Code",
        "voice_originator": None,
        "type": "sms",
        "datacoding": "auto",
        "voice": "female",
        "gateway": None,
        "repeat": 1,
        "if_machine": "hangup",
        "machine_timeout": 7_000,
    }


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("originator", "x" * 11),
        ("originator", "1" * 15),
        ("originator", "+" + "1" * 15),
        ("voice_originator", "+" + "1" * 15),
        ("gateway", 2**31 - 1),
        ("repeat", 1),
        ("repeat", 10),
        ("machine_timeout", 400),
        ("machine_timeout", 10_000),
    ],
)
def test_a_setting_at_its_bound_is_taken(setting: str, value: Any) -> None:
    assert getattr(settings_of(**{setting: value}), setting) == value


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("access_key", ""),
        ("access_key", "a b"),
        ("access_key", "a\nb"),
        ("access_key", "schlüssel"),
        ("access_key", None),
        ("base_url", "http://rest.messagebird.com"),
        ("originator", ""),
        ("originator", "x" * 12),
        ("originator", "1" * 16),
        ("originator", "Shöp"),
        ("originator", "a\nb"),
        ("originator", "Shop\n"),
        ("voice_originator", "Shop"),
        ("voice_originator", ""),
        ("voice_originator", "1" * 16),
        ("type", "premium"),
        ("type", "binary"),
        ("datacoding", "latin1"),
        ("voice", "robot"),
        ("gateway", -1),
        ("gateway", 2**31),
        ("repeat", 0),
        ("repeat", 11),
        ("if_machine", "stop"),
        ("machine_timeout", 399),
        ("machine_timeout", 10_001),
        ("mclass", 0),
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(setting: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        settings_of(**{setting: value})
    assert [error["loc"] for error in caught.value.errors()] == [(setting,)]
    assert KEY not in str(caught.value)


def test_the_access_key_must_be_there() -> None:
    with pytest.raises(ValidationError, match="access_key"):
        Settings.model_validate({})
