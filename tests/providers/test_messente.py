"""Messente's Omnichannel API, against a real HTTP server."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from verification.domain.verification import Channel
from verification.errors import (
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from verification.providers.messente import MessenteMessenger, Settings

from .orders import CODE, make_order

VECTORS = json.loads((Path(__file__).parent / "vectors/messente/omnichannel.json").read_text())
OK = {"messages": [], "to": "+31612345678", "omnimessage_id": "632c6f3d-49d0"}
TEMPLATE = {"name": "login_code", "language": "en_GB"}
SMS_TEXT = make_order().render(Channel.SMS).text
VIBER_TEXT = make_order().render(Channel.VIBER).text
ACCOUNT = {"username": "user", "password": "p:ässword"}


def make_messenger(
    httpserver: HTTPServer, reports_url: str | None = None, **settings: Any
) -> MessenteMessenger:
    url = httpserver.url_for("/v1")
    return MessenteMessenger(
        Settings.model_validate({**ACCOUNT, "base_url": url, **settings}), reports_url
    )


def answer(httpserver: HTTPServer, body: Any, status: int = 201) -> None:
    httpserver.expect_request("/v1/omnimessage", method="POST").respond_with_json(body, status)


def asked(httpserver: HTTPServer) -> Any:
    """The JSON of the one request there was."""
    [(request, _)] = httpserver.log
    return request.get_json()


def test_a_message_is_posted_as_json_with_basic_credentials_in_utf_8(
    httpserver: HTTPServer,
) -> None:
    answer(httpserver, OK)
    assert make_messenger(httpserver).send(make_order()) == "632c6f3d-49d0"
    [(request, _)] = httpserver.log
    assert (request.method, request.path, request.query_string) == ("POST", "/v1/omnimessage", b"")
    expected = b64encode("user:p:ässword".encode()).decode()
    assert request.headers["Authorization"] == f"Basic {expected}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Accept"] == "application/json"
    assert request.get_json() == {
        "to": "+31612345678",
        "messages": [{"channel": "sms", "text": SMS_TEXT, "ttl": 300}],
        "priority": "high",
        "text_store": "nostore",
    }


@pytest.mark.parametrize(
    ("settings", "sender", "expected"),
    [
        ({"sender": "Shop"}, None, {"sender": "Shop"}),
        ({"sender": "Shop"}, "Other", {"sender": "Other"}),
        ({}, "Other", {"sender": "Other"}),
        ({"viber_sender": "V", "whatsapp_sender": "W"}, None, {}),
        ({"autoconvert": "on"}, None, {"autoconvert": "on"}),
        ({"autoconvert": "full"}, None, {"autoconvert": "full"}),
        ({"autoconvert": "off"}, None, {"autoconvert": "off"}),
    ],
)
def test_each_setting_of_an_sms_goes_into_its_message(
    httpserver: HTTPServer, settings: dict[str, Any], sender: str | None, expected: dict[str, Any]
) -> None:
    answer(httpserver, OK)
    make_messenger(httpserver, **settings).send(make_order(sender=sender))
    message = {"channel": "sms", "text": SMS_TEXT, "ttl": 300} | expected
    assert asked(httpserver)["messages"] == [message]


@pytest.mark.parametrize(
    ("field", "value"),
    [("priority", value) for value in ("low", "regular", "high")]
    + [("text_store", value) for value in ("nostore", "plaintext", "sha256")],
)
def test_each_setting_of_the_whole_goes_beside_the_messages(
    httpserver: HTTPServer, field: str, value: str
) -> None:
    answer(httpserver, OK)
    make_messenger(httpserver, **{field: value}).send(make_order())
    assert asked(httpserver)[field] == value


@pytest.mark.parametrize("validity", [1, 59, 300, 172_801])
def test_messente_gives_up_when_the_code_ends_and_never_gets_two_bounds(
    httpserver: HTTPServer, validity: int
) -> None:
    answer(httpserver, OK)
    make_messenger(httpserver).send(make_order(validity=validity))
    [message] = asked(httpserver)["messages"]
    assert message["ttl"] == validity
    assert "validity" not in message


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, {}), ({"viber_sender": "Shop", "sender": "S"}, {"sender": "Shop"})],
)
def test_a_viber_message_is_text_from_its_own_sender(
    httpserver: HTTPServer, settings: dict[str, Any], expected: dict[str, Any]
) -> None:
    answer(httpserver, OK)
    make_messenger(httpserver, **settings).send(make_order(channel=Channel.VIBER, sender="Other"))
    message = {"channel": "viber", "text": VIBER_TEXT, "ttl": 300} | expected
    assert asked(httpserver)["messages"] == [message]


def test_a_whatsapp_message_is_the_template_with_the_code_in_body_and_button(
    httpserver: HTTPServer,
) -> None:
    answer(httpserver, OK)
    messenger = make_messenger(httpserver, whatsapp_template=TEMPLATE, whatsapp_sender="+3725")
    messenger.send(make_order(channel=Channel.WHATSAPP, sender="Other"))
    code = [{"type": "text", "text": CODE}]
    assert asked(httpserver)["messages"] == [
        {
            "channel": "whatsapp",
            "sender": "+3725",
            "ttl": 300,
            "template": {
                "name": "login_code",
                "language": {"code": "en_GB"},
                "components": [
                    {"type": "body", "parameters": code},
                    {"type": "button", "sub_type": "url", "index": 0, "parameters": code},
                ],
            },
        }
    ]


def test_a_whatsapp_template_without_a_button_gets_no_parameter_for_one(
    httpserver: HTTPServer,
) -> None:
    answer(httpserver, OK)
    messenger = make_messenger(httpserver, whatsapp_template=TEMPLATE | {"button": False})
    messenger.send(make_order(channel=Channel.WHATSAPP))
    [message] = asked(httpserver)["messages"]
    assert [part["type"] for part in message["template"]["components"]] == ["body"]


def test_without_a_template_whatsapp_is_refused_and_nothing_is_asked(
    httpserver: HTTPServer,
) -> None:
    with pytest.raises(ProviderRefused) as caught:
        make_messenger(httpserver).send(make_order(channel=Channel.WHATSAPP))
    assert caught.value.vendor_code == "whatsapp_template_missing"
    assert httpserver.log == []


def test_the_channels_to_fall_back_on_follow_in_order_each_with_its_own_message(
    httpserver: HTTPServer,
) -> None:
    answer(httpserver, OK)
    messenger = make_messenger(
        httpserver,
        fallback={"whatsapp": ["viber", "sms"]},
        whatsapp_template=TEMPLATE,
        sender="Shop",
        viber_sender="ShopV",
    )
    messenger.send(make_order(channel=Channel.WHATSAPP))
    whatsapp, viber, sms = asked(httpserver)["messages"]
    assert (whatsapp["channel"], whatsapp["ttl"]) == ("whatsapp", 60)
    assert viber == {"channel": "viber", "sender": "ShopV", "text": VIBER_TEXT, "ttl": 60}
    assert sms == {"channel": "sms", "sender": "Shop", "text": SMS_TEXT, "ttl": 180}


def test_a_channel_without_a_fall_back_goes_alone(httpserver: HTTPServer) -> None:
    answer(httpserver, OK)
    make_messenger(httpserver, fallback={"viber": ["sms"]}).send(make_order())
    assert [message["channel"] for message in asked(httpserver)["messages"]] == ["sms"]


@pytest.mark.parametrize(
    ("validity", "fallback_after", "expected"),
    [
        (300, 60, [60, 240]),
        (300, 10, [10, 290]),
        (172_801, 3_600, [3_600, 169_201]),
        (100, 60, [50, 50]),
        (31, 60, [15, 16]),
        (2, 60, [1, 1]),
        (1, 60, [1, 1]),
    ],
)
def test_the_channels_share_the_validity_so_that_the_last_still_has_a_code_that_works(
    httpserver: HTTPServer, validity: int, fallback_after: int, expected: list[int]
) -> None:
    answer(httpserver, OK)
    messenger = make_messenger(
        httpserver, fallback={"viber": ["sms"]}, fallback_after=fallback_after
    )
    messenger.send(make_order(channel=Channel.VIBER, validity=validity))
    assert [message["ttl"] for message in asked(httpserver)["messages"]] == expected


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        (Channel.SMS, "https://verify.example/v1/reports/messente/token-for-messente"),
        (Channel.VIBER, "https://verify.example/v1/reports/messente/token-for-messente?last=sms"),
    ],
)
def test_reports_are_asked_for_at_our_address_which_names_the_last_of_several_channels(
    httpserver: HTTPServer, channel: Channel, expected: str
) -> None:
    answer(httpserver, OK)
    fallback = {"viber": ["whatsapp", "sms"]}
    messenger = make_messenger(
        httpserver, "https://verify.example", fallback=fallback, whatsapp_template=TEMPLATE
    )
    messenger.send(make_order(channel=channel))
    assert asked(httpserver)["dlr_url"] == expected


@pytest.mark.parametrize("vector", VECTORS["sent"], ids=lambda vector: vector["source"])
def test_published_answers_to_a_message_that_was_taken(
    httpserver: HTTPServer, vector: dict[str, Any]
) -> None:
    answer(httpserver, vector["body"], vector["status"])
    assert make_messenger(httpserver).send(make_order()) == vector["message_id"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["source"])
def test_published_answers_to_a_message_that_was_refused(
    httpserver: HTTPServer, vector: dict[str, Any]
) -> None:
    answer(httpserver, vector["body"], vector["status"])
    with pytest.raises(ProviderRefused) as caught:
        make_messenger(httpserver).send(make_order())
    assert caught.value.vendor_code == vector["vendor_code"]


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_status_of_200_to_299_is_a_success(httpserver: HTTPServer, status: int) -> None:
    answer(httpserver, OK, status)
    assert make_messenger(httpserver).send(make_order()) == "632c6f3d-49d0"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"omnimessage_id": None},
        {"omnimessage_id": ""},
        {"omnimessage_id": 7},
        {"omnimessage_id": ["632c"]},
        {"omnimessage_id": "x" * 257},
        {"omnimessage_id": "a\nb"},
        {"message_id": "632c"},
        {"errors": [{"code": "105", "source": "payload[sms][sender]"}]},
    ],
)
def test_a_success_without_a_usable_id_may_have_been_sent(
    httpserver: HTTPServer, body: dict[str, Any]
) -> None:
    answer(httpserver, body)
    with pytest.raises(ProviderSilent) as caught:
        make_messenger(httpserver).send(make_order())
    assert caught.value.vendor_code == "no_message_id"


def test_an_id_of_256_characters_is_kept(httpserver: HTTPServer) -> None:
    answer(httpserver, {"omnimessage_id": "x" * 256})
    assert make_messenger(httpserver).send(make_order()) == "x" * 256


@pytest.mark.parametrize(
    ("status", "code", "source", "expected"),
    [
        # Every code of the document, with the status that goes with it.
        (404, "101", None, ProviderRefused),
        (403, "102", None, ProviderRefused),
        (401, "103", None, ProviderRefused),
        (500, "104", None, ProviderSilent),
        (400, "104", None, ProviderSilent),
        (400, "105", "payload[to]", ProviderRejected),
        (400, "105", "to", ProviderRejected),
        (400, "105", "payload[sms][text]", ProviderRejected),
        (400, "105", "payload[sms][ttl]", ProviderRejected),
        (400, "105", None, ProviderRejected),
        (400, "105", ["sender"], ProviderRefused),
        (400, "105", "payload[sms][sender]", ProviderRefused),
        (400, "105", "payload[sms][autoconvert]", ProviderRefused),
        (400, "105", "payload[whatsapp][template][name]", ProviderRefused),
        (400, "105", "payload[whatsapp][channel]", ProviderRefused),
        (400, "105", "payload[priority]", ProviderRefused),
        (400, "105", "payload[text_store]", ProviderRefused),
        (400, "105", "payload[dlr_url]", ProviderRefused),
        (400, "106", "payload[to]", ProviderRejected),
        (400, "106", "payload[viber][sender]", ProviderRefused),
        (405, "107", None, ProviderRefused),
        # The status wins where it says "not now", or that they do not know themselves.
        (429, "105", "payload[to]", ProviderUnavailable),
        (503, "104", None, ProviderUnavailable),
        (502, "105", "payload[to]", ProviderSilent),
        # A code we do not know yet.
        (400, "108", "payload[to]", ProviderRefused),
    ],
)
def test_each_error_code_has_its_meaning_and_is_kept(
    httpserver: HTTPServer,
    status: int,
    code: str,
    source: object,
    expected: type[ProviderError],
) -> None:
    error = {"title": "T", "detail": "+31612345678 123456", "code": code, "source": source}
    answer(httpserver, {"errors": [error]}, status)
    with pytest.raises(ProviderError) as caught:
        make_messenger(httpserver).send(make_order())
    assert (type(caught.value), caught.value.vendor_code) == (expected, code)


def test_one_error_about_our_settings_among_others_refuses_all_messages(
    httpserver: HTTPServer,
) -> None:
    errors = [
        {"code": "106", "source": "payload[to]"},
        {"code": "105", "source": "payload[sms][sender]"},
    ]
    answer(httpserver, {"errors": errors}, 400)
    with pytest.raises(ProviderRefused) as caught:
        make_messenger(httpserver).send(make_order())
    assert caught.value.vendor_code == "106"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (302, ProviderRefused),
        (400, ProviderRefused),
        (401, ProviderRefused),
        (402, ProviderRefused),
        (403, ProviderRefused),
        (404, ProviderRefused),
        (405, ProviderRefused),
        (429, ProviderUnavailable),
        (500, ProviderSilent),
        (502, ProviderSilent),
        (503, ProviderUnavailable),
        (504, ProviderSilent),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        "<html>Bad gateway</html>",
        "",
        "[]",
        '{"errors": null}',
        '{"errors": {"code": "105"}}',
        '{"errors": ["105", {}, {"code": null}, {"code": "the code 123456"}]}',
    ],
)
def test_an_error_without_a_code_means_what_its_status_means(
    httpserver: HTTPServer, status: int, expected: type[ProviderError], body: str
) -> None:
    httpserver.expect_request("/v1/omnimessage").respond_with_data(body, status)
    with pytest.raises(ProviderError) as caught:
        make_messenger(httpserver).send(make_order())
    assert (type(caught.value), caught.value.vendor_code) == (expected, f"http_{status}")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"username": ""}, "username"),
        ({"password": ""}, "password"),
        ({"base_url": "http://api.messente.com/v1"}, "base_url"),
        ({"sender": ""}, "sender"),
        ({"viber_sender": ""}, "viber_sender"),
        ({"whatsapp_sender": ""}, "whatsapp_sender"),
        ({"autoconvert": "true"}, "autoconvert"),
        ({"priority": "urgent"}, "priority"),
        ({"text_store": "encrypted"}, "text_store"),
        ({"whatsapp_template": {"name": "n"}}, "whatsapp_template.language"),
        ({"whatsapp_template": {"language": "en"}}, "whatsapp_template.name"),
        ({"fallback": {"pigeon": ["sms"]}}, "fallback"),
        ({"fallback": {"voice": ["sms"]}}, "fallback: Messente carries"),
        ({"fallback": {"sms": ["voice"]}}, "fallback: Messente carries"),
        ({"fallback": {"viber": ["viber"]}}, "fallback: viber should"),
        ({"fallback": {"viber": ["sms", "sms"]}}, "fallback: viber should"),
        ({"fallback": {"sms": ["whatsapp"]}}, "fallback: whatsapp needs"),
        ({"fallback_after": 9}, "fallback_after"),
        ({"fallback_after": 3_601}, "fallback_after"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_setting_is_named_and_no_value_is_shown(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"username": "user", "password": "hunter2", **change})
    assert fault in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_defaults_are_the_documented_ones_and_the_password_is_not_shown() -> None:
    settings = Settings.model_validate({"username": "user", "password": "hunter2"})
    assert settings.base_url == "https://api.messente.com/v1"
    assert (settings.priority, settings.text_store) == ("high", "nostore")
    assert (settings.autoconvert, settings.fallback, settings.fallback_after) == (None, {}, 60)
    assert "hunter2" not in repr(settings)
