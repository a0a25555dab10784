"""docs/providers.md: its tables say what the code says, its examples do what they say."""

import base64
import importlib
import importlib.util
import json
import re
import sys
import types
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pytest_httpserver import HTTPServer
from standardwebhooks.webhooks import Webhook
from verification import catalogue
from verification.api.reports import handler
from verification.catalogue import CLASSES, Catalogue, read_settings
from verification.domain.identifiers import parse_id, parse_report_token
from verification.domain.policy import MAX_DOUBTS
from verification.domain.routes import parse_routes
from verification.domain.verification import Channel, Delivery, Outcome
from verification.errors import (
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from verification.operations.ports import SEND_ROOM
from verification.operations.start import LOOK_AFTER
from verification.operations.verify import ASK_AGAIN
from verification.providers import circuit, http
from verification.providers.http import Answer
from verification.providers.routing import Routing
from verification.providers.verigator import MAX_LIST_BYTES
from verification.providers.webhook import Settings as WebhookSettings
from verification.providers.webhook import WebhookMessenger
from verification.settings import Settings
from verification.storage.secrets import MAX_AGE_SECONDS, StoredProviderSettings
from verification.telemetry import Telemetry
from werkzeug import Request, Response

from tests.docs.sources import backticked, blocks, openapi, read, rows, template
from tests.providers.orders import make_order

DOCUMENT = "docs/providers.md"
WITHOUT_SETTINGS = {"sandbox", "ses", "sns"}


def class_of(name: str) -> Any:
    return getattr(module_of(name), CLASSES[name])


def module_of(name: str) -> Any:
    return importlib.import_module(f"verification.providers.{name.replace('-', '_')}")


def python(first_line: str) -> str:
    """The block of Python that begins so, without its indent."""
    for indent, block in re.findall(r"^( *)```python\n(.*?)^ *```", read(DOCUMENT), re.S | re.M):
        text = re.sub(rf"^{indent}", "", block, flags=re.M)
        if text.startswith(first_line):
            return str(text)
    raise LookupError(first_line)


# ---------------------------------------------------------------------------------- what each can


def test_the_table_names_every_provider() -> None:
    named = [row[0].strip("`") for row in rows(DOCUMENT, "What each can do")]
    assert sorted(named) == sorted(CLASSES)


@pytest.mark.parametrize("row", rows(DOCUMENT, "What each can do"), ids=lambda row: row[0])
def test_what_each_can_do_is_what_its_class_says(row: list[str]) -> None:
    name, kind, channels, _, feedback, digits, validity, guesses = row[:8]
    provider = class_of(name.strip("`"))
    terms = getattr(provider, "terms", None)
    assert kind == ("verifier" if terms else "messenger")
    assert {Channel(channel) for channel in channels.split(", ")} == provider.channels
    assert feedback == ("yes" if hasattr(provider, "feedback") else "no")
    bounds = (terms.code_length, terms.validity, terms.max_attempts) if terms else ()
    written = [f"{lowest}–{highest}" for lowest, highest in bounds] or ["–"] * 3
    assert [digits, validity, guesses] == written


def test_providers_with_reports_over_http_have_a_reader() -> None:
    reporting = {
        name
        for row in rows(DOCUMENT, "Delivery reports")
        for name in backticked(row[0])
        if not name.startswith("aws-")
    }
    none = {"messente-verify", "verigator", "ses", "sns"}
    assert reporting - none == handler._READERS.keys()


def test_the_table_of_reports_names_every_provider() -> None:
    named = [name for row in rows(DOCUMENT, "Delivery reports") for name in backticked(row[0])]
    assert sorted([*named, "sandbox"]) == sorted(CLASSES)


def test_the_routes_shown_can_be_read() -> None:
    (text,) = re.findall(r"^```\n(sms=.+)\n```", read(DOCUMENT), re.M)
    assert parse_routes(text, {"EE": 372}.get).names <= CLASSES.keys()


def test_the_numbers_of_failing_are_those_of_the_code() -> None:
    text = " ".join(read(DOCUMENT).split())
    assert f"({circuit.FAILURES} times in a row" in text
    assert f"after the others for {circuit.OPEN_SECONDS} seconds" in text
    assert f"at most, each wait for an answer {http.READ_SECONDS}, a call {http.TOTAL_SECONDS}" in (
        text
    )
    assert f"To connect takes {http.CONNECT_SECONDS} second" in text
    assert f"over {http.MAX_ANSWER_BYTES // 1024} KB" in text
    assert f"with less than {SEND_ROOM // 1000} seconds left" in text
    assert f"once more, {LOOK_AFTER} seconds after the start" in text
    assert f"at {MAX_DOUBTS} that nobody vouches for (`MAX_DOUBTS`)" in text
    assert f"all else within {MAX_AGE_SECONDS} seconds" in text
    assert f"costs nothing more, every {ASK_AGAIN} seconds at most" in text
    assert f"too long to be read ({MAX_LIST_BYTES // 1_000_000} MB)" in text


def test_the_webhook_id_is_the_key_of_a_send() -> None:
    (shown,) = re.findall(r"^webhook-id: (.+)$", read(DOCUMENT), re.M)
    verification_id, number, began = shown.split("-")
    assert parse_id(verification_id) and number == "1"
    (sent,) = re.findall(r"^webhook-timestamp: (.+)$", read(DOCUMENT), re.M)
    assert int(began) // 1000 == int(sent)


def test_the_token_of_a_report_that_is_shown_can_be_read() -> None:
    parameters = openapi()["paths"]["/v1/reports/{provider}/{token}"]["parameters"]
    (shown,) = (one["example"] for one in parameters if one["name"] == "token")
    token = parse_report_token(shown)
    assert token and str(token) == shown


@pytest.mark.parametrize("status", [301, 400, 401, 404, 408, 425, 429, 499, 500, 502, 503, 504])
def test_the_answers_of_a_webhook_mean_what_the_table_says(status: int) -> None:
    meanings = {row[0]: row[1] for row in rows(DOCUMENT, "Webhooks")}
    not_now = [int(word) for word in next(k for k in meanings if k.startswith("408")).split(", ")]
    if status in not_now:
        expected: type[Exception] = ProviderUnavailable
    else:
        expected = ProviderRefused if status < 500 else ProviderSilent
    assert type(Answer("webhook", status, b"").error()) is expected


# --------------------------------------------------------------------------------------- settings


def inner(field: FieldInfo) -> type[BaseModel] | None:
    """The model that a field holds, if it holds one."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """All fields, those of models within under `name.field`."""
    for name, field in model.model_fields.items():
        yield prefix + name, field
        if within := inner(field):
            yield from fields_of(within, f"{prefix}{name}.")


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def words_of(kind: Any) -> list[str]:
    """The words that a setting may be, if it is one of a few."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    return [word for part in get_args(kind) for word in words_of(part)]


def range_of(field: FieldInfo) -> str | None:
    lowest = [rule.ge for rule in field.metadata if isinstance(rule, Ge)]
    highest = [rule.le for rule in field.metadata if isinstance(rule, Le)]
    return f"{lowest[0]}–{highest[0]}" if lowest and highest else None


@pytest.mark.parametrize("name", sorted(CLASSES.keys() - WITHOUT_SETTINGS))
def test_the_settings_are_those_of_the_code(name: str) -> None:
    fields = list(fields_of(module_of(name).Settings))
    table = rows(DOCUMENT, f"`{name}`")
    assert [(row[0].strip("`"), row[1]) for row in table] == [
        (path, default_of(field)) for path, field in fields
    ]
    for (_, _, bounds, meaning), (path, field) in zip(table, fields, strict=True):
        assert meaning, path
        if words := words_of(field.annotation):
            assert backticked(bounds) == words, path
        if numbers := range_of(field):
            assert bounds == numbers, path


def test_providers_without_a_table_have_no_settings() -> None:
    without = {name for name in CLASSES if not hasattr(module_of(name), "Settings")}
    assert without == WITHOUT_SETTINGS
    named = ("SmsSenderId", "EmailSender", "EmailConfigurationSet", "SandboxEnabled")
    assert template()["Parameters"].keys() >= set(named)
    assert all(f"`{name}`" in read(DOCUMENT) for name in named)


def test_the_secret_shown_is_one_that_is_taken() -> None:
    (block,) = blocks(DOCUMENT, "json")
    secret = json.loads(block)
    assert secret.keys() == CLASSES.keys() - WITHOUT_SETTINGS | {"webhook-acme"}
    for name, own in secret.items():
        read_settings(name, own)


# --------------------------------------------------------------------------------------- webhooks


@pytest.fixture
def receiver() -> dict[str, Any]:
    """What the receiver's code defines; what it carries stands under `carried`."""
    found: dict[str, Any] = {"carried": []}
    exec(compile(python("import base64"), DOCUMENT, "exec"), found)  # noqa: S102 our own document

    def carry(message: Mapping[str, Any]) -> str:
        found["carried"].append(message)
        return f"carried-{len(found['carried'])}"

    found["carry"] = carry
    return found


def test_the_receiver_takes_what_the_webhook_sends_and_takes_it_once(
    receiver: dict[str, Any], httpserver: HTTPServer
) -> None:
    answers: list[int] = []

    def serve(request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, answer = receiver["receive"](headers, request.get_data())
        answers.append(status)
        lost = len(answers) == 1  # the first answer, so that it is asked again
        return Response("lost" if lost else json.dumps(answer), 500 if lost else status)

    httpserver.expect_request("/hook", method="POST").respond_with_handler(serve)
    secret = json.loads(blocks(DOCUMENT, "json")[0])["webhook"]["secrets"]
    settings = WebhookSettings(url=httpserver.url_for("/hook"), secrets=secret)
    assert WebhookMessenger(settings).send(make_order()) == "carried-1"
    assert answers == [200, 200]
    (message,) = receiver["carried"]
    assert message["to"] == make_order().to and "123456" in message["text"]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"{}"),
        ({"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,é v1, v2,x"}, b""),
        ({"webhook-id": "a", "webhook-timestamp": "\u0663", "webhook-signature": "v1,"}, b"{"),
    ],
)
def test_the_receiver_refuses_what_is_not_signed(
    receiver: dict[str, Any], headers: dict[str, str], body: bytes
) -> None:
    assert receiver["receive"](headers, body) == (401, {})
    assert receiver["carried"] == []


def test_the_receiver_refuses_what_is_old(receiver: dict[str, Any]) -> None:
    secret = base64.b64encode(receiver["KEY"]).decode()
    then = datetime.now(UTC) - timedelta(minutes=6)
    headers = {
        "webhook-id": "a",
        "webhook-timestamp": str(int(then.timestamp())),
        "webhook-signature": Webhook(f"whsec_{secret}").sign("a", then, "{}"),
    }
    assert receiver["receive"](headers, b"{}") == (401, {})
    assert receiver["carried"] == []


# ------------------------------------------------------------------------------ adding a provider


def load(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, code: str) -> types.ModuleType:
    """A module of the package, as if its file lay there."""
    file = folder / f"{name.rpartition('.')[2]}.py"
    file.write_text(code)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> types.ModuleType:
    """The provider of the document, in the catalogue by the line that the document names."""
    (line,) = re.findall(r"`\"(acme)\": \"(\w+)\",`", read(DOCUMENT))
    monkeypatch.setitem(CLASSES, *line)
    code = python('"""SMS by Acme')
    return load(monkeypatch, tmp_path, "verification.providers.acme", code)


class SecretsManager:
    """A secret."""

    def __init__(self, values: Any) -> None:
        self._text = json.dumps(values)

    def get_secret_value(self, **_: str) -> dict[str, str]:
        return {"SecretString": self._text}


def route_by(secret: Any) -> Routing:
    """The routes of a stack whose SMS go by Acme."""
    environ = {"ROUTES": "sms=acme", "REPORTS_URL": "https://reports.example/prod"}
    settings, telemetry = Settings(environ), Telemetry()
    stored = StoredProviderSettings(SecretsManager(secret), "providers", lambda: 0)
    providers = Catalogue(settings, stored, lambda: None, telemetry, lambda: 0)
    return Routing(settings.routes, providers, lambda: 0)


def test_the_worked_example_sends_an_order(acme: types.ModuleType, httpserver: HTTPServer) -> None:
    order = make_order()
    httpserver.expect_ordered_request(
        "/v1/sms",
        method="POST",
        headers={"Authorization": "Bearer not-a-real-key"},
        json={
            "to": order.to,
            "from": "Verify",
            "text": order.render(Channel.SMS).text,
            "seconds": 300,
            "priority": 2,
            "callback": "https://reports.example/prod/v1/reports/acme/token-for-acme",
        },
    ).respond_with_json({"id": "sms-1"}, status=202)
    secret = {"api_key": "not-a-real-key", "base_url": httpserver.url_for("/v1/"), "priority": 2}
    (done,) = route_by({"acme": secret}).send(order)
    assert (done.provider, done.outcome, done.message_id) == ("acme", Outcome.ACCEPTED, "sms-1")
    httpserver.check()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (422, '{"error": "bad_number"}', ProviderRejected),
        (422, '{"error": ["bad_number"]}', ProviderRefused),
        (401, '{"error": "no_such_key"}', ProviderRefused),
        (503, "<html>", ProviderUnavailable),
        (500, "<html>", ProviderSilent),
        (200, "{}", ProviderSilent),
        (200, '{"id": ""}', ProviderSilent),
    ],
)
def test_the_worked_example_tells_errors_apart(
    acme: types.ModuleType,
    httpserver: HTTPServer,
    status: int,
    body: str,
    error: type[Exception],
) -> None:
    httpserver.expect_request("/sms").respond_with_data(body, status)
    settings = acme.Settings(api_key="not-a-real-key", base_url=httpserver.url_for(""))
    with pytest.raises(error) as raised:
        acme.AcmeMessenger(settings).send(make_order())
    assert type(raised.value) is error


def test_the_worked_example_names_a_wrong_setting(acme: types.ModuleType) -> None:
    with pytest.raises(catalogue.WrongSettings) as raised:
        read_settings("acme", {"api_key": "x", "priority": 4})
    assert [key for key, _ in raised.value.faults] == ["acme.priority"]


def test_the_worked_example_is_about_sixty_lines() -> None:
    lines = [line for line in python('"""SMS by Acme').splitlines() if line.strip()]
    assert 50 <= len(lines) <= 75


@pytest.mark.parametrize(
    ("body", "delivery"),
    [
        (b'{"state": "arrived"}', Delivery.DELIVERED),
        (b'{"state": "failed"}', Delivery.UNDELIVERED),
        (b'{"state": "on its way"}', None),
        (b"[]", None),
        (b"\xff", None),
    ],
)
def test_the_reader_of_reports_reads_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: bytes, delivery: Delivery | None
) -> None:
    code = python('"""Delivery reports of Acme')
    module = load(monkeypatch, tmp_path, "verification.api.reports.acme", code)
    report = module.read("a-token", {}, body)
    assert (report and (report.delivery, report.token)) == (delivery and (delivery, "a-token"))


def test_the_shell_of_the_document_names_outputs_that_exist() -> None:
    used = set(re.findall(r"\$\(out (\w+)\)", read(DOCUMENT)))
    assert used and used <= template()["Outputs"].keys()
