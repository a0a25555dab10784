"""The lines that the vendors' documents print, with only host and key changed.

Their curl lines are run by a shell, as they stand there. Where a document prints an address, its
headers and fields, and no line, they are put into one.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.talking import wrong
from tests.e2e.test_vendor_clients import a_host, a_number, digits_in
from tests.local.stack import Credentials, Stack

type Shell = Callable[[str], tuple[int, str]]
"""Runs a line; the HTTP status, and the body."""

# What is not in the lines is told to curl here, so that they can stay as they are.
CURLRC = r"""
silent
show-error
write-out = "\n%{http_code}"
"""


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> Shell:
    (tmp_path / ".curlrc").write_text(CURLRC)
    hosts = r"https://(rest\.messagebird|api[23]\.messente|api\.verigator)\.com"

    def run(line: str) -> tuple[int, str]:
        done = subprocess.run(
            ["/bin/sh", "-c", re.sub(hosts, stack.api_url, line)],
            env={"PATH": os.defpath, "CURL_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    return run


# --------------------------------------------- MessageBird Verify: reference/004, its curl lines

CREATE = r"""curl -X POST https://rest.messagebird.com/verify \
-H 'Authorization: AccessKey YOUR_ACCESS_KEY' \
-d "recipient=31612345678" \
-d "originator=YourName"
"""

CREATE_BY_EMAIL = r"""curl -X POST https://rest.messagebird.com/verify \
-H 'Authorization: AccessKey YOUR_ACCESS_KEY' \
-d "type=email" \
-d "recipient=client-email@example.com" \
-d "originator=verify@company.com" \
# (a comment)
"""

VERIFY = r"""curl -X GET "https://rest.messagebird.com/verify/4e213b01155d1e35a9d9571v00162985?token=123456" \
-H 'Authorization: AccessKey test_gshuPaZoeEG6ovbc8M79w0QyM'
"""  # noqa: E501 - as printed

READ = r"""curl -X GET https://rest.messagebird.com/verify/4e213b01155d1e35a9d9571v00162985 \
-H 'Authorization: AccessKey test_gshuPaZoeEG6ovbc8M79w0QyM'
"""

PRINTED_ID = "4e213b01155d1e35a9d9571v00162985"
PRINTED_KEY = re.compile(r"YOUR_ACCESS_KEY|test_\w+")

# Its table of attributes.
ATTRIBUTES = {
    "id",
    "href",
    "recipient",
    "originator",
    "reference",
    "type",
    "status",
    "messages",
    "createdDatetime",
    "validUntilDatetime",
}
DATETIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"


def with_key(line: str, key: str) -> str:
    return PRINTED_KEY.sub(key, line)


def check_object(made: dict[str, Any], stack: Stack) -> None:
    assert made.keys() == ATTRIBUTES
    assert re.fullmatch(DATETIME, made["createdDatetime"])
    assert re.fullmatch(DATETIME, made["validUntilDatetime"])
    assert made["href"] == f"{stack.api_url}/verify/{made['id']}"
    assert made["messages"]["href"].startswith(f"{stack.api_url}/")


def test_messagebirds_lines_for_a_number(stack: Stack, shell: Shell) -> None:
    key = stack.credentials.access_key()
    status, body = shell(with_key(CREATE, key))
    made = json.loads(body)
    assert status == 201, made
    check_object(made, stack)
    assert (made["recipient"], made["originator"]) == (31612345678, "YourName")
    assert (made["type"], made["status"], made["reference"]) == ("sms", "sent", None)

    read = with_key(READ, key).replace(PRINTED_ID, made["id"])
    assert shell(read) == (200, body)
    verify = with_key(VERIFY, key).replace(PRINTED_ID, made["id"])
    token = digits_in(stack.texts_to("+31612345678")[-1])
    status, body = shell(verify.replace("123456", token))
    assert (status, json.loads(body)) == (200, made | {"status": "verified"})


def test_messagebirds_lines_for_an_address(stack: Stack, shell: Shell) -> None:
    # The document wants the sender's domain set up first.
    stack.aws("ses").verify_email_identity(EmailAddress="verify@company.com")
    status, body = shell(with_key(CREATE_BY_EMAIL, stack.credentials.access_key()))
    made = json.loads(body)
    assert status == 201, made
    check_object(made, stack)
    assert (made["recipient"], made["type"]) == ("client-email@example.com", "email")
    assert made["originator"] == "verify@company.com"
    mail = stack.mails_to("client-email@example.com")[-1]
    assert "verify@company.com" in mail["Source"]


def test_messagebirds_lines_for_what_is_not_there(stack: Stack, shell: Shell) -> None:
    tester = stack.client("tester", "--test")
    for line in (VERIFY, READ):
        status, body = shell(with_key(line, tester.access_key("test")))
        assert (status, json.loads(body)["errors"][0]["code"]) == (404, 20)
        status, body = shell(line)  # and its key is not ours
        (error,) = json.loads(body)["errors"]
        assert (status, error["code"], error["parameter"]) == (401, 2, "access_key")


# ------------------------------ Messente Number Verification: reference/000, addresses and fields

QUERY = "curl '{url}?{fields}'"
FORM = "curl '{url}' -d '{fields}'"
JSON = "curl '{url}' -H 'Content-Type: application/json' -d '{fields}'"


def messente_line(form: str, url: str, credentials: Credentials, **fields: str) -> str:
    fields = {
        "username": credentials.client_id,
        "password": credentials.client_secret,
        **fields,
    }
    joined = "&".join(f"{name}={value}" for name, value in fields.items())
    return form.format(url=url, fields=json.dumps(fields) if form == JSON else joined)


@pytest.mark.parametrize("host", ["https://api2.messente.com", "https://api3.messente.com"])
@pytest.mark.parametrize("form", [QUERY, FORM, JSON])
def test_messentes_addresses(stack: Stack, shell: Shell, form: str, host: str) -> None:
    to, mine = a_number(), stack.credentials
    status, begun = shell(messente_line(form, f"{host}/verify/start/", mine, to=to[1:]))
    assert (status, begun[:3]) == (200, "OK ")
    pin, session = digits_in(stack.texts_to(to)[0]), {"verification_id": begun[3:]}
    for typed, said in ((wrong(pin), "INVALID"), (pin, "VERIFIED")):
        line = messente_line(form, f"{host}/verify/pin/", mine, pin=typed, **session)
        assert shell(line) == (200, said)
    unknown = Credentials("api_user", "api_password")
    assert shell(messente_line(form, f"{host}/verify/start/", unknown, to=to[1:])) == (
        200,
        "ERROR 101",
    )


# ------------------------------------- Verigator: reference/001 to 003, addresses and fields

VERIGATOR = """curl -X {method} {url} \
-H 'Content-Type: application/json' \
-H 'Accept: application/json' \
-H 'X-Service-Auth: {auth}' \
-d '{body}'
"""
SERVICES = "https://api.verigator.com/v1/service/service"
CTIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"


def test_verigators_addresses(stack: Stack, shell: Shell) -> None:
    def ask(method: str, url: str, body: Any, auth: str | None = None) -> tuple[int, Any]:
        mine = f"{stack.client_id}:{stack.client_secret}"
        line = VERIGATOR.format(
            method=method,
            url=url,
            auth=mine if auth is None else auth,
            body=body if isinstance(body, str) else json.dumps(body),
        )
        status, told = shell(line)
        return status, json.loads(told)

    service = {"fqdn": a_host(), "name": "CoffeeShop"}
    status, made = ask("POST", SERVICES, service)
    assert (status, made["name"]) == (201, "CoffeeShop")
    assert re.fullmatch(CTIME, made["ctime"])
    assert ask("POST", SERVICES, service)[0] == 409
    assert ask("POST", SERVICES, service, auth="username:password")[0] == 401
    assert ask("POST", SERVICES, "{")[0] == 422

    users = f"{SERVICES}/{made['id']}/users"
    user = {"id_in_service": "john.doe@verigator.com", "phone_number": "+4401234567"}
    status, added = ask("POST", users, user)
    assert (status, added["id_in_service"]) == (201, "john.doe@verigator.com")
    assert re.fullmatch(CTIME, added["ctime"])
    assert ask("POST", users, user)[0] == 409
    assert ask("POST", users.replace(made["id"], "x"), user)[0] == 404
    assert ask("POST", users, {"id_in_service": "john_doe"})[0] == 422

    auth = f"{users}/{added['id']}/auth"
    assert ask("PUT", auth, {"method": "sms", "token": "123456"})[0] == 404
    assert ask("POST", auth, {"method": "totp"}) == (200, {"method": "sms"})
    token = digits_in(stack.texts_to("+441234567")[-1])
    status, told = ask("PUT", auth, {"method": "sms", "token": wrong(token)})
    assert (status, told["verified"], told["method"]) == (200, False, "sms")
    status, told = ask("PUT", auth, {"method": "totp", "token": token})
    assert (status, told["verified"], told["method"]) == (200, True, "sms")
