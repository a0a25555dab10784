"""The webhook, read by an independent implementation of Standard Webhooks; and its reports."""

import base64
import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook, WebhookVerificationError
from verification.api.reports import webhook as reports
from verification.domain.messages import Message
from verification.domain.report import Report
from verification.domain.verification import Channel, Delivery
from verification.domain.webhooks import sign
from verification.errors import (
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from verification.operations.ports import SEND_ROOM
from verification.providers.http import TOTAL_SECONDS
from verification.providers.webhook import Settings, WebhookMessenger
from werkzeug import Request, Response

from tests.providers.hostile import Asked, Close, RawServer, Talk, http, says, says_and_closes
from tests.providers.orders import CODE, make_order

VECTOR = json.loads((Path(__file__).parent / "vectors/webhook/published.json").read_text())


def make_secret(letter: bytes, length: int = 32) -> str:
    return "whsec_" + base64.b64encode(letter * length).decode()


NEW, OLD, WRONG = make_secret(b"n"), make_secret(b"o"), make_secret(b"w")
KEY = make_order().key


def make_messenger(url: str, reports_url: str | None = None, **changes: Any) -> WebhookMessenger:
    settings = Settings.model_validate({"url": url, "secrets": [NEW, OLD]} | changes)
    return WebhookMessenger(settings, reports_url)


def answers(httpserver: HTTPServer, *given: Response) -> str:
    """An address that answers so, one after the other."""
    left = list(given)
    httpserver.expect_request("/hook").respond_with_handler(lambda request: left.pop(0))
    return httpserver.url_for("/hook")


def asked(httpserver: HTTPServer) -> list[Request]:
    return [request for request, _ in httpserver.log]


# What is asked


def test_the_wire_is_as_documented(httpserver: HTTPServer) -> None:
    url = answers(httpserver, Response('{"id": "m-1"}', 201))
    order = make_order(sender="Shop", locale="nl-NL", remaining=lambda: 28_000)
    assert make_messenger(url, "https://verify.example").send(order) == "m-1"
    [request] = asked(httpserver)
    assert (request.method, request.path, request.query_string) == ("POST", "/hook", b"")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["webhook-id"] == KEY
    body = json.loads(request.data)
    assert request.data == json.dumps(body, separators=(",", ":")).encode()  # compact
    assert list(body) == ["type", "timestamp", "data"]
    assert body["type"] == "verification.send"
    assert body["data"] == {
        "to": "+31612345678",
        "channel": "sms",
        "text": order.render(Channel.SMS).text,
        "sender": "Shop",
        "locale": "nl-NL",
        "country": "NL",
        "validity": 300,
        "report_url": "https://verify.example/v1/reports/webhook/token-for-webhook",
    }
    assert CODE in body["data"]["text"]


def test_what_is_not_known_is_left_out(httpserver: HTTPServer) -> None:
    url = answers(httpserver, Response())
    make_messenger(url).send(make_order(country=None))
    [request] = asked(httpserver)
    assert set(json.loads(request.data)["data"]) == {"to", "channel", "text", "validity"}


@pytest.mark.parametrize("channel", [channel for channel in Channel if channel != Channel.TOTP])
def test_every_channel_is_carried_with_its_own_text(
    httpserver: HTTPServer, channel: Channel
) -> None:
    assert channel in WebhookMessenger.channels
    url = answers(httpserver, Response())
    to = "jo@example.com" if channel == Channel.EMAIL else "+31612345678"
    order = make_order(channel=channel, to=to)
    make_messenger(url).send(order)
    message = order.render(channel)
    data = json.loads(asked(httpserver)[0].data)["data"]
    assert (data["to"], data["channel"]) == (to, channel)
    assert (data["text"], data.get("subject"), data.get("html")) == (
        message.text,
        message.subject,
        message.html,
    )
    assert ("html" in data) == (channel == Channel.EMAIL)


def test_codes_of_an_app_are_not_carried() -> None:
    assert Channel.TOTP not in WebhookMessenger.channels


def test_any_text_arrives_as_it_is(httpserver: HTTPServer) -> None:
    text = 'ä € 😀 "\\\n\u2028</script>'
    make_messenger(answers(httpserver, Response())).send(
        make_order(render=lambda channel: Message(text))
    )
    assert json.loads(asked(httpserver)[0].data)["data"]["text"] == text


def test_several_webhooks_of_a_stack_are_told_apart(httpserver: HTTPServer) -> None:
    url = answers(httpserver, Response(), Response(status=422))
    settings = Settings.model_validate({"url": url, "secrets": [NEW]})
    acme = WebhookMessenger(settings, "https://verify.example", "webhook-acme")
    assert acme.name == "webhook-acme"
    acme.send(make_order())
    data = json.loads(asked(httpserver)[0].data)["data"]
    assert data["report_url"] == (
        "https://verify.example/v1/reports/webhook-acme/token-for-webhook-acme"
    )
    with pytest.raises(ProviderRejected) as caught:
        acme.send(make_order())
    assert caught.value.provider == "webhook-acme"


# Signatures


def sent(httpserver: HTTPServer, secrets: list[str]) -> Request:
    make_messenger(answers(httpserver, Response()), secrets=secrets).send(make_order())
    return asked(httpserver)[0]


@pytest.mark.parametrize("live", [[NEW], [NEW, OLD], [make_secret(b"1"), NEW, OLD]])
def test_each_live_secret_verifies_and_another_does_not(
    httpserver: HTTPServer, live: list[str]
) -> None:
    request = sent(httpserver, live)
    headers = dict(request.headers)
    for secret in live:
        assert Webhook(secret).verify(request.data, headers)["type"] == "verification.send"
    with pytest.raises(WebhookVerificationError):
        Webhook(WRONG).verify(request.data, headers)


def test_the_newest_secret_signs_first(httpserver: HTTPServer) -> None:
    first, second = sent(httpserver, [NEW, OLD]).headers["webhook-signature"].split(" ")
    headers = dict(asked(httpserver)[0].headers)
    body = asked(httpserver)[0].data
    Webhook(NEW).verify(body, headers | {"Webhook-Signature": first})
    Webhook(OLD).verify(body, headers | {"Webhook-Signature": second})


@pytest.mark.parametrize("header", ["Webhook-Id", "Webhook-Timestamp"])
def test_the_signature_covers_id_and_time(httpserver: HTTPServer, header: str) -> None:
    request = sent(httpserver, [NEW])
    headers = dict(request.headers)
    headers[header] += "1" if header == "Webhook-Id" else ""
    if header == "Webhook-Timestamp":
        headers[header] = str(int(headers[header]) - 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(request.data, headers)


def test_the_signature_covers_the_body(httpserver: HTTPServer) -> None:
    request = sent(httpserver, [NEW])
    forged = request.data.replace(b"31612345678", b"31612345679")
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(forged, dict(request.headers))


def test_the_time_in_the_body_is_that_of_the_header(httpserver: HTTPServer) -> None:
    request = sent(httpserver, [NEW])
    body = json.loads(request.data)["timestamp"]
    assert body.endswith("Z")
    seconds = datetime.fromisoformat(body).timestamp()
    assert 0 <= int(request.headers["webhook-timestamp"]) - seconds <= 1


def test_the_published_example_is_signed_as_published() -> None:
    key = base64.b64decode(VECTOR["secret"].removeprefix("whsec_"))
    signature = sign(
        key, VECTOR["webhook-id"], int(VECTOR["webhook-timestamp"]), VECTOR["payload"].encode()
    )
    assert signature == VECTOR["webhook-signature"]


# Answers


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204, 206, 299])
def test_every_2xx_is_accepted(httpserver: HTTPServer, status: int) -> None:
    url = answers(httpserver, Response(status=status))
    assert make_messenger(url).send(make_order()) == KEY
    assert len(asked(httpserver)) == 1


@pytest.mark.parametrize(
    ("body", "message_id"),
    [
        ('{"id": "m-1"}', "m-1"),
        ('{"id": "%s"}' % ("x" * 256), "x" * 256),
        ('{"id": "%s"}' % ("x" * 257), KEY),
        ('{"id": ""}', KEY),
        ('{"id": 7}', KEY),
        ('{"id": null}', KEY),
        ('{"id": ["m-1"]}', KEY),
        ('{"id": "a\\nb"}', KEY),
        ('{"id": "\\ud800"}', KEY),
        ("{}", KEY),
        ("[]", KEY),
        ("OK", KEY),
        ("<html></html>", KEY),
        (b"\xff", KEY),
    ],
)
def test_the_id_is_theirs_or_else_ours(
    httpserver: HTTPServer, body: str | bytes, message_id: str
) -> None:
    assert make_messenger(answers(httpserver, Response(body))).send(make_order()) == message_id


STATUSES: list[tuple[int, type[ProviderError], int]] = [  # and how often it is asked
    *((status, ProviderRefused, 1) for status in (300, 301, 302, 303, 304, 307, 308)),
    *((status, ProviderRefused, 1) for status in (400, 401, 402, 403, 404, 405, 409, 410)),
    *((status, ProviderRefused, 1) for status in (413, 415, 418, 451)),
    (422, ProviderRejected, 1),
    (429, ProviderUnavailable, 1),
    (503, ProviderUnavailable, 1),
    *((status, ProviderSilent, 2) for status in (500, 501, 502, 504, 520)),
]


@pytest.mark.parametrize(("status", "kind", "times"), STATUSES)
def test_a_status_means(
    httpserver: HTTPServer, status: int, kind: type[ProviderError], times: int
) -> None:
    url = answers(httpserver, *[Response(status=status, headers={"Location": "/"})] * times)
    with pytest.raises(ProviderError) as caught:
        make_messenger(url).send(make_order())
    assert (type(caught.value), caught.value.vendor_code) == (kind, f"http_{status}")
    assert len(asked(httpserver)) == times


@pytest.mark.parametrize("status", [400, 422, 503])
@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("blocked", True),
        ("E-1.2_x", True),
        ("21610", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("", False),
        ("a b", False),
        ("ä", False),
        ("+1", False),
        ("x\n", False),
        (7, False),
        (None, False),
        (["x"], False),
        (CODE, False),  # ours, said back
        (f"code_{CODE}", False),
        ("31612345678", False),
        ("to_31612345678", False),
    ],
)
def test_their_code_is_kept_if_it_is_a_code_and_not_ours_said_back(
    httpserver: HTTPServer, status: int, code: object, kept: bool
) -> None:
    url = answers(httpserver, Response(json.dumps({"code": code, "message": CODE}), status))
    with pytest.raises(ProviderError) as caught:
        make_messenger(url).send(make_order())
    assert caught.value.vendor_code == (code if kept else f"http_{status}")


# Once more, with the same id


@pytest.mark.parametrize("failure", [500, 502, 504])
def test_after_an_answer_that_says_nothing_it_is_asked_once_more_with_the_same_id(
    httpserver: HTTPServer, failure: int
) -> None:
    url = answers(httpserver, Response(status=failure), Response('{"id": "m-1"}'))
    assert make_messenger(url).send(make_order()) == "m-1"
    first, second = asked(httpserver)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == KEY
    assert first.data == second.data
    for request in (first, second):
        Webhook(NEW).verify(request.data, dict(request.headers))


def test_after_no_answer_at_all_it_is_asked_once_more_with_the_same_id() -> None:
    given = [says_and_closes(b""), says(http('{"id": "m-1"}'))]
    with RawServer(lambda talk, asked: given.pop(0)(talk, asked)) as server:
        assert make_messenger(server.url).send(make_order()) == "m-1"
        assert [asked.headers["webhook-id"] for asked in server.asked] == [KEY, KEY]


def test_each_try_is_signed_at_its_own_time() -> None:
    def think(talk: Talk, asked: Asked) -> None:
        time.sleep(1.01)
        talk.say(http("", "500 Oops"))

    with RawServer(think) as server:
        with pytest.raises(ProviderSilent):
            make_messenger(server.url).send(make_order())
        first, second = (int(asked.headers["webhook-timestamp"]) for asked in server.asked)
        assert first < second
        for asked in server.asked:
            Webhook(NEW).verify(asked.body, asked.headers)


def test_it_is_never_asked_a_third_time() -> None:
    with RawServer(says_and_closes(b"")) as server:
        with pytest.raises(ProviderSilent) as caught:
            make_messenger(server.url).send(make_order())
        assert (caught.value.vendor_code, len(server.asked)) == ("broken_answer", 2)


@pytest.mark.parametrize(
    ("first", "second"),
    [(502, 500), (502, 503), (502, 429), (502, 422), (502, 401), (502, 302), (500, 409)],
)
def test_after_a_silent_one_no_failure_says_that_nothing_was_sent(
    httpserver: HTTPServer, first: int, second: int
) -> None:
    url = answers(httpserver, Response(status=first), Response(status=second))
    with pytest.raises(ProviderSilent) as caught:
        make_messenger(url).send(make_order())
    assert caught.value.vendor_code == f"http_{first}"
    assert len(asked(httpserver)) == 2


def test_a_second_success_is_one(httpserver: HTTPServer) -> None:
    url = answers(httpserver, Response(status=502), Response())
    assert make_messenger(url).send(make_order()) == KEY


def test_a_carrier_gone_at_the_second_try_may_have_sent_at_the_first() -> None:
    def vanish(talk: Talk, asked: Asked) -> None:
        server.refuse()
        raise Close

    with RawServer(vanish) as server:
        with pytest.raises(ProviderSilent) as caught:
            make_messenger(server.url).send(make_order())
    assert (caught.value.vendor_code, len(server.asked)) == ("broken_answer", 1)


ROOM = TOTAL_SECONDS * 1000 + SEND_ROOM


@pytest.mark.parametrize(("left", "times"), [(ROOM, 2), (ROOM - 1, 1)])
def test_it_is_asked_once_more_only_if_the_next_provider_keeps_its_time(
    httpserver: HTTPServer, left: int, times: int
) -> None:
    url = answers(httpserver, *[Response(status=500)] * times)
    with pytest.raises(ProviderSilent):
        make_messenger(url).send(make_order(remaining=lambda: left))
    assert len(asked(httpserver)) == times


# Settings


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "https://acme.example/"},
        {"url": "https://acme.example/hook/"},
        {"url": "http://127.0.0.1:8080/hook"},
        {"secrets": [make_secret(b"a", 24)]},
        {"secrets": [make_secret(b"a", 64)]},
        {"secrets": [NEW, OLD, WRONG]},
    ],
)
def test_settings_within_bounds_are_taken_as_they_are(changes: dict[str, Any]) -> None:
    settings = Settings.model_validate({"url": "https://a.example", "secrets": [NEW]} | changes)
    assert settings.url == changes.get("url", "https://a.example")
    secrets = [secret.get_secret_value() for secret in settings.secrets]
    assert secrets == changes.get("secrets", [NEW])


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://acme.example/hook"},
        {"url": "ftp://acme.example/hook"},
        {"url": "https://"},
        {"url": "https://user:secret@acme.example/"},
        {"url": "https://acme.example/?key=secret"},
        {"url": "https://acme.example/#a"},
        {"url": "https://acme.example/" + "x" * 500},
        {"url": None},
        {"secrets": []},
        {"secrets": [NEW, OLD, WRONG, NEW]},
        {"secrets": NEW},
        {"secrets": [make_secret(b"a", 23)]},
        {"secrets": [make_secret(b"a", 65)]},
        {"secrets": [NEW.removeprefix("whsec_")]},
        {"secrets": ["whsk_" + NEW.removeprefix("whsec_")]},
        {"secrets": [NEW[:-2] + "!!"]},
        {"secrets": [NEW + "ä"]},
        {"secrets": [""]},
        {"more": 1},
    ],
)
def test_settings_out_of_bounds_are_refused_without_being_shown(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"url": "https://acme.example", "secrets": [NEW]} | changes)
    for secret in (NEW, OLD, "secret@", "key=secret"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("missing", ["url", "secrets"])
def test_each_setting_is_needed(missing: str) -> None:
    settings = {"url": "https://acme.example", "secrets": [NEW]}
    del settings[missing]
    with pytest.raises(ValidationError):
        Settings.model_validate(settings)


def test_secrets_are_not_shown() -> None:
    settings = Settings.model_validate({"url": "https://acme.example", "secrets": [NEW]})
    messenger = WebhookMessenger(settings)
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(messenger)):
        assert NEW.removeprefix("whsec_") not in shown


# Reports


@pytest.mark.parametrize("status", ["delivered", "undelivered"])
def test_a_report_is_read(status: str) -> None:
    assert reports.read("token", {}, json.dumps({"status": status}).encode()) == Report(
        "webhook", Delivery(status), "token"
    )


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("21610", True),
        ("x" * 64, True),
        ("E-1.2_x", True),
        ("x" * 65, False),
        ("", False),
        ("a b", False),
        ("a\n", False),
        ("ä", False),
        (7, False),
        (None, False),
        ({}, False),
    ],
)
def test_the_code_of_a_report_is_kept_if_it_is_one(code: object, kept: bool) -> None:
    body = json.dumps({"status": "undelivered", "code": code}).encode()
    expected = Report("webhook", Delivery.UNDELIVERED, "token", None, str(code) if kept else None)
    assert reports.read("token", {"status": "delivered"}, body) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"delivered"',
        b"{}",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"status": "delivered"' + b" " * 65_536 + b"}",
        b'{"status": "queued"}',
        b'{"status": "accepted"}',
        b'{"status": "unknown"}',
        b'{"status": "DELIVERED"}',
        b'{"status": ""}',
        b'{"status": null}',
        b'{"status": 1}',
        b'{"status": []}',
        b'{"status": {}}',
    ],
)
def test_what_is_no_report_is_none(body: bytes) -> None:
    assert reports.read("token", {}, body) is None
