"""The native API of authenticator apps: what an app is told, and each status."""

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
import segno
from verification.api.native import totp
from verification.domain.destination import Destination
from verification.domain.services import Service, User
from verification.errors import TemporarilyUnavailable
from verification.operations.totp import Enrolment

from tests.fakes.calls import SECRET, SHOP, http_event
from tests.fakes.verigator import AT_HOME, OTHER, TOTP, FakeVerigator
from tests.unit.logs import make_telemetry

CONFIRM = f"{TOTP}/confirm"
NOWHERE = "00000000-0000-4000-8000-000000000000"
SEED = b"12345678901234567890"

type Path = tuple[str, str]


@pytest.fixture
def verigator(monkeypatch: pytest.MonkeyPatch) -> FakeVerigator:
    return FakeVerigator(make_telemetry(monkeypatch))


@pytest.fixture
def path(verigator: FakeVerigator) -> Path:
    return verigator.user(verigator.service(name="Coffee & Shop"), "john.doe@verigator.com")


def test_an_app_is_told_all_by_a_uri_and_a_picture_of_it(
    verigator: FakeVerigator, path: Path
) -> None:
    made = verigator.ask("POST", TOTP, None, path)
    assert made.status == 201
    assert made.headers["Cache-Control"] == "no-store"
    assert made.body.keys() == {"otpauth_url", "qr_svg"}
    url = urlsplit(made.body["otpauth_url"])
    assert (url.scheme, url.netloc) == ("otpauth", "totp")
    assert unquote(url.path) == "/Coffee & Shop:john.doe@verigator.com"
    query = parse_qs(url.query)
    assert query.keys() == {"secret", "issuer"}  # all else is what apps take anyway
    assert query["issuer"] == ["Coffee & Shop"]
    assert re.fullmatch("[A-Z2-7]{32}", query["secret"][0])
    app = pyotp.parse_uri(made.body["otpauth_url"])
    assert isinstance(app, pyotp.TOTP)
    assert (app.digits, app.interval, app.digest().name) == (6, 30, "sha1")
    assert (app.name, app.issuer) == ("john.doe@verigator.com", "Coffee & Shop")


def test_the_picture_is_one_svg_that_needs_nothing_else(
    verigator: FakeVerigator, path: Path
) -> None:
    made = verigator.ask("POST", TOTP, None, path).body
    svg = ElementTree.fromstring(made["qr_svg"])  # noqa: S314 our own
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    tags = {element.tag.rpartition("}")[2] for element in svg.iter()}
    assert tags == {"svg", "g", "path"}
    assert "href" not in made["qr_svg"] and "<?xml" not in made["qr_svg"]
    modules = segno.make_qr(made["otpauth_url"]).symbol_size()[0]
    assert svg.attrib["width"] == svg.attrib["height"] == str(modules * 4)


@pytest.mark.parametrize(("name", "shown"), [("x" * 64, "x" * 64), ("x" * 65, "x" * 64)])
def test_a_long_account_is_cut(name: str, shown: str) -> None:
    assert (
        totp.show_enrolment(enrolment("Shop", name))["otpauth_url"]
        .split("?")[0]
        .endswith(f"Shop:{shown}")
    )


def enrolment(service: str, name: str) -> Enrolment:
    return Enrolment(
        Service("service", "shop", "shop.example", service, 0),
        User("user", "service", "shop", name, Destination("+31612345678", "NL"), 0),
        SEED,
    )


def test_the_longest_names_fit_a_picture() -> None:
    assert totp.show_enrolment(enrolment("\U0001f600" * 64, "\U0001f600" * 255))["qr_svg"]


def test_an_app_is_confirmed_replaced_and_removed(verigator: FakeVerigator, path: Path) -> None:
    app = verigator.app(path)
    assert verigator.started(path, "totp") == "totp"
    assert verigator.guess(path, verigator.shown(app))["verified"] is True
    verigator.stack.clock.advance(60)
    new = verigator.app(path, confirmed=False)
    verigator.started(path, "totp")
    assert verigator.guess(path, verigator.shown(app))["verified"] is True
    answer = verigator.ask("POST", CONFIRM, {"code": verigator.shown(new)}, path)
    assert (answer.status, answer.body) == (200, {"confirmed": True})
    for _ in range(2):
        gone = verigator.ask("DELETE", TOTP, None, path)
        assert (gone.status, gone.body) == (204, None)
    assert verigator.started(path, "totp") == "sms"


@pytest.mark.parametrize(
    "write", [str, lambda code: f"{code[:3]} {code[3:]}", lambda code: f"{code[:3]}-{code[3:]}"]
)
def test_spaces_and_hyphens_in_a_code_do_not_count(
    verigator: FakeVerigator, path: Path, write: Callable[[str], str]
) -> None:
    app = verigator.app(path, confirmed=False)
    answer = verigator.ask("POST", CONFIRM, {"code": write(verigator.shown(app))}, path)
    assert answer.status == 200


@pytest.mark.parametrize(
    ("body", "field", "fault"),
    [
        ({}, "code", "Field required"),
        ({"code": ""}, "code", "String should have at least 1 character"),
        ({"code": "12345"}, "code", "should be 6 digits"),
        ({"code": "1234567"}, "code", "should be 6 digits"),
        ({"code": "12345x"}, "code", "should be 6 digits"),
        ({"code": "1" * 65}, "code", "String should have at most 64 characters"),
        ({"code": 123456}, "code", "should be a valid string"),
        ({"code": None}, "code", "should be a valid string"),
        ({"code": ["123456"]}, "code", "should be a valid string"),
        ({"code": "123456", "x": 1}, "x", "Extra inputs are not permitted"),
    ],
)
def test_a_confirmation_has_one_code_of_six_digits(
    verigator: FakeVerigator, path: Path, body: Any, field: str, fault: str
) -> None:
    verigator.app(path, confirmed=False)
    answer = verigator.ask("POST", CONFIRM, body, path)
    assert (answer.status, answer.body["code"]) == (422, "invalid_fields")
    assert answer.body["errors"] == [{"field": field, "message": fault}]


def test_a_wrong_first_code_is_422(verigator: FakeVerigator, path: Path) -> None:
    app = verigator.app(path, confirmed=False)
    wrong = f"{(int(verigator.shown(app)) + 500_000) % 1_000_000:06d}"
    answer = verigator.ask("POST", CONFIRM, {"code": wrong}, path)
    assert (answer.status, answer.body["code"]) == (422, "invalid_fields")
    fault = {"field": "code", "message": "is not the code that the app shows"}
    assert answer.body["errors"] == [fault]


def test_an_enrolment_has_no_fields(verigator: FakeVerigator, path: Path) -> None:
    assert verigator.ask("POST", TOTP, {}, path).status == 201
    answer = verigator.ask("POST", TOTP, {"secret": "mine"}, path)
    assert (answer.status, answer.body["code"]) == (422, "invalid_fields")


CALLS = [("POST", TOTP, None), ("POST", CONFIRM, {"code": "123456"}), ("DELETE", TOTP, None)]
each_call = pytest.mark.parametrize(("method", "resource", "body"), CALLS)


@each_call
def test_who_is_not_there_or_somebody_elses_is_404(
    verigator: FakeVerigator, path: Path, method: str, resource: str, body: Any
) -> None:
    service, user = path
    verigator.app(path, confirmed=False)
    asked = [
        verigator.ask(method, resource, body, path, by=OTHER.id),
        verigator.ask(method, resource, body, (service, NOWHERE)),
        verigator.ask(method, resource, body, (NOWHERE, user)),
        verigator.ask(method, resource, body, ("x" * 4000, "")),
        verigator.ask(method, resource, body, ()),
    ]
    for answer in asked:
        assert (answer.status, answer.body["code"]) == (404, "user_not_found")
        assert answer.headers["Content-Type"] == "application/problem+json"


@each_call
def test_credentials_are_those_of_the_native_api(
    verigator: FakeVerigator, path: Path, method: str, resource: str, body: Any
) -> None:
    parameters = dict(zip(("service", "user"), path, strict=True))
    headers = {"X-Service-Auth": f"{SHOP.id}:{SECRET}"}
    event = http_event(method, resource, body, headers, pathParameters=parameters)
    answer = verigator.handle(event)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (401, "unauthorized")
    refused = verigator.ask(method, resource, body, path, by=AT_HOME.id)
    assert (refused.status, refused.body["code"]) == (403, "address_not_allowed")


@each_call
def test_a_table_out_of_reach_is_503(
    verigator: FakeVerigator, path: Path, method: str, resource: str, body: Any
) -> None:
    verigator.services.failing["user"] = TemporarilyUnavailable(retry_after=1)
    answer = verigator.ask(method, resource, body, path)
    assert (answer.status, answer.body["code"]) == (503, "temporarily_unavailable")
