"""docs/migrating.md: its tables say what the drop-in APIs do, its lines lead to them."""

import ast
import importlib
import json
import os
import re
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from pytest_httpserver import HTTPServer
from verification.api.dialects.messagebird import errors as messagebird_errors
from verification.api.dialects.messagebird import requests as messagebird
from verification.api.dialects.messagebird.errors import refuse_token
from verification.api.dialects.messagebird.http import MessageBirdApi
from verification.api.dialects.messente import http as messente_http
from verification.api.dialects.messente import pin, start
from verification.api.dialects.messente.http import MessenteApi
from verification.api.dialects.verigator import fields as verigator_fields
from verification.api.dialects.verigator import routes as verigator_routes
from verification.api.dialects.verigator import views as verigator_views
from verification.api.dialects.verigator.http import VerigatorApi
from verification.api.events import Call
from verification.api.fields import read_fields
from verification.catalogue import CLASSES
from verification.cli.__main__ import build_parser
from verification.domain.limits import parse_limits
from verification.domain.messages import MAX_SEGMENTS, MAX_SUBJECT
from verification.domain.policy import SHORT_CODE
from verification.domain.services import Service
from verification.domain.spoken import DEFAULT_LANGUAGE, LANGUAGES
from verification.domain.totp import DIGITS, DRIFT, STEP
from verification.domain.verification import Channel
from verification.errors import (
    AddressNotAllowed,
    AlreadyExists,
    BudgetSpent,
    DeliveryFailed,
    DestinationNotAllowed,
    FieldFault,
    InternalError,
    InvalidFields,
    InvalidJson,
    LimitExceeded,
    NotFound,
    ScopeMissing,
    ServiceError,
    SuspectedFraud,
    TemporarilyUnavailable,
    Unauthorized,
    UserNotFound,
)
from verification.operations import auth, devices
from verification.operations.services import MAX_LISTED
from verification.operations.start import LOOK_AFTER
from verification.storage.directory import CACHE_SECONDS

from layers.countries.fetch import npm_package
from tests.docs.curls import READERS, Curl, curls
from tests.docs.sources import (
    CODE,
    ID,
    ROOT,
    SERVICE,
    USER,
    api_events,
    backticked,
    blocks,
    read,
    rows,
    template,
)
from tests.e2e.clients.front import Front
from tests.e2e.clients.messagebird_clients import PACKAGE, find_node
from tests.fakes.calls import SHOP, call
from tests.local import CACHE

DOCUMENT = "docs/migrating.md"
PROVIDERS = ROOT / "layers/verification/python/verification/providers"
OWN = "https://verify.example.com"
TO = {"to": "447700900123"}
RECIPIENT = {"recipient": "447700900123"}


def text() -> str:
    """The document on one line, so that a sentence may break anywhere."""
    return " ".join(read(DOCUMENT).split())


def table(heading: str) -> dict[str, list[str]]:
    """A table's rows by what stands in backticks in their first cell."""
    found = {backticked(row[0])[0]: row[1:] for row in rows(DOCUMENT, heading)}
    assert len(found) == len(rows(DOCUMENT, heading))
    return found


# ------------------------------------------------------------------------------------- the lines


@pytest.mark.parametrize("curl", curls(DOCUMENT), ids=lambda curl: f"{curl.method} {curl.path}")
def test_a_line_is_a_request_that_is_taken(curl: Curl) -> None:
    curl.read()


def test_every_way_to_start_and_to_guess_has_a_line() -> None:
    shown = {curl.route for curl in curls(DOCUMENT)}
    dialects = set().union(*(api_events()[f] for f in ("messente", "messagebird", "verigator")))
    assert shown == READERS.keys() & dialects


def test_every_command_is_one() -> None:
    lines = re.findall(r"^\.venv/bin/verifyctl (.+)$", read(DOCUMENT), re.M)
    assert len(lines) == 4
    for line in lines:
        build_parser().parse_args(line.split())


def test_every_parameter_and_output_that_is_named_is_one() -> None:
    known = template()["Parameters"].keys() | template()["Outputs"].keys()
    prose = re.sub(r"^ *```.*?^ *```", "", read(DOCUMENT), flags=re.S | re.M)
    named = {word for word in backticked(prose) if re.fullmatch(r"([A-Z][a-z]+){2,}", word)}
    assert named <= known
    assert named >= {"ApiUrl", "DomainName", "DomainTarget", "PublicUrl", "TestCode"}


def python_lines() -> Iterator[tuple[str, str]]:
    """Each block of Python, by the package that it is for."""
    for block in blocks(DOCUMENT, "python"):
        (module, *_) = re.findall(r"^from (\S+) import", block, re.M)
        yield module, block


@pytest.mark.parametrize("stage", ["", "/prod"])
@pytest.mark.parametrize("package", ["messente.api.sms", "messagebird"])
def test_a_client_for_python_asks_where_its_line_says(
    httpserver: HTTPServer, package: str, stage: str
) -> None:
    block = dict(python_lines())[package].replace(OWN, httpserver.url_for(stage).rstrip("/"))
    made: dict[str, Any] = {}
    exec(compile(block, DOCUMENT, "exec"), made)  # noqa: S102 our own document
    if package == "messagebird":
        asked = httpserver.expect_oneshot_request(f"{stage}/verify", method="POST")
        asked.respond_with_json({"id": "made", "status": "sent"}, status=201)
        assert made["client"].verify_create("447700900123").id == "made"
        (request, _) = httpserver.log[0]
        assert request.headers["Authorization"] == f"AccessKey {made['KEY']}"
    else:
        asked = httpserver.expect_oneshot_request(f"{stage}/verify/start", method="GET")
        asked.respond_with_data("OK made", content_type="text/plain")
        answer = made["api"].number_verification.send_pin({"to": "447700900123"})
        assert answer.get_verification_id() == "made"
        (request, _) = httpserver.log[0]
        assert request.args["username"] == "shop-k3q7m2xa"
        assert request.args["password"] == "not-a-real-secret"


@pytest.mark.parametrize("stage", ["", "/prod"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_client_for_node_asks_where_its_line_says(
    httpserver: HTTPServer, scheme: str, stage: str, tmp_path: Path
) -> None:
    server, front = httpserver.url_for(""), Front("localhost", httpserver.url_for(""), tmp_path)
    own = server if scheme == "http" else f"https://localhost:{front.port}"
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/messagebird").symlink_to(npm_package(PACKAGE, CACHE))
    (block,) = (one for one in blocks(DOCUMENT, "js") if "messagebird" in one)
    script = tmp_path / "shop.js"
    script.write_text(
        block.replace(OWN, own.rstrip("/") + stage)
        + "messagebird.verify.create('447700900125', (error, made) => {\n"
        + "  if (error) throw error;\n  console.log(made.id);\n});\n"
    )
    key = "live_shop-k3q7m2xa.not-a-real-secret"
    asked = httpserver.expect_oneshot_request(
        f"{stage}/verify",
        "POST",
        json={"recipient": "447700900125"},
        headers={"Authorization": f"AccessKey {key}"},
    )
    asked.respond_with_json({"id": "made", "status": "sent"}, status=201)
    try:
        done = subprocess.run(
            [find_node(), script],
            env={"PATH": os.defpath, "NODE_EXTRA_CA_CERTS": str(front.certificate)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        front.close()
    assert (done.returncode, done.stdout) == (0, "made\n"), done.stderr


def test_the_lines_for_the_local_stack_end_in_a_success(httpserver: HTTPServer) -> None:
    part = read(DOCUMENT).partition("## Against the local stack")[2].partition("\n## ")[0]
    fenced = re.findall(r"^ *```sh\n(.*?)^ *```", part, re.S | re.M)
    lines = "".join(map(textwrap.dedent, fenced)).replace('eval "$(make -s env)"', "")
    inbox = {"sms_messages": {"+44": [{"Message": "1111 once"}, {"Message": f"{CODE} is it"}]}}

    def serve(request: str, answer: Any, **asked: Any) -> None:
        """Expect a request after those before it; answers are on one line, as ours are."""
        method, path = request.split()
        found = httpserver.expect_ordered_request(path, method, **asked)
        found.respond_with_data(answer if isinstance(answer, str) else json.dumps(answer))

    def serve_code(number: str) -> None:
        serve("GET /sms", inbox, query_string={"phoneNumber": f"+{number}"})

    form = f"username={SHOP.id}&password=s"
    serve("POST /verify/start/", f"OK {ID}", data=f"{form}&to=447700900124")
    serve_code("447700900124")
    serve("POST /verify/pin/", "VERIFIED", data=f"{form}&verification_id={ID}&pin={CODE}")
    made = {"id": ID, "messages": {"id": ID}, "status": "sent"}
    for key, code in (("live", CODE), ("test", "246810")):
        auth = {"Authorization": f"AccessKey {key}"}
        serve("POST /verify", made, headers=auth)
        if key == "live":
            serve_code("447700900125")
        verified = made | {"status": "verified"}
        serve(f"GET /verify/{ID}", verified, query_string={"token": code}, headers=auth)
    auth = {"X-Service-Auth": f"{SHOP.id}:s"}
    users = f"/v1/service/service/{SERVICE}/users"
    serve("POST /v1/service/service", {"id": SERVICE}, headers=auth)
    serve(f"POST {users}", {"id": USER, "id_in_service": "ann"}, headers=auth)
    serve(f"POST {users}/{USER}/auth", {}, json={"method": "sms"}, headers=auth)
    serve_code("447700900126")
    serve(f"PUT {users}/{USER}/auth", {"verified": True}, json={"token": CODE}, headers=auth)
    variables = {
        "API": httpserver.url_for("").rstrip("/"),
        "CLIENT_ID": SHOP.id,
        "CLIENT_SECRET": "s",
        "ACCESS_KEY": "live",
        "TEST_KEY": "test",
        "TEST_CODE": "246810",
        "SMS_INBOX": httpserver.url_for("/sms"),
    }
    done = subprocess.run(
        ["/bin/sh", "-ec", lines],
        env={"PATH": os.defpath, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    httpserver.check()
    assert len(httpserver.log) == 13, done.stderr
    said = ("VERIFIED", '"status": "verified"', '"verified": true')
    assert [done.stdout.count(words) for words in said] == [1, 2, 1]


def test_each_api_has_a_number_of_its_own() -> None:
    both = read(DOCUMENT) + read("README.md")
    numbers = {"POST /v1/verifications": "3", "POST /verify/start": "4", "POST /verify": "5"}
    numbers["POST /v1/service/service/{service}/users"] = "6"
    for curl in (*curls(DOCUMENT), *curls("README.md")):
        sent = re.findall(r"44770090012(\d)", " ".join(curl.data))
        assert not sent or sent == [numbers[curl.route]], curl.line
    assert set(re.findall(r"44770090012(\d)", both)) == set(numbers.values())


def test_every_language_has_its_line() -> None:
    languages = re.findall(r"^```(\w+)$", read(DOCUMENT), re.M)
    assert set(languages) == {"sh", "python", "js", "java", "php", "go"}
    for language in languages:
        assert language == "sh" or any(
            "verify.example.com" in block for block in blocks(DOCUMENT, language)
        )


def test_the_clients_that_were_run_are_those_of_the_tests() -> None:
    pinned = read("tests/requirements.in")
    assert "messente-python==2.0.1" in pinned and "`messente-python` 2.0.1" in text()
    assert "messagebird==2.2.0" in pinned and "`messagebird` 2.2.0 for Python" in text()
    assert '"4.0.1"' in read("tests/e2e/clients/messagebird_clients.py")
    assert "4.0.1 for Node" in text()


# ----------------------------------------------------------------- credentials, senders, networks


def test_the_credentials_are_read_as_the_table_says() -> None:
    by_api = {row[0]: row[2] for row in rows(DOCUMENT, "Credentials")}
    shown = [one for cell in by_api.values() for one in backticked(cell)]
    filled = [one.replace("<client id>", SHOP.id).replace("<client secret>", "s") for one in shown]
    assert filled == [SHOP.id, "s", *(f"{kind}_{SHOP.id}.s" for kind in ("live", "test"))] + [
        f"{SHOP.id}:s",
        f"{SHOP.id}.s",
    ]


def answers_to(error: ServiceError) -> list[str]:
    """How each API refuses, as the tables write it."""
    messente = MessenteApi().refuse(error, "").body
    bird = MessageBirdApi().refuse(error, "")
    assert isinstance(bird.body, dict)
    (first, *_) = bird.body["errors"]
    named = f", `{first['parameter']}`" if bird.status == 422 else ""
    return [
        f"`{messente}`",
        f"{bird.status}, code {first['code']}{named}",
        str(VerigatorApi().refuse(error, "").status),
    ]


def test_senders_and_networks_are_refused_as_the_table_says() -> None:
    sender, *others = (row[1:] for row in rows(DOCUMENT, "Senders and networks"))
    errors = AddressNotAllowed(), ScopeMissing(), DestinationNotAllowed(), SuspectedFraud()
    assert others == [answers_to(error) for error in errors]
    fault = InvalidFields(faults=[FieldFault("sender", "is not one of this client's")])
    assert sender == [*answers_to(fault)[:2], "–"]
    assert f"holds within {CACHE_SECONDS} seconds" in text()


# ------------------------------------------------------------------------------------------ limits


def test_the_starts_of_a_day_follow_from_the_limits() -> None:
    day = {
        name: parameter["Default"].split()[-1]
        for name, parameter in template()["Parameters"].items()
        if name in ("SendLimits", "GuessLimits", "ShortCodeGuessLimits")
    }
    amounts = {name: parse_limits("x", limit)[0].count for name, limit in day.items()}
    bird = messagebird.read_start(call(RECIPIENT), None)
    guesses = [
        (start.MAX_ATTEMPTS, start.PIN_LENGTH.default),
        (start.MAX_ATTEMPTS, SHORT_CODE),
        (bird.max_attempts, bird.code_length),
        (10, bird.code_length),
        (auth.MAX_ATTEMPTS, auth.CODE_LENGTH),
        (auth.APP_ATTEMPTS, DIGITS),
    ]
    table = rows(DOCUMENT, "Limits that outlive a code")
    for row, (attempts, length) in zip(table, guesses, strict=True):
        names = ["GuessLimits"] + ["ShortCodeGuessLimits"] * ((length or 0) < SHORT_CODE)
        # Who is never right keeps all that was reserved; who is right at once uses one of it.
        starts = [{name: amounts[name] // attempts for name in names}]
        starts.append({name: amounts[name] - attempts + 1 for name in names})
        assert row[1] == str(attempts)
        for written, budgets in zip(row[2:], starts, strict=True):
            if "totp" not in row[0]:
                budgets["SendLimits"] = amounts["SendLimits"]
            name = backticked(written)[0]
            assert written == f"{budgets[name]}, by `{name}` {day[name]}"
            assert budgets[name] == min(budgets.values())
    used_by_app = amounts["GuessLimits"] - auth.APP_ATTEMPTS + 1
    assert f"for more than {used_by_app} a day raise `GuessLimits`" in text()
    assert "reserve three" in text() and auth.APP_ATTEMPTS == 3


def test_a_larger_budget_is_worth_what_it_says() -> None:
    assert "such as `40/24h` for eight starts" in text() and 40 // start.MAX_ATTEMPTS == 8
    chances = 10**4 - 1  # 0000 is no code
    assert "Twenty guesses a day at four digits hit once in 500 days; forty, once in 250" in text()
    assert round(chances / 20, -1) == 500 and round(chances / 40, -1) == 250
    assert "beyond 50 that has to grow with it" in text()
    assert template()["Parameters"]["GuessLimits"]["Default"] == "50/24h"
    assert "5 in 10 minutes and 10 a day to one number" in text()
    assert template()["Parameters"]["SendLimits"]["Default"] == "5/10m 10/24h"


# ---------------------------------------------------------------------------------------- Messente


def field_names(model: Any) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_the_parameters_of_messente_are_those_of_the_code() -> None:
    written = table("Parameters of Messente")
    assert written.keys() == field_names(start.StartFields)
    bounds = {
        "pin_length": start.PIN_LENGTH,
        "max_tries": start.MAX_TRIES,
        "retry_delay": start.RETRY_DELAY,
        "validity": start.VALIDITY,
    }
    for name, bound in bounds.items():
        assert written[name][:2] == [str(bound.default), f"{bound.lowest}–{bound.highest}"]
    assert written["template"][:2] == [f"`{start.TEMPLATE}`", "has `<PIN>`"]
    assert f"at most {MAX_SEGMENTS} SMS" in written["template"][2]
    assert f"after {LOOK_AFTER} at the soonest" in written["retry_delay"][2]
    assert written["to"][0] == "required"
    for name in ("ip", "browser", "cookie", "from"):
        assert written[name][0] == "none"
    sentence = re.search(r"`/verify/pin` has (.+?)\. ", text())
    assert sentence and set(backticked(sentence[1])) == field_names(pin.PinFields)


def test_what_messente_is_told_of_a_visitor_has_no_bounds() -> None:
    written = table("Parameters of Messente")
    for name in ("ip", "browser", "cookie"):
        assert written[name][1] == "–"
        start.read_start(call(TO | {name: "x" * 10_000}))
    command, _ = start.read_start(call(TO | {"browser": "x" * 10_000}))
    kept = command.details and command.details.user_agent
    assert kept and written["browser"][2].startswith(f"its first {len(kept)} characters are kept")


def words_of_messente() -> set[str]:
    words = {*messente_http._ERRORS.values(), *messente_http._FAULTS.values()}
    return words | {messente_http._TROUBLE, *pin._WORDS.values(), "OK <id>", "VERIFIED"}


def test_the_answers_of_messente_are_those_of_the_code() -> None:
    written = [backticked(row[0])[0] for row in rows(DOCUMENT, "Answers of Messente")]
    assert set(written) == words_of_messente()
    assert sorted(written) == sorted([*words_of_messente(), "VERIFIED"])  # to start and to pin


def test_the_numbers_of_messente_are_those_of_the_code() -> None:
    written = {row[0]: row[2] for row in rows(DOCUMENT, "What differs from Messente")}
    assert written["guesses at a PIN"] == str(start.MAX_ATTEMPTS)
    assert written["`max_tries`"] == str(start.MAX_TRIES.highest)
    answers = {backticked(row[0])[0]: row[2] for row in rows(DOCUMENT, "Answers of Messente")}
    assert answers["THROTTLED"].startswith(f"{start.MAX_ATTEMPTS} guesses")


def test_the_rules_of_trusted_devices_are_those_of_the_code() -> None:
    (lowest, highest) = re.findall(r"\{(\d+),(\d+)\}", devices._COOKIE.pattern)[0]
    assert f"The cookie has {lowest} to {highest} visible ASCII characters" in text()
    days = template()["Parameters"]["TrustedDeviceDays"]["Default"]
    assert f"`TrustedDeviceDays` ({days}) after the last right PIN" in text()
    assert "`device_trusted`" in text()
    assert '"device_trusted"' in read("layers/verification/python/verification/telemetry.py")


# ------------------------------------------------------------------------------------- MessageBird


def taken(**fields: Any) -> Any:
    return messagebird.read_start(call(RECIPIENT | fields), None)


def is_taken(**fields: Any) -> bool:
    try:
        taken(**fields)
    except InvalidFields:
        return False
    return True


def test_the_parameters_of_messagebird_are_those_of_the_code() -> None:
    written = table("Parameters of MessageBird")
    assert written.keys() == set(messagebird._NAMES.values())
    plain = taken()
    assert written["timeout"][0] == str(plain.validity)
    assert written["tokenLength"][0] == str(plain.code_length)
    assert written["maxAttempts"][0] == str(plain.max_attempts)
    assert written["language"][0] == f"`{plain.locale}`" == f"`{DEFAULT_LANGUAGE}`"
    assert written["language"][1] == f"the vendor's {len(LANGUAGES)}"
    assert written["template"][:2] == [f"`{messagebird._TEMPLATE}`", f"has `{messagebird.TOKEN}`"]
    assert written["subject"][0] == f"`{messagebird._SUBJECT}`"
    assert written["subject"][1] == f"one line of at most {MAX_SUBJECT} characters"
    assert written["type"][0] == "`sms`" and plain.channel == messagebird.CHANNELS["sms"]


@pytest.mark.parametrize("name", ["timeout", "tokenLength", "maxAttempts"])
def test_numbers_of_messagebird_have_the_bounds_that_it_says(name: str) -> None:
    lowest, highest = map(int, table("Parameters of MessageBird")[name][1].split("–"))
    assert is_taken(**{name: lowest}) and is_taken(**{name: highest})
    assert not is_taken(**{name: lowest - 1}) and not is_taken(**{name: highest + 1})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("type", messagebird.CHANNELS),
        ("datacoding", messagebird._DATACODINGS),
        ("voice", messagebird._VOICES),
    ],
)
def test_words_of_messagebird_are_those_that_it_says(name: str, words: Any) -> None:
    assert backticked(table("Parameters of MessageBird")[name][1]) == list(words)


def test_a_reference_is_as_long_as_it_says() -> None:
    found = re.fullmatch(r"1 to (\d+) .+", table("Parameters of MessageBird")["reference"][1])
    assert found and is_taken(reference="x" * int(found[1]))
    assert not is_taken(reference="x" * (int(found[1]) + 1))


def messagebirds(error: ServiceError) -> tuple[str, str]:
    answer = MessageBirdApi().refuse(error, "")
    assert isinstance(answer.body, dict)
    return str(answer.status), str(answer.body["errors"][0]["code"])


def test_the_answers_of_messagebird_are_those_of_the_code() -> None:
    wrong = FieldFault("timeout", "is wrong")
    missing = messagebird_errors.Missing("recipient", "is required")
    situations: dict[str, list[ServiceError]] = {
        "wrong key": [Unauthorized(), AddressNotAllowed(), ScopeMissing()],
        "`recipient` is missing": [InvalidFields(faults=[missing])],
        "a parameter is wrong": [InvalidFields(faults=[wrong])],
        "no such object": [NotFound()],
        "a limit of this `recipient`": [
            *(LimitExceeded(), DestinationNotAllowed(), SuspectedFraud())
        ],
        "a body that cannot be read": [InvalidJson(), BudgetSpent(), DeliveryFailed()],
        "a fault of ours": [InternalError(), TemporarilyUnavailable()],
    }
    table = rows(DOCUMENT, "Answers of MessageBird")
    for row, (begins, errors) in zip(table, situations.items(), strict=True):
        assert row[2].startswith(begins)
        for error in errors:
            status, code = messagebirds(error)
            assert status in row[0].split(", ") and code == row[1]
    empty = refuse_token(None)
    assert empty.status == 422 and isinstance(empty.body, dict)
    assert (empty.body["errors"][0]["code"], empty.body["errors"][0]["parameter"]) == (10, "token")


def test_the_words_that_programs_compare_are_there() -> None:
    assert '"already been processed"' in text()
    assert "already been processed" in messagebird_errors._PROCESSED


# --------------------------------------------------------------------------------------- Verigator


def fits(model: Any, **fields: str) -> bool:
    try:
        read_fields(model, fields)
    except InvalidFields:
        return False
    return True


def test_the_fields_of_verigator_are_those_of_the_code() -> None:
    written = table("Fields of Verigator")
    models = (
        verigator_fields.ServiceFields,
        verigator_fields.UserFields,
        verigator_fields.StartFields,
        verigator_fields.GuessFields,
    )
    assert written.keys() == set().union(*(field_names(model) for model in models))
    method = verigator_fields.StartFields.model_fields["method"]
    assert backticked(written["method"][0]) == list(get_args(method.annotation))
    assert fits(verigator_fields.GuessFields, token="123456"), "without a method"
    takes_urls = fits(verigator_fields.ServiceFields, fqdn="https://www.example.com", name="Shop")
    assert takes_urls == ("not a URL" not in written["fqdn"][0])


@pytest.mark.parametrize(
    ("model", "name", "rest"),
    [
        (verigator_fields.ServiceFields, "name", {"fqdn": "shop.example.com"}),
        (verigator_fields.UserFields, "id_in_service", {"phone_number": "+447700900123"}),
    ],
)
def test_names_of_verigator_are_as_long_as_it_says(
    model: Any, name: str, rest: Mapping[str, str]
) -> None:
    found = re.fullmatch(r"1 to (\d+) characters", table("Fields of Verigator")[name][0])
    assert found
    assert fits(model, **rest, **{name: "x" * int(found[1])})
    assert not fits(model, **rest, **{name: "x" * (int(found[1]) + 1)})


def test_a_name_is_in_messages_up_to_where_it_says() -> None:
    found = re.search(r"up to (\d+) characters it is the name", text())
    assert found
    for length, named in ((int(found[1]), True), (int(found[1]) + 1, False)):
        service = Service("id", "shop", "shop.example.com", "x" * length, 0)
        assert bool(service.brand) == named


def test_the_answers_of_verigator_are_those_of_the_code() -> None:
    statuses = {s for row in rows(DOCUMENT, "Answers of Verigator") for s in row[0].split(", ")}
    errors = (
        *(Unauthorized(), AddressNotAllowed(), UserNotFound(), NotFound(), AlreadyExists()),
        *(InvalidFields(), LimitExceeded(), InvalidJson(), DeliveryFailed(), InternalError()),
        *(TemporarilyUnavailable(), ScopeMissing(), DestinationNotAllowed(), SuspectedFraud()),
        BudgetSpent(),
    )
    refused = {str(VerigatorApi().refuse(error, "").status) for error in errors}
    assert statuses == refused | {"200", "201", "202"}
    for agent, status in (("verigator-java-1.1", 200), ("Java/1.8.0_152", 201), ("curl/8", 201)):
        assert verigator_routes._created(
            Call(SHOP, {}, "", None, lambda: 1, agent=agent), {}
        ).status == (status)
    api = verigator_routes.Verigator(Any, lambda *_: Channel.SMS, Any)  # type: ignore[arg-type]  # unused
    begin = api.routes["POST /v1/service/service/{service}/users/{user}/auth"]
    started = begin(Call(SHOP, {"method": "sms"}, "", None, lambda: 1)).status
    (made,) = (row[1] for row in rows(DOCUMENT, "Answers of Verigator") if row[0] == "201")
    assert ("a verification was made" in made) == (started == 201)
    results = re.search(r"`status` with `result`: (.+?)\.", text())
    assert results and set(backticked(results[1])) == set(verigator_views._RESULTS.values())


def test_the_numbers_of_verigator_are_those_of_the_code() -> None:
    numbers = f"{auth.CODE_LENGTH} digits, {auth.VALIDITY} seconds, {auth.MAX_ATTEMPTS} guesses"
    assert numbers in text()
    by_app = rf"\| guesses at an app's codes \| [^|]+ \| {auth.APP_ATTEMPTS} a start,"
    assert re.search(by_app, text())
    assert f"at most {MAX_LISTED:,}, or {verigator_routes.MAX_LIST_BYTES // 1_000_000} MB" in text()
    assert f"Codes have {DIGITS} digits, change every {STEP} seconds" in text()
    assert DRIFT == 1 and "the step before and after" in text()


def test_the_answer_to_an_enrolment_has_what_it_says() -> None:
    source = read("layers/verification/python/verification/api/native/totp.py")
    assert all(f'"{name}"' in source for name in ("otpauth_url", "qr_svg"))
    assert "`otpauth_url`" in text() and "(`qr_svg`)" in text()


# --------------------------------------------------------------------- flash, voices and languages


def heeding(attribute: str) -> set[str]:
    """The providers that look at something of an order, themselves or by what they import."""
    modules = {path.stem: ast.parse(path.read_text()) for path in PROVIDERS.glob("*.py")}
    looking = {
        (module, function.name)
        for module, tree in modules.items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and node.attr == attribute
        and ast.unparse(node.value) == "order"
    }
    importing = {
        module
        for module, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if (node.module, name.name) in looking
    }
    return ({module for module, _ in looking} | importing) & {
        name.replace("-", "_") for name in CLASSES
    }


@pytest.mark.parametrize(
    ("asked", "attribute"), [("type", "flash"), ("voice", "voice"), ("language", "locale")]
)
def test_who_heeds_flash_voices_and_languages_is_who_looks_at_them(
    asked: str, attribute: str
) -> None:
    (written,) = (
        row[1]
        for row in rows(DOCUMENT, "Flash, voices and languages")
        if backticked(row[0])[0] == asked
    )
    named = {name.replace("-", "_") for name in backticked(written)}
    assert heeding(attribute) == named


def test_providers_md_says_the_same_of_flash_and_voices() -> None:
    own = " ".join(read("docs/providers.md").split())
    sentence = re.search(r"asks for them: (.+?)\. All others send a plain message", own)
    assert sentence
    named = {name.replace("-", "_") for name in backticked(sentence[1])} - {"voice_id"}
    assert named == heeding("voice") and heeding("flash") <= named


def test_the_settings_for_another_stack_are_taken() -> None:
    for provider, setting, value in rows("docs/providers.md", "Another stack of ours"):
        name = provider.strip("`")
        module = importlib.import_module(f"verification.providers.{name.replace('-', '_')}")
        (shown, *_) = backticked(value)
        given = json.loads(shown) if shown.startswith("[") else shown
        field = module.Settings.model_fields[setting.strip("`")]
        assert OWN in (given[0] if isinstance(given, list) else given)
        example = json.loads(blocks("docs/providers.md", "json")[0])[name]
        module.Settings.model_validate(example | {setting.strip("`"): given})
        assert field.default != given
